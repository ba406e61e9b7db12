"""`mecopt bench`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mecopt.cli.numbers import Whole

if TYPE_CHECKING:
    from rich.console import Console

    from mecopt.contract.problem import Problem


@click.command("bench")
@click.argument("problem", required=False)
@click.option("--warm-starts", is_flag=True, help="Measure instead what starts save each solver that takes one.")
@click.option("--seed", type=Whole(0), default=0, show_default=True, help="Seed of the instances.")
def command(problem: str | None, warm_starts: bool, seed: int) -> None:
    """Measure PROBLEM (or all) beside scipy SLSQP, cvxpy solvers, SCIP and HiGHS: ratios of medians in one run.

    With --warm-starts: a start pays if start and solve together take over 5 % less than cold in the median, and less on
    three quarters of the instances, with answers no worse.
    """
    from mecopt.cli.console import console
    from mecopt.registry import find_problem, problem_names

    screen = console()
    for name in [problem] if problem else problem_names():
        cls = find_problem(name)
        screen.print(f"[bold]{name}[/bold] (seed {seed}; medians of calls by turns in this process)")
        (_show_starts if warm_starts else _show_ratios)(screen, cls, seed)


def _show_ratios(screen: Console, cls: type[Problem], seed: int) -> None:
    from mecopt.cli.console import told_progress
    from mecopt.compare.bench import TIME_LIMIT, bench, steps

    planned = steps(cls, seed)
    screen.print(
        f"  {len(planned)} measurements, at least {sum(step.seconds for step in planned):.0f} s; an outside solver may take "
        f"minutes, and is cut off after {TIME_LIMIT:.0f} s a call"
    )
    group = ""
    with told_progress(screen) as progress:
        for row in bench(cls, seed, progress=progress):
            if row.group != group:
                group = row.group
                screen.print(f"  {group}")
            subject, seconds, rival, rival_seconds, ratio = row.cells()
            screen.print(f"    {subject:<44} {seconds:>9}   {rival:<34} {rival_seconds:>9}   {ratio:>14}".rstrip())
    screen.print("  x: the second time over the first one; above 1 x, what stands first is the faster one")


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
