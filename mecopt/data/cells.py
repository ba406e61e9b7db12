"""Numbers in the cells of a text file, each read in one way or not at all.

"1,500" is 1.5 in a German file and 1500 in an English one, and so is "1.500" the other way round. Cells that can be read in
one way only decide for the whole file: "1.5" and "1,234.5" say that points are decimal, "1,5" and "1.234.567" that commas
are. Where both stand in a file, or neither does, it is an error with line and column.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mecopt.contract.errors import InstanceError
from mecopt.quantities import digits
from mecopt.quantities.values import LONGEST, read

NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?inf(inity)?", re.IGNORECASE | re.ASCII)
MISSING = ("", "na", "n/a", "nan", "null", "none", "-", "#n/a", "#nv")
"""Words for a cell without a number, in small letters."""

_WHOLE = re.compile(r"0|-?[1-9]\d{0,17}", re.ASCII)
"""A whole number that every file of answers can hold."""

DIGITS = 15
"""Of a whole number that every float can hold."""

_NARROW = "'\u00a0\u2009\u202f\u2019"
_BLANKS = f" {_NARROW}"
_SPACED = re.compile(rf"[-+]?[0-9]{{1,3}}([{_BLANKS}][0-9]{{3}})+([.,][0-9]*)?")
_COMMA_GROUP = re.compile(r"[-+]?[1-9][0-9]{0,2},[0-9]{3}")
_POINT_GROUP = re.compile(r"[-+]?[1-9][0-9]{0,2}\.[0-9]{3}")
_COMMA_GROUPS = re.compile(r"[-+]?[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]*)?")
_POINT_GROUPS = re.compile(r"[-+]?[1-9][0-9]{0,2}(\.[0-9]{3}){2,}")
_COMMA_DECIMAL = re.compile(r"[-+]?([1-9][0-9]{0,2}(\.[0-9]{3})+|[0-9]*),[0-9]*([eE][-+]?[0-9]+)?")
_MEASURED = re.compile(
    rf"([-+]?[0-9.,{_BLANKS}]*[0-9.,](?:[eE][-+]?[0-9]+)?)(\s*(?:[A-Za-z\u00b5\u03bc%\u00d7\u00b7*].*|1\s*/.*)?)", re.DOTALL
)
_DIGIT_FIRST = re.compile(r"\W*\d")
_MINUS = str.maketrans({"\u2212": "-", "\u2013": "-"})
_ERROR = re.compile(r"#+|#(N/?[ADV]|[^\s;,]+[!?])", re.IGNORECASE)


@dataclass(frozen=True)
class Line:
    """The cells of a line, and its number in the file."""

    number: int
    cells: list[str]


def is_number(cell: str) -> bool:
    """Whether a cell is a number as Python writes it, and one that a float can hold."""
    if len(cell) > LONGEST or NUMBER.fullmatch(cell) is None:
        return False
    return "n" in cell.lower() or not np.isinf(float(cell))


def is_rounded(cell: str) -> bool:
    """Whether a cell is a whole number of which a float cannot hold the last digits.

    >>> is_rounded("9007199254740993"), is_rounded("9007199254740992"), is_rounded("0.1")
    (True, False, False)
    """
    number = digits.whole(cell) if len(cell) > DIGITS else None
    return number is not None and number != float(cell)


def is_error(cell: str) -> bool:
    """Whether a cell is what a spreadsheet writes where it has no number.

    >>> [is_error(cell) for cell in ("#NV", "#DIV/0!", "#N/A", "#####", "# of users", "1")]
    [True, True, True, True, False, False]
    """
    return cell.startswith("#") and len(cell) <= LONGEST and _ERROR.fullmatch(cell) is not None


def is_entry(cell: str) -> bool:
    """Whether a cell is an entry, or the lack of one, rather than the name of a column.

    >>> [is_entry(cell) for cell in ("5 kB", "1.234.567", "$5", "n/a", "size", "h2", "")]
    [True, True, True, True, False, False, True]
    """
    return _DIGIT_FIRST.match(cell) is not None or read(cell) is not None or cell.lower() in MISSING or is_error(cell)


def is_one_number_in_groups(text: str) -> bool:
    """Whether text that may hold numbers between blanks can also be one number in groups of three digits."""
    return len(text) <= LONGEST and _SPACED.fullmatch(text) is not None


def written_with_points(path: Any, lines: Sequence[Line], delimiter: str, unread: Collection[int] = ()) -> list[Line]:
    """Return the lines with every number as Python writes it; the file decides what commas and points are.

    Parameters
    ----------
    delimiter
        what stands between cells; empty in a file of one column.
    unread
        numbers of columns, from 0, that stay as they are and say nothing, because they hold names or are ignored.
    """

    def rewritten(line: Line, rewrite: Callable[[str], str]) -> Line:
        return replace(line, cells=[cell if i in unread else rewrite(cell) for i, cell in enumerate(line.cells)])

    lines = [rewritten(line, _trimmed) for line in lines]
    first: dict[str, tuple[str, str]] = {}
    for line in lines:
        for column, cell in enumerate(line.cells):
            found = None if column in unread else _measured(cell)
            if found is None:
                continue
            place = (f"{path}: line {line.number}, column {column + 1} is {cell[:40]!r}", cell)
            if not delimiter and " " in found[1] and is_one_number_in_groups(found[1]):
                one = found[1].replace(" ", "")
                raise InstanceError(f"{place[0]}: {one}, or {found[1].replace(' ', ';')}? Write it so")
            first.setdefault(_says(found[1]), place)
    points, commas = first.get("decimal point"), first.get("decimal comma")
    if points and commas:
        raise InstanceError(
            f"{commas[0]}, where a comma is decimal, and {points[0].partition(': ')[2]}, where a point is; allowed: one of "
            "them"
        )
    unclear = first.get("comma of one group") or (first.get("point of one group") if delimiter == ";" else None)
    if unclear and not (points or commas):
        text, cell = unclear
        raise InstanceError(f"{text}: {cell.replace(',', '.')}0 or {re.sub('[,.]', '', cell)}? Write it so")
    return [rewritten(line, lambda cell: _written(cell, commas is not None)) for line in lines]


def _trimmed(cell: str) -> str:
    """Return a number with a minus as Python writes it; other text as it is."""
    plain = cell.translate(_MINUS)
    return plain if plain != cell and _measured(plain) else cell


def _measured(cell: str) -> re.Match[str] | None:
    """Return the two parts of a number with its unit, or without one."""
    return _MEASURED.fullmatch(cell) if len(cell) <= LONGEST else None


def _says(number: str) -> str:
    """Say what a number tells of the commas and points of its file."""
    plain = re.sub(rf"[{_BLANKS}](?=[0-9]{{3}})", "", number)
    if _COMMA_GROUP.fullmatch(plain):
        return "comma of one group"
    if _POINT_GROUP.fullmatch(plain):
        return "point of one group"
    if _COMMA_GROUPS.fullmatch(plain):
        return "decimal point"
    if _COMMA_DECIMAL.fullmatch(plain) or _POINT_GROUPS.fullmatch(plain):
        return "decimal comma"
    return "decimal point" if "." in plain and NUMBER.fullmatch(plain) else "nothing"


def _written(cell: str, decimal_comma: bool) -> str:
    """Return a number, and its unit after it, without separators of thousands and with a decimal point."""
    found = _measured(cell)
    if found is None:
        return cell
    number, unit = found.groups()
    if is_one_number_in_groups(number):
        number = re.sub(f"[{_BLANKS}]", "", number)
    if decimal_comma and (
        _COMMA_DECIMAL.fullmatch(number) or _POINT_GROUP.fullmatch(number) or _POINT_GROUPS.fullmatch(number)
    ):
        number = number.replace(".", "").replace(",", ".")
    elif not decimal_comma and _COMMA_GROUPS.fullmatch(number):
        number = number.replace(",", "")
    return number + unit


def labels(cells: Sequence[str]) -> list[Any]:
    """Return what a column calls its users or instances: numbers where all are written as Python writes them, else words.

    A name is no quantity: "007", "1.10", "4e12" and an identity of twenty digits come back as they stand in the file.

    >>> labels(["10", "9"]), labels(["0.5", "1.0"]), labels(["007", "10"]), labels(["1.10", "1.1"]), labels(["a", ""])
    ([10, 9], [0.5, 1.0], ['007', '10'], ['1.10', '1.1'], ['a', None])
    """
    if all(map(_WHOLE.fullmatch, cells)):
        return [int(cell) for cell in cells]
    if all(is_number(cell) and repr(float(cell)) == cell for cell in cells):
        return [float(cell) for cell in cells]
    return [None if cell.lower() in MISSING or is_error(cell) else cell for cell in cells]


def entries(cells: Sequence[str]) -> Any:
    """Return the cells of a column as numbers, None where there is none, and words."""
    if all(map(is_number, cells)):
        return np.array([float(cell) for cell in cells])
    return [float(cell) if is_number(cell) else None if cell.lower() in MISSING else cell for cell in cells]
