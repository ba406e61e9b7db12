"""What came later to offloading on many servers: the power of own processors, (7) and (8), and distances."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mecopt
from mecopt import InstanceError, Status
from mecopt.data import digest, load, save
from mecopt.models import MultiServerOffloading

LATER = ("capacitance", "power_exponent", "max_local_power", "distance")


def sample(preset: str, count: int = 20, **fields: Any) -> MultiServerOffloading:
    return MultiServerOffloading.sample(np.random.default_rng(5), (count,), preset=preset, **fields)


# ---------------------------------------------------------------------- the power of own processors


@given(speed=st.floats(1e6, 1e10), power=st.floats(1e-3, 10.0), kappa=st.floats(1e-29, 1e-25), v=st.floats(1.0, 3.5))
def test_the_own_speed_is_the_greatest_within_speed_and_power(speed: float, power: float, kappa: float, v: float) -> None:
    one = MultiServerOffloading(
        channel_gain=[[1e-8]], local_speed=speed, capacitance=kappa, power_exponent=v, max_local_power=power
    )
    own = float(one.own_speed()[0])
    assert own <= speed
    assert kappa * own**v <= power * (1.0 + 1e-12)
    assert own == speed or kappa * own**v == pytest.approx(power, rel=1e-12)
    alone = mecopt.allocate(one, [0])
    assert float(alone.objective) == pytest.approx(1e9 / own, rel=1e-12)
    assert alone.status is Status.OPTIMAL


def test_the_papers_numbers_change_nothing_in_its_setting() -> None:
    plain = sample("paper")
    printed = replace(plain, capacitance=1e-27, power_exponent=3.0, max_local_power=plain.max_power)
    before, after = mecopt.solve(plain), mecopt.solve(printed)
    np.testing.assert_allclose(after.objective, before.objective, rtol=1e-14)
    np.testing.assert_array_equal(after.decision, before.decision)


def test_power_binds_in_the_setting_that_is_about_it_and_more_of_it_never_costs_more() -> None:
    batch = sample("power-limited", users=8)
    slower = batch.own_speed() < batch.local_speed
    assert 0.3 < slower.mean() < 0.9
    costs = [mecopt.solve(replace(batch, max_local_power=part * batch.max_local_power)).objective for part in (0.5, 1, 2)]
    free = mecopt.solve(replace(batch, max_local_power=None)).objective
    for dear, cheap in zip(costs, [*costs[1:], free], strict=True):
        assert (cheap <= dear * (1.0 + 1e-12)).all()
        assert (cheap < dear * (1.0 - 1e-6)).any()


def test_a_deadline_counts_at_the_own_speed() -> None:
    one = MultiServerOffloading(channel_gain=[[1e-7]], capacitance=1e-27, max_local_power=0.125, deadline=1.9)
    assert float(one.own_speed()[0]) == pytest.approx(5e8, rel=1e-12)
    assert mecopt.solve(one).decision.tolist() == [1]
    late = mecopt.allocate(one, [0], throw=False)
    assert late.status is Status.INFEASIBLE
    assert mecopt.allocate(replace(one, deadline=2.0), [0]).status is Status.OPTIMAL


def test_a_processor_without_power_computes_nothing_and_is_named() -> None:
    one = MultiServerOffloading(channel_gain=[[1e-7], [1e-7]], capacitance=1e-27, max_local_power=[0.0, 1.0])
    assert mecopt.solve(one).decision[0] == 1
    with pytest.raises(mecopt.SolveFailed, match="user 0, local, computes nothing: max_local_power is 0"):
        mecopt.allocate(one, [0, 1])
    stuck = replace(one, channel_gain=np.zeros((2, 1)))
    with pytest.raises(mecopt.SolveFailed, match="user 0 has no place: max_local_power is 0, and it has no link"):
        mecopt.solve(stuck)
    assert (
        mecopt.solve(replace(one, capacitance=0.0)).objective == mecopt.solve(replace(one, max_local_power=None)).objective
    )


def test_a_power_of_the_speed_below_1_is_refused() -> None:
    with pytest.raises(InstanceError, match=r"power_exponent\[1\] is 0.5; allowed: finite numbers >= 1"):
        MultiServerOffloading(channel_gain=[[1e-7], [1e-7]], power_exponent=[3.0, 0.5])


# ---------------------------------------------------------------------- files


@pytest.mark.parametrize("suffix", [".json", ".npz", ".csv", ".parquet"])
def test_files_keep_the_fields(suffix: str, tmp_path: Path) -> None:
    problem = sample("power-limited", users=4)
    save(tmp_path / f"some{suffix}", problem)
    again = load(tmp_path / f"some{suffix}").problem
    for name in LATER:
        np.testing.assert_array_equal(getattr(again, name), getattr(problem, name))
    assert digest(again) == digest(problem)


def test_a_file_of_before_is_read_and_called_what_it_was_called(tmp_path: Path) -> None:
    """The name is what mecopt said before there were these fields."""
    file = tmp_path / "before.json"
    file.write_text(json.dumps({"problem": "multi-server-offloading", "channel_gain": [[1e-7, 1e-8]]}))
    problem: Any = load(file).problem
    assert digest(problem) == "3406ee0928201f3e"
    assert digest(replace(problem, capacitance=1e-27)) != digest(problem) != digest(replace(problem, distance=3.0))


def test_the_schema_knows_the_fields() -> None:
    known = mecopt.data.schema(MultiServerOffloading)["properties"]
    assert set(LATER) <= set(known)
    assert '"minimum": 1.0' in json.dumps(known["power_exponent"])


# ---------------------------------------------------------------------- the nearest server


def test_everyone_goes_to_the_nearest_server_and_the_largest_tasks_stay_where_places_are_short() -> None:
    batch = sample("heterogeneous", users=7, admission=2)
    found = mecopt.solve(batch, solver="nearest-server").decision
    for one, decision in zip(batch, found, strict=True):
        expected = np.zeros(7, dtype=int)
        for j in range(one.servers):
            mine = [i for i in range(7) if min(range(one.servers), key=lambda k: one.distance[i, k]) == j]
            for i in sorted(mine, key=lambda i: one.workload[i])[:2]:
                expected[i] = j + 1
        assert decision.tolist() == expected.tolist()
    assert (found == 0).any()


def test_a_server_that_is_off_or_not_linked_is_not_near() -> None:
    one = MultiServerOffloading(
        channel_gain=[[1e-8, 1e-8, 0.0], [0.0, 0.0, 0.0]],
        server_speed=[0.0, 1e10, 1e10],
        distance=[["1 m", "2 km", "3 m"]] * 2,
    )
    assert mecopt.solve(one, solver="nearest-server").decision.tolist() == [2, 0]


def test_places_of_the_setting_are_those_of_its_gains() -> None:
    """Of the channel gains over many slots the mean square is the law's, (11): beta_0^2 / max(R, 1)^4."""
    batch = sample("paper", 4000)
    law = (1e-5 / np.maximum(batch.distance[0], 1.0) ** 2) ** 2
    np.testing.assert_allclose((batch.channel_gain**2).mean(axis=0), law, rtol=0.15)
    assert np.array_equal(batch.distance[0], batch.distance[-1])


def test_without_distances_the_nearest_server_is_refused_by_field() -> None:
    one = MultiServerOffloading(channel_gain=[[1e-7, 1e-8], [1e-7, 1e-8]], distance=[[3.0, 4.0], [None, 2.0]])
    with pytest.raises(InstanceError, match="needs the field distance, which is not given for user 1 and server 1; allowed"):
        mecopt.solve(one, solver="nearest-server")
    assert mecopt.solve(one).status is Status.OPTIMAL
