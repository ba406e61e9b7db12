"""The network of prices: torch's own mathematics, what it learns, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mecopt import InstanceError, Problem, allocate, solve
from mecopt.contract.warmstart import from_dual
from mecopt.data.stream import passes
from mecopt.learners import network, price_net
from mecopt.models import BackscatterFrame, BinaryOffloading, ComputationRate, MultiServerOffloading
from mecopt.registry import find_problem
from mecopt.storage.policies import load_policy, shipped

torch = pytest.importorskip("torch", reason="training needs torch")

MODELS = [BinaryOffloading, ComputationRate]


@pytest.mark.parametrize("cls", MODELS, ids=lambda cls: cls.name)
def test_numpy_says_what_torch_says(cls: type[Problem], made: dict[tuple[str, str], Path], stream_of: Any) -> None:
    policy, instances = load_policy(made["price-net", cls.name]), stream_of(cls, 500)
    decisions = instances.decision_space.sample(np.random.default_rng(0), (500,))
    values = torch.tensor(np.concatenate([policy.inputs(instances), decisions], axis=-1), dtype=torch.float32)
    for number, (weight, offset) in enumerate(policy.layers):
        values = torch.nn.functional.linear(values, torch.tensor(weight), torch.tensor(offset))
        if number < len(policy.layers) - 1:
            values = torch.nn.functional.relu(values)
    (found,) = policy.predict(instances, decisions).as_dict().values()
    scaled = (np.log(found) - policy.offset) / policy.spread
    np.testing.assert_allclose(scaled, values.numpy()[:, 0], rtol=0, atol=1e-6)
    np.testing.assert_allclose(found, np.exp(values.numpy()[:, 0].astype(float) * policy.spread + policy.offset), rtol=3e-6)


@pytest.mark.parametrize("cls", MODELS, ids=lambda cls: cls.name)
def test_predicted_prices_are_closer_than_the_mean_price(
    cls: type[Problem], stream_of: Any, train: Callable[..., Any], tmp_path: Path
) -> None:
    policy = train("price-net", stream_of(cls, 1000), tmp_path, hidden=(64, 64), passes=40)
    fresh = cls.sample(np.random.default_rng(77), (300,), users=4)
    best = solve(fresh)
    (true,) = best.dual.as_dict().values()
    (found,) = policy.predict(fresh, best.decision).as_dict().values()
    assert np.median(np.abs(np.log(found / true))) < 0.25 * np.median(np.abs(np.log(true / np.median(true))))


def test_the_figures_of_the_card_are_those_of_the_instances_kept_back(
    stream_of: Any, train: Callable[..., Any], tmp_path: Path
) -> None:
    stream = stream_of(ComputationRate, 100)
    policy = train("price-net", stream, tmp_path)
    held_out = stream[90:]
    best = [allocate(one, one.solvers["exact"].prove(one, None).decision) for one in held_out]
    predicted = policy.predict(held_out, np.stack([one.decision for one in best])).time_price
    error = np.abs(predicted / np.array([one.dual.time_price for one in best]) - 1.0)
    assert policy.card["reached"]["price_error"]["mean"] == pytest.approx(float(error.mean()), rel=1e-9)
    starts = [from_dual(i, one.decision, one.dual.__class__(p)) for i, one, p in zip(held_out, best, predicted, strict=True)]
    gaps = [abs(float(start.objective - start.bound)) / abs(float(start.objective)) for start in starts]
    assert policy.card["reached"]["gap"]["greatest"] == pytest.approx(max(gaps), rel=1e-6)


def test_instances_that_repeat_are_never_both_learned_from_and_kept_back(
    stream_of: Any, train: Callable[..., Any], tmp_path: Path
) -> None:
    few = stream_of(ComputationRate, 20)
    policy = train("price-net", passes(few, 200, np.random.default_rng(0)), tmp_path)
    assert policy.card["instances"] == 20
    assert policy.card["reached"]["over"].startswith("2 instances kept back")


def test_one_decision_serves_the_batch_and_candidates_multiply_out(
    made: dict[tuple[str, str], Path], stream_of: Any
) -> None:
    policy, instances = load_policy(made["price-net", "binary-offloading"]), stream_of(BinaryOffloading, 3)
    one = policy.predict(instances, np.ones(4)).capacity_price
    many = policy.predict(instances, np.ones((3, 2, 5, 4))).capacity_price
    assert many.shape == (3, 2, 5)
    np.testing.assert_allclose(many, np.broadcast_to(one[:, None, None], (3, 2, 5)), rtol=1e-5)


def test_a_problem_far_beyond_the_training_still_gets_a_finite_price(made: dict[tuple[str, str], Path]) -> None:
    policy = load_policy(made["price-net", "binary-offloading"])
    far = BinaryOffloading(data_size=[[1e-200, 1e200, 1.0, 0.0]])
    assert np.isfinite(policy.predict(far, np.ones(4)).capacity_price).all()


@pytest.mark.parametrize("name", ["binary-offloading-paper", "binary-offloading-heterogeneous", "computation-rate-paper"])
def test_networks_that_shipped_before_beams_were_known_say_bit_for_bit_the_same(name: str) -> None:
    policy = load_policy(Path(price_net.__file__).parent / "policies" / f"{name}-price")
    preset = policy.card["preset"]
    instances = find_problem(policy.problem).sample(np.random.default_rng(0), (50,), preset=preset)
    decisions = instances.decision_space.sample(np.random.default_rng(1), (50,))
    seen = np.concatenate([policy.inputs(instances), decisions.astype(np.float32)], axis=-1)
    logs = network.forward(policy.layers, seen).astype(float) * policy.spread + policy.offset
    (found,) = policy.predict(instances, decisions).as_dict().values()
    assert np.array_equal(found, np.exp(logs)[:, 0])


@pytest.fixture(scope="module")
def of_beams(stream_of: Any, train: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A network of the prices of frames of two users."""
    stream = stream_of(BackscatterFrame, 400, users=2)
    return train("price-net", stream, tmp_path_factory.mktemp("beams"), hidden=(32, 32), passes=60)


