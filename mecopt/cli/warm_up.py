"""`mecopt warm-up`."""

from __future__ import annotations

import time
from pathlib import Path

import click


@click.command("warm-up")
@click.argument("problems", nargs=-1, metavar="[PROBLEM]...")
def command(problems: tuple[str, ...]) -> int:
    """Compile all kernels of each PROBLEM, or of all problems, so that no later command waits for them.

    They are kept in the package's own folders, or in the user's where nobody may write to those (NUMBA_CACHE_DIR names
    another one), until mecopt, numba, Python or the processor changes. The exit code is 1 if they cannot be kept.
    """
    from mecopt.cli.console import progress
    from mecopt.registry import find_problem, problem_names
    from mecopt.running import waiting
    from mecopt.running.warm_up import is_warm, note_warm, steps

    began, compiled = time.perf_counter(), 0.0
    wanted = [find_problem(name) for name in dict.fromkeys(problems or problem_names())]
    cold = [cls for cls in wanted if not is_warm(cls)]
    if cold:
        known = list(map(waiting.seconds_of_all, cold))
        long = waiting.in_words(None if None in known else sum(filter(None, known)))
        names = ", ".join(cls.name for cls in cold)
        click.echo(f"compiling the kernels of {names}: up to {long}, once per machine", err=True)
    with progress("compiling") as tell_done, waiting.silence():
        todo = [(cls, steps(cls)) for cls in cold]
        done, total = 0, sum(len(calls) for _, calls in todo)
        for cls, calls in todo:
            for call in calls:
                tell_done(done, total)
                compiled += call()
                done += 1
            note_warm(cls)
    names = ", ".join(cls.name for cls in wanted)
    if compiled:
        click.echo(f"{names}: compiled in {time.perf_counter() - began:.0f} s, {compiled:.0f} s of them by the compiler")
    else:
        click.echo(f"{names}: nothing to compile")
    return _kept()


def _kept() -> int:
    """Say where the kernels are kept; return the exit code."""
    from mecopt.running.warm_up import home

    folder, package = home(), Path(__file__).parents[1]
    if folder is None:
        click.echo("they cannot be kept: no folder for them can be written to; NUMBA_CACHE_DIR names another", err=True)
        return 1
    own = folder.is_relative_to(package)
    click.echo(f"kept in {f'{package}, in folders __pycache__' if own else folder.parent}")
    return 0
