"""The network and loop of paper 003: torch's own mathematics, the memory, the labels, and that it learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import kstest

from mecopt import InstanceError, Problem, UnknownName, allocate, solve
from mecopt.data.stream import changed
from mecopt.learners import network
from mecopt.learners.decision_net import LEARNER, DecisionNetSettings
from mecopt.learners.decision_net.learner import DecisionNetTraining
from mecopt.learners.training import run
from mecopt.models import BinaryOffloading, ComputationRate, MultiServerOffloading
from mecopt.search.candidates import best_of
from mecopt.storage.policies import load_policy

torch = pytest.importorskip("torch", reason="training needs torch")

Array = NDArray[Any]

MODELS = [BinaryOffloading, ComputationRate]


def of_torch(layers: Any) -> Any:
    """Write the network anew with torch's own modules."""
    modules: list[Any] = []
    for weight, offset in layers:
        linear = torch.nn.Linear(weight.shape[1], weight.shape[0])
        linear.weight.data, linear.bias.data = torch.tensor(weight), torch.tensor(offset)
        modules += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*modules[:-1])


def begin(stream: Problem, seed: int = 0, **given: Any) -> DecisionNetTraining:
    return DecisionNetTraining(stream, DecisionNetSettings(hidden=(16, 8), **given), seed)


def blocks(stream: Any, size: int) -> list[Any]:
    return [stream[first : first + size] for first in range(0, stream.instances, size)]


# ---------------------------------------------------------------------- the network


@pytest.mark.parametrize("cls", MODELS, ids=lambda cls: cls.name)
def test_numpy_says_what_torch_says(cls: type[Problem], made: dict[tuple[str, str], Path], stream_of: Any) -> None:
    policy = load_policy(made["decision-net", cls.name])
    instances = stream_of(cls, 500)
    with torch.no_grad():
        expected = torch.sigmoid(of_torch(policy.layers)(torch.tensor(policy.inputs(instances)))).numpy()
    np.testing.assert_allclose(policy.outputs(instances), expected, rtol=0, atol=1e-6)
    assert expected.std() > 1e-3


def test_the_logistic_function_neither_overflows_nor_leaves_the_unit_interval() -> None:
    values = np.array([-np.inf, -1e4, -3.0, 0.0, 3.0, 1e4, np.inf], dtype=np.float32)
    with np.errstate(all="raise", under="ignore"):
        found = network.sigmoid(values)
    np.testing.assert_allclose(found, torch.sigmoid(torch.tensor(values)).numpy(), atol=1e-7)


def test_first_weights_are_uniform_within_one_over_the_root_of_the_inputs() -> None:
    (weight, offset), _ = network.initial((25, 400, 3), np.random.default_rng(0))
    for values in (weight.ravel(), offset):
        assert np.abs(values).max() <= 0.2
        assert kstest(values, "uniform", args=(-0.2, 0.4)).pvalue > 1e-3
    module = torch.nn.Linear(25, 400)
    assert abs(float(weight.std()) / float(module.weight.detach().numpy().std()) - 1.0) < 0.03


# ---------------------------------------------------------------------- one step


@pytest.mark.parametrize("cls", MODELS, ids=lambda cls: cls.name)
def test_learning_is_adam_on_the_binary_cross_entropy(cls: type[Problem], stream_of: Any) -> None:
    stream = stream_of(cls, 32)
    training = begin(stream, interval=8, memory=64, batch=64, learning_rate=0.01)
    other = of_torch(training.network.layers)
    optimiser = torch.optim.Adam(other.parameters(), lr=0.01)
    seen = training.inputs(stream)
    labels = stream.decision_space.sample(np.random.default_rng(2), (32,)).astype(np.float32)
    for last, block in zip(range(8, 33, 8), blocks(stream, 8), strict=True):
        loss = training.learn(allocate(block, labels[last - 8 : last]), np.random.default_rng(last))
        optimiser.zero_grad()
        outputs = torch.sigmoid(other(torch.tensor(seen[:last])))
        target = torch.tensor(labels[:last])
        expected = -(target * outputs.log() + (1.0 - target) * (1.0 - outputs).log()).mean()
        assert loss == pytest.approx(float(expected.detach()), rel=1e-5)
        expected.backward()
        optimiser.step()
    linear = [module for module in other if isinstance(module, torch.nn.Linear)]
    for (weight, offset), module in zip(training.network.layers, linear, strict=True):
        np.testing.assert_allclose(weight, module.weight.detach().numpy(), atol=2e-6)
        np.testing.assert_allclose(offset, module.bias.detach().numpy(), atol=2e-6)


