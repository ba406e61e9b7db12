"""Particle swarms: the textbook's steps particle by particle, starts, limits, and what a swarm is worth."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

import mecopt
from mecopt.contract.certified import Status
from mecopt.models import MultiServerOffloading
from mecopt.search import particle_swarm


def stream(count: int, users: int = 6, servers: int = 2) -> MultiServerOffloading:
    return MultiServerOffloading.sample(
        np.random.default_rng(1), count, users=users, servers=servers, preset="heterogeneous"
    )


@pytest.mark.parametrize(("inertia", "cognitive", "social"), [(0.7298, 1.4962, 1.4962), (1.0, 0.0, 0.0), (0.0, 0.0, 3.0)])
def test_every_particle_flies_as_the_textbook_says(inertia: float, cognitive: float, social: float) -> None:
    """One number at a time, from the same draws: what a swarm finds is the best decision that any particle met."""
    particles, steps, problem = 4, 12, stream(1)
    name = f"particle-swarm:particles={particles}:iterations={steps}:inertia={inertia}:cognitive={cognitive}:social={social}"
    found = mecopt.solve(problem, solver=name, rng=np.random.default_rng(8))
    rng, users = np.random.default_rng(8), problem.users
    x = rng.uniform(0.0, 3.0, (1, particles, users))[0].tolist()
    v = rng.uniform(-1.5, 1.5, (1, particles, users))[0].tolist()
    best, worth, met = [list(row) for row in x], [np.inf] * particles, []
    for step in range(steps + 1):
        for k in range(particles):
            decision = problem.mended(np.array([[int(one) for one in x[k]]], dtype=np.int8))
            cost = float(problem.optimal_value(decision)[0])
            met.append((cost, decision[0].tolist()))
            if cost < worth[k]:
                best[k], worth[k] = list(x[k]), cost
        if step == steps:
            break
        leader = best[int(np.argmin(worth))]
        r1, r2 = rng.random((1, particles, users))[0], rng.random((1, particles, users))[0]
        leader = list(leader)
        for k, i in itertools.product(range(particles), range(users)):
            own, common = best[k][i] - x[k][i], leader[i] - x[k][i]
            fast = inertia * v[k][i] + cognitive * r1[k, i] * own + social * r2[k, i] * common
            v[k][i] = min(max(fast, -1.5), 1.5)
            x[k][i] += v[k][i]
            if not 0.0 <= x[k][i] < 3.0:
                x[k][i], v[k][i] = (0.0 if x[k][i] < 0.0 else float(np.nextafter(3.0, 0.0))), 0.0
    least = min(cost for cost, _ in met)
    assert found.objective[0] == pytest.approx(least, rel=1e-9)
    assert found.decision[0].tolist() in [decision for cost, decision in met if cost <= least * (1 + 1e-9)]
    assert (found.stats.solver_calls == particles * (steps + 1)).all()
    assert (found.stats.iterations == steps).all()
    assert not found.stats.start_used


def test_a_start_is_where_the_first_particle_begins_and_is_never_made_worse() -> None:
    problem = MultiServerOffloading.sample(np.random.default_rng(2), (3, 4), preset="limited", users=5)
    start = mecopt.solve(problem, solver="local-search").decision
    found = mecopt.solve(problem, solver="particle-swarm:particles=1:iterations=1", start=start)
    assert found.stats.start_used
    assert found.decision.shape == start.shape
    assert (found.objective <= problem.optimal_value(start) * (1 + 1e-9)).all()


def test_a_swarm_that_was_cut_says_the_steps_it_took(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that goes on by a second whenever it is read: the limit of 7.5 s is over when the eighth step would begin."""
    monkeypatch.setattr(particle_swarm, "clock", SimpleNamespace(now=itertools.count().__next__))
    found = mecopt.solve(stream(3), solver="particle-swarm", time_limit=7.5)
    assert (found.stats.iterations == 7).all()
    assert set(found.status.tolist()) == {Status.LIMIT}


def test_large_batches_fly_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = stream(7)
    monkeypatch.setattr(particle_swarm, "CELLS", 2 * 30 * problem.users)
    found = mecopt.solve(problem, solver="particle-swarm")
    rng = np.random.default_rng(0)
    parts = [mecopt.solve(problem[k : k + 2], solver="particle-swarm", rng=rng).decision for k in range(0, 7, 2)]
    np.testing.assert_array_equal(found.decision, np.concatenate(parts))


def test_a_swarm_finds_more_than_as_many_random_decisions() -> None:
    problem = stream(20, users=15)
    swarm = mecopt.solve(problem, solver="particle-swarm").objective
    drawn = mecopt.solve(problem, solver="best-of-random:draws=3030").objective
    assert (swarm < drawn).mean() > 0.75
