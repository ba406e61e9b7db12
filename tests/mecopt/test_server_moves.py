"""Local search on many servers: what it ends with no move betters, whatever was left untried on the way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mecopt.kernels.servers import Servers, costs, servers
from mecopt.models import MultiServerOffloading
from mecopt.search.server_moves import polish

Array = NDArray[Any]


def _moves(decision: Array, choices: int) -> Array:
    """Return all decisions that one user's move leads to, ``(users choices, users)``."""
    users = decision.size
    moved = np.tile(decision, (users * choices, 1))
    moved[np.arange(users * choices), np.repeat(np.arange(users), choices)] = np.tile(np.arange(choices), users)
    return moved


def _bounded(rng: np.random.Generator, users: int, count: int) -> Servers:
    """Draw servers with bounds on shares of which some bind, few places, and choices that do not exist."""
    root, capacity = rng.uniform(0.2, 2.0, users), rng.uniform(0.2, 2.0, count) * users / count
    cost = rng.uniform(0.0, 4.0, (users, count + 1)) * rng.choice([1.0, 0.1], (users, 1))
    cost[:, 0] = rng.uniform(2.0, 8.0, users)
    cost[:, 1:][rng.random((users, count)) < 0.1] = np.inf
    lower = rng.choice([0.0, 0.3, 0.9], (users, count)) * rng.random((users, count))
    upper = np.maximum(lower, rng.choice([0.2, 1.5, np.inf], (users, count)))
    places = rng.choice([users / (count + 1.0), 3.0, np.inf], count).round()
    return servers(cost[None], root[None], capacity[None], lower[None], upper[None], places[None])


@pytest.mark.parametrize("seed", range(8))
def test_no_move_betters_what_local_search_ends_with(seed: int) -> None:
    rng = np.random.default_rng([seed, 11])
    terms = _bounded(rng, 80, 4)
    decision = np.zeros(80, dtype=np.int8)
    before = costs(terms, decision[None, None])[0, 0]
    assert polish(terms, decision, 1000) > 0
    after = costs(terms, decision[None, None])[0, 0]
    assert after < before
    assert costs(terms, _moves(decision, 5)[None]).min() >= after * (1.0 - 1e-13)


@pytest.mark.parametrize("preset", ["heterogeneous", "limited"])
def test_no_move_betters_decisions_of_more_users_than_exchange(preset: str) -> None:
    problem = MultiServerOffloading.sample(np.random.default_rng(3), users=400, servers=5, preset=preset)
    terms, decision = problem.server_terms(), np.zeros(400, dtype=np.int8)
    assert polish(terms, decision, 1000) > 100
    after = float(problem.optimal_value(decision))
    assert problem.optimal_value(_moves(decision, 6)).min() >= after * (1.0 - 1e-13)


def test_no_exchange_betters_decisions_of_many_users_on_servers_with_limits() -> None:
    users = 320
    problem = MultiServerOffloading.sample(np.random.default_rng(4), users=users, servers=4, preset="limited")
    decision = np.zeros(users, dtype=np.int8)
    polish(problem.server_terms(), decision, 1000)
    i, k = np.triu_indices(users, 1)
    differ = decision[i] != decision[k]
    i, k = i[differ], k[differ]
    exchanged = np.tile(decision, (i.size, 1))
    exchanged[np.arange(i.size), i], exchanged[np.arange(i.size), k] = decision[k], decision[i]
    after = float(problem.optimal_value(decision))
    assert problem.optimal_value(exchanged).min() >= after * (1.0 - 1e-13)


@pytest.mark.parametrize("seed", range(4))
def test_servers_that_are_too_full_are_emptied_until_their_users_fit(seed: int) -> None:
    rng = np.random.default_rng([seed, 12])
    terms = _bounded(rng, 60, 3)._replace(admission=np.full((1, 3), 12.0))
    decision = np.where(np.isfinite(terms.cost[0, :, 1]), 1, 0).astype(np.int8)
    assert costs(terms, decision[None, None])[0, 0] == np.inf
    polish(terms, decision, 1000)
    after = costs(terms, decision[None, None])[0, 0]
    assert after < np.inf
    assert costs(terms, _moves(decision, 4)[None]).min() >= after * (1.0 - 1e-13)
