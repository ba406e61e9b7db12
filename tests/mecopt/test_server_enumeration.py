"""Decisions near the best among all, found by sums of half sums, against sums of fractions."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mecopt
from mecopt import Status
from mecopt.kernels.servers import servers
from mecopt.models.binary_offloading import BinaryOffloading
from mecopt.models.multi_server_offloading import MultiServerOffloading
from mecopt.search.enumeration import Enumeration
from mecopt.search.server_enumeration import near_best


def terms(rng: np.random.Generator, instances: int, users: int, count: int, ties: bool) -> Any:
    """Draw terms of servers, of few different numbers where there shall be ties, some choices impossible."""
    shape = (instances, users, 1 + count)
    cost = rng.integers(1, 4, shape).astype(float) if ties else rng.uniform(0.1, 9.0, shape) * 10.0 ** rng.integers(-3, 4)
    cost[..., 1:][rng.random((instances, users, count)) < 0.1] = np.inf
    root = rng.integers(0, 3, shape[:2]).astype(float) if ties else rng.uniform(0.0, 3.0, shape[:2])
    return servers(cost, root, rng.integers(1, 9, (instances, count)).astype(float))


def exact_cost(data: Any, b: int, decision: Any) -> Fraction | float:
    """Sum up a decision's cost in fractions."""
    own = [data.cost[b, i, a] for i, a in enumerate(decision)]
    if np.inf in own:
        return np.inf
    loads = [sum((Fraction(s) for s, a in zip(data.root[b], decision, strict=True) if a == j + 1), Fraction(0))
             for j in range(data.capacity.shape[1])]  # fmt: skip
    shared = (load**2 / Fraction(f) for load, f in zip(loads, data.capacity[b], strict=True))
    return sum(map(Fraction, own), Fraction(0)) + sum(shared, Fraction(0))


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32), st.sampled_from([(1, 5, 1), (3, 4, 1), (2, 3, 3), (40, 2, 2)]), st.booleans())
def test_what_is_left_out_costs_more_in_fractions(seed: int, sizes: tuple[int, int, int], ties: bool) -> None:
    instances, users, count = sizes
    data = terms(np.random.default_rng(seed), instances, users, count, ties)
    problem = SimpleNamespace(server_terms=lambda: data, instances=instances)
    every = np.array(list(np.ndindex(*[1 + count] * users)), dtype=np.int8)[:, ::-1]
    candidates, least, rounding = near_best(problem, len(every))
    for b in range(instances):
        costs = {tuple(row): exact_cost(data, b, row) for row in every.tolist()}
        best = min(costs.values())
        near = list(map(tuple, candidates[b].tolist()))
        assert {row for row, cost in costs.items() if cost == best} <= set(near)
        assert abs(least[b] - float(best)) <= rounding[b] * float(best) <= 1e-12 * float(best)
        assert all(costs[row] <= best * (1 + 2 * Fraction(float(rounding[b]))) for row in near)
        numbers = (np.array(near) @ (1 + count) ** np.arange(users)).tolist()
        distinct = list(dict.fromkeys(numbers))
        assert distinct == sorted(distinct), "candidates stand in the order of counting"


def test_instances_that_have_too_many_or_are_beyond_the_proof_are_not_answered() -> None:
    alike = servers(np.ones((3, 4, 2)), np.zeros((3, 4)), np.ones((3, 1)))
    alike.cost[1, :, 1] = 2.0  # one best decision
    alike.cost[2] *= 1e300
    _, least, _ = near_best(SimpleNamespace(server_terms=lambda: alike, instances=3), 8)
    assert least.tolist() == [np.inf, 4.0, np.inf]
    bounded = alike._replace(bounded=np.array([False, True, False]))
    assert near_best(SimpleNamespace(server_terms=lambda: bounded, instances=3), 8)[1].tolist() == [np.inf] * 3


@pytest.mark.parametrize(
    "problem",
    [
        BinaryOffloading.sample(np.random.default_rng(1), (3,), preset="heterogeneous", users=11),
        BinaryOffloading.sample(np.random.default_rng(2), preset="subset-sum", users=12),
        BinaryOffloading(data_size=np.full(11, 12.0)),
        BinaryOffloading(data_size=np.zeros(10)),
        BinaryOffloading(data_size=np.ones(10), local_rate=np.r_[0.0, np.ones(9)], capacity=0.0),
        BinaryOffloading(data_size=np.r_[1e307, np.ones(9)]),
        MultiServerOffloading.sample(np.random.default_rng(3), (2,), users=6, servers=3),
        MultiServerOffloading.sample(np.random.default_rng(4), (2,), users=6, servers=3, admission=[1.0, 2.0, 9.0]),
    ],
)
def test_looking_near_the_best_alone_changes_no_answer(problem: Any) -> None:
    whole, near = (
        solver.search(problem, start=None, gap=None, time_limit=None, rng=np.random.default_rng(0))
        for solver in (Enumeration(), problem.solvers["enumerate"])
    )
    np.testing.assert_array_equal(near.decision, whole.decision)
    np.testing.assert_array_equal(near.bound, whole.bound)
    np.testing.assert_array_equal(near.solver_calls, whole.solver_calls)


def test_sums_are_not_believed_where_the_model_says_otherwise() -> None:
    class Passing(BinaryOffloading):
        def optimal_value(self, decision: Any) -> Any:
            return super().optimal_value(decision) * np.where((decision == best).all(axis=-1), 3.0, 1.0)

    instance = BinaryOffloading.sample(np.random.default_rng(34), preset="heterogeneous", users=11)
    right = mecopt.solve(instance, solver="enumerate")
    assert right.status is Status.OPTIMAL
    best = right.decision
    passed = mecopt.solve(Passing(**instance.data()), solver="enumerate")
    assert (passed.decision != best).any()
    assert passed.status is Status.FEASIBLE
    assert float(passed.bound) <= float(right.objective) * (1.0 + 1e-12)
