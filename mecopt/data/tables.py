"""Tables: columns are fields, rows are the users of one instance, or instances.

What rows are follows from the columns where it is certain, and is asked for where it is not:

    channel_gain                          one number a row: rows are the users of one instance
    channel_gain_0, channel_gain_1, ...   a column per user (also channel_gain[0]; from 0 or from 1): rows are instances
    instance, user, channel_gain          long form: the columns "instance", "user", "server" say whose each row is

A header may carry a unit: ``data_size [kB]``, ``max_power (mW)``. Of a field per user and server, ``channel_gain_0`` is
server 0 where rows are users, and ``channel_gain_0_1`` user 0 and server 1 where rows are instances.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.contract.fields import ABSENT, AXES, allowed, axes, declared
from mecopt.contract.problem import Problem
from mecopt.data import names
from mecopt.data.arrays import ASK
from mecopt.data.dataset import Dataset, Told
from mecopt.data.headers import LONGEST, Header, few, header, meant, shown
from mecopt.data.mapping import built, problem_of
from mecopt.quantities.doubts import DoubtfulData, doubt
from mecopt.quantities.hints import measures
from mecopt.quantities.values import in_units, read
from mecopt.show.rows import Names, fitting

Array = NDArray[Any]

INSTANCE = "instance"
PROBLEM = "problem"
LABELS = (INSTANCE, *dict.fromkeys(axis.removesuffix("s") for own in AXES.values() for axis in own))
"""Columns that say whose each row is."""

TOTALS = (
    *("sum", "total", "totals", "subtotal", "grand_total", "mean", "average", "avg", "median"),
    *("summe", "gesamt", "gesamtsumme", "zwischensumme", "mittelwert", "durchschnitt", "moyenne"),
)
"""What spreadsheets call the rows below the data, in small letters."""


@dataclass(frozen=True)
class Table:
    """Columns by header, each of an entry per row: a number, a word, None where there is none, or an array of numbers."""

    where: str
    """How messages call the table."""
    columns: Mapping[str, Sequence[Any] | Array]
    place: Callable[[str, int], str] = lambda header, row: f"column {header!r}, row {row}"
    """Where the entry of a column and row stands."""

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(next(iter(self.columns.values()), ()))


def read_table(table: Table, told: Told, provenance: dict[str, Any] | None = None) -> Dataset:
    """Read the instances of a table."""
    word = _problem_of(table)
    cls = problem_of({} if word is None else {PROBLEM: word}, told.problem)
    found, labels = _fields(cls, table, told)
    instances, notes = built(found, dataclasses.replace(told, problem=cls.name, ignore=()), table.where)
    known = fitting(labels, instances)
    return Dataset(instances, None, provenance or {"file": table.where}, (*notes, *names.told(known)), known)


def _problem_of(table: Table) -> str | None:
    words = {str(word) for word in table.columns.get(PROBLEM, ())}
    if len(words) > 1:
        raise InstanceError(f"{table.where}: the column {PROBLEM!r} names {', '.join(sorted(words))}; allowed: one problem")
    return words.pop() if words else None


def _fields(cls: type[Problem], table: Table, told: Told) -> tuple[dict[str, Any], Names]:
    """Return the fields of a table's columns with axes as mecopt has them, and what the table calls whose they are."""
    own_axes = [axis.removesuffix("s") for axis in axes(declared(cls)[0])]
    fields = {f.name: f for f in declared(cls)}
    headers = _headers(cls, table, told, [INSTANCE, *own_axes])
    if not table.rows:
        raise InstanceError(f"{table.where} has no row of numbers; allowed: at least one")
    columns = {
        name: _column(table, fields[name], cls, [h for h in headers if h.name == name])
        for name in fields
        if any(h.name == name for h in headers)
    }
    first, given = declared(cls)[0], told.given(cls)
    if first.name not in (*columns, *given):
        raise InstanceError(
            f"{table.where} lacks a column {first.name!r}: {first.metadata['meaning']}, in {first.metadata['unit']}; it has "
            f"{', '.join(few(list(table.columns)))}"
        )
    labels = {h.name: _labels(table, h) for h in headers if h.name in (INSTANCE, *own_axes)}
    depth = {name: values.ndim - 1 for name, values in columns.items()}
    long = _long_axes(cls, table, told, labels, depth, columns)
    known = {axis: names.in_order(labels[axis], len(long) == 1) for axis in long if axis in labels}
    absent = [f.name for f in declared(cls) if f.metadata["zero"] == ABSENT]
    shape, position = _positions(table, labels, known, long, absent)
    found = {name: _placed(table, fields[name], values, long, shape, position) for name, values in columns.items()}
    if first.name in found:
        sizes = dict(zip([INSTANCE, *own_axes] if INSTANCE in long else own_axes, found[first.name].shape, strict=True))
        for name, value in found.items():
            wanted = [axis for axis in [INSTANCE, *(a.removesuffix("s") for a in axes(fields[name]))] if axis in sizes]
            found[name] = _spread(table, name, value, tuple(sizes[axis] for axis in wanted))
    return found, {axis: names.as_written(found_names) for axis, found_names in known.items()}


