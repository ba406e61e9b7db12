"""Backscatter frames: the specialised solver against a conic one, bounds, invariances, limits, and exact beams."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

import mecopt
from mecopt import InstanceError, Status
from mecopt.contract.certificate import violation
from mecopt.models.backscatter_frame import BackscatterFrame, FramePrices
from mecopt.models.backscatter_frame.admission import admit, admit_most
from mecopt.models.backscatter_frame.allocation.conic import from_point
from mecopt.models.backscatter_frame.allocation.frame import Frame, bound
from mecopt.models.backscatter_frame.allocation.path import follow_batch
from mecopt.models.backscatter_frame.allocation.prices import Prices, scaled
from mecopt.models.backscatter_frame.allocation.specialised import allocated, completed, fitted, follow
from mecopt.models.backscatter_frame.allocation.system import workspace
from mecopt.models.backscatter_frame.exact import beams as rules
from mecopt.models.backscatter_frame.exact import switching
from mecopt.models.backscatter_frame.exact.generation import attained, generate
from mecopt.models.backscatter_frame.exact.relaxation import best_beams, harvest_weights
from mecopt.models.backscatter_frame.exact.solvers import keep_better
from mecopt.models.backscatter_frame.terms import passive_gain
from mecopt.testing.statements import certified, same_value

Array = NDArray[Any]

VARIATIONS: dict[str, dict[str, Any]] = {
    "paper": {},
    "harder": {"preset": "harder"},
    "six users": {"users": 6},
    "one antenna": {"antennas": 1},
    "one user": {"users": 1},
    "active-enabled": {"mode": "active-enabled"},
    "mec-disabled": {"mode": "mec-disabled"},
    "causal": {"harvesting": "causal"},
    "literal": {"passive_noise": "literal"},
    "battery price": {"battery_price": 1500.0},
    "empty batteries": {"battery": 0.0},
    "no work": {"workload": 0.0},
    "no reflection": {"reflection": 0.0},
    "no harvesting": {"harvesting_efficiency": 0.0},
    "no computing": {"compute_rate": 0.0},
    "much work": {"workload": 300.0},
    "free circuits": {"circuit_power": 0.0, "compute_energy": 0.0},
    "free computing, no energy": {"compute_energy": 0.0, "battery": 0.0, "harvesting_efficiency": 0.0, "workload": 70.0},
}


def drawn(count: int, seed: int = 0, **given: Any) -> tuple[BackscatterFrame, Array]:
    frames = BackscatterFrame.sample(np.random.default_rng(seed), (count,), **given)
    return frames, frames.decision_space.sample(np.random.default_rng(seed + 1), (count,))


@pytest.mark.parametrize("given", VARIATIONS.values(), ids=list(VARIATIONS))
def test_the_path_ends_where_a_conic_solver_does_and_proves_it(given: dict[str, Any]) -> None:
    frames, beams = drawn(12, **given)
    answer = mecopt.allocate(frames, beams)
    assert answer.statuses() == {"OPTIMAL": 12}
    assert answer.violation.max() <= 1e-12
    conic = mecopt.allocate(frames, beams, backend="clarabel", throw=False)
    found = np.isfinite(conic.objective)
    assert found.sum() >= 11
    assert (conic.objective - answer.bound >= -1e-9 * (np.abs(answer.bound) + frames.negligible))[found].all()
    same_value(answer, conic, "clarabel", where=found)
    # beside a slot of carrier, in whose units it iterates: of frames that cost nothing it proves nothing relative to that
    away = (conic.objective - conic.bound) / (np.abs(conic.objective) + frames.negligible)
    assert (away <= BackscatterFrame.backends["clarabel"].proves).sum() >= 11


def cheap(count: int, **given: Any) -> BackscatterFrame:
    """Draw frames whose users do nearly all that there is themselves: they cost a millionth of a slot of carrier."""
    rng = np.random.default_rng(8)
    work = rng.uniform(0.01, 3.0, (count, 3)) * 10.0 ** rng.uniform(-2.0, 0.0, (count, 1))
    fields = {
        "channel": 0.05 * np.sqrt(0.5) * (rng.standard_normal((count, 3, 2)) + 1j * rng.standard_normal((count, 3, 2))),
        "workload": work,
        "battery": rng.uniform(0.05, 1.5, (count, 3)),
        "compute_rate": work * rng.uniform(0.2, 0.95, (count, 3)),
        "active_receive_power": 50.0 * 10.0 ** rng.uniform(-3.0, 0.0, count),
    }
    return BackscatterFrame(**{**fields, **given})


@pytest.mark.parametrize("backend", [name for name, one in BackscatterFrame.backends.items() if one.is_available()])
def test_what_is_called_optimal_is_so_relative_to_its_own_cost(backend: str) -> None:
    frames = cheap(12)
    beams = rules.evenly(frames)
    answer = mecopt.allocate(frames, beams, backend=backend, throw=False)
    reference = mecopt.allocate(frames, beams)
    assert reference.statuses() == {"OPTIMAL": 12}
    assert reference.objective.max() < 1e-3 * frames.negligible.min()
    assert reference.objective.min() < 1e-6 * frames.negligible.min()
    proved = answer.is_optimal
    assert (answer.objective[proved] <= reference.bound[proved] * (1.0 + 3e-8)).all()
    dear = answer.objective > reference.objective * 1.001
    assert not proved[dear].any()
    assert (answer.gap[dear & np.isfinite(answer.objective)] > 1e-4).all()


def test_beams_of_frames_that_cost_next_to_nothing_are_proved_relative_to_that() -> None:
    frames = cheap(12)
    best = mecopt.solve(frames)
    assert best.statuses() == {"OPTIMAL": 12}
    assert ((best.objective - best.bound) <= 1e-6 * best.objective).all()


@pytest.mark.parametrize(
    "given",
    [
        {"compute_rate": 100.0},
        {"workload": 0.0},
        {"server_energy": 0.0, "active_receive_power": 0.0, "compute_rate": 0.0, "battery": 2.0},
    ],
    ids=["local", "no work", "free sending"],
)
def test_frames_that_cost_nothing_are_proved_to(given: dict[str, Any]) -> None:
    frames = cheap(40, **given)
    for answer in (mecopt.solve(frames), mecopt.allocate(frames, rules.matched(frames))):
        assert answer.statuses() == {"OPTIMAL": 40}
        assert answer.objective.max() <= 1e-17 * frames.negligible.max()


@pytest.mark.parametrize("work", [1e3, 1e6, 1e9])
def test_more_work_than_anybody_can_do_costs_its_price_and_is_proved(work: float) -> None:
    frames, beams = drawn(6, workload=work)
    answer = mecopt.allocate(frames, beams)
    assert answer.statuses() == {"OPTIMAL": 6}
    left = answer.allocation.unserved_bits.sum(axis=-1)
    assert (left > 0.5 * frames.users * work).all()
    assert np.allclose(answer.objective, frames.unserved_price * left, rtol=1e-2)


def test_bits_in_next_to_no_time_take_nothing_from_what_a_user_computes() -> None:
    """A cone of exponentials holds to a solver's tolerance only, and near 0 that is worth any energy."""
    frames, beams = drawn(12, workload=300.0)
    silent = 0
    for frame, beam in zip(frames, beams, strict=True):
        best, terms = mecopt.allocate(frame, beam), frame.terms(beam)
        a: Any = best.allocation
        active, sent = a.active_time / terms.time_unit, a.active_bits / terms.bit_unit
        sends = active > 1e-6
        silent += (~sends).sum()
        point = {
            "active": np.where(sends, active, 1e-12),
            "sent": np.where(sends, sent, 1e-9),
            "whole": np.where(sends, active * np.exp2(sent / np.where(sends, active, 1.0)), 1e-9),
            "passive": a.passive_time / terms.time_unit,
            "reflected": a.passive_bits / terms.bit_unit,
            "local": a.local_bits / terms.bit_unit,
        }
        allocation = from_point(frame, beam, terms, point)
        assert violation(frame, beam, allocation) <= 1e-12
        assert frame.objective(beam, allocation) == pytest.approx(best.objective, rel=1e-6)
    assert silent > 3


