"""`mecopt sample`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mecopt.cli.doubts import strict_option
from mecopt.cli.numbers import Whole


@click.command("sample")
@click.argument("problem")
@click.option("--count", type=Whole(1), default=1, show_default=True, help="How many instances.")
@click.option("--seed", type=Whole(0), default=0, show_default=True, help="Seed of the random generator.")
@click.option("--preset", default="paper", show_default=True, help="Scenario to draw from; see `mecopt list PROBLEM`.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="users=20, capacity=40, 'capacity=320 Mbit/s'.")
@strict_option
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="A .npz, .json, .csv, .tsv, .parquet or .mat file.",
)
def command(problem: str, count: int, seed: int, preset: str, settings: tuple[str, ...], output: Path) -> None:
    """Draw instances of PROBLEM and write them, with a data card beside.

    A .mat file also stores the optima, made by the exact solver.
    """
    import numpy as np

    from mecopt.data import save
    from mecopt.quantities.settings import field_values
    from mecopt.registry import find_problem
    from mecopt.solve import solve
    from mecopt.storage.atomic import require_file

    require_file(output)
    cls = find_problem(problem)
    overrides = field_values(cls, settings)
    instances = cls.sample(np.random.default_rng(seed), (count,), preset=preset, **overrides)
    labels = solve(instances) if output.suffix == ".mat" else None
    provenance: dict[str, Any] = {"preset": preset, "seed": seed, "count": count, "set": list(settings)}
    save(output, instances, labels=labels, provenance=provenance)
    drawn = f"{count} instance{'s' if count > 1 else ''} of {problem}"
    click.echo(f"{drawn} with {instances.size_text} in {output} (preset {preset}, seed {seed})")
