"""What is installed: all problems and learners in a line each, and one of them, or a policy that ships, in full."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import Field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mecopt.contract import units
from mecopt.contract.backend import Feature, Installable
from mecopt.contract.errors import unknown
from mecopt.contract.fields import allowed
from mecopt.data.json import written
from mecopt.registry import dynamics_names, find_dynamics, find_learner, find_problem, learner_names, problem_names, problems
from mecopt.show.fields import default_text
from mecopt.show.numbers import counted, entry, plainly, says, unit_of
from mecopt.show.page import Column, Grid, Line, Page
from mecopt.show.sequences import sequence_of, sequences
from mecopt.storage.trained import read_card

if TYPE_CHECKING:
    from mecopt.contract.problem import Problem

STARTS = {Feature.WARM_PRIMAL: "takes a start", Feature.WARM_PRIMAL_DUAL: "takes a primal-dual start"}

EXAMPLE_USERS = 3
"""Users, servers or antennas of the instance that shows how a file is written."""


def overview() -> Page:
    """Return all problems, those that repeat, learners and shipped policies in a line each, and what is not installed."""
    known, learners = problems(), [find_learner(name) for name in learner_names()]
    missing = {_how(one) for cls in known.values() for one in _methods(cls).values() if not one.is_available()}
    parts: list[Line | Grid] = [
        _list("problem", {name: f"{cls.summary}; {_aim(cls)}" for name, cls in known.items()}),
        sequences(),
        _list("learner", {one.name: one.summary for one in learners}),
        _list("policy that ships", {name: _trained(card) for name, card in _shipped().items()}),
        *(Line(text) for text in sorted(missing)),
        Line("a problem in full, its policies slot after slot too, or settings of a learner or policy: mecopt list NAME"),
    ]
    return Page("problems, and who learns on them", parts)


def described(name: str) -> Page:
    """Return a problem, a learner or a shipped policy in full, or say which was meant."""
    if name in dynamics_names():
        return problem_page(find_dynamics(name).problem)
    if name in problem_names():
        return problem_page(find_problem(name))
    if name in learner_names():
        return _learner(name)
    policies = _shipped()
    if name in policies:
        return _policy(name, policies[name])
    known = dict.fromkeys([*problem_names(), *dynamics_names(), *learner_names(), *policies])
    raise unknown("problem, learner or policy", name, known)


def problem_page(cls: type[Problem]) -> Page:
    """Return fields, variables, presets with sources, backends, solvers, what follows slot after slot, and a file's form."""
    parts: list[Line | Grid] = [
        Line(_aim(cls), "objective"),
        Line(cls.decision_summary, "decision"),
        Line(f"{cls.reference.paper}, {cls.reference.equations}", "source"),
        *_fields(cls),
        *_variables(cls),
    ]
    for preset, scenario in cls.presets.items():
        sizes = ", ".join(counted(getattr(scenario, size), size) for size in cls.size_names())
        parts += [
            Line(f"preset {preset}, {sizes}: {scenario.summary}"),
            _list("field", scenario.sources, "where it is from"),
        ]
    for title, methods in (("backend", cls.backends), ("solver", cls.solvers)):
        what = "for a fixed decision" if title == "backend" else "that decides as well"
        parts.append(_list(title, {key: f"{one.summary}{_notes(one)}" for key, one in methods.items()}, what))
    parts += [Line("the first backend and the first solver are the defaults"), *sequence_of(cls)]
    parts += [Line(f"an instance as a file, of {EXAMPLE_USERS} users:"), Line(json.dumps(example(cls)))]
    parts.append(Line(f"JSON Schema: mecopt schema {cls.name}; why it is convex: mecopt explain {cls.name}"))
    return Page(f"{cls.name}: {cls.summary}", parts)


def example(cls: type[Problem]) -> dict[str, Any]:
    """Return a hand-written instance: the fields that have no default, drawn from the first preset and rounded.

    >>> example(find_problem("binary-offloading"))
    {'problem': 'binary-offloading', 'data_size': {'value': [17.7, 10.4, 5.82], 'unit': 'MB'}}
    """
    drawn = cls.sample(
        np.random.default_rng(0), preset=next(iter(cls.presets)), **dict.fromkeys(cls.size_names(), EXAMPLE_USERS)
    )
    found: dict[str, Any] = {"problem": cls.name}
    for f in fields(cls):
        if f.metadata["default"] is None:
            array = getattr(drawn, f.name)
            numbers = written(
                _rounded(array.real) + 1j * _rounded(array.imag) if f.metadata["complex"] else _rounded(array), f
            )
            found[f.name] = numbers if f.metadata["unit"] == "1" else {"value": numbers, "unit": f.metadata["unit"]}
    return found


def _rounded(array: Any) -> Any:
    return np.vectorize(lambda number: float(f"{number:.3g}"))(array)


