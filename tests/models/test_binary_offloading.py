"""Paper 003: the model, the theorem, the baselines, and how generic solvers fail on it in raw units."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mecopt
from mecopt.contract.errors import InstanceError
from mecopt.models import BinaryOffloading
from mecopt.models.binary_offloading import CapacityPrice, ServerRate
from mecopt.testing.statements import certified, same_value

sizes = st.lists(st.floats(0.1, 50.0), min_size=1, max_size=8)


def test_the_objective_is_the_paper_s_sum_of_delays_and_energies() -> None:
    problem = BinaryOffloading(data_size=[12.0, 6.0], capacity=30.0)
    allocation = ServerRate(server_rate=np.array([30.0, 0.0]))
    offloaded = 12 / 2.5 + 12 / 30 + 1.0 * (1.0 * 12 / 2.5 + 0.5 * 12 / 30)
    local = 6 / 3 + 1.0 * 3.0 * 6 / 3
    assert float(problem.objective(np.array([1, 0]), allocation)) == pytest.approx(offloaded + local, rel=1e-15)


def test_an_offloaded_task_without_rate_takes_forever() -> None:
    problem = BinaryOffloading(data_size=[12.0, 0.0], capacity=30.0)
    nothing = ServerRate(server_rate=np.zeros(2))
    assert problem.objective(np.array([1, 0]), nothing) == np.inf
    assert problem.objective(np.array([0, 1]), nothing) == pytest.approx(12 / 3 * 4)


@given(sizes, st.floats(0.5, 100.0), st.integers(0, 2**32 - 1))
def test_any_price_bounds_any_split(size: list[float], capacity: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    problem = BinaryOffloading(data_size=size, capacity=capacity)
    decision = rng.integers(0, 2, len(size), dtype=np.int8)
    split = ServerRate(server_rate=rng.dirichlet(np.ones(len(size))) * capacity)
    price = CapacityPrice(capacity_price=np.asarray(10.0 ** rng.uniform(-4, 4)))
    cost = problem.objective(decision, split)
    assert problem.bound(decision, price) <= cost * (1 + 1e-12)
    assert problem.relaxed_bound(price) <= cost * (1 + 1e-12)


@given(sizes, st.floats(0.5, 100.0), st.floats(1.0, 3.0))
def test_more_capacity_never_costs_more(size: list[float], capacity: float, factor: float) -> None:
    less = mecopt.solve(BinaryOffloading(data_size=size, capacity=capacity)).objective
    more = mecopt.solve(BinaryOffloading(data_size=size, capacity=capacity * factor)).objective
    assert more <= less * (1 + 1e-12)


def test_the_shadow_price_is_what_more_capacity_saves() -> None:
    decision, step = [1, 0, 1, 1], 1e-4
    size = [12.0, 7.5, 20.1, 9.0]
    above, below = (
        float(mecopt.allocate(BinaryOffloading(data_size=size, capacity=30.0 + s), decision).objective)
        for s in (step, -step)
    )
    price = mecopt.allocate(BinaryOffloading(data_size=size, capacity=30.0), decision).dual.capacity_price
    assert (below - above) / (2 * step) == pytest.approx(float(price), rel=1e-6)


def test_top_k_is_enumeration_for_users_that_differ_in_size_only() -> None:
    rng = np.random.default_rng(0)
    for users in range(2, 12):
        count = 60
        batch = BinaryOffloading(
            data_size=rng.uniform(0.1, 30.0, (count, users)),
            upload_rate=rng.uniform(1.0, 5.0, (count, 1)) * np.ones(users),
            local_rate=rng.uniform(1.0, 5.0, (count, 1)) * np.ones(users),
            energy_weight=rng.uniform(0.0, 3.0, (count, 1)) * np.ones(users),
            capacity=rng.uniform(0.5, 100.0, count),
        )
        prefix, oracle = mecopt.solve(batch, solver="prefix"), mecopt.solve(batch, solver="enumerate")
        assert np.allclose(prefix.objective, oracle.objective, rtol=1e-12)
        assert prefix.statuses() == {"OPTIMAL": count}


def test_the_theorem_is_checked_and_never_assumed() -> None:
    batch = BinaryOffloading.sample(np.random.default_rng(1), (3,), preset="heterogeneous")
    with pytest.raises(InstanceError, match="instance 0"):
        mecopt.solve(batch, solver="prefix")
    barely = BinaryOffloading(data_size=[10.0, 20.0], upload_rate=[2.5, 2.5 * (1 + 1e-9)])
    with pytest.raises(InstanceError, match="prefix is exact only"):
        mecopt.solve(barely, solver="prefix")


def test_a_batch_may_mix_identical_and_different_users() -> None:
    rng = np.random.default_rng(2)
    rates = np.where(np.arange(20)[:, None] % 2 == 0, 2.5, rng.uniform(1.0, 5.0, (20, 8)))
    batch = BinaryOffloading(data_size=rng.uniform(5.0, 25.0, (20, 8)), upload_rate=rates)
    assert np.allclose(mecopt.solve(batch).objective, mecopt.solve(batch, solver="enumerate").objective, rtol=1e-12)


def test_sorting_by_size_is_wrong_for_users_that_differ() -> None:
    batch = BinaryOffloading.sample(np.random.default_rng(3), (200,), preset="heterogeneous")
    order = np.argsort(-batch.data_size, axis=-1)
    prefixes = np.zeros((200, 11, 10), dtype=np.int8)
    for k in range(11):
        np.put_along_axis(prefixes[:, k], order[:, :k], 1, axis=-1)
    loss = batch.optimal_value(prefixes).min(axis=-1) / mecopt.solve(batch).objective - 1.0
    assert loss.mean() > 0.01


@pytest.mark.parametrize("users", [100, 1_000, 10_000])
def test_many_identical_users_are_proved_by_the_theorem(users: int) -> None:
    answer = mecopt.solve(BinaryOffloading.sample(np.random.default_rng(4), (3,), users=users))
    assert answer.statuses() == {"OPTIMAL": 3}


# ---------------------------------------------------------------------- the paper's baselines


def test_equal_split_over_all_users_makes_everyone_offload_in_the_paper_s_setting() -> None:
    batch = BinaryOffloading.sample(np.random.default_rng(5), (200,))
    average = mecopt.solve(batch, solver="cd-average")
    everyone = mecopt.solve(batch, solver="all-offload-equal")
    assert (average.decision == 1).all()
    assert np.allclose(average.objective, everyone.objective)
    assert np.allclose(average.allocation.server_rate, 3.0)


def test_the_baselines_reach_what_the_paper_reports() -> None:
    batch = BinaryOffloading.sample(np.random.default_rng(6), (2000,))
    best = mecopt.solve(batch).objective

    def ratio(name: str) -> float:
        return float((best / mecopt.solve(batch, solver=name, rng=np.random.default_rng(0)).objective).mean())

    assert 0.84 <= ratio("all-local") <= 0.9
    assert 0.84 <= ratio("all-offload-equal") <= 0.9
    assert 0.84 <= ratio("cd-average") <= 0.9
    assert ratio("cd-random") == pytest.approx(0.998, abs=0.002)
    assert ratio("coordinate-descent") == pytest.approx(1.0, abs=1e-9)


def test_descent_scored_by_slsqp_decides_like_descent_scored_exactly() -> None:
    batch = BinaryOffloading.sample(np.random.default_rng(7), (4,), users=5)
    slow = mecopt.solve(batch, solver="cd-slsqp", rng=np.random.default_rng(1))
    fast = mecopt.solve(batch, solver="cd-random", rng=np.random.default_rng(1))
    assert np.array_equal(slow.decision, fast.decision)


def test_the_square_root_rule_beats_the_equal_split() -> None:
    batch = BinaryOffloading.sample(np.random.default_rng(8), (50,))
    assert (
        mecopt.solve(batch, solver="all-offload").objective < mecopt.solve(batch, solver="all-offload-equal").objective
    ).all()


# ---------------------------------------------------------------------- generic solvers and units


def _slsqp_in_raw_units(compute: np.ndarray, capacity: float) -> tuple[bool, float]:
    from scipy.optimize import minimize

    start = np.full(compute.size, capacity / compute.size)
    result = minimize(
        lambda f: float((compute / f).sum()),
        start,
        jac=lambda f: -compute / f**2,
        bounds=[(1e-6, None)] * compute.size,
        constraints={"type": "ineq", "fun": lambda f: capacity - f.sum(), "jac": lambda f: -np.ones_like(f)},
        method="SLSQP",
    )
    best = np.sqrt(compute).sum() ** 2 / capacity
    return bool(result.success), float(result.fun / best - 1.0)


def test_slsqp_fails_silently_in_raw_hertz_and_not_after_scaling() -> None:
    rng = np.random.default_rng(9)
    raw = []
    for _ in range(20):
        size = rng.uniform(5.0, 25.0, 10)
        success, error = _slsqp_in_raw_units(1.5 * size * 1e9, 30.0 * 1e9)
        raw.append(error if success else 0.0)
        problem = BinaryOffloading(data_size=size * 1e9, upload_rate=2.5e9, local_rate=3e9, capacity=30e9)
        answer = mecopt.allocate(problem, np.ones(10), backend="slsqp")
        best = mecopt.allocate(problem, np.ones(10))
        certified(best, answer, BinaryOffloading.backends["slsqp"].proves, "slsqp")
    assert np.median(raw) > 0.01, "scipy reports success far from the optimum"


def test_scs_from_its_own_answer_needs_fewer_iterations() -> None:
    rng = np.random.default_rng(10)
    size = rng.uniform(5.0, 25.0, 10)
    decision = np.ones(10)
    first = mecopt.allocate(BinaryOffloading(data_size=size), decision, backend="scs")
    near = BinaryOffloading(data_size=size * rng.uniform(0.999, 1.001, 10))
    cold = mecopt.allocate(near, decision, backend="scs")
    warm = mecopt.allocate(near, decision, backend="scs", start=first)
    assert warm.stats.start_used
    assert int(warm.stats.iterations) < int(cold.stats.iterations)
    same_value(cold, warm, "scs from its own answer")


def test_slsqp_from_the_optimum_stops_at_once() -> None:
    problem = BinaryOffloading.sample(np.random.default_rng(11), users=15)
    best = mecopt.allocate(problem, np.ones(15))
    cold = mecopt.allocate(problem, np.ones(15), backend="slsqp")
    warm = mecopt.allocate(problem, np.ones(15), backend="slsqp", start=best)
    assert int(warm.stats.iterations) < int(cold.stats.iterations)


def test_the_handed_out_program_takes_another_constraint() -> None:
    import cvxpy as cp

    problem = BinaryOffloading(data_size=[12.0, 7.5, 20.1], capacity=30.0)
    program = problem.to_cvxpy([1, 1, 1])
    share = program.var_dict["server_share"]
    limited = cp.Problem(program.objective, [*program.constraints, share[2] <= 0.3])
    limited.solve(solver="CLARABEL")
    rate = np.array([0.7 * np.sqrt(12.0), 0.7 * np.sqrt(7.5), 0.0]) / (np.sqrt(12.0) + np.sqrt(7.5)) * 30.0
    rate[2] = 9.0
    expected = problem.objective(np.ones(3), ServerRate(server_rate=rate))
    assert limited.value == pytest.approx(float(expected), rel=1e-7)


def test_one_tiny_user_on_a_slow_link_does_not_make_the_others_identical() -> None:
    """The ratio (L - u) / c of the tiny user is huge, and next to it the others' spread of 30 % looks like rounding."""
    rng = np.random.default_rng(12)
    for _ in range(100):
        users = 6
        size, rate = rng.uniform(1.0, 2.0, users), np.ones(users)
        size[0], rate[0] = 10.0 ** rng.uniform(-14, -10), 10.0 ** rng.uniform(-12, -8)
        kappa = 1.0 + 0.3 * rng.uniform(-1.0, 1.0, users)
        problem = BinaryOffloading(
            data_size=size,
            upload_rate=rate,
            local_rate=1.0 / (kappa + 1.0 / rate),
            energy_weight=0.0,
            capacity=size.sum() * rng.uniform(0.5, 3.0),
        )
        exact, oracle = mecopt.solve(problem), mecopt.solve(problem, solver="enumerate")
        assert float(exact.objective) == pytest.approx(float(oracle.objective), rel=1e-11)
        assert exact.bound <= oracle.objective * (1 + 1e-12)


def test_moves_under_the_equal_split_are_scores_of_moved_decisions() -> None:
    from mecopt.models.binary_offloading.allocation import equal_split_cost, equal_split_moves

    batch = BinaryOffloading.sample(np.random.default_rng(13), (6,), preset="heterogeneous", users=7)
    decision = batch.decision_space.sample(np.random.default_rng(14), (6,))
    found = equal_split_moves(batch, decision)
    for i, j in np.ndindex(7, 2):
        moved = decision.copy()
        moved[:, i] = j
        assert np.allclose(found[:, i, j], equal_split_cost(batch, moved), rtol=1e-13)
