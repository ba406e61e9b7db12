"""What every command prints to, and the sign of life of those that take long."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, Timer
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from mecopt.running import clock
from mecopt.show.printable import printable

if TYPE_CHECKING:
    from mecopt.evaluation.reproduction import Progress

WIDE = 150
"""Columns where the output is no terminal, so that a table in a file or a pipe is whole."""

BETWEEN = 20.0
"""Seconds at least between two lines that say where the work is."""

SILENT = 5.0
"""Seconds after which a command that has said nothing says that it is at work."""


_LOWERED = str.maketrans("⁻⁺⁰¹²³⁴⁵⁶⁷⁸⁹", "-+0123456789")


class _Screen(Console):
    """A console that colours what it is told to, and spells out what its texts would do."""

    def print(self, *objects: Any, **how: Any) -> None:
        """Print texts and tables."""
        super().print(*(printable(one) if isinstance(one, str) else one for one in objects), **how)


def console(errors: bool = False) -> Console:
    """Return a console that never cuts a table where the output is no terminal."""
    stream: Any = sys.stderr if errors else sys.stdout
    file = getattr(stream, "whole", stream)
    screen = _Screen(highlight=False, file=file)
    return screen if screen.is_terminal else _Screen(highlight=False, file=file, width=WIDE)


def spelt(text: str, encoding: str) -> str:
    """Return text with exponents as an output of this encoding can show them.

    >>> spelt("2·10⁻¹⁶", "utf-8"), spelt("2·10⁻¹⁶", "cp1252"), spelt("x²", "cp1252"), spelt("x²", "ascii")
    ('2·10⁻¹⁶', '2·10^-16', 'x²', 'x^2')
    """

    def shown(raised: re.Match[str]) -> str:
        try:
            raised[0].encode(encoding)
        except UnicodeEncodeError:
            return "^" + raised[0].translate(_LOWERED)
        return raised[0]

    return re.sub("[⁻⁺⁰¹²³⁴⁵⁶⁷⁸⁹]+", shown, text)


def columns() -> int:
    """Return how many columns of text the output holds."""
    return console().width


@contextmanager
def told_progress(screen: Console) -> Iterator[Progress]:
    """Show where long work is: a bar where a terminal can move it, else a line on standard error now and then."""
    errors = console(errors=True)
    watched = screen if screen.is_terminal else errors
    began = said = clock.now()
    if watched.is_interactive:
        with _bar(watched, "starting") as told:
            yield told
        return

    def line(what: str, done: int, total: int) -> None:
        nonlocal said
        now = clock.now()
        if now - said >= BETWEEN and done < total:
            said = now
            click.echo(f"{done} of {total} done after {now - began:.0f} s; now {what}", err=True)

    yield line


@contextmanager
def at_work() -> Iterator[None]:
    """Say once on standard error, after a while, that work goes on.

    Who waits for kernels knows that already, see `mecopt.running.waiting`: their time does not count. Nothing is said once
    the work has ended, even where the timer has fired in the same moment.
    """
    working, speaking = True, Lock()
    timers: list[Timer] = []

    def begin() -> None:
        timers.append(Timer(SILENT, speak))
        timers[-1].daemon = True
        timers[-1].start()

    def speak() -> None:
        with speaking:
            if working and clock.stands_still():
                begin()
            elif working:
                click.echo("still at work", err=True)

    begin()
    try:
        yield
    finally:
        with speaking:
            working = False
            timers[-1].cancel()


@contextmanager
def progress(task: str, wanted: bool = True) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on standard error where a terminal can move it; what it yields takes how much is done, and of how much."""
    with _bar(console(errors=True), task, wanted) as told:
        yield lambda done, total: told(task, done, total)


@contextmanager
def _bar(watched: Console, first: str, wanted: bool = True) -> Iterator[Progress]:
    """Show the one bar that all commands have, where a terminal can move it; elsewhere not even its end of line."""
    if not (wanted and watched.is_interactive):
        yield lambda what, done, total: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}", markup=False), BarColumn(20), MofNCompleteColumn())
    times = (TimeElapsedColumn(), TextColumn("left about"), TimeRemainingColumn())
    with Bar(*columns, *times, console=watched, transient=True) as bar:
        task = bar.add_task(first, total=None)
        yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)
