"""Benches: calls find alike what they are called with, and values of a batch are compared instance by instance."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pytest
from untimed import once

import mecopt
from mecopt.compare.bench import Plan, fixed, opened, turns
from mecopt.compare.bench.plans import draw
from mecopt.compare.bench.rivals import Prepared, Rival
from mecopt.compare.bench.turns import Timing, Work
from mecopt.contract.derived import of_data
from mecopt.contract.problem import Problem
from mecopt.models import BinaryOffloading, ComputationRate, InferenceQueue
from mecopt.models.computation_rate.rivals import DESCENT

FEW = Plan((3,), ((2, 4, 2),), (3,), {"slsqp": 1, "scs": 2}, (2, 6), (), (3,), ())


def test_every_timed_call_finds_its_instance_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """What mecopt keeps of an instance for the next call is computed as often as a whole call is timed."""
    computed = [0]
    compute = ComputationRate.coefficients.__wrapped__  # type: ignore[attr-defined]

    def counted(problem: ComputationRate) -> Any:
        computed[0] += 1
        return compute(problem)

    def thrice(works: Mapping[str, Work], seconds: float, most: int = 0, turn: float = 0.0) -> dict[str, Timing]:
        for name, work in works.items():
            before = computed[0]
            work.spent(3)
            often[name] = computed[0] - before
        return once(works, seconds)

    often: dict[str, int] = {}
    monkeypatch.setattr(ComputationRate, "coefficients", of_data(counted))
    monkeypatch.setattr(turns, "by_turns", thrice)
    for rows in (
        fixed._single(ComputationRate, 0, FEW, 3),
        fixed._batched(ComputationRate, 0, 2, 4, 2, FEW),
        fixed._alone(ComputationRate, 0, 3),
        opened._beside(partial(draw, ComputationRate, 0, 3), "paper", "open", [], [DESCENT]),
    ):
        often.clear()
        assert list(rows)
        assert {"closed-form", "closed-form, batched", "exact"} & set(often)
        assert min(often.values()) >= 3, often


def test_values_of_a_batch_are_compared_beside_what_is_negligible_in_each_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    class Careless(Rival):
        name, summary, batches = "careless", "a tenth too much in the second instance", True

        def prepared(self, problem: Problem, decision: Any) -> Prepared:
            return Prepared(lambda: None, lambda _: mecopt.allocate(problem, decision).objective * [1.0, 1.1])

    monkeypatch.setattr(turns, "by_turns", once)
    one = InferenceQueue.sample(np.random.default_rng(0), users=3)
    data: dict[str, Any] = {**one.data(), "energy_weight": [[8e9] * 3, [8.0] * 3]}
    batch = InferenceQueue(**data)
    assert batch.negligible[0] > 1e8 * batch.negligible[1]
    decision = batch.mended(batch.decision_space.sample(np.random.default_rng(0), (2,)))
    mine, other = fixed._backend(batch, decision, "closed-form"), fixed._rival(batch, decision, Careless())
    (row,) = fixed._beside(batch, "here", mine, [other], "two", 2)
    assert row.apart > 1e-3
    assert not row.agrees


def test_rows_under_a_limit_compare_answers_that_keep_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "by_turns", once)
    drawn = partial(opened._limited, BinaryOffloading, 0, 6, "paper")
    limited, free = drawn(), draw(BinaryOffloading, 0, 6)
    assert float(mecopt.solve(limited).objective) > float(mecopt.solve(free).objective)
    (row,) = opened._beside(drawn, "paper", "limited", ["highs"], [])
    assert (row.subject, row.rival, row.group) == ("exact, 6 users", "highs", "limited")
    assert abs(row.apart) < 1e-6
