"""Learning in networks of inference queues: gradients by differences, fixed points, exact costs, devices on their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError, MecoptError
from mecopt.dynamic import discounted_values, rollout
from mecopt.learners.parametric_q import ParametricQSettings, ParametricQTraining
from mecopt.learners.parametric_q.actors import Actor, Done, Powered, Processed, Valued
from mecopt.learners.parametric_q.evaluation import best_costs, costs_of, gap
from mecopt.learners.parametric_q.learning import Block
from mecopt.learners.parametric_q.policy import acting
from mecopt.learners.parametric_q.printed import PrintedDevices, PrintedServer
from mecopt.learners.parametric_q.values import Repaired, SemiGradient
from mecopt.models.inference_queue.allocation.pieces import piece_costs
from mecopt.models.inference_queue.dynamics.backlog import Backlog, costs_between, exceeding
from mecopt.models.inference_queue.dynamics.network import LONGEST
from mecopt.models.inference_queue.dynamics.server import best_rule
from mecopt.models.inference_queue.dynamics.steps import QueueDynamics

Array = NDArray[Any]

DB35 = 10.0**3.5
METHODS = ("repaired", "semi-gradient", "signed", "printed")


def single(**more: Any) -> QueueDynamics:
    return QueueDynamics(users=1, **{"mean_snr": DB35, **more})


def path_of(dynamics: QueueDynamics, blocks: int, seed: int = 0, lanes: int = 1) -> Any:
    return dynamics.stream(np.random.default_rng((seed, 2)), blocks, lanes)


def trained(dynamics: QueueDynamics, path: Any, seed: int = 0, **given: Any) -> ParametricQTraining:
    training = ParametricQTraining(dynamics, path, ParametricQSettings(**{"server": "drain", **given}), seed)
    for number in range(len(path)):
        training.step(number)
    return training


# ---------------------------------------------------------------------- the gradients of Algorithms 1 and 2


class Met:
    """A block that a device met, in the paper's units, and half the square of (24) at any power and parameters."""

    work, slots, tau, capacitance, weight = 5e8, 5, 0.1, 1e-28, 8.0
    output, band, gap, discount = 2e-3, 1e6, 1.5, 0.95

    def __init__(self, rng: np.random.Generator, training: ParametricQTraining, devices: PrintedDevices) -> None:
        self.mu, self.theta = devices.weight[0], rng.standard_normal(devices.parameters.shape)[0]
        path = training.stream
        self.tasks, self.later = int(rng.integers(2, 4)), float(rng.integers(1, 7))
        self.snr, self.next_snr = (float(path.snr_per_watt[n, 0, 0]) for n in range(2))
        most = np.expm1(10.0 * np.log(2.0)) * self.gap / self.snr  # beyond it a whole task is carried
        self.power = float(rng.uniform(0.05, 0.95) * min(most, 1.0))
        devices.power, devices.parameters = np.array([self.power]), self.theta[None].copy()
        slot, following = training._slot(0, {}), training._slot(1, {})
        now = slot._with({**slot.__dict__, "backlog": np.array([[float(self.tasks)]])})
        then = following._with({**following.__dict__, "backlog": np.array([[self.later]])})
        part = self.part(self.power)
        done = Done(np.array([[float(self.tasks)]]), np.array([[self.tasks - part]]), np.array([[part]]))
        self.block = Block(0, now, done, np.zeros(1), np.zeros(1), then)
        self.slots_of = [devices.seen(one, n)[0, 0, 3:] for n, one in enumerate((now, then))]

    def part(self, power: float) -> float:
        carried = self.tau * self.band * np.log2(1.0 + power * self.snr / self.gap) / (self.output * self.work)
        return float(min(carried, 1.0))

    def features(self, power: float, tasks: float, snr: float, came: Array) -> Array:
        channel = np.log2(1.0 + snr / self.gap) * self.tau * self.band / (self.output * self.work)
        return np.array([1.0 / (1.0 + np.exp(-(mu @ [power, tasks, channel, *came]))) for mu in self.mu])

    def half_square(self, power: float, theta: Array) -> float:
        local = (self.tasks - self.part(power)) * self.work
        rate = local / (self.slots * self.tau)
        energy = self.slots * self.tau * self.capacitance * rate**3 + self.tau * power
        cost = self.tasks + self.weight * energy
        now = self.features(power, self.tasks, self.snr, self.slots_of[0])
        then = self.features(power, self.later, self.next_snr, self.slots_of[1])
        return float(0.5 * (cost + self.discount * theta @ then - theta @ now) ** 2)

    def slopes(self) -> tuple[float, Array]:
        size = 1e-5 * self.power
        over = (self.half_square(self.power + size, self.theta) - self.half_square(self.power - size, self.theta)) / (
            2 * size
        )
        each = np.eye(len(self.theta)) * 1e-5
        parameters = [
            (self.half_square(self.power, self.theta + one) - self.half_square(self.power, self.theta - one)) / 2e-5
            for one in each
        ]
        return over, np.array(parameters)


