"""`mecopt warm-up`."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click


@click.command("warm-up")
@click.argument("problems", nargs=-1, metavar="[PROBLEM]...")
@click.option("--this-processor", is_flag=True, help="Compile for this very processor what came with mecopt for many.")
def command(problems: tuple[str, ...], this_processor: bool) -> int:
    """Compile all kernels of each PROBLEM, or of all problems, so that no later command waits for them.

    They are kept in the package's own folders, or in the user's where nobody may write to those (NUMBA_CACHE_DIR names
    another one), until mecopt, numba, Python or the processor changes. The exit code is 1 if they cannot be kept. What came
    with mecopt as compiled code is not compiled, unless it is for this very processor.
    """
    from mecopt.cli.console import progress
    from mecopt.kernels import prebuilt
    from mecopt.registry import find_problem, problem_names
    from mecopt.running import waiting
    from mecopt.running.warm_up import is_prebuilt, is_warm, note_warm, steps

    if this_processor:
        os.environ[prebuilt.SWITCH] = "0"
    began, compiled = time.perf_counter(), 0.0
    wanted = [find_problem(name) for name in dict.fromkeys(problems or problem_names())]
    came = [cls for cls in wanted if not is_warm(cls) and is_prebuilt(cls)]
    cold = [cls for cls in wanted if not is_warm(cls) and cls not in came]
    if cold:
        if prebuilt.prebuilt().obstacle:
            click.echo(f"the kernels that came with mecopt cannot be used: {prebuilt.prebuilt().obstacle}", err=True)
        known = list(map(waiting.seconds_of_all, cold))
        long = waiting.in_words(None if None in known else sum(filter(None, known)))
        click.echo(f"compiling the kernels of {_names(cold)}: up to {long}, once per machine", err=True)
    with progress("compiling") as tell_done, waiting.silence():
        todo = [(cls, steps(cls)) for cls in cold]
        done, total = 0, sum(len(calls) for _, calls in todo)
        for cls, calls in todo:
            for call in calls:
                tell_done(done, total)
                compiled += call()
                done += 1
            note_warm(cls)
    if came:
        which = f"for every processor that has all of {prebuilt.prebuilt().baseline}"
        click.echo(f"{_names(came)}: nothing to compile, the kernels came with mecopt, {which}; ", nl=False)
        click.echo("--this-processor compiles them for this one")
    others = [cls for cls in wanted if cls not in came]
    if not others:
        return 0
    if compiled:
        seconds = time.perf_counter() - began
        click.echo(f"{_names(others)}: compiled in {seconds:.0f} s, {compiled:.0f} s of them by the compiler")
    else:
        click.echo(f"{_names(others)}: nothing to compile")
    return _kept()


def _names(problems: Sequence[Any]) -> str:
    return ", ".join(cls.name for cls in problems)


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
