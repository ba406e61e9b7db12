"""The encoder: loss (23) by hand, its scale, its memory, and what is measured of it against the mean and the best line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mecopt.learners import network
from mecopt.learners.inputs import Inputs
from mecopt.learners.ojrs.autoencoder import LEAST, Autoencoder, UnitScale, code, loss
from mecopt.learners.ojrs.compression import Kept, by_components, by_mean, channel_feature
from mecopt.learners.ojrs.settings import OjrsSettings
from mecopt.models import BinaryOffloading, MultiServerOffloading

torch = pytest.importorskip("torch", reason="training needs torch")

Array = NDArray[Any]


def channels(count: int = 64, users: int = 4, **more: Any) -> MultiServerOffloading:
    return MultiServerOffloading.sample(np.random.default_rng(3), (count,), users=users, **more)


def scale_of(users: int, servers: int) -> UnitScale:
    size = users * servers
    return UnitScale(np.ones(size, np.float32), np.zeros(size, np.float32), ((0, users, servers),))


def made(size: int = 8, depth: tuple[int, ...] = (6, 4), seed: int = 0, **given: Any) -> Autoencoder:
    settings = OjrsSettings(encoder="2r-sae", **given)
    return Autoencoder((size, *depth), scale_of(size // 2, 2), settings, np.random.default_rng(seed))


def low_rank(count: int, size: int = 8, rank: int = 2, seed: int = 0) -> Array:
    """Inputs of which few numbers are all there is to know."""
    factors = np.random.default_rng(9).normal(size=(rank, size))
    return (np.random.default_rng(seed).normal(size=(count, rank)) @ factors).astype(np.float32)


# ---------------------------------------------------------------------- the loss

SHOWN = np.array([[0.5, 0.25, 0.2, 0.4], [0.8, 0.4, 0.1, 0.2]])
GIVEN = np.array([[0.4, 0.3, 0.2, 0.2], [0.8, 0.6, 0.3, 0.1]])
ABSOLUTE = (0.1**2 + 0.05**2 + 0.0 + 0.2**2 + 0.0 + 0.2**2 + 0.2**2 + 0.1**2) / 8
"""Mean over two instances of two users and two servers."""
RELATIVE = ((0.5 - 0.75) ** 2 + (0.5 - 1.0) ** 2 + (0.5 - 0.75) ** 2 + (0.5 - 1.0) ** 2 + (1.0 - 1.0 / 3.0) ** 2) / 2
"""Sum over users and servers, mean over the instances: a user's best server is 1 on both sides unless it changes."""


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"encoder": "sae"}, ABSOLUTE),
        ({"encoder": "ae"}, ABSOLUTE),
        ({"averaged": False}, ABSOLUTE + 0.25 * RELATIVE + 0.04 * 10.0),
        ({"averaged": True}, ABSOLUTE + 0.25 * RELATIVE / 4 + 0.04 * 10.0 / 20),
        ({"averaged": False, "relative_weight": 0.0}, ABSOLUTE + 0.04 * 10.0),
        ({"averaged": False, "weight_decay": 0.0, "relative_weight": 2.0}, ABSOLUTE + RELATIVE),
    ],
    ids=str,
)
def test_the_loss_is_the_sum_worked_out_by_hand(given: dict[str, Any], expected: float) -> None:
    settings = OjrsSettings(**{"encoder": "2r-sae", **given})
    square = torch.tensor(10.0, dtype=torch.float64)
    found = loss(torch.tensor(SHOWN), torch.tensor(GIVEN), scale_of(2, 2), square, 20, settings)
    assert float(found) == pytest.approx(expected, rel=1e-12)


def test_of_one_server_nothing_is_relative() -> None:
    settings = OjrsSettings(encoder="2r-sae", weight_decay=0.0)
    found = loss(torch.tensor(SHOWN), torch.tensor(GIVEN), scale_of(4, 1), torch.tensor(0.0), 1, settings)
    assert float(found) == pytest.approx(ABSOLUTE, rel=1e-12)


def test_the_relative_term_stays_finite_where_the_best_server_is_near_0() -> None:
    settings = OjrsSettings(encoder="2r-sae", weight_decay=0.0, averaged=False)
    given = torch.tensor([[-0.1, 0.0]], requires_grad=True)
    found = loss(torch.tensor([[0.5, 0.25]]), given, scale_of(1, 2), torch.tensor(0.0), 1, settings)
    found.backward()
    expected = (0.36 + 0.0625) / 2 + 0.25 * ((1.0 + 0.1 / LEAST) ** 2 + 0.25)
    assert float(found.detach()) == pytest.approx(expected, rel=1e-6)
    assert np.isfinite(given.grad.numpy()).all()