def moved(method: str, seed: int) -> tuple[float, Array, float, Array]:
    """Return what power and parameters are moved by for a step of 1, and the finite differences."""
    step, dynamics, rng = 1e-4, single(), np.random.default_rng(seed)
    settings = ParametricQSettings(devices=method, server="drain", step=step, tolerance=0.0, features=7)
    training = ParametricQTraining(dynamics, path_of(dynamics, 2, seed), settings, seed)
    devices = training.devices
    assert isinstance(devices, PrintedDevices)
    met = Met(rng, training, devices)
    devices.learn(met.block)
    over, parameters = met.slopes()
    return (met.power - devices.power[0]) / step, (met.theta - devices.parameters[0]) / step, over, parameters


@pytest.mark.parametrize("seed", range(12))
def test_the_signed_device_moves_along_half_the_gradient_of_its_squared_difference(seed: int) -> None:
    power, parameters, over, each = moved("signed", seed)
    assert power == pytest.approx(over, rel=1e-5, abs=1e-6)
    np.testing.assert_allclose(parameters, each, rtol=1e-6, atol=1e-7)


def test_the_printed_device_does_not() -> None:
    """(27) is right, (26) is not: its sign is wrong, and it knows nothing of what is computed less."""
    off = []
    for seed in range(12):
        power, parameters, over, each = moved("printed", seed)
        np.testing.assert_allclose(parameters, each, rtol=1e-6, atol=1e-7)
        off.append(abs(power - over) / abs(over))
    assert np.median(off) > 0.3
    assert min(off) > 1e-3


def server_moved(method: str, seed: int) -> tuple[Array, Array, Array, Array]:
    """Return what rates and parameters are moved by for a step of 1, and the finite differences of half the square of (31).

    At what the server met: the tasks that wait in the next block are taken as they came.
    """
    step, users, weight = 1e-6, 3, 80.0
    dynamics, rng = QueueDynamics(users=users, server_energy_weight=weight), np.random.default_rng(seed)
    settings = ParametricQSettings(server=method, step=step, tolerance=0.0, features=6)
    training = ParametricQTraining(dynamics, path_of(dynamics, 2, seed), settings, seed)
    server = training.server
    assert isinstance(server, PrintedServer)
    rates, eta, waits = rng.uniform(1.0, 6.0, 5), rng.standard_normal(6), rng.uniform(0.0, 4.0, (2, users + 1))
    server.rates, server.parameters, nu = rates.copy(), eta.copy(), server.weight
    now, then = (
        one._with({**one.__dict__, "server_backlog": waits[n, :1], "backlog": waits[n][None, 1:]})
        for n, one in ((n, training._slot(n, {})) for n in range(2))
    )
    none = np.zeros((1, users))
    server.learn(Block(0, now, Done(none, none, none), np.zeros(1), np.zeros(1), then))

    def half_square(at: Array, parameters: Array) -> float:
        speed = at * 5e8 / 0.5  # tasks of a block, in cycle/s
        energy = (0.1 * 1e-29 * speed**3).sum()
        features = [1.0 / (1.0 + np.exp(-(nu @ np.concatenate((at, waits[n]))))) for n in range(2)]
        error = waits[0, 0] + weight * energy + parameters @ (0.95 * features[1] - features[0])
        return float(0.5 * error**2)

    size = 1e-5
    slope = [(half_square(rates + size * e, eta) - half_square(rates - size * e, eta)) / (2 * size) for e in np.eye(5)]
    each = [(half_square(rates, eta + size * e) - half_square(rates, eta - size * e)) / (2 * size) for e in np.eye(6)]
    return (rates - server.rates) / step, (eta - server.parameters) / step, np.array(slope), np.array(each)


