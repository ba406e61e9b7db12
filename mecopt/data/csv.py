"""CSV and TSV as spreadsheets and instruments write them: any delimiter, decimal commas, Excel's encodings.

A number is read in one way or not at all. "1,500" is 1.5 in a German file and 1500 in an English one: other cells of the
same file decide, and where none does it is an error with line and column.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mecopt.data.arrays import read_matrix
from mecopt.data.dataset import Dataset, Told
from mecopt.data.tables import Table, read_table
from mecopt.solution import InstanceError

NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?inf(inity)?", re.IGNORECASE)
MISSING = ("", "na", "n/a", "nan", "null", "none", "-", "#n/a")
"""Words for a cell without a number, in small letters."""

_SPACED = re.compile(r"[-+]?\d{1,3}([ '\u00a0\u2009\u202f\u2019]\d{3})+([.,]\d*)?")
_GROUPS = re.compile(r"[-+]?[1-9]\d{0,2}(,\d{3})+")
_COMMA_GROUPS = re.compile(r"[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?([eE][-+]?\d+)?")
_COMMA_DECIMAL = re.compile(r"[-+]?([1-9]\d{0,2}(\.\d{3})+|\d*),\d*([eE][-+]?\d+)?")


@dataclass(frozen=True)
class Line:
    """The cells of a line, and its number in the file."""

    number: int
    cells: list[str]


def read_csv(path: Path, told: Told) -> Dataset:
    """Read a text file of columns; without names above them told.field says which fields they are."""
    lines = _lines(path, _text(path))
    if not lines:
        raise InstanceError(f"{path} has no line with numbers")
    lines = _numbers_written_with_points(path, lines)
    if not all(NUMBER.fullmatch(cell) for cell in lines[0].cells if cell):
        names, lines = lines[0].cells, lines[1:]
        return read_table(_table(path, _renamed(path, names, told.field) if told.field else names, lines), told)
    width = max(max((i for i, cell in enumerate(line.cells, 1) if cell), default=0) for line in lines)
    if len(told.field) == 1:
        table = _table(path, [f"column {number}" for number in range(1, width + 1)], lines)
        return read_matrix(_matrix(table), told, path.name)
    if not told.field:
        what = "a column" if width == 1 else f"{width} columns"
        raise InstanceError(
            f"{path} has {what} without a name; write it above the numbers, or say which field they are, for example "
            "--field channel_gain (in Python field='channel_gain')"
        )
    return read_table(_table(path, _renamed(path, [""] * width, told.field), lines), told)


def _matrix(table: Table) -> Any:
    """Return a table of numbers as an array: of one axis where it is one column."""
    for name, entries in table.columns.items():
        for row, entry in enumerate(entries if isinstance(entries, list) else ()):
            if not isinstance(entry, float):
                said = "empty" if entry is None else f"{entry[:40]!r}, which is no number"
                raise InstanceError(f"{table.where}: {table.place(name, row)} is {said}")
    matrix = np.stack([np.asarray(entries) for entries in table.columns.values()], axis=-1)
    return matrix[:, 0] if matrix.shape[1] == 1 else matrix


def _text(path: Path) -> str:
    """Return the text, in whichever of Excel's encodings."""
    content = path.read_bytes()
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace")
    if b"\0" in content[:200]:
        encoding = "utf-16-le" if content[1:2] == b"\0" else "utf-16-be"
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            raise InstanceError(f"{path} holds bytes that are no text; allowed: CSV as text, best in UTF-8") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")  # of what is read only names of columns can differ


def _lines(path: Path, text: str) -> list[Line]:
    """Return the cells of every line that is neither empty nor a comment."""
    said = re.match(r"sep=(.)\r?\n", text)
    raw = text.splitlines(keepends=True)
    kept = [
        (number, line)
        for number, line in enumerate(raw, 1)
        if line.strip() and not line.lstrip().startswith(("#", "%", "//")) and not (said and number == 1)
    ]
    delimiter = said[1] if said else _delimiter(path, [line for _, line in kept])
    reader = csv.reader((line for _, line in kept), delimiter=delimiter, strict=True, skipinitialspace=delimiter != "\t")
    found: list[Line] = []
    begin = 0
    try:
        for cells in reader:
            found.append(Line(kept[begin][0], [cell.strip() for cell in cells]))
            begin = reader.line_num
    except csv.Error as error:
        raise InstanceError(f"{path}, line {kept[min(begin, len(kept) - 1)][0]}: {error}") from None
    return [line for line in found if any(line.cells)]


