"""The contract a model fulfils: immutable data, an objective, violations, and a bound that any dual proves.

Every problem of mecopt has the shape ::

    minimise over decisions z     (discrete: what a search or a learner proposes)
      minimise over allocations y (continuous, convex once z is fixed: what a backend answers, with proof)
        objective(instance, z, y)

or the same with "maximise". Leading axes of all data are a batch; a decision has shape ``(*batch, *candidates, n)`` and
results have shape ``(*batch, *candidates)``.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass
from inspect import Signature
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Self

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from mecopt.contract.decision import DecisionSpace, OneOf
from mecopt.contract.errors import InstanceError, checked_index, unknown
from mecopt.contract.fields import ABSENT, Variables, allowed, axes, declarations, declared, numbers, question_magnitudes
from mecopt.contract.formulas import FORMULAS, OF_DECISIONS, of_decisions, of_prices
from mecopt.contract.meant import unknown_field
from mecopt.contract.scenario import Reference, Scenario
from mecopt.contract.shapes import batch_of, question_batch, sizes_of
from mecopt.contract.solution import AllocationT, DualT
from mecopt.quantities.doubts import batch_told
from mecopt.quantities.given import require_one_order
from mecopt.running import memory
from mecopt.show.fields import signature, with_parameters
from mecopt.show.numbers import counted
from mecopt.show.readable import Readable

if TYPE_CHECKING:
    from mecopt.contract.backend import Backend
    from mecopt.contract.solver import Solver
    from mecopt.lesson import Lesson
    from mecopt.show.page import Page

Array = NDArray[Any]

MOVED_ENTRIES = 50_000_000
"""Most entries of decisions, each one move away, that are held in memory at once."""

Sense = Literal["minimise", "maximise"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem(Readable, ABC, Generic[AllocationT, DualT]):
    """Immutable data of one instance, or of a batch of them.

    A model derives a frozen dataclass whose fields are declared with `quantity`; the first one is required and fixes the
    number of users, and of servers where there are any. Construction converts to float64, broadcasts every field to the
    batch and to its own axes, ``(*batch, users)`` for one per user, checks finiteness and sign, and makes the arrays
    read-only.
    """

    __signature__: ClassVar[Signature]
    name: ClassVar[str]
    summary: ClassVar[str]
    sense: ClassVar[Sense]
    objective_name: ClassVar[str]
    decision_summary: ClassVar[str]
    objective_unit: ClassVar[str]
    cvxpy_unit: ClassVar[float] = 1.0
    """Size of the objective's unit in the programs that `to_cvxpy` hands out."""
    reference: ClassVar[Reference]
    base_units: ClassVar[tuple[str, ...]]
    """The base units that may be rescaled without changing the problem; see `mecopt.contract.units`."""
    Allocation: ClassVar[type[Variables]]
    Dual: ClassVar[type[Variables]]
    backends: ClassVar[Mapping[str, Backend]]
    solvers: ClassVar[Mapping[str, Solver]]
    presets: ClassVar[Mapping[str, Scenario]]
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
    compile_seconds: ClassVar[Mapping[str, tuple[float, float]]] = {}
    """Seconds that kernels take to compile on an idle core, told to whoever waits (see `mecopt.running.waiting`): by solver
    or backend, of the preset that needs least and of the one that needs most; "all" for all kernels."""

    # ------------------------------------------------------------------ the mathematics: what a model writes

    @property
    @abstractmethod
    def decision_space(self) -> DecisionSpace:
        """The decisions of one instance."""

    @property
    def choices(self) -> OneOf:
        """The decision space, where decisions are one of several choices per user.

        Raises
        ------
        InstanceError
            where they are others.
        """
        space = self.decision_space
        if not isinstance(space, OneOf):
            raise InstanceError(f"{self.name} decides {self.decision_summary}; allowed: one of several choices per user")
        return space

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
        `mecopt.contract.certificate.NOTHING` of it.
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
        """Return the reformulation as checked steps; a model that has one overrides this."""
        raise InstanceError(f"{cls.name} has no lesson yet")

    # ------------------------------------------------------------------ construction

    def __init_subclass__(cls, **settings: Any) -> None:
        """Complete what `help` and editors show by the fields, which are declared but not yet a dataclass's own.

        The mathematics of a model computes without a word: at the edge of what floats hold it answers inf or nan. Decisions
        are checked before it sees them.
        """
        super().__init_subclass__(**settings)
        own = declarations(cls)
        cls.__doc__ = with_parameters(cls.__doc__, own, map(allowed, own))
        cls.__signature__ = signature(own)
        for name in FORMULAS & vars(cls).keys():
            setattr(cls, name, np.errstate(all="ignore")(vars(cls)[name]))
        for name in OF_DECISIONS & vars(cls).keys():
            setattr(cls, name, of_decisions(vars(cls)[name]))
        if "relaxed_bound" in vars(cls):
            cls.relaxed_bound = of_prices(cls.relaxed_bound)  # type: ignore[method-assign]

    def __new__(cls, *values: Any, **fields: Any) -> Self:
        """Refuse what is no field before the dataclass does, and say which one was meant."""
        names = [f.name for f in declared(cls)]
        if values:
            raise InstanceError(f"{cls.__name__} takes its fields by name: {', '.join(names)}")
        for name in fields:
            if name not in names:
                raise unknown_field(cls, name, names)
        missing = [f for f in declared(cls) if f.default is MISSING and f.name not in fields]
        if missing:
            others = f" (and {', '.join(f.name for f in missing[1:])})" if len(missing) > 1 else ""
            raise InstanceError(f"{cls.__name__}.{missing[0].name}{others} is missing; allowed: {allowed(missing[0])}")
        return super().__new__(cls)

    def __post_init__(self) -> None:
        given: dict[str, Array] = {}
        listed = {f.name: (axes(f)[0], getattr(self, f.name)) for f in declared(type(self)) if axes(f)}
        require_one_order(type(self).__name__, listed)
        for f in declared(type(self)):
            value = getattr(self, f.name)
            if value is not None:
                given[f.name] = numbers(type(self).__name__, f, value)
            elif f.metadata["default"] is None:
                raise InstanceError(f"{type(self).__name__}.{f.name} is missing; allowed: {allowed(f)}")
        sizes = sizes_of(type(self), given)
        for f in declared(type(self)):
            if f.name not in given:
                default = f.metadata["default"]
                given[f.name] = np.asarray(default(sizes["users"]) if callable(default) else default, dtype=float)
        shapes = {name: array.shape for name, array in given.items()}
        batch_shape = batch_of(type(self), shapes, sizes)
        if 0 in batch_shape:
            raise InstanceError(f"{type(self).__name__} holds no instance: the batch has shape {batch_shape}")
        question_batch(type(self), shapes, sizes)
        question_magnitudes(type(self).__name__, declared(type(self)), given)
        for f in declared(type(self)):
            shape = (*batch_shape, *(sizes[axis] for axis in axes(f)))
            object.__setattr__(self, f.name, np.broadcast_to(given[f.name], shape))

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy by the data, which are valid already; the arrays of a copy are read-only again."""
        return _restored, (type(self), dict(self.__dict__))

    def __bool__(self) -> bool:
        """A problem is always true: its length is the batch's."""
        return True

    def _with(self, values: Mapping[str, Array]) -> Self:
        """Return a problem of data already known to be valid."""
        new = object.__new__(type(self))
        for name, value in values.items():
            object.__setattr__(new, name, value)
        return new

    # ------------------------------------------------------------------ shape

    @classmethod
    def size_names(cls) -> tuple[str, ...]:
        """Return the names of the sizes of an instance: users, and servers where there are any."""
        return axes(declared(cls)[0])

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes of each instance by name."""
        first = declared(type(self))[0]
        shape = getattr(self, first.name).shape
        return dict(zip(axes(first), shape[len(shape) - len(axes(first)) :], strict=True))

    @property
    def size_text(self) -> str:
        """The sizes in words."""
        return ", ".join(counted(size, name) for name, size in self.sizes.items())

    @property
    def users(self) -> int:
        """The number of users of each instance."""
        return self.sizes["users"]

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """The shape of the batch; empty for a single instance."""
        first = declared(type(self))[0]
        return tuple(getattr(self, first.name).shape[: -len(axes(first))])

    @property
    def instances(self) -> int:
        """The number of instances in the batch."""
        return math.prod(self.batch_shape)

    def data(self) -> dict[str, Array]:
        """Return the fields by name, broadcast and read-only."""
        return {f.name: getattr(self, f.name) for f in declared(type(self))}

    def __getitem__(self, index: Any) -> Self:
        """Return one instance, or a slice of the batch."""
        index = checked_index(index, self.batch_shape, "problem")
        return self._with({name: _frozen(value[index]) for name, value in self.data().items()})

    def __len__(self) -> int:
        if not self.batch_shape:
            raise TypeError("a single instance has no length")
        return self.batch_shape[0]

    def __iter__(self) -> Iterator[Self]:
        return (self[i] for i in range(self.batch_shape[0])) if self.batch_shape else iter(())

    def flat(self) -> Self:
        """Return the same instances along one batch axis (of length 1 for a single instance)."""
        count, sizes = self.instances, self.sizes
        tails = {f.name: tuple(sizes[axis] for axis in axes(f)) for f in declared(type(self))}
        return self._with({name: _frozen(value.reshape((count, *tails[name]))) for name, value in self.data().items()})

    def paired(self, decision: Array) -> tuple[Self, Array]:
        """Return instances and decisions matched one to one along a single axis, candidates multiplied out."""
        lead = self.decision_space.lead(decision)
        repeat = math.prod(lead[len(self.batch_shape) :])
        flat = self.flat()
        if repeat != 1:
            flat = flat[np.repeat(np.arange(self.instances), repeat)]
        return flat, decision.reshape(-1, *decision.shape[len(lead) :])

    def aligned(self, values: str | Array, decision: Array) -> Array:
        """Return a field, or values of its shape, with axes of length 1 where `decision` has candidates."""
        value: Array = getattr(self, values) if isinstance(values, str) else values
        batch = len(self.batch_shape)
        missing = len(self.decision_space.lead(decision)) - batch
        return value.reshape(value.shape[:batch] + (1,) * missing + value.shape[batch:])

    # ------------------------------------------------------------------ sampling

    @classmethod
    def sample(
        cls, rng: Generator, batch_shape: int | tuple[int, ...] = (), *, preset: str = "paper", **overrides: Any
    ) -> Self:
        """Draw instances of a preset.

        Parameters
        ----------
        rng
            the only source of randomness.
        batch_shape
            how many instances, e.g. ``(1000,)``; empty for a single one.
        preset
            a key of `presets`.
        **overrides
            `users`, `servers` where there are any, or any field by name: replaces what the preset says.
        """
        if not isinstance(rng, Generator):
            raise InstanceError(f"rng is {rng!r}; allowed: a numpy Generator, as numpy.random.default_rng(0) makes")
        if preset not in cls.presets:
            raise unknown(f"preset of {cls.name}", preset, cls.presets)
        scenario = cls.presets[preset]
        sizes = {name: overrides.pop(name, getattr(scenario, name)) for name in cls.size_names()}
        for name, size in sizes.items():
            if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
                raise InstanceError(f"{name} is {size!r}; allowed: a whole number of at least 1")
        names = [f.name for f in declared(cls)]
        for name in overrides:
            if name not in names:
                raise unknown_field(cls, name, [*sizes, *names])
        shape = tuple(np.atleast_1d(np.asarray(batch_shape, dtype=object)))
        if not all(isinstance(n, int | np.integer) and n >= 1 for n in shape):
            raise InstanceError(f"batch_shape is {batch_shape!r}; allowed: whole numbers of at least 1")
        shape = tuple(int(n) for n in shape)
        _require_room(cls, math.prod(shape), {name: int(size) for name, size in sizes.items()})
        with batch_told(shape):
            return cls(**{**scenario.draw(rng, (*shape, *map(int, sizes.values()))), **overrides})

    # ------------------------------------------------------------------ what readers see

    def describe(self) -> Page:
        """Return a page on these instances: every field with its unit, numbers and meaning; printing them shows the same."""
        from mecopt.show.problem import page

        return page(self)

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
        from mecopt.show.problem import table

        return table(self, users)

    def _line(self) -> str:
        from mecopt.show.problem import line

        return line(self)

    def _page(self) -> Page:
        return self.describe()

    # ------------------------------------------------------------------ names

    @classmethod
    def backend(cls, name: str | Backend | None = None) -> Backend:
        """Return a backend by name (the first is the default) or as it is given, or say what is missing."""
        from mecopt.contract.backend import Backend

        if isinstance(name, Backend):
            name.require()
            return name
        return _chosen(f"backend of {cls.name}", name, cls.backends)

    @classmethod
    def solver(cls, name: str | None = None) -> Solver:
        """Return a solver by name (the first is the default), or say what is missing."""
        return _chosen(f"solver of {cls.name}", name, cls.solvers)

    @property
    def sign(self) -> float:
        """+1 when minimising, -1 when maximising: multiplied by it, smaller is better."""
        return 1.0 if self.sense == "minimise" else -1.0


def _require_room(cls: type[Problem], instances: int, sizes: Mapping[str, int]) -> None:
    """Raise `InstanceError` where so many instances of these sizes are more than memory holds."""
    entries = sum(math.prod(sizes[axis] for axis in axes(f)) * (2 if f.metadata["complex"] else 1) for f in declared(cls))
    count = f"{memory.told(instances)} instance{'s' if instances > 1 else ''}"
    told = ", ".join(f"{memory.told(size)} {name}" for name, size in sizes.items())
    memory.require(8 * instances * entries, f"{count} of {told}")


def _restored(cls: type[Any], state: Mapping[str, Any]) -> Any:
    new = object.__new__(cls)
    new.__dict__.update({name: _frozen(value) for name, value in state.items()})
    return new


def _chosen(kind: str, name: Any, known: Mapping[str, Any]) -> Any:
    key = next(iter(known)) if name is None else name
    if not isinstance(key, str):
        what = f"the class {key.__name__}" if isinstance(key, type) else f"a {type(key).__name__}"
        raise InstanceError(f"the {kind} is {what}; allowed: a name, one of {', '.join(known)}")
    if key not in known:
        raise unknown(kind, name, known)
    known[key].require()
    return known[key]


def _frozen(value: Any) -> Array:
    array = np.asarray(value)
    array.flags.writeable = False
    return array