@pytest.mark.parametrize("seed", range(6))
def test_the_signed_server_moves_along_half_the_gradient_and_the_printed_one_does_not(seed: int) -> None:
    rates, parameters, slope, each = server_moved("signed", seed)
    np.testing.assert_allclose(rates, slope, rtol=1e-4, atol=1e-6 * np.abs(slope).max())
    np.testing.assert_allclose(parameters, each, rtol=1e-4, atol=1e-6)
    rates, parameters, slope, each = server_moved("printed", seed)
    np.testing.assert_allclose(parameters, each, rtol=1e-4, atol=1e-6)
    assert np.abs(rates - slope).max() > 1e-3 * np.abs(slope).max()


@pytest.mark.parametrize(("scaling", "watt", "task"), [("raw", 1.0, 5e8), ("scaled", 1.0, 1.0)])
def test_features_see_units_as_told(scaling: str, watt: float, task: float) -> None:
    dynamics = single()
    path = path_of(dynamics, 2)
    settings = ParametricQSettings(devices="printed", server="printed", scaling=scaling, start_power=0.3)
    training = ParametricQTraining(dynamics, path, settings, 0)
    devices, server = training.devices, training.server
    assert isinstance(devices, PrintedDevices)
    assert isinstance(server, PrintedServer)
    slot = path[0]._with({**path[0].__dict__, "backlog": np.array([[3.0]]), "server_backlog": np.array([2.0])})
    snr = slot.snr_per_watt[0, 0]
    channel = snr if scaling == "raw" else np.log2(1.0 + snr / 1.5) / 10.0
    np.testing.assert_allclose(devices.seen(slot, 0)[0, 0, :3], [0.3 * watt, 3.0 * task, channel])
    rate = 0.5 * dynamics.server_most * (5e8 / 0.5 if scaling == "raw" else 1.0)
    np.testing.assert_allclose(server.seen(slot)[0], [*[rate] * 5, 2.0 * task, 3.0 * task])
    assert training.rule()(np.array([1e9]))[0] == pytest.approx(0.5 * dynamics.server_most)


def test_a_device_stops_where_its_parameters_hardly_change_and_then_stays() -> None:
    dynamics = single()
    path = path_of(dynamics, 200)
    settings = ParametricQSettings(devices="printed", server="drain", step=0.1)
    training = ParametricQTraining(dynamics, path, settings, 0)
    before: list[tuple[float, Array]] = []
    stopped = None
    for number in range(len(path)):
        devices: Any = training.devices
        before.append((float(devices.power[0]), devices.parameters[0].copy()))
        row = training.step(number)
        if stopped is None and row["learning"] == 0.0:
            stopped = number
            end = float(devices.power[0]), devices.parameters[0].copy()
    assert stopped is not None
    assert 0 < stopped < 150
    following = [parameters for _, parameters in before[1 : stopped + 1]] + [end[1]]
    changes = [
        np.linalg.norm(later - now) / np.linalg.norm(now)
        for (_, now), later in zip(before[: stopped + 1], following, strict=True)
    ]
    assert all(change > 1e-3 for change in changes[:-1])
    assert changes[-1] <= 1e-3
    assert float(devices.power[0]) == end[0]
    assert np.array_equal(devices.parameters[0], end[1])


def test_without_a_tolerance_a_device_never_stops() -> None:
    training = trained(single(), path_of(single(), 60), devices="printed", tolerance=0.0, step=1e-9)
    assert training.devices.notes()["learning"] == 1.0


def test_steps_that_are_absurd_are_told_and_none_is_no_number() -> None:
    dynamics = single()
    with pytest.raises(MecoptError, match=r"block \d+: the parameters are no longer finite numbers; a step below 1e\+300"):
        trained(dynamics, path_of(dynamics, 50), devices="printed", step=1e300)