@pytest.mark.parametrize("backend", ["path-following", "clarabel-direct", "clarabel", "slsqp"])
def test_computing_that_takes_no_energy_needs_none(backend: str) -> None:
    frame = BackscatterFrame(
        channel=[[0.0], [0.02]], workload=[80.0, 50.0], battery=0.0, compute_energy=0.0, compute_rate=60.0
    )
    answer = mecopt.allocate(frame, [[1.0], [1.0]], backend=backend)
    left = frame.workload - np.array([60.0, 50.0])
    certified(mecopt.allocate(frame, [[1.0], [1.0]]), answer, BackscatterFrame.backends[backend].proves, backend)
    assert answer.objective == pytest.approx(frame.unserved_price * left.sum(), rel=1e-9 + float(answer.gap))


def test_clarabel_knows_nothing_of_the_frame_before() -> None:
    (before, frame), beams = drawn(2, users=3)
    solved = {}
    for first in (before, frame):
        backend = type(BackscatterFrame.backends["clarabel-direct"])()
        for one, beam in ((first, beams[0]), (frame, beams[1])):
            solved[id(first)] = backend.allocate(one, beam, start=None, tol=1e-8, time_limit=None).allocation.as_dict()
    alone, after = solved[id(frame)], solved[id(before)]
    assert all(np.array_equal(alone[name], after[name]) for name in alone)


