"""`mecopt sweep`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mecopt.cli.doubts import strict_option
from mecopt.cli.files import limit_option
from mecopt.cli.many import many_options
from mecopt.cli.numbers import NUMBER, Whole

if TYPE_CHECKING:
    from mecopt.sweeps.figures import Spot


FINDINGS = 12
"""Most findings that the terminal is told; the report has all."""


@click.command("sweep")
@click.argument("problem")
@click.option(
    "--over",
    multiple=True,
    required=True,
    metavar="NAME=VALUE,...",
    help="An axis of the grid: users=10,30, preset=paper,heterogeneous, 'capacity=20 MB/s,40 MB/s'; repeatable.",
)
@click.option("--methods", help="Solvers, 'learned', 'learned:FOLDER'; commas between.")
@click.option("--count", type=Whole(1), default=1000, show_default=True, help="Instances of each point and seed.")
@click.option("--seeds", type=Whole(1), default=5, show_default=True, help="How many seeds draw instances, from 0 on.")
@click.option("--preset", help="Scenario of all points, where it is no axis; 'paper' unless given.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A size or field of all points; repeatable.")
@limit_option
@click.option("--time-limit", type=NUMBER, help="Seconds for each method on each part of up to 250 instances.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for table, report, pictures.")
@click.option("--dry-run", is_flag=True, help="Say how many parts there are, and how many stand, and do nothing.")
@strict_option
@many_options
def command(
    problem: str,
    over: tuple[str, ...],
    methods: str | None,
    count: int,
    seeds: int,
    preset: str | None,
    settings: tuple[str, ...],
    limits: Path | None,
    time_limit: float | None,
    output: Path,
    dry_run: bool,
) -> Any:
    """Run methods side by side over a grid of settings of PROBLEM.

    The instances of a point and a seed are those that `mecopt sample` draws with the same settings and seed. Writes
    results.parquet with the settings as columns, report.html, and a picture of each figure over each axis. An interrupted
    run goes on where it stopped when the same command is given again, and more seeds or values are added to what stands.
    The exit code is 1 if some instance has no answer from any of the methods, and 4 if a limit cut an answer short.
    """
    from contextlib import nullcontext

    from mecopt.cli.console import at_work, console, progress
    from mecopt.compare.results import RESULTS
    from mecopt.data.files import read_limits
    from mecopt.quantities.settings import field_values
    from mecopt.registry import find_problem
    from mecopt.sweeps.grid import axes_of
    from mecopt.sweeps.report import REPORT, findings, table, write_report
    from mecopt.sweeps.run import plan, sweep

    cls = find_problem(problem)
    given: dict[str, Any] = {
        "out": output,
        "count": count,
        "seeds": seeds,
        "preset": preset,
        "settings": field_values(cls, settings),
        "limits": () if limits is None else read_limits(limits),
        "time_limit": time_limit,
    }
    axes = axes_of(cls, over)
    names = None if methods is None else [name.strip() for name in methods.split(",") if name.strip()]
    screen = console()
    if dry_run:
        for text in plan(cls, axes, names, **given).report():
            screen.print(text, markup=False)
        return 0
    reported: list[list[Spot]] = []
    shown = console(errors=True).is_interactive
    with progress("sweeping") as tell_done, nullcontext() if shown else at_work():
        try:
            found = sweep(
                cls,
                axes,
                names,
                progress=tell_done,
                report=lambda found: reported.append(write_report(found, output)),
                **given,
            )
        except KeyboardInterrupt:
            click.echo(f"finished parts are kept in {output}/parts: the same command goes on from there", err=True)
            raise
    (spots,) = reported
    screen.print(found._line(), markup=False)
    for row in table(found, spots).lines(screen.width):
        screen.print(row, markup=False, no_wrap=True, overflow="ignore", crop=False)
    said = findings(found, spots)
    for text in said[:FINDINGS]:
        screen.print(f"- {text}", markup=False)
    if len(said) > FINDINGS:
        screen.print(f"- and {len(said) - FINDINGS} more, in {REPORT}", markup=False)
    drawn = sorted(path.name for path in output.glob("*-over-*.png"))
    screen.print(f"written: {output}/{', '.join([REPORT, *drawn, RESULTS])}", markup=False)
    if any(spot.summary.unanswered for spot in spots):
        return 1
    return 4 if any(line.limited for spot in spots for line in spot.summary.lines) else 0
