"""The data of a problem: immutable, of one instance or of a batch of them, checked where they are made.

Leading axes of all data are a batch; a decision has shape ``(*batch, *candidates, n)``. What is optimised over them is the
`mecopt.contract.problem.Problem`'s.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass
from inspect import Signature
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.decision import DecisionSpace, OneOf
from mecopt.contract.derived import Deriving, derived, of_data
from mecopt.contract.errors import InstanceError, checked_index, unknown
from mecopt.contract.fields import Variables, allowed, axes, declarations, declared, numbers, question_magnitudes
from mecopt.contract.meant import unknown_field
from mecopt.contract.scenario import Scenario
from mecopt.contract.shapes import batch_of, question_batch, sizes_of
from mecopt.quantities.doubts import batch_told
from mecopt.quantities.given import require_one_order
from mecopt.running import memory
from mecopt.show.fields import signature, with_parameters
from mecopt.show.numbers import counted
from mecopt.show.readable import Readable

Array = NDArray[Any]

Sense = Literal["minimise", "maximise"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Instances(Deriving, Readable, ABC):
    """Immutable data of one instance, or of a batch of them.

    Construction converts to float64, broadcasts every field to the batch and to its own axes, ``(*batch, users)`` for one
    per user, checks finiteness and sign, and makes the arrays read-only.
    """

    __signature__: ClassVar[Signature]
    name: ClassVar[str]
    sense: ClassVar[Sense]
    objective_name: ClassVar[str]
    objective_unit: ClassVar[str]
    decision_summary: ClassVar[str]
    Allocation: ClassVar[type[Variables]]
    Dual: ClassVar[type[Variables]]
    presets: ClassVar[Mapping[str, Scenario]]

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

    @property
    def sign(self) -> float:
        """+1 when minimising, -1 when maximising: multiplied by it, smaller is better."""
        return 1.0 if self.sense == "minimise" else -1.0

    # ------------------------------------------------------------------ construction

    def __init_subclass__(cls, **settings: Any) -> None:
        """Complete what `help` and editors show by the fields, which are declared but not yet a dataclass's own.

        A decision space follows from the data, and is made once for them.
        """
        super().__init_subclass__(**settings)
        space = vars(cls).get("decision_space")
        if isinstance(space, property) and space.fget is not None:
            cls.decision_space = derived(space.fget)  # type: ignore[method-assign, assignment]
        if own := declarations(cls):
            cls.__doc__ = with_parameters(cls.__doc__, own, map(allowed, own))
            cls.__signature__ = signature(own)

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
        object.__setattr__(self, "_derived", {})

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy by the data, which are valid already; the arrays of a copy are read-only again."""
        return restored, (type(self), dict(self.__dict__))

    def __bool__(self) -> bool:
        """A problem is always true: its length is the batch's."""
        return True

    def _with(self, values: Mapping[str, Array]) -> Self:
        """Return a problem of data already known to be valid."""
        new = object.__new__(type(self))
        new.__dict__.update(values)
        object.__setattr__(new, "_derived", {})
        return new

    # ------------------------------------------------------------------ shape

    @classmethod
    def size_names(cls) -> tuple[str, ...]:
        """Return the names of the sizes of an instance: users, and servers where there are any."""
        return axes(declared(cls)[0])

    @derived
    def _sizes(self) -> dict[str, int]:
        first = declared(type(self))[0]
        shape = getattr(self, first.name).shape
        return dict(zip(axes(first), shape[len(shape) - len(axes(first)) :], strict=True))

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes of each instance by name."""
        return dict(self._sizes)

    @property
    def size_text(self) -> str:
        """The sizes in words."""
        return ", ".join(counted(size, name) for name, size in self.sizes.items())

    @derived
    def users(self) -> int:
        """The number of users of each instance."""
        return self._sizes["users"]

    @derived
    def batch_shape(self) -> tuple[int, ...]:
        """The shape of the batch; empty for a single instance."""
        first = declared(type(self))[0]
        return tuple(getattr(self, first.name).shape[: -len(axes(first))])

    @derived
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
        return self if len(self.batch_shape) == 1 else self._flattened()

    @of_data
    def _flattened(self) -> Self:
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
        missing = decision.ndim - self._axes_of_decisions
        if missing <= 0:
            return value
        batch = len(self.batch_shape)
        return value.reshape(value.shape[:batch] + (1,) * missing + value.shape[batch:])

    @derived
    def variable_shapes(self) -> Mapping[type[Variables], tuple[tuple[Field[Any], tuple[int, ...]], ...]]:
        """The variables of allocations and duals with the shapes that they have here beside batch and candidates."""
        sizes = self._sizes
        return {
            own: tuple((f, tuple(sizes[axis] for axis in axes(f))) for f in declared(own))  # type: ignore[arg-type]
            for own in (self.Allocation, self.Dual)
        }

    @derived
    def _axes_of_decisions(self) -> int:
        """The number of axes of one decision for each instance."""
        return len(self.batch_shape) + self.decision_space.ndim

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


def _require_room(cls: type[Instances], instances: int, sizes: Mapping[str, int]) -> None:
    """Raise `InstanceError` where so many instances of these sizes are more than memory holds."""
    entries = sum(math.prod(sizes[axis] for axis in axes(f)) * (2 if f.metadata["complex"] else 1) for f in declared(cls))
    count = f"{memory.told(instances)} instance{'s' if instances > 1 else ''}"
    told = ", ".join(f"{memory.told(size)} {name}" for name, size in sizes.items())
    memory.require(8 * instances * entries, f"{count} of {told}")


def restored(cls: type[Any], state: Mapping[str, Any]) -> Any:
    """Return a problem of a class by its data, which are known to be valid."""
    new = object.__new__(cls)
    new.__dict__.update({name: _frozen(value) for name, value in state.items()})
    object.__setattr__(new, "_derived", {})
    return new


def _frozen(value: Any) -> Array:
    array = np.asarray(value)
    array.flags.writeable = False
    return array