def fill(room: Any, value: float) -> None:
    """Fill all arrays of numbers with a value, those of tuples in tuples, too."""
    for part in room:
        if isinstance(part, tuple):
            fill(part, value)
        elif part.dtype == float:
            part.fill(value)


def test_no_frame_depends_on_what_the_path_left_behind() -> None:
    frames, beams = drawn(6, users=4, workload=np.array([40.0, 0.0, 40.0, 0.0]), battery=np.array([0.0, 0.0, 1.0, 1.0]))
    terms = frames.terms(beams)
    rows = [np.array(part) for part in terms[:10]]

    def followed(filled: float) -> tuple[Array, ...]:
        room: Any = workspace(4, 4)
        fill(room, filled)
        ends = np.zeros((6, 4, 7)), np.zeros((6, 4)), np.zeros((6, 3, 4))
        return *follow_batch(rows[0], np.arange(4), *rows[1:], 1e-9, 1e-9, False, *ends, room), *ends

    for clean, left in zip(followed(0.0), followed(np.nan), strict=True):
        np.testing.assert_array_equal(clean, left)


@pytest.mark.parametrize("given", VARIATIONS.values(), ids=list(VARIATIONS))
def test_any_times_and_bits_are_moved_into_the_constraints(given: dict[str, Any]) -> None:
    frames, beams = drawn(100, **given)
    rng, shape = np.random.default_rng(6), frames.workload.shape
    times = frames.slot[:, None] * 10.0 ** rng.uniform(-4.0, 0.5, (2, *shape))
    bits = np.maximum(frames.workload, 1.0) * 10.0 ** rng.uniform(-4.0, 1.0, (3, *shape))
    moved = completed(frames, beams, *fitted(frames, beams, *times, *bits))
    assert violation(frames, beams, moved).max() <= 1e-12


def test_what_rounding_overspends_is_left_undone() -> None:
    frames, beams = drawn(50, battery=0.0)
    terms = frames.terms(beams)
    found = follow(terms, 1e-9)
    too_much = allocated(frames, beams, terms, found._replace(point=found.point * (1.0 + 1e-10)))
    assert violation(frames, beams, too_much).max() <= 1e-15


def test_hard_frames_are_proved() -> None:
    rng = np.random.default_rng(5)
    frames = BackscatterFrame.sample(
        rng, (300,), users=5, workload=rng.uniform(1.0, 100.0, (300, 5)), battery=rng.uniform(0.0, 0.4, (300, 5)).round(0)
    )
    answer = mecopt.allocate(frames, frames.decision_space.sample(rng, (300,)))
    assert answer.statuses() == {"OPTIMAL": 300}
    assert answer.gap.max() <= 1e-8


@pytest.mark.parametrize("users", [30, 100])
def test_many_users_are_proved(users: int) -> None:
    frames, beams = drawn(2, users=users, antennas=8)
    answer = mecopt.allocate(frames, beams)
    assert answer.gap.max() <= 1e-8
    assert answer.stats.iterations.max() < 60


# ---------------------------------------------------------------------- bounds


@pytest.mark.parametrize("given", VARIATIONS.values(), ids=list(VARIATIONS))
def test_no_prices_prove_too_much(given: dict[str, Any]) -> None:
    frames, beams = drawn(10, **given)
    value, rng = mecopt.allocate(frames, beams).objective, np.random.default_rng(3)
    slack = 1e-9 * (np.abs(value) + frames.negligible)
    for _ in range(30):
        prices = frames.random_dual(rng, value.shape)
        assert (frames.bound(beams, prices) <= value + slack).all()
        assert (frames.relaxed_bound(prices) <= frames.bound(beams, prices) + slack).all()


