"""Arrays by name, as MATLAB and NumPy hold them: the fields of a problem, and answers to it.

The axes of such arrays have no names. The first field fixes how many instances and users there are; its rows are instances,
as everywhere in mecopt, unless it is told that they are users. Every other array has to fit in one way. Where it fits in two
ways, or only if the rows were users, that is said and not guessed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.decision import OneOf
from mecopt.contract.errors import InstanceError
from mecopt.contract.fields import allowed, axes, declared
from mecopt.contract.meant import unknown_field
from mecopt.contract.problem import Problem
from mecopt.data.dataset import Dataset, Labels, Rows, Told
from mecopt.data.headers import few, header, meant
from mecopt.data.mapping import built, problem_of
from mecopt.quantities.values import in_units
from mecopt.registry import find_problem, problems
from mecopt.show.numbers import counted

Array = NDArray[Any]

ASK = "--rows users or --rows instances (in Python rows='users' or rows='instances')"


class Misfit(InstanceError):
    """An array fits the sizes of the others in no way, or in more than one."""


@dataclass(frozen=True)
class Extent:
    """How many instances there are (None: a single one, without an axis of its own), and the sizes of each."""

    instances: int | None
    sizes: Mapping[str, int]

    @property
    def text(self) -> str:
        """The extent in words."""
        sizes = ", ".join(counted(size, name) for name, size in self.sizes.items())
        return sizes if self.instances is None else f"{counted(self.instances, 'instances')} of {sizes}"


def shape_text(value: Any) -> str:
    """Write a shape as one reads it in MATLAB: 2 x 3.

    >>> shape_text(np.zeros((2, 3))), shape_text(3.0)
    ('2 x 3', 'a single number')
    """
    return " x ".join(map(str, np.shape(value))) or "a single number"


def entry_names(cls: type[Problem]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the entries that hold fields, and those that hold answers, each with the name of what it holds.

    A problem's own names are always among them; its authors' names, of `Problem.mat_layout`, come first.
    """
    names = [f.name for f in declared(cls)]
    variables = [f.name for f in declared(cls.Allocation)]  # type: ignore[arg-type]
    layout = {**cls.mat_layout, **{name: name for name in names}}
    fields = {entry: name for entry, name in layout.items() if name in names}
    own = [name for name in ("decision", *variables, "objective") if name not in names]
    answers = {entry: name for entry, name in cls.mat_layout.items() if name not in names} | {name: name for name in own}
    return fields, answers


def read_arrays(content: Mapping[str, Any], told: Told, where: str) -> Dataset:
    """Read the instances among arrays by name, and the answers to them."""
    cls = _problem_of(content, told, where)
    arrays = understood(cls, content, told, where)
    layout, _ = entry_names(cls)
    arrays = {name: _in_numbers(cls, layout[name], value) if name in layout else value for name, value in arrays.items()}
    first, given = declared(cls)[0], told.given(cls)
    if first.name in given and first.name not in {layout.get(name) for name in arrays}:
        arrays[first.name] = np.asarray(in_units(given[first.name], first, cls.__name__))
    replaced = [name for name in arrays if layout.get(name) in given and layout[name] != first.name]
    fields, extent, rows = read_fields(cls, {k: v for k, v in arrays.items() if k not in replaced}, told, where)
    fields |= {layout[name]: arrays[name] for name in replaced}  # built() tells that they are not used
    instances, notes = built(fields, dataclasses.replace(told, problem=cls.name, ignore=()), where)
    return Dataset(instances, read_labels(instances, arrays, extent, rows, where), {"file": where}, notes)


def _in_numbers(cls: type[Problem], name: str, value: Any) -> Any:
    """Return a field's text with units, such as ``'12 kB'``, in plain numbers; what is no number stays, to be refused."""
    f = next(f for f in declared(cls) if f.name == name)
    if np.asarray(value).dtype.kind != "U" or f.metadata["choices"]:
        return value
    found = np.asarray(in_units(np.asarray(value).tolist(), f, cls.__name__))
    try:
        return found.astype(complex if f.metadata["complex"] else float)
    except (TypeError, ValueError):
        return value


