"""What a network sees: which fields, on which scale, and what is said of those it does not see."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from mecopt import InstanceError, UnknownName
from mecopt.data.stream import changed
from mecopt.learners.inputs import LOOKED_AT, Inputs
from mecopt.models import BinaryOffloading, ComputationRate, MultiServerOffloading
from mecopt.storage.trained import Trained


def slots(count: int = 50, users: int = 3, **more: Any) -> BinaryOffloading:
    return BinaryOffloading.sample(np.random.default_rng(4), (count,), users=users, **more)


def test_the_fields_that_vary_are_the_inputs_and_the_others_are_recorded() -> None:
    paper, mixed = Inputs.fit(slots()), Inputs.fit(slots(preset="heterogeneous"))
    assert paper.names == ("data_size",)
    assert paper.constants["energy_weight"] == 1.0
    assert mixed.names == ("data_size", "upload_rate", "local_rate", "upload_power", "waiting_power", "local_power")
    assert mixed.constants == {"capacity": 9.0, "energy_weight": 1.0}


def test_a_constant_that_differs_between_users_is_recorded_per_user() -> None:
    inputs = Inputs.fit(ComputationRate.sample(np.random.default_rng(0), (20,), users=3))
    assert inputs.names == ("channel_gain",)
    assert inputs.constants["weight"] == [1.0, 1.5, 1.0]
    assert inputs.constants["bandwidth"] == 2e6


def test_inputs_are_fields_side_by_side_in_order_one_number_for_a_field_of_the_instance() -> None:
    stream = slots(capacity=np.linspace(20.0, 40.0, 50))
    rows = Inputs.fit(stream, ("capacity", "data_size"), "raw")(stream)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, np.column_stack([stream.capacity, stream.data_size]), rtol=1e-7)


def test_standard_inputs_have_mean_0_and_spread_1_over_the_first_instances() -> None:
    stream = slots(2 * LOOKED_AT)
    inputs = Inputs.fit(stream)
    head = inputs(stream[:LOOKED_AT])
    np.testing.assert_allclose(head.mean(axis=0), 0.0, atol=1e-6)
    np.testing.assert_allclose(head.std(axis=0), 1.0, atol=1e-6)
    expected = (stream.data_size - stream.data_size[:256].mean(axis=0)) / stream.data_size[:256].std(axis=0)
    np.testing.assert_allclose(inputs(stream), expected, rtol=1e-5, atol=1e-6)


def test_log_inputs_are_standardised_logarithms() -> None:
    stream = ComputationRate.sample(np.random.default_rng(0), (200,), users=3)
    rows = np.log(stream.channel_gain)
    expected = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    np.testing.assert_allclose(Inputs.fit(stream, (), "log")(stream), expected, rtol=1e-5, atol=1e-5)


def test_an_entry_that_does_not_vary_is_not_divided_by_zero() -> None:
    tasks = slots().data_size.copy()
    tasks[:, 1] = 7.0
    rows = Inputs.fit(BinaryOffloading(data_size=tasks))(BinaryOffloading(data_size=tasks))
    np.testing.assert_array_equal(rows[:, 1], 0.0)


def test_the_shape_of_the_batch_does_not_matter() -> None:
    stream = slots(24)
    shaped = BinaryOffloading(**{n: v.reshape((4, 6, *v.shape[1:])) for n, v in stream.data().items()})
    inputs = Inputs.fit(stream)
    np.testing.assert_array_equal(inputs(shaped), inputs(stream))
    np.testing.assert_array_equal(inputs(stream[3]), inputs(stream)[3:4])


def test_numbers_far_beyond_the_training_stay_finite() -> None:
    for scaling in ("standard", "log", "raw"):
        rows = Inputs.fit(slots(), (), scaling)(BinaryOffloading(data_size=[[1e200, 1e-200, 1e60]]))
        assert np.isfinite(rows).all()


def test_a_gain_of_zero_is_seen_as_the_least_of_the_training() -> None:
    stream = ComputationRate.sample(np.random.default_rng(0), (200,), users=3)
    inputs, least = Inputs.fit(stream, (), "log"), float(stream.channel_gain.min())
    weakest, absent = (inputs(ComputationRate(channel_gain=[gain, 1e-6, 1e-6])) for gain in (least, 0.0))
    np.testing.assert_array_equal(absent, weakest)


def test_what_cannot_be_seen_is_refused() -> None:
    with pytest.raises(UnknownName, match="did you mean 'data_size'"):
        Inputs.fit(slots(), ("data_sise",))
    with pytest.raises(InstanceError, match="allowed: standard, log, raw"):
        Inputs.fit(slots(), (), "logarithmic")
    with pytest.raises(InstanceError, match="nothing to learn from"):
        Inputs.fit(BinaryOffloading(data_size=np.ones((9, 3))))
    with pytest.raises(InstanceError, match="data_size has zeros"):
        Inputs.fit(changed(slots(), [(4, {"users_off": 1})]), (), "log")


def test_fields_with_other_values_than_in_training_are_told() -> None:
    inputs = Inputs.fit(slots())
    assert inputs.differences(slots(7, energy_weight=1.0 + 1e-12)) == []
    (text,) = inputs.differences(changed(slots(), [(9, {"energy_weight": 3.0})]))
    assert text == "energy_weight was 1 in all of its training and is 3 here"
    rates = Inputs.fit(ComputationRate.sample(np.random.default_rng(0), (20,), users=2))
    one = ComputationRate(channel_gain=[1e-6, 2e-6], weight=[1.0, 2.0])
    assert rates.differences(one) == ["weight was [1.0, 1.5] in all of its training and is 2 here"]


def test_a_constant_of_zero_is_compared_too() -> None:
    inputs = Inputs.fit(slots(local_power=0.0))
    assert inputs.differences(slots(local_power=0.0)) == []
    assert len(inputs.differences(slots(local_power=1e-3))) == 1


def test_fields_of_users_and_servers_stand_side_by_side_user_by_user() -> None:
    stream = MultiServerOffloading.sample(np.random.default_rng(0), (20,), users=3, servers=2)
    inputs = Inputs.fit(stream, (), "raw")
    assert (inputs.names, inputs.size(stream)) == (("channel_gain",), 6)
    np.testing.assert_allclose(inputs(stream), stream.channel_gain.reshape(20, 6), rtol=1e-6)


def test_limits_that_do_not_exist_are_constants_like_any_other() -> None:
    stream = MultiServerOffloading.sample(np.random.default_rng(0), (20,), users=3, servers=2)
    inputs = Inputs.fit(stream)
    assert inputs.constants["deadline"] == np.inf
    assert inputs.written_constants()["deadline"] == "unlimited"
    assert inputs.differences(stream) == []
    data = {name: value for name, value in stream.data().items() if name != "deadline"}
    (text,) = inputs.differences(MultiServerOffloading(**data, deadline=9.0))
    assert text == "deadline was inf in all of its training and is 9 here"


def test_an_input_that_is_infinite_in_places_is_refused() -> None:
    count = 2 * LOOKED_AT
    gain = MultiServerOffloading.sample(np.random.default_rng(0), (count,), users=3).channel_gain
    limits = np.random.default_rng(0).uniform(8.0, 9.0, (count, 3))
    for first in (10, LOOKED_AT + 10):
        open_ended = MultiServerOffloading(
            channel_gain=gain, deadline=np.where(np.arange(count)[:, None] < first, limits, np.inf)
        )
        with pytest.raises(InstanceError, match="deadline is infinite in places"):
            Inputs.fit(open_ended)
        assert Inputs.fit(open_ended, ("channel_gain",)).constants["deadline"] is None


def test_a_field_that_varied_unseen_is_no_constant_and_is_told() -> None:
    late = Inputs.fit(changed(slots(2 * LOOKED_AT), [(LOOKED_AT + 9, {"energy_weight": 3.0})]))
    assert late.names == ("data_size",)
    assert late.constants["energy_weight"] is None
    left_out = Inputs.fit(slots(preset="heterogeneous"), ("data_size",))
    for inputs in (late, left_out):
        assert any("varied in its training, but is none of its inputs" in text for text in inputs.differences(slots()))


# ---------------------------------------------------------------------- fields that came later, and fields no formula reads


def saved(inputs: Inputs, **sizes: int) -> Trained:
    card = {"problem": "multi-server-offloading", **sizes, "inputs": list(inputs.names), "scaling": inputs.scaling}
    return Trained({**card, "constants": inputs.written_constants(), "ranges": dict(inputs.ranges)}, inputs.arrays())


def test_a_policy_that_is_older_than_a_field_is_read_as_of_its_default() -> None:
    stream = MultiServerOffloading.sample(np.random.default_rng(0), (20,), users=3)
    stored = saved(Inputs.fit(stream), users=3, servers=2)
    for name in ("capacitance", "power_exponent", "max_local_power"):
        del stored.card["constants"][name]
    inputs = Inputs.from_trained(stored)
    assert inputs.differences(stream) == []
    slow = dataclasses.replace(stream, capacitance=1e-27, max_local_power=0.1)
    assert [text.split()[0] for text in inputs.differences(slow)] == ["capacitance", "max_local_power"]
    del stored.card["constants"]["deadline"]
    with pytest.raises(InstanceError, match="inputs and constants are"):
        Inputs.from_trained(stored)


def test_distances_are_seen_where_they_are_named_and_else_nothing_is_said_of_them() -> None:
    stream = MultiServerOffloading.sample(np.random.default_rng(0), (20,), users=3, preset="heterogeneous")
    inputs = Inputs.fit(stream)
    assert "distance" not in {*inputs.names, *inputs.constants}
    unknown = dataclasses.replace(stream, distance=np.inf)
    assert Inputs.from_trained(saved(inputs, users=3, servers=3)).differences(unknown) == []
    assert Inputs.fit(stream, ("channel_gain", "distance")).size(stream) == 18
