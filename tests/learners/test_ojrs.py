"""The loop of paper 004: what is searched for, learned, counted and refused, and that it learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mecopt import InstanceError, Problem, UnknownName, allocate, solve
from mecopt.contract.decision import DecisionSpace
from mecopt.learners.ojrs import LEARNER, OjrsSettings
from mecopt.learners.ojrs.head import log_probabilities
from mecopt.learners.ojrs.labels import guidance, guide, searched, steps_ahead
from mecopt.learners.ojrs.learner import OjrsTraining
from mecopt.learners.training import run
from mecopt.models import BinaryOffloading, ComputationRate, MultiServerOffloading
from mecopt.search.candidates import scores
from mecopt.storage.policies import load_policy

torch = pytest.importorskip("torch", reason="training needs torch")

Array = NDArray[Any]

MODELS = [BinaryOffloading, ComputationRate, MultiServerOffloading]

COMPRESSED: dict[str, Any] = {"encoder": "2r-sae", "code": 3, "encoder_steps": 10, "refit": 20}


def begin(stream: Problem, seed: int = 0, **given: Any) -> OjrsTraining:
    return OjrsTraining(stream, OjrsSettings(**{"hidden": (16, 8), **given}), seed)


def blocks(stream: Any, size: int) -> list[Any]:
    return [stream[first : first + size] for first in range(0, stream.instances, size)]


# ---------------------------------------------------------------------- (30)


def test_t_follows_its_law_at_every_instance() -> None:
    paper = OjrsSettings(adaptive="rise", change_threshold=0.02, least_steps=1)
    assert steps_ahead(20, 9.0, 0.02, 3, paper).tolist() == [21, 22, 23]
    assert steps_ahead(20, 9.0, 0.0199, 3, paper).tolist() == [19, 18, 17]
    assert steps_ahead(2, 9.0, -5.0, 4, paper).tolist() == [1, 1, 1, 1]
    assert steps_ahead(20, 9.0, float("nan"), 2, paper).tolist() == [20, 20]


def test_t_by_the_size_of_the_change_grows_while_the_loss_falls() -> None:
    settings = OjrsSettings(adaptive="change", change_threshold=0.02, least_steps=1)
    assert steps_ahead(20, 9.0, -0.05, 2, settings).tolist() == [21, 22]
    assert steps_ahead(20, 9.0, -0.01, 2, settings).tolist() == [19, 18]


def test_t_by_the_fall_of_the_loss_grows_while_it_falls_and_shrinks_while_it_rises() -> None:
    settings = OjrsSettings(adaptive="fall", change_threshold=0.02, least_steps=1)
    assert steps_ahead(20, 9.0, -0.05, 2, settings).tolist() == [21, 22]
    assert steps_ahead(20, 9.0, 0.05, 2, settings).tolist() == [19, 18]
    assert steps_ahead(20, 9.0, float("nan"), 2, settings).tolist() == [20, 20]


def test_t_by_the_loss_itself_falls_as_the_network_learns_and_grows_again_where_it_errs() -> None:
    settings = OjrsSettings(adaptive="loss", change_threshold=0.5, least_steps=1)
    assert steps_ahead(20, 0.7, -9.0, 2, settings).tolist() == [21, 22]
    assert steps_ahead(20, 0.4, 9.0, 2, settings).tolist() == [19, 18]
    assert steps_ahead(20, float("nan"), float("nan"), 2, settings).tolist() == [20, 20]


def test_t_never_falls_below_its_floor_or_rises_above_its_ceiling_but_may_begin_there() -> None:
    settings = OjrsSettings(adaptive="change", least_steps=20, most_steps=30)
    assert steps_ahead(22, 9.0, 0.0, 4, settings).tolist() == [21, 20, 20, 20]
    assert steps_ahead(5, 9.0, 0.0, 2, settings).tolist() == [5, 5]
    assert steps_ahead(28, 9.0, 1.0, 4, settings).tolist() == [29, 30, 30, 30]
    assert steps_ahead(45, 9.0, 1.0, 2, settings).tolist() == [45, 45]
    assert steps_ahead(7, 9.0, 9.0, 2, OjrsSettings(adaptive="fixed")).tolist() == [7, 7]


def test_the_log_tells_t_of_every_instance_and_it_is_the_law_of_the_losses(stream_of: Any) -> None:
    stream = stream_of(MultiServerOffloading, 60)
    settings: dict[str, Any] = {"labels": "annealing", "adaptive": "rise", "steps": 5, "least_steps": 1, "interval": 4}
    _, log = run(lambda: begin(stream, **settings), stream, 0, np.zeros(60))
    steps, expected, losses = 5, [], log.loss[3::4]
    for block in range(15):
        change = losses[block - 1] - losses[block - 2] if block >= 2 else np.nan
        expected += steps_ahead(steps, np.nan, change, 4, OjrsSettings(adaptive="rise", least_steps=1)).tolist()
        steps = int(expected[-1])
    assert log.more["steps"].tolist() == expected
    assert len(set(expected)) > 2


# ---------------------------------------------------------------------- what is searched for


@pytest.mark.parametrize("cls", MODELS, ids=lambda cls: cls.name)
@pytest.mark.parametrize("labels", ["annealing", "epsilon-greedy", "local-search", "optimum"])
def test_what_is_found_is_never_worse_than_the_own_decision(labels: str, cls: type[Problem], stream_of: Any) -> None:
    stream = stream_of(cls, 20)
    own = stream.decision_space.sample(np.random.default_rng(5), (20,))
    settings = OjrsSettings(labels=labels)
    found = searched(stream, own, np.full(20, 30), settings, np.random.default_rng(0))
    assert found.shape == own.shape
    before, after = scores(stream, own), scores(stream, found)
    assert (after <= before + 1e-12 * np.abs(before)).all()
    assert (after < before).any()
    if labels == "optimum":
        np.testing.assert_allclose(after, stream.sign * solve(stream).objective, rtol=1e-9)


@pytest.mark.parametrize("cls", MODELS, ids=lambda cls: cls.name)
def test_local_search_ends_where_no_single_move_helps(cls: type[Problem], stream_of: Any) -> None:
    stream = stream_of(cls, 20)
    own = stream.decision_space.sample(np.random.default_rng(5), (20,))
    found = searched(stream, own, np.zeros(20), OjrsSettings(labels="local-search"), np.random.default_rng(0))
    value = scores(stream, found)
    moved = stream.sign * stream.move_values(found)
    assert (np.nan_to_num(moved, nan=np.inf).min(axis=(1, 2)) >= value - 1e-9 * np.abs(value)).all()


def test_no_steps_find_the_own_decision(stream_of: Any) -> None:
    stream = stream_of(MultiServerOffloading, 9)
    own = stream.decision_space.sample(np.random.default_rng(5), (9,))
    settings = OjrsSettings(labels="annealing")
    np.testing.assert_array_equal(searched(stream, own, np.zeros(9), settings, np.random.default_rng(0)), own)


def test_the_field_of_users_and_servers_guides_and_without_servers_nothing_does(stream_of: Any) -> None:
    servers, one = stream_of(MultiServerOffloading, 5), stream_of(BinaryOffloading, 5)
    assert guide(servers, "") == guide(servers, "channel_gain") == "channel_gain"
    np.testing.assert_array_equal(guidance(servers, "channel_gain"), servers.channel_gain)
    assert guide(one, "") is None
    np.testing.assert_array_equal(guidance(one, None), np.ones((5, 4, 1)))
    with pytest.raises(UnknownName, match="did you mean 'channel_gain'"):
        begin(servers, guidance="channel_gane")
    with pytest.raises(UnknownName, match="field per user and server of binary-offloading 'data_size'"):
        begin(one, guidance="data_size")


def test_epsilon_greedy_changes_as_many_users_as_epsilon_says(stream_of: Any) -> None:
    """Of 6,000 users a tenth takes any of the choices, own ones among them; what is no better is not learned."""
    stream = stream_of(MultiServerOffloading, 1500)
    own = solve(stream, solver="all-local").decision
    worse = np.zeros(1500, dtype=bool)
    for seed in range(3):
        settings = OjrsSettings(labels="epsilon-greedy", exploration=0.1, steps=1)
        found = searched(stream, own, np.zeros(1500), settings, np.random.default_rng(seed))
        changed = (found != own).mean(axis=-1)
        share = 0.1 * (1 - 1 / len(stream.choices.labels))
        assert 0 < changed.mean() <= share + 4 * np.sqrt(share / own.size)
        worse |= scores(stream, found) > scores(stream, own)
    assert not worse.any()


def test_of_more_trials_of_epsilon_greedy_the_best_one_is_found(stream_of: Any) -> None:
    """The first trial is the same, and whatever comes after it can only be better."""
    stream = stream_of(MultiServerOffloading, 50)
    own = solve(stream, solver="all-local").decision
    values = []
    for trials in (1, 2, 20):
        settings = OjrsSettings(labels="epsilon-greedy", exploration=0.3, steps=trials)
        values.append(scores(stream, searched(stream, own, np.zeros(50), settings, np.random.default_rng(0))))
    assert (np.diff(values, axis=0) <= 0.0).all()
    assert values[2].mean() < values[1].mean() < values[0].mean()


# ---------------------------------------------------------------------- one update


def test_an_update_ends_below_its_threshold(stream_of: Any) -> None:
    """Of the same draws the losses of single steps: the first one below the threshold is the last one taken."""
    stream = stream_of(MultiServerOffloading, 64)
    labels = solve(stream).decision

    def after(**given: Any) -> tuple[float, OjrsTraining]:
        training = begin(stream, batch=32, interval=64, learning_rate=0.05, **given)
        return training.learn(allocate(stream, labels), np.random.default_rng(1)), training

    losses = [after(updates=count)[0] for count in range(1, 9)]
    threshold = 0.5 * (losses[0] + losses[-1])
    stop = next(k for k, loss in enumerate(losses) if loss < threshold)
    assert 0 < stop < 7
    loss, training = after(updates=8, loss_threshold=threshold)
    assert loss == losses[stop]
    same, expected = training.state(), after(updates=stop + 1)[1].state()
    assert all(np.array_equal(same[key], expected[key], equal_nan=True) for key in expected)


@pytest.mark.parametrize("given", [{}, {"cross_entropy": "sum", "l2": 0.02}, {"updates": 3}], ids=str)
def test_learning_is_adam_on_the_cross_entropy_of_each_user(given: dict[str, Any], stream_of: Any) -> None:
    stream = stream_of(MultiServerOffloading, 16)
    training = begin(stream, interval=8, memory=64, batch=64, learning_rate=0.01, **{"updates": 1, **given})
    tensors = [torch.tensor(array, requires_grad=True) for layer in training.network.layers for array in layer]
    optimiser = torch.optim.Adam(tensors, lr=0.01)
    seen = torch.tensor(training.inputs(stream))
    labels = stream.decision_space.sample(np.random.default_rng(2), (16,))
    for last, block in zip((8, 16), blocks(stream, 8), strict=True):
        loss = training.learn(allocate(block, labels[last - 8 : last]), np.random.default_rng(last))
        for _ in range(given.get("updates", 1)):
            w0, b0, w1, b1, w2, b2 = tensors
            values = torch.relu(torch.relu(seen[:last] @ w0.T + b0) @ w1.T + b1) @ w2.T + b2
            chances = torch.softmax(values.reshape(last, 4, 3), dim=-1)
            chosen = torch.gather(chances, 2, torch.tensor(labels[:last].astype(np.int64))[..., None])
            entropies = -chosen.log().sum(dim=(1, 2))
            expected = entropies.mean() if given.get("cross_entropy") == "sum" else entropies.mean() / 4
            expected = expected + 0.5 * given.get("l2", 0.0) * sum((t * t).sum() for t in tensors)
            optimiser.zero_grad()
            expected.backward()
            optimiser.step()
        assert loss == pytest.approx(float(expected.detach()), rel=1e-5)
    found = [array for layer in training.network.layers for array in layer]
    for one, other in zip(found, tensors, strict=True):
        np.testing.assert_allclose(one, other.detach().numpy(), atol=2e-6)


def test_what_was_drawn_is_judged_by_the_change_of_the_loss_and_stored_with_the_norm(stream_of: Any) -> None:
    stream = stream_of(MultiServerOffloading, 24)
    training = begin(stream, interval=8, replay="preserved-prioritised", batch=64, memory=24, least_priority=0.001)
    losses, squares = [], []
    for number, block in enumerate(blocks(stream, 8)):
        squares.append(sum(float(np.square(a, dtype=float).sum()) for layer in training.network.layers for a in layer))
        losses.append(training.learn(solve(block), np.random.default_rng(number)))
    priority = training.replay.priority
    for value in np.unique(priority):
        assert any(value == pytest.approx(expected) for expected in (1.0, *(np.abs(np.diff(losses)) + 0.001)))
    assert (priority != 1.0).any()
    np.testing.assert_allclose(training.replay["square"], np.repeat(squares, 8), rtol=1e-9)


def test_steps_on_one_draw_are_those_of_adam_on_it_and_judge_it_by_its_own_decrease(stream_of: Any) -> None:
    """All of the memory is drawn, and nothing but it: one draw and a draw for each step are the same descent."""
    stream = stream_of(MultiServerOffloading, 8)
    labels = allocate(stream, stream.decision_space.sample(np.random.default_rng(2), (8,)))
    given: dict[str, Any] = {"interval": 8, "memory": 8, "batch": 8, "learning_rate": 0.01, "replay": "uniform"}
    ends = [begin(stream, updates=count, redrawn=True, **given) for count in (1, 4, 5)]
    losses = [training.learn(labels, np.random.default_rng(0)) for training in ends]
    one = begin(stream, updates=4, redrawn=False, **given)
    assert one.learn(labels, np.random.default_rng(0)) == pytest.approx(losses[0], rel=1e-5)
    for (weight, offset), (other, same) in zip(one.network.layers, ends[1].network.layers, strict=True):
        np.testing.assert_allclose(weight, other, atol=1e-5)
        np.testing.assert_allclose(offset, same, atol=1e-5)
    stored = stream[np.zeros(8, dtype=int)]
    alike = allocate(stored, labels.decision[np.zeros(8, dtype=int)])
    more = {**given, "replay": "prioritised", "redrawn": False}
    before = begin(stream, updates=1, **more).learn(alike, np.random.default_rng(0))
    after = begin(stream, updates=5, **{**more, "redrawn": True}).learn(alike, np.random.default_rng(0))
    judged = begin(stream, updates=4, **more)
    judged.learn(alike, np.random.default_rng(0))
    drawn = judged.replay.priority[judged.replay.priority != 1.0]
    assert drawn.size
    np.testing.assert_allclose(drawn, before - after + judged.settings.least_priority, rtol=1e-4)


def test_what_is_not_feasible_is_played_as_infinitely_bad_and_not_learned(stream_of: Any) -> None:
    stream = stream_of(MultiServerOffloading, 40, preset="limited")
    given: dict[str, Any] = {"labels": "annealing", "neighbour": "one-user", "steps": 1, "temperature": 1e-9}
    training, log = run(lambda: begin(stream, memory=40, **given), stream, 0, solve(stream).objective)
    assert isinstance(training, OjrsTraining)
    feasible = np.isfinite(log.played)
    assert 0 < feasible.sum() < 40
    assert training.replay.count == feasible.sum()
    assert (log.ratio(log.played)[~feasible] == 0.0).all()
    assert np.isfinite(log.loss[9::10]).any()


def test_the_policy_is_what_was_trained(tmp_path: Path, stream_of: Any, train: Any) -> None:
    stream = stream_of(MultiServerOffloading, 40)
    for name, more in (("raw", {"encoder": "none"}), ("compressed", COMPRESSED)):
        policy = train("ojrs", stream, tmp_path / name, **more)
        training, _ = run(lambda: OjrsTraining(stream, policy.settings, 0), stream, 0, np.zeros(40))  # noqa: B023
        np.testing.assert_array_equal(policy.propose(stream, 1, np.random.default_rng(0))[:, 0], training.own(stream))
        assert bool(policy.encoder) is (name == "compressed")


@pytest.mark.parametrize("given", [{"encoder": "none"}, COMPRESSED], ids=["raw", "compressed"])
def test_numpy_says_what_torch_says(given: dict[str, Any], tmp_path: Path, stream_of: Any, train: Any) -> None:
    policy, fresh = train("ojrs", stream_of(MultiServerOffloading, 40), tmp_path, **given), stream_of(MultiServerOffloading)
    values = torch.tensor(policy.inputs(fresh))
    for weight, offset in policy.encoder:
        values = torch.tanh(torch.nn.functional.linear(values, torch.tensor(weight), torch.tensor(offset)))
    for number, (weight, offset) in enumerate(policy.layers):
        values = torch.nn.functional.linear(values, torch.tensor(weight), torch.tensor(offset))
        values = torch.relu(values) if number < 2 else values
    expected = log_probabilities(values.numpy(), 4)
    np.testing.assert_allclose(policy.log_probabilities(fresh), expected, atol=1e-6)
    assert expected.std() > 1e-3


def test_while_the_norm_of_the_parameters_rises_preservation_is_first_in_first_out(stream_of: Any) -> None:
    stream = stream_of(MultiServerOffloading, 200)
    given: dict[str, Any] = {"replay": "preserved", "greatest_ratio": 1.01, "memory": 40}
    training, _ = run(lambda: begin(stream, **given), stream, 0, np.zeros(200))
    assert isinstance(training, OjrsTraining)
    assert not training.replay.reusable(training.replay["square"][-1]).all()
    assert sorted(training.replay["number"].tolist()) == list(range(160, 200))


def test_other_decisions_than_choices_are_refused(stream_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = stream_of(BinaryOffloading, 9)
    assert LEARNER.refusal(stream) is LEARNER.refusal(stream_of(MultiServerOffloading, 9)) is None
    monkeypatch.setattr(BinaryOffloading, "decision_space", property(lambda self: DecisionSpace))
    with pytest.raises(InstanceError, match="ojrs learns one of several choices per user; the decisions of binary"):
        LEARNER.train(stream, OjrsSettings(), 0, tmp_path, {})


# ---------------------------------------------------------------------- policies


def test_a_policy_knows_the_servers_it_was_trained_for(tmp_path: Path, stream_of: Any, train: Any) -> None:
    stream = stream_of(MultiServerOffloading, 40)
    policy = train("ojrs", stream, tmp_path)
    assert (policy.card["users"], policy.card["servers"], policy.card["choices"]) == (4, 2, 3)
    assert load_policy(tmp_path).sizes == {"users": 4, "servers": 2}
    assert policy.is_for(stream)
    assert policy.card["constants"]["deadline"] == "unlimited"
    other = stream_of(MultiServerOffloading, 3, servers=3)
    with pytest.raises(InstanceError, match=r"with 4 users and 2 servers; .* with 4 users and 3 servers.*--set servers=3"):
        policy.propose(other, 1, np.random.default_rng(0))
    assert not policy.is_for(other)


def test_of_few_decisions_all_are_proposed(tmp_path: Path, train: Any) -> None:
    stream = BinaryOffloading.sample(np.random.default_rng(0), (30,), users=2)
    policy = train("ojrs", stream, tmp_path)
    assert (policy.settings.candidates, policy.candidates) == (8, 4)
    np.testing.assert_allclose(solve(stream, solver=f"learned:{tmp_path}").objective, solve(stream).objective, rtol=1e-9)


@given(seed=st.integers(0, 1000))
def test_more_candidates_are_never_worse(made: dict[tuple[str, str], Path], seed: int) -> None:
    policy = load_policy(made["ojrs", "binary-offloading"])
    fresh = BinaryOffloading.sample(np.random.default_rng(seed), (5,), users=4)
    values = scores(fresh, policy.propose(fresh, 16, np.random.default_rng(0)))
    np.testing.assert_allclose(values.min(axis=-1), solve(fresh).objective, rtol=1e-9)
    assert (np.diff(np.minimum.accumulate(values, axis=-1)) <= 0).all()


# ---------------------------------------------------------------------- learning


def best_constant(stream: Any) -> Array:
    """Return the decision that is best if the same is taken at every instance, up to single moves."""
    found = np.zeros(stream.users, dtype=np.int8)

    def cost(decision: Array) -> float:
        return float(stream.optimal_value(np.tile(decision, (stream.instances, 1))).mean())

    moves = [(user, choice) for user in range(stream.users) for choice in range(stream.servers + 1)]
    before = np.inf
    while cost(found) < before:
        before = cost(found)
        for user, choice in moves:
            trial = found.copy()
            trial[user] = choice
            found = trial if cost(trial) < cost(found) else found
    return found


@pytest.mark.parametrize("given", [{}, {"labels": "annealing"}, {"encoder": "2r-sae", "code": 8}], ids=str)
def test_it_learns(given: dict[str, Any], stream_of: Any) -> None:
    """After a few hundred slots it loses a part of what the best decision that never looks at the channels loses."""
    stream = stream_of(MultiServerOffloading, 800, users=6)
    optimum, last = solve(stream).objective, slice(600, None)
    _, log = run(lambda: begin(stream, **given, hidden=(64, 32), learning_rate=0.003), stream, 0, optimum)
    constant = stream[last].optimal_value(np.tile(best_constant(stream[:200]), (200, 1)))
    blind, own = (optimum[last] / constant).mean(), log.ratio(log.own)[last].mean()
    untrained = log.ratio(log.own)[:10].mean()
    assert 1.0 - own < 0.5 * (1.0 - untrained)
    assert 1.0 - own < 0.6 * (1.0 - blind)
    assert log.ratio(log.played)[last].mean() > 0.97


@pytest.mark.slow
@pytest.mark.parametrize(("given", "least"), [({}, 0.985), ({"encoder": "2r-sae"}, 0.95)], ids=["raw", "compressed"])
def test_the_acceptance_of_the_paper_preset(given: dict[str, Any], least: float) -> None:
    """The network's own decision over the last 500 of 10,000 slots, against optimum and best constant decision."""
    found = []
    for seed in range(2):
        stream = MultiServerOffloading.sample(np.random.default_rng((seed, 2)), (10_000,))
        optimum = solve(stream).objective
        settings = OjrsSettings(**given)
        _, log = run(lambda: OjrsTraining(stream, settings, seed), stream, seed, optimum)  # noqa: B023
        constant = stream[-500:].optimal_value(np.tile(best_constant(stream[:300]), (500, 1)))
        own, blind = float(log.ratio(log.own)[-500:].mean()), float((optimum[-500:] / constant).mean())
        found.append((own, blind))
    assert all(own >= least and 1.0 - own < 0.7 * (1.0 - blind) for own, blind in found), found
