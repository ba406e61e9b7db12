"""What every command that reads a file may be told about it, and what it tells of the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mecopt.cli.doubts import strict_option

if TYPE_CHECKING:
    from mecopt.data import Dataset


def _fields(context: click.Context, parameter: click.Parameter, texts: tuple[str, ...]) -> Callable[[Any], dict[str, Any]]:
    """Return a function that reads the values once the file has said which problem it holds."""

    def values(cls: Any) -> dict[str, Any]:
        from mecopt.quantities.settings import field_values

        return field_values(cls, texts)

    return values


rows_option = click.option(
    "--rows", type=click.Choice(["users", "instances"]), help="What rows are, where it is not certain."
)
ignore_option = click.option("--ignore", multiple=True, metavar="NAME", help="Leave out this entry of the file; repeatable.")
field_option = click.option(
    "--field",
    multiple=True,
    metavar="NAME",
    help="What the numbers of a .npy file or of a table without names are; for several columns once each.",
)
set_option = click.option(
    "--set",
    "fields",
    multiple=True,
    callback=_fields,
    metavar="FIELD=VALUE",
    help="A field that the file lacks, or another value: weight=1.5, 'capacity=320 Mbit/s'; repeatable.",
)


def _one_file(context: click.Context, parameter: click.Parameter, given: tuple[Path, ...]) -> Path | None:
    """Return the only file that is given, if any; of several none would be left out without a word."""
    if len(given) > 1:
        told = ", ".join(str(path) for path in given)
        raise click.BadParameter(f"{len(given)} files ({told}); allowed: one, which may hold several limits")
    return given[0] if given else None


limit_option = click.option(
    "--limit",
    "limits",
    type=click.Path(path_type=Path),
    multiple=True,
    callback=_one_file,
    metavar="FILE",
    help="JSON file of limits of your own; `mecopt schema PROBLEM` describes them.",
)


def file_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that `mecopt.data.load` takes."""
    for option in (strict_option, limit_option, set_option, ignore_option, field_option, rows_option):
        command = option(command)
    return command


def tell(data: Dataset) -> None:
    """Print what a reader of the file should know on standard error."""
    for note in data.notes:
        click.echo(f"note: {note}", err=True)


def seen_text(twice: list[tuple[int, int]], kept: int) -> str:
    """Say which instances stand on both sides of --split."""
    from mecopt.show.numbers import counted

    number, other = twice[0]
    return (
        f"{len(twice)} of the {counted(kept, 'instances')} that --split keeps back "
        f"{'has' if len(twice) == 1 else 'have'} the "
        f"data of one before it (instance {number} is "
        f"instance {other}): what is learned from the first part has seen them"
    )


def tell_repeated(twice: list[tuple[int, int]], kept: int) -> None:
    """Print which instances stand on both sides of --split on standard error."""
    click.echo(f"note: {seen_text(twice, kept)}", err=True)
