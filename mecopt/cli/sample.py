"""`mecopt sample`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.command("sample")
@click.argument("problem")
@click.option("--count", type=click.IntRange(1), default=1, show_default=True, help="How many instances.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the random generator.")
@click.option("--preset", default="paper", show_default=True, help="Scenario to draw from; see `mecopt list`.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="users=20, capacity=40, 'capacity=320 Mbit/s'.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="A .npz, .json or .mat file.")
def command(problem: str, count: int, seed: int, preset: str, settings: tuple[str, ...], output: Path) -> None:
    """Draw instances of PROBLEM and write them, with a data card beside.

    A .mat file also stores the optima, made by the exact solver.
    """
    import numpy as np

    from mecopt.data import save
    from mecopt.registry import find_problem
    from mecopt.solve import solve

    cls = find_problem(problem)
    overrides = field_values(cls, settings)
    instances = cls.sample(np.random.default_rng(seed), (count,), preset=preset, **overrides)
    labels = solve(instances) if output.suffix == ".mat" else None
    provenance: dict[str, Any] = {"preset": preset, "seed": seed, "count": count, "set": list(settings)}
    save(output, instances, labels=labels, provenance=provenance)
    drawn = f"{count} instance{'s' if count > 1 else ''} of {problem}"
    click.echo(f"{drawn} with {instances.size_text} in {output} (preset {preset}, seed {seed})")


def field_values(cls: Any, texts: tuple[str, ...]) -> dict[str, Any]:
    """Read every NAME=VALUE; each name may stand once."""
    from mecopt.solution import InstanceError

    overrides: dict[str, Any] = {}
    for text in texts:
        name, value = _setting(cls, text)
        if name in overrides:
            raise InstanceError(f"--set names {name!r} twice")
        overrides[name] = value
    return overrides


def _setting(cls: Any, text: str) -> tuple[str, Any]:
    """Read NAME=VALUE; a value is a number or a JSON list, and possibly a unit after a space, or a word of a choice."""
    import dataclasses
    import json

    from mecopt.data import in_units
    from mecopt.solution import InstanceError, unknown

    name, equals, value = text.partition("=")
    fields = {f.name: f for f in dataclasses.fields(cls)}
    if not equals:
        raise InstanceError(f"--set {text!r} has no '='; write for example --set users=10")
    sizes = cls.size_names()
    if name not in sizes and name not in fields:
        raise unknown(f"field of {cls.name}", name, [*sizes, *fields])
    if name in fields and fields[name].metadata["choices"] and value.strip()[:1].isalpha():
        return name, value.strip()
    try:
        parsed, end = json.JSONDecoder().raw_decode(value.strip())
        unit = value.strip()[end:]
    except (ValueError, RecursionError):
        parsed, unit = None, "?"
    if (unit and name in sizes) or unit[:1] not in ("", " "):
        allowed = "a whole number" if name in sizes else "a number or a list, and a unit after a space"
        raise InstanceError(f"--set {text!r}: {name} is {value!r}; allowed: {allowed}")
    if name in sizes:
        return name, parsed
    return name, in_units({"value": parsed, "unit": unit.strip()} if unit else parsed, fields[name], cls.__name__)
