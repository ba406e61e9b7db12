"""`mecopt label`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mecopt.cli.files import file_options, tell
from mecopt.cli.many import many_options
from mecopt.cli.numbers import NUMBER, Whole


@click.command("label")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--problem", help="Name of the problem, where the file does not tell.")
@file_options
@click.option("--solver", help="By default the problem's first, which is exact; see `mecopt list PROBLEM`.")
@click.option("--seed", type=Whole(0), default=0, show_default=True, help="Seed of solvers that draw.")
@click.option("--time-limit", type=NUMBER, help="Seconds for each part of up to 250 instances, which share them.")
@click.option("--proved-only", is_flag=True, help="Leave out the instances without a proved optimum.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="A .npz, .json or .mat file.")
@many_options
def command(
    file: Path,
    problem: str | None,
    solver: str | None,
    seed: int,
    time_limit: float | None,
    proved_only: bool,
    output: Path,
    **told: Any,
) -> Any:
    """Write the instances of FILE with their proved optima, and a data card beside.

    What has no proof is labelled by what is known of it, never OPTIMAL; a .mat file, of the layout of a problem's authors,
    has no place to say so. An interrupted run goes on where it stopped when the same command is given again. The exit code
    is 4 if a limit cut an answer short or an instance was left out, and 1 if some instance has no answer.
    """
    from contextlib import nullcontext

    from mecopt.cli.console import at_work, console, progress
    from mecopt.contract.certified import Status
    from mecopt.data import load
    from mecopt.labelling import label
    from mecopt.show.numbers import counted
    from mecopt.storage.atomic import require_other

    require_other(file, output)
    data = load(file, problem, **told)
    tell(data)
    origin = {f"file_{name}": value for name, value in data.provenance.items() if name not in ("file", "labels", "mecopt")}
    shown = console(errors=True).is_interactive
    with progress("labelling") as tell_done, nullcontext() if shown else at_work():
        try:
            found = label(
                data.problem,
                output,
                solver=solver,
                seed=seed,
                time_limit=time_limit,
                proved_only=proved_only,
                provenance={"file": file.name, **origin},
                progress=tell_done,
            )
        except KeyboardInterrupt:
            click.echo(f"finished parts are kept in {output}.parts: the same command goes on from there", err=True)
            raise
    screen = console()
    counts = ", ".join(f"{count} {name}" for name, count in found.statuses().items())
    screen.print(
        f"{counted(found.problem.instances, 'instances')} of {data.problem.name} in {output}: {counts}", markup=False
    )
    left_out = data.problem.instances - found.problem.instances
    if left_out:
        screen.print(
            f"{counted(left_out, 'instances', 'have')} no proved optimum, and none of them is in the file", markup=False
        )
    status = list(found.status.ravel())
    if Status.FAILED in status or Status.INFEASIBLE in status:
        return 1
    return 4 if Status.LIMIT in status or left_out else 0
