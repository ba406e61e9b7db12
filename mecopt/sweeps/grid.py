"""The grid of a sweep: axes with their values, and the points where they meet, each of which says how to draw instances."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mecopt.contract.errors import InstanceError, unknown
from mecopt.contract.limits import Limit
from mecopt.contract.meant import unknown_field
from mecopt.contract.problem import Problem
from mecopt.data import digest
from mecopt.quantities.settings import field_values, split
from mecopt.storage.sealed import digest_of

PRESET = "preset"
"""The axis of scenarios."""

Axes = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Point:
    """A scenario with some settings, of which instances are drawn by a seed."""

    problem: type[Problem]
    preset: str
    settings: Mapping[str, Any]
    """What replaces the scenario's own sizes and fields, those of the axes among it."""
    values: Mapping[str, Any]
    """By axis, as a table holds it: a number, or words."""
    limits: tuple[Limit, ...] = ()

    @property
    def text(self) -> str:
        """The point in words."""
        return told(self.values)

    def drawn(self, seed: int, count: int) -> Problem:
        """Draw instances: those that `mecopt sample` draws with the same settings, count and seed."""
        drawn = self.problem.sample(np.random.default_rng(seed), (count,), preset=self.preset, **self.settings)
        return drawn.limited(*self.limits) if self.limits else drawn

    def digest(self) -> str:
        """Name all that decides what is drawn, beside seed, count and code: settings, limits, and what they draw."""
        settings = {
            name: [str(np.asarray(value).dtype), np.asarray(value).tolist()] for name, value in self.settings.items()
        }
        told = json.dumps([self.problem.name, self.preset, settings], sort_keys=True, default=str)
        return digest_of([told, digest(self.drawn(0, 2))])[:16]


def told(values: Mapping[str, Any]) -> str:
    """Return settings in words.

    >>> told({"users": 10, "preset": "paper", "capacity": 0.1})
    'users=10, preset=paper, capacity=0.1'
    """
    return ", ".join(f"{name}={f'{value:.6g}' if isinstance(value, float) else value}" for name, value in values.items())


def axes_of(cls: type[Problem], texts: Iterable[str]) -> dict[str, list[Any]]:
    """Read every NAME=VALUE,VALUE,... of the command line.

    >>> from mecopt.models import BinaryOffloading
    >>> axes_of(BinaryOffloading, ["users=10,30", "capacity=80 Mbit/s,20 MB/s", "preset=paper"])
    {'users': [10, 30], 'capacity': [10.0, 20.0], 'preset': ['paper']}
    """
    found: dict[str, list[Any]] = {}
    for text in texts:
        name, equals, values = (part.strip() for part in text.partition("="))
        if not equals:
            raise InstanceError(f"--over {text!r} has no '='; write for example --over users=10,30")
        if name in found:
            raise InstanceError(f"--over names {name!r} twice")
        if name != PRESET:
            _require_setting(cls, name)
        words = _separated(values)
        if "" in words:
            raise InstanceError(f"--over {text!r}: a value is empty; write for example --over {name}=10,30")
        units = {bool(parsed[1]) for word in words if (parsed := split(word)) is not None}
        if len(units) == 2:
            raise InstanceError(f"--over {text!r}: some values have a unit and others none; write it behind each of them")
        found[name] = [
            word if name == PRESET else field_values(cls, [f"{name}={word}"], option="--over")[name] for word in words
        ]
    return found


def points_of(
    cls: type[Problem], over: Axes, preset: str | None, settings: Mapping[str, Any], limits: Sequence[Limit] = ()
) -> list[Point]:
    """Return the points of a grid, the last axis changing fastest.

    Raises
    ------
    UnknownName, InstanceError
        for an axis that is no setting, has no values or one twice, or is set beside; and for an unknown preset.
    """
    if not isinstance(over, Mapping) or not over:
        raise InstanceError("there is no axis to sweep over; name at least one setting with its values, as users=10,30")
    axes: dict[str, list[tuple[Any, Any]]] = {}
    for name, values in over.items():
        if name != PRESET:
            _require_setting(cls, name)
        elif preset is not None:
            raise InstanceError(f"the preset is said to be {preset!r}, and is an axis as well; allowed: one of both")
        if name in settings:
            raise InstanceError(f"{name} is set, and is an axis as well; allowed: one of both")
        if isinstance(values, str) or not isinstance(values, Sequence | np.ndarray) or len(values) == 0:
            raise InstanceError(f"the axis {name} is {values!r}; allowed: a list of its values, one at least")
        axes[name] = [(value, _plain(cls, name, value)) for value in values]
        shown = [plain for _, plain in axes[name]]
        for plain in shown:
            if shown.count(plain) > 1:
                raise InstanceError(f"the axis {name} has the value {plain} twice")
            if name == PRESET and plain not in cls.presets:
                raise unknown(f"preset of {cls.name}", plain, cls.presets)
    for name in settings:
        _require_setting(cls, name)
    found = []
    for meeting in itertools.product(*axes.values()):
        chosen = {name: value for name, (value, _) in zip(axes, meeting, strict=True)}
        shown_as = {name: plain for name, (_, plain) in zip(axes, meeting, strict=True)}
        scenario = str(chosen.pop(PRESET, preset or "paper"))
        found.append(Point(cls, scenario, {**settings, **chosen}, shown_as, tuple(limits)))
    return found


def _require_setting(cls: type[Problem], name: str) -> None:
    """Raise `UnknownName` where a problem has no such size or field; says which was meant."""
    known = [*cls.size_names(), *(f.name for f in dataclasses.fields(cls))]
    if name not in known:
        raise unknown_field(cls, name, [PRESET, *known])


def _plain(cls: type[Problem], name: str, value: Any) -> Any:
    """Return a value as a cell of a table: a whole number, a number, or words; lists in the words of JSON."""
    array = np.asarray(value)
    if array.dtype.kind in "iuf" and not array.ndim:
        whole = array.dtype.kind != "f" and name in cls.size_names()
        return int(array) if whole else float(array)
    if array.dtype.kind == "U" and not array.ndim:
        return str(array)
    if array.dtype.kind in "iuf":
        return json.dumps(array.tolist())
    if array.dtype.kind == "c":
        return str(array.tolist())
    raise InstanceError(f"the axis {name} has the value {value!r}; allowed: numbers, lists of numbers, and words")


def _separated(text: str) -> list[str]:
    """Return what commas separate, but for those within brackets.

    >>> _separated("10, 30,[1, 2]")
    ['10', '30', '[1, 2]']
    """
    depth, found = 0, [""]
    for sign in text:
        depth += (sign in "[{") - (sign in "]}")
        if sign == "," and depth == 0:
            found.append("")
        else:
            found[-1] += sign
    return [part.strip() for part in found]
