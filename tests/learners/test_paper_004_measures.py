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
from mecopt.learners.paper_004.encoders import COMPONENTS, MEAN, SAE
from mecopt.learners.paper_004.searches import LOCAL_SEARCH
from mecopt.learners.paper_004.trainings import (
    BASES,
    CHANGED,
    CHANGES,
    DYNAMIC,
    SLOTS,
    STEADY,
    USERS,
    change_point,
    plan,
    plans,
    stream,
    stream_of,
)
from mecopt.models import MultiServerOffloading


def log_of(ratio: np.ndarray) -> Log:
    """Return a log whose own decisions have a given NRR; a step of learning every ten slots."""
    optimum = np.full(ratio.size, 20.0)
    losses = np.where(np.arange(ratio.size) % 10 == 9, 0.1, np.nan)
    return Log(played=optimum, own=optimum / ratio, loss=losses, optimum=optimum)


# ---------------------------------------------------------------------- plans and streams


def test_each_plan_changes_one_component_of_its_settings() -> None:
    changed = [one for one in plans(False) if one.setting == STEADY and ", " in one.method]
    assert changed
    for one in changed:
        base, change = one.method.split(", ")
        whole, other = (LEARNER.configured("default", p.settings) for p in (plan(base), one))
        differing = {name for name in vars(whole) if getattr(whole, name) != getattr(other, name)}
        assert differing == set(CHANGES[change]) != set(), one.method


def test_a_quick_run_trains_a_part_of_what_a_whole_one_does() -> None:
    quick, whole = ({(one.method, one.setting) for one in plans(brief)} for brief in (True, False))
    assert quick < whole
    assert {(base, setting) for base in BASES for setting in (STEADY, *DYNAMIC.values())} <= quick


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


# ---------------------------------------------------------------------- measures


def test_halves_are_measured_apart() -> None:
    ratio = np.repeat([0.8, 0.9], 100)
    ratio[10], ratio[130:132], ratio[-10:] = 0.99, 0.97, 0.7
    found = measures.halves(log_of(ratio))
    best = (0.99 + 0.8) / 2  # means over a fiftieth of a half: two slots
    first = {"F-Best, slot": 0.99, "F-Best": best, "F-Avg": 0.8 + 0.19 / 100, "F-end": 0.8}
    assert found == pytest.approx({**first, "S-Best, slot": 0.97, "S-Best": 0.97, "S-Avg": ratio[100:].mean(), "S-end": 0.7})
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
    decision = searches.nearest(problem)
    assert decision.shape == (3, USERS)
    places = np.random.default_rng(7).uniform(0.0, 50.0, (USERS, 2))
    for user, (x, y) in enumerate(places):
        off = [np.hypot(x - 10.0, y - 10.0), np.hypot(x - 40.0, y - 40.0)]
        assert (decision[:, user] == 1 + int(np.argmin(off))).all()
    np.testing.assert_array_equal(searches.nearest(problem[0]), decision[0])


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
        assert found[name][0] == found["SA"][0]
    assert 0.99 < found[LOCAL_SEARCH][0] <= 1.0 + 1e-12


def test_the_first_count_that_finds_the_optimum_is_what_following_every_step_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    for level in (0.8, 0.9, 0.97):
        monkeypatch.setattr(searches, "FOUND", level)
        whole = searches.followed(1, 2, tuple(range(61)))
        for name, curve in whole.ratio.items():
            if name == LOCAL_SEARCH:
                continue
            there = np.flatnonzero(curve >= level)
            assert whole.found[name] == (there[0] if there.size else np.inf)


def test_the_first_count_is_exact_at_both_ends() -> None:
    assert searches.first(lambda count: 1.0, 10) == 0
    assert searches.first(lambda count: 0.99 if count >= 10 else 0.5, 10) == 10
    assert searches.first(lambda count: 0.9, 10) == np.inf


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