def test_slots_of_arrivals_are_as_many_as_arrivals_and_the_same_whenever_looked_at() -> None:
    dynamics = QueueDynamics(users=4)
    path = path_of(dynamics, 30, lanes=2)
    training = ParametricQTraining(dynamics, path, ParametricQSettings(devices="printed", server="drain"), 3)
    devices = training.devices
    assert isinstance(devices, PrintedDevices)
    total = np.zeros(5)
    for number in range(len(path)):
        seen = devices.seen(path[number], number)
        np.testing.assert_array_equal(seen, devices.seen(path[number], number))
        np.testing.assert_array_equal(seen[..., 3:].sum(axis=-1), path[number].arrivals)
        total += seen[..., 3:].sum(axis=(0, 1))
    assert (np.abs(total - total.mean()) < 6.0 * np.sqrt(240 * 0.24)).all()


def test_printed_devices_end_a_fifth_or_more_above_the_best() -> None:
    """A power that looks at nothing costs 20 % more at best, and most end far from that; see the sheet, section 5."""
    dynamics = single()
    best = best_costs(dynamics)
    for method in ("printed", "signed"):
        found = []
        for seed in range(5):
            training = trained(dynamics, path_of(dynamics, 150, seed), seed, devices=method)
            assert training.devices.notes()["learning"] in (0.0, 1.0)
            found.append(gap(dynamics, training.actor(), best))
        assert min(found) > 0.19
    constant = [gap(dynamics, Powered(np.array([p]), np.ones(1)), best) for p in np.geomspace(0.01, 1.0, 12)]
    assert min(constant) > 0.19


# ---------------------------------------------------------------------- exact costs of what was learned


def alone_in_cost(**more: Any) -> QueueDynamics:
    return single(server_waiting_weight=0.0, server_energy_weight=0.0, **more)


@pytest.mark.parametrize("arrivals", ["known", "causal"])
@pytest.mark.parametrize("kind", ["valued", "powered"])
def test_exact_costs_are_what_paths_cost_in_the_mean(kind: str, arrivals: str) -> None:
    dynamics = alone_in_cost(arrivals=arrivals)
    actor: Actor = Valued(3.3 * np.arange(30.0)[None]) if kind == "valued" else Powered(np.array([0.2]), np.ones(1))
    path = dynamics.stream(np.random.default_rng(5), 160, 500)
    paid = rollout(dynamics, path, acting(dynamics, actor, Processed.at_most(1.0)), np.random.default_rng(0)).reward
    sums = -(paid * 0.95 ** np.arange(160)[:, None]).sum(axis=0)
    error = sums.std(ddof=1) / np.sqrt(500)
    exact = costs_of(dynamics, actor, cells=256)[0]
    assert abs(sums.mean() - exact) < 4.0 * error + 1e-3 * exact
    assert error < 0.02 * exact


@pytest.mark.parametrize("arriving", [0.4, 0.9])
def test_nobody_costs_less_than_the_best_and_the_best_costs_that(arriving: float) -> None:
    """With 4.5 tasks in a block queues pass the longest that values know."""
    dynamics = QueueDynamics(users=2, mean_snr=[DB35, 10.0**2], arrival_probability=arriving)
    rng = np.random.default_rng(0)
    best = best_costs(dynamics, 32)
    assert abs(gap(dynamics, Valued(0.95 * best), best, cells=32)) < 1e-5
    for _ in range(6):
        worth = np.cumsum(rng.exponential(3.0, (2, 20)), axis=1)
        for user in range(2):
            assert (costs_of(dynamics, Valued(worth), user, cells=32) >= best[user] - 1e-4).all()


def test_constant_values_come_as_near_as_the_preset_says() -> None:
    dynamics = single()
    best = best_costs(dynamics)
    three, four = (gap(dynamics, Valued(value * np.arange(LONGEST + 1.0)[None]), best) for value in (3.0, 4.0))
    assert 0.06 < three < 0.07
    assert 0.03 < four < 0.04


