"""`mecopt list`."""

import click


@click.command("list")
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """Show what is installed: problems, learners and the policies that ship, in a line each; one NAME of them in full.

    A problem in full is its fields with units, meanings, defaults and ranges, its variables, presets with the source of each
    number, backends, solvers, and an instance as a file has it; where it repeats slot after slot also the policies of a
    rollout, what is proved, ways of acting and environments.
    """
    from mecopt.cli.console import columns
    from mecopt.show.catalogue import described, overview

    page = overview() if name is None else described(name)
    click.echo(page.text(columns()))
