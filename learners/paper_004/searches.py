"""Figure 7, table II and the kind of problem P2 is: what is searched, decided and measured without any training."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.certificate import VIOLATION
from mecopt.kernels.sum_of_ratios import midpoint_test
from mecopt.learners.ojrs import Ojrs
from mecopt.learners.paper_004.trainings import BASES, STEADY, stream
from mecopt.learners.timing import seconds_of_each
from mecopt.models.multi_server_offloading import MultiServerOffloading
from mecopt.models.multi_server_offloading.variables import SpeedAndPower
from mecopt.search.annealing import anneal
from mecopt.search.candidates import scores
from mecopt.search.named import solver_for
from mecopt.search.server_choice import MoveSearch
from mecopt.solve import allocate, solve

Array = NDArray[Any]

# ---------------------------------------------------------------------- figure 7

LITERAL, GUIDED, ONE_USER = "ASA as printed", "ASA guided", "SA, one user at a time"
UNGUIDED = {LITERAL: "SA, moves of ASA as printed", GUIDED: "SA, moves of ASA guided"}
"""The same moves without guidance: every server is worth the same to every user."""
NEIGHBOURS: Mapping[str, tuple[str, bool]] = {
    LITERAL: ("literal", True),
    UNGUIDED[LITERAL]: ("literal", False),
    GUIDED: ("guided", True),
    UNGUIDED[GUIDED]: ("guided", False),
    ONE_USER: ("one-user", False),
}
"""Moves of annealing, and whether channels guide them."""
LOCAL_SEARCH = "local search"
EVALUATIONS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
QUICK_EVALUATIONS = EVALUATIONS[:8]
SEARCHED, QUICK_SEARCHED = 50, 4
"""Slots of every seed on which the searches are followed."""


LEVELS = (0.95, 0.99)
"""Mean NRR at which a search has found the optimal decision, or nearly."""


@dataclass(frozen=True)
class Followed:
    """The searches from the same random starts, over the same slots."""

    ratio: Mapping[str, Array]
    """Mean NRR of the best decision met after so many evaluations."""
    found: Mapping[str, Mapping[float, float]]
    """After how many of them the mean NRR is each of `LEVELS`: counts of single evaluations; inf if it never is."""


def followed(seed: int, slots: int, evaluations: tuple[int, ...]) -> Followed:
    """Follow every search up to the last of so many evaluations, from the same random starts."""
    problem = stream(STEADY, seed, slots)
    optimum = solve(problem).objective
    start = problem.decision_space.sample(np.random.default_rng((seed, 7, 4)), (slots,))

    def ratio(way: tuple[str, bool], count: int) -> float:
        neighbour, guided = way
        rng, guide = (
            np.random.default_rng((seed, 8, 4)),
            problem.channel_gain if guided else np.ones_like(problem.channel_gain),
        )
        return float((optimum / anneal(problem, start, count, rng, neighbour=neighbour, guidance=guide)[1]).mean())

    ratios = {name: np.array([ratio(way, count) for count in evaluations]) for name, way in NEIGHBOURS.items()}
    search = MoveSearch().search(problem, start=start, gap=None, time_limit=None, rng=np.random.default_rng(0))
    ratios[LOCAL_SEARCH] = np.full(len(evaluations), (optimum / scores(problem, search.decision)).mean())
    found = {
        name: {level: first(partial(ratio, way), evaluations[-1], level) for level in LEVELS}
        for name, way in NEIGHBOURS.items()
    }
    return Followed(ratios, found)


def first(ratio: Callable[[int], float], most: int, level: float) -> float:
    """Return the least count up to `most` at which a mean NRR reaches a level; inf if none does.

    A shorter search with the same random numbers is the beginning of a longer one, so the best met never gets worse: halving
    the range finds what following every step would.
    """
    count = bisect.bisect_left(range(most + 1), level, key=ratio)
    return float(count) if count <= most else float("inf")


# ---------------------------------------------------------------------- table II

Decide = Callable[[MultiServerOffloading, Generator], Array]

NEAREST, STRONGEST, RANDOM, EXACT = "Greedy, nearest server", "Greedy, strongest server", "Random", "exact, proved"
CONSTANT = "one decision for all slots"
COORDINATE = "coordinate descent"
SWARM, SWARM_LONG = "PSO, 30 particles, 100 steps", "PSO, 100 particles, 1,000 steps"
SWARMS: Mapping[str, str] = {SWARM: "particle-swarm", SWARM_LONG: "particle-swarm:particles=100:iterations=1000"}
"""The paper's denominator; it does not say how large its swarm is, nor how long it flies."""
FLOWN: Mapping[str, int] = {SWARM: 500, SWARM_LONG: 50}
"""Slots of every seed, or of a half of it, on which a swarm flies: one evaluates 3,030 decisions, the other 100,100."""
ASA, ASA_LONG = "ASA, T = 20", "ASA, T = 500"
ASA_GUIDED, ASA_GUIDED_LONG = "ASA guided, T = 20", "ASA guided, T = 500"
OJRS = {base: f"OJRS, {base}" for base in BASES}
COMPARED, QUICK_COMPARED = 1000, 40
SEEN = 1000
"""First slots of the training by which the one decision for all is chosen."""
TIMED, QUICK_TIMED = 20, 3


def constant(seen: MultiServerOffloading) -> Array:
    """Return the decision that is best on average if it is taken in all of these slots, proved: it never sees a channel.

    The average of V is V with average upload times, so a slot with the channels that give those has it as its optimum.
    """
    one = seen[0]
    rate = one.data_size[:, None] / seen.upload_time().mean(axis=0)
    gain = np.expm1(np.log(2.0) * rate / one.bandwidth[:, None]) * one.noise_power / one.max_power[:, None]
    return solve(MultiServerOffloading(**{**one.data(), "channel_gain": gain})).decision


