"""The contract of problems that repeat: a slot's problem, what a slot leaves to the next, and what comes anyhow.

A slot is an ordinary `Problem`, whose data ARE the state: some fields are carried, they follow from what is done (a battery,
a backlog), all others are drawn (channels, work). A model writes

- `outcome`: what a decision and an allocation earn, and what they leave, a pure function, batched over lanes;
- `draw`, where what is drawn depends on the slot before, and `stream`, where whole paths can be drawn at once.

Everything else is written once and for all: rollouts on common paths, environments, the command `mecopt rollout`. Where a
model also says how its slots lie on a grid (`grids`), the long run is bracketed by proof, and perfect information bounds a
path.

Others find a dynamics by its entry point in the group ``mecopt.dynamics``, see `mecopt.registry.find_dynamics`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import Field, dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError, unknown
from mecopt.contract.limits import Limit
from mecopt.contract.problem import Problem
from mecopt.dynamic.average import Bracket, bracketed
from mecopt.dynamic.charts import Chart
from mecopt.dynamic.limits import drawn_under_limits, proved_without_limits, why_unproved
from mecopt.dynamic.operators import Operator
from mecopt.dynamic.outcome import Outcome
from mecopt.dynamic.settings import checked
from mecopt.dynamic.worlds import SlotWorld
from mecopt.running import memory
from mecopt.solve import allocate

Array = NDArray[Any]

ProblemT = TypeVar("ProblemT", bound=Problem)

Policy = Callable[[Any, Generator], Any]
"""From the problems of a slot ``(lanes,)`` and a generator to decision and allocation, or to a decision alone."""

ControlVariate = Callable[[Any], Array]
"""From slots with what is carried in them to numbers ``(*batch)`` of mean 0 in the unit of the reward."""


@dataclass(frozen=True, eq=False)
class Grids:
    """How slots lie on a grid of one carried number, rounded down and up; see `mecopt.dynamic.average.bracketed`."""

    below: Operator
    above: Operator
    drawn: Callable[[Any], Array]
    """From problems to the chain's states, ``(*batch)``."""
    points: Callable[[Any], tuple[Array, Array]]
    """From problems to grid points rounded down and up, ``(*batch)``."""


