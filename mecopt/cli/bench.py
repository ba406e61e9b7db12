"""`mecopt bench`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mecopt.cli.numbers import Whole

if TYPE_CHECKING:
    from rich.console import Console

    from mecopt.compare.bench.plans import Step
    from mecopt.compare.bench.rows import Measurement
    from mecopt.contract.problem import Problem


@click.command("bench")
@click.argument("problem", required=False)
@click.option("--warm-starts", is_flag=True, help="Measure instead what starts save each solver that takes one.")
@click.option("--gradients", is_flag=True, help="Measure instead gradients, beside cvxpylayers where it is installed.")
@click.option(
    "--quick", is_flag=True, help="Small sizes: whether all rows come out, with figures that are good for nothing else."
)
@click.option("--json", "as_json", is_flag=True, help="One object of JSON in place of tables.")
@click.option("--history", type=click.Path(path_type=Path), help="Add this run to a file, a line of JSON per run.")
@click.option("--seed", type=Whole(0), default=0, show_default=True, help="Seed of the instances.")
def command(
    problem: str | None,
    warm_starts: bool,
    gradients: bool,
    quick: bool,
    as_json: bool,
    history: Path | None,
    seed: int,
) -> None:
    """Measure PROBLEM (or all) beside what one would otherwise call: other solvers directly, by cvxpy and by Pyomo.

    A ratio is that of processor times, medians of calls by turns in this process, linear algebra in one thread. "Waited" is
    wall time until the task is done, on this machine, as busy as it is.

    With --warm-starts: a start pays if start and solve together take over 5 % less than cold in the median, and less on
    three quarters of the instances, with answers no worse.

    With --gradients: value and allocation forward, gradients of both backward, by mecopt.torch.allocate and by a layer of
    cvxpylayers on the same cone program (pip install cvxpylayers).
    """
    from mecopt.cli.console import console
    from mecopt.registry import find_problem, problem_names

    if warm_starts and gradients:
        raise click.UsageError("--warm-starts and --gradients are benches of their own; give one of them")
    if warm_starts and (quick or as_json or history):
        raise click.UsageError("--warm-starts prints tables only; leave out --quick, --json and --history")
    classes = [find_problem(name) for name in ([problem] if problem else problem_names())]
    screen = console(errors=as_json)
    if warm_starts:
        for cls in classes:
            screen.print(f"[bold]{cls.name}[/bold] (seed {seed}; medians of calls by turns in this process)")
            _show_starts(screen, cls, seed)
        return
    _measure(screen, classes, seed, quick, as_json, history, gradients)


def _measure(
    screen: Console,
    classes: list[type[Problem]],
    seed: int,
    quick: bool,
    as_json: bool,
    history: Path | None,
    gradients: bool,
) -> None:
    from mecopt.compare.bench import record

    if history is not None:
        record.require_history(history)
    before = record.machine()
    load = "" if before["load"] is None else f", load {before['load']} before"
    screen.print(f"{before['processor']}, {before['cores']} cores{load}; linear algebra in one thread")
    found: dict[str, list[Measurement]] = {}
    for cls in classes:
        screen.print(f"[bold]{cls.name}[/bold] (seed {seed}; medians of calls by turns in this process)")
        found[cls.name] = _show_ratios(screen, cls, seed, quick, gradients)
    rows = [row for some in found.values() for row in some]
    if late := record.disturbed(rows):
        screen.print(
            f"Other work ran beside: in {late} of {len(rows)} rows somebody waited over {record.BUSY} times the processor "
            "time, of which ratios are."
        )
    run: dict[str, Any] = record.document(found, seed=seed, quick=quick, before=before)
    if history is not None:
        record.append(history, run)
    if as_json:
        click.echo(json.dumps(run, indent=1))


def _show_ratios(screen: Console, cls: type[Problem], seed: int, quick: bool, gradients: bool) -> list[Measurement]:
    from mecopt.cli.console import told_progress
    from mecopt.compare import bench as module
    from mecopt.compare.bench.known import missing
    from mecopt.compare.bench.rivals import LIMIT

    planned = (
        _gradients(screen, cls, seed, quick) if gradients else module.steps(cls, seed, module.quick(cls) if quick else None)
    )
    if not planned:
        return []
    screen.print(
        f"  {len(planned)} measurements, at least {sum(step.seconds for step in planned):.0f} s; an outside solver may take "
        f"minutes, and is cut off after {LIMIT:.0f} s a call"
    )
    for rival in () if gradients else missing(cls):
        screen.print(f"  left out: {rival.name}, whose package {rival.package} is not installed")
    rows: list[Measurement] = []
    table: list[Measurement] = []
    with told_progress(screen) as progress:
        for row in module.measured(planned, progress):
            if table and row.group != table[0].group:
                _show_group(screen, table)
                table = []
            rows.append(row)
            table.append(row)
        if table:
            _show_group(screen, table)
    screen.print("  ratio: the second CPU time over the first one; above 1 x, what stands first is the faster one")
    return rows


def _gradients(screen: Console, cls: type[Problem], seed: int, quick: bool) -> list[Step]:
    """Return what is measured of gradients, or say why nothing is."""
    from mecopt.torch.bench import steps, why_none

    if why := why_none(cls):
        screen.print(f"  {why}")
    return steps(cls, seed, quick)


def _show_group(screen: Console, rows: list[Measurement]) -> None:
    from mecopt.compare.bench.rows import HEADERS

    screen.print(f"  {rows[0].group}; waited: for {rows[0].task}")
    cells = [HEADERS, *(row.cells() for row in rows)]
    widths = [max(len(line[place]) for line in cells) for place in range(len(HEADERS) - 1)]
    left = (0, 3)
    for line in cells:
        parts = [
            f"{text:<{width}}" if place in left else f"{text:>{width}}"
            for place, (text, width) in enumerate(zip(line, widths, strict=False))
        ]
        screen.print(f"    {'  '.join([*parts, line[-1]])}".rstrip(), soft_wrap=True)


def _show_starts(screen: Console, cls: type[Problem], seed: int) -> None:
    from rich.table import Table

    from mecopt.cli.console import told_progress
    from mecopt.compare.warm_starts import HEADERS, closing, matrix, refusing, warm_starts

    def line(cells: tuple[str, ...]) -> str:
        source, *numbers, verdict = cells
        return f"    {source:<12}" + "".join(f"{text:>11}" for text in numbers) + f"   {verdict}"

    screen.print(f"  take no start: {', '.join(refusing(cls))}")
    screen.print("  every solver that takes one, on every stream; this takes minutes")
    cells = []
    with told_progress(screen) as progress:
        for cell in warm_starts(cls, seed, progress=progress):
            cells.append(cell)
            screen.print(f"  {cell.title}")
            screen.print(line(HEADERS))
            for row in cell.rows:
                screen.print(line(row.cells()).rstrip())
            if cell.consumer.takes != "answer" and all(row.source != "learned" for row in cell.rows):
                screen.print("    learned      no policy ships for these instances")
    headers, rows = matrix(cells)
    title = "cold total over this total (*: pays, =: any price is the optimum, !: worse answers)"
    grid = Table(title=title, title_justify="left", box=None)
    for number, header in enumerate(headers):
        grid.add_column(header, justify="right" if number > 2 else "left", no_wrap=True)
    for texts in rows:
        grid.add_row(*texts)
    screen.print(grid)
    unused = sum(row.instances - row.used for cell in cells for row in cell.rows if row.source != "cold")
    screen.print(f"  {'Every start was used.' if not unused else f'{unused} starts were not used.'} {closing(cls, cells)}")
