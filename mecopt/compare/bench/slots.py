"""Slot after slot: the first policies of a rollout, and learners that train while they decide."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from mecopt.compare.bench import turns
from mecopt.compare.bench.known import rivals
from mecopt.compare.bench.plans import Plan, Step, draw
from mecopt.compare.bench.rivals import Rival
from mecopt.compare.bench.rows import Measurement
from mecopt.compare.bench.turns import Work
from mecopt.contract.problem import Problem
from mecopt.dynamic.rollout import policy_of, rollout
from mecopt.dynamic.run import default_policies
from mecopt.registry import dynamics_names, find_dynamics
from mecopt.running.rescue import said, survivable
from mecopt.show.numbers import counted

LONG = 2.0
"""Seconds for which rollouts are repeated by turns."""

LEARNED = 200
"""Slots in which a learner trains."""


def steps(cls: type[Problem], seed: int, chosen: Plan) -> Iterator[Step]:
    """Return the steps of a plan."""
    if cls.name in dynamics_names():
        users, lanes, slots = chosen.rolled
        yield Step(
            f"{counted(slots, 'slots')} in {counted(lanes, 'lanes')} of {counted(users, 'users')}",
            LONG,
            partial(_slots, cls, seed, users, lanes, slots),
        )
    for rival in rivals(cls, "slots"):
        if rival.is_available():
            users = chosen.single[0]
            yield Step(
                f"{counted(LEARNED, 'slots')} with training, {rival.name}", LONG, partial(_learned, cls, seed, users, rival)
            )


def _slots(cls: type[Problem], seed: int, users: int, lanes: int, slots: int) -> Iterator[Measurement]:
    """The first two policies of a rollout, whole slots with all that belongs to them."""
    dynamics = find_dynamics(cls.name)(users=users)
    path = dynamics.stream(np.random.default_rng(seed), slots, lanes)
    policies = {name: policy_of(dynamics, name) for name in default_policies(dynamics)[:2]}

    def carried_out(name: str) -> Work:
        return Work(lambda: rollout(dynamics, path, policies[name], np.random.default_rng(seed)))

    count = slots * lanes * users
    for name, timing in turns.by_turns({name: carried_out(name) for name in policies}, LONG).items():
        yield Measurement(
            f"slot after slot, {counted(lanes, 'lanes')} of {counted(users, 'users')}, per slot and user",
            name,
            timing.per(count),
            task=f"{counted(slots, 'slots')} in {counted(lanes, 'lanes')}",
            units=count,
            remark=f"{count / timing.seconds:.2g} a second on one core",
        )


def _learned(cls: type[Problem], seed: int, users: int, rival: Rival) -> Iterator[Measurement]:
    """A learner that trains as it decides, beside the one that it names, per slot."""
    group = f"slot after slot with training, {counted(users, 'users')}, per slot"
    stream = draw(cls, seed, users, (LEARNED,))
    mine = rival.subject(stream)
    remark, timing = "", None
    works = {rival.beside: Work(mine.call, (stream,))}
    try:
        rival.require()
        theirs = rival.prepared(stream, None)
        theirs.call()
        works[rival.name] = Work(theirs.call, (stream,))
    except BaseException as error:
        if not survivable(error):
            raise
        remark = f"FAILED: {said(rival.name, error)}"
    timings = turns.by_turns(works, LONG)
    if rival.name in timings:
        timing = timings[rival.name].per(LEARNED)
    yield Measurement(
        group,
        rival.beside,
        timings[rival.beside].per(LEARNED),
        rival.name,
        timing,
        task=counted(LEARNED, "slots"),
        units=LEARNED,
        remark=remark,
    )
