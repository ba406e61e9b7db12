"""Declared fields in words, for `help`, for the prompt's `?` and for `mecopt list NAME`."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from dataclasses import Field
from typing import Any

from mecopt.show.numbers import entry, unit_of


def default_text(field: Field[Any]) -> str:
    """Say what a field is when it is not given; empty where it has to be.

    >>> import dataclasses, mecopt
    >>> [default_text(f) for f in dataclasses.fields(mecopt.find_problem("computation-rate"))[:3]]
    ['', '1, 1.5, 1, 1.5, ...', '0.7']
    """
    default = field.metadata["default"]
    if default is None:
        return ""
    if callable(default):
        return ", ".join(entry(value) for value in default(4)) + ", ..."
    return entry(default, field.metadata["choices"])


def with_parameters(written: str | None, fields: Sequence[Field[Any]], allowed: Iterable[str]) -> str:
    """Return the docstring of a problem with a section on its fields, before its examples."""
    entries = []
    for field, range_ in zip(fields, allowed, strict=True):
        data = field.metadata
        default = default_text(field)
        kind = [unit_of(field), f"one per {data['per']}", f"default {default}" if default else "required"]
        meaning = f"{data['symbol']}: {data['meaning']}" if data["symbol"] else data["meaning"]
        entries.append((field.name, ", ".join(filter(None, kind)), f"{meaning}; {range_}"))
    return _with_section(written, "Parameters", entries)


def with_attributes(written: str | None, fields: Sequence[Field[Any]]) -> str:
    """Return the docstring of variables with a section that says what each of them is."""
    entries = []
    for field in fields:
        kind = ", ".join(filter(None, [unit_of(field), f"one per {field.metadata['per']}"]))
        entries.append((field.name, kind, field.metadata["meaning"]))
    return _with_section(written, "Attributes", entries)


def signature(fields: Sequence[Field[Any]]) -> inspect.Signature:
    """Return what a problem is made from: its fields by name, with their defaults; None where users' differ."""

    def default(field: Field[Any]) -> Any:
        value = field.metadata["default"]
        if value is None:
            return inspect.Parameter.empty
        return field.metadata["choices"][int(value)] if field.metadata["choices"] else None if callable(value) else value

    return inspect.Signature(
        [
            inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, default=default(f))
            for f in sorted(fields, key=lambda f: f.metadata["default"] is not None)
        ]
    )


def _with_section(written: str | None, title: str, entries: Iterable[tuple[str, str, str]]) -> str:
    section = [title, "-" * len(title)]
    for name, kind, text in entries:
        section += [f"{name} : {kind}", f"    {text}."]
    head, examples, rest = inspect.cleandoc(written or "").partition("\n\nExamples\n")
    return "\n\n".join([head, "\n".join(section)]) + examples + rest