def test_decay_counts_every_weight_and_offset() -> None:
    net = network.AdamNetwork(network.initial((3, 2, 3), np.random.default_rng(0)), 0.1)
    values = np.concatenate([array.ravel() for layer in net.layers for array in layer])
    assert net.parameters() == values.size == 3 * 2 + 2 + 2 * 3 + 3
    assert float(net.square().detach()) == pytest.approx(float(np.square(values).sum()), rel=1e-6)


# ---------------------------------------------------------------------- what it sees


def test_h_lies_between_0_and_1_over_the_first_instances_and_grows_with_the_gain() -> None:
    stream = channels(300)
    inputs = Inputs.fit(stream, (), "log")
    scale = UnitScale.fit(inputs, stream)
    h = scale(inputs(stream)[:256])
    assert (h.min(), h.max()) == (pytest.approx(0.0, abs=1e-5), pytest.approx(1.0, abs=1e-5))
    logs = np.log(stream.channel_gain.reshape(300, -1))[:256]
    np.testing.assert_allclose(h, (logs - logs.min()) / (logs.max() - logs.min()), atol=1e-5)
    assert scale.blocks == ((0, 4, 2),)


def test_every_field_has_its_own_range_and_only_pairs_are_relative() -> None:
    stream = channels(50, preset="heterogeneous", servers=3)
    inputs = Inputs.fit(stream, ("workload", "channel_gain", "server_speed"))
    scale = UnitScale.fit(inputs, stream)
    assert scale.blocks == ((4, 4, 3),)
    h = scale(inputs(stream))
    for part in (h[:, :4], h[:, 4:16], h[:, 16:]):
        assert (part.min(), part.max()) == (pytest.approx(0.0, abs=1e-5), pytest.approx(1.0, abs=1e-5))


def test_a_problem_without_servers_has_nothing_relative_and_a_constant_input_no_range() -> None:
    tasks = np.array([[1.0, 2.0, 5.0], [1.0, 3.0, 5.0]])
    stream = BinaryOffloading(data_size=tasks, energy_weight=np.full((2, 3), 2.0))
    inputs = Inputs.fit(stream, ("data_size", "energy_weight"), "raw")
    scale = UnitScale.fit(inputs, stream)
    assert scale.blocks == ()
    np.testing.assert_allclose(scale(inputs(stream)), [[0, 0.25, 1, 0, 0, 0], [0, 0.5, 1, 0, 0, 0]])


@pytest.mark.parametrize(
    ("given", "inputs", "sizes"),
    [
        ({"encoder": "2r-sae"}, 60, (60, 45, 30)),
        ({"encoder": "sae"}, 150, (150, 90, 30)),
        ({"encoder": "ae"}, 60, (60, 30)),
        ({"encoder": "sae", "between": (50, 40), "code": 20}, 60, (60, 50, 40, 20)),
        ({"encoder": "2r-sae"}, 30, None),
        ({"encoder": "none"}, 60, None),
    ],
    ids=str,
)
def test_the_sizes_of_the_layers_are_the_papers(given: Any, inputs: int, sizes: tuple[int, ...] | None) -> None:
    assert OjrsSettings(**given).encoder_sizes(inputs) == sizes


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
def test_numpy_says_what_torch_says(activation: str) -> None:
    encoder = made(activation=activation, encoder_steps=5)
    rows = low_rank(200)
    encoder.remember(rows)
    encoder.fit(np.random.default_rng(0))
    function = getattr(torch, activation)
    with torch.no_grad():
        values = torch.tensor(rows)
        for n, (weight, offset) in enumerate(encoder.network.layers):
            values = torch.nn.functional.linear(values, torch.tensor(weight), torch.tensor(offset))
            values = values if n == 3 else function(values)
            if n == 1:
                np.testing.assert_allclose(encoder(rows), values.numpy(), atol=1e-6)
                np.testing.assert_allclose(code(encoder.synchronised, rows, activation), values.numpy(), atol=1e-6)
        np.testing.assert_allclose(encoder.rebuilt(rows), values.numpy(), atol=1e-6)
        np.testing.assert_allclose(encoder.network(rows).numpy(), values.numpy(), atol=1e-6)


# ---------------------------------------------------------------------- Algorithm 1


def test_only_inputs_with_an_error_above_the_threshold_are_remembered_the_oldest_leave() -> None:
    rows = low_rank(40)
    errors = made().errors(rows)
    threshold = float(np.median(errors))
    encoder = made(error_threshold=threshold, encoder_memory=8)
    for first in range(0, 40, 5):
        encoder.remember(rows[first : first + 5])
    entered = rows[errors > threshold]
    assert encoder.count == len(entered) == 20
    np.testing.assert_array_equal(np.sort(encoder.rows[:, 0]), np.sort(entered[-8:, 0]))