def test_every_user_has_prices_of_its_own_for_any_beams(of_beams: Any) -> None:
    frames = BackscatterFrame.sample(np.random.default_rng(5), (3,), users=2)
    beams = frames.decision_space.sample(np.random.default_rng(6), (3, 4))
    found = of_beams.predict(frames, beams)
    for value in found.as_dict().values():
        assert value.shape == (3, 4, 2)
        assert (np.isfinite(value) & (value >= 0.0)).all()
    assert allocate(frames, beams, start=from_dual(frames, beams, found)).statuses() == {"OPTIMAL": 12}


def test_a_phase_of_a_beam_or_a_beam_said_twice_changes_no_price(of_beams: Any) -> None:
    frames = BackscatterFrame.sample(np.random.default_rng(5), (6,), users=2)
    beams = frames.decision_space.sample(np.random.default_rng(6), (6,))
    turned = beams * np.exp(1j * np.random.default_rng(7).uniform(0.0, 6.0, (6, 2, 1)))
    for same in (turned, np.concatenate([beams, beams], axis=-1)):
        for name, value in of_beams.predict(frames, same).as_dict().items():
            np.testing.assert_allclose(value, of_beams.predict(frames, beams).as_dict()[name], rtol=1e-4)


def test_work_prices_of_frames_are_closer_than_the_mean_of_their_logarithms() -> None:
    fresh = BackscatterFrame.sample(np.random.default_rng(77), (300,))
    best, policy = solve(fresh), shipped(fresh, "warm-starter")
    assert policy is not None
    prices = best.dual.work_price, policy.predict(fresh, best.decision).work_price
    true, found = (np.log(np.maximum(price, 1e-3 * prices[0].mean())) for price in prices)
    assert np.abs(found - true).mean() < 0.5 * np.abs(true - true.mean(axis=0)).mean()


def test_prices_near_0_count_as_a_small_part_of_the_mean() -> None:
    frames = BackscatterFrame.sample(np.random.default_rng(0), (2,), users=1)
    prices = np.array([[4.0, 0.0, 0.0], [0.0, 1e-9, 0.0]])
    learned, logs = price_net._logs(frames, prices)
    assert learned.all()
    np.testing.assert_allclose(np.exp(logs[:, 0]), [4.0, 2.0 * price_net.NEGLIGIBLE])
    np.testing.assert_allclose(np.exp(logs[:, 1]), [5e-10 * price_net.NEGLIGIBLE, 1e-9])
    assert np.isfinite(logs).all()


def test_frames_without_work_have_no_price_to_learn(stream_of: Any, train: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match="price is 0"):
        train("price-net", stream_of(BackscatterFrame, 20, users=2, workload=0.0), tmp_path)


def test_a_network_ships_for_the_paper_s_frames_and_for_no_others() -> None:
    for given, found in (({}, True), ({"preset": "harder"}, False), ({"users": 4}, False)):
        frames = BackscatterFrame.sample(np.random.default_rng(0), (40,), **given)
        assert (shipped(frames, "warm-starter") is not None) == found


def test_where_nobody_ever_pays_there_is_nothing_to_learn(stream_of: Any, train: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match="price is 0"):
        train("price-net", stream_of(BinaryOffloading, 40, capacity=0.5), tmp_path / "a")
    with pytest.raises(InstanceError, match="price is 0 in every instance"):
        train("price-net", stream_of(BinaryOffloading, 40, capacity=0.5), tmp_path / "b", variants_per_instance=1)


def test_prices_that_are_neither_per_instance_nor_per_user_are_refused(
    stream_of: Any, train: Callable[..., Any], tmp_path: Path
) -> None:
    refused = "predicts prices per instance or user; those of multi-server-offloading are per server"
    with pytest.raises(InstanceError, match=refused):
        train("price-net", stream_of(MultiServerOffloading, 40), tmp_path)


@pytest.mark.parametrize(
    "given", [{"passes": 0}, {"batch": 0}, {"learning_rate": 1.0}, {"hidden": (0,)}, {"scaling": "cubic"}], ids=str
)
def test_settings_that_make_no_sense_are_refused(
    given: dict[str, Any], stream_of: Any, train: Callable[..., Any], tmp_path: Path
) -> None:
    with pytest.raises(InstanceError, match=next(iter(given))):
        train("price-net", stream_of(BinaryOffloading, 40), tmp_path, **given)
