"""The square-root capacity rule against conic solvers, optimality conditions and a sorting oracle; on numpy and torch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.kernels.capacity import bounded_square_root_rule, square_root_rule

Floats = NDArray[np.float64]

weights = st.lists(st.floats(0.0, 1e6), min_size=1, max_size=12).map(np.array)


def test_square_root_rule_equalises_shadow_prices() -> None:
    weight = np.random.default_rng(0).uniform(0.1, 9.0, (50, 8))
    capacity = np.random.default_rng(1).uniform(1.0, 30.0, 50)
    rule = square_root_rule(weight, capacity)
    prices = weight / rule.share**2
    assert np.allclose(prices, rule.price[:, None], rtol=1e-12)
    assert np.allclose(rule.share.sum(axis=-1), capacity, rtol=1e-12)
    assert np.allclose((weight / rule.share).sum(axis=-1), rule.value, rtol=1e-12)


@given(weights, st.floats(1e-3, 1e3), st.integers(0, 2**32 - 1))
def test_no_random_split_beats_the_rule(weight: Floats, capacity: float, seed: int) -> None:
    value = square_root_rule(weight, np.asarray(capacity)).value
    split = np.random.default_rng(seed).dirichlet(np.ones(weight.size), 20) * capacity
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        costs = np.where(weight > 0, weight / split, 0.0).sum(axis=-1)
    assert (costs >= value * (1 - 1e-12)).all()


def test_the_shadow_price_is_the_derivative_of_the_value() -> None:
    weight, capacity, step = np.array([1.0, 2.5, 7.0]), 4.0, 1e-5
    above, below = (square_root_rule(weight, np.asarray(capacity + s)).value for s in (step, -step))
    price = square_root_rule(weight, np.asarray(capacity)).price
    assert -(above - below) / (2 * step) == pytest.approx(float(price), rel=1e-8)


def test_users_without_weight_get_nothing_and_an_empty_set_costs_nothing() -> None:
    rule = square_root_rule(np.array([[0.0, 4.0], [0.0, 0.0]]), np.array([2.0, 2.0]))
    assert rule.share.tolist() == [[0.0, 2.0], [0.0, 0.0]]
    assert rule.value.tolist() == [2.0, 0.0]


def _bounded(rng: np.random.Generator, users: int) -> tuple[Floats, Floats, Floats, Floats]:
    weight = rng.uniform(0.0, 5.0, users) * (rng.random(users) > 0.2)
    lower = rng.uniform(0.0, 0.5, users)
    upper = lower + rng.uniform(0.05, 3.0, users)
    capacity = np.asarray(lower.sum() + rng.uniform(0.01, 1.3) * (upper - lower).sum())
    return weight, capacity, lower, upper


def _by_bisection(weight: Floats, capacity: Floats, lower: Floats, upper: Floats) -> Floats:
    """Find the multiplier by plain bisection: an oracle that knows no breakpoints."""
    root = np.sqrt(weight)
    if np.where(weight > 0, upper, lower).sum() <= capacity:
        return np.where(weight > 0, upper, lower)
    low, high = 0.0, 1e9
    for _ in range(400):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if np.clip(middle * root, lower, upper).sum() <= capacity else (low, middle)
    return np.asarray(np.clip(low * root, lower, upper))


def test_bounded_rule_agrees_with_bisection() -> None:
    rng = np.random.default_rng(3)
    for _ in range(300):
        weight, capacity, lower, upper = _bounded(rng, int(rng.integers(1, 12)))
        share = bounded_square_root_rule(weight, capacity, lower, upper).share
        assert np.abs(share - _by_bisection(weight, capacity, lower, upper)).max() <= 1e-9 * capacity


def test_bounded_rule_agrees_with_a_conic_solver() -> None:
    import cvxpy as cp

    rng = np.random.default_rng(4)
    for _ in range(15):
        weight, capacity, lower, upper = _bounded(rng, 6)
        weight += 0.1
        share = cp.Variable(6)
        cost = cp.Minimize(weight @ cp.inv_pos(share))
        value = cp.Problem(cost, [cp.sum(share) <= capacity, share >= lower, share <= upper]).solve(solver="CLARABEL")
        assert bounded_square_root_rule(weight, capacity, lower, upper).value == pytest.approx(value, rel=1e-6)


def test_bounded_rule_meets_its_optimality_conditions_in_batches() -> None:
    rng = np.random.default_rng(5)
    weight = rng.uniform(0.1, 5.0, (7, 3, 9))
    lower = rng.uniform(0.0, 0.2, (7, 1, 9))
    upper = lower + rng.uniform(0.1, 2.0, (7, 3, 9))
    capacity = lower.sum(axis=-1) + rng.uniform(0.1, 0.9, (7, 3)) * (upper - lower).sum(axis=-1)
    rule = bounded_square_root_rule(weight, capacity, lower, upper)
    price = rule.price[..., None]
    marginal = weight / rule.share**2
    inside = (rule.share > lower + 1e-12) & (rule.share < upper - 1e-12)
    assert np.allclose(rule.share.sum(axis=-1), capacity, rtol=1e-12)
    assert np.allclose(np.where(inside, marginal, price), np.broadcast_to(price, marginal.shape), rtol=1e-9)
    full = rule.share >= upper - 1e-12
    assert (marginal[full] >= np.broadcast_to(price, marginal.shape)[full] * (1 - 1e-9)).all()


def test_without_bounds_the_bounded_rule_is_the_rule() -> None:
    weight = np.random.default_rng(6).uniform(0.0, 3.0, (20, 5))
    capacity = np.full(20, 7.0)
    free = square_root_rule(weight, capacity)
    bounded = bounded_square_root_rule(weight, capacity, np.zeros_like(weight), np.full_like(weight, np.inf))
    assert np.allclose(free.share, bounded.share, rtol=1e-12, atol=1e-12)
    assert np.allclose(free.price, bounded.price, rtol=1e-10)


def test_room_for_every_upper_bound_means_price_zero() -> None:
    rule = bounded_square_root_rule(np.array([1.0, 4.0]), np.array(9.0), np.zeros(2), np.array([2.0, 3.0]))
    assert rule.share.tolist() == [2.0, 3.0]
    assert float(rule.price) == 0.0


def test_lower_bounds_beyond_the_capacity_are_an_error() -> None:
    with pytest.raises(InstanceError, match="exceed the capacity"):
        bounded_square_root_rule(np.ones(2), np.array(1.0), np.full(2, 0.6), np.ones(2))
    with pytest.raises(InstanceError, match="lower <= upper"):
        bounded_square_root_rule(np.ones(2), np.array(1.0), np.full(2, 0.4), np.full(2, 0.3))


def test_servers_are_a_batch_axis() -> None:
    rng = np.random.default_rng(7)
    weight, server = rng.uniform(0.5, 2.0, 6), np.array([0, 1, 1, 0, 2, 1])
    capacity = np.array([3.0, 5.0, 2.0])
    together = square_root_rule(np.where(server == np.arange(3)[:, None], weight, 0.0), capacity)
    for j in range(3):
        alone = square_root_rule(weight[server == j], capacity[j])
        assert np.allclose(together.share[j, server == j], alone.share)
        assert together.value[j] == pytest.approx(float(alone.value))


@settings(max_examples=50)
@given(weights, st.floats(0.1, 1e3), st.floats(1e-6, 1e6))
def test_scaling_the_units_scales_the_answer(weight: Floats, capacity: float, unit: float) -> None:
    plain = square_root_rule(weight, np.asarray(capacity))
    scaled = square_root_rule(weight * unit, np.asarray(capacity * unit))
    assert np.allclose(scaled.share, plain.share * unit, rtol=1e-12)
    assert np.allclose(scaled.value, plain.value, rtol=1e-12)


def test_torch_gives_the_same_and_its_gradients_are_right() -> None:
    torch = pytest.importorskip("torch", reason="the extra 'learn' is not installed")
    rng = np.random.default_rng(8)
    weight, lower = rng.uniform(0.1, 5.0, (4, 6)), rng.uniform(0.0, 0.2, (4, 6))
    upper = lower + rng.uniform(0.3, 2.0, (4, 6))
    capacity = lower.sum(axis=-1) + 0.6 * (upper - lower).sum(axis=-1)
    tensors = [torch.tensor(a, requires_grad=True) for a in (weight, capacity, lower, upper)]
    for rule, inputs, arrays in (
        (square_root_rule, tensors[:2], (weight, capacity)),
        (bounded_square_root_rule, tensors, (weight, capacity, lower, upper)),
    ):
        for part, expected in zip(rule(*inputs), rule(*arrays), strict=True):
            assert np.allclose(part.detach().numpy(), expected, rtol=1e-12)
        assert torch.autograd.gradcheck(lambda *a, r=rule: tuple(r(*a)), inputs, eps=1e-7, atol=1e-4)


def test_torch_gradients_stay_finite_at_zero_weight() -> None:
    torch = pytest.importorskip("torch", reason="the extra 'learn' is not installed")
    weight = torch.tensor([0.0, 1.0, 4.0], dtype=torch.float64, requires_grad=True)
    square_root_rule(weight, torch.tensor(3.0, dtype=torch.float64)).value.backward()
    assert torch.isfinite(weight.grad).all()


def test_torch_gradients_stay_finite_where_a_bound_is_infinite() -> None:
    torch = pytest.importorskip("torch", reason="the extra 'learn' is not installed")
    weight = torch.tensor([1.0, 4.0, 0.0], dtype=torch.float64, requires_grad=True)
    bounds = torch.zeros(3, dtype=torch.float64), torch.full((3,), torch.inf, dtype=torch.float64)
    rule = bounded_square_root_rule(weight, torch.tensor(3.0, dtype=torch.float64), *bounds)
    (rule.value + rule.share[0] + rule.price).backward()
    assert torch.isfinite(weight.grad).all()


def test_one_set_of_users_on_many_capacities() -> None:
    weight, capacity = np.array([1.0, 4.0]), np.array([1.0, 2.0, 3.0])
    rule = bounded_square_root_rule(weight, capacity, np.zeros(2), np.full(2, 1.5))
    for k in range(3):
        alone = bounded_square_root_rule(weight, capacity[k], np.zeros(2), np.full(2, 1.5))
        assert np.allclose(rule.share[k], alone.share)


def test_shares_never_leave_their_bounds() -> None:
    rng = np.random.default_rng(9)
    for _ in range(2000):
        users = int(rng.integers(1, 8))
        weight = 10.0 ** rng.uniform(-8, 8, users)
        lower = 10.0 ** rng.uniform(-8, 2, users)
        upper = lower * rng.uniform(1.0, 5.0, users)
        capacity = np.asarray(lower.sum() * rng.choice([1.0, 1.0 + 1e-12, 1.5]))
        share = bounded_square_root_rule(weight, capacity, lower, upper).share
        assert (share >= lower).all()
        assert (share <= upper).all()