def test_nothing_is_learned_before_an_interval_is_full(stream_of: Any) -> None:
    stream = stream_of(BinaryOffloading, 10)
    training = begin(stream, interval=8)
    before = training.state()
    assert np.isnan(training.learn(allocate(stream[:7], np.ones(4)), np.random.default_rng(0)))
    np.testing.assert_array_equal(training.state()["weight_0"], before["weight_0"])
    assert np.isfinite(training.learn(allocate(stream[7:8], np.ones(4)), np.random.default_rng(0)))
    assert (training.state()["weight_0"] != before["weight_0"]).any()


@pytest.mark.parametrize(("memory", "size"), [(8, 4), (7, 3), (5, 10)])
def test_the_memory_keeps_the_last_winners(memory: int, size: int, stream_of: Any) -> None:
    stream = stream_of(BinaryOffloading, 30)
    labels = stream.decision_space.sample(np.random.default_rng(2), (30,))
    training = begin(stream, interval=1000, memory=memory)
    for first in range(0, 30, size):
        training.learn(allocate(stream[first : first + size], labels[first : first + size]), np.random.default_rng(0))
    state = training.state()
    kept = {(*seen, *won) for seen, won in zip(state["memory_seen"].tolist(), state["memory_won"].tolist(), strict=True)}
    expected = zip(training.inputs(stream)[-memory:].tolist(), labels[-memory:].astype(float).tolist(), strict=True)
    assert kept == {(*seen, *won) for seen, won in expected}


def test_prioritised_replay_weighs_what_it_draws_and_remembers_its_cross_entropy(stream_of: Any) -> None:
    """Paper 003's reference 12: beta is halfway from 0.4 to 1 after half of the stream."""
    stream = stream_of(BinaryOffloading, 32)
    training = begin(stream, interval=16, memory=16, batch=8, replay="prioritised", least_priority=0.01)
    other, labels = of_torch(training.network.layers), stream.decision_space.sample(np.random.default_rng(2), (32,))
    priority = np.linspace(0.1, 2.0, 16)
    training.memory.add(seen=training.inputs(stream[:15]), won=labels[:15])
    training.memory.priority[:15] = priority[:15]
    loss = training.learn(allocate(stream[15:16], labels[15:16]), np.random.default_rng(3))
    law = np.append(priority[:15], priority[14]) ** 0.6
    law /= law.sum()
    drawn = np.random.default_rng(3).choice(16, 8, p=law)
    outputs = torch.sigmoid(other(torch.tensor(training.inputs(stream[:16])[drawn]))).detach().numpy()
    entropy = -(labels[drawn] * np.log(outputs) + (1 - labels[drawn]) * np.log(1 - outputs)).mean(axis=-1)
    weight = (16 * law[drawn]) ** -0.7
    assert loss == pytest.approx(float((weight / weight.max() * entropy).mean()), rel=1e-5)
    np.testing.assert_allclose(training.memory.priority[drawn], entropy + 0.01, rtol=1e-4)
    others = np.setdiff1d(np.arange(15), drawn)
    np.testing.assert_array_equal(training.memory.priority[others], priority[others])


def test_a_linear_schedule_ends_at_a_learning_rate_of_0(stream_of: Any) -> None:
    stream = stream_of(BinaryOffloading, 20)
    training = begin(stream, interval=10, rate_schedule="linear")
    weights = []
    for block in blocks(stream, 10):
        training.learn(allocate(block, np.ones(4)), np.random.default_rng(0))
        weights.append(training.state()["weight_0"])
    np.testing.assert_array_equal(weights[0], weights[1])


# ---------------------------------------------------------------------- labels


SCORED = st.tuples(st.sampled_from([1.0, 2.0, np.inf]), st.lists(st.integers(0, 1), min_size=3, max_size=3))


@given(st.lists(SCORED, min_size=1))
def test_of_equal_candidates_the_one_that_offloads_fewest_wins(rows: list[tuple[float, list[int]]]) -> None:
    values, decisions = np.array([[value for value, _ in rows]]), np.array([[decision for _, decision in rows]])
    chosen = int(best_of(values, decisions)[0])
    expected = min(range(len(rows)), key=lambda i: (rows[i][0], sum(rows[i][1]), i))
    assert chosen == expected


def test_users_without_a_task_are_never_labelled_as_offloading(stream_of: Any) -> None:
    stream = changed(stream_of(BinaryOffloading, 60), [(0, {"users_off": 2})])
    training, _ = run(lambda: begin(stream, candidates=16, scheme="nearest-neighbour", memory=60), stream, 0, np.zeros(60))
    assert training.state()["memory_won"][:, :2].max() == 0.0
    assert training.state()["memory_won"][:, 2:].max() == 1.0


def test_the_best_candidate_is_what_is_played_and_remembered(stream_of: Any) -> None:
    stream = stream_of(BinaryOffloading, 30)
    given: dict[str, Any] = {"candidates": 16, "scheme": "nearest-neighbour", "memory": 30}
    training, log = run(lambda: begin(stream, **given), stream, 0, np.zeros(30))
    optimum = solve(stream, solver="enumerate")
    np.testing.assert_allclose(log.played, optimum.objective, rtol=1e-12)
    np.testing.assert_array_equal(training.state()["memory_won"], optimum.decision)