def _headers(cls: type[Problem], table: Table, told: Told, labels: Sequence[str]) -> list[Header]:
    """Return what every column that is not ignored names, or name all columns that nothing is known of."""
    own = [f.name for f in declared(cls)]
    kept = [text for text in told.remaining(table.columns, table.where) if text != PROBLEM]
    read = {text: header(text, [*own, *labels]) for text in kept}
    foreign = [text for text, found in read.items() if found is None]
    if foreign:
        united = [found for text in foreign for found in _with_unit(cls, text)]
        hint = (
            f"; write a unit in brackets: {', '.join(map(repr, united))}."
            if united
            else meant(cls, foreign, [*own, *labels])
        )
        named = ", ".join(few([shown(text) for text in foreign]))
        options = " ".join(few([f"--ignore {shown(text)}" for text in foreign]))
        raise InstanceError(
            f"{table.where} has columns that are not understood: {named}{hint} {cls.name} knows "
            f"{', '.join([*own, *labels])}. Where the others mean the same without them: {options} "
            f"(in Python ignore=[{named}])"
        )
    found = [one for one in read.values() if one is not None]
    alone = Counter(one.name for one in found)
    for label in labels:
        if alone[label] > 1:
            texts = ", ".join(shown(one.text) for one in found if one.name == label)
            raise InstanceError(f"{table.where}: the columns {texts} all say whose a row is; allowed: one {label!r}")
    # "weight [1]" is of the unit 1, and not the column of user 1, where no other column is of another user.
    return [
        Header(one.text, one.name, (), "1")
        if one.index == (1,) and one.unit is None and alone[one.name] == 1 and one.text.rstrip().endswith("]")
        else one
        for one in found
    ]


def _with_unit(cls: type[Problem], text: str) -> list[str]:
    """Return what to write for a name with a unit behind it, "data_size_kB" or "data size in kB"; else nothing."""
    plain = re.sub(r"[\s_-]+", " ", text.strip()[:LONGEST])
    for f in declared(cls):
        found = re.fullmatch(rf"{f.name.replace('_', ' ')}[ /,:.]+(?:in )?(.+)", plain, re.IGNORECASE)
        if found and measures(found[1], f):
            return [f"{f.name} [{found[1]}]"]
    return []


def _column(table: Table, f: dataclasses.Field[Any], cls: type[Problem], headers: Sequence[Header]) -> Array:
    """Return the numbers of a field, one row per row of the table, in the field's unit; further axes are its indices."""
    depths = {len(one.index) for one in headers}
    if len(depths) > 1 or (depths == {0} and len(headers) > 1):
        texts = ", ".join(repr(one.text) for one in headers)
        raise InstanceError(
            f"{table.where}: the columns {texts} are of one field; allowed: one column, or all numbered alike"
        )
    depth = depths.pop()
    parts = {one.index: _numbers(table, f, cls, one) for one in headers}
    if len(parts) < len(headers):
        raise InstanceError(f"{table.where}: two columns of {f.name} have the same number")
    if depth == 0:
        return parts[()]
    if depth > len(axes(f)):
        raise InstanceError(f"{table.where}: {headers[0].text!r} has {depth} numbers; {f.name} is per {f.metadata['per']}")
    indices = np.array(sorted(parts))
    begin = indices.min(axis=0)
    counts = indices.max(axis=0) - begin + 1
    if (begin > 1).any() or len(parts) != np.prod(counts) or len(set(begin.tolist())) > 1:
        numbered = ", ".join(str(index)[1:-1].rstrip(",") for index in sorted(parts))
        raise InstanceError(
            f"{table.where}: the columns of {f.name} are numbered {numbered}; allowed: all numbers from 0 or from 1 on"
        )
    stacked = np.stack([parts[tuple(index)] for index in indices.tolist()], axis=-1)
    return stacked.reshape(table.rows, *counts)