def for_example(told: Told) -> str:
    """Return the option by which the first field of the problem, if it is told, is named."""
    field = "channel_gain" if told.problem is None else declared(problem_of({}, told.problem))[0].name
    return f"for example --field {field} (in Python field={field!r})"


def read_matrix(matrix: Array, told: Told, where: str) -> Dataset:
    """Read an array without a name, of the one field that is told, possibly with its unit."""
    if len(told.field) != 1:
        raise InstanceError(f"{where} has numbers without a name; say which field they are, {for_example(told)}")
    cls = problem_of({}, told.problem)
    one = header(told.field[0], [f.name for f in declared(cls)])
    if one is None or one.index:
        raise unknown_field(cls, told.field[0], [f.name for f in declared(cls)])
    f = next(f for f in declared(cls) if f.name == one.name)
    values = np.asarray(in_units({"value": matrix, "unit": one.unit}, f, cls.__name__)) if one.unit else matrix
    return read_arrays({one.name: values}, dataclasses.replace(told, field=()), where)


def _problem_of(content: Mapping[str, Any], told: Told, where: str) -> type[Problem]:
    """Return the problem by the caller's word, by the entry "problem", or by its authors' layout."""
    named = told.problem
    if "problem" in content:
        word = "".join(np.ravel(content["problem"]).astype(str))
        if named not in (None, word):
            raise InstanceError(f"{where} is of problem {word!r}, not {named!r}")
        named = word
    if named is not None:
        return find_problem(named)
    known = [cls for cls in problems().values() if cls.mat_layout and set(_instances_of(cls)) <= set(content)]
    if len(known) == 1:
        return known[0]
    held = ", ".join(f"{name} ({shape_text(value)})" for name, value in content.items()) or "none"
    own = [name for name, cls in problems().items() if declared(cls)[0].name in content]
    hint = f"they may be fields of {' or '.join(own)}: say which by --problem" if own else "say whose they are by --problem"
    raise InstanceError(f"{where} has the entries {held}, which fit no known layout; {hint}")


def _instances_of(cls: type[Problem]) -> list[str]:
    """Return the entries of a layout that hold instances."""
    names = [f.name for f in declared(cls)]
    return [entry for entry, held in cls.mat_layout.items() if held in names]


def understood(cls: type[Problem], arrays: Mapping[str, Array], told: Told, where: str) -> dict[str, Array]:
    """Return the entries that are not to be ignored, or name all those that nothing is known of."""
    fields, answers = entry_names(cls)
    names = [name for name in told.remaining(arrays, where) if name != "problem"]
    foreign = [name for name in names if name not in (*fields, *answers)]
    if foreign:
        listed = ", ".join(few([f"{name} ({shape_text(arrays[name])})" for name in foreign]))
        options = " ".join(few([f"--ignore {name}" for name in foreign]))
        hint = meant(cls, foreign, [*fields, *answers])
        known, ignored = ", ".join([*fields, *answers]), ", ".join(few([repr(name) for name in foreign]))
        raise InstanceError(
            f"{where} has entries that are not understood: {listed}{hint} {cls.name} knows {known}. "
            f"Where the others mean the same without them: {options} (in Python ignore=[{ignored}])"
        )
    holders: dict[str, str] = {}
    for name in names:
        held = fields.get(name) or answers[name]
        if held in holders:
            raise InstanceError(f"{where}: {holders[held]} and {name} both hold {held!r}; allowed: one of them")
        holders[held] = name
    return {name: arrays[name] for name in names}


def read_fields(
    cls: type[Problem], arrays: Mapping[str, Array], told: Told, where: str
) -> tuple[dict[str, Any], Extent, Rows | None]:
    """Return the fields among the arrays with axes as mecopt has them, their extent, and what the rows were taken for."""
    try:
        return (*_read(cls, arrays, told.rows, where), told.rows)
    except Misfit as error:
        if told.rows is None:
            try:
                extent = _read(cls, arrays, "users", where)[1]
            except InstanceError:
                raise error from None
            raise Misfit(
                f"{error}. Are rows users, {extent.text}? Then everything fits: --rows users (in Python rows='users')"
            ) from None
        raise


