"""What the evaluation of paper 004 measures, against its definition: plans, streams, levels, encoders and searches."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from mecopt.learners.inputs import Inputs
from mecopt.learners.log import Log
from mecopt.learners.ojrs import LEARNER
from mecopt.learners.ojrs.autoencoder import UnitScale
from mecopt.learners.paper_004 import encoders, measures, searches
from mecopt.learners.paper_004.claims.readings import VARYING
from mecopt.learners.paper_004.claims.training import ADAPTIVE
from mecopt.learners.paper_004.encoders import COMPONENTS, MEAN, SAE
from mecopt.learners.paper_004.searches import LOCAL_SEARCH
from mecopt.learners.paper_004.trainings import (
    CHANGED,
    CHANGES,
    DYNAMIC,
    MOVING,
    PROPOSED,
    SLOTS,
    STEADY,
    USERS,
    WALKING,
    change_point,
    places,
    plan,
    plans,
    stream,
    stream_of,
)
from mecopt.models import MultiServerOffloading
from mecopt.search.annealing import NEIGHBOURS
from mecopt.solve import solve


def log_of(ratio: np.ndarray) -> Log:
    """Return a log whose own decisions have a given NRR; a step of learning every ten slots."""
    optimum = np.full(ratio.size, 20.0)
    losses = np.where(np.arange(ratio.size) % 10 == 9, 0.1, np.nan)
    return Log(played=optimum, own=optimum / ratio, loss=losses, optimum=optimum)


# ---------------------------------------------------------------------- plans and streams


def test_each_plan_changes_what_its_name_says_and_nothing_else() -> None:
    changed = [one for one in plans() if ", " in one.method]
    assert {one.method.split(", ", 1)[1] for one in changed} == set(CHANGES)
    for one in changed:
        base, change = one.method.split(", ", 1)
        whole, other = (LEARNER.configured("default", p.settings) for p in (plan(base), one))
        differing = {name for name in vars(whole) if getattr(whole, name) != getattr(other, name)}
        assert differing == set(CHANGES[change]) != set(), one.method


def test_both_settings_of_the_paper_are_trained_on_every_stream() -> None:
    planned = {(one.method, one.setting) for one in plans()}
    assert {(base, setting) for base in PROPOSED for setting in (STEADY, MOVING, *DYNAMIC.values())} <= planned
    assert {(method, VARYING) for pair in ADAPTIVE.values() for method in pair} <= planned


def test_only_the_weights_change_at_half_time() -> None:
    assert change_point(40) == 20
    steady, changed = stream(STEADY, 0, 40).data(), stream(CHANGED, 0, 40).data()
    for name, value in steady.items():
        if name != "weight":
            np.testing.assert_array_equal(value, changed[name])
    assert (changed["weight"][:20] == 1.0).all()
    assert (changed["weight"][20:] == changed["weight"][20]).all()
    assert 0.5 <= changed["weight"][20].min() < changed["weight"][20].max() <= 1.5
    assert LEARNER.configured("paper", {}).inputs == ()  # what varies in the first slots: the weights do not


def test_every_number_of_servers_has_its_stream() -> None:
    for servers, setting in DYNAMIC.items():
        problem = stream_of(setting, 0, 4)
        assert problem.sizes == {"users": USERS, "servers": servers}
        assert (problem.weight[0] != problem.weight[-1]).any()
    assert (stream_of(STEADY, 0, 4).weight == 1.0).all()


def mean_gain(kind: str, slots: int = 4000) -> np.ndarray:
    """Return the mean of each gain over the first and the last tenth of a stream, users side by side."""
    gain, tenth = stream(kind, 3, slots).channel_gain, slots // 10
    return np.stack([gain[:tenth].mean(axis=0), gain[-tenth:].mean(axis=0)])


def test_users_stay_at_the_places_of_their_seed_and_fresh_slots_are_others_of_the_same_users() -> None:
    one, other, fresh = stream(STEADY, 0, 4), stream(STEADY, 1, 4), searches.fresh(STEADY, 0, 4)
    assert (one.distance == one.distance[0]).all()
    assert (one.distance != other.distance).all()
    np.testing.assert_array_equal(fresh.distance, one.distance)
    assert (fresh.channel_gain != one.channel_gain).all()
    np.testing.assert_array_equal(stream(CHANGED, 0, 4).channel_gain, one.channel_gain)
    moving = stream(MOVING, 0, 4), searches.fresh(MOVING, 0, 4)
    assert (moving[0].distance != moving[1].distance).all()
    assert 0.0 <= places(STEADY, 0, 1, 0).min() < places(STEADY, 0, 1, 0).max() <= 50.0


def test_other_channel_laws_move_users_and_change_nothing_else() -> None:
    steady = stream(STEADY, 0, 3).data()
    for kind in (MOVING, WALKING):
        other = stream(kind, 0, 3).data()
        for name in steady:
            if name not in ("channel_gain", "distance"):
                np.testing.assert_array_equal(other[name], steady[name])
    spread = {kind: np.log(mean_gain(kind)).std(axis=1).mean() for kind in (STEADY, MOVING, WALKING)}
    assert spread[MOVING] < 0.5 * spread[STEADY]  # on average all users are alike
    first, last = mean_gain(WALKING)
    assert np.abs(np.log(first) - np.log(mean_gain(STEADY)[0])).mean() < 0.2
    assert np.abs(np.log(last) - np.log(first)).mean() > 0.5
    there = places(WALKING, 3, 11, 3)
    np.testing.assert_allclose(there[5], 0.5 * (there[0] + there[10]))


# ---------------------------------------------------------------------- measures


def test_halves_are_measured_apart() -> None:
    ratio = np.repeat([0.8, 0.9], 100)
    ratio[10], ratio[130:132], ratio[-10:] = 0.99, 0.97, 0.7
    found = measures.halves(log_of(ratio))
    best = (0.99 + 0.8) / 2  # means over a fiftieth of a half: two slots
    first = {"F-Best, slot": 0.99, "F-Best": best, "F-Avg": 0.8 + 0.19 / 100, "F-end": 0.8}
    second = {"S-Best, slot": 0.97, "S-Best": 0.97, "S-Avg": ratio[100:].mean(), "S-end": 0.7}
    whole = {f"{half}-{name}": value for half, figures in found.items() for name, value in figures.items()}
    assert whole == pytest.approx({**first, **second})
    assert [measures.last_slots(n) for n in (SLOTS, 100)] == [500, 5]
    assert [measures.best_window(n // 2) for n in (SLOTS, 100)] == [100, 1]


def test_bars_hold_every_error_once() -> None:
    found = encoders.shares(np.array([0.01, 0.02, 0.03, 5.0]))
    np.testing.assert_allclose(found[[0, 1, -1]], [0.5, 0.25, 0.25])
    assert found.sum() == 1.0


def test_the_mean_explains_nothing_and_scores_high() -> None:
    found = encoders.untrained(0, 2)
    mean, linear = found[MEAN].testing, found[COMPONENTS].testing
    assert abs(mean.explained) < 0.02
    assert mean.accuracy > 0.89
    assert linear.explained > 0.45
    shown = encoders.features(stream(STEADY, 0, 2048), stream(STEADY, 0, 2048).channel_gain)
    off = np.abs(shown[1024:] - shown[:1024].mean(axis=0))
    assert mean.accuracy == pytest.approx(1.0 - (off.sum(axis=1) / np.abs(shown[1024:]).sum(axis=1)).mean())


def test_a_constant_factor_leaves_ratios_between_servers_alone() -> None:
    h = np.random.default_rng(0).uniform(0.2, 1.0, (5, 12))
    np.testing.assert_allclose(encoders.ratios(0.5 * h, 3), encoders.ratios(h, 3))
    assert encoders.ratios(h, 3).max(axis=-1) == pytest.approx(1.0)
    shown = np.array([[0.2, 0.4], [0.5, 0.25]])
    found = encoders.reconstruction(
        [(np.vstack([shown, [[0.0, 1.0]]]), np.vstack([shown, [[0.0, 1.0]]])), (shown, shown[:, ::-1])], 2
    )
    assert found.relative == pytest.approx(0.5)  # 0.5 and 1 for 1 and 0.5, both ways


def test_incremental_learning_sees_what_the_offline_stage_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="training needs torch")
    monkeypatch.setitem(encoders.ENCODERS, encoders.AVERAGED, {**encoders.ENCODERS[encoders.AVERAGED], "encoder_steps": 50})
    found = encoders.tracked(encoders.AVERAGED, 0, 400)
    assert set(found) == {encoders.ONCE, encoders.REFITTED}
    assert found[encoders.ONCE].training.accuracy > found[encoders.REFITTED].training.accuracy
    monkeypatch.setattr(encoders, "stream", lambda kind, seed, slots: stream(STEADY, seed, slots))
    still = encoders.tracked(encoders.AVERAGED, 0, 400)
    gain = {how: one.testing.accuracy for how, one in found.items()}
    apart = gain[encoders.REFITTED] - gain[encoders.ONCE]
    assert apart > still[encoders.REFITTED].testing.accuracy - still[encoders.ONCE].testing.accuracy


def test_an_encoder_learns_and_its_last_loss_is_that_of_its_reconstruction() -> None:
    pytest.importorskip("torch", reason="training needs torch")
    found = encoders.trained(SAE, 0, episodes=5)
    assert found.losses[1].shape == found.accuracy.shape == (5,)
    assert found.losses[1][-1] < found.losses[1][0]
    assert found.accuracy[-1] == found.testing.accuracy
    variance = found.losses[1][-1] / (1.0 - found.testing.explained)
    shown = encoders.features(stream(STEADY, 0, 2048), stream(STEADY, 0, 2048).channel_gain)[1024:]
    assert variance == pytest.approx(shown.var(axis=0).mean(), rel=1e-6)


def test_nothing_is_compressed_where_the_code_is_no_smaller() -> None:
    pytest.importorskip("torch", reason="training needs torch")
    with pytest.raises(ValueError, match="nothing to compress"):
        encoders.trained(SAE, 0, servers=1, episodes=1)


def test_the_nearest_server_is_nearest() -> None:
    problem = stream(STEADY, 0, 3)
    decision = solve(problem, solver="nearest-server").decision
    assert decision.shape == (3, USERS)
    here = places(STEADY, 0, 1, 0)[0]
    for user, (x, y) in enumerate(here):
        off = [np.hypot(x - 10.0, y - 10.0), np.hypot(x - 40.0, y - 40.0)]
        assert (decision[:, user] == 1 + int(np.argmin(off))).all()
    moving = places(MOVING, 0, 3, 0)
    near = np.hypot(*(moving - 10.0).transpose(2, 0, 1)) < np.hypot(*(moving - 40.0).transpose(2, 0, 1))
    np.testing.assert_array_equal(solve(stream(MOVING, 0, 3), solver="nearest-server").decision, np.where(near, 1, 2))


def test_the_one_decision_is_the_best_of_all_on_average() -> None:
    drawn = MultiServerOffloading.sample(np.random.default_rng(2), (20,), users=6, servers=2, workload=5e9)
    decisions = np.array(list(itertools.product(range(3), repeat=6)), dtype=np.int8)
    costs = drawn.optimal_value(np.broadcast_to(decisions, (20, *decisions.shape))).mean(axis=0)
    np.testing.assert_array_equal(searches.constant(drawn), decisions[costs.argmin()])


def test_searches_only_get_better_and_never_beat_the_optimum() -> None:
    found = searches.followed(0, 3, (0, 5, 50)).ratio
    for name in searches.NEIGHBOURS:
        assert all(one <= other for one, other in itertools.pairwise(found[name]))
        assert found[name][-1] <= 1.0 + 1e-12
        assert found[name][0] == found[searches.ONE_USER][0]
    assert 0.99 < found[LOCAL_SEARCH][0] <= 1.0 + 1e-12


def test_the_first_count_that_finds_the_optimum_is_what_following_every_step_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searches, "LEVELS", (0.8, 0.9, 0.97))
    whole = searches.followed(1, 2, tuple(range(61)))
    for name, counts in whole.found.items():
        for level, count in counts.items():
            there = np.flatnonzero(whole.ratio[name] >= level)
            assert count == (there[0] if there.size else np.inf)


def test_the_first_count_is_exact_at_both_ends() -> None:
    assert searches.first(lambda count: 1.0, 10, 0.99) == 0
    assert searches.first(lambda count: 0.99 if count >= 10 else 0.5, 10, 0.99) == 10
    assert searches.first(lambda count: 0.9, 10, 0.99) == np.inf


def test_the_same_moves_without_guidance_do_not_see_the_channels() -> None:
    problem = stream(STEADY, 0, 4)
    start = problem.decision_space.sample(np.random.default_rng(0), (4,))
    louder = problem.channel_gain * np.array([1e3, 1.0])  # server 1 is worth more to everyone
    for neighbour, guided in searches.NEIGHBOURS.values():
        tried = [
            NEIGHBOURS[neighbour](start, guide if guided else np.ones_like(guide), 3, np.random.default_rng(1))
            for guide in (problem.channel_gain, louder)
        ]
        assert (tried[0] == tried[1]).all() != guided


def test_a_swarm_s_part_of_the_optimum_is_below_it_and_a_larger_one_reaches_more() -> None:
    problem = stream(STEADY, 0, 40)
    optimum = (
        problem.solvers["exact"]
        .search(problem, start=None, gap=None, time_limit=None, rng=np.random.default_rng(0))
        .decision
    )
    value = problem.optimal_value(optimum)
    small, large = (float(searches.qualities(swarm, problem, value, 0).mean()) for swarm in searches.SWARMS)
    assert 0.85 < small < large < 1.0
    doubled = searches.qualities(searches.SWARM, problem, 2.0 * value, 0)
    assert doubled.mean() == pytest.approx(2.0 * small, rel=1e-12)


def test_a_swarm_flies_on_slots_that_lie_evenly() -> None:
    assert searches.flown(searches.SWARM_LONG, 5000)[[0, 1, -1]].tolist() == [0, 102, 4999]
    assert searches.flown(searches.SWARM, 100).tolist() == list(range(100))
    assert searches.flown(searches.SWARM, 100, quick=True).tolist() == [0, 99]


def test_a_decision_s_allocation_satisfies_all_constraints() -> None:
    problem = stream(STEADY, 0, 8)
    anywhere = problem.decision_space.sample(np.random.default_rng(1), (8,))
    assert searches.feasible(lambda problem, rng: anywhere, problem, 0) == 1.0


def test_the_scale_of_the_encoder_s_loss_is_the_one_of_23() -> None:
    problem = stream(STEADY, 0, 300)
    feature = encoders.features(problem, problem.channel_gain)
    inputs = Inputs.fit(problem, ("channel_gain",), "log")
    np.testing.assert_allclose(
        encoders.unit(feature, feature), UnitScale.fit(inputs, problem)(inputs(problem)), rtol=0.0, atol=1e-5
    )
    given = feature + 0.01
    scaled = encoders.reconstruction([(feature, given)] * 2, 2).accuracy_unit_scale
    extent, least = np.ptp(feature[:256]), feature[:256].min()
    share = 0.01 * feature.shape[1] / np.abs(feature - least).sum(axis=1)
    assert scaled == pytest.approx(1.0 - share.mean(), rel=1e-9)
    assert extent < 1.0


def test_midpoints_of_p2_lie_below_the_chord_and_a_convex_solver_agrees() -> None:
    found = searches.curvature(1, 200)
    assert found.above_chord == 0.0
    assert found.apart < 1e-6
