"""Exact search and its limits, heuristics and their honesty."""

import copy
import dataclasses
import itertools
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mecopt
from mecopt import Status
from mecopt.backends.written import Linear
from mecopt.contract.errors import InstanceError, StartIgnored
from mecopt.contract.solver import GAP
from mecopt.models import BinaryOffloading, ComputationRate
from mecopt.search.descent import CoordinateDescent
from mecopt.search.exact import PriceAndFix
from mecopt.testing.statements import certified


def _endless(users: int = 44) -> BinaryOffloading:
    """Every cost is a constant plus (s.x - T)^2/F with s even and T odd: the bound never reaches the optimum."""
    rng = np.random.default_rng(0)
    root = 2.0 * rng.integers(10, 30, users)
    target = 2.0 * (root.sum() // 4) + 1.0
    capacity = 3.0 * target
    size = root**2 / 1.5
    return BinaryOffloading(
        data_size=size, capacity=capacity, local_rate=4.0 * size / (0.8 * size + 2.0 * target * root / capacity)
    )


def test_exact_is_enumeration_on_hundreds_of_heterogeneous_instances() -> None:
    rng = np.random.default_rng(1)
    for users in range(1, 12):
        batch = BinaryOffloading.sample(rng, (60,), preset="heterogeneous", users=users, capacity=rng.uniform(1.0, 60.0, 60))
        exact, oracle = mecopt.solve(batch), mecopt.solve(batch, solver="enumerate")
        assert np.allclose(exact.objective, oracle.objective, rtol=1e-11)
        assert (exact.bound <= oracle.objective * (1 + 1e-12)).all()


def test_exact_is_enumeration_on_hundreds_of_wireless_powered_instances() -> None:
    rng = np.random.default_rng(2)
    for users in range(1, 10):
        batch = ComputationRate.sample(rng, (40,), users=users)
        exact, oracle = mecopt.solve(batch), mecopt.solve(batch, solver="enumerate")
        assert np.allclose(exact.objective, oracle.objective, rtol=1e-11)
        assert (exact.bound >= oracle.objective * (1 - 1e-12)).all()


def test_exact_proves_subset_sum_instances() -> None:
    batch = BinaryOffloading.sample(np.random.default_rng(3), (30,), preset="subset-sum", users=14)
    exact, oracle = mecopt.solve(batch), mecopt.solve(batch, solver="enumerate")
    assert np.allclose(exact.objective, oracle.objective, rtol=1e-11)
    assert exact.statuses() == {"OPTIMAL": 30}


def test_a_time_limit_returns_the_incumbent_with_its_true_gap() -> None:
    problem = _endless()
    answer = mecopt.solve(problem, gap=1e-15, time_limit=0.2)
    assert answer.status is Status.LIMIT
    assert 0.0 < answer.gap < 1e-3
    assert float(answer.objective) == pytest.approx(float(problem.optimal_value(answer.decision)))
    assert float(answer.bound) <= float(answer.objective)


def test_a_bound_after_a_limit_is_still_a_bound() -> None:
    rng = np.random.default_rng(4)
    batch = BinaryOffloading.sample(rng, (40,), preset="subset-sum", users=12)
    optimum = mecopt.solve(batch, solver="enumerate").objective
    solver = BinaryOffloading.solvers["exact"]
    for nodes in (1, 2, 3, 5, 8, 13, 40):
        found = solver.prove(batch, None, node_limit=nodes)  # type: ignore[attr-defined]
        assert (found.bound <= optimum * (1 + 1e-12)).all()
    rates = ComputationRate.sample(rng, (40,), users=8)
    optimum = mecopt.solve(rates, solver="enumerate").objective
    for nodes in (1, 2, 3, 5):
        found = ComputationRate.solvers["exact"].prove(rates, None, node_limit=nodes)  # type: ignore[attr-defined]
        assert (found.bound >= optimum * (1 - 1e-12)).all()


def test_a_requested_gap_stops_early_and_is_kept() -> None:
    problem = BinaryOffloading.sample(np.random.default_rng(5), (20,), preset="heterogeneous", users=30)
    full, early = mecopt.solve(problem), mecopt.solve(problem, gap=0.05)
    assert (early.gap <= 0.05).all()
    assert early.statuses() == {"OPTIMAL": 20}
    assert (early.objective <= full.objective * 1.05).all()
    assert early.stats.solver_calls.sum() <= full.stats.solver_calls.sum()


def test_heuristics_never_claim_more_than_the_relaxation_proves() -> None:
    batch = BinaryOffloading.sample(np.random.default_rng(6), (50,), preset="heterogeneous")
    optimum = mecopt.solve(batch).objective
    for name in ("coordinate-descent", "local-search", "index-scan", "all-local", "all-offload", "random"):
        answer = mecopt.solve(batch, solver=name)
        assert (answer.bound <= optimum * (1 + 1e-12)).all()
        for status, objective, best in zip(answer.status, answer.objective, optimum, strict=True):
            assert status is not Status.OPTIMAL or objective <= best * (1 + 2e-6)


def test_coordinate_descent_ends_where_no_flip_improves() -> None:
    batches: tuple[mecopt.Problem, ...] = (
        BinaryOffloading.sample(np.random.default_rng(7), (30,), preset="heterogeneous"),
        ComputationRate.sample(np.random.default_rng(7), (10,), users=6),
    )
    for batch in batches:
        answer = mecopt.solve(batch, solver="cd-random", rng=np.random.default_rng(0))
        neighbours = batch.move_values(answer.decision)
        gain = batch.sign * (answer.objective[:, None, None] - neighbours)
        assert (gain <= 1e-11 * np.abs(answer.objective[:, None, None])).all()


def test_a_start_is_where_descent_begins() -> None:
    problem = BinaryOffloading.sample(np.random.default_rng(8), preset="heterogeneous")
    best = mecopt.solve(problem)
    again = mecopt.solve(problem, solver="coordinate-descent", start=best)
    assert again.decision.tolist() == best.decision.tolist()
    assert int(again.stats.iterations) == 1
    assert again.stats.start_used


def test_a_good_incumbent_saves_nodes() -> None:
    batch = ComputationRate.sample(np.random.default_rng(9), (60,), users=12)
    cold = mecopt.solve(batch)
    warm = mecopt.solve(batch, start=cold)
    assert np.allclose(cold.objective, warm.objective)
    assert warm.stats.solver_calls.sum() <= cold.stats.solver_calls.sum()


def test_a_start_that_would_be_ignored_is_an_error() -> None:
    problem = BinaryOffloading.sample(np.random.default_rng(0))
    with pytest.raises(StartIgnored, match="takes no start"):
        mecopt.solve(problem, solver="enumerate", start=np.zeros(10))
    with pytest.raises(StartIgnored, match="takes no start"):
        mecopt.allocate(problem, np.ones(10), start=mecopt.solve(problem))


def test_enumeration_refuses_what_it_could_not_finish() -> None:
    with pytest.raises(InstanceError, match="Use the solver 'exact'"):
        mecopt.solve(BinaryOffloading(data_size=np.ones(30)), solver="enumerate")


@pytest.mark.parametrize("name", ["scip", "highs"])
def test_outside_solvers_agree_within_what_they_prove(name: str) -> None:
    if not BinaryOffloading.solvers[name].is_available():
        pytest.skip(f"{name} is not installed")
    batch = BinaryOffloading.sample(np.random.default_rng(10), (10,), preset="heterogeneous", users=15)
    exact = mecopt.solve(batch)
    cold = mecopt.solve(batch, solver=name)
    warm = mecopt.solve(batch, solver=name, start=exact)
    for answer in (cold, warm):
        certified(exact, answer, GAP, name)
        assert answer.stats.claimed_bound is not None
        assert np.allclose(answer.stats.claimed_bound, exact.objective, rtol=10 * GAP)
        assert answer.statuses() == {"OPTIMAL": 10}
    assert warm.stats.start_used
    assert not cold.stats.start_used


def test_a_master_that_returns_its_start_for_the_optimum_is_asked_again_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """As HiGHS 1.16 may: value and bound of the optimum, and the point that it was started from."""
    began, found, forgot = Linear.start, Linear.levels, Linear.forget
    points: dict[Linear, list[float]] = {}
    again: list[Linear] = []

    def start(self: Linear) -> None:
        points[self] = [0.0 if variable.value is None else variable.value for variable in self.variables]
        began(self)

    def levels(self: Linear) -> list[float]:
        return found(self) if self in again else points[self]

    def forget(self: Linear) -> None:
        again.append(self)
        forgot(self)

    monkeypatch.setattr(Linear, "start", start)
    monkeypatch.setattr(Linear, "levels", levels)
    monkeypatch.setattr(Linear, "forget", forget)
    batch = BinaryOffloading.sample(np.random.default_rng(12), (5,), users=6)
    certified(mecopt.solve(batch), mecopt.solve(batch, solver="highs"), GAP, "highs")
    assert again


def test_outer_approximation_solves_wireless_powered_frames() -> None:
    batch = ComputationRate.sample(np.random.default_rng(11), (5,), users=6)
    exact, outer = mecopt.solve(batch), mecopt.solve(batch, solver="highs")
    certified(exact, outer, GAP, "highs")
    assert outer.stats.claimed_bound is not None
    assert (outer.stats.claimed_bound >= exact.objective * (1 - GAP)).all()


def test_random_solvers_depend_on_the_generator_alone() -> None:
    batch = BinaryOffloading.sample(np.random.default_rng(12), (20,), preset="heterogeneous")
    for name in ("random", "best-of-random", "cd-random", "local-search"):
        first, second = (mecopt.solve(batch, solver=name, rng=np.random.default_rng(7)) for _ in range(2))
        assert np.array_equal(first.decision, second.decision)


def test_descent_scored_by_any_function_is_the_same_descent() -> None:
    batch = BinaryOffloading.sample(np.random.default_rng(13), (5,), preset="heterogeneous", users=5)

    def value(problem: mecopt.Problem, decision: np.ndarray) -> np.ndarray:
        return mecopt.allocate(problem, decision).objective

    def moves(problem: mecopt.Problem, decision: np.ndarray) -> np.ndarray:
        found = np.empty((*decision.shape, 2))
        for i, j in np.ndindex(problem.users, 2):
            moved = decision.copy()
            moved[:, i] = j
            found[:, i, j] = value(problem, moved)
        return found

    usual = mecopt.solve(batch, solver="coordinate-descent")
    found = CoordinateDescent(value=value, moves=moves).search(
        batch, start=None, gap=None, time_limit=None, rng=np.random.default_rng(0)
    )
    assert np.array_equal(found.decision, usual.decision)


def test_one_user_has_two_decisions() -> None:
    for size, capacity in itertools.product((0.0, 1.0, 20.0), (0.1, 1.0, 100.0)):
        problem = BinaryOffloading(data_size=[size], capacity=capacity)
        both = problem.optimal_value(np.array([[0], [1]], dtype=np.int8))
        assert float(mecopt.solve(problem).objective) == pytest.approx(float(both.min()), rel=1e-13, abs=1e-15)


def test_identical_users_are_told_apart_by_order_alone() -> None:
    for users in (10, 40, 200):
        problem = ComputationRate(channel_gain=np.full(users, 3e-6), weight=1.0)
        answer = mecopt.solve(problem, time_limit=60.0)
        prefixes = np.tri(users + 1, users, -1, dtype=np.int8)
        assert answer.status is Status.OPTIMAL
        assert float(answer.objective) == pytest.approx(float(problem.optimal_value(prefixes).max()), rel=1e-12)


def test_two_classes_of_users_are_proved() -> None:
    kind = np.arange(60) % 2
    size, rate = np.array([9.0, 14.0])[kind], np.array([2.0, 3.1])[kind]
    answer = mecopt.solve(BinaryOffloading(data_size=size, upload_rate=rate, capacity=40.0), time_limit=60.0)
    counts = [(i, j) for i in range(31) for j in range(31)]
    decisions = np.zeros((len(counts), 60), dtype=np.int8)
    for row, (i, j) in zip(decisions, counts, strict=True):
        row[np.flatnonzero(kind == 0)[:i]] = 1
        row[np.flatnonzero(kind == 1)[:j]] = 1
    assert answer.status is Status.OPTIMAL
    assert float(answer.objective) == pytest.approx(float(answer.problem.optimal_value(decisions).min()), rel=1e-12)


@pytest.mark.parametrize("gap", [0.0, 1e-9, 1e-3])
def test_what_is_proved_within_the_requested_gap_is_optimal(gap: float) -> None:
    rates = ComputationRate.sample(np.random.default_rng(15), (200,), users=8)
    costs = BinaryOffloading.sample(np.random.default_rng(15), (200,), preset="heterogeneous")
    assert mecopt.solve(rates, gap=gap).statuses() == {"OPTIMAL": 200}
    assert mecopt.solve(costs, gap=gap).statuses() == {"OPTIMAL": 200}


def test_a_start_of_another_problem_or_size_is_refused() -> None:
    small, large = BinaryOffloading(data_size=np.ones(3)), BinaryOffloading(data_size=np.ones(5))
    other = ComputationRate(channel_gain=np.ones(3) * 1e-6)
    for start in (mecopt.solve(large), mecopt.solve(other)):
        with pytest.raises(InstanceError, match="allowed: binary-offloading with 3"):
            mecopt.allocate(small, np.ones(3), backend="slsqp", start=start)
        with pytest.raises(InstanceError, match="allowed: binary-offloading with 3"):
            mecopt.solve(small, start=start)


def test_an_interrupt_ends_a_search_without_a_time_limit(tmp_path: Path) -> None:
    script, hard = tmp_path / "endless.py", _endless().data()
    fields = ", ".join(f"{name}={hard[name].tolist()}" for name in ("data_size", "local_rate", "capacity"))
    script.write_text(
        "import signal, mecopt\n"
        "from mecopt.models import BinaryOffloading\n"
        "from mecopt.search.count_tree import CountTree\n"
        "descend, slices = CountTree.descend, []\n"
        "def told(*given):\n"
        "    descend(*given)\n"
        "    slices.append(1)\n"
        "    if len(slices) == 3:\n"
        "        print('searching', flush=True)\n"
        "CountTree.descend = told\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"mecopt.solve(BinaryOffloading({fields}))\n"
    )
    command = [sys.executable, str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "searching\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert "KeyboardInterrupt" in errors


def test_solutions_and_copied_problems_are_frozen() -> None:
    answer = mecopt.solve(BinaryOffloading(data_size=[[12.0, 7.5], [1.0, 2.0]]))
    copied = copy.deepcopy(answer.problem).data()
    for array in (answer.objective, answer.decision, answer.allocation.server_rate, copied["data_size"]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_a_failure_survives_the_way_between_processes() -> None:
    answer = mecopt.solve(BinaryOffloading(data_size=[12.0, 7.5]))
    error = copy.copy(mecopt.SolveFailed("one item failed", answer))
    assert str(error) == "one item failed"
    assert float(error.solution.objective) == float(answer.objective)


def test_what_floats_cannot_hold_is_never_called_proved() -> None:
    problem = ComputationRate(channel_gain=[1e-5] * 3, weight=[1e-150, 1.0, 1e150])
    times = ComputationRate.Allocation(harvest_time=np.asarray(0.4), offload_time=np.array([0.0, 0.0, 0.6]))
    better = float(problem.objective(np.array([0, 0, 1]), times))
    for name in ("exact", "enumerate"):
        answer = mecopt.solve(problem, solver=name, throw=False)
        assert answer.status is not Status.OPTIMAL or float(answer.objective) >= better


@pytest.mark.parametrize("cls", [BinaryOffloading, ComputationRate])
def test_no_slack_is_larger_than_what_forcing_a_user_costs(cls: type[mecopt.Problem]) -> None:
    """The bound plus a user's slack must not exceed the best of all decisions that force the user to its other side."""
    from mecopt.search.trees import tree_of

    rng = np.random.default_rng(16)
    preset = "heterogeneous" if "heterogeneous" in cls.presets else "paper"
    everything = np.concatenate(list(mecopt.Binary(7).enumerate(128)))
    for problem in cls.sample(rng, (40,), preset=preset, users=7):
        values = problem.sign * problem.optimal_value(everything)
        solver = cls.solvers["exact"]
        assert isinstance(solver, PriceAndFix)
        data = solver.data_of_one(problem)
        _, bound, slack = tree_of(data).root(data, 7, 2, solver.price(data))
        assert bound <= values.min() * (1 + np.sign(values.min()) * 1e-12)
        for i, choice in np.ndindex(7, 2):
            forced = values[everything[:, i] == choice].min()
            assert bound + slack[i, choice] <= forced + 1e-9 * abs(forced)


@pytest.mark.slow
@pytest.mark.parametrize("cls", [BinaryOffloading, ComputationRate])
def test_exact_is_enumeration_on_thousands_of_instances_with_classes_of_users(cls: type[mecopt.Problem]) -> None:
    rng = np.random.default_rng(17)
    for _ in range(150):
        users, classes = int(rng.integers(2, 13)), int(rng.integers(1, 5))
        drawn = cls.sample(rng, (20,), preset=list(cls.presets)[-1], users=classes)
        kind = rng.integers(0, classes, users)
        per = {f.name: f.metadata["per"] for f in dataclasses.fields(cls)}
        batch = cls(**{n: v[..., kind] if per[n] == "user" else v for n, v in drawn.data().items()})
        exact, oracle = mecopt.solve(batch), mecopt.solve(batch, solver="enumerate")
        assert np.allclose(exact.objective, oracle.objective, rtol=1e-11)
        assert (batch.sign * (oracle.objective - exact.bound) >= -1e-11 * np.abs(oracle.objective)).all()
