"""A page: lines with a label and tables, laid out for a width in plain text, or as HTML that a notebook shows."""

from __future__ import annotations

import html
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from mecopt.show.printable import printable

WIDTH = 100
"""Columns of a page where no terminal says how wide it is."""

NARROWEST = 40
"""Columns below which lines are left to the terminal to break."""

WORDS = 30
"""Columns at least for a column of words that are wrapped."""

_BETWEEN = "  "

# Colours are the notebook's own, so that a page is read on a dark ground as on a light one; nothing is loaded or run.
_STYLE = "border-collapse:collapse;border:none;background:none;color:inherit;font-variant-numeric:tabular-nums"
_RULE = "border:none;border-bottom:1px solid rgba(128,128,128,.45)"
_CELL = "padding:.15em .8em .15em 0;background:none;color:inherit;vertical-align:top"


@dataclass(frozen=True)
class Line:
    """A sentence, behind a label where it has one."""

    text: str
    label: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", printable(self.text))
        object.__setattr__(self, "label", printable(self.label))


@dataclass(frozen=True)
class Column:
    """A column of a table: its title, of one line or several, and its cells, numbers to the right."""

    title: str
    cells: Sequence[str]
    words: bool = False
    """Whether cells are sentences, which may be wrapped."""
    right: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", printable(self.title))
        object.__setattr__(self, "cells", tuple(map(printable, self.cells)))

    @property
    def width(self) -> int:
        """The longest cell or line of the title."""
        return max(map(len, (*self.title.split("\n"), *self.cells)))


@dataclass(frozen=True)
class Grid:
    """A table; its first column names the rows, and is repeated where the others do not fit beside each other."""

    columns: Sequence[Column]

    def parts(self, width: int) -> Iterator[list[tuple[Column, int]]]:
        """Yield columns with their widths, as many at a time as fit; what is left goes to words, by what they lack."""
        key, *others = self.columns
        part, used = [(key, key.width)], key.width
        for column in others:
            needed = min(column.width, WORDS) if column.words else column.width
            if len(part) > 1 and used + len(_BETWEEN) + needed > width:
                yield _widened(part, width - used)
                part, used = [(key, key.width)], key.width
            part.append((column, needed))
            used += len(_BETWEEN) + needed
        yield _widened(part, width - used)

    def lines(self, width: int) -> Iterator[str]:
        """Yield the lines of the table, its parts one below the other."""
        for number, part in enumerate(self.parts(width)):
            if number:
                yield ""
            for place, row in enumerate(zip(*((column.title, *column.cells) for column, _ in part), strict=True)):
                broken = [
                    textwrap.wrap(cell, size, break_on_hyphens=False) if column.words else cell.split("\n")
                    for cell, (column, size) in zip(row, part, strict=True)
                ]
                if place == 0:
                    broken = [[""] * (max(map(len, broken)) - len(lines)) + lines for lines in broken]
                for cells in zip_longest(*broken, fillvalue=""):
                    yield _BETWEEN.join(
                        cell.rjust(size) if column.right else cell.ljust(size)
                        for cell, (column, size) in zip(cells, part, strict=True)
                    ).rstrip()

    def html(self) -> str:
        """Return the whole table as HTML."""

        def cell(tag: str, column: Column, text: str) -> str:
            side = "right" if column.right else "left"
            rule = f";{_RULE}" if tag == "th" else ";border:none"
            if column.right and not column.words and tag == "td":
                text = text.replace(" ", "\u00a0")  # a number stays with its unit
            return f'<{tag} style="text-align:{side};{_CELL}{rule}">{html.escape(text)}</{tag}>'

        head = "".join(cell("th", column, column.title) for column in self.columns)
        rows = zip(*(column.cells for column in self.columns), strict=True)
        body = "".join(
            f"<tr>{''.join(cell('td', column, text) for column, text in zip(self.columns, row, strict=True))}</tr>"
            for row in rows
        )
        table = f'<table style="{_STYLE}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        return f'<div style="overflow-x:auto;margin:.5em 0">{table}</div>'


def _widened(part: list[tuple[Column, int]], left: int) -> list[tuple[Column, int]]:
    """Return columns with what is left of the width divided among them by what each lacks, none wider than it needs."""
    lacking = sum(column.width - size for column, size in part)
    share = min(max(left, 0) / lacking, 1.0) if lacking else 0.0
    return [(column, size + int(share * (column.width - size))) for column, size in part]


@dataclass(frozen=True, repr=False)
class Page:
    """A title, then lines and tables; printed it is text, and in a notebook HTML.

    >>> page = Page("two users", (Line("1.5 s", "cost"), Grid((Column("user", ("0", "1")), Column("rate", ("2.5", "10"))))))
    >>> print(page.text(80))
    two users
    cost  1.5 s
    <BLANKLINE>
    user  rate
       0   2.5
       1    10
    """

    title: str
    parts: Sequence[Line | Grid]

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", printable(self.title))

    def text(self, width: int | None = None) -> str:
        """Lay the page out in plain text; without a width, for the terminal that there is."""
        width = max(shutil.get_terminal_size((WIDTH, 24)).columns if width is None else width, NARROWEST)
        labels = [len(part.label) + len(_BETWEEN) for part in self.parts if isinstance(part, Line) and part.label]
        margin = max(labels, default=0)
        found = textwrap.wrap(self.title, width)
        before: Line | Grid | None = None
        for part in self.parts:
            if isinstance(part, Grid) or isinstance(before, Grid):
                found.append("")
            if isinstance(part, Grid):
                found += part.lines(width)
            else:
                found += _wrapped(part, width, margin)
            before = part
        return "\n".join(found)

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        found = [f'<div style="font-weight:600">{html.escape(self.title)}</div>']
        lines: list[Line] = []
        for part in self.parts:
            if isinstance(part, Line):
                lines.append(part)
                continue
            found += [_html_lines(lines), part.html()]
            lines = []
        return f'<div style="color:inherit">{"".join(found)}{_html_lines(lines)}</div>'


def _wrapped(line: Line, width: int, margin: int) -> list[str]:
    """Wrap a line behind its label; what has no label begins at the margin's left."""
    inset = " " * margin if line.label else ""
    first = line.label.ljust(margin) if line.label else ""
    return textwrap.wrap(line.text, width, initial_indent=first, subsequent_indent=inset, break_on_hyphens=False) or [
        first.rstrip()
    ]


def _html_lines(lines: Sequence[Line]) -> str:
    """Return lines as a list of labels and texts."""
    if not lines:
        return ""
    rows = "".join(
        f'<tr><td style="text-align:left;{_CELL};border:none;opacity:.75">{html.escape(line.label)}</td>'
        f'<td style="text-align:left;{_CELL};border:none">{html.escape(line.text)}</td></tr>'
        if line.label
        else f'<tr><td colspan="2" style="text-align:left;{_CELL};border:none">{html.escape(line.text)}</td></tr>'
        for line in lines
    )
    return f'<table style="{_STYLE}"><tbody>{rows}</tbody></table>'
