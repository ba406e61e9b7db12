"""MATLAB files: understood whole or refused, whichever way their matrices lie and whichever version they are of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import savemat
from scipy.sparse import csc_matrix

import mecopt
from mecopt import BackendUnavailable, InstanceError
from mecopt.compare import compare
from mecopt.compare.summary import summarise
from mecopt.data import Dataset, load
from mecopt.models import BackscatterFrame, BinaryOffloading, ComputationRate, MultiServerOffloading

Array = NDArray[Any]
GAINS = np.array([[2e-6, 5e-6, 8e-7], [1e-6, 4e-6, 6e-7]])


def read(tmp_path: Path, entries: dict[str, Any], problem: str | None = "computation-rate", **told: Any) -> Dataset:
    savemat(tmp_path / "x.mat", entries)
    return load(tmp_path / "x.mat", problem, **told)


def instances(tmp_path: Path, entries: dict[str, Any], problem: str | None = "computation-rate", **told: Any) -> Any:
    return read(tmp_path, entries, problem, **told).problem


# ---------------------------------------------------------------------- which entries


def test_an_entry_named_like_a_field_is_that_field(tmp_path: Path) -> None:
    """By enumeration of the eight modes outside mecopt: mode 1 1 0 is best where all weights are 1."""
    solution = mecopt.solve(instances(tmp_path, {"input_h": GAINS[:1], "weight": np.ones(3)}))
    assert solution.objective[0] == pytest.approx(745549.1068194341, rel=1e-12)
    assert solution.decision.tolist() == [[1, 1, 0]]


def test_entries_that_are_not_understood_are_all_named_with_their_shapes(tmp_path: Path) -> None:
    foreign = {"input_h": GAINS, "data_queue": np.ones((2, 3)), "rate": np.ones(4), "off_mode": np.eye(2)}
    with pytest.raises(InstanceError, match=r"data_queue \(2 x 3\), rate \(1 x 4\), off_mode \(2 x 2\)") as raised:
        read(tmp_path, foreign)
    assert "--ignore data_queue --ignore rate --ignore off_mode" in str(raised.value)
    ignored = read(tmp_path, foreign, ignore=["data_queue", "rate", "off_mode"])
    np.testing.assert_array_equal(ignored.problem.data()["channel_gain"], GAINS)
    with pytest.raises(InstanceError, match=r"weightt \(1 x 3\); did you mean 'weight'\?"):
        read(tmp_path, {"input_h": GAINS, "weightt": np.ones(3)})


def test_what_is_to_be_ignored_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match=r"to ignore: 'data_queues'; did you mean 'data_queue'"):
        read(tmp_path, {"input_h": GAINS, "data_queue": np.ones(3)}, ignore=["data_queues"])


def test_a_file_of_own_names_says_its_problem_or_is_told(tmp_path: Path) -> None:
    entries = {"data_size": np.array([[10.0, 20.0]]), "capacity": 25.0}
    assert instances(tmp_path, entries, "binary-offloading").capacity.tolist() == [25.0]
    assert instances(tmp_path, {**entries, "problem": "binary-offloading"}, None).name == "binary-offloading"
    with pytest.raises(InstanceError, match=r"may be fields of .*binary-offloading.*--problem"):
        read(tmp_path, entries, None)
    with pytest.raises(InstanceError, match="is of problem 'binary-offloading', not 'computation-rate'"):
        read(tmp_path, {**entries, "problem": "binary-offloading"})


def test_one_field_under_two_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match="input_h and channel_gain both hold 'channel_gain'"):
        read(tmp_path, {"input_h": GAINS, "channel_gain": GAINS})


def test_words_of_a_choice_are_characters(tmp_path: Path) -> None:
    drawn = BackscatterFrame.sample(np.random.default_rng(0), users=2)
    entries = {"channel": drawn.channel, "workload": drawn.workload, "battery": drawn.battery, "mode": "active-enabled"}
    problem = instances(tmp_path, entries, "backscatter-frame")
    np.testing.assert_array_equal(problem.channel, drawn.channel)
    assert problem.mode == BackscatterFrame(**{**entries, "mode": "active-enabled"}).mode  # type: ignore[arg-type]


# ---------------------------------------------------------------------- kinds of values


@pytest.mark.parametrize("kind", [np.float32, np.int32, np.uint8, bool])
def test_numbers_of_every_class_of_matlab_are_numbers(kind: Any, tmp_path: Path) -> None:
    problem = instances(tmp_path, {"input_h": GAINS, "weight": np.ones(3, dtype=kind)})
    np.testing.assert_array_equal(problem.weight, np.ones((2, 3)))


def test_a_sparse_matrix_is_read_in_full(tmp_path: Path) -> None:
    mode = np.array([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    data = read(tmp_path, {"input_h": csc_matrix(GAINS), "output_mode": csc_matrix(mode), "output_obj": np.ones((2, 1))})
    np.testing.assert_array_equal(data.problem.data()["channel_gain"], GAINS)
    assert data.labels is not None
    np.testing.assert_array_equal(data.labels.decision, mode)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"a": 1.0, "b": 2.0}, r"weight is a struct \(a, b\).*'-struct', 'weight'"),
        (np.array([1.0, "x"], dtype=object), "weight is a cell array of 1 x 2.*cell2mat"),
        ("heavy", "weight is 'heavy', which is no number"),
    ],
)
def test_what_is_no_number_is_named_with_what_to_save_instead(value: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match=said):
        read(tmp_path, {"input_h": GAINS, "weight": value})


# ---------------------------------------------------------------------- which way a matrix lies


def test_one_column_is_asked_about(tmp_path: Path) -> None:
    column = {"channel_gain": GAINS.reshape(-1, 1)}
    with pytest.raises(InstanceError, match=r"one column of 6.*--rows users or --rows instances"):
        read(tmp_path, column)
    assert instances(tmp_path, column, rows="users").batch_shape == (1,)
    assert instances(tmp_path, column, rows="users").users == 6
    assert instances(tmp_path, column, rows="instances").channel_gain.shape == (6, 1)


@pytest.mark.parametrize("weight", [np.array([[1.0, 2.0, 3.0]]), np.array([[1.0], [2.0], [3.0]])])
def test_a_vector_of_as_many_entries_as_users_is_one_per_user_however_it_lies(weight: Array, tmp_path: Path) -> None:
    expected = ComputationRate(channel_gain=GAINS, weight=[1.0, 2.0, 3.0])
    for rows, gains in ((None, GAINS), ("instances", GAINS), ("users", GAINS.T)):
        found = instances(tmp_path, {"input_h": gains, "weight": weight}, rows=rows)
        np.testing.assert_array_equal(found.weight, expected.weight)
        np.testing.assert_array_equal(found.channel_gain, GAINS)


@pytest.mark.parametrize(
    "other",
    [
        {"weight": np.ones((3, 1))},
        {"weight": np.ones((1, 3))},
        {"output_mode": np.zeros((3, 5)), "output_obj": np.ones((5, 1))},
        {"output_mode": np.zeros((3, 5)), "output_obj": np.ones((1, 5))},
    ],
)
def test_a_transposed_file_is_told_and_never_guessed(other: dict[str, Array], tmp_path: Path) -> None:
    gains = np.vstack([GAINS, GAINS, GAINS[:1]])
    with pytest.raises(InstanceError, match=r"rows users, 5 instances of 3 users\? Then everything fits: --rows users"):
        read(tmp_path, {"input_h": gains.T, **other})
    data = read(tmp_path, {"input_h": gains.T, **other}, rows="users")
    np.testing.assert_array_equal(data.problem.data()["channel_gain"], gains)
    assert data.labels is None or data.labels.decision.shape == (5, 3)


def test_a_square_leaves_a_vector_uncertain(tmp_path: Path) -> None:
    square: dict[str, Array] = {"input_h": np.vstack([GAINS, GAINS[:1]]), "weight": np.array([[1.0], [2.0], [3.0]])}
    with pytest.raises(InstanceError, match=r"weight has shape 3 x 1: one per user or one per instance\? Say so"):
        read(tmp_path, square)
    told = instances(tmp_path, square, rows="instances")
    np.testing.assert_array_equal(told.weight, [[1.0] * 3, [2.0] * 3, [3.0] * 3])
    told = instances(tmp_path, {**square, "input_h": square["input_h"].T}, rows="users")
    np.testing.assert_array_equal(told.weight, [[1.0, 2.0, 3.0]] * 3)


def test_a_vector_that_fits_nowhere_names_its_shape_and_those_that_fit(tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match=r"weight has shape 1 x 4; allowed: a number, or 3, or 2 x 3 \(2 instances of 3"):
        read(tmp_path, {"input_h": GAINS, "weight": np.ones(4)})
    with pytest.raises(InstanceError, match=r"bandwidth has shape 1 x 4"):
        read(tmp_path, {"input_h": GAINS, "bandwidth": np.full(4, 1e6)})
    assert instances(tmp_path, {"input_h": GAINS, "bandwidth": [1e6, 2e6]}).bandwidth.tolist() == [1e6, 2e6]


@pytest.mark.parametrize("rows", [None, "users", "instances"])
def test_users_and_servers_keep_their_axes(rows: Any, tmp_path: Path) -> None:
    drawn = MultiServerOffloading.sample(np.random.default_rng(0), (4,), users=3, servers=2)
    gains = np.moveaxis(drawn.channel_gain, 0, -1) if rows == "users" else drawn.channel_gain
    data = {"channel_gain": gains, "server_speed": np.array([[1e10], [2e10]])}
    problem = instances(tmp_path, data, "multi-server-offloading", rows=rows)
    np.testing.assert_array_equal(problem.channel_gain, drawn.channel_gain)
    np.testing.assert_array_equal(problem.server_speed, [[1e10, 2e10]] * 4)


# ---------------------------------------------------------------------- answers


def test_modes_alone_are_labels_with_the_best_allocation_of_each(tmp_path: Path) -> None:
    problem = ComputationRate(channel_gain=GAINS)
    mode = np.array([[0, 1, 0], [1, 1, 0]])
    best = mecopt.allocate(problem, mode)
    for entries in ({"output_obj": best.objective[:, None]}, {}):
        data = read(tmp_path, {"input_h": GAINS, "output_mode": mode, **entries})
        assert data.labels is not None
        assert data.labels.allocation is None
        found = compare(data.problem, ["exact", "stored"], out=tmp_path / f"out{len(entries)}", labels=data.labels, jobs=1)
        np.testing.assert_allclose(found.column("stored", "objective"), best.objective, rtol=1e-12)
        assert not found.provenance.get("stored_wrong")


def test_objectives_without_decisions_are_no_labels(tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match="lacks 'output_mode'"):
        read(tmp_path, {"input_h": GAINS, "output_obj": np.ones((2, 1))})


def test_answers_go_by_the_names_of_the_variables_too(tmp_path: Path) -> None:
    problem = BinaryOffloading.sample(np.random.default_rng(1), (3,), users=4)
    solution = mecopt.solve(problem)
    entries = {"data_size": problem.data_size, "decision": solution.decision, **solution.allocation.as_dict()}
    data = read(tmp_path, {**entries, "objective": solution.objective}, "binary-offloading")
    assert data.labels is not None
    np.testing.assert_array_equal(data.labels.decision, solution.decision)
    np.testing.assert_array_equal(data.labels.objective, solution.objective)


@pytest.mark.parametrize(("factor", "wrong"), [(1.0, 0), (1 + 1e-8, 0), (1 + 1e-6, 2)])
def test_recorded_objectives_that_are_not_those_of_the_answers_are_told(factor: float, wrong: int, tmp_path: Path) -> None:
    problem = ComputationRate.sample(np.random.default_rng(0), (20,), users=4)
    best = mecopt.solve(problem)
    recorded = best.objective.copy()
    recorded[[3, 11]] *= [1 + (factor - 1) / 2, factor]
    entries = {"input_h": problem.channel_gain, "output_mode": best.decision, "output_obj": recorded[:, None]}
    data = read(tmp_path, entries)
    found = compare(data.problem, ["exact", "stored"], out=tmp_path / "out", labels=data.labels, jobs=1)
    assert found.provenance["stored_wrong"] == wrong
    said = summarise(found).findings[0]
    assert ("in 2 of 20 instances" in said and "instance 11" in said and "--set" in said) is bool(wrong)


# ---------------------------------------------------------------------- version 7.3


def write_version_73(path: Path, entries: dict[str, Any]) -> None:
    """Write HDF5 as MATLAB does: after 512 bytes of its own, axes reversed, each data set with its class."""
    h5py = pytest.importorskip("h5py", reason="h5py is not installed: the extra that reads MATLAB's version 7.3")
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in entries.items():
            if isinstance(value, csc_matrix):
                group = file.create_group(name)
                group.attrs["MATLAB_class"] = np.bytes_(b"double")
                group.attrs["MATLAB_sparse"] = np.uint64(value.shape[0])
                group["data"], group["ir"], group["jc"] = value.data, value.indices.astype("u8"), value.indptr.astype("u8")
            elif isinstance(value, dict):
                group = file.create_group(name)
                group.attrs["MATLAB_class"] = np.bytes_(b"struct")
                for part, inner in value.items():
                    group[part] = np.atleast_2d(inner)
            elif isinstance(value, bytes):  # an object: its class, and where its content stands
                data = file.create_dataset(name, data=np.array([[0xDD000000, 2, 1, 1, 1, 1]], dtype="u4"))
                data.attrs["MATLAB_class"], data.attrs["MATLAB_object_decode"] = np.bytes_(value), np.int32(3)
            else:
                text = isinstance(value, str)
                array = np.array([[ord(c)] for c in value], dtype="u2") if text else np.atleast_2d(value).T
                kind = b"char" if text else {"f": b"double", "b": b"logical", "O": b"cell"}[array.dtype.kind]
                stored = array.astype("u1") if kind == b"logical" else array
                data = file.create_dataset(name, data=np.zeros(stored.shape, dtype="u8") if kind == b"cell" else stored)
                data.attrs["MATLAB_class"] = np.bytes_(kind)
        file.create_group("#refs#")
    header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Mon Jan  1 00:00:00 2024 HDF5 schema 1.00 ."
    with path.open("r+b") as handle:
        handle.write(header.ljust(116, b" ") + bytes(8) + b"\x00\x02IM")


def test_version_73_says_what_earlier_versions_say(tmp_path: Path) -> None:
    mode = np.array([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    entries = {"problem": "computation-rate", "input_h": GAINS, "weight": np.array([[1.0, 2.0, 3.0]])}
    labels = {"output_mode": csc_matrix(mode), "output_obj": np.array([[3.0], [4.0]])}
    write_version_73(tmp_path / "new.mat", {**entries, **labels})
    savemat(tmp_path / "old.mat", {**entries, **labels})
    new, old = load(tmp_path / "new.mat"), load(tmp_path / "old.mat")
    for name, value in old.problem.data().items():
        np.testing.assert_array_equal(new.problem.data()[name], value, err_msg=name)
    assert new.labels is not None
    assert old.labels is not None
    np.testing.assert_array_equal(new.labels.decision, old.labels.decision)
    np.testing.assert_array_equal(new.labels.objective, old.labels.objective)


def test_axes_of_three_are_turned_too(tmp_path: Path) -> None:
    drawn = MultiServerOffloading.sample(np.random.default_rng(0), (4,), users=3, servers=2)
    write_version_73(tmp_path / "x.mat", {"channel_gain": drawn.channel_gain})
    np.testing.assert_array_equal(load(tmp_path / "x.mat", drawn.name).problem.data()["channel_gain"], drawn.channel_gain)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"a": 1.0}, "weight is a struct"),
        (np.array([1.0, 2.0, 3.0], dtype=object), "weight is a cell array of 1 x 3"),
        ("heavy", "'heavy', which is no number"),
        (b"string", "weight is an object of MATLAB"),
        (b"table", "weight is an object of MATLAB"),
        (b"datetime", "weight is an object of MATLAB"),
        (b"categorical", "weight is an object of MATLAB"),
        (b"function_handle", "weight is an object of MATLAB"),
    ],
)
def test_what_is_no_number_is_named_in_version_73_as_well(value: Any, said: str, tmp_path: Path) -> None:
    write_version_73(tmp_path / "x.mat", {"input_h": GAINS, "weight": value})
    with pytest.raises(InstanceError, match=said):
        load(tmp_path / "x.mat", "computation-rate")


def test_a_damaged_file_of_version_73_is_told(tmp_path: Path) -> None:
    write_version_73(tmp_path / "x.mat", {"input_h": GAINS})
    (tmp_path / "x.mat").write_bytes((tmp_path / "x.mat").read_bytes()[:700])
    with pytest.raises(InstanceError, match=r"damaged, or not a version 7\.3 file"):
        load(tmp_path / "x.mat", "computation-rate")


def test_without_its_reader_version_73_is_named_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(512) + b"\x89HDF\r\n\x1a\n" + bytes(64))
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(BackendUnavailable, match=r"version 7\.3 file: .*mecopt\[matlab\].*-v7"):
        load(tmp_path / "x.mat", "computation-rate")


@pytest.mark.parametrize("suffix", [".mat", ".npz"])
def test_text_with_units_is_read_for_every_field_alike(suffix: str, tmp_path: Path) -> None:
    path, entries = tmp_path / f"x{suffix}", {"data_size": np.array(["12 kB", "1.5 MB"]), "capacity": np.array("240 Mbit/s")}
    save: Any = savemat if suffix == ".mat" else lambda path, entries: np.savez(path, **entries)
    save(path, entries)
    read = load(path, "binary-offloading").problem
    np.testing.assert_allclose(read.data()["data_size"], [0.012, 1.5])
    np.testing.assert_allclose(read.data()["capacity"], 30.0)
    save(path, entries | {"data_size": np.array(["12 kB", "many"])})
    with pytest.raises(InstanceError, match=r"data_size.*no number"):
        load(path, "binary-offloading")


def test_the_symbols_of_a_paper_are_told_the_names_of_the_fields(tmp_path: Path) -> None:
    savemat(tmp_path / "x.mat", {"h": GAINS, "w": np.ones(3), "N0": 1e-10})
    said = "h is the symbol of 'channel_gain', w of 'weight', N0 of 'noise_power': write these names"
    with pytest.raises(InstanceError, match=said):
        load(tmp_path / "x.mat", "computation-rate")


@pytest.mark.parametrize("imaginary", [0.0, 1e-3])
def test_complex_amplitudes_are_no_power_gains(imaginary: float, tmp_path: Path) -> None:
    savemat(tmp_path / "x.mat", {"channel_gain": GAINS + imaginary * 1j})
    with pytest.raises(InstanceError, match=r"channel_gain\[0, 0\] is .*, which is complex.* gain is abs\(h\)\*\*2"):
        load(tmp_path / "x.mat", "computation-rate")
