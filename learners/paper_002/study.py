"""The study of paper 002: its baselines, its decomposition and a price, beside a bound that no policy undercuts."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mecopt.dynamic.control_variates import luck
from mecopt.dynamic.dynamics import Policy
from mecopt.dynamic.rollout import policy_of, rollout
from mecopt.evaluation.intervals import standard_error
from mecopt.evaluation.measurements import Row
from mecopt.evaluation.study import Plan, Study
from mecopt.learners.log import LOG
from mecopt.learners.paper_002.claims import CLAIMS
from mecopt.learners.paper_002.names import (
    BLOCK,
    BOUND,
    COST,
    DECOMPOSED,
    DEVICE_GAP,
    EARLY,
    EDGES,
    ERROR,
    FIGURE_6,
    FIGURE_7,
    GAP,
    HIDDEN,
    LAST_STOP,
    LATE,
    LEVEL,
    MANY,
    PLAIN_ERROR,
    PRICED,
    REPAIRED,
    SERVER_STOP,
    SETTINGS,
    STOP,
    SYSTEMS,
    TURN,
    UNTRAINED,
)
from mecopt.learners.paper_002.shown import ALONG, DRAWINGS, TABLES, WARNING
from mecopt.learners.paper_002.theorem import losses
from mecopt.learners.paper_002.trainings import plans, stops, train
from mecopt.learners.parametric_q import ParametricQ, record
from mecopt.models.inference_queue.dynamics.steps import QueueDynamics

Array = NDArray[Any]

BLOCKS, LEARNED_BLOCKS, QUICK_BLOCKS = 300, 200, 10
"""Of a path from empty queues; what comes later counts 0.95^300, or 2e-7, of what it costs. Of a training."""
DEVICE_LANES, QUICK_LANES = 5_000, 2
"""Devices over all lanes of a seed; at least one lane."""
PATHS = 4
"""Networks of figure 7, each of which learns alone."""
TRAINED = {FIGURE_6: 2_000}
"""Blocks of a training, if they are not as many as are measured."""
SHORTER = 10
"""By which figure 7's blocks are divided in a quick run."""
QUICK_USERS = 2


class Paper002(Study):
    """Sequential offloading of neural networks' tasks: up to ten thousand devices with queues, and a server with one."""

    paper = "002"
    title = "Results of paper 002: devices with queues of tasks and their server, beside a bound on every policy"
    seeds = 5
    settings = SETTINGS
    claims, tables, drawings = CLAIMS, TABLES, DRAWINGS
    brief = (
        f"All networks have {QUICK_USERS} devices, whatever K a heading says, and paths of {QUICK_BLOCKS} blocks: costs "
        "lack what comes after them, so they may lie below the bound."
    )
    remarks: ClassVar[Mapping[str, str]] = {
        "preset": WARNING,
        "paths": f"{BLOCKS} blocks from empty queues, {DEVICE_LANES:,} devices over all lanes and one lane at least (figure "
        f"7: {EDGES[-1]:,} blocks in {PATHS} lanes); the same for all policies; a seed draws places, channels and arrivals",
        "discounted costs": "less the luck of channels and arrivals, a control variate whose mean is 0 whatever the policy",
        "bound": "what no policy costs less than in the mean, whatever it knows of all queues and the past, for the places "
        "of the seed",
    }

    def plans(self, quick: bool) -> Sequence[Plan]:
        """Algorithms 1 and 2, the repaired learner, and baselines that learn."""
        return plans()

    def train(self, plan: Plan, seed: int, folder: Path, quick: bool) -> None:
        """Train along a path of its own; in figure 7 along those on which all are measured."""
        dynamics = network(plan.setting, seed, quick)
        if plan.setting == FIGURE_7:
            path = path_of(dynamics, FIGURE_7, seed, quick)
            for lane in range(path.batch_shape[1]):
                one = path[:, lane : lane + 1]
                train(plan, dynamics, one, seed, PATHS * seed + lane, folder / f"path-{lane}")
        else:
            blocks = QUICK_BLOCKS if quick else TRAINED.get(plan.setting, LEARNED_BLOCKS)
            path = dynamics.stream(np.random.default_rng((seed, 10)), blocks, 1)
            train(plan, dynamics, path, seed, seed, folder)

    def measure(self, setting: str, seed: int, trained: Mapping[str, Path], quick: bool) -> Iterable[Row]:
        """Carry out all policies on one path, and read the logs of the trainings."""
        dynamics = network(setting, seed, quick)
        bound = dynamics.network.price.bound
        yield Row(BOUND, bound, "", setting, seed)
        if setting == FIGURE_7:
            yield Row(LEVEL, (1.0 - dynamics.discount) * bound, "", setting, seed)
        path = path_of(dynamics, setting, seed, quick)
        policies: dict[str, Policy] = {name: policy_of(dynamics, name) for name in acting(setting)}
        if setting != FIGURE_7:
            policies |= {name: ParametricQ.load(folder).acting_in(dynamics) for name, folder in trained.items()}
        control = None if setting == FIGURE_7 else dynamics.control_variate()
        for name, policy in policies.items():
            found = rollout(dynamics, path, policy, np.random.default_rng((seed, 21)))
            if control is None:
                yield from along(-found.reward.mean(axis=1), name, seed, quick)
            else:
                by_chance = luck(control, path, found)
                yield from discounted(-found.reward, -by_chance, dynamics, name, setting, seed)
        for name, folder in trained.items():
            yield from learned(folder, name, setting, seed, quick)

    def measure_once(self, quick: bool) -> Iterable[Row]:
        """Measure what the decomposition of Theorem 1 loses."""
        return losses(quick)


