"""Rollouts of a store whose long run is known exactly, their estimates, and the environments over it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from loading import example
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt import InstanceError, SolveFailed, UnknownName, solve
from mecopt.dynamic import (
    Dynamics,
    Numbers,
    Outcome,
    Record,
    Rollout,
    SlotWorld,
    State,
    average_of,
    block_means,
    estimate,
    paired,
    path_digest,
    perfect_information,
    policy_names,
    policy_of,
    rollout,
    solved_by,
)
from mecopt.models.hybrid_slot.dynamics.steps import HybridDynamics

Array = NDArray[Any]


STORE = example("energy_store")
DYNAMICS: Dynamics[Any] = STORE.StoreDynamics()


def path_of(slots: int, lanes: int, seed: int = 0) -> Any:
    """Return prices along lanes, drawn at once, stores full."""
    prices = STORE.PRICES[STORE.CHAIN.sample(np.random.default_rng(seed), slots, lanes)]
    found: Any = STORE.EnergyStore(level=np.full((slots, lanes, 1), 8.0), price=prices[..., None])
    return found


pytestmark = pytest.mark.filterwarnings("ignore::mecopt.quantities.doubts.AmbiguousShape")


def at_random(slot: Any, rng: Generator) -> Array:
    return np.asarray(np.minimum(rng.integers(0, 3, (*slot.batch_shape, 1)), slot.level), dtype=int)


def carried_out(stream: Any, policy: Any = at_random, seed: int = 7, **more: Any) -> Rollout:
    return rollout(DYNAMICS, stream, policy, np.random.default_rng(seed), **more)


# ---------------------------------------------------------------------- what a rollout is


def test_a_rollout_is_its_slots_in_a_loop() -> None:
    stream, kept = path_of(40, 3), Record()
    found = carried_out(stream, watch=kept)
    level = np.full(3, 8.0)
    for t in range(40):
        assert np.array_equal(found.carried["level"][t, :, 0], level)
        sold = kept.decision[t, :, 0]
        assert np.array_equal(kept.allocation.sold[t, :, 0], sold)
        np.testing.assert_allclose(found.reward[t], stream.price[t, :, 0] * np.sqrt(sold), rtol=1e-15)
        assert np.array_equal(found.measures["sold"][t], sold)
        level = np.minimum(level - sold + 1.0, 8.0)
    assert np.array_equal(found.after.carried["level"][:, 0], level)
    assert found.after.ended is None
    assert found.ended is None


def test_equal_seeds_are_equal_and_others_are_not() -> None:
    stream = path_of(30, 4)
    one, two, other = (carried_out(stream, seed=seed) for seed in (7, 7, 8))
    assert np.array_equal(one.reward, two.reward)
    assert not np.array_equal(one.reward, other.reward)
    assert path_digest(stream) == path_digest(path_of(30, 4))
    assert path_digest(stream) != path_digest(path_of(30, 4, seed=1))


def test_lanes_may_be_permuted_and_taken_alone() -> None:
    stream, policy = path_of(50, 5), policy_of(DYNAMICS, "dynamic-program")
    together = carried_out(stream, policy).reward
    order = [3, 0, 4, 1, 2]
    assert np.array_equal(carried_out(stream[:, order], policy).reward, together[:, order])
    for lane in range(5):
        assert np.array_equal(carried_out(stream[:, lane : lane + 1], policy).reward[:, 0], together[:, lane])


def test_a_rollout_in_two_parts_is_the_whole() -> None:
    stream, policy = path_of(50, 3), policy_of(DYNAMICS, "dynamic-program")
    whole, first = carried_out(stream, policy), carried_out(stream[:20], policy)
    second = carried_out(stream[20:], policy, begin=first.after)
    assert np.array_equal(np.concatenate([first.reward, second.reward]), whole.reward)


def test_a_stream_drawn_slot_by_slot_follows_the_chain() -> None:
    stream = DYNAMICS.stream(np.random.default_rng(1), 300, 40)
    numbers = np.searchsorted(STORE.PRICES, stream.price[..., 0])
    count = np.zeros((3, 3))
    np.add.at(count, (numbers[:-1].ravel(), numbers[1:].ravel()), 1.0)
    np.testing.assert_allclose(count / count.sum(axis=1, keepdims=True), STORE.CHAIN.matrix, atol=0.03)


def test_decisions_alone_and_with_an_allocation_are_the_same() -> None:
    stream = path_of(20, 3)

    def whole(slot: Any, rng: Generator) -> Any:
        decision = at_random(slot, rng)
        return decision, slot.closed_form(decision)[0]

    assert np.array_equal(carried_out(stream).reward, carried_out(stream, whole).reward)


def test_names_are_policies_as_in_comparisons() -> None:
    assert policy_names(DYNAMICS) == ["dynamic-program", "enumerate", "learned", "learned:FOLDER"]
    found = carried_out(path_of(5, 2), policy_of(DYNAMICS, "enumerate"))
    assert (found.measures["sold"] == [[8.0]] + [[1.0]] * 4).all()  # all there is, in every slot
    slot = path_of(1, 6)[0]
    decision, allocation = policy_of(DYNAMICS, "enumerate")(slot, np.random.default_rng(0))
    whole = solve(slot, solver="enumerate")
    assert np.array_equal(decision, whole.decision)
    assert np.array_equal(allocation.sold, whole.allocation.sold)
    with pytest.raises(UnknownName, match="unknown policy for energy-store 'dynamic-programme'; did you mean"):
        policy_of(DYNAMICS, "dynamic-programme")
    with pytest.raises(InstanceError, match="no trained policy ships"):
        policy_of(DYNAMICS, "learned")


def test_a_solver_whose_name_a_policy_has_too_is_named_apart() -> None:
    dynamics = HybridDynamics(step=10.0)
    assert {"random", "solver:random", "exact"} < set(policy_names(dynamics))
    assert "solver:exact" not in policy_names(dynamics)
    slots = dynamics.draw(np.random.default_rng(0), None, (50,))
    found = [policy_of(dynamics, name)(slots, np.random.default_rng(1))[0] for name in ("random", "solver:random")]
    whole = solve(slots, solver="random", rng=np.random.default_rng(1))
    assert np.array_equal(found[1], whole.decision)
    assert not np.array_equal(found[0], whole.decision)
    with pytest.raises(UnknownName, match="'solver:ranom'; did you mean 'solver:random'"):
        policy_of(dynamics, "solver:ranom")


# ---------------------------------------------------------------------- lanes that end


class Closing(STORE.StoreDynamics):  # type: ignore[name-defined,misc]
    """A store that is closed as soon as it sells more than one unit, and opens anew, full."""

    def outcome(self, problem: Any, decision: Array, allocation: Any) -> Outcome:
        found: Outcome = super().outcome(problem, decision, allocation)
        return dataclasses.replace(found, ended=allocation.sold[..., 0] > 1.0)


def test_a_lane_that_ends_begins_anew_with_what_was_drawn() -> None:
    stream = path_of(60, 4)
    found = rollout(Closing(), stream, at_random, np.random.default_rng(3))
    assert found.ended is not None
    assert 0 < found.ended.sum() < found.ended.size
    level = found.carried["level"][..., 0]
    assert (level[1:][found.ended[:-1]] == 8.0).all()
    left = np.minimum(level - found.measures["sold"] + 1.0, 8.0)
    assert np.array_equal(level[1:][~found.ended[:-1]], left[:-1][~found.ended[:-1]])


def test_parts_are_the_whole_wherever_a_lane_ends() -> None:
    """Cut after every slot, among them slots in which lanes end."""
    stream = path_of(25, 4)

    def policy(slot: Any, rng: Generator) -> Array:
        return np.asarray(np.minimum(np.where(slot.price > STORE.PRICES[0], 2, 1), slot.level), dtype=int)

    whole = rollout(Closing(), stream, policy, np.random.default_rng(0))
    assert whole.ended is not None
    assert whole.ended[:-1].any(axis=1).sum() > 5
    assert not whole.ended.all()
    before, rewards = None, []
    for slot in range(25):
        part = rollout(Closing(), stream[slot : slot + 1], policy, np.random.default_rng(0), begin=before)
        before = part.after
        rewards.append(part.reward)
    assert np.array_equal(np.concatenate(rewards), whole.reward)


# ---------------------------------------------------------------------- against what is proved


@pytest.fixture(scope="module")
def long() -> Any:
    return path_of(4_000, 16, seed=123)


def test_simulated_means_are_those_of_the_exact_evaluation(long: Any) -> None:
    grids = DYNAMICS.grids()
    bracket = DYNAMICS.bracket()
    assert grids is not None
    assert bracket is not None
    assert bracket.width < 1e-5
    begin = Outcome(np.zeros(16), {"level": np.full((16, 1), 4.0)})
    best = carried_out(long, policy_of(DYNAMICS, "dynamic-program"), begin=begin)
    means, counts = block_means(best.reward, 40)
    found = estimate(means, counts)
    assert abs(found.mean - bracket.middle) <= 5.0 * found.error
    assert found.error_by_lane < 3.0 * found.error
    # A policy that is not optimal, evaluated on the grid: sell one unit, always.
    one = average_of(grids.below, np.broadcast_to(np.arange(8), (3, 8)))
    always = carried_out(long, lambda slot, rng: np.ones((*slot.batch_shape, 1), int))
    sells = estimate(*block_means(always.reward, 40))
    assert abs(sells.mean - 0.5 * (one.lower + one.upper)) <= 5.0 * sells.error
    assert one.upper < bracket.lower


def test_nobody_earns_more_than_who_knows_the_path(long: Any) -> None:
    grids = DYNAMICS.grids()
    assert grids is not None
    low, high = grids.points(long[0])
    known = perfect_information(grids.below, grids.above, grids.drawn(long), low, high)
    for name in ("dynamic-program", "enumerate"):
        earned = carried_out(long, policy_of(DYNAMICS, name)).reward.mean(axis=0)
        assert (earned <= known.upper + 1e-12).all()
    assert (known.lower > earned).all()


def test_differences_are_paired(long: Any) -> None:
    ahead, myopic = (
        block_means(carried_out(long, policy_of(DYNAMICS, n)).reward, 40)[0] for n in ("dynamic-program", "enumerate")
    )
    found = paired(ahead, myopic)
    assert found.mean == pytest.approx(ahead.mean() - myopic.mean(), rel=1e-12)
    assert found.mean > 5.0 * found.error
    apart = np.hypot(estimate(ahead).error, estimate(myopic).error)
    assert found.error < 0.5 * apart  # which is what luck in common saves
    assert paired(ahead, ahead).mean == paired(ahead, ahead).error == 0.0


def test_errors_are_those_of_independent_numbers() -> None:
    rng = np.random.default_rng(0)
    means = np.array([estimate(*block_means(rng.normal(size=(60, 4)), 12)).mean for _ in range(400)])
    errors = [estimate(*block_means(rng.normal(size=(60, 4)), 12)) for _ in range(400)]
    for told in ("error", "error_by_lane"):
        assert np.sqrt(np.mean([getattr(one, told) ** 2 for one in errors])) == pytest.approx(means.std(), rel=0.15)


def test_blocks_that_know_of_each_other_have_larger_errors() -> None:
    """Series of first order, a block per slot: the mean scatters as much as is told, which blocks alone would not."""
    rng, memory, slots = np.random.default_rng(1), 0.8, 400
    values, luck = np.empty((slots, 300, 4)), rng.normal(size=(slots, 300, 4))
    values[0] = luck[0] / np.sqrt(1.0 - memory**2)
    for slot in range(1, slots):
        values[slot] = memory * values[slot - 1] + luck[slot]
    found = [estimate(values[:, k]) for k in range(300)]
    scatter = np.std([one.mean for one in found])
    assert np.sqrt(np.mean([one.error**2 for one in found])) == pytest.approx(scatter, rel=0.2)
    assert np.mean([abs(one.mean) > one.half_width() for one in found]) < 0.05 + 5.0 * np.sqrt(0.05 * 0.95 / 300)


def test_few_blocks_tell_little() -> None:
    draws = np.random.default_rng(2).normal(size=(2000, 2, 1))
    found = [estimate(one) for one in draws]
    missed = np.mean([abs(one.mean) > one.half_width() for one in found])
    assert missed < 0.05 + 5.0 * np.sqrt(0.05 * 0.95 / 2000)
    assert np.isnan(estimate([[1.0]]).half_width())
    assert estimate([[1.0], [1.0], [1.0]]).half_width() == 0.0


def test_what_counts_for_nothing_is_left_out() -> None:
    values = np.array([[1.0, np.nan], [3.0, np.nan], [5.0, 7.0], [np.nan, 9.0]])
    means, counts = block_means(values, 2)
    assert counts.tolist() == [[2, 0], [1, 2]]
    assert estimate(means, counts).mean == pytest.approx(np.nanmean(values))
    assert np.isnan(estimate([[np.nan]], 0).mean)
    assert np.isnan(estimate([[1.0]]).error)


# ---------------------------------------------------------------------- errors


def spoiled(
    level: Callable[[Array], Array] = np.asarray, reward: Callable[[Array], Array] = np.asarray
) -> Callable[[], Any]:
    class Spoiled(STORE.StoreDynamics):  # type: ignore[name-defined,misc]
        def outcome(self, problem: Any, decision: Array, allocation: Any) -> Outcome:
            found: Outcome = super().outcome(problem, decision, allocation)
            return dataclasses.replace(found, reward=reward(found.reward), carried={"level": level(found.carried["level"])})

    return lambda: rollout(Spoiled(), path_of(3, 2), at_random, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: carried_out(path_of(3, 2)[0]), r"the stream has a batch of shape \(2,\); allowed: slots and lanes"),
        (lambda: carried_out(path_of(3, 2)[:0]), r"the stream has a batch of shape \(0, 2\); allowed: .*, one at least"),
        (lambda: block_means(np.ones((3, 1)), 0), "blocks is 0; allowed: at least 1"),
        (lambda: carried_out(path_of(3, 2), lambda s, rng: np.full((2, 1), 9)), r"slot 0: decision\[0, 0\] is 9; allowed"),
        (spoiled(lambda level: level - 10.0), r"slot 0: the outcome leaves level\[0, 0\] -.*; allowed: finite, >= 0"),
        (spoiled(lambda level: level * np.nan), r"slot 0: the outcome leaves level\[0, 0\] nan"),
        (
            spoiled(reward=lambda earned: earned * [1.0, np.nan]),
            r"slot 0: the outcome's reward\[1\] is nan; allowed: finite",
        ),
        (spoiled(reward=lambda earned: earned.sum()), r"slot 0: the outcome has a reward of shape \(\); allowed: \(2,\)"),
        (spoiled(lambda level: level[:1]), r"slot 0: the outcome has level of shape \(1, 1\); allowed: \(2, 1\)"),
        (lambda: DYNAMICS.stream(np.random.default_rng(0), 0, 1), "slots is 0; allowed: a whole number of at least 1"),
        (lambda: STORE.StoreDynamics(level=np.ones((3, 1))), r"a batch of shape \(3,\); allowed: those of a single slot"),
        (lambda: STORE.StoreDynamics("papers"), "unknown preset"),
        (lambda: paired([[1.0]], [[1.0], [2.0]]), r"blocks of shapes \(1, 1\) and \(2, 1\)"),
        (lambda: estimate([1.0]), r"shape \(1,\); allowed: \(blocks, lanes\)"),
    ],
)
def test_errors_name_what_is_wrong(call: Callable[[], Any], says: str) -> None:
    with pytest.raises(InstanceError, match=says):
        call()


# ---------------------------------------------------------------------- environments


class Seller(SlotWorld):
    """Sells the part of the store that an action says."""

    def __init__(self, dynamics: Dynamics[Any]) -> None:
        self.dynamics, self.reward_scale = dynamics, 0.5

    observed, acted = Numbers(0.0, 2.0, (2,)), Numbers(0.0, 1.0, (1,))

    def seen(self, state: State) -> Array:
        """See level and price."""
        both = np.concatenate([state.problem.level / 8.0, state.problem.price / 6.0], axis=-1)
        return both.astype(np.float32)

    def answered(self, state: State, action: Array, rng: Generator) -> tuple[Array, Any]:
        """Round down."""
        part = np.asarray(action, dtype=float)
        if not ((part >= 0.0) & (part <= 1.0)).all() or part.shape != state.problem.level.shape:
            raise InstanceError("the action is no part; allowed: a number from 0 to 1")
        decision = np.floor(part * state.problem.level).astype(int)
        return decision, state.problem.closed_form(decision)[0]


def test_single_environments_pass_the_battery(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gymnasium", reason="environments need the extra `learn`")
    from mecopt.dynamic.environments import SlotEnv
    from mecopt.testing.environments import ENV_CHECKS

    monkeypatch.setattr("mecopt.testing.environments.SEED", 8)  # with the next one another of the three prices comes first
    for dynamics in (DYNAMICS, Closing()):
        for check in ENV_CHECKS:
            check(partial(SlotEnv, Seller(dynamics), slots=9))


def test_many_lanes_are_a_rollout_that_begins_anew() -> None:
    pytest.importorskip("gymnasium", reason="environments need the extra `learn`")
    from mecopt.dynamic.environments import SlotVectorEnv

    env = SlotVectorEnv(Seller(Closing()), slots=6, lanes=5)
    seen, _ = env.reset(seed=3)
    rng, count = np.random.default_rng(0), np.zeros(5, int)
    ends = 0
    for _ in range(40):
        action = rng.random((5, 1), dtype=np.float32)
        level, price = 8.0 * seen[:, 0], 6.0 * seen[:, 1]
        sold = np.floor(action[:, 0].astype(float) * level)
        seen, reward, ended, cut, infos = env.step(action)
        count += 1
        assert env.observation_space.contains(seen)
        np.testing.assert_allclose(reward, 0.5 * price * np.sqrt(sold), rtol=1e-6)
        assert np.array_equal(ended, sold > 1.0)
        assert np.array_equal(cut, count >= 6)
        over = ended | cut
        ends += over.sum()
        left = np.minimum(level - sold + 1.0, 8.0)
        assert np.array_equal(8.0 * seen[:, 0], np.where(over, 8.0, left))
        if over.any():
            assert np.array_equal(infos["_final_obs"], over)
            fresh = np.where(ended, 8.0, left)  # a lane that has ended is followed by its beginning
            assert np.array_equal(8.0 * infos["final_obs"][:, 0], fresh)
        count[over] = 0
    assert ends > 10
    again = SlotVectorEnv(Seller(Closing()), slots=6, lanes=5)
    assert np.array_equal(env.reset(seed=3)[0], again.reset(seed=3)[0])
    with pytest.raises(InstanceError, match="lanes share one generator"):
        env.reset(seed=[1, 2, 3, 4, 5])


def test_vector_environments_are_registered_beside_single_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    registration = pytest.importorskip("gymnasium.envs.registration", reason="environments need the extra `learn`")
    from mecopt import environments

    def entries(group: str) -> list[Any]:
        return [SimpleNamespace(name="Nowhere-v0", value=f"{group}:Made")]

    monkeypatch.setattr(environments, "entry_points", entries)
    monkeypatch.setattr(registration, "registry", dict(registration.registry))
    environments.register()
    spec = registration.registry["mecopt/Nowhere-v0"]
    assert (spec.entry_point, spec.vector_entry_point) == ("mecopt.environments:Made", "mecopt.vector_environments:Made")


def test_a_slot_without_an_answer_is_named() -> None:
    class Never(STORE.Enumeration):  # type: ignore[name-defined,misc]
        """Gives up."""

        def search(self, problem: Any, **given: Any) -> Any:
            found = super().search(problem, **given)
            return dataclasses.replace(found, failed=problem.level[..., 0] < 8.0)

    with pytest.raises(SolveFailed, match=r"slot 1: .* items have no answer") as failed:
        carried_out(path_of(4, 2), solved_by(Never()))
    assert failed.value.solution.statuses() == {"FAILED": 2}