@pytest.mark.parametrize("given", VARIATIONS.values(), ids=list(VARIATIONS))
def test_prices_of_any_size_prove_no_more(given: dict[str, Any]) -> None:
    frames, beams = drawn(10, **given)
    value, rng = mecopt.allocate(frames, beams).objective, np.random.default_rng(4)
    slack = 1e-9 * (np.abs(value) + frames.negligible)
    for size in (10.0, 20.0, 100.0, 300.0):
        for _ in range(20):
            draws = 10.0 ** rng.uniform(-size, size, (3, 10, frames.users)) * (rng.random((3, 10, frames.users)) < 0.8)
            prices = FramePrices(*draws)
            assert (frames.bound(beams, prices) <= value + slack).all()
            assert (frames.relaxed_bound(prices) <= value + slack).all()
    infinite = FramePrices(*np.full((3, 10, frames.users), np.inf))
    assert (frames.bound(beams, infinite) <= value + slack).all()
    assert (frames.relaxed_bound(infinite) <= value + slack).all()


@pytest.mark.parametrize("given", [{}, {"compute_energy": 0.0, "battery": 0.0, "harvesting_efficiency": 0.0}], ids=str)
def test_the_compiled_bound_is_the_one_in_numpy(given: dict[str, Any]) -> None:
    frames, beams = drawn(20, users=4, **given)
    terms, prices = frames.terms(beams), frames.random_dual(np.random.default_rng(1), (20,))
    each = scaled(prices, terms)
    for k in range(20):
        own = [np.ascontiguousarray(part[k]) for part in terms[:9]]
        values: list[Any] = [own[0], np.arange(4), *own[1:], *terms.costs[k]]
        frame = Frame(*values)
        compiled = bound(frame, *(np.ascontiguousarray(price[k]) for price in each)) * terms.cost_unit[k, 0]
        assert compiled == pytest.approx(frames.bound(beams, prices)[k], rel=1e-12, abs=1e-9)


def test_a_slot_of_carrier_costs_no_less_with_any_beam_than_with_the_best() -> None:
    frames, _ = drawn(30, users=4, antennas=3)
    matched = rules.matched(frames)
    terms = frames.terms(matched)
    prices = scaled(frames.random_dual(np.random.default_rng(2), (30,)), terms)
    best = best_beams(frames, terms, prices)
    rng = np.random.default_rng(3)

    def reflected(beams: Array) -> Array:
        links = frames.terms(beams)
        gain = np.maximum(prices.work - terms.costs[..., 1:2], 0.0)
        harvest = np.einsum("fj,fji->fi", prices.energy, links.harvest)
        return np.asarray(terms.costs[..., 2:3] - links.rate * gain - harvest)

    for beams in (*(frames.decision_space.sample(rng, (30,)) for _ in range(50)), matched, rules.charging(frames)):
        assert (best.reflected <= reflected(beams) + 1e-9 * (1.0 + np.abs(best.reflected))).all()
    attained = np.minimum(reflected(best.beams[:, :, 0]), reflected(best.beams[:, :, 1]))
    assert np.mean(attained <= best.reflected + 1e-6 * (1.0 + np.abs(best.reflected))) > 0.95


def _least_tangent(fed: Array, own: Array, ratio: float, gain: float) -> float:
    """Return the least of the tangents' bounds on what a slot of carrier brings, as scipy finds it."""

    def brings(log_slope: float) -> float:
        slope = np.exp(log_slope)
        most = float(np.linalg.eigvalsh(fed + slope * ratio * own)[-1])
        return float(most + gain * (np.log2(gain / (slope * np.log(2.0))) - 1.0 / np.log(2.0)) + slope)

    steepest = np.log(gain / np.log(2.0))
    ends = steepest - np.log1p(ratio * np.trace(own).real) - 1e-9, steepest + 1e-9
    return float(minimize_scalar(brings, bounds=ends, method="bounded", options={"xatol": 1e-10}).fun)


def test_the_least_cost_of_a_slot_is_that_of_the_best_tangent_whatever_stands_beside_it() -> None:
    """In some frames one user hears next to nothing, in others channels are orthogonal, where the best beam jumps."""
    frames, _ = drawn(12, users=3, antennas=3, seed=5)
    channel = frames.channel.copy()
    channel[:4, 0] *= 1e-9
    channel[8:] = np.linalg.norm(channel[8:], axis=-1)[..., None] * np.eye(3)
    frames = BackscatterFrame(**{**frames.data(), "channel": channel})
    terms, ratio = frames.terms(rules.matched(frames)), passive_gain(frames, channel)
    several = [scaled(frames.random_dual(np.random.default_rng(k), (12,)), terms) for k in (6, 7)]
    together = best_beams(frames, terms, Prices(*(np.stack(each) for each in zip(*several, strict=True))))
    jumps, checked = 0, 0
    for place, prices in enumerate(several):
        alone = best_beams(frames, terms, prices)
        for one, other in zip(together, alone, strict=True):
            np.testing.assert_array_equal(one[place], other)
        weight, gain = harvest_weights(frames, terms, prices), np.maximum(prices.work - terms.costs[..., 1:2], 0.0)
        jumps += int(alone.apart.sum())
        for k, i in np.argwhere(gain > 0.0):
            own = rules.outer(channel[k])
            brings = float(terms.costs[k, 2] - alone.reflected[k, i])
            least = _least_tangent(np.einsum("j,jab->ab", weight[k, i], own), own[i], ratio[k, i], gain[k, i])
            assert least * (1.0 - 1e-6) <= brings <= least * (1.0 + 1e-12) + 1e-12
            checked += 1
    assert jumps > 5
    assert checked > 40