@pytest.mark.parametrize("fields", [{"arrival_probability": 0.0}, {"waiting_weight": 0.0}])
@pytest.mark.parametrize("method", METHODS)
def test_beside_a_best_that_costs_nothing_no_part_of_it_is_told(method: str, fields: dict[str, float]) -> None:
    dynamics = single(**fields)
    assert best_costs(dynamics)[0, 0] == pytest.approx(0.0, abs=1e-4)
    training = trained(dynamics, path_of(dynamics, 5), devices=method)
    assert np.isnan(training.gap())


# ---------------------------------------------------------------------- repaired


def by_hand(costs: Array, came: Array, longest: int, discount: float, sweeps: int) -> Array:
    """Return values after many sweeps over all observed channels and arrivals, each with each, element by element."""
    value = np.zeros(longest + 1)
    for _ in range(sweeps):
        later = np.concatenate((value, np.full(6, value[-1])))
        found = np.empty(longest + 1)
        for m in range(longest + 1):
            total = 0.0
            for cost in costs:
                for a in came:
                    total += min(cost[s] + discount * later[m - s + int(a)] for s in range(min(m, len(cost) - 1) + 1))
            found[m] = m + total / (len(costs) * len(came))
        value = found
    return value


def test_replays_end_at_the_fixed_point_of_what_was_observed() -> None:
    dynamics = single(discount=0.6)
    path = path_of(dynamics, 12)
    training = trained(dynamics, path, interval=4, sweeps=200)
    devices = training.devices
    assert isinstance(devices, Repaired)
    costs = piece_costs(dynamics.rows, path.snr_per_watt[:, 0], pieces=dynamics.network.pieces).cost[:, 0]
    came = path.arrivals[:, 0, 0]
    np.testing.assert_allclose(devices.values[0, :12], by_hand(costs, came, LONGEST, 0.6, 60)[:12], rtol=1e-9)


def test_only_the_last_observations_are_replayed_and_all_lanes_count() -> None:
    dynamics = single()
    path = path_of(dynamics, 10, lanes=3)
    training = trained(dynamics, path, interval=10, sweeps=400, memory=7)
    devices = training.devices
    assert isinstance(devices, Repaired)
    last = path.snr_per_watt.reshape(-1)[-7:]
    costs = piece_costs(dynamics.rows, last[:, None], pieces=dynamics.network.pieces).cost[:, 0]
    law = np.bincount(path.arrivals.reshape(-1)[-7:].astype(int), minlength=6) / 7.0
    operator = Backlog(costs, law, 1.0, LONGEST, beyond=exceeding(1.0, 0.95))
    low, high = costs_between(discounted_values(operator, 0.95, tolerance=1e-8))
    assert (devices.values[0] >= low[: LONGEST + 1] - 1e-4).all()
    assert (devices.values[0] <= high[: LONGEST + 1] + 1e-4).all()


@pytest.mark.parametrize("seed", range(3))
def test_the_repaired_device_is_next_to_the_best_after_two_hundred_blocks(seed: int) -> None:
    """Issue 14 asks for half a percent; ten seeds came within 0.01 %. On 1,024 medians of the channel, exactly."""
    dynamics = single()
    training = trained(dynamics, path_of(dynamics, 200, seed), seed)
    found = gap(dynamics, training.actor(), best_costs(dynamics, 1024), cells=1024)
    assert -1e-7 < found < 5e-4


def test_devices_that_do_not_know_arrivals_expect_them_by_what_came() -> None:
    dynamics = single(arrivals="causal")
    training = trained(dynamics, path_of(dynamics, 200))
    assert gap(dynamics, training.actor(), best_costs(dynamics)) < 2e-3
    devices = training.devices
    assert isinstance(devices, Repaired)
    came = np.bincount(training.stream.arrivals[-200:, 0, 0].astype(int), minlength=6) / 200.0
    np.testing.assert_allclose(devices.laws()[0], came)


def test_devices_that_pay_the_broadcast_price_learn_what_is_best_with_it() -> None:
    dynamics = QueueDynamics(users=2, mean_snr=[DB35, 10.0**4.5])
    path = path_of(dynamics, 100)
    free, paying = (trained(dynamics, path, price=price) for price in ("none", "broadcast"))
    assert paying.gap() < 2e-3
    price = 0.95 * dynamics.network.price.price
    assert isinstance(paying.actor(), Valued)
    assert paying.actor().arrays()["price"][0] == price
    assert price > 0.9
    rows, snr, backlog = dynamics.rows, path.snr_per_watt[:, 0], np.full((100, 2), 2.0)
    assert paying.actor()(rows, snr, backlog, 2.0).offloaded.mean() < free.actor()(rows, snr, backlog, 2.0).offloaded.mean()


