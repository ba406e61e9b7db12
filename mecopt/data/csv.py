"""CSV and TSV as spreadsheets and instruments write them: any delimiter, decimal commas, Excel's encodings.

Comments and empty lines stand above the names of columns; below them every line is a row, and a row without a cell is an
error, for whoever loses it counts the users after it wrongly.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from io import StringIO
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from mecopt.contract.errors import InstanceError
from mecopt.data.arrays import for_example, read_matrix
from mecopt.data.cells import (
    MISSING,
    Line,
    entries,
    is_entry,
    is_error,
    is_number,
    is_one_number_in_groups,
    is_rounded,
    labels,
    written_with_points,
)
from mecopt.data.dataset import Dataset, Told
from mecopt.data.headers import LONGEST, header, shown
from mecopt.data.tables import LABELS, Table, read_table
from mecopt.data.text import text_of
from mecopt.quantities.doubts import DoubtfulData, doubt
from mecopt.show.numbers import counted

BLANK = " "

_BETWEEN_CELLS = str.maketrans(dict.fromkeys(";,|\"'\ufeff", " "))

COUNTED = 3
"""Numbers from 0 on that are hardly measured ones."""


def read_csv(path: Path, told: Told) -> Dataset:
    """Read a text file of columns; without names above them told.field says which fields they are."""
    delimiter, lines, after_empty = _lines(path, text_of(path))
    if not lines:
        raise InstanceError(f"{path} has no line with numbers")
    if _are_names(lines[0].cells, told):
        number, names, lines = lines[0].number, [_in_one_line(name) for name in lines[0].cells], lines[1:]
        told = replace(told, ignore=tuple(map(_in_one_line, told.ignore)))
        unread = {i for i, name in enumerate(names) if name in told.ignore}
        names = _renamed(path, names, told.field) if told.field else names
        read = written_with_points(path, lines, delimiter, unread | _labels(names))
        return read_table(_table(path, names, read, number), told)
    if after_empty:
        raise _empty(path, lines[0].number - 1)
    if told.field:
        _doubt_numbers_of_columns(path, lines)
    lines = written_with_points(path, lines, delimiter, _labels(told.field))
    width = max(max((i for i, cell in enumerate(line.cells, 1) if cell), default=0) for line in lines)
    if not told.field:
        what = "a column" if width == 1 else f"{width} columns"
        raise InstanceError(
            f"{path} has {what} without a name; write it above the numbers, or say which field they are, {for_example(told)}"
        )
    if len(told.field) == 1:
        table = _table(path, [f"column {number}" for number in range(1, width + 1)], lines)
        if width > 1 or isinstance(table.columns["column 1"], np.ndarray):
            return read_matrix(_matrix(table), told, path.name)
    return read_table(_table(path, _renamed(path, [""] * width, told.field), lines), told)


def _in_one_line(name: str) -> str:
    return " ".join(name.split())


def _labels(names: Sequence[str]) -> set[int]:
    """Return the numbers of the columns that say whose each row is."""
    return {i for i, name in enumerate(names) if header(name, LABELS)}


def _are_names(cells: Sequence[str], told: Told) -> bool:
    """Whether the first line names the columns; where they are told, it may as well be the first row.

    What a row calls its user is a word as names are, so that only the other cells tell which it is.
    """
    if not told.field:
        return not all(is_entry(cell) for cell in cells if cell)
    named = _labels(told.field)
    said = [is_entry(cell) for i, cell in enumerate(cells) if cell and i not in named]
    return bool(said) and not any(said)


def _doubt_numbers_of_columns(path: Path, lines: Sequence[Line]) -> None:
    """Question a first row 0, 1, 2, ..., which pandas writes above columns without names."""
    first, *others = lines
    if len(first.cells) >= COUNTED and others and first.cells == list(map(str, range(len(first.cells)))):
        said = f"{path}: line {first.number} counts 0, 1, 2, ... and is read as the first row of numbers"
        doubt(DoubtfulData(f"{said}; if it numbers the columns, delete it"))


def _matrix(table: Table) -> Any:
    """Return a table of numbers as an array: of one axis where it is one column."""
    for name, column in table.columns.items():
        for row, entry in enumerate(column if isinstance(column, list) else ()):
            if not isinstance(entry, float):
                said = "empty" if entry is None else f"{entry[:40]!r}, which is no number"
                raise InstanceError(f"{table.where}: {table.place(name, row)} is {said}")
    matrix = np.stack([np.asarray(column) for column in table.columns.values()], axis=-1)
    return matrix[:, 0] if matrix.shape[1] == 1 else matrix


def _lines(path: Path, text: str) -> tuple[str, list[Line], bool]:
    """Return the delimiter, the cells of every line from the names on, and whether an empty line stands right above them."""
    said = re.match(r"sep=(.)\r?\n", text)
    raw = list(StringIO(text, newline=""))  # str.splitlines ends lines at separators that may stand within a cell, too
    begin = 1 if said else 0
    while begin < len(raw) and (_is_empty(raw[begin]) or _is_comment(raw[begin])):
        begin += 1
    end = len(raw)
    while end > begin and _is_empty(raw[end - 1]):
        end -= 1
    kept = raw[begin:end]
    delimiter = said[1] if said else _delimiter(path, kept)
    found: list[Line] = []
    number = begin + 1
    if delimiter == BLANK:
        found = [Line(i, _between_blanks(line)) for i, line in enumerate(kept, number)]
    else:
        reader = csv.reader(kept, delimiter=delimiter or "\t", strict=True, skipinitialspace=delimiter != "\t")
        try:
            for cells in reader:
                found.append(Line(number, [cell.strip() for cell in cells]))
                number = begin + reader.line_num + 1
        except csv.Error as error:
            raise InstanceError(f"{path}, line {min(number, end)}: {error}") from None
    for line in found:
        if not any(line.cells):
            raise _empty(path, line.number)
    return delimiter, found, begin > 0 and _is_empty(raw[begin - 1])


def _is_empty(line: str) -> bool:
    return not line.translate(_BETWEEN_CELLS).strip()


def _is_comment(line: str) -> bool:
    """Whether a line above the names is a comment; what a spreadsheet writes for a number that it lacks is none."""
    line = line.strip()
    return line.startswith(("#", "%", "//")) and not is_error(re.split(r"[;,|\t]", line)[0].strip())


def _empty(path: Path, number: int) -> InstanceError:
    return InstanceError(f"{path}: line {number} is empty; allowed: empty lines above the names of columns and at the end")


def _between_blanks(line: str) -> list[str]:
    return re.split(r"[ \t]+", line.strip(" \t\r\n"))


def _delimiter(path: Path, lines: Sequence[str]) -> str:
    """Return what stands between the cells of the first line; nothing where there is one column."""
    if not lines:
        return ""
    quoted = accumulate(line.count('"') for line in lines)
    whole = next((number for number, quotes in enumerate(quoted, 1) if quotes % 2 == 0), 1)  # a name of two lines is quoted
    first = re.sub(r'"[^"]*"|\[[^\[\]]*\]|\([^()]*\)', '"', "".join(lines[:whole]))
    for delimiter in ("\t",) if path.suffix.lower() == ".tsv" else (";", "\t", "|"):
        if delimiter in first:
            return delimiter
    if path.suffix.lower() == ".tsv":
        return ""
    named = not all(is_number(cell.strip()) for cell in first.split(",") if cell.strip())
    if "," not in first:
        return _blank(path, lines)
    if not named and all(line.count(",") <= 1 for line in lines):
        if any("," not in line for line in lines):
            return ""
        if all(re.fullmatch(r"[-+]?[0-9]+,[0-9]+([eE][-+]?[0-9]+)?", line.strip()) for line in lines):
            one = lines[0].strip()
            raise InstanceError(
                f"{path}: {one!r} is one number with a decimal comma, or two? Write {one.replace(',', '.')!r} or "
                f"{one.replace(',', ';')!r}, or a name above the numbers"
            )
    return ","


def _blank(path: Path, lines: Sequence[str]) -> str:
    """Return a blank where all lines have equally many numbers between blanks; nothing where there is one column."""
    split = [_between_blanks(line) for line in lines]
    named = not all(map(_is_lone, split[0]))
    rows = split[1:] if named else split
    if len(split[0]) == 1 or {len(cells) for cells in split} != {len(split[0])}:
        return ""
    if not rows or not all(_is_lone(cell) for cells in rows for cell in cells):
        return ""
    if not named and all(is_one_number_in_groups(" ".join(cells)) for cells in split):
        one = " ".join(split[0])
        raise InstanceError(
            f"{path}: {one[:40]!r} is one number, or {len(split[0])}? Write {one.replace(' ', '')[:40]!r} or "
            f"{one.replace(' ', ';')[:40]!r}"
        )
    return BLANK


def _is_lone(cell: str) -> bool:
    return is_number(cell) or cell.lower() in MISSING


def _renamed(path: Path, names: Sequence[str], fields: Sequence[str]) -> list[str]:
    """Return the names of the columns as told by --field; units above the columns stay."""
    if len(fields) != len(names):
        raise InstanceError(
            f"{path} has {counted(len(names), 'columns')}, and --field names {len(fields)}; allowed: one for each column"
        )
    units = [re.search(r"\s*[\[(][^\])]*[\])]\s*$", name[-LONGEST:]) for name in names]
    bare = ["[" not in field and "(" not in field for field in fields]
    return [field + (unit[0] if unit and plain else "") for field, unit, plain in zip(fields, units, bare, strict=True)]


def _table(path: Path, names: Sequence[str], lines: Sequence[Line], begin: int = 0) -> Table:
    """Return the columns that have a name, in line `begin`; empty cells at the ends of lines do not count."""
    names = list(names)
    while names and not names[-1] and not any(any(line.cells[len(names) - 1 :]) for line in lines):
        names.pop()
    times = Counter(names)
    for number, name in enumerate(names, 1):
        if not name:
            raise InstanceError(
                f"{path}: column {number} has no name, but cells, and line {begin} is read as the names of columns; "
                "allowed: a field's name above every column, and above the names lines that begin with #"
            )
        if times[name] > 1:
            raise InstanceError(f"{path}: the column {shown(name)} stands twice")
    for line in lines:
        if len(line.cells) < len(names) or any(line.cells[len(names) :]):
            count = len(line.cells)
            raise InstanceError(
                f"{path}, line {line.number} has {counted(count, 'cells')}; allowed: {len(names)}, one for each column"
            )
    named = _labels(names)
    columns: dict[str, Any] = {
        name: (labels if i in named else entries)([line.cells[i] for line in lines]) for i, name in enumerate(names)
    }

    def place(header: str, row: int) -> str:
        return f"line {lines[row].number}, column {names.index(header) + 1} ({header[:60]})"

    for i, name in enumerate(names):
        long = [] if i in named else [row for row, line in enumerate(lines) if is_rounded(line.cells[i])]
        if long:
            cell = lines[long[0]].cells[i]
            doubt(
                DoubtfulData(f"{path}: {place(name, long[0])} is {cell[:40]}, which is computed with as {float(cell):.0f}")
            )
    return Table(path.name, columns, place)