# ---------------------------------------------------------------------- beams


@pytest.mark.parametrize(
    "given", [v for k, v in VARIATIONS.items() if k != "much work"], ids=[k for k in VARIATIONS if k != "much work"]
)
def test_the_best_beams_are_proved_and_no_rule_beats_them(given: dict[str, Any]) -> None:
    frames, _ = drawn(8, **given)
    exact = mecopt.solve(frames)
    assert exact.gap.max() <= 1e-6
    assert exact.violation.max() <= 1e-12
    slack = 1e-9 * (np.abs(exact.objective) + frames.negligible)
    for name in ("matched", "charging", "weights", "best-of-random"):
        other = mecopt.solve(frames, solver=name)
        assert (other.objective >= exact.bound - slack).all()


@pytest.mark.parametrize("given", [{}, {"users": 5}, {"battery_price": 1500.0}, {"harvesting": "causal"}], ids=str)
def test_the_semidefinite_program_has_the_same_value_and_bound(given: dict[str, Any]) -> None:
    frames, _ = drawn(4, seed=21, **given)
    generated, semidefinite = mecopt.solve(frames), mecopt.solve(frames, solver="semidefinite", throw=False)
    sure = np.array([k not in semidefinite.stats.messages for k in range(4)])
    assert sure.sum() >= 3
    certified(generated, semidefinite, 1e-5, "semidefinite", where=sure)


def test_a_limit_cuts_the_search_and_says_so() -> None:
    frames, _ = drawn(6, users=6)
    cut, whole = mecopt.solve(frames, time_limit=1e-6), mecopt.solve(frames)
    assert "LIMIT" in cut.statuses()
    assert cut.stats.iterations.max() <= 1
    slack = 1e-9 * (np.abs(whole.objective) + frames.negligible)
    assert (cut.bound <= whole.objective + slack).all()
    assert (cut.objective >= whole.bound - slack).all()


def test_a_frame_begun_anew_keeps_the_better_mixture_and_the_better_prices() -> None:
    frames, _ = drawn(2, users=3, antennas=2)
    good = generate(frames, 1e-8)
    nothing = good.prices._replace(**{name: np.zeros((2, 3)) for name in good.prices._fields})
    poor = good._replace(
        mixture=0.0 * good.mixture, prices=nothing, bound=good.bound - 1.0, value=good.value + np.array([1.0, -1.0])
    )
    for earlier, later in ((good, poor), (poor, good)):
        found = earlier._replace(**{name: getattr(earlier, name).copy() for name in ("mixture", "bound", "value", "rounds")})
        found = found._replace(prices=type(nothing)(*(price.copy() for price in earlier.prices)))
        keep_better(found, slice(0, 2), later)
        np.testing.assert_array_equal(found.value, [good.value[0], poor.value[1]])
        np.testing.assert_array_equal(found.mixture[0], good.mixture[0])
        np.testing.assert_array_equal(found.mixture[1], poor.mixture[1])
        np.testing.assert_array_equal(found.bound, good.bound)
        np.testing.assert_array_equal(found.prices, good.prices)


def test_slots_without_carrier_are_never_divided() -> None:
    frames, _ = drawn(2, users=3, antennas=2)
    found = generate(frames, 1e-8)
    mixture = found.mixture.copy()
    mixture[:, 0], mixture[:, 1] = 0.0, 0.5 * np.eye(2)
    beams = attained(frames, mixture, found.value - 1e6, 1e-8)
    assert np.isfinite(beams).all()
    np.testing.assert_allclose(frames.decision_space.norms(beams), 1.0, rtol=1e-9)


