"""Pages that cannot fall behind the code: tables of a problem's declarations, and its lesson with the checks' figures.

In a page, `{fields} binary-offloading` in a directive's fence gives the table of the fields, and likewise `variables`,
`presets`, `backends`, `solvers` and `lesson`. All are written as Markdown and read by the page's own parser. A lesson is
run when the page is built; a check that fails is a warning, which fails the build.

Docstrings are read as NumPy's, and signatures are written in the names of the code.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from docutils import nodes
from docutils.statemachine import StringList
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sphinx.application import Sphinx
from sphinx.ext.napoleon import Config, NumpyDocstring
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import nested_parse_with_titles
from sphinx.util.typing import stringify_annotation

from mecopt import Problem, find_problem
from mecopt.cli.main import COMMANDS
from mecopt.contract.backend import Feature
from mecopt.contract.fields import at_least
from mecopt.quantities.hints import level_unit
from mecopt.teach.page import asset, fragment

logger = logging.getLogger(__name__)

_GREEK = ("alpha", "mu", "phi", "sigma")
_TYPES = {
    stringify_annotation(kind, "smart"): name
    for kind, name in (
        (ArrayLike, "ArrayLike"),
        (DTypeLike, "DTypeLike"),
        *((NDArray[entry], "Array") for entry in (Any, np.float64, np.int64, np.int8)),
    )
}
_STARTS = {Feature.WARM_PRIMAL: "yes", Feature.WARM_PRIMAL_DUAL: "primal and dual"}


def _math(symbol: str) -> str:
    r"""Typeset a symbol as the classes write it: ``f^loc``, ``alpha``, ``sigma^2``, ``N0``."""
    base, _, raised = re.sub(r"^([A-Z])(\d)$", r"\1_\2", symbol).partition("^")
    base = chr(92) + base if base in _GREEK else base
    return f"${base}^{{\\mathrm{{{raised}}}}}$" if raised else f"${base}$"


def _default(default: Any) -> str:
    if default is None:
        return "required"
    if callable(default):
        return ", ".join(f"{value:g}" for value in default(4)) + ", ..."
    return "no limit" if np.isinf(default) else f"{default:g}"


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    head = list(header)
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


def fields(cls: type[Problem]) -> Iterator[str]:
    """Write the fields with symbol, unit and default."""
    rows = []
    for f in dataclasses.fields(cls):
        data = f.metadata
        symbol, default = _math(data["symbol"]), _default(data["default"])
        meaning = f"{data['meaning']}; 0: {data['zero']}" if data["zero"] else data["meaning"]
        units = f"{data['unit']}, {level_unit(f)}" if level_unit(f) else data["unit"]
        rows.append([f"`{f.name}`", symbol, meaning, units, data["per"], at_least(f), default])
    yield from _table(("field", "symbol", "meaning", "unit", "one per", "allowed", "default"), rows)


def variables(cls: type[Problem]) -> Iterator[str]:
    """Write what an allocation and a dual consist of."""
    rows = []
    for kind, part in (("allocation", cls.Allocation), ("dual", cls.Dual)):
        for f in dataclasses.fields(part):
            rows.append([kind, f"`{f.name}`", f.metadata["unit"], f.metadata["per"], f.metadata["meaning"]])
    yield from _table(("kind", "variable", "unit", "one per", "meaning"), rows)


def presets(cls: type[Problem]) -> Iterator[str]:
    """Write every preset with the source of each of its numbers."""
    for name, scenario in cls.presets.items():
        sizes = ", ".join(f"{getattr(scenario, size)} {size}" for size in cls.size_names())
        yield from (f"**`{name}`**, {sizes}: {scenario.summary}.", "")
        yield from _table(("field", "where it is from"), ([f"`{k}`", source] for k, source in scenario.sources.items()))


def backends(cls: type[Problem]) -> Iterator[str]:
    """Write the backends, which answer a fixed decision; the first is the default."""
    rows = ([f"`{b.name}`", b.summary, _start(b.features), _needs(b)] for b in cls.backends.values())
    yield from _table(("backend", "what it does", "takes a start", "needs"), rows)


def solvers(cls: type[Problem]) -> Iterator[str]:
    """Write the solvers, which decide as well; the first is the default."""
    rows = (
        [f"`{s.name}`", s.summary, "yes" if Feature.INTEGER in s.features else "", _start(s.features), _needs(s)]
        for s in cls.solvers.values()
    )
    yield from _table(("solver", "what it does", "proves by itself", "takes a start", "needs"), rows)


def lesson(cls: type[Problem]) -> Iterator[str]:
    """Run the lesson and write its steps with the figures of their checks, below the page's own heading."""
    told = cls.lesson()
    outcomes = told.run()
    for step, outcome in zip(told.steps, outcomes, strict=True):
        if not outcome.passed:
            logger.warning("%s: the check of %r failed: %s", cls.name, step.title, outcome.text)
    pictures = {n: _raw(fragment(step.figure)) for n, step in enumerate(told.steps, 1) if step.figure is not None}
    _, _, text = told.markdown(outcomes, pictures).partition("\n")
    yield from re.sub(r"^## ", "### ", text, flags=re.M).splitlines()
    if pictures:
        yield from _raw(f"<style>{asset('page.css')}</style><script>{asset('page.js')}</script>").splitlines()


