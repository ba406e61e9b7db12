"""`mecopt schema`."""

import click


@click.command("schema")
@click.argument("problem")
def command(problem: str) -> None:
    """Print the JSON Schema of a PROBLEM's hand-written instances."""
    import json

    from mecopt.data import schema
    from mecopt.registry import find_problem

    click.echo(json.dumps(schema(find_problem(problem)), indent=2))