def _read(cls: type[Problem], arrays: Mapping[str, Array], rows: Rows | None, where: str) -> tuple[dict[str, Any], Extent]:
    fields, answers = entry_names(cls)
    holders = {fields[name]: name for name in arrays if name in fields}
    first, *others = declared(cls)
    if first.name not in holders:
        wanted = next(name for name, held in fields.items() if held == first.name)
        raise InstanceError(
            f"{where} lacks {wanted!r}: {first.metadata['meaning']}; it holds {', '.join(arrays) or 'nothing'}"
        )
    value, extent = _first(first, holders[first.name], arrays[holders[first.name]], rows, where)
    found: dict[str, Any] = {first.name: value}
    for f in others:
        if f.name in holders:
            found[f.name] = fitted(f, holders[f.name], arrays[holders[f.name]], extent, rows, where)
    for entry, held in answers.items():  # they say as much of the orientation as fields do
        if entry in arrays:
            _answer(cls, entry, held, arrays[entry], extent, rows, where)
    return found, extent


def _first(f: dataclasses.Field[Any], label: str, value: Array, rows: Rows | None, where: str) -> tuple[Array, Extent]:
    """Return the first field, instances first, and the extent that it fixes for all others."""
    own, value = axes(f), np.asarray(value)
    if value.dtype.kind not in "biufc":
        raise InstanceError(f"{where}: {label} ({f.name}) is {str(value)[:40]!r}, which is no number; allowed: {allowed(f)}")
    value = value.reshape(-1) if value.size == 1 and len(own) == 1 and value.ndim == 0 else value
    if len(own) == 1 and rows is None and value.ndim == 2 and value.shape[1] == 1 < value.shape[0]:
        count = value.shape[0]
        raise Misfit(
            f"{where}: {label} is one column of {count}: the {count} {own[0]} of one instance, or {count} instances of one "
            f"{own[0].removesuffix('s')}? Say so: {ASK}"
        )
    if len(own) == 1 and value.ndim == 1 and rows == "instances":
        value = value[:, None]
    value = _instances_first(value, len(own), rows)
    if value.ndim not in (len(own), len(own) + 1):
        each = " x ".join(own)
        raise InstanceError(f"{where}: {label} has shape {shape_text(value)}; allowed: {each}, or instances x {each}")
    batch = value.shape[: value.ndim - len(own)]
    sizes = dict(zip(own, value.shape[value.ndim - len(own) :], strict=True))
    return value, Extent(batch[0] if batch else None, sizes)


def _instances_first(value: Array, own: int, rows: Rows | None) -> Array:
    """Turn an array whose rows are users so that its instances, then on the last axis, come first."""
    return np.moveaxis(value, -1, 0) if rows == "users" and own > 0 and value.ndim == own + 1 else value


def fitted(f: dataclasses.Field[Any], label: str, value: Array, extent: Extent, rows: Rows | None, where: str) -> Any:
    """Return a field's array as it broadcasts to the instances, or say why that is not certain."""
    value = np.asarray(value)
    if value.size == 1:
        return value.reshape(())[()]
    own, count = tuple(extent.sizes[axis] for axis in axes(f)), extent.instances
    turned = _instances_first(value, len(own), rows)
    if own and turned.shape in (own, (1, *own)):
        readings = {f"one per {f.metadata['per']}": turned.reshape(own)}
    elif own and count is not None and turned.shape == (count, *own):
        return turned
    else:
        readings = {}
    if value.size == max(value.shape):
        readings |= _vector(f, value, own, count)
    if len(readings) == 2 and rows is not None and value.ndim == 2:
        along_rows = value.shape[1] == 1
        names = list(readings)
        readings.pop(names[0] if along_rows == (rows == "instances") else names[1])
    if list(readings) == ["one per instance"] and own and rows is None:
        raise Misfit(f"{where}: {label} has shape {shape_text(value)}: is it one per instance? Say so: {ASK}")
    if len(readings) == 1:
        return next(iter(readings.values()))
    if readings:
        raise Misfit(f"{where}: {label} has shape {shape_text(value)}: {' or '.join(readings)}? Say so: {ASK}")
    raise Misfit(f"{where}: {label} has shape {shape_text(value)}; allowed: a number{_allowed(own, count)} ({extent.text})")