def test_more_inputs_at_once_than_the_memory_holds_leave_the_last_ones() -> None:
    encoder, rows = made(error_threshold=0.0, encoder_memory=8), low_rank(30)
    encoder.remember(rows)
    np.testing.assert_array_equal(np.sort(encoder.rows[:, 0]), np.sort(rows[-8:, 0]))


def test_the_error_is_the_accuracy_turned_round_taken_on_h() -> None:
    """h runs from the least to the greatest logarithm of the first instances; the documented accuracy is taken on z.

    Both scales are straight lines in the logarithm of the gain, and reconstructions the same; but their zeros differ, and
    so do errors over sums.
    """
    stream = channels(300)
    inputs = Inputs.fit(stream, (), "log")
    settings = OjrsSettings(encoder="2r-sae")
    encoder = Autoencoder((8, 6, 4), UnitScale.fit(inputs, stream), settings, np.random.default_rng(0))
    rows = inputs(stream)
    logs, given = (values * inputs.spread + inputs.offset for values in (rows, encoder.rebuilt(rows)))
    least, greatest = logs[:256].min(), logs[:256].max()
    on_h = Kept.of((logs - least) / (greatest - least), (given - least) / (greatest - least), 2)
    on_z = Kept.of(channel_feature(np.exp(logs) / 1e-8), channel_feature(np.exp(given) / 1e-8), 2)
    error = float(encoder.errors(rows).mean())
    assert error == pytest.approx(1.0 - on_h.accuracy, rel=1e-4)
    assert abs(error - (1.0 - on_z.accuracy)) > 0.1 * error
    assert on_z.explained == pytest.approx(on_h.explained, rel=1e-9)


def test_what_is_compressible_is_compressed_and_nothing_changes_between_fits() -> None:
    settings: dict[str, Any] = {"encoder_steps": 600, "encoder_rate": 0.005, "weight_decay": 0.0, "relative_weight": 0.0}
    encoder, rows, fresh = made(**settings), low_rank(500), low_rank(200, seed=1)
    before = encoder(fresh)
    encoder.remember(rows)
    np.testing.assert_array_equal(encoder(fresh), before)
    assert Kept.of(fresh, encoder.rebuilt(fresh), 2).explained < 0.5
    encoder.fit(np.random.default_rng(0))
    assert (encoder(fresh) != before).any()
    assert Kept.of(fresh, encoder.rebuilt(fresh), 2).explained > 0.9


def test_a_fit_without_anything_remembered_changes_nothing() -> None:
    encoder = made()
    before = [array.copy() for layer in encoder.network.layers for array in layer]
    encoder.fit(np.random.default_rng(0))
    for one, other in zip(before, (array for layer in encoder.network.layers for array in layer), strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_encoder_that_is_restored_goes_on_as_if_nothing_had_happened() -> None:
    first, second, rows = made(encoder_steps=7), made(encoder_steps=7, seed=5), low_rank(60)
    first.remember(rows[:30])
    first.fit(np.random.default_rng(0))
    first.remember(rows[30:40])
    second.restore({name: value.copy() for name, value in first.state().items()})
    for encoder in (first, second):
        encoder.remember(rows[40:])
        encoder.fit(np.random.default_rng(1))
    for name, value in first.state().items():
        np.testing.assert_array_equal(value, second.state()[name], err_msg=name)


# ---------------------------------------------------------------------- measures


def test_the_feature_is_0_at_minus_20_decibel_and_1_at_40() -> None:
    np.testing.assert_allclose(channel_feature(np.array([0.01, 1.0, 1e4])), [0.0, 1.0 / 3.0, 1.0])


def test_the_mean_explains_nothing_and_as_many_components_as_numbers_everything() -> None:
    stream = channels(400)
    h = channel_feature(stream.channel_gain / 1e-8).reshape(400, -1)
    mean, part, whole = (Kept.of(h, given, 2) for given in (by_mean(h, h), by_components(h, h, 4), by_components(h, h, 8)))
    assert mean.explained == pytest.approx(0.0, abs=1e-12)
    assert [whole.accuracy, whole.explained, whole.best_server] == pytest.approx([1.0, 1.0, 1.0])
    assert 0.4 < part.explained < 0.7  # half of what is independent
    assert mean.accuracy < part.accuracy < 1.0
    assert mean.best_server < part.best_server


def test_accuracy_and_best_server_by_hand() -> None:
    found = Kept.of(SHOWN, GIVEN, 2)
    assert found.accuracy == pytest.approx(1.0 - (0.35 / 1.35 + 0.5 / 1.5) / 2)
    assert found.best_server == 0.5


def test_no_projection_of_the_same_size_is_better_than_the_components() -> None:
    rows = low_rank(300, rank=8)
    best = Kept.of(rows, by_components(rows, rows, 3), 2).explained
    basis, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(8, 3)))
    mean = rows.mean(axis=0)
    assert Kept.of(rows, mean + (rows - mean) @ basis @ basis.T, 2).explained < best
