"""Networks of inference queues in the long run: values against references and linear programming, bounds, policies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.stats import binom

from mecopt import InstanceError
from mecopt.dynamic import Outcome, discounted_values, rollout
from mecopt.models.inference_queue.allocation.pieces import best_pieces
from mecopt.models.inference_queue.allocation.splits import spelled_out
from mecopt.models.inference_queue.dynamics.backlog import Backlog, costs_between, exceeding
from mecopt.models.inference_queue.dynamics.joint import World
from mecopt.models.inference_queue.dynamics.network import LONGEST, MANY, lowered, raised
from mecopt.models.inference_queue.dynamics.policies import PARTS, POLICIES, Devices, Fixed, Free, of_offer, worth_of
from mecopt.models.inference_queue.dynamics.server import Served, best_rule, on_steps
from mecopt.models.inference_queue.dynamics.steps import QueueDynamics

Array = NDArray[Any]

DB = 10.0 ** (np.arange(0.0, 61.0) / 10.0)
"""Ratios by their decibels."""


def single(decibels: int = 35, preset: str | None = None, **more: Any) -> QueueDynamics:
    return QueueDynamics(preset, users=1, mean_snr=DB[decibels], **more)


def midpoints(dynamics: QueueDynamics, price: float = 0.0, cells: int = 1024) -> Array:
    """Return what a device's queues cost with the medians of cells, `(2, M + 1)`."""
    network = dynamics.network
    found: Array = network.device(network.kinds[0], network.free(price), cells, 0.5)
    return found


# ---------------------------------------------------------------------- one device


@pytest.mark.parametrize(
    ("decibels", "preset", "knows", "cost"),
    [
        (15, None, "known", 105.9504),
        (35, None, "known", 71.9481),
        (55, None, "known", 63.2693),
        (35, None, "causal", 74.1619),
        (35, "calibrated", "known", 66.3872),
        (35, "literal", "known", 65.3319),
    ],
)
def test_values_are_those_of_an_independent_prototype(decibels: int, preset: str | None, knows: str, cost: float) -> None:
    """Figures of the equation sheet, made with 1,024 medians; four digits after the point are given."""
    low, high = midpoints(single(decibels, preset, arrivals=knows))
    assert low[0] - 5e-5 <= cost <= high[0] + 5e-5


