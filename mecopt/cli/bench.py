"""`mecopt bench`."""

from __future__ import annotations

import click


@click.command("bench")
@click.argument("problem", required=False)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the instances.")
def command(problem: str | None, seed: int) -> None:
    """Measure PROBLEM (or all) beside scipy SLSQP, cvxpy solvers, SCIP and HiGHS: ratios of medians in one run."""
    from mecopt.cli.console import console
    from mecopt.compare.bench import bench
    from mecopt.registry import find_problem, problem_names

    screen = console()
    for name in [problem] if problem else problem_names():
        cls = find_problem(name)
        screen.print(f"[bold]{name}[/bold] (seed {seed}; medians of calls by turns in this process)")
        group = ""
        for row in bench(cls, seed):
            if row.group != group:
                group = row.group
                screen.print(f"  {group}")
            subject, seconds, rival, rival_seconds, ratio = row.cells()
            screen.print(f"    {subject:<44} {seconds:>9}   {rival:<34} {rival_seconds:>9}   {ratio:>14}".rstrip())