# ---------------------------------------------------------------------- tables


def _list(title: str, rows: Mapping[str, str], what: str = "what it is") -> Grid:
    return Grid(
        (Column(title, list(rows), right=False), Column(what, list(rows.values()), right=False, words=True)),
    )


def _words(title: str, cells: Iterable[str]) -> Column:
    return Column(title, list(cells), right=False, words=True)


def _fields(cls: type[Problem]) -> Iterator[Grid]:
    own = fields(cls)
    yield Grid(
        (
            Column("field", [f.name for f in own], right=False),
            Column("symbol", [f.metadata["symbol"] for f in own], right=False),
            Column("one per", [f.metadata["per"] for f in own], right=False),
            _words("default", (_defaulted(f) for f in own)),
            _words("allowed", map(allowed, own)),
            _words("meaning", (f.metadata["meaning"] for f in own)),
        )
    )


def _defaulted(f: Field[Any]) -> str:
    default = default_text(f)
    return "required" if not default else default if default == "no limit" else f"{default} {unit_of(f)}".rstrip()


def _variables(cls: type[Problem]) -> Iterator[Grid]:
    for title, kind in (("allocation", cls.Allocation), ("dual", cls.Dual)):
        own = fields(kind)
        yield Grid(
            (
                Column(title, [f.name for f in own], right=False),
                Column("unit", [unit_of(f) for f in own], right=False),
                Column("one per", [f.metadata["per"] for f in own], right=False),
                _words("meaning", (f.metadata["meaning"] for f in own)),
            )
        )


# ---------------------------------------------------------------------- learners and policies


def _learner(name: str) -> Page:
    learner = find_learner(name)
    variants = {
        key: ", ".join(f"{k} {v}" for k, v in changed.items()) or "as it is" for key, changed in learner.variants.items()
    }
    shipped = {one: _trained(card) for one, card in _shipped([name]).items()}
    parts: list[Line | Grid] = [Line(learner.role, "makes"), _list("variant", variants, "settings")]
    parts += [_list("policy that ships", shipped)] if shipped else []
    return Page(f"{name}: {learner.summary}", (*parts, Line(f"mecopt train PROBLEM --learner {name}")))


def _policy(name: str, card: Mapping[str, Any]) -> Page:
    known = {f.name: f for f in fields(find_problem(card["problem"]))}

    def told(key: str, *numbers: float) -> str:
        """Return numbers of a field with its unit, or its words."""
        f = known[key]
        return f"{' to '.join(entry(one, f.metadata['choices']) for one in numbers)} {unit_of(f)}".rstrip()

    ranges = {key: told(key, low, high) for key, (low, high) in card["ranges"].items()}
    constants = {
        key: told(key, value) if isinstance(value, int | float) else plainly(value)
        for key, value in card["constants"].items()
    }
    settings = {key: plainly(value) for key, value in card["settings"].items() if says(value)}
    inputs = _list("field it sees", {key: ranges.get(key, "") for key in card["inputs"]}, "range in training")
    parts: list[Line | Grid] = [Line(f"{card['learner']}, variant {card['variant']}", "learner"), inputs]
    parts += [_list("field held", constants, "value in training")] if constants else []
    return Page(f"{name}: {_trained(card)}", (*parts, _list("setting", settings, "value")))


def _shipped(learners: Iterable[str] | None = None) -> dict[str, dict[str, Any]]:
    """Return the cards of the policies that ship, of all learners unless some are named."""
    names = learner_names() if learners is None else learners
    folders: list[Path] = [folder for name in names for folder in find_learner(name).shipped()]
    return {folder.name: read_card(folder) for folder in folders}


def _trained(card: Mapping[str, Any]) -> str:
    sizes = ", ".join(counted(card[size], size) for size in find_problem(card["problem"]).size_names())
    return f"{card['learner']} trained on {card['problem']}, preset {card.get('preset')}, {sizes}, seed {card.get('seed')}"


# ---------------------------------------------------------------------- words


def _aim(cls: type[Problem]) -> str:
    return f"{cls.sense}s the {units.titled(cls.objective_name, cls.objective_unit)}"


def _methods(cls: type[Problem]) -> dict[str, Any]:
    return {**cls.backends, **cls.solvers}


def _how(one: Installable) -> str:
    what = f"'mecopt[{one.extra}]'" if one.extra else one.package
    return f"not installed: pip install {what}"


def _notes(one: Any) -> str:
    found = [text for flag, text in STARTS.items() if flag in one.features]
    if numbers := getattr(one, "adjustable", None):
        found.append("set by " + "".join(f":{name}={getattr(one, name):g}" for name in numbers))
    return "".join(f"; {text}" for text in [*found, *([] if one.is_available() else [_how(one)])])