class Dynamics(ABC, Generic[ProblemT]):
    """What connects the slots of a problem.

    Parameters
    ----------
    preset
        of the problem; None takes its first.
    **overrides
        sizes and fields of the problem that replace what the preset says, in every slot; a carried one in the first.
    """

    name: ClassVar[str]
    problem: ClassVar[type[Any]]
    carried: ClassVar[tuple[str, ...]]
    """Fields that follow from what is done; all others are drawn."""
    settable: ClassVar[Mapping[str, Field[Any]]] = MappingProxyType({})
    """What it takes by name beside the problem's sizes and fields, see `mecopt.dynamic.settings`; ``--set`` sets it, too."""
    reward_name: ClassVar[str]
    reward_unit: ClassVar[str]
    costs: ClassVar[bool] = False
    """Whether rewards are costs with the sign changed; they are told as costs."""
    discount: float | None = None
    """gamma, where what counts is the discounted sum from the first slot on; None: the average of a slot."""
    measures: ClassVar[Mapping[str, str]] = {}
    """What outcomes measure besides, with its unit; "1" where it has none."""
    remarks: ClassVar[tuple[str, ...]] = ()
    """Sentences that whoever reads its rollouts should know."""
    default_policies: ClassVar[tuple[str, ...]] = ()
    """Names that a rollout takes unless told otherwise; none: those of `policies`, or the problem's first solver."""
    default_slots: ClassVar[int] = 20_000
    default_lanes: ClassVar[int] = 8
    """How long and how broad the path of a rollout is unless told otherwise."""

    limited_slot: Any = None
    """One slot with the limits of one's own that every slot has, see `limited`; None where there are none."""

    def __init_subclass__(cls, **settings: Any) -> None:
        """Let what is drawn have the limits of one's own, and grids, which know nothing of them, prove nothing then."""
        super().__init_subclass__(**settings)
        for name in {"draw", "stream"} & vars(cls).keys():
            setattr(cls, name, drawn_under_limits(vars(cls)[name]))
        for name, otherwise in (("grids", _no_grids), ("why_unproved", why_unproved)):
            if name in vars(cls):
                setattr(cls, name, proved_without_limits(vars(cls)[name], otherwise))

    def __init__(self, preset: str | None = None, **overrides: Any) -> None:
        self.preset = next(iter(self.problem.presets)) if preset is None else preset
        self.overrides = overrides
        drawn = self.draw(np.random.default_rng(0))
        if drawn.batch_shape:
            raise InstanceError(f"the fields make a batch of shape {drawn.batch_shape}; allowed: those of a single slot")

    @classmethod
    def given(cls, name: str, value: Any) -> Any:
        """Return what a setting is given: a word, or numbers in its unit, read and checked as fields are.

        Raises
        ------
        InstanceError, UnknownName
        """
        return checked(cls.__name__, cls.settable[name], value)

    def limited(self, *limits: Limit) -> Self:
        """Return the same dynamics with limits of one's own in every slot, beside those that it has.

        Raises
        ------
        InstanceError
            where the problem of its slots does not take them, or they are not the same in every slot.
        """
        found = copy(self)
        found.limited_slot = self.draw(np.random.default_rng(0)).limited(*limits)
        if found.limited_slot.batch_shape:
            raise InstanceError("the limits make a batch of a single slot; allowed: numbers that are the same in every slot")
        return found

    # ------------------------------------------------------------------ what comes anyhow

    @drawn_under_limits
    def draw(self, rng: Generator, before: ProblemT | None = None, lanes: tuple[int, ...] = ()) -> ProblemT:
        """Draw one slot; by default independently of the one before.

        Parameters
        ----------
        rng
            the only source of randomness.
        before
            the slot before, of any batch; None draws a first one.
        lanes
            shape of the batch of a first slot.

        Returns
        -------
        Its carried fields are those of a lane that begins; `followed_by` replaces them.
        """
        shape = lanes if before is None else before.batch_shape
        found: ProblemT = self.problem.sample(rng, shape, preset=self.preset, **self.overrides)
        return found

    @drawn_under_limits
    def stream(self, rng: Generator, slots: int, lanes: int) -> ProblemT:
        """Draw whole paths ``(slots, lanes)`` as one batch; by default by `draw`, at once where that is independent."""
        self.require_room(slots, lanes)
        if type(self).draw is Dynamics.draw:
            found: ProblemT = self.problem.sample(rng, (slots, lanes), preset=self.preset, **self.overrides)
            return found
        drawn = [self.draw(rng, None, (lanes,))]
        for _ in range(slots - 1):
            drawn.append(self.draw(rng, drawn[-1]))
        return stacked(drawn)

    def require_room(self, slots: int, lanes: int) -> None:
        """Raise `InstanceError` where these are no numbers of slots and lanes, or more than memory holds."""
        for kind, value in (("slots", slots), ("lanes", lanes)):
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
                raise InstanceError(f"{kind} is {value!r}; allowed: a whole number of at least 1")
        one = self.draw(np.random.default_rng(0))
        size = sum(value.nbytes for value in one.data().values())
        memory.require(
            size * int(slots) * int(lanes), f"{memory.told(slots)} slots of {memory.told(lanes)} lanes with {one.size_text}"
        )

    # ------------------------------------------------------------------ what follows from what is done

    @abstractmethod
    def outcome(self, problem: ProblemT, decision: Array, allocation: Any) -> Outcome:
        """Carry out a decision and an allocation, whatever they are from; pure, batched."""

    def followed_by(self, following: ProblemT, outcome: Outcome) -> ProblemT:
        """Return the next slot with what an outcome left; lanes that have ended keep what was drawn for their beginning.

        Raises
        ------
        InstanceError
            where the outcome is of other lanes, or leaves what is no finite number of at least 0.
        """
        values = dict(following.__dict__)
        for name in self.carried:
            left, drawn = np.asarray(outcome.carried[name]), values[name]
            if left.shape != drawn.shape:
                raise InstanceError(f"the outcome has {name} of shape {left.shape}; allowed: {drawn.shape}")
            if not ((left >= 0.0) & (left < np.inf)).all():
                index = tuple(int(k) for k in np.argwhere(~((left >= 0.0) & (left < np.inf)))[0])
                raise InstanceError(f"the outcome leaves {name}{list(index) or ''} {left[index]}; allowed: finite, >= 0")
            if outcome.ended is not None and outcome.ended.any():
                over = outcome.ended.reshape(outcome.ended.shape + (1,) * (left.ndim - outcome.ended.ndim))
                left = np.where(over, drawn, left)
            values[name] = read_only(left)
        return following._with(values)

    def answered(self, problem: ProblemT, decision: Array) -> Any:
        """Return the allocation of a policy that says decisions alone; by default the best one, by `mecopt.allocate`."""
        return allocate(problem, decision).allocation

    # ------------------------------------------------------------------ what a model may add

    def settings(self) -> Mapping[str, Any]:
        """Return what outcomes depend on beside the slots' own fields, as plain numbers by name; nothing by default."""
        return {}

    def without_effect(self) -> list[str]:
        """Say which fields that were given its policies and its outcomes do not look at; nothing by default."""
        return []

    def policies(self) -> Mapping[str, Callable[[], Policy]]:
        """Return policies of this dynamics by name, each by a function that prepares it; none by default."""
        return {}

    def grids(self) -> Grids | None:
        """Return how the slots lie on a grid; None where nothing is known of it."""
        return None

    def why_unproved(self) -> str | None:
        """Return in words why no bracket of the mean is proved, without long computation; None where `grids` proves it."""
        return f"{self.name} says no grid" if type(self).grids is Dynamics.grids else None

    def proves(self) -> str | None:
        """Return in a few words what is proved of the long run, without long computation; None: nothing."""
        if self.why_unproved() is None:
            return "mean bracketed"
        bounded = self.discount is not None and type(self).most_discounted is not Dynamics.most_discounted
        return f"{'cost' if self.costs else 'reward'} bounded" if bounded else None

    def summaries(self) -> Mapping[str, str]:
        """Return what its own policies and ways of acting do, by name, as lists show it; nothing by default."""
        return {}

    def chart(self) -> Chart | None:
        """Return the plane on which a rollout's policies are drawn as maps over the state; None where there is none."""
        return None

    def why_no_chart(self) -> str:
        """Return in words why no maps are drawn; asked where `chart` says none."""
        return f"{self.name} says no axes for it"

    def worlds(self) -> Mapping[str, Callable[[], SlotWorld]]:
        """Return the ways of acting in it by name, as environments and learners have them; the first is the default."""
        return {}

    def world(self, actions: str | None = None) -> SlotWorld:
        """Return one way of acting.

        Raises
        ------
        UnknownName, InstanceError
            where there is none of this name, or none at all.
        """
        known = self.worlds()
        if not known:
            raise InstanceError(f"{self.name} has no ways of acting slot by slot")
        chosen = next(iter(known)) if actions is None else actions
        if chosen not in known:
            raise unknown(f"way of acting in {self.name}", chosen, known)
        return known[chosen]()

    def most_discounted(self) -> float | None:
        """Return a proved bound on the mean discounted sum of rewards from the first slot on; None where there is none."""
        return None

    def control_variate(self) -> ControlVariate | None:
        """Return the luck of slots, for rollouts to take off; None where none is known.

        Its mean over what is drawn in a slot is exactly 0, whatever is carried: `mecopt.dynamic.control_variates`.
        """
        return None

    def bracket(self) -> Bracket | None:
        """Return proved bounds on the best average reward per slot; None where there are none."""
        grids = self.grids()
        return None if grids is None else bracketed(grids.below, grids.above)


def _no_grids(dynamics: Dynamics[Any]) -> None:
    """Return no grids."""


def stacked(problems: Sequence[ProblemT]) -> ProblemT:
    """Return problems of equal shape as one batch, along a new first axis."""
    names = problems[0].data()
    return problems[0]._with({name: read_only(np.stack([getattr(one, name) for one in problems])) for name in names})


def read_only(values: Array) -> Array:
    """Return a view of an array that cannot be written to; the array itself stays as it is."""
    view = values.view()
    view.flags.writeable = False
    return view
