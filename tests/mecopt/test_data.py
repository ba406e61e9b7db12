"""Instances in and out: what is written is what is read, whole or not at all, with schema, units and labels."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.io import loadmat, savemat

import mecopt
from mecopt import InstanceError, Problem
from mecopt.data import from_mapping, load, save, schema
from mecopt.models import BinaryOffloading, ComputationRate, MultiServerOffloading

MODELS = [BinaryOffloading, ComputationRate, MultiServerOffloading]
DROO = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "droo" / "data_5.mat"


def draw(cls: type[Problem], shape: tuple[int, ...] = (), users: int = 4) -> Problem:
    return cls.sample(np.random.default_rng(7), shape, users=users)


def assert_same(one: Problem, other: Problem) -> None:
    assert type(one) is type(other)
    assert one.batch_shape == other.batch_shape
    for name, value in one.data().items():
        np.testing.assert_array_equal(value, other.data()[name], err_msg=name, strict=True)


# ---------------------------------------------------------------------- round trips


@pytest.mark.parametrize(
    ("suffix", "shape"),
    [
        *((suffix, shape) for suffix in (".json", ".npz") for shape in ((), (1,), (5,), (2, 3))),
        *((suffix, shape) for suffix in (".csv", ".tsv", ".parquet") for shape in ((), (1,), (5,))),
    ],
)
@pytest.mark.parametrize("cls", MODELS)
def test_what_is_written_is_what_is_read(cls: type[Problem], suffix: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    instances = draw(cls, shape)
    save(tmp_path / f"slots{suffix}", instances, provenance={"seed": 7})
    assert_same(load(tmp_path / f"slots{suffix}").problem, instances)


@settings(max_examples=30, deadline=None)
@given(
    data_size=st.lists(st.floats(0, 1e300), min_size=1, max_size=5),
    capacity=st.one_of(st.floats(1e-300, 1e300), st.lists(st.floats(1e-300, 1e300), min_size=1, max_size=3)),
    suffix=st.sampled_from([".json", ".npz", ".csv", ".parquet"]),
)
def test_every_digit_survives_the_file(data_size: list[float], capacity: float | list[float], suffix: str) -> None:
    instances = BinaryOffloading(data_size=data_size, capacity=capacity)
    with tempfile.TemporaryDirectory() as folder:
        save(Path(folder) / f"x{suffix}", instances, provenance={})
        assert_same(load(Path(folder) / f"x{suffix}").problem, instances)


@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_a_part_of_a_batch_survives_the_file(suffix: str, tmp_path: Path) -> None:
    batch = BinaryOffloading(data_size=[[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]], capacity=[10.0, 20.0, 10.0])
    for number, part in enumerate((batch[0], batch[::2], batch[1:2], batch.flat())):
        save(tmp_path / f"{number}{suffix}", part, provenance={})
        assert_same(load(tmp_path / f"{number}{suffix}").problem, part)


@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_the_file_remembers_where_its_instances_are_from(suffix: str, tmp_path: Path) -> None:
    save(tmp_path / f"slots{suffix}", draw(BinaryOffloading), provenance={"preset": "paper", "seed": 7})
    provenance = load(tmp_path / f"slots{suffix}").provenance
    assert (provenance["preset"], provenance["seed"], provenance["mecopt"]) == ("paper", 7, mecopt.__version__)


def test_a_data_card_stands_beside_the_file_and_says_how_it_was_made(tmp_path: Path) -> None:
    instances = draw(BinaryOffloading, (3,))
    save(tmp_path / "slots.npz", instances, provenance={"preset": "paper", "seed": 7})
    card = (tmp_path / "slots.npz.card.md").read_text()
    for f in dataclasses.fields(instances):
        assert f"| {f.name} | {f.metadata['symbol']} | {f.metadata['unit']} |" in card
    assert "- preset: paper" in card
    assert "- seed: 7" in card
    assert card.endswith("Labels:\n\nnone.\n")


def test_a_hand_written_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"problem": "binary-offloading", "data_size": [1, 2]}', encoding="utf-8-sig")
    assert load(path).problem.users == 2


def test_the_problem_may_be_named_by_the_caller_where_the_file_does_not_tell(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"data_size": [1, 2]}')
    assert isinstance(load(tmp_path / "x.json", "binary-offloading").problem, BinaryOffloading)
    with pytest.raises(InstanceError, match="does not say its problem"):
        load(tmp_path / "x.json")


# ---------------------------------------------------------------------- units in a file


@pytest.mark.parametrize(
    ("field", "value", "unit", "plain"),
    [
        ("capacity", 320, "Mbit/s", 40.0),
        ("capacity", [8000, 16000], "kbit/s", [1.0, 2.0]),
        ("upload_power", 500, "mW", 0.5),
        ("energy_weight", 0.002, "1/mW", 2.0),
        ("local_rate", [1, 2], "GB/s", [1000.0, 2000.0]),
        ("data_size", [[80, 96]], "Mbit", [[10.0, 12.0]]),
    ],
)
def test_a_quantity_with_its_unit_means_the_same_as_the_plain_number(field: str, value: Any, unit: str, plain: Any) -> None:
    base = {"problem": "binary-offloading", "data_size": [1.0, 2.0]}
    measured = from_mapping({**base, field: {"value": value, "unit": unit}})
    expected = from_mapping({**base, field: plain})
    for name, numbers in expected.data().items():
        np.testing.assert_allclose(measured.data()[name], numbers, rtol=1e-14)


# ---------------------------------------------------------------------- schema

VALID: dict[str, list[dict[str, Any]]] = {
    "binary-offloading": [
        {"data_size": [1, 2.5]},
        {"data_size": [0, 0]},
        {"data_size": [[1, 2], [3, 4]], "capacity": [10, 20]},
        {"data_size": [1, 2], "capacity": 30, "local_rate": [3, 4], "upload_power": 0},
        {"data_size": {"value": [8, 16], "unit": "Mbit"}, "capacity": {"value": 1, "unit": "GB/s"}},
        {
            "data_size": ["420 kB", "1 MiB"],
            "capacity": "240 Mbps",
            "upload_power": ["23dBm", "0 dBW"],
            "energy_weight": "5 1/W",
        },
        {"data_size": [1], "$schema": "./schema.json", "provenance": {"by": "hand"}},
    ],
    "computation-rate": [
        {"channel_gain": [6e-6, 1e-5]},
        {"channel_gain": [[6e-6], [1e-5]], "bandwidth": {"value": 2, "unit": "MHz"}},
        {"channel_gain": [6e-6, 1e-5], "weight": [1, 2], "transmit_power": [3, 4, 5]},
    ],
    "multi-server-offloading": [
        {"channel_gain": [[1e-8, 2e-8], [3e-8, 4e-8]]},
        {"channel_gain": [[1e-8]], "server_speed": 1e10, "noise_power": [1e-8]},
        {
            "channel_gain": [[[1e-8, 2e-8]], [[3e-8, 4e-8]]],
            "server_speed": [[1e10, 2e10], [3e10, 4e10]],
            "weight": [[1], [0]],
        },
        {"channel_gain": [[1e-8, 2e-8]], "admission": [0, None], "deadline": [None], "most_speed": None},
        {"channel_gain": [[1e-8, 2e-8]], "server_speed": {"value": [10, 20], "unit": "Gcycle/s"}, "data_size": 0},
        {"channel_gain": [["-80 dB", "−90 dB"]], "server_speed": ["20 GHz", "2×10⁹ cycles/s"], "deadline": ["20 ms"]},
    ],
}
INVALID: dict[str, list[dict[str, Any]]] = {
    "binary-offloading": [
        {},
        {"data_size": []},
        {"data_size": [[]]},
        {"data_size": 3},
        {"data_size": ["ten"]},
        {"data_size": [True]},
        {"data_size": [-1]},
        {"data_size": [1, None]},
        {"data_size": None},
        {"data_size": [1], "capacity": -1},
        {"data_size": [1], "capacity": None},
        {"data_size": [1], "capacity": "30"},
        {"data_size": [1], "capacity": "much"},
        {"data_size": [1, "2"]},
        {"data_size": [1, "2 MB"]},
        {"data_size": [1], "capacity": {"value": 1}},
        {"data_size": [1], "capacity": {"value": 1, "unit": "MB/s", "more": 1}},
        {"data_size": [1], "capacity": {"value": None, "unit": "MB/s"}},
        {"data_size": [1], "capacity": {"value": -1, "unit": "MB/s"}},
        {"data_size": [1], "capcity": 30},
        {"data_size": [1], "problem": "computation-rate"},
        {"data_size": [1], "problem": ["binary-offloading"]},
    ],
    "computation-rate": [
        {},
        {"channel_gain": [-1e-6]},
        {"channel_gain": [1e-6], "weight": -1},
        {"channel_gain": [1e-6], "bandwidth": False},
        {"channel_gain": [1e-6], "data_size": [1]},
    ],
    "multi-server-offloading": [
        {},
        {"channel_gain": 1e-8},
        {"channel_gain": [1e-8, 2e-8]},
        {"channel_gain": [[]]},
        {"channel_gain": [[-1e-8]]},
        {"channel_gain": [[None]]},
        {"channel_gain": [[1e-8]], "server_speed": None},
        {"channel_gain": [[1e-8]], "server_speed": [None]},
        {"channel_gain": [[1e-8]], "least_speed": None},
        {"channel_gain": [[1e-8]], "admission": -1},
        {"channel_gain": [[1e-8]], "deadline": [0]},
        {"channel_gain": [[1e-8]], "most_speed": [True]},
    ],
}


@pytest.mark.parametrize("name", VALID)
def test_the_schema_is_a_valid_schema(name: str) -> None:
    document = schema(mecopt.find_problem(name))
    jsonschema.Draft202012Validator.check_schema(document)
    json.dumps(document, allow_nan=False)


@pytest.mark.parametrize(("name", "document"), [(name, one) for name, many in VALID.items() for one in many])
def test_what_the_schema_allows_is_read(name: str, document: dict[str, Any]) -> None:
    jsonschema.validate({"problem": name, **document}, schema(mecopt.find_problem(name)))
    assert from_mapping({"problem": name, **document}).name == name


@pytest.mark.parametrize(("name", "document"), [(name, one) for name, many in INVALID.items() for one in many])
def test_what_the_schema_forbids_is_refused(name: str, document: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"problem": name, **document}, schema(mecopt.find_problem(name)))
    with pytest.raises(InstanceError):
        from_mapping({"problem": name, **document}, name)


@pytest.mark.parametrize("shape", [(), (3,)])
@pytest.mark.parametrize("cls", MODELS)
def test_a_file_that_mecopt_writes_fits_its_own_schema(cls: type[Problem], shape: tuple[int, ...], tmp_path: Path) -> None:
    save(tmp_path / "x.json", draw(cls, shape), provenance={"seed": 7})
    jsonschema.validate(json.loads((tmp_path / "x.json").read_text()), schema(cls))


# ---------------------------------------------------------------------- .mat with stored optima


def layout(count: int = 3, users: int = 2) -> dict[str, NDArray[Any]]:
    """Lay out instances as the authors do, with a feasible answer that is not optimal: half the frame is harvested."""
    gains = np.random.default_rng(1).uniform(1e-6, 1e-5, (count, users))
    return {
        "input_h": gains,
        "output_mode": np.zeros((count, users), dtype=np.uint8),
        "output_a": np.full((count, 1), 0.5),
        "output_tau": np.zeros((count, users)),
        "output_obj": np.ones((count, 1)),
    }


def test_the_layout_of_the_authors_is_recognised_and_its_labels_are_read(tmp_path: Path) -> None:
    entries = layout()
    savemat(tmp_path / "x.mat", entries)
    data = load(tmp_path / "x.mat")
    assert isinstance(data.problem, ComputationRate)
    np.testing.assert_array_equal(data.problem.channel_gain, entries["input_h"])
    assert data.labels is not None
    np.testing.assert_array_equal(data.labels.decision, entries["output_mode"])
    np.testing.assert_array_equal(data.labels.objective, np.ones(3))
    np.testing.assert_array_equal(data.labels.allocation.as_dict()["harvest_time"], np.full(3, 0.5))
    np.testing.assert_array_equal(data.labels.allocation.as_dict()["offload_time"], entries["output_tau"])
    assert data.provenance == {"file": "x.mat"}


def test_instances_without_labels_are_read_from_the_same_layout(tmp_path: Path) -> None:
    savemat(tmp_path / "x.mat", {"input_h": layout()["input_h"]})
    data = load(tmp_path / "x.mat", "computation-rate")
    assert data.labels is None
    assert data.problem.batch_shape == (3,)


@pytest.mark.parametrize("shape", [(1,), (6,)])
def test_stored_optima_survive_the_file(shape: tuple[int, ...], tmp_path: Path) -> None:
    instances = draw(ComputationRate, shape)
    solution = mecopt.solve(instances)
    save(tmp_path / "x.mat", instances, labels=solution, provenance={"seed": 7})
    data = load(tmp_path / "x.mat")
    assert_same(data.problem, instances)
    assert data.labels is not None
    np.testing.assert_array_equal(data.labels.decision, solution.decision)
    np.testing.assert_array_equal(data.labels.objective, solution.objective)
    for name, values in solution.allocation.as_dict().items():
        np.testing.assert_array_equal(data.labels.allocation.as_dict()[name], values)
    assert set(layout()) <= set(loadmat(tmp_path / "x.mat"))
    assert "made by the solver 'exact'" in (tmp_path / "x.mat.card.md").read_text()


def test_a_file_without_a_place_for_a_field_refuses_to_lose_it(tmp_path: Path) -> None:
    instances = ComputationRate(channel_gain=[[1e-6, 2e-6]], bandwidth=1e6)
    with pytest.raises(InstanceError, match=r"bandwidth differs from its default.*\.npz"):
        save(tmp_path / "x.mat", instances, labels=mecopt.solve(instances), provenance={})
    with pytest.raises(InstanceError, match="labels"):
        save(tmp_path / "x.mat", draw(ComputationRate, (2,)), provenance={})
    with pytest.raises(InstanceError, match=r"no \.mat layout"):
        save(tmp_path / "x.mat", draw(BinaryOffloading, (2,)), provenance={})
    with pytest.raises(InstanceError, match=r"labels are stored in \.npz, \.json, \.mat files, not in '\.csv'"):
        save(tmp_path / "x.csv", instances, labels=mecopt.solve(instances), provenance={})
    with pytest.raises(InstanceError, match="allowed: a solution of these instances"):
        save(tmp_path / "x.npz", instances, labels=mecopt.solve(draw(ComputationRate, (3,))), provenance={})
    with pytest.raises(InstanceError, match="suffix"):
        save(tmp_path / "x.xls", instances, provenance={})
    assert list(tmp_path.iterdir()) == []


def test_the_file_of_the_authors_is_read_with_its_labels() -> None:
    if not DROO.exists():
        pytest.skip(f"{DROO} is not here: the data of the DROO authors lie beside the repository")
    data = load(DROO)
    assert data.problem.users == 5
    assert data.labels is not None
    recomputed = data.problem.objective(data.labels.decision, data.labels.allocation)
    np.testing.assert_allclose(recomputed, data.labels.objective, rtol=1e-6)


# ---------------------------------------------------------------------- whole or not at all


@pytest.mark.parametrize("suffix", [".json", ".npz", ".mat"])
def test_a_write_that_fails_leaves_nothing_behind(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    instances = draw(ComputationRate, (2,))
    labels = mecopt.solve(instances) if suffix == ".mat" else None

    def full(source: Any, target: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        save(tmp_path / f"x{suffix}", instances, labels=labels, provenance={})
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_is_interrupted_leaves_the_old_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "x.npz", draw(BinaryOffloading), provenance={})
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def interrupted(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path / "x.npz", draw(BinaryOffloading, (9,)), provenance={})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    save(tmp_path / "a" / "b" / "x.json", draw(BinaryOffloading), provenance={})
    assert load(tmp_path / "a" / "b" / "x.json").problem.users == 4