# ---------------------------------------------------------------------- semi-gradient


def test_temporal_differences_come_nearer_to_the_best_than_the_line_they_begin_with() -> None:
    dynamics = single()
    best = best_costs(dynamics)
    line = gap(dynamics, Valued(0.95 * 4.0 * np.arange(LONGEST + 1.0)[None]), best)
    found = [trained(dynamics, path_of(dynamics, 1000, seed), seed, devices="semi-gradient") for seed in range(3)]
    after = [gap(dynamics, training.actor(), best) for training in found]
    assert line > 0.03
    assert max(after) < 0.5 * line
    assert np.mean(after) < 0.01


def test_a_step_of_one_removes_the_difference_that_is_met() -> None:
    """Normalised: at the backlog met, the value ends at its target less the level."""
    dynamics = single()
    training = trained(dynamics, path_of(dynamics, 30), devices="semi-gradient")
    devices = training.devices
    assert isinstance(devices, SemiGradient)
    devices.settings = ParametricQSettings(devices="semi-gradient", rate=1.0, rate_blocks=1e300)
    slot = training._slot(29, training.carried)
    done = training.actor()(dynamics.rows, slot.snr_per_watt, slot.backlog, slot.arrivals)
    block = Block(29, slot, done, np.zeros(1), np.zeros(1), None)
    met = int(slot.backlog[0, 0])
    left = int((slot.backlog - done.leaving + slot.arrivals)[0, 0])
    target = devices.spent(block)[0, 0] + 0.95 * devices.values[0, left] - devices.level[0]
    assert abs(devices.values[0, met] - target) > 1e-3
    devices.learn(block)
    assert devices.values[0, met] == pytest.approx(target, rel=1e-12)


# ---------------------------------------------------------------------- servers


def test_devices_that_do_not_see_arrivals_take_those_remembered_as_their_law_when_older_ones_have_left() -> None:
    dynamics = QueueDynamics(users=3, arrivals="causal")
    path = path_of(dynamics, 40)
    training = ParametricQTraining(dynamics, path, ParametricQSettings(memory=15), 0)
    devices: Any = training.devices
    assert devices.laws().sum(axis=1) == pytest.approx(1.0)
    for number in range(40):
        training.step(number)
    laws = devices.laws()
    assert laws.sum(axis=1) == pytest.approx(1.0, rel=1e-12)
    assert len(np.unique(15.0 * laws.ravel().round(12))) > 2
    np.testing.assert_allclose(15.0 * laws, np.round(15.0 * laws), atol=1e-9)


@pytest.mark.parametrize("memory", [15, 200])
def test_the_empirical_server_follows_the_rule_that_is_best_for_what_came_last(memory: int) -> None:
    dynamics = QueueDynamics(users=3, server_energy_weight=8.0)
    path = path_of(dynamics, 20)
    settings = ParametricQSettings(memory=memory)
    training = ParametricQTraining(dynamics, path, settings, 0)
    came = []
    for number in range(20):
        before = training.carried["server_backlog"].copy()
        work = training.rule()(before)
        training.step(number)
        if number < 19:
            came.append(training.carried["server_backlog"] - before + work)
    server: Any = training.server
    for number in range(5, 19):
        assert server.memory["came"][number % memory] == pytest.approx(came[number][0], abs=1e-12)
    rule = best_rule(
        server.memory["came"][:20],
        waiting=1.0,
        cube=dynamics.server_cube,
        most=dynamics.server_most,
        discount=dynamics.discount,
    )
    waits = np.linspace(0.0, 9.0, 40)
    np.testing.assert_array_equal(training.rule()(waits), rule(waits))
    assert (rule(waits) < np.minimum(waits, dynamics.server_most))[1:].any()


