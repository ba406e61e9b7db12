"""What a network sees of an instance: the fields that vary from instance to instance, on a common scale."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError, unknown
from mecopt.contract.fields import axes, declared
from mecopt.contract.problem import Problem
from mecopt.registry import find_problem
from mecopt.show.numbers import counted
from mecopt.storage.trained import Trained

Array = NDArray[Any]

SCALINGS = ("standard", "log", "raw")
LOOKED_AT = 256
"""Instances from whose mean and spread the scale is taken."""

BEYOND = 2.0
"""Factor by which an input may leave its range of training, and still count as one like those seen."""
RARE = 0.01
"""Part of the entries that may lie farther outside."""

CONSTANT = 1e-9
"""Relative difference up to which a field has the value it had in training."""

UNLIMITED = "unlimited"
"""How a card says that a constant is infinite: JSON has no such number."""

FARTHEST = 1e30
"""Inputs beyond it are cut, because single precision would overflow in the network."""


@dataclass(frozen=True, eq=False)
class Inputs:
    """Fields in order, side by side; each entry less its mean, over its spread.

    Parameters
    ----------
    names
        fields of the problem, with all their entries: one per user, per server, per user and server, or per instance; of
        complex ones real and imaginary parts.
    scaling
        "standard": entries; "log": their logarithms, for gains over decades; "raw": numbers as they are (the paper).
    offset, spread
        one number per entry.
    constants
        the other fields and the values they had in all of the training: one number, or lists with one number per entry;
        None where they varied. Fields that no formula reads are left out.
    ranges
        least and greatest value of each input field in all of the training; of complex ones, their magnitude.
    """

    names: tuple[str, ...]
    scaling: str
    offset: Array
    spread: Array
    constants: Mapping[str, Any]
    ranges: Mapping[str, list[float]]

    @classmethod
    def fit(cls, stream: Problem, names: Sequence[str] = (), scaling: str = "standard") -> Self:
        """Take the fields that vary in the first instances of a stream (or the ones named) and their scale."""
        head = stream.flat()[:LOOKED_AT]
        fields = head.data()
        for name in names:
            if not isinstance(name, str) or name not in fields:
                raise unknown(f"field of {stream.name}", name, fields)
            if names.count(name) > 1:
                raise InstanceError(f"{name} is named twice among the inputs")
        if scaling not in SCALINGS:
            raise InstanceError(f"scaling is {scaling!r}; allowed: {', '.join(SCALINGS)}")
        unread = {f.name for f in declared(type(stream)) if f.metadata["unread"]} - set(names)
        chosen = tuple(names) or tuple(n for n, value in fields.items() if n not in unread and np.any(value != value[:1]))
        if not chosen:
            raise InstanceError("all instances are the same, so there is nothing to learn from; allowed: some that vary")
        whole = stream.flat().data()
        constants = {name: _constant(value) for name, value in whole.items() if name not in {*chosen, *unread}}
        for name in chosen:
            if not np.isfinite(whole[name]).all():
                raise InstanceError(
                    f"{name} is infinite in places, which no network can see; name the inputs without it, or set a limit "
                    "everywhere"
                )
        for name in chosen if scaling == "log" else ():
            if np.iscomplexobj(whole[name]) or not np.all(whole[name] > 0):
                what = "is complex" if np.iscomplexobj(whole[name]) else "has zeros, whose logarithm is infinite"
                raise InstanceError(f"{name} {what}; use the scaling 'standard'")
        ranges = {name: [float(size.min()), float(size.max())] for name in chosen for size in (_size(whole[name]),)}
        unscaled = cls(chosen, scaling, np.zeros(1), np.ones(1), constants, ranges)
        if scaling == "raw":
            return unscaled
        entries = unscaled._entries(head)
        spread = entries.std(axis=0)
        return cls(chosen, scaling, entries.mean(axis=0), np.where(spread > 0, spread, 1.0), constants, ranges)

    def __call__(self, problem: Problem) -> Array:
        """Return the inputs of every instance, shape ``(instances, inputs)``, single precision."""
        scaled = (self._entries(problem.flat()) - self.offset) / self.spread
        return np.clip(scaled, -FARTHEST, FARTHEST).astype(np.float32)

    def size(self, stream: Problem) -> int:
        """Return the number of inputs for such instances."""
        return int(self._entries(stream.flat()[:1]).shape[-1])

    def size_of(self, stored: Trained) -> int:
        """Return the number of inputs of a saved policy."""
        shapes = _shapes(stored)
        return sum(math.prod(shapes[name]) for name in self.names)

    def differences(self, problem: Problem) -> list[str]:
        """Say which fields have other values here than in training: constants, and inputs far outside their range."""
        found = []
        for name, (least, greatest) in self.ranges.items():
            here = _size(problem.data()[name])
            outside = (here < least / BEYOND) | (here > greatest * BEYOND)
            if outside.mean() > RARE:
                found.append(
                    f"{name} was {least:g} to {greatest:g} in its training and is {here.min():g} to {here.max():g} here"
                )
        for name, value in self.constants.items():
            if value is None:
                found.append(f"{name} varied in its training, but is none of its inputs")
                continue
            here = _parts(problem.data()[name])
            far = ~np.isclose(here, np.asarray(value), rtol=CONSTANT, atol=0.0)
            if far.any():
                found.append(f"{name} was {_shown(value)} in all of its training and is {here[far][0]:g} here")
        return found

    def written_constants(self) -> dict[str, Any]:
        """Return the constants as a card holds them."""
        return {name: _written(value) for name, value in self.constants.items()}

    def arrays(self) -> dict[str, Array]:
        """Return the scale, to be saved."""
        return {"input_offset": self.offset, "input_spread": self.spread}

    @classmethod
    def from_trained(cls, stored: Trained) -> Self:
        """Rebuild the inputs from a saved policy."""
        names, scaling, written = (stored.entry(n, k) for n, k in (("inputs", list), ("scaling", str), ("constants", dict)))
        shapes = _shapes(stored)
        for name in (*names, *written):
            if not isinstance(name, str) or name not in shapes:
                raise unknown(f"field of {stored.card['problem']}", name, shapes)
        known = {f.name: f.metadata for f in declared(find_problem(stored.card["problem"]))}
        missing = [name for name in known if name not in {*names, *written}]
        told_twice = len({*names, *written}) != len(names) + len(written)
        if told_twice or not all(known[name]["later"] for name in missing):
            raise InstanceError(f"inputs and constants are {[*names, *written]}; allowed: each once of {', '.join(shapes)}")
        written = {**written, **{n: _written(known[n]["default"]) for n in missing if not known[n]["unread"]}}
        constants = {name: _read(value, shapes[name]) for name, value in written.items()}
        if scaling not in SCALINGS:
            raise InstanceError(f"the trained policy is damaged: scaling {scaling!r}")
        offset, spread = (stored.weights.get(name) for name in ("input_offset", "input_spread"))
        if offset is None or spread is None or offset.shape != spread.shape or not np.all(spread > 0):
            raise InstanceError("the trained policy is damaged: the scale of its inputs is missing or makes no sense")
        ranges = stored.entry("ranges", dict)
        if set(ranges) != set(names) or not all(_is_range(value) for value in ranges.values()):
            raise InstanceError(
                f"ranges are {ranges}; allowed: two numbers, least and greatest, for each of {', '.join(names)}"
            )
        inputs = cls(tuple(names), scaling, offset, spread, constants, ranges)
        if offset.shape not in ((1,), (inputs.size_of(stored),)):
            raise InstanceError(f"the trained policy is damaged: {len(offset)} scales for {inputs.size_of(stored)} inputs")
        return inputs

    def _entries(self, flat: Problem) -> Array:
        fields = flat.data()
        parts = {name: _parts(fields[name]).reshape(flat.instances, -1) for name in self.names}
        if self.scaling == "log":  # what is 0, as a link that does not exist, is seen as the least of the training
            with np.errstate(divide="ignore"):
                parts = {name: np.log(np.where(rows > 0, rows, self.ranges[name][0])) for name, rows in parts.items()}
        return np.concatenate(list(parts.values()), axis=-1)


def _parts(values: Array) -> Array:
    """Return real and imaginary parts of complex values along a further axis; others as they are."""
    return np.stack([values.real, values.imag], axis=-1) if np.iscomplexobj(values) else values


def _size(values: Array) -> Array:
    """Return values by which a range is judged: the magnitude of complex ones, others as they are."""
    return np.abs(values) if np.iscomplexobj(values) else values


def _constant(values: Array) -> Any:
    """Return what a field is in all instances: one number, lists of one per entry, or None where it varies."""
    values = _parts(values)
    if np.any(values != values[:1]):
        return None
    return float(values.flat[0]) if np.all(values == values.flat[0]) else values[0].tolist()


def _shapes(stored: Trained) -> dict[str, tuple[int, ...]]:
    """Return the shape that each field of a saved policy's problem has in an instance."""
    sizes = stored.sizes()
    fields = declared(find_problem(stored.card["problem"]))
    return {f.name: (*(sizes[axis] for axis in axes(f)), *((2,) if f.metadata["complex"] else ())) for f in fields}