# ---------------------------------------------------------------------- settings


def test_the_papers_variants_are_the_papers() -> None:
    paper, literal = LEARNER.configured("paper"), LEARNER.configured("literal")
    assert (paper.hidden, paper.candidates, paper.flips, paper.memory, paper.batch) == ((120, 80), 7, 4, 256, 128)
    assert (paper.interval, paper.learning_rate, paper.scaling, paper.scheme) == (10, 0.01, "raw", "perturb-exactly")
    assert (paper.own_included, literal.own_included) == (True, False)
    assert {LEARNER.configured(name).replay for name in LEARNER.variants} == {"uniform"}


def test_settings_given_as_json_are_taken_and_wrong_ones_refused() -> None:
    found = LEARNER.configured("default", {"hidden": [30], "learning_rate": 0.5, "inputs": ["data_size"]})
    assert (found.hidden, found.learning_rate, found.inputs) == ((30,), 0.5, ("data_size",))
    with pytest.raises(UnknownName, match="did you mean 'candidates'"):
        LEARNER.configured("default", {"candidate": 3})
    with pytest.raises(UnknownName, match="Known: default, paper, literal"):
        LEARNER.configured("papers-own")
    for wrong in ({"candidates": "7"}, {"learning_rate": 1}, {"flips": 0}):
        with pytest.raises(InstanceError, match="allowed"):
            LEARNER.configured("default", wrong)
    for name, value in {"replay": "ranked", "priority_power": 1.5, "importance_power": -0.1, "least_priority": 0.0}.items():
        with pytest.raises(InstanceError, match=f"{name} is .*allowed"):
            LEARNER.configured("default", {"replay": "prioritised", name: value})
    with pytest.raises(InstanceError, match="priority_power has no effect with replay=uniform"):
        LEARNER.configured("default", {"priority_power": 0.5}).require_effect(["priority_power"])
    with pytest.raises(InstanceError, match="own_included must be true"):
        LEARNER.configured("literal", {"scheme": "order-preserving"})


def test_more_candidates_than_a_scheme_can_give_are_refused(stream_of: Any, train: Any, tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match="at most 5 decisions of 4 users; 7 were asked for"):
        train("decision-net", stream_of(BinaryOffloading, 20), tmp_path, scheme="order-preserving")


def test_decisions_that_are_not_binary_are_refused(stream_of: Any, train: Any, tmp_path: Path) -> None:
    stream = stream_of(MultiServerOffloading, 9)
    assert LEARNER.refusal(stream_of(BinaryOffloading, 9)) is None
    assert LEARNER.refusal(stream) == "decision-net learns binary decisions; those of multi-server-offloading are others"
    with pytest.raises(InstanceError, match="learns binary decisions"):
        train("decision-net", stream, tmp_path)


# ---------------------------------------------------------------------- learning


def ratio(problem: Problem, solver: str, optimum: Array) -> float:
    values = solve(problem, solver=solver).objective
    return float(np.mean(optimum / values if problem.sense == "minimise" else values / optimum))


@pytest.mark.parametrize(
    ("cls", "fields", "least", "part"),
    [(BinaryOffloading, {"capacity": 8.0}, 0.999, 0.1), (ComputationRate, {}, 0.997, 0.2)],
    ids=["binary-offloading", "computation-rate"],
)
def test_the_default_settings_learn(
    cls: type[Problem], fields: dict[str, float], least: float, part: float, stream_of: Any
) -> None:
    """The best of K comes close to the optimum; the network alone loses but a part of what constant decisions lose."""
    stream = stream_of(cls, 2000, **fields)
    optimum = solve(stream).objective
    _, log = run(lambda: DecisionNetTraining(stream, DecisionNetSettings(), 0), stream, 0, optimum)
    last = slice(1400, None)
    played, own = log.ratio(log.played)[last].mean(), log.ratio(log.own)[last].mean()
    constant = max(ratio(stream[last], name, optimum[last]) for name in ("all-local", "all-offload"))
    assert played >= least
    assert 1.0 - own < part * (1.0 - constant)


@pytest.mark.slow
def test_the_acceptance_of_the_paper_preset() -> None:
    means = []
    for seed in range(5):
        stream = BinaryOffloading.sample(np.random.default_rng((seed, 2)), (10_000,))
        optimum = solve(stream).objective
        _, log = run(lambda: DecisionNetTraining(stream, DecisionNetSettings(), seed), stream, seed, optimum)  # noqa: B023
        means.append(float((optimum / log.played)[-3000:].mean()))
    assert np.mean(means) >= 0.9965, means
