"""Luck that is taken off rollouts: 0 in the mean over all paths for any policy, and all that scatters of the best one."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loading import example
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt import InstanceError
from mecopt.dynamic import Chain, Nodes, Tables, best_discounted, luck, rollout
from mecopt.dynamic.run import roll_out
from mecopt.dynamic.summary import PLAIN, summarise

Array = NDArray[Any]

STORE: Any = example("energy_store")
LAW = np.array([0.5, 0.3, 0.2])
DISCOUNT, SLOTS = 0.8, 4

pytestmark = pytest.mark.filterwarnings("ignore::mecopt.quantities.doubts.AmbiguousShape")


class Anew(STORE.StoreDynamics):  # type: ignore[misc]
    """The store with prices that are drawn anew from a law, what counts is discounted, and a control variate of a table."""

    discount = DISCOUNT

    def __init__(self, table: Array) -> None:
        super().__init__()
        self.table = table
        """By price and level, less 1."""

    def draw(self, rng: Generator, before: Any = None, lanes: tuple[int, ...] = ()) -> Any:
        shape = lanes if before is None else before.batch_shape
        prices = rng.choice(STORE.PRICES, shape, p=LAW)
        return STORE.EnergyStore(level=np.full((*shape, 1), 8.0), price=prices[..., None])

    def control_variate(self) -> Any:
        mean = LAW @ self.table
        return lambda slots: self.table[STORE.states(slots), STORE.levels(slots)] - mean[STORE.levels(slots)]

    def bracket(self) -> None:
        return None


def all_paths(level: float) -> tuple[Any, Array]:
    """Return every path of prices as a lane of its own, and its probability."""
    drawn = np.array(list(itertools.product(range(3), repeat=SLOTS))).T
    found = STORE.EnergyStore(level=np.full((*drawn.shape, 1), level), price=STORE.PRICES[drawn][..., None])
    return found, LAW[drawn].prod(axis=0)


def greedy(slot: Any, rng: Generator) -> Array:
    return np.asarray(slot.level, dtype=int)


def whimsical(slot: Any, rng: Generator) -> Array:
    """Draw something, the same in all lanes, and be moved by the price."""
    return np.asarray(np.minimum(rng.integers(0, 4) + (slot.price > 1.5), slot.level), dtype=int)


class Learning:
    """Sell what has paid most so far: a policy that looks at all its past."""

    def __init__(self) -> None:
        self.past: Array | float = 0.0

    def __call__(self, slot: Any, rng: Generator) -> Array:
        self.past = self.past + slot.price
        return np.asarray(np.minimum(self.past / 2.0, slot.level), dtype=int)


def best() -> tuple[Array, Any]:
    """Return what a slot is worth once its price is drawn, and the policy that reaches it; value iteration on the chain."""
    level, sold = np.arange(1, 9), np.arange(9)
    reward = np.where(sold <= level[:, None], STORE.PRICES[:, None, None] * np.sqrt(sold), -np.inf)
    after = np.broadcast_to(np.clip(level[:, None] - sold + 1, 1, 8) - 1, reward.shape)
    found = best_discounted(Tables(Chain.independent(LAW), reward, after), DISCOUNT, tolerance=1e-13)
    return found.middle, lambda slot, rng: found.policy[STORE.states(slot), STORE.levels(slot)][..., None]


POLICIES: Mapping[str, Any] = {
    "greedy": lambda: greedy,
    "whimsical": lambda: whimsical,
    "learning": Learning,
    "best": lambda: best()[1],
}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("level", [1.0, 5.0])
@pytest.mark.parametrize("seed", range(3))
def test_luck_is_nothing_in_the_mean_over_all_paths_whatever_the_policy_and_the_function(
    policy: str, level: float, seed: int
) -> None:
    dynamics = Anew(np.random.default_rng(seed).normal(size=(3, 8)))
    path, likely = all_paths(level)
    found = rollout(dynamics, path, POLICIES[policy](), np.random.default_rng(seed))
    by_chance = luck(dynamics.control_variate(), path, found)
    assert likely.sum() == pytest.approx(1.0)
    assert np.abs(by_chance).max() > 0.1
    np.testing.assert_allclose(by_chance @ likely, 0.0, atol=1e-14)


def test_of_the_best_policy_nothing_scatters_and_of_others_what_they_forgo() -> None:
    """Less its luck every path of the best policy is worth the same, but for what its last slot leaves."""
    table, policy = best()
    dynamics, (path, likely), weights = Anew(table), all_paths(5.0), DISCOUNT ** np.arange(SLOTS)
    mean = LAW @ table
    for name, act in {"best": policy, "greedy": greedy}.items():
        found = rollout(dynamics, path, act, np.random.default_rng(0))
        left = DISCOUNT**SLOTS * mean[found.after.carried["level"][:, 0].astype(int) - 1]
        sums = weights @ (found.reward - luck(dynamics.control_variate(), path, found)) + left
        assert likely @ sums == pytest.approx(likely @ (weights @ found.reward + left), rel=1e-13)
        if name == "best":
            np.testing.assert_allclose(sums, mean[4], rtol=1e-11)
        else:
            assert (sums <= mean[4] + 1e-11).all()
            assert sums.min() < mean[4] - 0.1


def test_the_wrong_law_is_seen() -> None:
    """Were the mean taken under another law, the mean over all paths would say so."""
    dynamics = Anew(best()[0])
    path, likely = all_paths(5.0)
    found = rollout(dynamics, path, greedy, np.random.default_rng(0))
    mean = np.array([0.4, 0.4, 0.2]) @ dynamics.table
    off = luck(lambda s: dynamics.table[STORE.states(s), STORE.levels(s)] - mean[STORE.levels(s)], path, found)
    assert np.abs(off @ likely).min() > 1e-3


# ---------------------------------------------------------------------- functions of a continuous number


def test_means_of_functions_linear_between_nodes_are_exact() -> None:
    rng = np.random.default_rng(0)
    nodes = Nodes(np.concatenate(([0.0], np.sort(rng.random(9)), [1.0])))
    values = rng.normal(size=11)
    middle = 0.5 * (nodes.at[1:] + nodes.at[:-1])
    below, part = nodes.place(middle)
    between = (1.0 - part) * values[below] + part * values[below + 1]
    assert nodes.weights @ values == pytest.approx(np.diff(nodes.at) @ between, rel=1e-12)
    assert nodes.weights.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(between, np.interp(middle, nodes.at, values), rtol=1e-12)


def test_numbers_at_and_beyond_the_ends_are_placed() -> None:
    nodes = Nodes(np.array([0.0, 0.5, 1.0]))
    below, part = nodes.place([0.0, 0.5, 1.0, 1.0 + 1e-12, -1e-12])
    assert (below.tolist(), part.tolist()) == ([0, 1, 1, 1, 0], [0.0, 0.0, 1.0, 1.0, 0.0])


@pytest.mark.parametrize("at", [[0.0], [0.0, 0.9], [0.1, 1.0], [0.0, 0.5, 0.5, 1.0], [0.0, np.nan, 1.0]])
def test_nodes_that_are_none_are_refused(at: list[float]) -> None:
    with pytest.raises(InstanceError, match="rising numbers from 0 to 1"):
        Nodes(np.array(at))


# ---------------------------------------------------------------------- what rollouts say


def test_rollouts_take_luck_off_and_say_what_the_error_was(tmp_path: Path) -> None:
    dynamics = Anew(best()[0])
    given: dict[str, Any] = {"slots": 60, "lanes": 50, "seed": 4, "jobs": 1}
    names = ["enumerate", "dynamic-program"]
    found = roll_out(dynamics, names, out=tmp_path, **given)
    plain = roll_out(dynamics, names, out=tmp_path, control_variate=False, **given)
    path = dynamics.stream(np.random.default_rng((4, 0)), 60, 50)
    weights, summary, other = DISCOUNT ** np.arange(60), summarise(found), summarise(plain)
    assert PLAIN in summary.headers
    assert PLAIN not in other.headers
    for row, without in zip(summary.rows, other.rows, strict=True):
        act = greedy if row.policy == "enumerate" else dynamics.policies()["dynamic-program"]()
        run = rollout(dynamics, path, act, np.random.default_rng(0))
        sums = weights @ (run.reward - luck(dynamics.control_variate(), path, run))
        assert row.reward.mean == pytest.approx(sums.mean(), rel=1e-12)
        assert row.reward.error == pytest.approx(sums.std(ddof=1) / np.sqrt(50), rel=1e-9)
        assert row.plain == without.reward
        assert without.plain is None
        assert row.reward.error < 0.5 * without.reward.error
        assert len(summary.cells(row)) == len(summary.headers)
    assert sum("control variate" in text for text in summary.findings) == 1
    assert not any("control variate" in text for text in other.findings)
    assert summary.as_dict()["enumerate"]["plain"]["error"] == other.rows[0].reward.error


def test_luck_is_left_in_where_less_it_sums_scatter_more(tmp_path: Path) -> None:
    class Overdone(Anew):
        def control_variate(self) -> Any:
            own = super().control_variate()
            return lambda slots: 50.0 * own(slots)

    given: dict[str, Any] = {"slots": 60, "lanes": 50, "seed": 4, "jobs": 1}
    names = ["enumerate", "dynamic-program"]
    summary = summarise(roll_out(Overdone(best()[0]), names, out=tmp_path / "overdone", **given))
    plain = summarise(roll_out(Anew(best()[0]), names, out=tmp_path / "plain", control_variate=False, **given))
    for row, other in zip(summary.rows, plain.rows, strict=True):
        assert row.reward == other.reward
        assert row.plain is None
        assert f"Of {row.policy} luck is left in: less it the sums would scatter more." in summary.findings
    apart, simulated = summary.rows[1].difference, plain.rows[1].difference
    assert apart is not None
    assert simulated is not None
    assert apart.error <= simulated.error
    assert not any("is taken off" in text for text in summary.findings)


def test_averages_are_less_their_luck_too(tmp_path: Path) -> None:
    class Average(Anew):
        discount = None  # type: ignore[assignment]

    found = roll_out(Average(best()[0]), ["enumerate"], out=tmp_path, slots=64, lanes=8, seed=1, jobs=1)
    (row,) = summarise(found).rows
    slots = found.column("enumerate", "slots")
    means = found.column("enumerate", "reward") - found.column("enumerate", "luck")
    assert row.reward.mean == pytest.approx((means * slots).sum() / slots.sum(), rel=1e-12)
    assert row.plain is not None
    assert row.plain.mean == pytest.approx((found.column("enumerate", "reward") * slots).sum() / slots.sum(), rel=1e-12)
