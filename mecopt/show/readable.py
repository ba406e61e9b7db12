"""The base of everything that says itself: a line as its repr, a page as its str, and the same page in a notebook."""

from __future__ import annotations

from typing import Any

from mecopt.show.page import Page
from mecopt.show.printable import printable


class Readable:
    """An object that has a line and a page."""

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        # A dataclass writes a repr of all its arrays, unless its class has one of its own before it is decorated.
        if "__repr__" not in cls.__dict__:
            cls.__repr__ = Readable.__repr__  # type: ignore[method-assign]

    def _line(self) -> str:
        """Say what this is in a line."""
        raise NotImplementedError

    def _page(self) -> Page:
        """Say what a reader first asks; by default the line is all."""
        return Page(self._line(), ())

    def __repr__(self) -> str:
        return printable(f"<{self._line()}>")

    def __str__(self) -> str:
        return self._page().text()

    def _repr_html_(self) -> str:
        return self._page()._repr_html_()
