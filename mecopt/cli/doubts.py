"""What commands do with doubtful data: one line on standard error, or with --strict an error."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click


@contextmanager
def told_in_a_line() -> Iterator[None]:
    """Print each doubt once, as a line and without a line of source; other warnings as usual."""
    from mecopt.quantities.doubts import DoubtfulData

    with warnings.catch_warnings():
        usual, said = warnings.showwarning, set()

        def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if not issubclass(category, DoubtfulData):
                usual(message, category, *place, **more)
            elif str(message) not in said:
                said.add(str(message))
                click.echo(f"warning: {message}", err=True)

        warnings.showwarning = show
        warnings.simplefilter("always", DoubtfulData)
        yield


def _strict(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    from mecopt.quantities.doubts import strict

    if value:
        context.with_resource(strict())


strict_option = click.option(
    "--strict",
    is_flag=True,
    expose_value=False,
    callback=_strict,
    help="Refuse data that hardly mean what they say, such as a power gain above 1; without it a warning says so.",
)
"""Makes every doubt about the data of a command an error."""
