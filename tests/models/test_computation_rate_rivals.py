"""DROO's own ways, written anew: they find what enumeration and the closed form find, as far as they claim to."""

import numpy as np
import pytest

import mecopt
from mecopt.compare.bench.slots import LEARNED
from mecopt.models import ComputationRate
from mecopt.models.computation_rate.rivals import BISECTION, DESCENT, bisected, descended, numbers, rate


def test_bisection_finds_the_best_times_of_every_mode() -> None:
    problem = ComputationRate.sample(np.random.default_rng(0), users=4)
    for mode in np.concatenate(list(problem.choices.enumerate(16))):
        task = BISECTION.prepared(problem, mode)
        found, best = task.value(task.call()), float(problem.optimal_value(mode))
        assert found == pytest.approx(best, rel=1e-9)
        assert rate(*numbers(problem), mode) == pytest.approx(best, rel=1e-9)
        harvest, times = bisected(*numbers(problem), mode)
        assert harvest + times.sum() == pytest.approx(1.0, abs=1e-12)


def test_coordinate_descent_ends_where_no_single_move_is_better() -> None:
    for seed in range(5):
        problem = ComputationRate.sample(np.random.default_rng(seed), users=6)
        mode = descended(*numbers(problem))
        moves = mode ^ np.eye(6, dtype=np.int8)
        assert problem.optimal_value(moves).max() <= problem.optimal_value(mode) * (1 + 1e-9)
        task = DESCENT.prepared(problem, None)
        assert task.value(task.call()) <= float(mecopt.solve(problem).objective) * (1 + 1e-9)


def test_a_whole_slot_plays_what_its_own_decisions_are_worth() -> None:
    pytest.importorskip("torch")
    from mecopt.learners.decision_net.rival import DROO, order_preserving, played

    stream = ComputationRate.sample(np.random.default_rng(0), (12,), users=4)
    best = mecopt.solve(stream).objective
    rates = played(stream)
    assert ((0.5 * best < rates) & (rates <= best * (1 + 1e-9))).all()
    assert np.array_equal(rates, played(stream)), "one seed, one run"
    ours = DROO.subject(stream).call()
    assert ((0.5 * best < ours) & (ours <= best * (1 + 1e-9))).all()
    assert LEARNED % 10 == 0, "whole intervals of training"
    outputs = np.random.default_rng(0).random(6)
    order = np.argsort(outputs)
    for decision in order_preserving(outputs):
        assert (np.diff(decision[order]) >= 0).all(), "who is more likely to offload does so first"
