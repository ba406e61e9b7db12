"""`mecopt solve`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from mecopt.cli.files import file_options, tell
from mecopt.cli.numbers import NUMBER, Whole


@click.command("solve")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--problem", help="Name of the problem, where the file does not tell.")
@file_options
@click.option("--solver", help="Solver over decisions; the default is exact. See `mecopt list PROBLEM`.")
@click.option("--index", type=Whole(0), help="Solve only this instance of a batch.")
@click.option("--gap", type=NUMBER, help="Stop at this proved relative gap; without it, search to rounding.")
@click.option(
    "--time-limit",
    type=NUMBER,
    help="Seconds for all instances together, modelling and proof included; what easy ones leave goes to hard ones.",
)
@click.option("--threads", type=Whole(1), default=1, show_default=True, help="Threads that share a batch, at most.")
@click.option("--seed", type=Whole(0), default=0, show_default=True, help="Seed of solvers that draw.")
@click.option("--all", "whole", is_flag=True, help="Show every user, or every instance of a batch, not the first ones.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Also write the answers: .csv, .tsv, .parquet or .json."
)
@click.option("--plot", type=click.Path(path_type=Path), help="Also draw the answer: .png, .svg or .pdf.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def command(
    file: Path,
    problem: str | None,
    solver: str | None,
    index: int | None,
    gap: float | None,
    time_limit: float | None,
    threads: int,
    seed: int,
    whole: bool,
    output: Path | None,
    plot: Path | None,
    as_json: bool,
    **told: Any,
) -> Any:
    """Solve the instances of FILE and print the certified answers.

    FILE is .json, .csv, .tsv, .parquet, .npz, .npy or .mat. The answers that `-o` writes have a row per instance and user.
    """
    import json

    import numpy as np

    from mecopt.cli.console import at_work, columns, progress
    from mecopt.contract.errors import InstanceError
    from mecopt.data import load
    from mecopt.data.answers import answer_dict, require_answer_suffix, require_picture, write_answer, write_picture
    from mecopt.data.names import of_instance
    from mecopt.running.budget import watched
    from mecopt.show.solution import page
    from mecopt.solve import solve
    from mecopt.storage.atomic import require_file, require_other

    if output is not None:
        require_answer_suffix(output)
        require_file(output)
        require_other(file, output)
    if plot is not None:
        require_picture(plot)
        require_other(file, plot)
    data = load(file, problem, **told)
    tell(data)
    instances, names = data.problem, data.names
    if index is not None:
        if not instances.batch_shape:
            raise InstanceError(f"{file} holds a single instance; leave --index out")
        if index >= instances.batch_shape[0]:
            raise InstanceError(f"--index is {index}; allowed: 0 to {instances.batch_shape[0] - 1}")
        instances, names = instances[index], of_instance(names, index)
    elif instances.batch_shape and instances.instances == 1:
        instances = instances.flat()[0]
    rng = np.random.default_rng(seed)
    with at_work(), progress("solving", wanted=instances.instances > 1) as tell_done, watched(tell_done):
        solution = solve(instances, solver=solver, gap=gap, time_limit=time_limit, threads=threads, throw=False, rng=rng)
    # What cannot be written, open in another program or on a full disk, does not keep the answer from being printed.
    unwritten: list[str] = []
    if output is not None:
        unwritten += _written(output, lambda: write_answer(output, solution, names))
    if plot is not None and np.isfinite(solution.objective).any():
        unwritten += _written(plot, lambda: write_picture(plot, solution))
    elif plot is not None:
        click.echo(f"not drawn: {plot}: no instance has an answer", err=True)
    if as_json:
        click.echo(json.dumps(answer_dict(solution, names)))
    else:
        click.echo(page(solution, whole).text(columns()))
    if unwritten:
        raise InstanceError(f"the answer is above, but {' and '.join(unwritten)}")
    counts = solution.statuses()
    return 1 if {"FAILED", "INFEASIBLE"} & counts.keys() else 4 if "LIMIT" in counts else 0


def _written(path: Path, write: Callable[[], None]) -> list[str]:
    """Write a file and say so; return what keeps it from being written."""
    try:
        write()
    except OSError as error:
        return [f"{path} could not be written: {error.strerror or error}"]
    click.echo(f"written: {path}", err=True)
    return []
