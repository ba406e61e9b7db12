"""Limits that are missing, in files: infinity in memory, null in JSON, in units or without."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from mecopt import InstanceError
from mecopt.data import from_mapping, load, save, schema
from mecopt.models import MultiServerOffloading


def strict(path: Path) -> dict[str, Any]:
    """Read JSON as others do, who know no Infinity."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    document = json.loads(path.read_text(), parse_constant=refuse)
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize("suffix", [".json", ".npz"])
@pytest.mark.parametrize("shape", [(), (2,)])
def test_limits_that_are_missing_anywhere_everywhere_or_nowhere_survive_the_file(
    shape: tuple[int, ...], suffix: str, tmp_path: Path
) -> None:
    limited = MultiServerOffloading.sample(np.random.default_rng(0), shape, preset="limited", users=3, servers=2)
    deadline = limited.deadline.copy()
    deadline[..., 1] = np.inf
    instances = dataclasses.replace(limited, deadline=deadline, most_speed=np.full(deadline.shape, np.inf), admission=np.inf)
    save(tmp_path / f"x{suffix}", instances, provenance={})
    for name, value in load(tmp_path / f"x{suffix}").problem.data().items():
        np.testing.assert_array_equal(value, instances.data()[name], err_msg=name, strict=True)


def test_a_missing_limit_is_null_in_json_and_nothing_else_is(tmp_path: Path) -> None:
    instances = MultiServerOffloading(
        channel_gain=np.full((3, 2), 1e-8), admission=[2.0, np.inf], deadline=[1.0, np.inf, 2.0]
    )
    save(tmp_path / "x.json", instances, provenance={})
    written = strict(tmp_path / "x.json")
    assert written["admission"] == [2.0, None]
    assert written["deadline"] == [1.0, None, 2.0]
    assert written["most_speed"] is None
    assert [name for name, value in written.items() if "null" in json.dumps(value)] == [
        "admission",
        "most_speed",
        "deadline",
        "max_local_power",
        "distance",
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, [np.inf, np.inf]),
        ([None, None], [np.inf, np.inf]),
        ([3, None], [3.0, np.inf]),
        ({"value": None, "unit": "ms"}, [np.inf, np.inf]),
        ({"value": [None, 500], "unit": "ms"}, [np.inf, 0.5]),
        ({"value": [[1, None], [None, 2.5]], "unit": "ms"}, [[1e-3, np.inf], [np.inf, 2.5e-3]]),
    ],
    ids=repr,
)
def test_null_means_that_there_is_no_limit_with_and_without_a_unit(value: Any, expected: Any) -> None:
    document = {"problem": "multi-server-offloading", "channel_gain": [[1e-8], [2e-8]], "deadline": value}
    jsonschema.validate(document, schema(MultiServerOffloading))
    found = from_mapping(document)
    assert isinstance(found, MultiServerOffloading)
    np.testing.assert_allclose(found.deadline, expected, rtol=1e-14)


@pytest.mark.parametrize("bad", [True, "3", -1.0, float("nan"), 10**400, {}, [1.0, 2.0]], ids=lambda bad: str(bad)[:9])
@pytest.mark.parametrize("unit", [None, "ms"])
def test_among_nulls_what_is_no_number_is_refused(bad: Any, unit: str | None) -> None:
    value: Any = [bad, None] if unit is None else {"value": [bad, None], "unit": unit}
    with pytest.raises(InstanceError, match=r"MultiServerOffloading\.deadline"):
        from_mapping({"problem": "multi-server-offloading", "channel_gain": [[1e-8], [2e-8]], "deadline": value})


@pytest.mark.parametrize("endless", [None, np.inf])
@pytest.mark.parametrize("unit", ["dBm", "dBW", "mW", "W"])
def test_a_limit_in_any_unit_may_be_missing_in_some_instances(endless: float | None, unit: str) -> None:
    level = {"dBm": 20.0, "dBW": -10.0, "mW": 100.0, "W": 0.1}[unit]
    said = {"channel_gain": [[1e-7, 1e-8]] * 2, "interference_limit": {"value": [level, endless], "unit": unit}}
    found = from_mapping(said, "priced-power").data()["interference_limit"]
    np.testing.assert_allclose(found, [0.1, np.inf], rtol=1e-12)
    with pytest.raises(InstanceError, match="max_power"):
        from_mapping({**said, "max_power": {"value": [level, np.inf], "unit": unit}}, "priced-power")


def test_a_column_in_decibels_may_lack_a_limit(tmp_path: Path) -> None:
    rows = "instance;channel_gain;interference_limit [dBm]\n1;1e-7;-90,5\n2;1e-7;inf\n"
    (tmp_path / "x.csv").write_text(rows, encoding="utf-8")
    found = load(tmp_path / "x.csv", "priced-power").problem.data()["interference_limit"]
    np.testing.assert_allclose(found, [10**-12.05, np.inf], rtol=1e-12)
