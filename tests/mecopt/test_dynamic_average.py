"""Value iteration: brackets contain the gain that linear programming finds, whatever the structure of the chain."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linprog

from mecopt import InstanceError
from mecopt.dynamic import (
    Chain,
    Ending,
    Moves,
    Multichain,
    Operator,
    Tables,
    average_of,
    best_average,
    best_discounted,
    bracketed,
    discounted_of,
    perfect_information,
)

Array = NDArray[Any]

ALONE = Chain.of([[1.0]])


def listed(operator: Operator) -> list[tuple[int, float, Array]]:
    """Return every action as its state, its reward, and the law of the state that follows, in the plainest way."""
    drawn, carried = operator.shape
    matrix, found = operator.chain.matrix, []
    for a in range(operator.actions):
        policy = np.full(operator.shape, a)
        reward, point = operator.followed(policy)
        for d in range(drawn):
            for c in range(carried):
                if np.isfinite(reward[d, c]):
                    law = np.zeros((drawn, carried))
                    law[:, point[d, c]] = matrix[d]
                    found.append((d * carried + c, float(reward[d, c]), law.ravel()))
    return found


def gain_by_linear_programming(operator: Operator) -> float:
    """Return the largest average reward: the best occupation measure that flows into itself."""
    actions, states = listed(operator), int(np.prod(operator.shape))
    flow = np.zeros((states + 1, len(actions)))
    for k, (state, _, law) in enumerate(actions):
        flow[:states, k] = -law
        flow[state, k] += 1.0
        flow[states, k] = 1.0
    right = np.append(np.zeros(states), 1.0)
    found = linprog(-np.array([reward for _, reward, _ in actions]), A_eq=flow, b_eq=right, method="highs")
    assert found.success
    return float(-found.fun)


def laws(operator: Operator, policy: Array) -> tuple[Array, Array]:
    """Return rewards and the transition matrix of a policy over all states."""
    drawn, carried = operator.shape
    reward, point = operator.followed(policy)
    matrix = np.zeros((drawn * carried, drawn * carried))
    for d in range(drawn):
        for c in range(carried):
            matrix[d * carried + c, point[d, c] :: carried] = operator.chain.matrix[d]
    return reward.ravel(), matrix


def random_tables(seed: int, drawn: int = 3, carried: int = 4, actions: int = 3) -> Tables:
    rng = np.random.default_rng(seed)
    chain = Chain.of(rng.dirichlet(np.ones(drawn), size=drawn))
    reward, following = rng.normal(size=(drawn, carried, actions)), rng.integers(0, carried, (drawn, carried, actions))
    following[..., 0] = 0  # one way back to a common point, so that the best gain is the same from every state
    reward[rng.random(reward.shape) < 0.2] = -np.inf
    reward[..., 0] = rng.normal(size=(drawn, carried))
    return Tables(chain, reward, following)


def random_moves(seed: int, drawn: int = 3, carried: int = 5) -> Moves:
    rng = np.random.default_rng(seed)
    chain = Chain.product(Chain.birth_death([0.3], [0.4]), Chain.independent(rng.dirichlet(np.ones(drawn))))
    reward = rng.normal(size=(chain.states, 2 * carried - 1))
    reward[:, : rng.integers(1, carried)] = -np.inf
    skip = np.minimum(np.arange(carried) + 1, carried - 1)
    return Moves(chain, reward, [(-0.5, skip), (rng.normal(size=(chain.states, 1)), 0)])


@given(st.integers(0, 10_000), st.sampled_from([random_tables, random_moves]))
@settings(max_examples=40)
def test_brackets_contain_the_gain_of_linear_programming(seed: int, draw: Callable[[int], Operator]) -> None:
    operator = draw(seed)
    exact = gain_by_linear_programming(operator)
    found = best_average(operator, tolerance=1e-9)
    assert found.ending is Ending.CONVERGED
    assert found.lower - 1e-8 <= exact <= found.upper + 1e-8  # the program's own tolerance
    for sweeps in (1, 2, 5, 20):
        early = best_average(operator, sweeps=sweeps, tolerance=0.0)
        assert early.ending is Ending.LIMIT
        assert early.lower - 1e-8 <= exact <= early.upper + 1e-8
        assert early.lower <= found.upper
        assert early.upper >= found.lower
    reached = average_of(operator, found.policy, tolerance=1e-9)
    assert reached.upper >= exact - 1e-8  # the policy returned is as good as its bracket


@given(st.integers(0, 10_000), st.sampled_from([random_tables, random_moves]))
@settings(max_examples=25)
def test_a_policy_is_evaluated_as_its_stationary_law_says(seed: int, draw: Callable[[int], Operator]) -> None:
    operator = draw(seed)
    rng = np.random.default_rng(seed)
    there = np.stack([np.isfinite(operator.followed(np.full(operator.shape, a))[0]) for a in range(operator.actions)])
    policy = np.where(there, rng.random(there.shape), -1.0).argmax(axis=0)
    policy[:, 0] = there[:, :, 0].argmax(axis=0)
    reward, matrix = laws(operator, policy)
    chain = Chain.of(matrix)
    if len(chain.recurrent_classes()) == 1:
        exact = float(chain.stationary() @ reward)
        found = average_of(operator, policy, tolerance=1e-9)
        assert found.lower - 1e-9 <= exact <= found.upper + 1e-9
        assert found.ending is Ending.CONVERGED
    # The bracket of a start is right for several classes, too.
    classes = chain.recurrent_classes()
    gains = [float(Chain.of(matrix[np.ix_(one, one)]).stationary() @ reward[one]) for one in classes]
    found = average_of(operator, policy, sweeps=1_000)
    assert found.lower - 1e-9 <= min(gains)
    assert max(gains) <= found.upper + 1e-9


def test_moves_are_their_own_tables() -> None:
    for seed in range(20):
        moves = random_moves(seed)
        shape = moves.shape
        pairs = [moves.followed(np.full(shape, a)) for a in range(moves.actions)]
        tables = Tables(moves.chain, np.stack([r for r, _ in pairs], axis=2), np.stack([p for _, p in pairs], axis=2))
        worth = np.random.default_rng(seed).normal(size=shape)
        assert np.array_equal(moves.improved(worth), tables.improved(worth))
        assert np.array_equal(moves.best(worth), tables.best(worth))
        path = moves.chain.sample(np.random.default_rng(seed), 30, 1)[:, 0]
        assert np.array_equal(moves.backward(path, worth[0])[0], tables.backward(path, worth[0])[0])


def test_the_largest_of_all_actions_is_found() -> None:
    moves = random_moves(3)
    worth = np.random.default_rng(3).normal(size=moves.shape)
    values = np.stack(
        [
            r + np.take_along_axis(worth, p, axis=1)
            for r, p in (moves.followed(np.full(moves.shape, a)) for a in range(moves.actions))
        ]
    )
    assert np.array_equal(moves.improved(worth), values.max(axis=0))
    assert np.array_equal(moves.best(worth), values.argmax(axis=0))


# ---------------------------------------------------------------------- structure: periods, several classes


def cycle(length: int) -> Tables:
    """Earn i at point i and go to the next one, around."""
    points = np.arange(length)
    return Tables(ALONE, points[None, :, None].astype(float), ((points + 1) % length)[None, :, None])


@pytest.mark.parametrize("length", [2, 3, 7])
def test_periodic_problems_converge_because_of_the_damping(length: int) -> None:
    found = best_average(cycle(length), tolerance=1e-8)
    assert found.ending is Ending.CONVERGED
    assert found.lower <= (length - 1) / 2 <= found.upper
    undamped = best_average(cycle(length), damping=1.0)
    assert undamped.ending is Ending.STALLED
    assert "hardly narrows" in undamped.ending.value
    assert undamped.lower <= (length - 1) / 2 <= undamped.upper


def test_a_periodic_draw_converges() -> None:
    chain = Chain.of([[0.0, 1.0], [1.0, 0.0]])
    found = best_average(Tables(chain, [[[1.0]], [[2.0]]], [[[0]], [[0]]]), tolerance=1e-9)
    assert found.lower <= 1.5 <= found.upper
    assert found.ending is Ending.CONVERGED


def test_sets_that_are_never_left_stall_and_the_bracket_covers_all_of_them() -> None:
    islands = Tables(ALONE, [[[1.0], [4.0]]], [[[0], [1]]])
    found = best_average(islands)
    assert found.ending is Ending.STALLED
    assert found.lower <= 1.0
    assert found.upper >= 4.0
    assert found.upper - found.lower == pytest.approx(3.0, abs=1e-9)


def test_a_draw_of_several_classes_is_refused_by_name() -> None:
    chain = Chain.of([[1.0, 0.0], [0.0, 1.0]])
    with pytest.raises(Multichain, match=r"2 recurrent classes, \{0\}; \{1\}.*Take each class as a chain of its own"):
        best_average(Tables(chain, np.zeros((2, 1, 1)), np.zeros((2, 1, 1), int)))


# ---------------------------------------------------------------------- rounding


def test_the_bracket_survives_rounding() -> None:
    """A gain that is known exactly, at magnitudes where a sweep's rounding is larger than the bracket without its slack."""
    for scale in (1.0, 1e8, 1e-8):
        for shift in (0.0, 1e9):
            reward = np.array([[[scale / 3.0 + shift]], [[scale / 7.0 + shift]]])
            chain = Chain.independent([0.5, 0.5])
            found = best_average(Tables(chain, reward, np.zeros((2, 1, 1), int)), tolerance=0.0)
            exact = float(np.longdouble(reward[0, 0, 0]) / 2 + np.longdouble(reward[1, 0, 0]) / 2)
            assert found.lower < exact < found.upper
            assert found.upper - found.lower <= 1e-13 * abs(exact) + 1e-12 * scale


