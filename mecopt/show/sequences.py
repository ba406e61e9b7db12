"""What is installed for problems that repeat slot after slot: policies of a rollout, bounds, ways of acting, shells."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from mecopt.contract.units import titled
from mecopt.dynamic.settings import ONE, allowed, unless_given
from mecopt.registry import dynamics_names, environments_of, find_dynamics
from mecopt.show.page import Column, Grid, Line

if TYPE_CHECKING:
    from mecopt.contract.problem import Problem
    from mecopt.dynamic.dynamics import Dynamics


def sequences() -> Grid:
    """Return all problems that repeat, a row each."""
    known = {name: find_dynamics(name)() for name in dynamics_names()}
    return Grid(
        (
            Column("slot after slot", list(known), right=False),
            Column("carried", [", ".join(one.carried) for one in known.values()], right=False),
            Column("long run", [one.proves() or "nothing proved" for one in known.values()], right=False),
            Column("environment", [", ".join(environments_of(name)) or "-" for name in known], True, False),
            Column("policies beside solvers", [", ".join(one.policies()) or "-" for one in known.values()], True, False),
        )
    )


def sequence_of(cls: type[Problem]) -> Iterator[Line | Grid]:
    """Yield what a problem is slot after slot: nothing where it does not repeat."""
    for name in dynamics_names(cls):
        if find_dynamics(name).problem is cls:
            yield from _described(name, find_dynamics(name)())


def _described(name: str, dynamics: Dynamics[Any]) -> Iterator[Line | Grid]:
    from mecopt.dynamic.results import INFORMATION
    from mecopt.dynamic.rollout import SOLVER, policy_names
    from mecopt.dynamic.run import default_policies

    why, said, solvers = dynamics.why_unproved(), dynamics.summaries(), dynamics.problem.solvers
    measures = ", ".join(titled(one, unit) for one, unit in dynamics.measures.items())
    counts = f"what counts is the {titled(dynamics.reward_name, dynamics.reward_unit)}"
    yield Line(f"{', '.join(dynamics.carried)} carried; {counts}; measures {measures or 'nothing else'}", "slot after slot")
    yield Line(_proved(dynamics), "long run")
    if dynamics.settable:
        yield _settings("setting of a rollout", dynamics)
    own = dynamics.policies()
    policies = {one: f"{said.get(one, '')}{f'; {SOLVER}{one} is the solver' if one in solvers else ''}" for one in own}
    policies |= {f"{SOLVER}{one}" if one in own else one: f"{solvers[one].summary}, slot by slot" for one in solvers}
    shown = [one for one in policy_names(dynamics) if one in policies]
    taken = default_policies(dynamics)
    rows = [f"{policies[one]}{'; by default' if one in taken else ''}" for one in shown]
    shown, rows = [*shown, "learned:FOLDER"], [*rows, "a trained policy"]
    if why is None:
        shown, rows = [*shown, INFORMATION], [*rows, "a bound and no policy: what who knew the whole path would earn on it"]
    yield _two(f"policy of mecopt rollout {name}", shown, "what it does", rows)
    worlds = list(dynamics.worlds())
    if worlds:
        acts = [f"{said.get(one, '')}{'' if number else '; by default'}" for number, one in enumerate(worlds)]
        yield _two("way of acting", worlds, "what an action is", acts)
    missing = "" if find_spec("gymnasium") else "; not installed: pip install 'mecopt[learn]'"
    for environment in environments_of(name):
        yield Line(f'gymnasium.make("mecopt.environments:{environment}"){missing}', "environment")


def _proved(dynamics: Dynamics[Any]) -> str:
    """Return in a sentence what is proved, and what is not."""
    why, proves = dynamics.why_unproved(), dynamics.proves()
    if why is None:
        return f"its best mean {dynamics.reward_name} is bracketed by proof"
    if proves is None:
        return f"nothing is proved of it: {why}"
    side = "below" if dynamics.costs else "above"
    return f"proved: a bound {side} which no policy's discounted {dynamics.reward_name} lies; nothing of means, since {why}"


def _settings(title: str, dynamics: Dynamics[Any]) -> Grid:
    """Return what ``--set`` sets beside fields."""
    own = dynamics.settable.values()
    return Grid(
        (
            Column(title, [one.name for one in own], right=False),
            Column("one per", ["-" if one.metadata["per"] == ONE else one.metadata["per"] for one in own], right=False),
            Column("default", [unless_given(one) for one in own], True, False),
            Column("allowed", [allowed(one) for one in own], True, False),
            Column("meaning", [one.metadata["meaning"] for one in own], True, False),
        )
    )


def _two(title: str, names: list[str], what: str, rows: list[str]) -> Grid:
    return Grid((Column(title, names, right=False), Column(what, rows, right=False, words=True)))