def test_constant_rates_process_what_waits_up_to_their_sum() -> None:
    dynamics = QueueDynamics(users=2)
    settings = ParametricQSettings(server="printed", start_rate=0.25)
    training = ParametricQTraining(dynamics, path_of(dynamics, 2), settings, 0)
    most = 0.25 * dynamics.server_most
    waits = np.array([0.0, 0.5 * most, most, 3.0 * most])
    np.testing.assert_allclose(training.rule()(waits), np.minimum(waits, most), rtol=1e-12)
    assert Processed.at_most(0.0)(waits).tolist() == [0.0] * 4


# ---------------------------------------------------------------------- devices on their own


@pytest.mark.parametrize("method", METHODS)
def test_what_a_device_learns_does_not_depend_on_what_others_meet(method: str) -> None:
    means = np.array([DB35, 10.0**2.5, 10.0**4.5])
    one, other = QueueDynamics(users=3, mean_snr=means), QueueDynamics(users=3, mean_snr=means * [1.0, 7.0, 0.1])
    path = path_of(one, 40)
    rng = np.random.default_rng(8)
    changed = {
        "snr_per_watt": path.snr_per_watt * [1.0, 7.0, 0.1],
        "arrivals": np.concatenate((path.arrivals[..., :1], rng.integers(0, 6, (40, 1, 2)).astype(float)), axis=-1),
    }
    others = path._with({**path.__dict__, **changed})
    small: dict[str, Any] = {"step": 0.01} if method in ("printed", "signed") else {}
    found = [trained(dynamics, stream, devices=method, **small) for dynamics, stream in ((one, path), (other, others))]
    first, second = (training.actor().of(0).arrays() for training in found)
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name])
    last = [training.actor().of(2).arrays() for training in found]
    assert any((value != last[1][name]).any() for name, value in last[0].items())


@pytest.mark.parametrize("method", ["repaired", "semi-gradient"])
@pytest.mark.parametrize("arrivals", ["known", "causal"])
def test_devices_in_another_order_learn_the_same(method: str, arrivals: str) -> None:
    means, order = np.array([DB35, 10.0**2.5, 10.0**4.5]), [2, 0, 1]
    one, other = (QueueDynamics(users=3, mean_snr=m, arrivals=arrivals) for m in (means, means[order]))
    path = path_of(one, 40)
    per_device = {name: getattr(path, name)[..., order] for name in ("snr_per_watt", "arrivals", "backlog")}
    found = trained(one, path, devices=method).actor().arrays()["worth"]
    again = trained(other, path._with({**path.__dict__, **per_device}), devices=method).actor().arrays()["worth"]
    np.testing.assert_array_equal(found[order], again)
    assert (found[0] != found[1]).any()


@pytest.mark.parametrize("method", ["repaired", "semi-gradient"])
def test_lanes_that_are_all_alike_teach_what_one_of_them_does(method: str) -> None:
    """Means over equal lanes are each of them; a memory that holds so many more observations holds the same blocks."""
    dynamics = single()
    path = path_of(dynamics, 30)
    thrice = path._with({name: np.repeat(value, 3, axis=1) for name, value in path.data().items()})
    found = trained(dynamics, path, devices=method, memory=20).actor().arrays()["worth"]
    again = trained(dynamics, thrice, devices=method, memory=60).actor().arrays()["worth"]
    np.testing.assert_allclose(found, again, rtol=1e-12)


# ---------------------------------------------------------------------- bad input


def test_paths_of_other_networks_are_refused() -> None:
    dynamics, other = QueueDynamics(users=3), QueueDynamics(users=4)
    settings = ParametricQSettings()
    with pytest.raises(InstanceError, match=r"batch of shape \(5, 1\) and 4 users; allowed: blocks and lanes.* dynamics' 3"):
        ParametricQTraining(dynamics, path_of(other, 5), settings, 0)
    with pytest.raises(InstanceError, match="batch of shape"):
        ParametricQTraining(dynamics, path_of(dynamics, 5)[0], settings, 0)
    with pytest.raises(InstanceError, match="9 lanes; allowed: at most the setting memory, 8"):
        ParametricQTraining(dynamics, path_of(dynamics, 2, lanes=9), ParametricQSettings(memory=8), 0)