def _written(value: Any) -> Any:
    if isinstance(value, list):
        return [_written(entry) for entry in value]
    return UNLIMITED if value == math.inf else value


def _read(value: Any, shape: tuple[int, ...]) -> Any:
    """Read the constant of a field of this shape from a card: one number, lists of one per entry, or None."""
    if value is None:
        return None
    return _read_entries(value, shape) if isinstance(value, list) else _read_number(value)


def _read_entries(value: Any, shape: tuple[int, ...]) -> Any:
    if not shape:
        return _read_number(value)
    if not isinstance(value, list) or len(value) != shape[0]:
        raise InstanceError(
            f"the trained policy is damaged: {value!r} among its constants; allowed: {counted(shape[0], 'entries')}"
        )
    return [_read_entries(entry, shape[1:]) for entry in value]


def _read_number(value: Any) -> Any:
    if value == UNLIMITED:
        return math.inf
    if type(value) not in (int, float) or not abs(value) <= sys.float_info.max:
        raise InstanceError(f"the trained policy is damaged: {value!r} among its constants")
    return value


def _is_range(value: Any) -> bool:
    numbers = isinstance(value, list) and len(value) == 2 and all(type(v) in (int, float) for v in value)
    return numbers and -sys.float_info.max <= value[0] <= value[1] <= sys.float_info.max


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
