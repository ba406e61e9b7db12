r"""Particle swarm optimisation over decisions, batched over instances: the heuristic that paper 004 divides by.

Each particle has a position x in :math:`[0, C)^N`, where user i takes the choice :math:`\lfloor x_i \rfloor` of its C. It
flies towards the best place it has seen, p, and the best one that anyone of its swarm has, g:

.. math::
    v \leftarrow \omega v + c_1 r_1 \odot (p - x) + c_2 r_2 \odot (g - x), \qquad x \leftarrow x + v

with fresh uniform :math:`r_1, r_2 \in [0, 1)^N`, speeds of at most :math:`C / 2`, and a particle that leaves the box stopped
at its wall. Rounding positions down is the usual reading for discrete decisions.

Source: Kennedy and Eberhart, "Particle swarm optimization", ICNN 1995; the constants :math:`\omega = 0.7298` and
:math:`c_1 = c_2 = 1.4962` are those of Clerc and Kennedy, "The particle swarm - explosion, stability, and convergence in a
multidimensional complex space", IEEE Transactions on Evolutionary Computation 6(1), 2002.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.backend import Feature
from mecopt.contract.problem import Problem
from mecopt.contract.solver import Adjustable, Search, Solver
from mecopt.running import clock
from mecopt.search.candidates import judged

Array = NDArray[Any]

CELLS = 2_000_000
"""Of positions in memory at once; larger batches fly one part after the other."""


class ParticleSwarm(Solver):
    """A swarm of particles whose places, rounded down, are decisions; the first one begins at a start where there is one."""

    name = "particle-swarm"
    features = Feature.WARM_PRIMAL | Feature.LIMITS
    adjustable: ClassVar = {
        "particles": Adjustable(int, 1, 100_000),
        "iterations": Adjustable(int, 1, 10_000_000),
        "inertia": Adjustable(float, 0.0, 10.0),
        "cognitive": Adjustable(float, 0.0, 10.0),
        "social": Adjustable(float, 0.0, 10.0),
    }

    def __init__(self) -> None:
        self.particles, self.iterations = 30, 100
        self.inertia, self.cognitive, self.social = 0.7298, 1.4962, 1.4962

    @property
    def summary(self) -> str:  # type: ignore[override]
        """Say what it does, with its numbers."""
        return f"particle swarm optimisation of positions rounded down, {self.particles} particles, {self.iterations} steps"

    def search(
        self, problem: Problem, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        """Let one swarm for each instance of the batch fly side by side."""
        flat = problem.flat()
        deadline = None if time_limit is None else clock.now() + time_limit
        first = None if start is None else start.reshape(flat.instances, flat.users)
        found, steps = np.empty((flat.instances, flat.users), dtype=np.int8), np.empty(flat.instances, dtype=int)
        count = max(1, CELLS // (self.particles * flat.users))
        for begin in range(0, flat.instances, count):
            rows = slice(begin, begin + count)
            found[rows], steps[rows] = self._flown(flat[rows], None if first is None else first[rows], deadline, rng)
        shape = problem.batch_shape
        return Search(
            found.reshape((*shape, flat.users)),
            solver_calls=(self.particles * (steps + 1)).reshape(shape),
            iterations=steps.reshape(shape),
            limit=(steps < self.iterations).reshape(shape),
            start_used=start is not None,
        )

    def _flown(self, flat: Problem, start: Array | None, deadline: float | None, rng: Generator) -> tuple[Array, int]:
        """Return the best decision that any particle met, ``(instances, users)``, and the steps taken."""
        choices, score = len(flat.choices.labels), flat.scorer()
        fastest, wall = 0.5 * choices, np.nextafter(float(choices), 0.0)
        place = rng.uniform(0.0, choices, (flat.instances, self.particles, flat.users))
        speed = rng.uniform(-fastest, fastest, place.shape)
        if start is not None:
            place[:, 0] = start + 0.5
        best, value = place.copy(), np.full(place.shape[:2], np.inf)
        found, least = np.zeros((flat.instances, flat.users), dtype=np.int8), np.full(flat.instances, np.inf)
        for step in range(self.iterations + 1):
            decision = flat.mended(place.astype(np.int8))
            reached = judged(flat, score(decision))
            better = reached < value
            best[better], value[better] = place[better], reached[better]
            leader = reached.argmin(axis=-1)
            record = np.take_along_axis(reached, leader[:, None], axis=-1)[:, 0]
            ahead = (record < least) | (step == 0)
            found[ahead], least[ahead] = _of(decision, leader)[ahead], record[ahead]
            if step == self.iterations or (deadline is not None and clock.now() > deadline):
                break
            towards = _of(best, value.argmin(axis=-1))[:, None]
            speed *= self.inertia
            speed += self.cognitive * rng.random(place.shape) * (best - place)
            speed += self.social * rng.random(place.shape) * (towards - place)
            np.clip(speed, -fastest, fastest, out=speed)
            place += speed
            speed[(place < 0.0) | (place > wall)] = 0.0
            np.clip(place, 0.0, wall, out=place)
        return found, step


def _of(values: Array, particle: Array) -> Array:
    """Return of ``(instances, particles, users)`` the row of one particle of each instance."""
    return np.take_along_axis(values, particle[:, None, None], axis=1)[:, 0]