def _raw(text: str) -> str:
    """Return HTML as Markdown takes it as it is."""
    return f"\n`````{{raw}} html\n{text}\n`````\n"


def _start(features: Feature) -> str:
    return next((text for flag, text in _STARTS.items() if flag in features), "")


def _needs(one: Any) -> str:
    return f"`mecopt[{one.extra}]`" if one.extra else ""


class _Generated(SphinxDirective):
    """A directive that takes a problem's name and is replaced by Markdown written from its class."""

    required_arguments = 1
    write: Callable[[type[Problem]], Iterable[str]]

    def run(self) -> list[nodes.Node]:
        """Write the Markdown and have the page's parser read it."""
        cls = find_problem(self.arguments[0])
        for source in (*Path(inspect.getfile(cls)).parent.glob("*.py"), Path(__file__)):
            self.env.note_dependency(str(source))
        lines = StringList(list(type(self).write(cls)), self.env.docname)
        # Straight into the page's section: of a container, headings would be moved before what stands above them.
        nested_parse_with_titles(self.state, lines, self.state_machine.node)
        return []


class _Commands(SphinxDirective):
    """A directive that is replaced by a section for every command, with the help that it prints."""

    def run(self) -> list[nodes.Node]:
        """Ask every command for its help."""
        text: list[str] = []
        for name in COMMANDS:
            command = importlib.import_module(f"mecopt.cli.{name.replace('-', '_')}").command
            context = click.Context(command, info_name=f"mecopt {name}", max_content_width=100, terminal_width=100)
            text += [f"## mecopt {name}", "", "```text", *command.get_help(context).splitlines(), "```", ""]
        nested_parse_with_titles(self.state, StringList(text, self.env.docname), self.state_machine.node)
        return []


def read_docstring(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Read a docstring's sections; attributes have none, and napoleon would take text before a colon for their type."""
    if what not in ("attribute", "data", "property"):
        config = Config(napoleon_custom_sections=["Reference"], napoleon_use_rtype=False)
        lines[:] = NumpyDocstring(list(lines), config, app, what, name, obj, options).lines()


def write_signature(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    """Write a problem's fields as its constructor takes them, and types under the names that the code has for them."""
    if isinstance(obj, type) and issubclass(obj, Problem) and obj is not Problem:
        given = [f.name + ("" if f.metadata["default"] is None else "=...") for f in dataclasses.fields(obj)]
        return f"(*, {', '.join(given)})", None
    return _plain_types(signature), _plain_types(returned)


def _plain_types(text: str | None) -> str | None:
    if text is None:
        return None
    text = re.sub(r"TypeAliasForwardRef\('(\w+)'\)", r"\1", text)
    for long, short in _TYPES.items():
        text = text.replace(long.replace("~", ""), short).replace(long, short)
    return text


def setup(app: Sphinx) -> dict[str, Any]:
    """Register one directive per kind."""
    for write in (fields, variables, presets, backends, solvers, lesson):
        directive = type(write.__name__, (_Generated,), {"write": staticmethod(write)})
        app.add_directive(write.__name__, directive)
    app.add_directive("commands", _Commands)
    app.connect("autodoc-process-docstring", read_docstring)
    app.connect("autodoc-process-signature", write_signature)
    return {"version": "1", "parallel_read_safe": True}