# ---------------------------------------------------------------------- two roundings


def stored(step: float, up: bool) -> Moves:
    r"""A store of size 1 that gains 0.3 in each slot and sells q for its root: it earns :math:`\sqrt{0.3}` at best.

    From x a true action sells q with 0 <= q <= x + 0.3 and keeps min(1, x + 0.3 - q).
    """
    points = round(1.0 / step) + 1
    fall = (np.arange(2 * points - 1) - (points - 1)) * step + 0.3 + (step if up else 0.0)
    with np.errstate(invalid="ignore"):
        return Moves(ALONE, np.where(fall >= 0.0, np.sqrt(fall), -np.inf)[None])


def test_two_roundings_bracket_a_known_gain_and_narrow_as_the_grid_halves() -> None:
    exact, widths, before = np.sqrt(0.3), [], None
    for step in (0.25, 0.125, 0.0625, 0.03125):
        found = bracketed(stored(step, False), stored(step, True), tolerance=1e-9)
        assert found.lower <= exact <= found.upper
        if before is not None:
            assert found.lower >= before.lower - 1e-9
            assert found.upper <= before.upper + 1e-9
        before = found
        widths.append(found.width)
    assert all(finer <= 0.75 * wider for wider, finer in pairwise(widths))
    assert str(before).startswith("[0.5")