def plain_costs(cells: int = 4, pieces: int = 3, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    costs = np.cumsum(rng.exponential(1.0, (cells, pieces)), axis=1)
    costs[:, 0] = 0.0
    costs[0, -1] = np.inf
    return costs


def by_linear_programming(costs: Array, law: Array, waiting: float, longest: int, discount: float, causal: bool) -> Array:
    """Return what queues cost, forgotten beyond the longest: the greatest solution of Bellman's inequalities.

    U(m) = w m + mean over cells of Z(i, m, a); Z <= e(i, s) + discount U(m - s + a) for every s that is there.
    """
    cells, pieces = costs.shape
    size = longest + 1
    shown = [(i, m, a) for i in range(cells) for m in range(size) for a in ([None] if causal else range(len(law)))]
    place = {key: size + k for k, key in enumerate(shown)}
    width = size + len(shown)
    rows, right, equal, known = [], [], [], []
    for i, m, a in shown:
        for s in range(min(m, pieces - 1) + 1):
            if not np.isfinite(costs[i, s]):
                continue
            row = np.zeros(width)
            row[place[i, m, a]] = 1.0
            for b, likely in enumerate(law) if a is None else [(a, 1.0)]:
                row[min(m - s + b, longest)] -= discount * likely
            rows.append(row)
            right.append(costs[i, s])
    for m in range(size):
        row = np.zeros(width)
        row[m] = 1.0
        for i, n, a in shown:
            if n == m:
                row[place[i, n, a]] -= (1.0 if a is None else law[a]) / cells
        equal.append(row)
        known.append(waiting * m)
    found = linprog(-np.ones(width), np.array(rows), right, np.array(equal), known, bounds=(None, None), method="highs")
    assert found.success
    return np.asarray(found.x[:size])


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_value_iteration_brackets_what_linear_programming_finds(seed: int, causal: bool) -> None:
    costs, law = plain_costs(seed=seed), binom.pmf(np.arange(3), 2, 0.4)
    operator = Backlog(costs, law, 0.7, 6, causal=causal)
    low, high = costs_between(discounted_values(operator, 0.8, tolerance=1e-8))
    exact = by_linear_programming(costs, law, 0.7, 6, 0.8, causal)
    assert (low <= exact + 1e-7).all()
    assert (exact <= high + 1e-7).all()


def test_upper_and_lower_ends_of_cells_bracket_every_number_of_them() -> None:
    """The brackets are nested, hold each other, and narrow by about a half where cells do."""
    widths, last = [], (0.0, np.inf)
    for cells in (32, 64, 128, 256):
        low, high = (one[0, 0] for one in single().network.bracket(cells=cells))
        assert last[0] - 1e-6 <= low <= high <= last[1] + 1e-6
        widths.append(high - low)
        last = low, high
    ratios = np.array(widths[1:]) / widths[:-1]
    assert ((ratios > 0.35) & (ratios < 0.65)).all()


@pytest.mark.parametrize(("speed", "arriving"), [(4e9, 0.7), (8e9, 0.95), (1e9, 0.4)])
def test_queues_cut_off_are_bounded_from_both_sides(speed: float, arriving: float) -> None:
    """On a short grid what exceeds it costs what it does at least, or at most; a long one lies between.

    At least is more than nothing: what forgets it costs less still.
    """
    dynamics = single(15, arrival_probability=arriving, cpu_speed=speed)
    network = dynamics.network
    kind, free = network.kinds[0], network.free(0.0)
    costs = network.operator(kind, free, 64, 0.5).costs
    least = exceeding(1.0, dynamics.discount, 9 // (costs.shape[1] - 1) + 1)
    ends = (0.0, least, exceeding(1.0, dynamics.discount))
    short = [Backlog(costs, network.arrivals, 1.0, 9, beyond=beyond) for beyond in ends]
    forgetful, below, above = (costs_between(discounted_values(one, dynamics.discount, tolerance=1e-6)) for one in short)
    middle = costs_between(discounted_values(Backlog(costs, network.arrivals, 1.0, 300), dynamics.discount, tolerance=1e-6))
    assert (below[0] <= middle[1, :10]).all()
    assert (middle[0, :10] <= above[1]).all()
    assert (above[0] > below[1]).all()  # the ends matter here
    assert (forgetful[1] < below[0]).all()


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_tasks_more_cost_between_a_few_blocks_of_waiting_and_waiting_for_ever(seed: int, causal: bool) -> None:
    """Of costs that rise with what leaves, in queues as long as one likes."""
    costs, law = plain_costs(seed=seed), binom.pmf(np.arange(4), 3, 0.8)
    operator = Backlog(costs, law, 0.7, 400, causal=causal)
    low, high = costs_between(discounted_values(operator, 0.9, tolerance=1e-8))
    at_once = costs.shape[1] - 1
    for longest in (1, 2, 5, 9, 30):
        more = high[longest + 1 : longest + 20] - low[longest], low[longest + 1 : longest + 20] - high[longest]
        count = np.arange(1.0, 20.0)
        assert (0.9 * more[0] >= count * exceeding(0.7, 0.9, longest // at_once + 1) - 1e-6).all()
        assert (0.9 * more[1] <= count * exceeding(0.7, 0.9) + 1e-6).all()
    assert exceeding(0.7, 0.9, 3) == pytest.approx(0.7 * (0.9 + 0.9**2 + 0.9**3))


# ---------------------------------------------------------------------- the server


def test_the_rule_is_the_best_of_all_rules_on_its_grid() -> None:
    law = np.array([0.2, 0.5, 0.3])
    for steps in (4, 1):  # processed at most; with one the grid's end is passed
        served = Served(0.5, law, 1.0, 0.3, 0.5 * steps, 12, beyond=9.0)
        value = -discounted_values(served, 0.9, tolerance=1e-9).lower[0]
        later = 0.9 * np.append(value, value[-1] + 0.5 * 10.0 * np.arange(1, 3))
        for q in range(12):
            best = min(
                0.3 * (0.5 * x) ** 3 + sum(law[y] * later[q - x + y] for y in range(3)) for x in range(min(q, steps) + 1)
            )
            assert value[q] == pytest.approx(0.5 * q + best, abs=1e-6)


@pytest.mark.parametrize("most", [0.0, 0.3, 2.0])
@pytest.mark.parametrize("tolerance", [1.0, 1e-2, 1e-6])
def test_brackets_of_a_server_hold_its_values_where_queues_pass_the_grids_end(most: float, tolerance: float) -> None:
    law = np.zeros(41)
    law[[30, 40]] = 0.5
    served = Served(0.025, law, 1.0, 1e-4, most, 60, beyond=19.0)
    value = np.zeros((1, 60))
    for _ in range(900):
        value = served.improved(0.95 * value)
    found = discounted_values(served, 0.95, tolerance=tolerance)
    assert (found.lower <= value + 1e-9).all()
    assert (value <= found.upper + 1e-9).all()
    assert found.width <= tolerance


def test_a_server_that_keeps_up_with_nothing_pays_for_every_task_for_ever() -> None:
    """Without a processor a task that comes waits from the next block on: 20 for each, of which 0.95^t are left."""
    came = np.array([0.0, 1.0, 2.0])
    rule = best_rule(came, waiting=1.0, cube=1.0, most=0.0, discount=0.95)
    assert -rule.values.upper[0, 0] <= 0.95 * 20.0 / 0.05 <= -rule.values.lower[0, 0] + 1e-9
    assert (rule([0.0, 5.0]) == 0.0).all()


@pytest.mark.parametrize("name", ["waiting", "cube", "most"])
@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_weights_of_a_server_that_make_no_sense_are_named(name: str, value: float) -> None:
    given: dict[str, Any] = {"waiting": 1.0, "cube": 1.0, "most": 2.0, "discount": 0.9}
    with pytest.raises(InstanceError, match=f"{name} is {value}; allowed: a finite number >= 0"):
        best_rule([1.0, 2.0], **{**given, name: value})


def test_a_server_whose_energy_is_free_processes_everything_and_a_dear_one_little() -> None:
    came = np.random.default_rng(0).normal(10.0, 1.0, 500)
    free = best_rule(came, waiting=1.0, cube=0.0, most=30.0, discount=0.95)
    assert free([0.0, 7.0, 25.0, 40.0]) == pytest.approx([0.0, 7.0, 25.0, 30.0], abs=1e-6)
    dear = best_rule(came, waiting=1.0, cube=1.0, most=30.0, discount=0.95)
    cheap = best_rule(came, waiting=1.0, cube=1e-3, most=30.0, discount=0.95)
    waits = np.linspace(0.0, 50.0, 101)
    for rule in (dear, cheap):
        assert (np.diff(rule(waits)) >= -1e-9).all()
        assert (rule(waits) <= waits).all()
    assert (dear(waits) <= cheap(waits) + 1e-9).all()
    assert dear(50.0) < 3.0


def test_steps_keep_the_mean() -> None:
    amounts = np.random.default_rng(0).exponential(3.0, 200)
    law = on_steps(amounts, 0.7)
    assert law.sum() == pytest.approx(1.0)
    assert 0.7 * law @ np.arange(law.size) == pytest.approx(amounts.mean())


# ---------------------------------------------------------------------- together


def test_together_is_never_dearer_and_theorem_1_holds_only_where_tasks_wait_at_the_server_for_nothing() -> None:
    def losses(waiting: float, cube: float) -> Any:
        dynamics = single(server_waiting_weight=waiting, server_energy_weight=cube / 0.005)
        return World(dynamics, cells=8).losses(waiting * np.array([1.0, 1.5, 2.0, 3.0, 4.0]))

    for waiting, cube in ((0.0, 0.0), (0.0, 1.0), (1.0, 4e-5), (2.0, 4e-5), (1.0, 1.0)):
        found = losses(waiting, cube)
        assert found.together <= found.priced + 1e-4
        assert found.priced <= found.alone
        if waiting == 0.0:
            assert found.loss == pytest.approx(0.0, abs=1e-6)
        else:
            assert found.loss > 0.005
            assert found.priced_loss < 0.2 * found.loss


def decided_together(dynamics: QueueDynamics, cells: int, longest: int, server_longest: int) -> float:
    """Return what one device and its server cost from empty queues, both deciding before tasks come, in halves of a task."""
    one, gamma = dynamics.one, dynamics.discount
    snr = dynamics.mean_snr[0] * -np.log1p(-(np.arange(cells) + 0.5) / cells)
    law = binom.pmf(np.arange(6), 5, dynamics.arrival_probability)
    ends = longest + 1, 2 * server_longest + 1
    ahead = [(s, y, x) for s in range(6) for y in range(3) if y <= 2 * s for x in range(5)]

    def paid(h: float, s: int, y: int) -> float:
        power = 1.5 / h * (2.0 ** (5.0 * y) - 1.0)
        return 8.0 * (0.05 * (s - 0.5 * y) ** 3 + 0.1 * power) if power <= 1.0 and s - 0.5 * y <= 4.0 else np.inf

    cost = np.array([[paid(h, s, y) for s, y, _ in ahead] for h in snr])
    cost = cost + [float(one.server_energy_weight) * 0.005 * (0.5 * x) ** 3 for _, _, x in ahead]
    forever, own = gamma * dynamics.server_waiting_weight / (1.0 - gamma), gamma / (1.0 - gamma)
    value = np.zeros(ends)
    for _ in range(150):
        found = np.empty(ends)
        for m, q in np.ndindex(ends):
            later = np.full(len(ahead), np.inf)
            for k, (s, y, x) in enumerate(ahead):
                if s <= m and x <= q:
                    kept, whole = min(q - x + y, ends[1] - 1), m - s + np.arange(6)
                    left = np.minimum(whole, longest)
                    later[k] = gamma * law @ value[left, kept] + 0.5 * forever * (q - x + y - kept)
                    later[k] += own * law @ (whole - left)
            found[m, q] = m + 0.5 * q * dynamics.server_waiting_weight + (cost + later).min(axis=1).mean()
        value = found
    return float(value[0, 0])


@pytest.mark.parametrize(("waiting", "cube"), [(1.0, 4e-5), (0.3, 1.0), (2.0, 0.2)])
def test_decided_together_is_what_plain_value_iteration_finds(waiting: float, cube: float) -> None:
    weights: dict[str, Any] = {"server_waiting_weight": waiting, "server_energy_weight": cube / 0.005}
    dynamics = single(arrivals="causal", discount=0.8, **weights)
    found = World(dynamics, cells=2, grain=2, longest=6, server_longest=2).losses(np.array([waiting])).together
    assert found == pytest.approx(decided_together(dynamics, 2, 6, 2), rel=1e-6)


@pytest.mark.parametrize("waiting", [0.1, 1.0])
def test_losses_do_not_depend_on_where_the_servers_grid_ends(waiting: float) -> None:
    """Where its energy is dear tasks wait long: were they forgotten beyond four, a tenth of the cost would be gone."""
    dynamics = single(arrivals="causal", server_waiting_weight=waiting, server_energy_weight=200.0)
    prices = waiting * np.array([0.95, 4.0, 10.0])
    short, long = (World(dynamics, server_longest=ends).losses(prices) for ends in (4, 10))
    assert short.together == pytest.approx(long.together, rel=1e-5)
    assert short.loss == pytest.approx(long.loss, abs=1e-5)
    assert short.priced_loss == pytest.approx(long.priced_loss, abs=1e-5)


@pytest.mark.parametrize(("longest", "server_longest"), [(5, 2), (8, 8), (6, 10)])
def test_what_is_decided_on_a_short_grid_brackets_queues_as_long_as_one_likes(longest: int, server_longest: int) -> None:
    """Of much work, far from the server, whose energy is dear."""
    dynamics = single(25, arrivals="causal", arrival_probability=0.6, server_energy_weight=100.0)
    given: dict[str, Any] = {"cells": 3, "grain": 2}
    prices = np.array([1.0, 4.0])
    short = World(dynamics, longest=longest, server_longest=server_longest, **given).losses(prices)
    long = World(dynamics, longest=40, server_longest=24, **given).losses(prices)
    assert long.together - long.least < 1e-4 * long.together
    assert short.least < long.least + 1e-6
    assert long.together - 1e-6 < short.together
    assert short.least < short.together
    assert short.alone > short.together
    assert short.loss <= long.most_loss + short.alone / long.alone - 1.0 + 1e-6
    assert short.most_loss >= short.loss


def test_the_bound_of_every_price_is_below_the_joint_optimum() -> None:
    """With the same cells, and devices that may offload any part, nothing on the coarse grid costs less."""
    dynamics = single(arrivals="causal", server_energy_weight=0.1 / 0.005)
    together = World(dynamics, cells=16, grain=4).losses(np.array([1.0])).together
    network = dynamics.network
    for price in (0.0, 1.0, 1.5, 2.0, 4.0):
        assert network.bound(price, cells=16) <= together + 1e-6
    assert network.price.bound >= network.bound(1.0) - 1e-9


@pytest.mark.parametrize("decibels", [15, 35])
def test_what_is_proved_of_channels_that_stay_is_of_them(decibels: int) -> None:
    dynamics = QueueDynamics(users=1, snr_per_watt=[DB[decibels]], arrivals="causal")
    path = dynamics.stream(np.random.default_rng(0), 150, 100)
    assert (path.snr_per_watt == DB[decibels]).all()
    together, bound = World(dynamics, grain=4).losses(np.array([1.0])).together, dynamics.most_discounted()
    assert -bound <= together + 1e-6
    sums = (
        dynamics.discount ** np.arange(150)
        @ rollout(dynamics, path, POLICIES["priced"](dynamics), np.random.default_rng(1)).reward
    )
    assert -sums.mean() == pytest.approx(-bound, rel=0.02, abs=4.0 * sums.std(ddof=1) / 10.0)


@pytest.mark.parametrize("users", [1, 3])
def test_no_policy_costs_less_than_the_bound(users: int) -> None:
    dynamics = QueueDynamics(users=users)
    path = dynamics.stream(np.random.default_rng(0), 150, 200)
    weights = dynamics.discount ** np.arange(150)
    costs = {}
    for name, make in POLICIES.items():
        costs[name] = -(weights @ rollout(dynamics, path, make(dynamics), np.random.default_rng(1)).reward)
        error = costs[name].std(ddof=1) / np.sqrt(200)
        assert costs[name].mean() > dynamics.network.price.bound - 4.0 * error, name
    for name in ("even", "binary", "random", "local", "even-drain"):  # paired, far apart
        apart = costs[name] - costs["priced"]
        assert apart.mean() > 4.0 * apart.std(ddof=1) / np.sqrt(200), name


def discounted_costs(dynamics: QueueDynamics, name: str, lanes: int = 200, blocks: int = 200) -> Array:
    path = dynamics.stream(np.random.default_rng(0), blocks, lanes)
    found = rollout(dynamics, path, POLICIES[name](dynamics), np.random.default_rng(1))
    return np.asarray(-(dynamics.discount ** np.arange(blocks) @ found.reward))


def near_and_above(dynamics: QueueDynamics, near: float) -> None:
    """The priced policy costs no less than the bound, and little more."""
    costs = discounted_costs(dynamics, "priced")
    error = costs.std(ddof=1) / np.sqrt(len(costs))
    bound = dynamics.network.price.bound
    assert -4.0 * error < costs.mean() - bound < near * bound + 4.0 * error


@pytest.mark.parametrize("times", [0.5, 4.0])
def test_the_servers_unit_of_work_changes_nothing(times: float) -> None:
    """In tasks of k times the work a k-th of them wait, and each costs k times as much: the same costs, the same bound."""
    one = QueueDynamics(users=3, server_energy_weight=100.0)
    other = QueueDynamics(users=3, server_energy_weight=100.0, server_task=times * 5e8, server_waiting_weight=times)
    assert other.network.price.price == pytest.approx(times * one.network.price.price, rel=1e-6)
    assert other.network.price.bound == pytest.approx(one.network.price.bound, rel=1e-9)
    assert other.network.bound(1.5 * times) == pytest.approx(one.network.bound(1.5), rel=1e-9)
    for name in ("priced", "decomposed"):
        assert discounted_costs(other, name, 5) == pytest.approx(discounted_costs(one, name, 5), rel=1e-4)


def test_devices_whose_tasks_are_of_different_work_pay_for_what_theirs_are_at_the_server() -> None:
    work = np.array([2.5e8, 5e8, 1e9])
    near_and_above(
        QueueDynamics(users=3, work=work, output_per_cycle=1e6 / work, cpu_speed=8.0 * work, server_task=1e9), 0.01
    )


@pytest.mark.parametrize("fields", [{"slots": 60, "cpu_speed": 3e9}, {"cpu_speed": 1e11}])
def test_long_blocks_and_fast_processors_have_longer_queues_and_a_bound(fields: dict[str, Any]) -> None:
    dynamics = QueueDynamics(users=1, mean_snr=DB[35], **fields)
    near_and_above(dynamics, 0.01)
    low, high = (one[0, 0] for one in dynamics.network.bracket(cells=64))
    assert low <= midpoints(dynamics, cells=64).mean(axis=0)[0] <= high


@pytest.mark.parametrize(("arriving", "best"), [(0.15, 0.25), (0.5, 1.0)])
def test_even_allocation_takes_the_part_that_costs_least(arriving: float, best: float) -> None:
    dynamics = QueueDynamics(users=6, arrival_probability=arriving)
    path = dynamics.stream(np.random.default_rng(0), 150, 40)
    weights = dynamics.discount ** np.arange(150)

    def cost(policy: Any) -> float:
        return -float((weights @ rollout(dynamics, path, policy, np.random.default_rng(1)).reward).mean())

    costs = {part: cost(of_offer(dynamics, Fixed((part,)))) for part in PARTS}
    assert min(costs, key=costs.__getitem__) == best
    assert cost(POLICIES["even"](dynamics)) == costs[best] < 0.99 * max(costs.values())


def test_values_of_what_remains_are_expected_over_arrivals_that_are_not_known() -> None:
    dynamics = QueueDynamics(users=1, arrivals="causal", arrival_probability=0.2)
    law, values = binom.pmf(np.arange(6), 5, 0.2), np.arange(41.0)[None] ** 1.5
    found = worth_of(dynamics, values)
    assert found.shape == (1, 36)
    for m in (0, 3, 35):
        assert found[0, m] == pytest.approx(0.95 * sum(law[a] * (m + a) ** 1.5 for a in range(6)), rel=1e-12)


def test_bounds_rise_with_the_cells_and_stay_below_what_devices_cost_at_most() -> None:
    """Upper ends of halved cells are worse channels, and none is better than the cell's."""
    dynamics = QueueDynamics(users=2, mean_snr=[DB[25], DB[45]])
    network, price = dynamics.network, 1.2
    bounds = [network.bound(price, cells) for cells in (1, 2, 4, 16, 64, 256)]
    assert (np.diff(bounds) > 1e-3).all()
    most = network.bracket(0.95 * price, cells=256)[1][:, 0].sum() + network.server(price)
    assert bounds[-1] <= most
    assert bounds[0] < 0.9 * most < bounds[2]


def test_priced_devices_pay_the_price_of_the_next_block() -> None:
    dynamics = QueueDynamics(users=4, discount=0.6, mean_snr=DB[30:50:5])
    drawn = dynamics.draw(np.random.default_rng(0), None, (100,))
    backlog = np.random.default_rng(1).integers(0, 8, (100, 4)).astype(float)
    slots = drawn._with({**drawn.__dict__, "backlog": backlog})
    price = 0.6 * dynamics.network.price.price
    assert price > 0.6 - 1e-9
    values = 0.6 * dynamics.network.values(dynamics.network.free(price))
    found = best_pieces(dynamics.rows, slots.snr_per_watt, price, backlog, values, arrivals=slots.arrivals)
    leaving, allocation = POLICIES["priced"](dynamics)(slots, np.random.default_rng(0))
    assert np.array_equal(leaving, found.leaving)
    assert np.array_equal(allocation.offloaded, found.offloaded)


@pytest.mark.parametrize("price", [0.0, 0.7, 1.3, 6.0, 20.0])
@pytest.mark.parametrize("backlog", [0.0, 1.5, 9.0])
def test_the_servers_part_is_the_least_of_its_lagrangian_block_by_block(price: float, backlog: float) -> None:
    """Of what it pays, less the price of what it processes, with a queue that it may choose from the second block on."""
    dynamics = single(server_backlog=backlog, server_energy_weight=0.1 / 0.005, discount=0.95)
    assert dynamics.server_most == pytest.approx(2.0)
    work = np.linspace(0.0, 2.0, 2001)
    spent = 0.1 * work**3
    first = backlog + (spent - 0.95 * price * (work - backlog))[work <= backlog].min()
    queues = np.linspace(0.0, 40.0, 401)[:, None]
    every = np.where(work <= queues, queues + spent + 0.95 * price * (queues - work) - price * queues, np.inf).min()
    later = sum(0.95**t * every for t in range(1, 800))
    assert dynamics.network.server(min(price, dynamics.network.dearest)) == pytest.approx(first + later, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("price", [-0.1, 20.0 + 1e-9, np.nan, np.inf])
def test_a_price_that_proves_nothing_is_refused(price: float) -> None:
    """Beyond 20, what a task costs that waits for ever, the server would let tasks wait without end."""
    network = single().network
    assert network.bound(20.0, cells=8) < network.bound(1.0, cells=8)
    with pytest.raises(InstanceError, match=r"price is .*; allowed: a number from 0 to w_1 / \(1 - gamma\), 20"):
        network.bound(price)


@pytest.mark.parametrize("arriving", [0.8, 0.9, 1.0])
def test_devices_that_cannot_do_everything_do_what_they_can(arriving: float) -> None:
    """Of five tasks that come in a block four are computed: to let queues grow for no gain would cost more than to drain."""
    dynamics = QueueDynamics(
        users=2, mean_snr=[DB[15], DB[35]], arrival_probability=arriving,
        server_waiting_weight=0.0, server_energy_weight=0.0,
    )  # fmt: skip
    free, greedy = discounted_costs(dynamics, "decomposed", 60), discounted_costs(dynamics, "binary-drain", 60)
    assert free.mean() < 1.001 * greedy.mean()
    assert free.mean() < 1.01 * dynamics.network.values(dynamics.network.free(0.0))[:, 0].sum()


def test_a_simulated_device_costs_what_its_values_say() -> None:
    """Where the server costs nothing a lane is a device, and its discounted cost is U(0)."""
    dynamics = single(server_waiting_weight=0.0, server_energy_weight=0.0)
    path = dynamics.stream(np.random.default_rng(3), 250, 2000)
    weights = dynamics.discount ** np.arange(250)
    for name in ("decomposed", "local", "binary", "random"):
        costs = -(weights @ rollout(dynamics, path, POLICIES[name](dynamics), np.random.default_rng(4)).reward)
        offer = {"decomposed": Free(), "local": Fixed((0.0,)), "binary": Fixed((0.0, 1.0), whole=True)}.get(name)
        offer = Fixed((), drawn=True) if offer is None else offer
        value = dynamics.network.values(offer.costs(dynamics), cells=512)[0, 0]
        assert abs(costs.mean() - value) < 4.0 * costs.std(ddof=1) / np.sqrt(2000) + 2e-3 * value, name


def test_lanes_are_networks_of_their_own_and_queues_keep_what_is_not_done() -> None:
    dynamics = QueueDynamics(users=4)
    path = dynamics.stream(np.random.default_rng(0), 30, 3)
    policy = POLICIES["priced"](dynamics)
    found = rollout(dynamics, path, policy, np.random.default_rng(1))
    alone = rollout(dynamics, path[:, 1:2], policy, np.random.default_rng(1))
    assert np.array_equal(found.reward[:, 1], alone.reward[:, 0])
    came = found.carried["backlog"][1:] - found.carried["backlog"][:-1]
    leaving = path.arrivals[:-1] - came
    assert (leaving >= 0.0).all()
    assert np.array_equal(leaving, np.rint(leaving))
    assert (found.carried["backlog"][0] == 0.0).all()
    done = found.measures["computed"] + found.measures["offloaded"]
    np.testing.assert_allclose(done[:-1] * 4, leaving.sum(axis=-1), rtol=1e-12, atol=1e-12)


def test_what_costs_is_the_formula_of_the_paper() -> None:
    dynamics = QueueDynamics(users=2)
    slot = dynamics.stream(np.random.default_rng(0), 1, 1)[0]
    slot = slot._with({**slot.__dict__, "backlog": np.array([[3.0, 1.0]]), "server_backlog": np.array([2.5])})
    leaving, local, offloaded, rule = np.array([[2.0, 0.0]]), np.array([[1.4, 0.0]]), np.array([[0.6, 0.0]]), np.array([2.0])
    allocation = spelled_out(dynamics.one, slot, local, offloaded, rule)
    found = dynamics.outcome(slot, leaving, allocation)
    speed = 1.4 * 5e8 / 0.5
    power = 1.5 / slot.snr_per_watt[0, 0] * (2.0 ** (2e-3 * 5e8 * 0.6 / (0.1 * 1e6)) - 1.0)
    energy = 5 * 0.1 * 1e-28 * speed**3 + 0.1 * power
    server = 5 * 0.1 * 1e-29 * (2.0 * 5e8 / 0.5) ** 3
    assert -found.reward[0] == pytest.approx(2.5 + 8e-3 * server + 4.0 + 8.0 * energy, rel=1e-12)
    assert allocation.transmit_power[0, 0] == pytest.approx(power, rel=1e-12)
    assert allocation.cpu_rate[0, 0] == pytest.approx(speed, rel=1e-12)
    assert found.carried["server_backlog"][0] == pytest.approx(2.5 - 2.0 + 0.6)
    assert np.array_equal(found.carried["backlog"], np.array([[1.0, 1.0]]) + slot.arrivals)


@pytest.mark.parametrize(
    ("leaving", "local", "offloaded", "processed", "says"),
    [
        (3.0, 3.0, 0.0, 0.0, "leaves what waits"),
        (0.5, 0.5, 0.0, 0.0, "leaves what waits"),
        (1.0, 0.5, 0.4, 0.0, "divides what leaves"),
        (2.0, 0.5, 1.5, 0.0, "in parts"),
        (1.0, 0.0, 1.0, 0.0, "radio's power"),
        (0.0, 0.0, 0.0, 1.0, "what does not wait"),
    ],
)
def test_what_cannot_be_carried_out_is_refused(
    leaving: float, local: float, offloaded: float, processed: float, says: str
) -> None:
    dynamics = single(0)
    slot = dynamics.stream(np.random.default_rng(0), 1, 1)[0]
    slot = slot._with({**slot.__dict__, "backlog": np.array([[2.0]]), "snr_per_watt": np.array([[1.0]])})
    done = [np.array([[one]]) for one in (leaving, local, offloaded)]
    allocation = spelled_out(dynamics.one, slot, done[1], done[2], np.array([processed]))
    with pytest.raises(InstanceError, match=says):
        dynamics.outcome(slot, done[0], allocation)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"users": 0}, "users is 0"),
        ({"arrival_probability": 1.5}, "arrival_probability is 1.5"),
        ({"arrival_probability": -0.1}, "arrival_probability is -0.1"),
        ({"discount": 1.0}, "discount is 1.0"),
        ({"discount": [0.9, 0.8]}, r"discount has shape \(2,\); allowed: a single number"),
        ({"arrivals": "casual"}, "arrivals 'casual'; did you mean 'causal'"),
        ({"arrivals": 1}, "QueueDynamics.arrivals is 1; allowed: 'known' or 'causal'"),
        ({"positions": 1.5}, "positions is 1.5; allowed: whole numbers >= 0"),
        ({"users": 1, "snr_per_watt": [1.0], "mean_snr": 2.0}, "snr_per_watt is given, and mean_snr too"),
        ({"mean_snr": [1.0, 2.0], "users": 3}, "mean_snr has shape"),
        ({"mean_snr": np.nan}, "mean_snr"),
        ({"queue": "literal"}, "queue is 'literal'"),
        ({"waiting_weight": np.inf}, "waiting_weight is inf"),
        ({"backlog": [0.5], "users": 1}, "backlog"),
    ],
)
def test_bad_input_is_named(given: dict[str, Any], says: str) -> None:
    with pytest.raises(InstanceError, match=says):
        QueueDynamics(**given)


def test_settings_are_read_with_their_units() -> None:
    plain = QueueDynamics(users=2, mean_snr=[1e3, 1e4], positions=4)
    told = QueueDynamics(users=2, mean_snr=["30 dB/W", "10 1/mW"], positions=4)
    assert told.mean_snr == pytest.approx(plain.mean_snr, rel=1e-12)


def test_a_block_without_arrivals_or_a_link_is_no_exception() -> None:
    idle = QueueDynamics(users=2, arrival_probability=0.0)
    assert idle.network.price.bound == pytest.approx(0.0, abs=1e-6)
    deaf = QueueDynamics(users=2, mean_snr=0.0)
    path = deaf.stream(np.random.default_rng(0), 20, 4)
    found = rollout(deaf, path, POLICIES["priced"](deaf), np.random.default_rng(1))
    assert (found.measures["offloaded"] == 0.0).all()
    silent = QueueDynamics(users=2, server_waiting_weight=0.0)
    assert silent.network.price.price == 0.0
    brief = QueueDynamics(users=1, discount=1e-17, backlog=[2.0], server_backlog=3.0)
    assert brief.network.price.bound == pytest.approx(2.0 + 3.0, rel=1e-9), "the first block alone"


def test_devices_alike_are_valued_once() -> None:
    dynamics = QueueDynamics(users=5, mean_snr=DB[30])
    assert len(dynamics.network.kinds) == 1
    values = Devices(dynamics, Free()).values
    assert values.shape == (5, LONGEST + 1)
    assert (values == values[0]).all()


def test_channels_of_many_devices_are_rounded_up_a_little() -> None:
    means = np.append(10.0 ** np.random.default_rng(0).uniform(0.5, 7.5, 3000), [0.0, 0.0])
    up = raised(means)
    assert (up >= means).all()
    assert (up[:-2] <= means[:-2] * 10.0 ** (7.0 / (MANY - 1) + 1e-9)).all()
    assert (up[-2:] == 0.0).all()
    assert len(np.unique(up)) <= MANY + 1
    assert (raised(means[:MANY]) == means[:MANY]).all()
    down = lowered(means)
    assert (down <= means).all()
    assert (down[:-2] * 10.0 ** (7.0 / (MANY - 1) + 1e-9) >= means[:-2]).all()
    assert (down[-2:] == 0.0).all()
    assert (lowered(means[:MANY]) == means[:MANY]).all()


def test_brackets_of_many_devices_hold_those_of_each() -> None:
    means = 10.0 ** np.random.default_rng(0).uniform(0.5, 7.5, MANY + 50)
    low, high = QueueDynamics(users=MANY + 50, mean_snr=means).network.bracket(cells=2)
    for k in range(0, MANY, 50):
        alone = QueueDynamics(users=1, mean_snr=means[k]).network.bracket(cells=2)
        assert (low[k] <= alone[0][0] + 1e-4).all()
        assert (high[k] >= alone[1][0] - 1e-4).all()


def test_a_stream_begins_with_what_was_given() -> None:
    dynamics = QueueDynamics(users=2, backlog=[2.0, 1.0], server_backlog=3.0)
    path = dynamics.stream(np.random.default_rng(0), 3, 2)
    assert (path.backlog[0] == [2.0, 1.0]).all()
    slot = dynamics.followed_by(path[1], Outcome(np.zeros(2), {"backlog": path.backlog[0], "server_backlog": np.zeros(2)}))
    assert (slot.server_backlog == 0.0).all()
