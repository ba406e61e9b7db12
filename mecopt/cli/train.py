"""`mecopt train`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mecopt.cli.doubts import strict_option
from mecopt.cli.files import field_option, ignore_option, limit_option, rows_option, tell, tell_repeated
from mecopt.cli.numbers import NUMBER, Whole

if TYPE_CHECKING:
    from mecopt.contract.problem import Problem
    from mecopt.data import Dataset


WRITTEN = ("card.json", "weights.safetensors", "training.parquet", "training.png")
"""What a training leaves in its folder."""


@click.command("train")
@click.argument("problem")
@click.option("--learner", default="decision-net", show_default=True, help="Way of learning; see `mecopt list`.")
@click.option("--seed", type=Whole(0), default=0, show_default=True, help="Seed of instances, weights and draws.")
@click.option("--preset", default="paper", show_default=True, help="Scenario the instances are drawn from.")
@click.option("--data", type=click.Path(path_type=Path), help="Learn from the instances of a file instead of a preset.")
@click.option("--split", type=NUMBER, help="Part of --data to learn from, the first.")
@click.option("--instances", "count", type=Whole(2), default=10_000, show_default=True, help="Length of the stream.")
@click.option(
    "--set",
    "fields",
    multiple=True,
    metavar="NAME=VALUE",
    help="users=20, a field of the problem, of --data too, or for sb3 a setting of the dynamics (`mecopt list NAME`).",
)
@rows_option
@field_option
@ignore_option
@limit_option
@strict_option
@click.option(
    "--at",
    "changes",
    multiple=True,
    metavar="N:NAME=VALUE",
    help="From instance N on: 5000:energy_weight=3, 5000:users_off=3.",
)
@click.option("--variant", default="default", show_default=True, help="Named settings of the learner, e.g. paper.")
@click.option(
    "--with", "options", multiple=True, metavar="NAME=VALUE", help="A setting: candidates=7, scheme=order-preserving."
)
@click.option(
    "--scheduler", metavar="ADDRESS", help="A worker of a Dask scheduler trains; checkpoints come back every two minutes."
)
@click.option("--insecure", is_flag=True, help="Let tcp:// reach another machine, where nobody else reaches it.")
@click.option(
    "--store",
    "url",
    metavar="URL",
    help="Where checkpoints live that any machine goes on from: a folder, s3://BUCKET/FOLDER, gs://BUCKET/FOLDER.",
)
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for the policy, its log and picture."
)
def command(
    problem: str,
    learner: str,
    seed: int,
    preset: str,
    data: Path | None,
    split: float | None,
    count: int,
    fields: tuple[str, ...],
    changes: tuple[str, ...],
    variant: str,
    options: tuple[str, ...],
    scheduler: str | None,
    insecure: bool,
    url: str | None,
    output: Path,
    rows: Any,
    field: tuple[str, ...],
    ignore: tuple[str, ...],
    limits: Path | None,
) -> None:
    """Train a policy for PROBLEM and write it to a folder.

    Afterwards `mecopt compare FILE --methods exact,learned:FOLDER` puts it beside the optimum, without torch. A run that
    was interrupted or killed goes on when the same command is given again, and ends with the same weights. With
    --scheduler a worker trains, and one that is lost is followed by another, from the last checkpoint that came back or
    stands in --store.
    """
    from mecopt.cli.console import console, progress
    from mecopt.data.files import read_limits
    from mecopt.data.stream import changed
    from mecopt.optima import at_hand
    from mecopt.parallel import where
    from mecopt.registry import find_learner
    from mecopt.running.waiting import on_behalf_of
    from mecopt.show.numbers import counted
    from mecopt.storage.atomic import require_other, to_myself
    from mecopt.storage.store import Store
    from mecopt.training import train_elsewhere

    if data is not None:
        require_other(data, *(output / name for name in WRITTEN))
    chosen = find_learner(learner)
    given = _settings(options)
    settings = chosen.configured(variant, given)
    settings.require_effect(given)
    _require_fields(chosen, problem, fields)
    draw = partial(chosen.stream, settings=settings)
    stream, provenance, labelled = _stream(
        chosen.in_dynamics, draw, problem, seed, preset, data, split, count, fields, rows=rows, field=field, ignore=ignore
    )
    stream = changed(stream, [_change(text) for text in changes])
    provenance |= {"changes": list(changes), "variant": variant}
    if limits is not None:
        stream = stream.limited(*read_limits(limits))
    if stream.own_limits:
        provenance["limits"] = [rule.name for rule in stream.own_limits]
    _require(chosen, stream)
    known, said = _known(labelled if limits is None else None)
    if said:
        click.echo(f"note: {said}", err=True)
    before = (output / "card.json").is_file()
    store = None if url is None else Store(url).checked()
    if (scheduler or store) and not chosen.checkpoints:
        click.echo(f"note: {learner} writes no checkpoints, so a training that is lost begins anew", err=True)
    with progress("training") as shown:
        shown(0, stream.instances)
        try:
            with to_myself(output), on_behalf_of(stream), at_hand(known):
                if scheduler is None and store is None:
                    policy = chosen.train(stream, settings, seed, output, provenance, shown)
                else:
                    with where(scheduler=scheduler, insecure=insecure):
                        policy = train_elsewhere(
                            chosen, stream, settings, seed, output, provenance, known=known, store=store
                        )
        except KeyboardInterrupt:
            click.echo("the same command goes on from the last checkpoint", err=True)
            raise
    screen = console()
    screen.print(
        f"{learner} for {problem}: {counted(stream.instances, 'instances')} of "
        f"{counted(stream.users, 'users')}, seed {seed}",
        markup=False,
    )
    for line in policy.report():
        screen.print(f"- {line}", markup=False)
    written = [name for name in WRITTEN if (output / name).is_file()]
    screen.print(f"{'stood there already' if before else 'written'}: {output}/{', '.join(written)}", markup=False)
    screen.print(f"use it: {policy.usage(output)}", markup=False)


def _known(found: Dataset | None) -> tuple[dict[bytes, Any], str]:
    """Return the proved optima that a file holds, and a sentence about them."""
    from mecopt.optima import known_of
    from mecopt.show.numbers import counted

    optima = {} if found is None else known_of(found.problem, found.labels)
    if found is None or not optima:
        return {}, ""
    return optima, (
        f"{counted(len(optima), 'instances', 'have')} a proved optimum in the file, of {found.problem.instances}: it stands "
        "for solving them where a learner learns from optima"
    )


def _require(learner: Any, stream: Problem) -> None:
    """Raise `InstanceError` where a learner refuses such instances, and name one that does not."""
    from mecopt.contract.errors import InstanceError
    from mecopt.search.proposed import fitting_learner

    reason = learner.refusal(stream)
    if reason is not None:
        other = fitting_learner(stream)
        raise InstanceError(f"{reason}. {other} learns from such instances: --learner {other}" if other else reason)


def _require_fields(learner: Any, name: str, texts: Iterable[str]) -> None:
    """Raise `InstanceError` for what is set with --set and is a setting of the learner."""
    import dataclasses

    from mecopt.contract.errors import InstanceError
    from mecopt.quantities.settings import settable
    from mecopt.registry import find_problem

    known = set() if learner.in_dynamics else {f.name for f in dataclasses.fields(learner.settings)}
    known &= settable(name).keys() - {f.name for f in dataclasses.fields(find_problem(name))}
    for text in texts:
        if text.partition("=")[0].strip() in known:
            raise InstanceError(f"--set {text!r}: this is a setting of {learner.name}; write --with {text}")


def _stream(
    in_dynamics: bool,
    draw: Callable[..., Problem],
    name: str,
    seed: int,
    preset: str,
    data: Path | None,
    split: float | None,
    count: int,
    texts: tuple[str, ...],
    **told: Any,
) -> tuple[Problem, dict[str, Any], Dataset | None]:
    """Return the instances to learn from, in their order, where they are from, and the file if it holds labels."""
    import numpy as np

    from mecopt.contract.errors import InstanceError
    from mecopt.data import digest, load
    from mecopt.data.stream import kept_back, passes, repeated
    from mecopt.quantities.settings import dynamics_values, field_values
    from mecopt.registry import dynamics_names, find_dynamics, find_problem

    cls = find_problem(name)
    rng = np.random.default_rng((seed, 2))
    if data is None:
        for option, value in told.items():
            if value:
                raise InstanceError(f"--{option} says how the file of --data is read; there is none")
        if split is not None:
            raise InstanceError("--split divides the instances of --data; a preset draws new ones for every purpose")
        repeats = in_dynamics and name in dynamics_names()
        values = dynamics_values(find_dynamics(name), texts) if repeats else field_values(cls, texts)
        stream = draw(cls, rng, count, preset, values)
        return stream, {"preset": preset, "set": list(texts)}, None
    found = load(data, name, fields=lambda cls: field_values(cls, texts), **told)
    tell(found)
    instances = found.problem.flat()
    first = instances.instances if split is None else kept_back(instances, split)
    twice = repeated(instances, first)
    if twice:
        tell_repeated(twice, instances.instances - first)
    origin = {"file": data.name, "digest": digest(instances), "first": first} | ({"set": list(texts)} if texts else {})
    origin |= {"repeated": len(twice)} if twice else {}
    return passes(instances[:first], count, rng), {"trained_on": origin}, found if found.labels else None


def _settings(texts: tuple[str, ...]) -> dict[str, Any]:
    from mecopt.contract.errors import InstanceError

    found: dict[str, Any] = {}
    for name, value in map(_option, texts):
        if name in found:
            raise InstanceError(f"--with names {name!r} twice")
        found[name] = value
    return found


def _option(text: str) -> tuple[str, Any]:
    """Read NAME=VALUE; what is no JSON is a word."""
    from mecopt.contract.errors import InstanceError

    name, equals, value = text.partition("=")
    if not equals:
        raise InstanceError(f"--with {text!r} has no '='; write for example --with candidates=7")
    for text in (value, f"[{value}]"):
        try:
            return name, json.loads(text)
        except (ValueError, RecursionError):
            continue
    return name, value.split(",") if "," in value else value


def _change(text: str) -> tuple[int, dict[str, float]]:
    """Read N:NAME=VALUE."""
    from mecopt.contract.errors import InstanceError
    from mecopt.quantities import digits

    number, _, rest = text.partition(":")
    name, _, value = rest.partition("=")
    at, to = digits.whole(number), digits.real(value)
    if at is None or to is None:
        raise InstanceError(f"--at {text!r}; allowed: an instance's number and a field, like 5000:energy_weight=3")
    return at, {name: to}