def test_roundings_the_other_way_round_are_refused() -> None:
    with pytest.raises(InstanceError, match=r"rounded down the gain is at least .* the one rounded down first"):
        bracketed(stored(0.25, True), stored(0.25, False))
    with pytest.raises(InstanceError, match="allowed: the same chain"):
        bracketed(stored(0.25, False), random_moves(0))
    low, high = (Tables(Chain.independent([p, 1.0 - p]), np.zeros((2, 1, 1)), np.zeros((2, 1, 1), int)) for p in (0.4, 0.6))
    with pytest.raises(
        InstanceError, match=r"from state 0 to 0 with probability 0.4 in one and 0.6 in the other; allowed: the"
    ):
        bracketed(low, high)


# ---------------------------------------------------------------------- discounted


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.5, 0.95]), st.sampled_from([random_tables, random_moves]))
@settings(max_examples=30)
def test_discounted_values_are_those_of_a_linear_system(seed: int, discount: float, draw: Callable[[int], Operator]) -> None:
    operator = draw(seed)
    found = best_discounted(operator, discount, tolerance=1e-9)
    reward, matrix = laws(operator, found.policy)
    exact = np.linalg.solve(np.eye(len(matrix)) - discount * matrix, reward).reshape(operator.shape)
    assert found.ending is Ending.CONVERGED
    np.testing.assert_allclose(found.middle, exact, atol=1e-8)
    assert (found.lower <= exact + 1e-9).all()
    assert (exact - 1e-9 <= found.upper).all()
    evaluated = discounted_of(operator, found.policy, discount, tolerance=1e-9)
    np.testing.assert_allclose(evaluated.middle, exact, atol=1e-8)
    # No action improves on it: the best is the best.
    for state, earned, law in listed(operator):
        assert earned + discount * law @ exact.ravel() <= exact.ravel()[state] + 1e-8
    early = best_discounted(operator, discount, sweeps=2, tolerance=0.0)
    assert (early.lower <= exact + 1e-9).all()
    assert (exact - 1e-9 <= early.upper).all()


