"""`mecopt compare`."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mecopt.cli.files import file_options, seen_text, tell
from mecopt.cli.many import many_options
from mecopt.cli.numbers import NUMBER, Whole

if TYPE_CHECKING:
    from mecopt.compare.summary import Summary
    from mecopt.contract.problem import Problem


@click.command("compare")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--problem", help="Name of the problem, where the file does not tell.")
@file_options
@click.option("--methods", help="Solvers, 'learned', 'learned:FOLDER', 'stored' (the file's own); commas between.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for table, report, pictures.")
@click.option("--first", type=Whole(1), help="Use only the first so many instances.")
@click.option("--split", type=NUMBER, help="Use only what `train --split` kept back.")
@click.option("--seed", type=Whole(0), default=0, show_default=True, help="Seed of methods that draw.")
@click.option(
    "--time-limit",
    type=NUMBER,
    help="Seconds for each method on each chunk of up to 250 instances, which share them as in `solve`.",
)
@many_options
def command(
    file: Path,
    problem: str | None,
    methods: str | None,
    output: Path,
    first: int | None,
    split: float | None,
    seed: int,
    time_limit: float | None,
    **told: Any,
) -> Any:
    """Run methods side by side on the instances of FILE.

    Writes results.parquet, report.html, loss.png, tradeoff.png and instances.png. An interrupted run goes on where it
    stopped when the same command is given again. The exit code is 1 if some instance has no answer from any of the methods,
    be it proved to have none; a method that fails where another one answers does not change it. It is 2 if the file's own
    answers are compared and the objectives they record are not theirs: they were made with other data.
    """
    from mecopt.cli.console import at_work, console, progress
    from mecopt.compare import compare
    from mecopt.compare.report import PICTURES, decisions_table, table, write_report
    from mecopt.compare.results import RESULTS, STORED
    from mecopt.data import load
    from mecopt.data.stream import kept_back, repeated
    from mecopt.show.numbers import counted
    from mecopt.storage.atomic import require_other

    require_other(file, *(output / name for name in (RESULTS, "report.html", *PICTURES)))
    data = load(file, problem, **told)
    tell(data)
    instances, labels = data.problem.flat(), data.labels
    begin = 0 if split is None else kept_back(instances, split)
    rows = slice(begin, None if first is None else begin + first)
    names = None if methods is None else [name.strip() for name in methods.split(",") if name.strip()]
    seen = _seen_in_training(instances, begin, names or ())
    if begin:
        last = instances.instances if first is None else min(begin + first, instances.instances)
        twice = [pair for pair in repeated(instances, begin) if pair[0] < last]
        seen += [f"{seen_text(twice, last - begin)}."] if twice else []
    instances = instances[rows]
    if labels is not None:
        labels = labels[rows]
    shown = console(errors=True).is_interactive
    with progress("comparing") as tell_done, nullcontext() if shown else at_work():
        reported: list[Summary] = []
        origin = {f"file_{name}": value for name, value in data.provenance.items() if name != "file"}
        try:
            comparison = compare(
                instances,
                names,
                out=output,
                labels=labels,
                seed=seed,
                time_limit=time_limit,
                provenance={"file": file.name, "notes": [*data.notes, *seen], **origin},
                progress=tell_done,
                report=lambda found: reported.append(write_report(found, output)),
            )
        except KeyboardInterrupt:
            click.echo(f"finished parts are kept in {output}/parts: the same command goes on from there", err=True)
            raise
    (summary,) = reported
    screen = console()
    screen.print(
        f"{instances.name}: {counted(instances.instances, 'instances')} of {instances.size_text} from {file.name}",
        markup=False,
    )
    grids = {f"ratio to {summary.reference}": table(summary, screen.width)}
    if instances.instances > 1 and comparison.provenance["choices"]:
        grids["decisions: share of users by choice"] = decisions_table(comparison)
    for title, grid in grids.items():
        screen.print(title, style="italic", markup=False)
        for row in grid.lines(screen.width):
            screen.print(row, markup=False, no_wrap=True, overflow="ignore", crop=False)
    for text in summary.findings:
        screen.print(f"- {text}", markup=False)
    written = [name for name in ("report.html", *PICTURES, RESULTS) if (output / name).is_file()]
    screen.print(f"written: {output}/{', '.join(written)}", markup=False)
    if comparison.provenance.get("stored_wrong") and STORED in comparison.methods:
        return 2
    if summary.unanswered:
        return 1
    return 4 if any(line.limited for line in summary.lines) else 0


def _seen_in_training(instances: Problem, begin: int, methods: Iterable[str]) -> list[str]:
    """Say which trained policies have learned from the very instances they are compared on."""
    from mecopt.data import digest
    from mecopt.search.proposed import LEARNED
    from mecopt.show.numbers import counted
    from mecopt.storage.trained import read_card

    found = []
    for name in methods:
        if name.startswith(f"{LEARNED}:"):
            origin = read_card(name.partition(":")[2]).get("trained_on")
            first = origin.get("first") if isinstance(origin, dict) and origin.get("digest") == digest(instances) else None
            if isinstance(first, int) and begin < first:
                found.append(
                    f"{name} was trained on the first {counted(first, 'instances')} of this very file, and "
                    "is compared on them: add "
                    "--split to use only those kept back."
                )
    return found
