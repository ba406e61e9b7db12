"""The console that every command prints to."""

from rich.console import Console

WIDE = 150
"""Columns where the output is no terminal, so that a table in a file or a pipe is whole."""


def console() -> Console:
    """Return a console that never cuts a table where the output is no terminal."""
    screen = Console(highlight=False)
    return screen if screen.is_terminal else Console(highlight=False, width=WIDE)
