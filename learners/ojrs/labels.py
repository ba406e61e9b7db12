r"""What is learned: the decision that a search finds from the network's own one (paper 004, IV-D).

`annealing` is the paper's: :math:`T_{SA}` steps of `mecopt.search.annealing` from the own decision, the best one met kept,
so that it is never worse than the own one. The number of steps follows (30),

.. math:: T(t+1) = T(t) + 1 \text{ where } \Delta\delta_t \ge \varepsilon, \quad \max(T(t) - 1, 1) \text{ elsewhere,}

at every instance, with the change :math:`\Delta\delta_t` of the loss at the last update; before there is one T stays. The
printed (30) has no absolute value around :math:`\Delta\delta`, (32) has: `rise` reads it as printed, so that T grows while
the loss rises, `change` as its size. Neither tells whether the network is any good: a loss that has stopped falling
far from the optimum lets T fall to 1, and learning with it; one that stays noisy lets T grow for ever. Hence a floor in
place of the 1, and a ceiling. `fall` takes the decrease of the loss, by which the text says that T is adjusted. `loss`
compares the loss itself with epsilon, by which T does what the paper says of it: it falls as the network learns, and rises
when the environment varies.

`epsilon-greedy` is what the paper compares with in figure 10, "DRL with epsilon-greedy": of the own decision and as many as
annealing would try, in each of which every user takes any choice with probability epsilon, the best one is learned.

`local-search` descends by single moves, and by exchanges where the problem's compiled search knows them; `optimum` is the
proved one, to see what better labels would bring.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError, unknown
from mecopt.contract.fields import declared
from mecopt.contract.problem import Problem
from mecopt.learners.ojrs.settings import OjrsSettings
from mecopt.optima import optimal_decisions
from mecopt.search.annealing import anneal
from mecopt.search.candidates import scores
from mecopt.search.descent import descend, optimal, optimal_moves
from mecopt.search.server_choice import MoveSearch

Array = NDArray[Any]


def steps_ahead(steps: int, loss: float, change: float, count: int, settings: OjrsSettings) -> Array:
    """Return T of the next instances by (30), the last of which had `steps`.

    `loss` is nan before the first update, its `change` before the second one.
    """
    seen = {"fixed": np.nan, "rise": change, "fall": -change, "change": abs(change), "loss": loss}[settings.adaptive]
    if np.isnan(seen):
        return np.full(count, steps)
    grows = seen >= settings.change_threshold
    ahead = np.arange(1, count + 1)
    if grows:
        return np.minimum(steps + ahead, max(steps, settings.most_steps))
    return np.maximum(steps - ahead, min(steps, settings.least_steps))


def guide(problem: Problem, name: str) -> str | None:
    """Return the field that says what a server is worth to a user: the one named, or the only one there is."""
    fields = [f.name for f in declared(type(problem)) if f.metadata["per"] == "user and server" and not f.metadata["unread"]]
    if name and name not in fields:
        raise unknown(f"field per user and server of {problem.name}", name, fields)
    if not name and len(fields) > 1:
        raise InstanceError(f"several fields may guide the search; name one by the setting guidance: {', '.join(fields)}")
    return name or next(iter(fields), None)


def guidance(problem: Problem, name: str | None) -> Array:
    """Return what each server is worth to each user of a flat batch, ``(instances, users, servers)``.

    Where no field says it, all are worth the same; of a single server (28) would not see a difference anyway.
    """
    if name is not None:
        return np.asarray(problem.data()[name])
    return np.ones((problem.instances, problem.users, len(problem.choices.labels) - 1))


def searched(problem: Problem, own: Array, steps: Array, settings: OjrsSettings, rng: Generator) -> Array:
    """Return the decision to learn for each instance of a flat batch."""
    if settings.labels == "optimum":
        best, answered = optimal_decisions(problem, throw=False)
        return np.where(answered[:, None], best, own)
    if settings.labels == "epsilon-greedy":
        found = own
        for _ in range(settings.steps):
            any_choice = problem.mended(problem.decision_space.sample(rng, problem.batch_shape))
            tried = np.where(rng.random(own.shape) < settings.exploration, any_choice, own)
            found = np.where((scores(problem, tried) < scores(problem, found))[:, None], tried, found)
        return found
    if settings.labels == "annealing":
        found, _, _ = anneal(
            problem,
            own,
            steps,
            rng,
            neighbour=settings.neighbour,
            guidance=guidance(problem, guide(problem, settings.guidance)),
            temperature=settings.temperature,
            cooling=settings.cooling,
        )
        return found
    if hasattr(problem, "server_terms"):
        return MoveSearch().search(problem, start=own, gap=None, time_limit=None, rng=rng).decision
    return descend(problem, own, optimal, optimal_moves, None)[0]