def _numbers(table: Table, f: dataclasses.Field[Any], cls: type[Problem], one: Header) -> Array:
    """Return one column as an array in the field's unit, or say where an entry is no number."""
    entries = table.columns[one.text]
    if f.metadata["complex"]:
        raise InstanceError(
            f"{table.where}: {f.name} holds complex numbers, which a table has no column for; write .json or .npz"
        )
    wordy = bool(f.metadata["choices"])
    for row, entry in enumerate(entries) if not _plain(entries) else ():
        if entry is None or (isinstance(entry, float) and np.isnan(entry)):
            no_limit = ", or inf where there is no limit" if f.metadata["unlimited"] else ""
            raise InstanceError(f"{table.where}: {table.place(one.text, row)} is empty; allowed: {allowed(f)}{no_limit}")
        if isinstance(entry, str) and not wordy and not _measured(entry):
            place, unit = table.place(one.text, row), entry.strip("[]() ")
            meant = (
                f"write a unit behind the name, '{one.name} [{unit}]', and no line of units"
                if measures(unit, f)
                else f"allowed: {allowed(f)}"
            )
            raise InstanceError(f"{table.where}: {place} is {entry[:40]!r}, which is no number; {meant}")
    try:
        values = entries if _plain(entries) else np.asarray([_number(entry) for entry in entries], _kind(entries))
    except ValueError:
        raise InstanceError(f"{table.where}: the rows of {one.text!r} hold lists of unequal lengths") from None
    if wordy:
        return np.asarray(entries)
    return np.asarray(in_units({"value": values, "unit": one.unit} if one.unit else values, f, cls.__name__))


def _kind(entries: Any) -> Any:
    """Return the type of an array of these entries; text stays text, beside numbers too."""
    return object if any(isinstance(entry, str) for entry in entries) else None


def _measured(text: str) -> bool:
    """Whether text is a number with its unit."""
    found = read(text)
    return found is not None and re.match(r"[A-Za-z\u00b5\u03bc%]|1\s*/", found[1]) is not None


def _plain(entries: Any) -> bool:
    """Whether a column is an array of numbers without gaps."""
    return isinstance(entries, np.ndarray) and entries.dtype.kind in "iuf" and not np.isnan(entries).any()


def _number(entry: Any) -> Any:
    return np.asarray(entry) if isinstance(entry, list | tuple | np.ndarray) else entry


def _labels(table: Table, one: Header) -> Any:
    """Return the labels of a column that says whose each row is; every row needs one."""
    if one.index or one.unit:
        raise InstanceError(f"{table.where}: the column {one.text!r} says whose a row is; allowed: {one.name!r} alone")
    for row, label in enumerate(table.columns[one.text]):
        if label is None or label != label:
            raise InstanceError(f"{table.where}: {table.place(one.text, row)} is empty; allowed: a number or a name")
    _doubt_totals(table, one)
    return table.columns[one.text]


def _doubt_totals(table: Table, one: Header) -> None:
    """Question a row that sums up those above it, which would count as one more user."""
    labels = list(table.columns[one.text])
    for label in dict.fromkeys(labels):
        if isinstance(label, str) and re.sub(r"\s+", "_", label.strip(" :").lower()) in TOTALS:
            place = table.place(one.text, labels.index(label))
            said = f"{table.where}: {place} is {label!r}, which here is one more {one.name}"
            doubt(DoubtfulData(f"{said}; if the row sums up others, delete it"))


def _long_axes(
    cls: type[Problem],
    table: Table,
    told: Told,
    labels: Mapping[str, Any],
    depth: Mapping[str, int],
    columns: Mapping[str, Array],
) -> list[str]:
    """Return the axes along which the rows go: users, instances, or what the columns of labels name."""
    first, fields = declared(cls)[0], {f.name: f for f in declared(cls)}
    order = [INSTANCE, *(axis.removesuffix("s") for axis in axes(first))]
    if labels:
        if told.rows is not None:
            raise InstanceError(f"{table.where}: the columns {', '.join(labels)} say what rows are; leave --rows out")
        repeated = list(labels) == [INSTANCE] and len(set(labels[INSTANCE])) < table.rows
        return [axis for axis in order if axis in labels or (repeated and axis == order[1])]
    if told.rows is not None:
        return [order[1]] if told.rows == "users" else [INSTANCE]
    lacking = {name: len(axes(fields[name])) - deep for name, deep in depth.items() if "users" in axes(fields[name])}
    instances = [name for name, missing in lacking.items() if missing == 0]
    if instances:
        return [INSTANCE]
    if lacking.get(first.name, 1) > 1:
        others = " and ".join(order[2:])
        raise InstanceError(
            f"{table.where}: {first.name} is per {first.metadata['per']}; allowed: a column for each {others} "
            f"({first.name}_0, {first.name}_1, ...), or columns {', '.join(map(repr, order[1:]))} that say whose each row is"
        )
    for name, values in columns.items():
        differing = "users" not in axes(fields[name]) and (values != values[:1]).reshape(table.rows, -1).any(axis=1)
        if np.any(differing):
            row = int(np.argmax(differing))
            raise InstanceError(
                f"{table.where}: {_place(table, name, row)} is another {name} than in the first row, so rows are not the "
                f"users of one instance. Add a column 'instance', or say that each row is an instance of one user: {ASK}"
            )
    return [order[1]]


