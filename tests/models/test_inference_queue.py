"""Inference queues against oracles that share no code with them: exact numbers, bisection, grids, enumeration, Clarabel."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import norm

import mecopt
from mecopt import InstanceError, Status, shapes_meant
from mecopt.contract.units import conversion
from mecopt.kernels.lambert import lambert_of_exponential
from mecopt.models import InferenceQueue
from mecopt.models.inference_queue import TaskAllocation, WorkPrice, terms
from mecopt.models.inference_queue.allocation import splits as allocation
from mecopt.models.inference_queue.allocation.pieces import Pieces, best_pieces, piece_costs
from mecopt.models.inference_queue.dynamics.operation import remaining
from mecopt.models.inference_queue.dynamics.steps import QueueDynamics
from mecopt.models.inference_queue.scenarios import mean_snr

Array = NDArray[Any]

PIECES = 5


def queues(seed: int, count: int = 200, users: int = 4, **overrides: Any) -> InferenceQueue:
    return InferenceQueue.sample(np.random.default_rng(seed), (count,), users=users, **overrides)


def one(**fields: Any) -> InferenceQueue:
    return InferenceQueue(**{"snr_per_watt": [1e3], "backlog": [4], **fields})


def pieces_of(problem: InferenceQueue, pieces: int = PIECES, **given: Any) -> Pieces:
    price = given.pop("offload_price", terms.price(problem))
    return piece_costs(terms.rows(problem), problem.snr_per_watt, price, pieces=pieces, **given)


def cost_by_the_paper(problem: InferenceQueue, local: Array, offloaded: Array) -> Array:
    """Energy of (2) and (5) with the power of (4), spelled out in SI, and the price, of splits ``(..., users, k)``."""

    def of(name: str) -> Array:
        value: Array = getattr(problem, name)
        return value[..., None] if value.ndim == problem.backlog.ndim else value[..., None, None]

    rate = local * of("work") / (of("slots") * of("slot"))
    computing = of("slots") * of("slot") * of("energy_coefficient") * rate**3
    bits = of("output_per_cycle") * of("work") * offloaded
    power = of("snr_gap") / of("snr_per_watt") * (2.0 ** (bits / (of("slot") * of("bandwidth"))) - 1.0)
    return np.asarray(of("energy_weight") * (computing + of("slot") * power) + of("offload_price") * offloaded)


def largest_part(problem: InferenceQueue) -> Array:
    """What full power carries of a task by (3), ``(..., users)``."""
    gap = terms.per_user(problem, "snr_gap")
    rate = problem.bandwidth * np.log2(1.0 + problem.snr_per_watt * problem.max_power / gap)
    bits = problem.output_per_cycle * problem.work
    return np.asarray(np.minimum(rate * terms.per_user(problem, "slot") / bits, 1.0))


# ---------------------------------------------------------------------- the split of a piece


@pytest.mark.parametrize(
    ("tasks", "snr", "price", "cost", "local"),
    [
        (1, 1e2, 0.0, 0.22071433, 0.71266953),
        (1, 1e2, 0.95, 0.39538247, 0.94504795),
        (2, 1e5, 0.0, 0.41227600, 1.0),
        (2, 1e5, 0.95, 1.36227600, 1.0),
        (3, 300.0, 0.0, 5.26510077, 2.23489483),
        (3, 300.0, 0.95, 5.98868807, 2.24738098),
    ],
)
def test_pieces_cost_what_an_independent_prototype_measured(
    tasks: int, snr: float, price: float, cost: float, local: float
) -> None:
    block = one(snr_per_watt=[snr], backlog=[tasks], offload_price=price, backlog_value=0.0)
    answer = mecopt.allocate(block, [tasks])
    assert answer.status is Status.OPTIMAL
    assert float(answer.objective) == pytest.approx(cost, abs=1e-8)
    assert float(answer.allocation.local_work[0]) == pytest.approx(local, abs=1e-8)
    table = pieces_of(block)
    assert (float(table.cost[0, tasks]), float(table.local_work[0, tasks])) == pytest.approx((cost, local), abs=1e-8)


@pytest.mark.parametrize("price", [0.0, 0.95])
@pytest.mark.parametrize("preset", InferenceQueue.presets)
def test_splits_are_those_of_a_bisection_of_the_rising_derivative(preset: str, price: float) -> None:
    problem = queues(1, preset=preset, offload_price=price)
    cube, most_local, nats, first, _ = np.moveaxis(terms.rows(problem), -1, 0)[..., None]
    work, most = np.arange(1.0, PIECES), largest_part(problem)[..., None]
    least = np.maximum(work - most_local, 0.0)
    low, high = np.broadcast_to(np.minimum(least, most), least.shape).copy(), np.broadcast_to(most, least.shape).copy()
    for _ in range(100):
        middle = 0.5 * (low + high)
        slope = price + first / problem.snr_per_watt[..., None] * np.exp(nats * middle)
        rising = slope >= 3.0 * cube * (work - middle) ** 2
        low, high = np.where(rising, low, middle), np.where(rising, middle, high)
    feasible = least <= most
    found = pieces_of(problem).offloaded[..., 1:PIECES]
    assert np.abs(found - low)[feasible].max() <= 1e-10
    assert 0.2 < ((found > least) & (found < most))[feasible].mean() < 0.95


@pytest.mark.parametrize("preset", InferenceQueue.presets)
def test_no_split_of_a_grid_costs_less_and_the_best_one_hardly_more(preset: str) -> None:
    problem = queues(2, count=40, preset=preset, offload_price=np.random.default_rng(0).choice([0.0, 0.5, 2.0], (40, 4)))
    table, most, able = pieces_of(problem), largest_part(problem), terms.most_local(problem)
    for s in range(1, PIECES + 1):
        low = np.maximum(s - able, 0.0)
        feasible = low <= most * (1.0 + 1e-12)
        assert np.array_equal(np.isfinite(table.cost[..., s]), feasible)
        offloaded = low[..., None] + (most - low)[..., None] * np.linspace(0.0, 1.0, 20_001)
        costs = cost_by_the_paper(problem, s - offloaded, offloaded).min(axis=-1)[feasible]
        found = table.cost[..., s][feasible]
        assert (found <= costs * (1.0 + 1e-14)).all()
        assert (costs <= found * (1.0 + 1e-6) + 1e-9).all()


def test_a_split_by_forty_digits_is_the_same() -> None:
    mpmath.mp.dps = 40
    problem = queues(3, count=12, users=1, offload_price=np.linspace(0.0, 2.2, 12)[:, None])
    table = pieces_of(problem)
    for k, piece in itertools.product(range(12), (1, 2, 3)):
        offloaded, most = float(table.offloaded[k, 0, piece]), float(largest_part(problem)[k, 0])
        if not 0.0 < offloaded < most:
            continue
        cube, _, nats, first, _ = map(mpmath.mpf, terms.rows(problem)[k, 0].tolist())
        slope, price = first / mpmath.mpf(float(problem.snr_per_watt[k, 0])), float(problem.offload_price[k, 0])
        root = mpmath.findroot(
            lambda y, c=cube, r=slope, n=nats, w=piece, p=price: p + r * mpmath.exp(n * y) - 3 * c * (w - y) ** 2,
            offloaded,
        )
        assert abs(offloaded - float(root)) <= 4e-15 * piece


@pytest.mark.parametrize("exponent", [-800.0, -41.0, -39.0, -3.0, 0.0, 0.9999, 1.0, 2.0, 30.0, 700.0, 1e5, 1e300])
def test_lambert_of_an_exponential_by_exact_numbers(exponent: float) -> None:
    found = lambert_of_exponential(exponent)
    if exponent == -800.0:
        assert found == 0.0
        return
    mpmath.mp.dps = 60
    k = mpmath.mpf(exponent)
    if exponent < 1e3:
        exact = mpmath.lambertw(mpmath.exp(k)).real
    else:
        exact = mpmath.findroot(lambda u: u + mpmath.log(u) - k, k - mpmath.log(k))
    assert found == pytest.approx(float(exact), rel=4e-15)


# ---------------------------------------------------------------------- how many leave


@pytest.mark.parametrize("queue", ["conserved", "literal"])
@pytest.mark.parametrize("preset", InferenceQueue.presets)
def test_the_best_decision_is_that_of_enumeration(preset: str, queue: str) -> None:
    rng = np.random.default_rng(4)
    problem = queues(
        4, count=60, users=1, preset=preset, queue=queue, backlog_value=rng.uniform(0.0, 20.0, (60, 1)), offload_price=0.5
    )
    answer = mecopt.solve(problem)
    assert answer.is_optimal.all()
    for k, block in enumerate(problem):
        values = mecopt.allocate(block, np.arange(int(block.backlog[0]) + 1)[:, None], throw=False).objective
        assert float(answer.objective[k]) == pytest.approx(float(np.nanmin(values)), rel=1e-12, abs=1e-14)
        assert float(answer.bound[k]) <= float(np.nanmin(values)) * (1.0 + 1e-12) + 1e-14
    assert len(np.unique(answer.decision)) > 3


def test_a_cost_of_pieces_is_convex_so_that_two_prices_prove_the_best_one() -> None:
    costs = pieces_of(queues(5, count=2000)).cost
    with np.errstate(invalid="ignore"):
        second = np.diff(costs, 2)
    assert (second[np.isfinite(second)] >= -1e-12).all()
    assert np.isfinite(second).mean() > 0.6


def test_at_a_kink_the_price_that_proves_lies_on_either_side() -> None:
    """Four tasks are all that is computed in a block, a fifth needs a radio that is dear: any value between keeps four."""
    block = one(snr_per_watt=[20.0], backlog=[6], backlog_value=[25.0])
    left = 3.0 * 0.4 * 4.0**2
    table = pieces_of(block).cost[0]
    assert left < 25.0 < table[4] - table[3] + 50.0
    answer = mecopt.solve(block)
    assert (answer.decision.tolist(), answer.status) == ([4], Status.OPTIMAL)
    assert float(answer.gap) <= 1e-14


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 10**6), value=st.floats(0.0, 60.0), price=st.floats(0.0, 10.0))
def test_no_decision_beats_what_is_proved(seed: int, value: float, price: float) -> None:
    block = queues(seed, count=1, users=3, backlog_value=value, offload_price=price)[0]
    answer = mecopt.solve(block)
    decisions = np.array(list(itertools.product(range(7), repeat=3)))
    others = block.optimal_value(decisions)
    assert answer.status is Status.OPTIMAL
    assert float(answer.bound) <= others.min() * (1.0 + 1e-12)
    assert float(answer.objective) <= others.min() * (1.0 + 1e-12)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10**6), price=st.floats(-1e3, 1e3))
def test_any_price_of_work_bounds_every_piece(seed: int, price: float) -> None:
    problem = queues(seed, count=20, offload_price=0.3)
    decisions = problem.mended(problem.decision_space.sample(np.random.default_rng(seed), (20, 4)))
    bound = problem.bound(decisions, WorkPrice(work_price=np.full(decisions.shape, price)))
    value = problem.optimal_value(decisions)
    assert (bound <= value + 1e-12 * (1.0 + np.abs(bound))).all()


# ---------------------------------------------------------------------- limits of processor and radio


def test_powers_and_speeds_keep_their_limits_and_are_what_the_split_needs() -> None:
    for preset in InferenceQueue.presets:
        problem = queues(6, preset=preset)
        answer = mecopt.allocate(problem, problem.mended(np.full((200, 4), 6)))
        a, part = answer.allocation, largest_part(problem)
        assert (a.transmit_power <= problem.max_power * (1.0 + 1e-13)).all()
        assert (a.cpu_rate <= problem.cpu_speed * (1.0 + 1e-12)).all()
        assert (a.offloaded <= part * (1.0 + 1e-13)).all()
        rate = problem.bandwidth * np.log2(1.0 + problem.snr_per_watt * a.transmit_power / problem.snr_gap[:, None])
        bits = problem.output_per_cycle * problem.work * a.offloaded
        assert rate * problem.slot[:, None] == pytest.approx(bits, rel=1e-11, abs=1e-3)
        assert a.cpu_rate * 0.5 == pytest.approx(a.local_work * problem.work, rel=1e-12)
        assert np.isclose(a.transmit_power, problem.max_power, rtol=1e-9).any()


def test_more_than_processor_and_radio_take_is_infeasible_and_why_is_said() -> None:
    block = one(backlog=[9], snr_per_watt=[10.0])
    part = float(largest_part(block)[0])
    assert [bool(x) for x in block.infeasible(np.array([[4], [5]]))] == [False, True]
    assert block.mended(np.array([[9]])).tolist() == [[4]]
    answer = mecopt.allocate(block, [5], throw=False)
    assert answer.status is Status.INFEASIBLE
    said = "5 tasks cannot leave the queue of user 0 in one block: at most 4 are computed, by a cpu_speed of 4e+09 cycle/s"
    assert f"{said}, and {part:.6g} offloaded, with a max_power of 1 W" in answer.stats.messages[0]
    assert "its backlog is 9" in block.why_infeasible(np.array([10]))
    assert "it has no link" in one(snr_per_watt=[0.0], backlog=[9]).why_infeasible(np.array([5]))
    strong = one(backlog=[9], snr_per_watt=[1e6])
    assert [bool(x) for x in strong.infeasible(np.array([[5], [6]]))] == [False, True]
    assert float(mecopt.allocate(strong, [5]).allocation.offloaded[0]) == 1.0


def test_without_a_radio_all_is_computed_and_without_a_processor_a_whole_task_is_sent_or_none() -> None:
    silent = one(max_power=0.0)
    answer = mecopt.solve(silent)
    assert answer.allocation.offloaded.tolist() == [0.0]
    assert answer.allocation.local_work.tolist() == answer.decision.tolist() == [2]
    assert [mecopt.solve(one(cpu_speed=0.0, snr_per_watt=[snr])).decision.tolist() for snr in (1e4, 10.0)] == [[1], [0]]
    nothing = one(cpu_speed=0.0, max_power=0.0)
    assert (mecopt.solve(nothing).decision.tolist(), float(mecopt.solve(nothing).objective)) == ([0], 12.0)


@pytest.mark.parametrize("less", [0.0, 1e-15, 1e-13, 5e-13, 1e-12, 2e-12, 3.9e-12, 1e-11])
@pytest.mark.parametrize("tasks", [1, 3, 4])
def test_a_processor_that_rounding_slows_down_leaves_answers_among_the_decisions(tasks: int, less: float) -> None:
    block = one(snr_per_watt=[1e9], backlog=[20], cpu_speed=1e9 * tasks * (1.0 - less), backlog_value=1e6)
    for solver in ("exact", "drain"):
        answer = mecopt.solve(block, solver=solver)
        assert int(answer.decision[0]) in (tasks, tasks + 1)
        assert int(answer.decision[0]) <= int(block.decision_space.most[0])
        assert mecopt.allocate(block, answer.decision).objective == pytest.approx(float(answer.objective), rel=1e-12)
    dynamics = QueueDynamics(users=1, cpu_speed=1e9 * tasks * (1.0 - less))
    assert dynamics.network.pieces == int(block.decision_space.most[0])


@pytest.mark.parametrize("snr", [1e-300, 1e-30, 1e-3, 1.0, 1e6, 1e12, 1e30, 1e300])
@pytest.mark.parametrize("weight", [0.0, 1e-150, 8.0, 1e150])
def test_extreme_channels_and_weights_are_proved(snr: float, weight: float) -> None:
    scale = weight / 8.0 if weight else 1.0
    problem = InferenceQueue(
        snr_per_watt=np.full(7, snr),
        backlog=np.arange(7),
        energy_weight=weight,
        backlog_value=3.0 * scale,
        offload_price=scale * np.array([0.0, 0.0, 0.1, 1.0, 10.0, 0.0, 2.0]),
    )
    with np.errstate(all="raise"):
        answer = mecopt.solve(problem)
    assert answer.status is Status.OPTIMAL
    assert float(answer.gap) <= 1e-12
    assert float(answer.violation) <= 1e-12
    for backlog in range(7):
        alone = mecopt.solve(
            InferenceQueue(**{name: np.take(v, [backlog], -1) if v.ndim else v for name, v in problem.data().items()})
        )
        assert alone.is_optimal


@pytest.mark.parametrize(
    "field", ["work", "output_per_cycle", "bandwidth", "slot", "energy_coefficient", "cpu_speed", "max_power"]
)
@pytest.mark.parametrize("factor", [1e-12, 1e-6, 1e6, 1e12])
def test_constants_over_24_decades_are_proved(field: str, factor: float) -> None:
    problem = queues(7, count=50)
    changed = dataclasses.replace(problem, **{field: problem.data()[field] * factor})
    answer = mecopt.solve(changed)
    assert answer.is_optimal.all()
    assert answer.gap.max() <= 1e-9


def test_a_block_longer_than_floats_is_no_fault_of_the_solver() -> None:
    answer = mecopt.solve(one(slot=1e308), throw=False)
    assert answer.status is Status.FAILED
    assert "its objective is nan" in answer.stats.messages[0]


# ---------------------------------------------------------------------- backends


@pytest.mark.parametrize("preset", InferenceQueue.presets)
@pytest.mark.parametrize("backend", ["numpy", "clarabel", "ecos", "scs"])
def test_other_backends_find_the_same_within_their_certificates(backend: str, preset: str) -> None:
    if not InferenceQueue.backends[backend].is_available():
        pytest.skip(f"{backend} is not installed")
    problem = queues(8, count=12, preset=preset, offload_price=np.random.default_rng(1).choice([0.0, 0.95], (12, 4)))
    decisions = problem.mended(problem.decision_space.sample(np.random.default_rng(2), (12,)))
    best, other = mecopt.allocate(problem, decisions), mecopt.allocate(problem, decisions, backend=backend, throw=False)
    given = other.gap <= InferenceQueue.backends[backend].proves
    assert given.mean() > 0.7
    beside = np.abs(best.objective) + problem.negligible
    assert (np.abs(best.objective - other.objective) <= (other.gap + 1e-12) * beside)[given].all()
    near = other.gap <= 1e-6
    assert (np.abs(best.allocation.offloaded - other.allocation.offloaded)[near] <= 1e-3).all()


def test_the_program_handed_out_has_the_cost_of_the_answer_with_its_units() -> None:
    problem = queues(9, count=6, users=3, offload_price=0.4)
    for block in problem:
        answer = mecopt.solve(block)
        program = block.to_cvxpy(answer.decision)
        program.solve(solver="CLARABEL")
        assert program.value == pytest.approx(float(answer.objective), rel=1e-6, abs=1e-6)
        split = {variable.name(): variable.value for variable in program.variables()}
        assert split["offloaded"] == pytest.approx(answer.allocation.offloaded, abs=1e-3)
    with pytest.raises(InstanceError, match="has no allocation"):
        one(snr_per_watt=[10.0], backlog=[9]).to_cvxpy([8])
    with pytest.raises(InstanceError, match="single instance"):
        problem.to_cvxpy(np.zeros((6, 3), dtype=int))


# ---------------------------------------------------------------------- the queue


def test_conserved_queues_lose_what_is_offloaded_and_literal_ones_keep_it() -> None:
    fields: dict[str, Any] = {"snr_per_watt": [1e4], "backlog": [5], "backlog_value": 3.0}
    divided = (np.array([1.25]), np.array([0.75]), np.zeros(1), np.zeros(1))
    split = TaskAllocation(*divided, server_work=np.array(0.0), server_rate=np.array(0.0))
    decision = np.array([2])
    assert remaining(one(**fields), decision, split).tolist() == [3.0]
    assert remaining(one(**fields, queue="literal"), decision, split).tolist() == [3.75]


def test_a_literal_queue_is_a_conserved_one_at_a_price_of_what_stays() -> None:
    problem = queues(10, backlog_value=2.5, offload_price=0.3)
    literal = dataclasses.replace(problem, queue="literal")
    dearer = dataclasses.replace(problem, offload_price=2.8)
    one_, other = mecopt.solve(literal), mecopt.solve(dearer)
    assert one_.objective == pytest.approx(other.objective, rel=1e-12)
    assert np.array_equal(one_.decision, other.decision)
    assert (mecopt.solve(literal).objective >= mecopt.solve(problem).objective * (1.0 - 1e-12)).all()


def test_a_started_task_of_a_literal_queue_leaves_in_any_case() -> None:
    block = one(backlog=[0.5], queue="literal", snr_per_watt=[1e4], backlog_value=0.0)
    answer = mecopt.solve(block)
    a = answer.allocation
    assert (answer.decision.tolist(), answer.status) == ([0], Status.OPTIMAL)
    assert float(a.local_work[0] + a.offloaded[0]) == pytest.approx(0.5, rel=1e-15)
    grid = np.linspace(0.0, 0.5, 200_001)[None]
    assert float(answer.objective) == pytest.approx(cost_by_the_paper(block, 0.5 - grid, grid).min(), rel=1e-8)
    hopeless = one(backlog=[0.9], queue="literal", cpu_speed=1e8, snr_per_watt=[1e-2])
    assert mecopt.solve(hopeless, throw=False).status is Status.INFEASIBLE
    assert "the started task cannot leave" in hopeless.why_infeasible(None)


# ---------------------------------------------------------------------- the server, and what comes


def served(**fields: Any) -> InferenceQueue:
    """Return blocks of a server alone: the only device has nothing to do."""
    count = len(next(iter(fields.values())))
    with shapes_meant():
        return InferenceQueue(snr_per_watt=np.ones((count, 1)), backlog=np.zeros((count, 1)), **fields)


def test_the_server_processes_what_is_best_of_a_fine_grid() -> None:
    rng = np.random.default_rng(0)
    count = 300
    problem = served(
        server_backlog=rng.choice([0.0, 1.0], count, p=[0.1, 0.9]) * rng.uniform(0.0, 60.0, count),
        server_value=rng.choice([0.0, 1.0], count, p=[0.1, 0.9]) * 10.0 ** rng.uniform(-3.0, 2.0, count),
        server_energy_weight=10.0 ** rng.uniform(-5.0, 1.0, count),
        server_speed=rng.choice([0.0, 1.0], count, p=[0.1, 0.9]) * 10.0 ** rng.uniform(8.0, 12.0, count),
        slots=rng.integers(1, 9, count),
    )
    answer = mecopt.solve(problem)
    assert answer.is_optimal.all()
    assert (answer.gap <= 1e-12).all()
    length = problem.slots * problem.slot
    most = np.minimum(problem.server_backlog, problem.server_speed * length / 5e8)
    work = np.linspace(0.0, 1.0, 20_001) * most[:, None]
    energy = length[:, None] * 1e-29 * (work * 5e8 / length[:, None]) ** 3
    left = problem.server_value[:, None] * (problem.server_backlog[:, None] - work)
    cost = (problem.server_energy_weight[:, None] * energy + left).min(axis=1)
    assert (answer.objective <= cost * (1.0 + 1e-12)).all()
    assert answer.objective == pytest.approx(cost, rel=1e-6, abs=1e-12)
    assert answer.allocation.server_rate * length / 5e8 == pytest.approx(answer.allocation.server_work, rel=1e-12)


def test_devices_and_server_do_not_disturb_each_other_and_arrivals_shift_the_cost() -> None:
    problem = queues(13, count=40, backlog_value=2.0)
    idle = dataclasses.replace(problem, server_backlog=0.0)
    busy = dataclasses.replace(problem, arrivals=np.random.default_rng(0).integers(0, 6, problem.backlog.shape))
    whole, alone, more = (mecopt.solve(one) for one in (problem, idle, busy))
    assert np.array_equal(whole.decision, alone.decision)
    assert np.array_equal(whole.decision, more.decision)
    server = mecopt.solve(served(server_backlog=problem.server_backlog, server_speed=problem.server_speed))
    assert whole.objective == pytest.approx(alone.objective + server.objective, rel=1e-12)
    assert more.objective == pytest.approx(whole.objective + 2.0 * busy.arrivals.sum(axis=-1), rel=1e-12)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"server_work": 4.5}, "server_backlog"),
        ({"server_rate": 0.0}, "server_computing"),
        ({"server_rate": 3e10}, "server_rate"),
        ({"server_work": -1.0}, "server_sign"),
    ],
)
def test_what_the_server_cannot_do_is_seen(change: dict[str, float], name: str) -> None:
    block = one(backlog=[0], server_backlog=4.0)
    answer = mecopt.solve(block)
    assert block.violations(answer.decision, answer.allocation)[name] == 0.0
    broken = dataclasses.replace(answer.allocation, **{key: np.array(value) for key, value in change.items()})
    assert block.violations(answer.decision, broken)[name] > 1e-3


# ---------------------------------------------------------------------- tables of values


def test_looking_ahead_is_the_least_of_all_pieces_and_values() -> None:
    rng = np.random.default_rng(11)
    problem = queues(11, count=1, users=300, offload_price=rng.choice([0.0, 0.95], (1, 300)))[0]
    values, arrivals = np.cumsum(rng.uniform(0.0, 6.0, 12)), rng.integers(0, 4, 300)
    chosen = best_pieces(
        terms.rows(problem), problem.snr_per_watt, problem.offload_price, problem.backlog, values, arrivals=arrivals
    )
    costs, waiting = pieces_of(problem, 6).cost, problem.backlog[:, None]
    left = (waiting - np.arange(7) + arrivals[:, None]).astype(int)
    totals = np.where(left - arrivals[:, None] >= 0, costs + values[np.clip(left, 0, 11)], np.inf)
    assert chosen.total == pytest.approx(totals.min(axis=1), rel=1e-14)
    assert np.array_equal(chosen.leaving, totals.argmin(axis=1))
    assert chosen.cost == pytest.approx(costs[np.arange(300), chosen.leaving], rel=1e-15)
    assert chosen.local_work + chosen.offloaded == pytest.approx(chosen.leaving, abs=1e-14)


@pytest.mark.parametrize("queue", ["conserved", "literal"])
def test_looking_ahead_with_a_line_is_the_problem_s_own_answer(queue: str) -> None:
    problem = queues(12, count=300, users=3, queue=queue, server_backlog=0.0)
    answer = mecopt.solve(problem)
    given = (terms.rows(problem), problem.snr_per_watt, problem.offload_price, problem.backlog, [0.0, 3.0])
    chosen = best_pieces(*given, stays=queue == "literal")
    if queue == "literal":
        total = chosen.total
        assert chosen.cost + 3.0 * (problem.backlog - chosen.local_work) == pytest.approx(total, rel=1e-12)
    assert chosen.total.sum(axis=-1) == pytest.approx(answer.objective, rel=1e-12)


def test_tables_continue_as_in_their_last_step_and_are_one_for_all_or_one_for_each() -> None:
    problem = one(snr_per_watt=[1e3, 1e4], backlog=[40, 40])
    given = (terms.rows(problem), problem.snr_per_watt, 0.0, problem.backlog)
    short = best_pieces(*given, [0.0, 1.0, 3.0])
    long = best_pieces(*given, np.concatenate([[0.0, 1.0], 3.0 + 2.0 * np.arange(60)]))
    assert short.total == pytest.approx(long.total, rel=1e-15)
    each = best_pieces(*given, [[0.0, 1.0, 3.0], [0.0, 5.0, 10.0]])
    assert each.total[0] == short.total[0]
    assert each.total[1] > short.total[1]


def test_pieces_broadcast_over_a_grid_of_channels() -> None:
    problem = queues(13, count=1, users=5)[0]
    grid = np.geomspace(1e1, 1e6, 7)
    table = piece_costs(terms.rows(problem)[:, None], grid, np.array([0.0, 0.5, 1.0, 0.0, 2.0])[:, None], pieces=3)
    assert table.cost.shape == (5, 7, 4)
    for u, k in np.ndindex(5, 7):
        price = (0.0, 0.5, 1.0, 0.0, 2.0)[u]
        alone = piece_costs(terms.rows(problem)[u], grid[k], price, pieces=3)
        assert np.array_equal(table.cost[u, k], alone.cost)
    assert (np.diff(table.cost[:, :, 1:], axis=1) <= 0.0).all(), "a better channel never costs more"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"pieces": -1}, "pieces is -1; allowed: a whole number >= 0"),
        ({"pieces": 2.0}, "pieces is 2.0"),
        ({"snr_per_watt": [-1.0]}, r"snr_per_watt\[0\] is -1.0; allowed: numbers >= 0"),
        ({"snr_per_watt": [np.nan]}, r"snr_per_watt\[0\] is nan"),
        ({"offload_price": -0.5}, "offload_price is -0.5"),
        ({"snr_per_watt": [1.0, 2.0, 3.0], "offload_price": [0.0, 1.0]}, "shapes do not go together"),
        ({"rows": np.ones((1, 4))}, r"rows has shape \(1, 4\)"),
        ({"rows": np.full((1, 5), np.nan)}, r"rows\[0, 0\] is nan; allowed: numbers >= 0"),
        ({"offload_price": np.inf}, "offload_price is inf; allowed: finite numbers >= 0"),
        ({"started": [1.0]}, r"started\[0\] is 1.0; allowed: numbers from 0 on and below 1"),
    ],
)
def test_wrong_arguments_of_pieces_are_named(given: dict[str, Any], said: str) -> None:
    fields = {"rows": terms.rows(one()), "snr_per_watt": [1.0], "pieces": 2, **given}
    with pytest.raises(InstanceError, match=said):
        piece_costs(**fields)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1.0], r"values has shape \(1,\)"),
        (np.ones((3, 4)), r"\(3, 4\)"),
        (2.0, r"\(\)"),
        ([0.0, np.nan, 2.0], r"values\[1\] is nan; allowed: finite numbers"),
        ([0.0, 1.0, np.inf], r"values\[2\] is inf"),
    ],
)
def test_wrong_tables_of_values_are_named(values: Any, said: str) -> None:
    with pytest.raises(InstanceError, match=said):
        best_pieces(terms.rows(one()), [1.0], 0.0, [3], values)
    with pytest.raises(InstanceError, match="values fall"):
        best_pieces(terms.rows(one()), [1.0], 0.0, [3], [1.0, 0.0], stays=True)


@pytest.mark.parametrize("name", ["backlog", "arrivals"])
@pytest.mark.parametrize("value", [np.inf, np.nan, 1e300, -1.0])
def test_queues_beyond_what_can_be_counted_are_named(name: str, value: float) -> None:
    given = {"backlog": [3.0], "arrivals": [0.0], name: [value]}
    with pytest.raises(InstanceError, match=rf"{name}\[0\] is .*; allowed: numbers from 0 to"):
        best_pieces(terms.rows(one()), [1.0], 0.0, given["backlog"], [0.0, 1.0], arrivals=given["arrivals"])


# ---------------------------------------------------------------------- presets and bad input


@pytest.mark.parametrize(
    ("preset", "constants"),
    [
        ("paper", (5e8, 2e-3, 4e9, 8.0, 0.05)),
        ("calibrated", (1e9, 1e-3, 8e9, 1.0, 0.4)),
        ("literal", (1e10, 1e-4, 80e9, 1e-3, 400.0)),
    ],
)
def test_presets_have_the_same_price_of_computing_and_the_same_whole_task(preset: str, constants: tuple[float, ...]) -> None:
    block = queues(0, count=1, users=1, preset=preset)[0]
    work, output, speed, weight, joule = constants
    found = [float(getattr(block, name)[0]) for name in ("work", "output_per_cycle", "cpu_speed", "energy_weight")]
    assert found == [work, output, speed, weight]
    cube, most, nats, _, _ = terms.rows(block)[0]
    assert cube / weight == pytest.approx(joule, rel=1e-14)
    assert (cube, most, nats / np.log(2.0)) == pytest.approx((0.4, 4.0, 10.0), rel=1e-14)


def test_average_snrs_have_the_law_of_a_disc_with_shadowing() -> None:
    levels = np.sort(10.0 * np.log10(mean_snr(np.random.default_rng(0), (100_000,))))
    distance = np.maximum(200.0 * np.sqrt((np.arange(20_000) + 0.5) / 20_000), 10.0)
    middle = 144.0 - 30.6 - 37.6 * np.log10(distance)
    for part in (0.01, 0.1, 0.5, 0.9, 0.99):
        assert norm.cdf((levels[int(part * 1e5)] - middle) / 10.0).mean() == pytest.approx(part, abs=0.006)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"backlog": [2.5]},
            r"InferenceQueue.backlog\[0\] is 2.5; allowed: whole numbers of tasks, unless queue is 'literal'",
        ),
        ({"backlog": [-1]}, r"backlog\[0\] is -1.0.*allowed: finite numbers >= 0"),
        ({"backlog": [np.nan]}, r"backlog\[0\] is nan"),
        ({"backlog": [1e16]}, r"backlog\[0\] is 1e\+16"),
        ({"backlog": [True]}, "which is no number"),
        ({"offload_price": -0.1}, r"offload_price.* is -0.1; allowed: finite numbers >= 0"),
        ({"snr_per_watt": [-3.0]}, r"snr_per_watt\[0\] is -3.0"),
        ({"slots": 2.5}, r"InferenceQueue.slots is 2.5; allowed: a whole number of at least 1"),
        ({"slots": 0}, "slots.* is 0.0; allowed: finite numbers > 0"),
        ({"work": 0.0}, "work.* is 0.0; allowed: finite numbers > 0"),
        ({"max_power": np.inf}, "max_power.* is inf"),
        ({"queue": "fifo"}, "unknown InferenceQueue.queue 'fifo'"),
        ({"arrivals": [6]}, r"arrivals\[0\] is 6.0; allowed: whole numbers of tasks, at most one in each of the 5 slots"),
        ({"arrivals": [0.5]}, r"arrivals\[0\] is 0.5; allowed: whole numbers"),
        ({"server_backlog": -1.0}, "server_backlog.* is -1.0; allowed: finite numbers >= 0"),
        ({"server_task": 0.0}, "server_task.* is 0.0; allowed: finite numbers > 0"),
    ],
)
def test_bad_data_are_named(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InstanceError, match=said):
        one(**fields)


@pytest.mark.parametrize("wrong", [[-1], [0.5], [np.nan], [[1, 2]], ["two"], [2**60]])
def test_what_is_no_decision_is_refused(wrong: Any) -> None:
    with pytest.raises(InstanceError, match="decision"):
        mecopt.allocate(one(), wrong)


def test_units_and_words_are_taken() -> None:
    block = InferenceQueue(
        snr_per_watt=["0.1 1/mW"], backlog=[3], work="500 Mcycle", cpu_speed="4 GHz", bandwidth="1 MHz", slot="100 ms"
    )
    assert float(block.snr_per_watt[0]) == pytest.approx(conversion("1/mW", "1/W") * 0.1)
    assert float(mecopt.solve(block).objective) == pytest.approx(
        float(mecopt.solve(one(snr_per_watt=[1e2], backlog=[3])).objective)
    )


def test_decisions_are_told() -> None:
    answer = mecopt.solve(one(snr_per_watt=[1e2, 1e5, 1e3], backlog=[3, 2, 0]))
    assert "2 tasks leave: user 0, 1; none: 2" in str(answer)
    many = mecopt.solve(queues(14, count=5))
    assert "tasks a user leave" in str(many)


def test_allocations_of_other_origin_are_judged() -> None:
    block = one()
    answer = mecopt.solve(block)
    for name in ("local_work", "offloaded"):
        less = dataclasses.replace(answer.allocation, **{name: 0.9 * getattr(answer.allocation, name)})
        assert block.violations(answer.decision, less)["work"] > 1e-2
    weak = dataclasses.replace(answer.allocation, transmit_power=0.9 * answer.allocation.transmit_power)
    assert block.violations(answer.decision, weak)["sending"] > 1e-3
    slow = dataclasses.replace(answer.allocation, cpu_rate=0.9 * answer.allocation.cpu_rate)
    assert block.violations(answer.decision, slow)["computing"] > 1e-2
    assert allocation.told(block, answer.decision, answer.allocation.offloaded).transmit_power == pytest.approx(
        answer.allocation.transmit_power, rel=1e-15
    )


def test_a_processor_that_does_a_ten_millionth_of_a_task_still_has_a_price_of_work() -> None:
    """What it computes is the small difference of a task and what is offloaded, by which it seems short of its limit."""
    speed = 276.4885303071945
    queue = InferenceQueue(snr_per_watt=[450.0, 24000.0, 280.0], backlog=[5, 6, 6], backlog_value=3.0, cpu_speed=speed)
    best = mecopt.solve(queue)
    assert best.status is Status.OPTIMAL
    assert best.decision.max() == 1
    assert float(mecopt.allocate(queue, best.decision).gap) <= 1e-12