def test_nested_modes_are_ordered_on_common_frames() -> None:
    frames, beams = drawn(200)
    values = [
        mecopt.allocate(BackscatterFrame(**{**frames.data(), "mode": mode}), beams).objective
        for mode in ("hybrid", "active-enabled", "mec-disabled")
    ]
    slack = 1e-8 * (np.abs(values[2]) + frames.negligible)
    assert (values[0] <= values[1] + slack).all()
    assert (values[1] <= values[2] + slack).all()
    assert (values[0] < values[1] - slack).any()
    assert (values[1] < values[2] - slack).any()


def test_a_phase_changes_no_beam() -> None:
    frames, beams = drawn(5)
    turned = beams * np.exp(1j * np.random.default_rng(0).uniform(0.0, 6.0, (5, 3, 1)))
    same_value(mecopt.allocate(frames, turned), mecopt.allocate(frames, beams), "turned")


def test_two_equal_beams_in_turn_are_one() -> None:
    frames, beams = drawn(5)
    twice = mecopt.allocate(frames, np.concatenate([beams, beams], axis=-1))
    same_value(twice, mecopt.allocate(frames, beams), "two equal beams")


@pytest.mark.parametrize(("antennas", "parts"), [(2, 1), (2, 2), (3, 2), (3, 3), (5, 4), (4, 3)])
def test_a_mixture_is_beams_in_equal_parts(antennas: int, parts: int) -> None:
    rng = np.random.default_rng(parts)
    for _ in range(50):
        root = rng.standard_normal((antennas, parts, 2)) @ np.array([1.0, 1.0j])
        channel = rng.standard_normal((antennas, 2)) @ np.array([1.0, 1.0j])
        mixture = root @ root.conj().T
        assert switching.rank(mixture) == parts
        beams = switching.decomposed(mixture, channel, parts)
        np.testing.assert_allclose(np.linalg.norm(beams, axis=-1), 1.0, rtol=1e-12)
        mean = np.einsum("ka,kb->ab", beams, beams.conj()) / parts
        np.testing.assert_allclose(mean, mixture / np.trace(mixture).real, atol=1e-12)
        received = np.abs(beams @ channel.conj()) ** 2
        np.testing.assert_allclose(received, received.mean(), rtol=1e-9)


@pytest.mark.parametrize(("antennas", "users"), [(2, 2), (3, 2), (3, 3), (4, 3), (5, 7), (6, 12)])
def test_a_mixture_is_brought_down_to_the_rank_that_its_numbers_need(antennas: int, users: int) -> None:
    """Trace and what users receive are users + 1 real numbers, and a Hermitian matrix of r rows has r squared."""
    rng = np.random.default_rng(users)
    identity = np.eye(antennas)[None].astype(complex)
    for parts in range(1, antennas + 1):
        root = rng.standard_normal((antennas, parts, 2)) @ np.array([1.0, 1.0j])
        channel = rng.standard_normal((users, antennas, 2)) @ np.array([1.0, 1.0j])
        forms = np.concatenate([identity, rules.outer(channel)])
        mixture = root @ root.conj().T
        least = switching.reduced(mixture, forms)
        assert switching.rank(least) <= max(np.floor(np.sqrt(users + 1)), 1)
        assert np.linalg.eigvalsh(least)[0] >= -1e-12 * np.trace(mixture).real
        counted, before = (np.einsum("kab,ba->k", forms, one).real for one in (least, mixture))
        np.testing.assert_allclose(counted, before, rtol=1e-10, atol=1e-12 * np.trace(mixture).real)


def orthogonal(kind: str, amplitude: float, users: int, rng: np.random.Generator) -> Array:
    """Return channels that are orthogonal, or nearly, or the same."""
    own = np.eye(users, dtype=complex)
    draw = rng.standard_normal((users, users)) + 1j * rng.standard_normal((users, users))
    if kind == "turned":
        own *= np.exp(1j * rng.uniform(0.0, 6.0, (users, 1)))
    elif kind == "permuted":
        own = own[rng.permutation(users)]
    elif kind == "in any basis":
        own = np.linalg.qr(draw)[0]
    elif kind == "of any strength":
        own *= 10.0 ** rng.uniform(-1.0, 0.5, (users, 1))
    elif kind == "some the same":
        own = own[rng.integers(0, users, users)]
    elif kind == "all the same":
        own = np.tile(own[:1], (users, 1))
    elif kind == "somebody unheard":
        own[0] = 0.0
    elif kind.startswith("nearly"):
        own += float(kind.split()[1]) * draw
    return np.asarray(amplitude * own)


KINDS = (
    *("antenna each", "turned", "permuted", "in any basis", "of any strength", "some the same", "all the same"),
    *("somebody unheard", "nearly 1e-12", "nearly 1e-9", "nearly 1e-6", "nearly 1e-3"),
)


