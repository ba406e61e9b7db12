"""Allocations and duals in words: each variable with its unit, its numbers and its meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import Field
from typing import Any

from numpy.typing import NDArray

from mecopt.show.numbers import valued
from mecopt.show.page import Column, Grid, Page

Array = NDArray[Any]

MOST = 3
"""Variables that a line shows."""


def line(name: str, own: Sequence[Field[Any]], arrays: Mapping[str, Array]) -> str:
    """Say the first variables with their numbers."""
    parts = [f"{f.name} {valued(f, arrays[f.name])}" for f in own[:MOST]]
    more = len(own) - len(parts)
    return f"{name} {'; '.join(parts)}{f'; and {more} more' if more else ''}"


def page(name: str, own: Sequence[Field[Any]], arrays: Mapping[str, Array]) -> Page:
    """Say every variable with its unit, its numbers and its meaning."""
    columns = (
        Column("variable", [f.name for f in own], right=False),
        Column("value", [valued(f, arrays[f.name]) for f in own], right=False, words=True),
        Column("meaning", [f.metadata["meaning"] for f in own], right=False, words=True),
    )
    return Page(name, (Grid(columns),))
