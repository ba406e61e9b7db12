"""Options that say where the parts of a run are computed: --jobs, --scheduler, --insecure and --shard."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from mecopt.cli.numbers import Whole


def many_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a command: all its parts are computed where the options say, and a call of several ends with a sentence."""

    @wraps(command)
    def placed(*args: Any, jobs: int | None, scheduler: str | None, insecure: bool, shard: str | None, **kwargs: Any) -> Any:
        from mecopt.parallel import where

        code: Any = 0
        with where(jobs=jobs, scheduler=scheduler, shard=shard, insecure=insecure) as place:
            code = command(*args, **kwargs)
        if place.unfinished:
            click.echo(place.unfinished)
        return code

    for option in reversed(OPTIONS):
        placed = option(placed)
    return placed


OPTIONS = (
    click.option("--jobs", type=Whole(1), help="Processes; by default one per core."),
    click.option(
        "--scheduler",
        metavar="ADDRESS",
        help="Workers of a Dask scheduler compute: tcp://HOST:PORT, tls://HOST:PORT, or the FILE.json that it wrote.",
    ),
    click.option("--insecure", is_flag=True, help="Let tcp:// reach another machine, where nobody else reaches it."),
    click.option("--shard", metavar="K/N", help="Compute every N-th part, the K-th of each N; a call without it gathers."),
)
