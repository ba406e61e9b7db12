"""`mecopt reproduce`."""

from __future__ import annotations

from pathlib import Path

import click

from mecopt.cli.many import many_options
from mecopt.cli.numbers import Whole

QUICK_ROWS = 8
"""Rows of a table that a quick run prints; their figures mean nothing."""


@click.command("reproduce")
@click.argument("paper", required=False)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder for results, pictures and trained policies.")
@click.option("--seeds", type=Whole(1), help="Repetitions with different random numbers; by default the paper's plan.")
@click.option("--quick", is_flag=True, help="A smoke test on a small scale; its verdicts mean nothing.")
@many_options
def command(paper: str | None, output: Path | None, seeds: int | None, quick: bool) -> None:
    """Run the evaluation of PAPER again, beside the proved optimum, and judge each of its claims.

    Writes results.md, results.json and the pictures. An interrupted run goes on when the same command is given again.
    """
    from rich.markup import escape
    from rich.table import Table

    from mecopt.cli.console import console, told_progress
    from mecopt.contract.errors import InstanceError
    from mecopt.parallel import folder_of_run
    from mecopt.registry import find_reproduction, reproduction_names

    screen = console()
    if paper is None:
        for name in reproduction_names():
            screen.print(f"[bold]{name}[/bold]  {escape(find_reproduction(name).title)}")
        return
    reproduction = find_reproduction(paper)
    if output is None:
        raise InstanceError("reproduce needs a folder for its results: -o FOLDER")
    with folder_of_run(output):
        try:
            with told_progress(screen) as progress:
                findings = reproduction.run(
                    output,
                    seeds=seeds or (2 if quick else reproduction.seeds),
                    quick=quick,
                    progress=progress,
                )
        except KeyboardInterrupt:
            click.echo(f"what was finished is kept in {output}: the same command goes on from there", err=True)
            raise
        written = findings.write(output)
    screen.print(f"[bold]{escape(findings.title)}[/bold]")
    if quick:
        screen.print(
            "This is the quick version: a test that everything runs. Its figures mean nothing, so nothing is judged."
        )
    for result in findings.tables:
        title, caption = escape(result.name), escape(result.caption)
        grid = Table(title=title, caption=caption, title_justify="left", caption_justify="left", box=None)
        for number, header in enumerate(result.headers):
            grid.add_column(escape(header), justify="right" if number else "left")
        shown = result.rows[:QUICK_ROWS] if quick else result.rows
        for row in shown:
            grid.add_row(*map(escape, row))
        screen.print(grid)
        if len(shown) < len(result.rows):
            screen.print(f"... and {len(result.rows) - len(shown)} more rows in results.md")
        screen.print()
    colours = {"holds": "green", "exceeded": "green", "fails": "red"}
    for claim in findings.claims:
        colour = colours.get(claim.verdict, "yellow")
        screen.print(
            "" if quick else f"[{colour}]{claim.verdict.upper()}[/{colour}]  ",
            escape(f"{claim.where}: {claim.text}"),
            sep="",
        )
        for line in claim.evidence.splitlines():
            screen.print(f"    {line}", markup=False)
    screen.print(f"written: {output}/{', '.join(written)}", markup=False)