def _vector(f: dataclasses.Field[Any], value: Array, own: tuple[int, ...], count: int | None) -> dict[str, Array]:
    """Return what a vector may mean, whichever way it lies: an entry per user, or per instance."""
    found: dict[str, Array] = {}
    if own == (value.size,):
        found[f"one per {f.metadata['per']}"] = value.reshape(own)
    if count == value.size and len(own) <= 1 and not (own and value.ndim == 1):
        found["one per instance"] = np.broadcast_to(value.reshape((count, *(1 for _ in own))), (count, *own))
    return found


def _allowed(own: tuple[int, ...], count: int | None) -> str:
    shapes = [own] if own else []
    shapes += [(count, *own)] if count is not None else []
    return "".join(f", or {' x '.join(map(str, shape))}" for shape in shapes)


def _answer(cls: type[Problem], entry: str, held: str, value: Array, extent: Extent, rows: Rows | None, where: str) -> Array:
    """Return stored decisions, values of a variable, or objectives, an entry for each instance."""
    variables = {f.name: axes(f) for f in declared(cls.Allocation)}  # type: ignore[arg-type]
    names = ("users",) if held == "decision" else variables.get(held, ())
    own = tuple(extent.sizes[axis] for axis in names)
    shape = own if extent.instances is None else (extent.instances, *own)
    try:
        numbers = _instances_first(np.asarray(value, dtype=float), len(own), rows)
        if not own and numbers.size == max(numbers.shape, default=1):
            numbers = numbers.reshape(-1)
        if numbers.shape != shape and numbers.size != 1:
            raise ValueError
        return numbers.reshape(shape)
    except (ValueError, TypeError):
        wanted = " x ".join(map(str, shape)) or "a single number"
        kind = "" if np.asarray(value).dtype.kind in "iufb" else ", and holds no numbers"
        raise Misfit(f"{where}: {entry} has shape {shape_text(value)}{kind}; allowed: {wanted} ({extent.text})") from None


def read_labels(
    problem: Problem, arrays: Mapping[str, Array], extent: Extent, rows: Rows | None, where: str
) -> Labels | None:
    """Return the answers among the arrays; decisions may stand alone, with or without the objectives they reached."""
    cls = type(problem)
    _, answers = entry_names(cls)
    holders = {answers[entry]: entry for entry in arrays if entry in answers}
    if not holders:
        return None
    wanted = {held: entry for entry, held in reversed(answers.items())}
    variables = [f.name for f in declared(cls.Allocation)]  # type: ignore[arg-type]
    parts = [name for name in variables if name in holders]
    missing = [name for name in variables if name not in holders] if parts else []
    missing += [] if "decision" in holders else ["decision"]
    if missing:
        entries = [wanted[name] for name in missing]
        raise InstanceError(
            f"{where} lacks {entries[0]!r}: of the answers it holds {', '.join(holders.values())}; allowed: decisions "
            "alone, with their objectives, or with the whole allocation"
        )
    if not isinstance(problem.decision_space, OneOf):
        raise InstanceError(f"{where}: answers are read where they choose for each user; {cls.name} decides otherwise")
    found = {name: _answer(cls, entry, name, arrays[entry], extent, rows, where) for name, entry in holders.items()}
    if problem.instances != (extent.instances or 1):
        raise InstanceError(
            f"{where} holds answers to {extent.text}; the fields that are set make {problem.instances} of them"
        )
    decision = problem.decision_space.validate(found["decision"], problem.batch_shape)
    objective = found.get("objective", np.full(problem.batch_shape, np.nan))
    if "objective" in found and not np.isfinite(objective).all():
        raise InstanceError(f"{where}: the stored objectives are not all finite")
    allocation = cls.Allocation(**{name: found[name] for name in variables}) if parts else None
    return Labels(decision, allocation, objective)
