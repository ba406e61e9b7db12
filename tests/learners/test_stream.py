"""Streams: changes take hold where they say, passes show every instance once, and what is kept back stays unseen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mecopt import InstanceError, UnknownName
from mecopt.data.stream import changed as of_problem
from mecopt.data.stream import kept_back, passes
from mecopt.models import BinaryOffloading, ComputationRate, MultiServerOffloading


def changed(stream: BinaryOffloading, changes: list[tuple[int, dict[str, float]]]) -> Any:
    return of_problem(stream, changes)


@pytest.fixture
def stream() -> BinaryOffloading:
    return BinaryOffloading.sample(np.random.default_rng(0), (8,), users=3)


def test_a_stream_without_changes_is_the_same(stream: BinaryOffloading) -> None:
    again = changed(stream, [])
    for name, value in stream.data().items():
        np.testing.assert_array_equal(value, again.data()[name])


def test_a_change_holds_from_its_instance_until_the_next_in_any_order(stream: BinaryOffloading) -> None:
    found = changed(stream, [(5, {"energy_weight": 1.0}), (2, {"energy_weight": 3.0})])
    np.testing.assert_array_equal(found.energy_weight, np.repeat([1.0, 3.0, 1.0], [2, 3, 3])[:, None] * np.ones(3))
    np.testing.assert_array_equal(found.data_size, stream.data_size)
    assert (stream.energy_weight == 1.0).all()


def test_a_change_of_a_field_of_the_instance(stream: BinaryOffloading) -> None:
    assert changed(stream, [(6, {"capacity": 12.0})]).capacity.tolist() == [30.0] * 6 + [12.0] * 2


def test_users_who_are_off_have_no_task_and_come_back_with_their_own(stream: BinaryOffloading) -> None:
    found = changed(stream, [(2, {"users_off": 2}), (4, {"users_off": 1}), (6, {"users_off": 0})])
    off = np.array([0, 0, 2, 2, 1, 1, 0, 0])
    expected = np.where(np.arange(3) < off[:, None], 0.0, stream.data_size)
    np.testing.assert_array_equal(found.data_size, expected)


@pytest.mark.parametrize("first", [1, 3])
def test_users_off_and_a_change_of_their_tasks_do_not_undo_each_other(stream: BinaryOffloading, first: int) -> None:
    found = changed(stream, [(first, {"data_size": 10.0}), (2, {"users_off": 1}), (6, {"users_off": 0})])
    tasks = stream.data_size.copy()
    tasks[first:] = 10.0
    tasks[2:6, 0] = 0.0
    np.testing.assert_array_equal(found.data_size, tasks)


@pytest.mark.parametrize("number", [-1, 8])
def test_a_change_outside_of_the_stream_is_refused(stream: BinaryOffloading, number: int) -> None:
    with pytest.raises(InstanceError, match="allowed: 0 to 7"):
        changed(stream, [(number, {"energy_weight": 2.0})])


@pytest.mark.parametrize("value", [-1.0, 4.0, 1.5, np.nan, np.inf])
def test_a_senseless_number_of_users_off_is_refused(stream: BinaryOffloading, value: float) -> None:
    with pytest.raises(InstanceError, match=r"users_off is .*; allowed: a whole number from 0 to 3"):
        changed(stream, [(1, {"users_off": value})])


def test_an_unknown_field_and_an_inadmissible_value_are_refused(stream: BinaryOffloading) -> None:
    with pytest.raises(UnknownName, match="did you mean 'energy_weight'"):
        changed(stream, [(1, {"energy_wait": 2.0})])
    with pytest.raises(InstanceError, match="capacity"):
        changed(stream, [(1, {"capacity": -2.0})])


def test_a_task_of_several_fields_is_switched_off_in_all_of_them() -> None:
    stream = MultiServerOffloading.sample(np.random.default_rng(0), (4,), preset="heterogeneous", users=3)
    found = of_problem(stream, [(1, {"users_off": 2})])
    for name in ("workload", "data_size"):
        expected = stream.data()[name].copy()
        expected[1:, :2] = 0.0
        np.testing.assert_array_equal(found.data()[name], expected)
    np.testing.assert_array_equal(found.data()["channel_gain"], stream.channel_gain)


def test_who_is_off_in_a_wireless_powered_network_has_no_channel() -> None:
    frames = ComputationRate.sample(np.random.default_rng(0), (4,), users=2)
    off = of_problem(frames, [(1, {"users_off": 1})]).data()["channel_gain"]
    assert (off[1:, 0] == 0.0).all()
    np.testing.assert_array_equal(off[:, 1], frames.channel_gain[:, 1])
    assert off[0, 0] == frames.channel_gain[0, 0]


def test_every_pass_shows_every_instance_once_in_an_order_of_its_own(stream: BinaryOffloading) -> None:
    seen = passes(stream, 20, np.random.default_rng(3)).data()["data_size"][:, 0]
    for part in (seen[:8], seen[8:16]):
        np.testing.assert_array_equal(np.sort(part), np.sort(stream.data_size[:, 0]))
    assert (seen[:8] != seen[8:16]).any()
    assert len(set(seen[16:])) == 4


def test_fewer_than_a_pass_shows_each_at_most_once(stream: BinaryOffloading) -> None:
    assert len(set(passes(stream, 5, np.random.default_rng(1)).data()["data_size"][:, 0])) == 5


def test_what_is_kept_back_begins_after_the_first_part(stream: BinaryOffloading) -> None:
    assert kept_back(stream, 0.75) == 6
    for split in (0.0, 1.0, -0.5, 1.5, np.nan, 0.01, 0.99):
        with pytest.raises(InstanceError, match="leaves one side empty"):
            kept_back(stream, split)
