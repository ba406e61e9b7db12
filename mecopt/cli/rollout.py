"""`mecopt rollout`."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mecopt.cli.doubts import strict_option
from mecopt.cli.files import limit_option
from mecopt.cli.many import many_options
from mecopt.cli.numbers import Whole

if TYPE_CHECKING:
    from mecopt.dynamic.summary import Summary


@click.command("rollout")
@click.argument("name")
@click.option("--policies", help="Solvers, the dynamics' own, 'learned:FOLDER', 'perfect-information'; commas between.")
@click.option("--slots", type=Whole(1), help="Slots of each lane; by default as many as the problem asks for.")
@click.option("--lanes", type=Whole(1), help="Lanes side by side; by default as many as the problem asks for.")
@click.option("--seed", type=Whole(0), default=0, show_default=True, help="Seed of the path and of policies.")
@click.option("--preset", help="Scenario the slots are drawn from; the problem's first unless given.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="users=5, a field of every slot, or a setting of the slots in a row, as discount=0.9; `mecopt list NAME` has them "
    "all; repeatable.",
)
@limit_option
@strict_option
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for table, report, pictures.")
@many_options
@click.option(
    "--control-variate/--plain",
    default=True,
    show_default=True,
    help="Whether luck that is known to be 0 in the mean is taken off, where a problem knows such.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def command(
    name: str,
    policies: str | None,
    slots: int | None,
    lanes: int | None,
    seed: int,
    preset: str | None,
    settings: tuple[str, ...],
    output: Path,
    control_variate: bool,
    as_json: bool,
    limits: Path | None,
) -> Any:
    """Carry out policies of the sequential problem NAME on one common path.

    What is proved of the long run comes first, then each policy's mean with its standard error, its paired difference to the
    first one, and what is physical. Writes results.parquet (a row per policy, lane and block of slots), report.html,
    trajectory.png and histogram.png; where the dynamics has a chart of its state also map.png, what each policy does on it,
    and maps.parquet, its numbers. An interrupted run goes on where it stopped when the same command is given again.
    """
    import json

    from mecopt.cli.console import at_work, console, progress
    from mecopt.data.files import read_limits
    from mecopt.dynamic.report import pictures_of, write_report
    from mecopt.dynamic.results import MAPS, RESULTS
    from mecopt.dynamic.run import roll_out
    from mecopt.dynamic.summary import tables
    from mecopt.quantities.settings import dynamics_values
    from mecopt.registry import find_dynamics
    from mecopt.running.waiting import on_behalf_of
    from mecopt.show.page import Grid

    cls = find_dynamics(name)
    dynamics = cls(preset, **dynamics_values(cls, settings))
    if limits is not None:
        dynamics = dynamics.limited(*read_limits(limits))
    names = None if policies is None else [one.strip() for one in policies.split(",") if one.strip()]
    reported: list[Summary] = []
    watched = console(errors=True).is_terminal
    with (
        progress("rolling out", not as_json) as told,
        nullcontext() if watched or as_json else at_work(),
        on_behalf_of(cls.problem),
    ):
        try:
            found = roll_out(
                dynamics,
                names,
                out=output,
                slots=slots,
                lanes=lanes,
                seed=seed,
                control_variate=control_variate,
                progress=told,
                report=lambda one: reported.append(write_report(one, output)),
            )
        except KeyboardInterrupt:
            click.echo(f"finished parts are kept in {output}/parts: the same command goes on from there", err=True)
            raise
    (summary,) = reported
    if as_json:
        origin = {key: found.provenance[key] for key in ("dynamics", "preset", "settings", "slots", "lanes", "seed", "path")}
        proved = {key: found.provenance[key] for key in ("bounds", "unproved")}
        click.echo(json.dumps({**origin, **proved, "policies": summary.as_dict()}))
        return
    screen = console()
    for text in (summary.title, *summary.proved):
        screen.print(text, markup=False)
    for part in tables(summary):
        for row in part.lines(screen.width) if isinstance(part, Grid) else ("", part.text):
            screen.print(row, markup=False, no_wrap=True, overflow="ignore", crop=False)
    for text in summary.findings:
        screen.print(f"- {text}", markup=False)
    files = [RESULTS] if found.maps is None else [RESULTS, MAPS]
    screen.print(f"written: {output}/{', '.join(('report.html', *pictures_of(found), *files))}", markup=False)