@given(st.integers(0, 10_000), st.sampled_from([0.999, 1.0 - 1e-6, 1.0 - 1e-9, 1.0 - 2.0**-53]))
@settings(max_examples=20)
def test_a_discount_near_1_is_bracketed_in_spite_of_its_rounding(seed: int, discount: float) -> None:
    """Against rational arithmetic, of one policy: two points, one drawn state."""
    rng = np.random.default_rng(seed)
    earned = rng.normal(size=2) * 10.0 ** rng.integers(-6, 7)
    swap = Tables(ALONE, earned[None, :, None], np.array([[[1], [0]]]))
    found = best_discounted(swap, discount, sweeps=500)
    first, second, rate = (Fraction(float(one)) for one in (*earned, discount))
    for k, (one, other) in enumerate(((first, second), (second, first))):
        exact = (one + rate * other) / (1 - rate * rate)
        assert Fraction(float(found.lower[0, k])) <= exact <= Fraction(float(found.upper[0, k]))


@pytest.mark.parametrize("discount", [1.0, -0.1, np.nan, True, "0.9", None])
def test_discounts_that_are_none_are_refused(discount: Any) -> None:
    with pytest.raises(InstanceError, match="discount is"):
        best_discounted(random_tables(0), discount)


@pytest.mark.parametrize("sweeps", [0, 1.5, True])
def test_sweeps_that_are_none_are_refused(sweeps: Any) -> None:
    for call in (
        lambda: best_average(random_tables(0), sweeps=sweeps),
        lambda: best_discounted(random_tables(0), 0.5, sweeps=sweeps),
    ):
        with pytest.raises(InstanceError, match=r"sweeps is .*; allowed: a whole number of at least 1"):
            call()


def test_discounted_problems_may_be_of_several_classes() -> None:
    chain = Chain.of([[1.0, 0.0], [0.0, 1.0]])
    found = best_discounted(Tables(chain, [[[1.0]], [[2.0]]], np.zeros((2, 1, 1), int)), 0.5, tolerance=1e-12)
    np.testing.assert_allclose(found.middle, [[2.0], [4.0]], atol=1e-11)


# ---------------------------------------------------------------------- perfect information


@given(st.integers(0, 10_000), st.sampled_from([random_tables, random_moves]))
@settings(max_examples=25)
def test_who_knows_the_path_earns_at_least_as_much(seed: int, draw: Callable[[int], Operator]) -> None:
    operator = draw(seed)
    path = operator.chain.sample(np.random.default_rng(seed), 60, 3)
    start = np.arange(3)
    known = perfect_information(operator, operator, path, start, start)
    assert (known.upper - known.lower <= 1e-12).all()
    assert (known.lower <= known.upper).all()
    best = best_average(operator).policy
    for policy in (best, np.zeros(operator.shape, int) if isinstance(operator, Tables) else best):
        reward, point = operator.followed(policy)
        here, earned = start.copy(), np.zeros(3)
        for drawn in path:
            earned += reward[drawn, here]
            here = point[drawn, here]
        assert (earned / len(path) <= known.upper + 1e-12).all()