def _searched(neighbour: str, steps: int) -> Decide:
    def decide(problem: MultiServerOffloading, rng: Generator) -> Array:
        flat = problem.flat()
        start = flat.decision_space.sample(rng, flat.batch_shape)
        found, _, _ = anneal(flat, start, steps, rng, neighbour=neighbour, guidance=flat.channel_gain)
        return found.reshape((*problem.batch_shape, problem.users))

    return decide


def _solver(name: str) -> Decide:
    def decide(problem: MultiServerOffloading, rng: Generator) -> Array:
        return solver_for(problem, name).search(problem, start=None, gap=None, time_limit=None, rng=rng).decision

    return decide


def _own(policy: Ojrs) -> Decide:
    return lambda problem, rng: policy.propose(problem, 1, rng)[..., 0, :]


def strategies(kind: str, networks: Mapping[str, Ojrs], seed: int, count: int) -> dict[str, Decide]:
    """Return every way of deciding in table II but the long swarm.

    Networks were trained on so many slots of a seed, by the first of which the one decision for all is chosen.
    """
    always = constant(stream(kind, seed, count)[:SEEN])
    return {
        **{OJRS[name]: _own(policy) for name, policy in networks.items()},
        CONSTANT: lambda problem, rng: np.broadcast_to(always, (*problem.batch_shape, problem.users)),
        NEAREST: _solver("nearest-server"),
        STRONGEST: _solver("greedy"),
        RANDOM: _solver("random"),
        ASA: _searched("literal", 20),
        ASA_LONG: _searched("literal", 500),
        ASA_GUIDED: _searched("guided", 20),
        ASA_GUIDED_LONG: _searched("guided", 500),
        COORDINATE: _solver("coordinate-descent"),
        LOCAL_SEARCH: _solver("local-search"),
        SWARM: _solver(SWARMS[SWARM]),
        EXACT: _solver("exact"),
    }


def latencies(ways: Mapping[str, Decide], problem: MultiServerOffloading, seed: int) -> Mapping[str, Array]:
    """Return the latency of every way on the same slots, in s."""
    rng = {name: np.random.default_rng((seed, 9, number)) for number, name in enumerate(ways)}
    return {name: _value(decide, problem, rng[name]) for name, decide in ways.items()}


def feasible(decide: Decide, problem: MultiServerOffloading, seed: int) -> float:
    """Return in what part of the slots the allocation of what is decided satisfies all constraints, as certified."""
    found = allocate(problem, decide(problem, np.random.default_rng((seed, 9))), throw=False)
    return float((found.violation <= VIOLATION).mean())


def flown(swarm: str, slots: int, quick: bool = False) -> Array:
    """Return on which of so many slots a swarm flies: they lie evenly among them."""
    return np.unique(np.linspace(0, slots - 1, 2 if quick else FLOWN[swarm]).astype(int))


def qualities(swarm: str, problem: MultiServerOffloading, optimum: Array, seed: int) -> Array:
    """Return which part of the optimal reward a swarm reaches in each slot."""
    found = _solver(SWARMS[swarm])(problem, np.random.default_rng((seed, 14, 4)))
    return np.asarray(optimum / scores(problem, found))


def decision_times(ways: Mapping[str, Decide], seed: int, slots: int) -> Mapping[str, float]:
    """Return the median time of a decision and its value, one slot at a time where users stay, in s."""
    timed = {**ways, SWARM_LONG: _solver(SWARMS[SWARM_LONG])}
    taken = seconds_of_each({name: partial(_value, decide) for name, decide in timed.items()}, fresh(STEADY, seed, slots))
    return {name: float(np.median(times)) for name, times in taken.items()}


def _value(decide: Decide, problem: MultiServerOffloading, rng: Generator) -> Array:
    return scores(problem, decide(problem, rng))


def fresh(kind: str, seed: int, slots: int) -> MultiServerOffloading:
    """Draw slots that no network has seen."""
    return stream(kind, seed, slots, fresh=True)


# ---------------------------------------------------------------------- P2


@dataclass(frozen=True)
class Curvature:
    """Whether the terms of P2 are convex in speeds and powers, decision fixed."""

    pairs: int
    above_chord: float
    """Share of terms and pairs of points whose midpoint lies above the chord."""
    apart: float
    """Greatest relative difference between a convex program in both and the square-root rule."""


def curvature(slots: int, pairs: int) -> Curvature:
    """Compare the terms of P2 at midpoints with their chords, and a convex solver with the closed form."""
    problem, rng = stream(STEADY, 0, slots), np.random.default_rng((0, 10, 4))
    failed, apart = [], []
    for instance in problem:
        decision = instance.decision_space.sample(rng, ())
        away = np.flatnonzero(decision)
        points = rng.uniform(1e-3, 1.0, (2, pairs, 2 * away.size))

        def terms(point: Array, instance: Any = instance, decision: Array = decision, away: Array = away) -> Array:
            speed, power = (np.zeros((len(point), decision.size)) for _ in range(2))
            speed[:, away] = point[:, : away.size] * instance.server_speed[decision[away] - 1]
            power[:, away] = point[:, away.size :] * instance.max_power[away]
            many = np.broadcast_to(decision, speed.shape)
            return instance.weight * instance.latency(many, SpeedAndPower(speed, power, np.zeros_like(speed)))

        failed.append(midpoint_test(terms, *points).fraction.mean())
        rule, solver = (float(allocate(instance, decision, backend=b).objective) for b in (None, "clarabel-joint"))
        apart.append(abs(solver / rule - 1.0))
    return Curvature(slots * pairs, float(np.mean(failed)), max(apart))