def _positions(
    table: Table, labels: Mapping[str, Any], known: Names, long: Sequence[str], absent: Sequence[str]
) -> tuple[tuple[int, ...], tuple[Array, ...]]:
    """Return how many entries each axis of the rows has, and where on them each row stands.

    Parameters
    ----------
    absent
        fields whose 0 says that a user is not there.
    """
    codes = {axis: _codes(labels[axis], found) for axis, found in known.items()}
    missing = [axis for axis in long if axis not in codes]
    if missing and codes:  # rows of an instance are its users, in their order
        seen: dict[int, int] = {}
        order = []
        for code in codes[INSTANCE].tolist():
            order.append(seen.get(code, 0))
            seen[code] = order[-1] + 1
        codes[missing[0]] = np.array(order)
    elif missing:
        codes[missing[0]] = np.arange(table.rows)
    shape = tuple(int(codes[axis].max()) + 1 for axis in long)
    position = tuple(codes[axis] for axis in long)
    count = np.zeros(shape, dtype=int)
    np.add.at(count, position, 1)
    if (count != 1).any():
        index = tuple(int(i) for i in np.argwhere(count != 1)[0])
        named = ", ".join(f"{axis} {_label(labels, axis, codes, i)}" for axis, i in zip(long, index, strict=True))
        times = "no row" if count[index] == 0 else f"{count[index]} rows"
        allowed_rows = "exactly one, and as many users in every instance"
        if count[index] == 0 and long[-1] == "user" and absent:
            allowed_rows += f"; a user who is not there has a row with {absent[0]} 0"
        raise InstanceError(f"{table.where} has {times} of {named}; allowed: {allowed_rows}")
    return shape, position


def _codes(labels: Any, known: Sequence[Any]) -> Array:
    """Return the number of each label among those known."""
    number = {label: i for i, label in enumerate(known)}
    return np.array([number[label.item() if isinstance(label, np.generic) else label] for label in labels], dtype=int)


def _label(labels: Mapping[str, Any], axis: str, codes: Mapping[str, Array], index: int) -> str:
    if axis not in labels:
        return str(index)
    return str(names.as_written([labels[axis][int(np.argmax(codes[axis] == index))]])[0])


def _placed(
    table: Table,
    f: dataclasses.Field[Any],
    values: Array,
    long: Sequence[str],
    shape: tuple[int, ...],
    position: tuple[Array, ...],
) -> Array:
    """Return a field's values along the axes of the rows and of its own; one that it does not vary along has length 1."""
    own = [axis.removesuffix("s") for axis in axes(f)]
    indexed = own[len(own) - (values.ndim - 1) :]
    twice = [axis for axis in indexed if axis in long]
    if twice:
        raise InstanceError(
            f"{table.where}: rows are {' and '.join(f'{axis}s' for axis in long)}, and {f.name} also has a column for each "
            f"{twice[0]}; allowed: one of them"
        )
    grid = np.empty((*shape, *values.shape[1:]), dtype=values.dtype)
    grid[position] = values
    present = [*long, *indexed]
    for axis in [axis for axis in long if axis != INSTANCE and axis not in own]:
        place = present.index(axis)
        one = np.take(grid, [0], axis=place)
        if (grid != one).any():
            index = np.argwhere(grid != one)[0][: len(shape)]
            row = int(np.argmax(np.all(np.stack(position) == index[:, None], axis=0)))
            raise InstanceError(
                f"{table.where}: {_place(table, f.name, row)} differs from that of another {axis}; {f.name} is per "
                f"{f.metadata['per']}; allowed: the same number in all of its rows"
            )
        grid = one.squeeze(axis=place)
        present.remove(axis)
    wanted = [axis for axis in [INSTANCE, *own] if axis in present or axis != INSTANCE]
    return grid.reshape([grid.shape[present.index(axis)] if axis in present else 1 for axis in wanted])


def _place(table: Table, name: str, row: int) -> str:
    """Say where the entry of a field stands, in the first of its columns."""
    text = next(text for text in table.columns if header(text, [name]))
    return table.place(text, row)


def _spread(table: Table, name: str, value: Array, shape: tuple[int, ...]) -> Array:
    """Return a field along all axes that the first field fixes."""
    try:
        return np.broadcast_to(value, shape)
    except ValueError:
        found, wanted = (" x ".join(map(str, sizes)) for sizes in (value.shape, shape))
        raise InstanceError(
            f"{table.where}: {name} has {found} entries; allowed: {wanted}, as the first field has"
        ) from None
