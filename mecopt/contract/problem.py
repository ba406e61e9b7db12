"""The contract a model fulfils: immutable data, an objective, violations, and a bound that any dual proves.

Every problem of mecopt has the shape ::

    minimise over decisions z     (discrete: what a search or a learner proposes)
      minimise over allocations y (continuous, convex once z is fixed: what a backend answers, with proof)
        objective(instance, z, y)

or the same with "maximise". Leading axes of all data are a batch; a decision has shape ``(*batch, *candidates, n)`` and
results have shape ``(*batch, *candidates)``.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from mecopt.contract.backend import Backend
from mecopt.contract.errors import InstanceError, unknown
from mecopt.contract.fields import ABSENT, AllocationT, DualT, declared
from mecopt.contract.formulas import FORMULAS, OF_DECISIONS, at_the_door, of_decisions
from mecopt.contract.instances import Instances
from mecopt.contract.limits import AmountRule, Limit, Rule, limited_by
from mecopt.contract.scenario import Reference
from mecopt.contract.solver import Solver
from mecopt.show import problem as shown
from mecopt.show.page import Page

if TYPE_CHECKING:
    from mecopt.contract.lesson import Lesson

Array = NDArray[Any]

MOVED_ENTRIES = 50_000_000
"""Most entries of decisions, each one move away, that are held in memory at once."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem(Instances, Generic[AllocationT, DualT]):
    """Immutable data of one instance, or of a batch of them.

    A model derives a frozen dataclass whose fields are declared with `quantity`; the first one is required and fixes the
    number of users, and of servers where there are any. Construction converts to float64, broadcasts every field to the
    batch and to its own axes, ``(*batch, users)`` for one per user, checks finiteness and sign, and makes the arrays
    read-only.
    """

    summary: ClassVar[str]
    cvxpy_unit: ClassVar[float] = 1.0
    """Size of the objective's unit in the programs that `to_cvxpy` hands out."""
    reference: ClassVar[Reference]
    base_units: ClassVar[tuple[str, ...]]
    """The base units that may be rescaled without changing the problem; see `mecopt.contract.units`."""
    backends: ClassVar[Mapping[str, Backend]]
    solvers: ClassVar[Mapping[str, Solver]]
    task_fields: ClassVar[tuple[str, ...]] = ()
    """The fields that are 0 where a user has no task; none named: the first one. See `mecopt.data.stream`."""
    convex: ClassVar[bool] = True
    """Whether a fixed decision leaves a program that is convex, or can be made so: `to_cvxpy` hands it out, and its dual are
    prices. Elsewhere `to_cvxpy` refuses, and what stands for the dual is a claim that `bound` checks."""
    prices_determine: ClassVar[bool] = True
    """Whether `respond` gives the best allocation at the dual of `closed_form`; not where a choice costs the same at it."""
    user_units: ClassVar[Mapping[str, str]] = {}
    """What `per_user` tells of each user, with its unit; the first adds up to the objective."""
    mat_layout: ClassVar[Mapping[str, str]] = {}
    """Entry of a .mat file: the field, allocation variable, "decision" or "objective" it holds; see `mecopt.data`."""
    unlimited: ClassVar[type[Problem]]
    """The class of the problem without limits of one's own; itself where it has none."""
    separable: ClassVar[bool] = False
    """Whether `bound` of a decision is a sum over users of what each choice costs at a dual: limits have prices then."""
    limits: ClassVar[tuple[Rule, ...]] = ()
    """What limits decisions beside the problem's own constraints, apart from the numbers, which are fields."""
    allocation_limits: ClassVar[tuple[AmountRule, ...]] = ()
    """What limits allocations beside the problem's own constraints, apart from the numbers, which are fields."""
    quantity_limited: ClassVar[str] = ""
    """What limits of one's own call the quantity that each user decides; the model keeps its decisions within
    `mecopt.contract.limits.quantities.window`. None where decisions are choices, or are not limited."""
    limitable: ClassVar[tuple[str, ...]] = ()
    """Variables of the allocation that limits of one's own may be on: those whose answer to charges `responses` says."""
    not_limited: ClassVar[Mapping[str, str]] = {}
    """Why there are no limits on a variable of the allocation, where that is known."""
    compile_seconds: ClassVar[Mapping[str, tuple[float, float]]] = {}
    """Seconds that kernels take to compile on an idle core, told to whoever waits (see `mecopt.running.waiting`): by solver
    or backend, of the preset that needs least and of the one that needs most; "all" for all kernels."""

    # ------------------------------------------------------------------ the mathematics: what a model writes

    @abstractmethod
    def objective(self, decision: Array, allocation: AllocationT) -> Array:
        """Evaluate the paper's own formula; no solver, no reformulation."""

    @of_decisions
    def per_user(self, decision: Array, allocation: AllocationT) -> dict[str, Array]:
        """Return what an answer means for each user, by the names of `user_units`; nothing, unless a model says it.

        Arrays have shape ``(*batch, *candidates, users)``; nan where the problem's data do not say it.
        """
        return {}

    @abstractmethod
    def violations(self, decision: Array, allocation: AllocationT) -> dict[str, Array]:
        """Return how far each named constraint is broken, scaled; 0 means satisfied."""

    @abstractmethod
    def bound(self, decision: Array, dual: DualT) -> Array:
        """Bound the best objective of a fixed decision by weak duality; valid for ANY admissible dual, so it proves."""

    @abstractmethod
    def relaxed_bound(self, dual: DualT) -> Array:
        """Bound the best objective over ALL decisions by weak duality; valid for any admissible dual."""

    @abstractmethod
    def relaxed_dual(self) -> DualT:
        """Return the dual of the relaxation, which makes `relaxed_bound` (nearly) tightest."""

    @abstractmethod
    def random_dual(self, rng: Generator, shape: tuple[int, ...]) -> DualT:
        """Draw admissible duals of a sensible magnitude, to put weak duality to the test."""

    @abstractmethod
    def closed_form(self, decision: Array) -> tuple[AllocationT, DualT]:
        """Return the best allocation of each decision and the dual that proves it, without an iterative solver."""

    @abstractmethod
    def respond(self, decision: Array, dual: DualT) -> AllocationT:
        """Return the allocation that answers a price: it minimises the Lagrangian there, and is scaled to be feasible.

        At the dual of `closed_form` it is the best allocation, where `prices_determine` it. Prices are what carries over to
        another instance, and what a warm starter predicts; see `mecopt.contract.warmstart`.
        """

    @abstractmethod
    def optimal_value(self, decision: Array) -> Array:
        """Return the objective of each decision under its best allocation; the batched kernel that searches call."""

    def scorer(self) -> Callable[[Array], Array]:
        """Return `optimal_value` as a function, for a search that calls it often; a model overrides it to prepare once."""
        return self.optimal_value

    @property
    def negligible(self) -> Array:
        """What objectives are made of that may be 0 or of either sign, per instance: 0 unless they may.

        An answer contradicts its bound by more than rounding beside it; gaps count beside
        `mecopt.contract.certificate.NOTHING` of it. Where it overflows it counts for nothing.
        """
        return np.zeros(self.batch_shape)

    @property
    def idle(self) -> Array:
        """Users who gain nothing by offloading, ``(*batch, users)``, whatever the others do; exact search leaves them local.

        By default those who are absent: a field in which 0 means so is 0; see `mecopt.contract.fields.ABSENT`.
        """
        away = np.zeros((*self.batch_shape, self.users), dtype=bool)
        for f in declared(type(self)):
            if f.metadata["zero"] == ABSENT:
                away |= getattr(self, f.name) == 0.0
        return away

    def decision_features(self, decision: Array) -> Array:
        """Return what a network sees of decisions: numbers of order 1 along a last axis, by default the decision's."""
        lead = self.decision_space.lead(decision)
        return self.decision_space.stored(decision.reshape(-1, *decision.shape[len(lead) :])).reshape(*lead, -1)

    @of_decisions
    def infeasible(self, decision: Array) -> Array:
        """Whether no allocation satisfies the constraints of a decision; never, unless a model says otherwise."""
        return np.zeros(self.decision_space.lead(decision), dtype=bool)

    @of_decisions
    def mended(self, decision: Array) -> Array:
        """Return decisions with other choices for users to whom theirs is impossible; heuristics and policies propose so.

        Every choice is possible, unless a model says otherwise.
        """
        return decision

    def remarks(self, decision: Array, allocation: AllocationT) -> Mapping[str, str]:
        """Say what a reader should know of answers beside cost and table: a sentence by its label; none by default."""
        return {}

    def why_infeasible(self, decision: Array | None) -> str:
        """Name the limit that leaves a decision of one instance, or all of them (None), without an allocation, if known."""
        return ""

    @of_decisions
    def move_values(self, decision: Array) -> Array:
        """Return the optimal value after each single move, shape ``(*batch, users, choices)``.

        Entry ``[..., i, j]`` is the value of the decision that gives user i choice j and leaves the others what they have.
        A model overrides this where a move costs less than a fresh evaluation.
        """
        choices = np.arange(len(self.choices.labels), dtype=np.int8)
        rows = max(1, MOVED_ENTRIES // (self.users * choices.size * max(self.instances, 1)))
        parts = []
        for first in range(0, self.users, rows):
            users = np.arange(first, min(first + rows, self.users))
            shape = (*decision.shape[:-1], users.size, choices.size, self.users)
            moved = np.broadcast_to(decision[..., None, None, :], shape).copy()
            moved[..., np.arange(users.size)[:, None], choices, users[:, None]] = choices
            parts.append(self.optimal_value(moved))
        return np.concatenate(parts, axis=-2)

    @abstractmethod
    def to_cvxpy(self, decision: ArrayLike) -> Any:
        """Hand out the inner problem of one instance and decision as a `cvxpy.Problem`.

        Raises
        ------
        InstanceError
            where it is not `convex`.
        """

    def to_pyomo(self) -> Any:
        """Hand out one whole instance as a convex mixed-integer Pyomo model with binary variables ``offload``.

        They are indexed by user, from 0; by user and server, servers from 1, in binary offloading (its server is 1) and
        wherever there are several servers.

        Raises
        ------
        InstanceError
            where decisions are no choices.
        """
        raise InstanceError(f"{self.name} has no Pyomo model: what is decided is {self.decision_space.describe()}")

    @classmethod
    def lesson(cls) -> Lesson:
        """Return the reformulation as checked steps: ``LESSON`` of the room ``lesson/steps.py`` in the model's package.

        Raises
        ------
        InstanceError
            where there is no such room.
        """
        room = ".".join([*cls.__module__.split(".")[:-1], "lesson", "steps"])
        try:
            found: Lesson = import_module(room).LESSON
        except ModuleNotFoundError as error:
            if not f"{room}.".startswith(f"{error.name}."):
                raise  # the room is there, and what it needs is not
            raise InstanceError(f"{cls.name} has no lesson yet; allowed: LESSON in {room}") from None
        return found

    def __init_subclass__(cls, **settings: Any) -> None:
        """Let the mathematics of a model compute without a word: at the edge of what floats hold it answers inf or nan.

        Decisions are checked before it sees them.
        """
        super().__init_subclass__(**settings)
        if not (cls.limits or cls.allocation_limits):
            cls.unlimited = cls
        for name in (FORMULAS | OF_DECISIONS) & vars(cls).keys():
            setattr(cls, name, at_the_door(name, vars(cls)[name]))

    # ------------------------------------------------------------------ limits of one's own

    def limited(self, *limits: Limit) -> Self:
        """Return the problem with limits of one's own on decisions and allocations, beside those that it has.

        It is a problem like any other: it is solved, compared, sliced, written and read. Of a class that is made for it, in
        whose fields the numbers of the limits are; see `mecopt.Limit`.

        Raises
        ------
        InstanceError
            where a limit does not fit these instances, decisions are no choices, or no limit on a variable is proved.
        """
        found: Self = limited_by(self, limits)
        return found

    @property
    def own_limits(self) -> tuple[Rule | AmountRule, ...]:
        """What limits decisions, then what limits allocations, beside the problem's own constraints."""
        return (*self.limits, *self.allocation_limits)

    def responses(self, decision: Array) -> Any:
        """Return what allocations of one instance and decision answer to charges; see `mecopt.charged.responses`.

        Raises
        ------
        InstanceError
            where no variable of the allocation is `limitable`.
        """
        raise InstanceError(f"{self.name} takes no limits on allocations")

    def paper_variables(self, decision: Array, program: Any) -> Mapping[str, Any]:
        """Return what is `limitable` in the program of `to_cvxpy` for a decision, in the units of the allocation."""
        return {name: program.var_dict[name] for name in self.limitable}

    def require_limitable(self, rule: AmountRule, numbers: Mapping[str, Array]) -> None:
        """Refuse a limit on allocations whose numbers leave nothing that is proved; a model overrides it."""

    def with_limit_prices(self, decision: Array, dual: DualT) -> DualT:
        """Return a dual of decisions ``(*batch, users)`` with prices of the limits of one's own, where it has any."""
        return dual

    # ------------------------------------------------------------------ what readers see

    def describe(self) -> Page:
        """Return a page on these instances: every field with its unit, numbers and meaning; printing them shows the same."""
        return shown.page(self)

    def table(self, users: Iterable[int] | slice | None = None) -> Page:
        """Return a page with the fields of users of a single instance, all by default.

        Examples
        --------
        >>> from mecopt.models import BandwidthPower
        >>> BandwidthPower.sample(np.random.default_rng(0)).table(range(40, 43))
        Traceback (most recent call last):
        ...
        mecopt.contract.errors.InstanceError: user 40 is none of these; allowed: 0 to 9
        """
        return shown.table(self, users)

    def _line(self) -> str:
        return shown.line(self)

    def _page(self) -> Page:
        return self.describe()

    # ------------------------------------------------------------------ names

    @classmethod
    def backend(cls, name: str | Backend | None = None) -> Backend:
        """Return a backend by name (the first is the default) or as it is given, or say what is missing."""
        if isinstance(name, Backend):
            name.require()
            return name
        return _chosen("backend", cls, name, cls.backends)

    @classmethod
    def solver(cls, name: str | None = None) -> Solver:
        """Return a solver by name (the first is the default), or say what is missing."""
        return _chosen("solver", cls, name, cls.solvers)


def _chosen(kind: str, of: type[Problem], name: Any, known: Mapping[str, Any]) -> Any:
    key = next(iter(known)) if name is None else name
    if not isinstance(key, str):
        what = f"the class {key.__name__}" if isinstance(key, type) else f"a {type(key).__name__}"
        raise InstanceError(f"the {kind} of {of.name} is {what}; allowed: a name, one of {', '.join(known)}")
    if key not in known:
        raise unknown(f"{kind} of {of.name}", name, known)
    known[key].require()
    return known[key]