def network(setting: str, seed: int, quick: bool) -> QueueDynamics:
    """Return the network of a setting at the places of a seed."""
    brief = {"users": QUICK_USERS} if quick else {}
    return QueueDynamics(None, positions=seed, **{**SYSTEMS[setting], **brief})


def path_of(dynamics: QueueDynamics, setting: str, seed: int, quick: bool) -> Any:
    """Draw the path of a setting and a seed, on which all policies act."""
    if setting == FIGURE_7:
        blocks, lanes = EDGES[-1] // (SHORTER if quick else 1), QUICK_LANES if quick else PATHS
    elif quick:
        blocks, lanes = QUICK_BLOCKS, QUICK_LANES
    else:
        blocks, lanes = BLOCKS, max(DEVICE_LANES // dynamics.one.users, 1)
    return dynamics.stream(np.random.default_rng((seed, 20)), blocks, lanes)


def acting(setting: str) -> Sequence[str]:
    """Return who acts in a setting without having learned."""
    few = {FIGURE_6: (DECOMPOSED,), FIGURE_7: ALONG, MANY: (PRICED,)} | dict.fromkeys(HIDDEN.values(), (PRICED, DECOMPOSED))
    return few.get(setting, UNTRAINED)


def discounted(cost: Array, by_chance: Array, dynamics: QueueDynamics, name: str, setting: str, seed: int) -> Iterable[Row]:
    """Return the discounted sum of costs ``(blocks, lanes)`` less luck, by which part it exceeds the bound, and errors.

    Errors are those of the mean over lanes, as parts of the bound, without luck and with it.
    """
    weights, bound = dynamics.discount ** np.arange(len(cost)), dynamics.network.price.bound
    plain = weights @ cost
    sums = plain - weights @ by_chance
    yield Row(COST, float(sums.mean()), name, setting, seed)
    yield Row(GAP, float(sums.mean()) / bound - 1.0, name, setting, seed)
    if sums.size > 1:
        for quantity, values in ((ERROR, sums), (PLAIN_ERROR, plain)):
            yield Row(quantity, standard_error(values.tolist()) / bound, name, setting, seed)


def learned(folder: Path, name: str, setting: str, seed: int, quick: bool) -> Iterable[Row]:
    """Return what the logs of a training say: costs while learning, stops, or how far devices are from the best."""
    if setting == FIGURE_7:
        costs = [record.read(file)["cost"] for file in sorted(folder.glob(f"path-*/{LOG}"))]
        yield from along(np.mean(costs, axis=0), name, seed, quick)
    elif setting == FIGURE_6:
        ended = stops(record.read(folder / LOG))
        for quantity, value in zip((STOP, LAST_STOP, SERVER_STOP), ended, strict=True):
            yield Row(quantity, value, name, setting, seed)
    elif name == REPAIRED:
        yield Row(DEVICE_GAP, float(record.read(folder / LOG)["gap"][-1]), name, setting, seed)


def along(cost: Array, name: str, seed: int, quick: bool) -> Iterable[Row]:
    """Return the means of figure 7's windows, and those before and after the block at which binary is said to turn."""
    shorter = SHORTER if quick else 1
    for begin, end in itertools.pairwise(EDGES):
        yield Row(BLOCK, float(cost[begin // shorter : end // shorter].mean()), name, FIGURE_7, seed, float(end))
    turn = TURN // shorter
    yield Row(EARLY, float(cost[:turn].mean()), name, FIGURE_7, seed)
    yield Row(LATE, float(cost[turn:].mean()), name, FIGURE_7, seed)


REPRODUCTION = Paper002()