def _delimiter(path: Path, lines: Sequence[str]) -> str:
    """Return what stands between the cells of the first line, where it has more than one."""
    if path.suffix.lower() == ".tsv" or not lines:
        return "\t"
    first = re.sub(r'"[^"]*"|\[[^\]]*\]|\([^)]*\)', "", lines[0])
    for delimiter in (";", "\t", "|"):
        if delimiter in first:
            return delimiter
    named = not all(NUMBER.fullmatch(cell.strip()) for cell in first.split(",") if cell.strip())
    if named and "," not in first:
        return "\t"  # one column: commas in it are of its numbers
    if not named and all(line.count(",") <= 1 for line in lines):
        if any("," not in line for line in lines):
            return "\t"
        if all(re.fullmatch(r"[-+]?\d+,\d+([eE][-+]?\d+)?", line.strip()) for line in lines):
            one = lines[0].strip()
            raise InstanceError(
                f"{path}: {one!r} is one number with a decimal comma, or two? Write {one.replace(',', '.')!r} or "
                f"{one.replace(',', ';')!r}, or a name above the numbers"
            )
    return ","


def _numbers_written_with_points(path: Path, lines: list[Line]) -> list[Line]:
    """Return the lines with every number as Python writes it; the file decides what a comma is."""
    decimal: tuple[str, str] | None = None
    thousands: tuple[str, str] | None = None
    uncertain: tuple[str, str] | None = None
    for line in lines:
        for column, cell in enumerate(line.cells, 1):
            if "," not in cell:
                continue
            place = (f"line {line.number}, column {column}", cell)
            plain = re.sub(r"[ '\u00a0\u2009\u202f\u2019](?=\d{3})", "", cell)
            if _GROUPS.fullmatch(plain) and plain.count(",") == 1:
                uncertain = uncertain or place
            elif _COMMA_GROUPS.fullmatch(plain):
                thousands = thousands or place
            elif _COMMA_DECIMAL.fullmatch(plain):
                decimal = decimal or place
    if decimal and thousands:
        raise InstanceError(
            f"{path}: {thousands[0]} is {thousands[1]!r}, where commas are of thousands, and {decimal[0]} is "
            f"{decimal[1]!r}, where they are decimal; allowed: one of them"
        )
    if uncertain and not (decimal or thousands):
        number = uncertain[1]
        raise InstanceError(
            f"{path}: {uncertain[0]} is {number!r}: {number.replace(',', '.')} or {number.replace(',', '')}? Write it so"
        )
    return [replace(line, cells=[_written(cell, decimal is not None) for cell in line.cells]) for line in lines]


def _written(cell: str, decimal_comma: bool) -> str:
    """Return a number without thousands separators and with a decimal point; other text as it is."""
    if _SPACED.fullmatch(cell):
        cell = re.sub(r"[ '\u00a0\u2009\u202f\u2019]", "", cell)
    cell = cell.replace("\u2212", "-") if cell.startswith("\u2212") else cell
    if decimal_comma and _COMMA_DECIMAL.fullmatch(cell):
        return cell.replace(".", "").replace(",", ".")
    if not decimal_comma and _COMMA_GROUPS.fullmatch(cell):
        return cell.replace(",", "")
    if decimal_comma and re.fullmatch(r"[-+]?[1-9]\d{0,2}(\.\d{3})+", cell):
        return cell.replace(".", "")
    return cell


def _renamed(path: Path, names: Sequence[str], fields: Sequence[str]) -> list[str]:
    """Return the names of the columns as told by --field; units above the columns stay."""
    if len(fields) != len(names):
        raise InstanceError(
            f"{path} has {len(names)} columns, and --field names {len(fields)}; allowed: one for each column"
        )
    units = [re.search(r"\s*[\[(][^\])]*[\])]\s*$", name) for name in names]
    bare = ["[" not in field and "(" not in field for field in fields]
    return [field + (unit[0] if unit and plain else "") for field, unit, plain in zip(fields, units, bare, strict=True)]


def _table(path: Path, names: Sequence[str], lines: Sequence[Line]) -> Table:
    """Return the columns that have a name; empty cells at the ends of lines do not count."""
    names = list(names)
    while names and not names[-1] and not any(any(line.cells[len(names) - 1 :]) for line in lines):
        names.pop()
    for number, name in enumerate(names, 1):
        if not name:
            raise InstanceError(f"{path}: column {number} has no name, but cells; allowed: a field's name above them")
        if names.count(name) > 1:
            raise InstanceError(f"{path}: the column {name!r} stands twice")
    for line in lines:
        if len(line.cells) < len(names) or any(line.cells[len(names) :]):
            count = len(line.cells)
            raise InstanceError(f"{path}, line {line.number} has {count} cells; allowed: {len(names)}, one for each column")
    columns: dict[str, Any] = {name: _entries([line.cells[i] for line in lines]) for i, name in enumerate(names)}

    def place(header: str, row: int) -> str:
        return f"line {lines[row].number}, column {names.index(header) + 1} ({header})"

    return Table(path.name, columns, place)


def _entries(cells: Sequence[str]) -> Any:
    """Return the cells of a column as numbers, None where there is none, and words."""
    if all(NUMBER.fullmatch(cell) for cell in cells):
        return np.array([float(cell) for cell in cells])
    return [float(cell) if NUMBER.fullmatch(cell) else None if cell.lower() in MISSING else cell for cell in cells]