def test_perfect_information_is_the_best_of_all_sequences() -> None:
    operator = random_tables(5, carried=3, actions=2)
    path = operator.chain.sample(np.random.default_rng(5), 7, 1)
    best = -np.inf
    for code in range(2**7):
        point, total = 1, 0.0
        for slot, drawn in enumerate(path[:, 0]):
            action = code >> slot & 1
            total += operator.reward[drawn, point, action]
            point = operator.following[drawn, point, action]
        best = max(best, total)
    found = perfect_information(operator, operator, path, [1], [1])
    assert found.upper[0] == pytest.approx(best / 7, abs=1e-13)


def test_roundings_bracket_what_is_known_beforehand() -> None:
    path = np.zeros((40, 2), int)
    before = None
    for step in (0.25, 0.125, 0.0625):
        points = round(1.0 / step)
        found = perfect_information(stored(step, False), stored(step, True), path, [0, points], [0, points])
        assert (found.lower < found.upper).all()
        if before is not None:
            assert (found.lower >= before.lower - 1e-12).all()
            assert (found.upper <= before.upper + 1e-12).all()
        before = found


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: Tables(ALONE, [[[-np.inf]]], [[[0]]]), r"state \(0, 0\) has no action"),
        (
            lambda: Tables(ALONE, [[[np.nan]]], [[[0]]]),
            r"reward\[0, 0, 0\] is nan; allowed: finite numbers, or minus infinity",
        ),
        (lambda: Tables(ALONE, [[[1.0]]], [[[1]]]), r"following\[0, 0, 0\] is 1; allowed: 0 to 0"),
        (lambda: Tables(ALONE, [[[1.0]]], [[[0.5]]]), r"numbers of grid points"),
        (lambda: Tables(ALONE, [[1.0]], [[0]]), r"reward has shape \(1, 1\); allowed: \(1, carried, actions\)"),
        (lambda: Moves(ALONE, [[1.0, 2.0]]), r"an odd number"),
        (lambda: Moves(ALONE, [[-np.inf, -np.inf, 1.0]]), r"state \(0, 0\) has no action"),
        (lambda: Moves(ALONE, [[1.0]], [(0.0, 3)]), r"further\[0\] leads to points outside of 0 to 0"),
        (lambda: Moves(ALONE, [[1.0]], [(np.zeros(3), 0)]), r"further\[0\] has shapes \(3,\) and \(\)"),
        (lambda: best_average(cycle(3), damping=0.0), r"damping is 0.0; allowed"),
        (lambda: best_average(cycle(3), tolerance=-1.0), r"tolerance is -1.0; allowed"),
        (lambda: best_average(cycle(3), sweeps=0), r"sweeps is 0; allowed"),
        (lambda: best_average(cycle(3), values=[[0.0]]), r"values have shape \(1, 1\); allowed: \(1, 3\)"),
        (lambda: average_of(cycle(3), [[0, 0]]), r"the policy has shape \(1, 2\)"),
        (lambda: average_of(cycle(3), [[0, 1, 0]]), r"actions outside of 0 to 0"),
        (
            lambda: average_of(stored(0.25, False), [[4, 4, 4, 4, 4]]),
            r"action 4 of the policy is not there in state \(0, 0\)",
        ),
        (lambda: best_discounted(cycle(3), 1.0), r"discount is 1.0; allowed: a number of at least 0 and below 1"),
        (lambda: perfect_information(cycle(2), cycle(2), [[1]], [0], [0]), r"the path leaves its states"),
        (lambda: perfect_information(cycle(2), cycle(2), [[0]], [2], [0]), r"the start leaves its states"),
        (lambda: perfect_information(cycle(2), cycle(2), [0], [0], [0]), r"the path has shape \(1,\)"),
    ],
)
def test_errors_name_what_is_wrong(call: Callable[[], Any], says: str) -> None:
    with pytest.raises(InstanceError, match=says):
        call()