@pytest.mark.parametrize("users", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_beams_of_users_whose_channels_are_orthogonal_are_proved(kind: str, users: int) -> None:
    rng = np.random.default_rng(users)
    settings = [(0.003, 40.0, 0.2, 0.4), (0.01, 40.0, 0.0, 1.0), (0.03, 80.0, 0.0, 0.4), (0.03, 10.0, 0.0, 0.7)]
    amplitude, *others = zip(*settings, strict=True)
    work, battery, reflection = (np.repeat(np.array(part)[:, None], users, axis=1) for part in others)
    channel = np.array([orthogonal(kind, a, users, rng) for a in amplitude])
    frames = BackscatterFrame(channel=channel, workload=work, battery=battery, reflection=reflection)
    best = mecopt.solve(frames)
    assert best.statuses() == {"OPTIMAL": 4}
    simple = mecopt.solve(frames, solver="best-of-random", rng=np.random.default_rng(1))
    assert (simple.objective >= best.bound * (1.0 - 1e-9)).all()


@pytest.mark.parametrize(
    ("users", "amplitude", "work", "reflection", "least"),
    [(3, 0.03, 80.0, 0.4, 3445.16507), (2, 0.01, 40.0, 1.0, 11973.00883)],
)
def test_a_beam_between_orthogonal_channels_feeds_and_reads_at_once(
    users: int, amplitude: float, work: float, reflection: float, least: float
) -> None:
    """The least is that of the semidefinite program; one beam for each user along the mixture's root attains it."""
    frame = BackscatterFrame(
        channel=amplitude * np.eye(users), workload=np.full(users, work), battery=np.zeros(users), reflection=reflection
    )
    best = mecopt.solve(frame)
    assert best.status is Status.OPTIMAL
    assert float(best.objective) == pytest.approx(least, rel=1e-8)
    own = np.linspace(0.01, 0.99, 99)
    each = np.where(np.eye(users, dtype=bool), own[:, None, None], (1.0 - own[:, None, None]) / (users - 1))
    swept = mecopt.allocate(frame, np.sqrt(each).astype(complex)).objective
    assert least * (1.0 - 1e-9) <= swept.min() <= least * (1.0 + 1e-3)


def test_what_a_beam_brings_across_is_nothing_and_not_its_rounding() -> None:
    """Harvest of 1e-33 mW keeps a user nominally powered, which leaves the path no room."""
    frame = BackscatterFrame(channel=0.01 * np.eye(3), workload=40.0, battery=0.0)
    beams = np.array([[0.6, 0.8, 0.0], [1e-17, 1.0, 1e-17], [0.8j, 0.0, 0.6]], dtype=complex)
    harvest = frame.links(beams).harvest
    assert harvest[0, 1] == harvest[2, 1] == harvest[2, 0] == 0.0
    assert harvest[1, 0] == pytest.approx(0.6 * 6000.0 * 0.64e-4, rel=1e-12)
    assert mecopt.allocate(frame, beams).status is Status.OPTIMAL


def test_a_mixture_of_higher_rank_is_attained_by_switching() -> None:
    """Six users around the sphere are fed alike by a slot with the mixture I/2, and by no single beam."""
    root = np.sqrt(0.5)
    around = [[1, 0], [0, 1], [root, root], [root, -root], [root, 1j * root], [root, -1j * root]]
    channel = 0.03 * np.array([[0.0, 0.0], *around])
    frame = BackscatterFrame(channel=channel, workload=0.0, battery=0.0).flat()
    half = np.broadcast_to(np.eye(2) / 2.0, (1, 7, 2, 2)).astype(complex)
    least = frame.carrier_power * frame.harvesting_efficiency[:, 1] * 0.03**2 / 2.0
    beams = np.stack([switching.decomposed(half[0, i], channel[i], 2).ravel() for i in range(7)])[None]
    assert frame.links(beams).harvest[0, 1:, 0] == pytest.approx(np.full(6, least[0]), rel=1e-9)
    rng = np.random.default_rng(0)
    single = [frame.links(frame.decision_space.sample(rng, (1,))).harvest[0, 1:, 0].min() for _ in range(200)]
    assert max(single) < 0.9 * least[0]


# ---------------------------------------------------------------------- who is served


@pytest.mark.parametrize("given", [{"preset": "harder"}, {"workload": 60.0}, {"preset": "harder", "users": 4}], ids=str)
def test_dropping_whom_the_elastic_frame_leaves_serves_as_many_as_any_set(given: dict[str, Any]) -> None:
    frames, beams = drawn(60, seed=3, **given)
    dropped, most = admit(frames, beams), admit_most(frames, beams)
    assert (dropped.outage > 0.0).any()
    assert (dropped.served.sum(axis=-1) == most.served.sum(axis=-1)).mean() >= 0.98
    assert (most.served.sum(axis=-1) >= dropped.served.sum(axis=-1)).all()
    for found in (dropped, most):
        assert (found.solution.allocation.unserved_bits <= 1e-9 * frames.workload).all()
        assert not found.solution.allocation.unserved_bits[~found.served].any()
        computed = frames.workload - found.solution.allocation.unserved_bits
        assert (computed[found.served] > 0.0).all()
    same = (dropped.served == most.served).all(axis=-1)
    same_value(dropped.solution, most.solution, "the same users served", where=same)


def test_a_larger_price_of_unserved_work_serves_nobody_more_than_the_exact_penalty() -> None:
    frames, beams = drawn(60, seed=3, preset="harder")
    data: dict[str, Any] = dict(frames.data())
    left = []
    for price in (1e2, 1e4, 1e5):
        answer = mecopt.allocate(BackscatterFrame(**{**data, "unserved_price": price}), beams)
        left.append(answer.allocation.unserved_bits.sum())
    assert left[0] > left[1] * 1.01
    assert left[2] == pytest.approx(left[1], rel=0.02)


# ---------------------------------------------------------------------- admissible and not


def test_a_user_that_is_not_heard_computes_alone() -> None:
    frames = BackscatterFrame(channel=np.array([[0.02, 0.01j], [0.0, 0.0]]), workload=30.0, battery=1.0)
    answer = mecopt.solve(frames)
    assert answer.status is Status.OPTIMAL
    assert answer.allocation.active_bits[1] == answer.allocation.passive_bits[1] == 0.0
    assert answer.allocation.local_bits[1] == pytest.approx(30.0, rel=1e-6)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"channel": [0.1, 0.2]}, "one entry per user and antenna"),
        ({"channel": [[np.nan, 0.1]]}, r"channel\[0, 0\].*finite complex numbers"),
        ({"channel": [["a", 0.1]]}, "is no number|which is no number"),
        ({"workload": -1.0}, "workload is -1.0; allowed: finite numbers >= 0"),
        ({"battery": [1.0, 2.0, 3.0]}, "battery has shape"),
        ({"reflection": 1.5}, "reflection is 1.5; allowed: .* <= 1"),
        ({"mode": "activ-enabled"}, "did you mean 'active-enabled'"),
        ({"mode": 3}, "mode is 3.0; allowed: 0 or 'hybrid'"),
        ({"mode": 0.5}, "mode is 0.5"),
    ],
)
def test_bad_data_are_named(given: dict[str, Any], said: str) -> None:
    base = {"channel": [[0.02, 0.01j], [0.03, 0.02]], "workload": 40.0, "battery": 0.2}
    with pytest.raises(InstanceError, match=said):
        BackscatterFrame(**{**base, **given})


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        ([[1.0, 1.0], [1.0, 0.0]], "user 0 has norm 1.41421; allowed: .* norm 1"),
        ([1.0, 0.0], r"decision has shape \(2,\)"),
        ([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]], r"decision has shape \(2, 3\)"),
        ([["x", "y"], ["x", "y"]], "is of type <U1; allowed"),
    ],
)
def test_bad_beams_are_named(decision: Any, said: str) -> None:
    frame = BackscatterFrame(channel=np.array([[0.02, 0.01j], [0.03, 0.02]]), workload=40.0, battery=0.2)
    with pytest.raises(InstanceError, match=said):
        mecopt.allocate(frame, decision)


def test_tables_show_0_for_what_an_iterative_solver_leaves_of_it() -> None:
    solution = mecopt.solve(BackscatterFrame(channel=np.array([[0.02, 0.01j], [0.03, 0.02]]), workload=40.0, battery=0.2))
    table = str(solution).partition("\nuser")[2]
    assert "e-" not in table
    assert f"{solution.allocation.passive_time.max():.6g}" in table
    left = [value[value > 0.0].min() for value in solution.allocation.as_dict().values() if (value > 0.0).any()]
    assert min(left) < 1e-6


def test_prices_that_are_no_numbers_prove_nothing() -> None:
    frames, beams = drawn(2)
    nothing = np.full((2, 3), np.nan)
    prices = FramePrices(work_price=nothing, energy_price=nothing, capacity_price=nothing)
    assert (frames.bound(beams, prices) <= mecopt.allocate(frames, beams).objective + 1e-9).all()
