"""Bad files: what is truncated, foreign, damaged or misspelt is refused by name, and nothing is ever unpickled."""

from __future__ import annotations

import os
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import mecopt
from mecopt import InstanceError, UnknownName
from mecopt.data import load, save
from mecopt.models import BinaryOffloading, ComputationRate, MultiServerOffloading
from mecopt.quantities.settings import field_values

Array = NDArray[Any]


def npz(path: Path, **entries: Any) -> Path:
    header = '{"format": 1, "problem": "binary-offloading", "provenance": {}}'
    np.savez(path, **{"mecopt": np.array(header), **entries})
    return path


@pytest.mark.parametrize("name", ["missing.npz", "missing.json", "folder.npz", "slots.txt", "slots"])
def test_a_file_that_cannot_be_one_is_refused_by_name(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(InstanceError, match=name):
        load(tmp_path / name)


@pytest.mark.parametrize("suffix", [".json", ".npz", ".mat"])
def test_a_truncated_file_is_refused_wherever_it_is_cut(suffix: str, tmp_path: Path) -> None:
    problem = ComputationRate.sample(np.random.default_rng(0), (3,), users=2)
    whole = tmp_path / f"whole{suffix}"
    save(whole, problem, labels=mecopt.solve(problem) if suffix == ".mat" else None, provenance={})
    content = whole.read_bytes()
    for kept in (0, 1, 10, 130, len(content) // 2, len(content) - 40, len(content) - 1):
        part = tmp_path / f"part{suffix}"
        part.write_bytes(content[:kept])
        with pytest.raises(InstanceError, match="part"):
            load(part)


@pytest.mark.parametrize("suffix", [".json", ".npz"])  # scipy's reader of .mat files itself can crash on such damage
def test_a_file_with_flipped_bytes_is_read_or_refused_but_never_crashes(suffix: str, tmp_path: Path) -> None:
    problem = ComputationRate.sample(np.random.default_rng(0), (2,), users=2)
    whole = tmp_path / f"whole{suffix}"
    save(whole, problem, provenance={})
    content, draw, refused = whole.read_bytes(), random.Random(0), 0
    for _ in range(150):
        damaged = bytearray(content)
        for _ in range(5):
            damaged[draw.randrange(len(damaged))] ^= draw.randrange(1, 256)
        (tmp_path / f"part{suffix}").write_bytes(damaged)
        try:
            load(tmp_path / f"part{suffix}")
        except InstanceError:
            refused += 1
    assert refused > 0


@pytest.mark.parametrize("suffix", [".json", ".npz", ".mat"])
@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n" + bytes(500), b"users,size\n1,2\n", b"\x80\x04N."], ids=repr)
def test_a_foreign_file_is_refused(content: bytes, suffix: str, tmp_path: Path) -> None:
    (tmp_path / f"foreign{suffix}").write_bytes(content)
    with pytest.raises(InstanceError, match=r"foreign.*(is not JSON|is damaged or not|holds bytes that are no text)"):
        load(tmp_path / f"foreign{suffix}")


@pytest.mark.parametrize(
    "text",
    ["", "[", "{]", "[" * 100_000, '{"problem": "binary-offloading", "data_size": [' + "9" * 5000 + "]}", "nonsense"],
    ids=lambda text: text[:12] or "empty",
)
def test_text_that_is_no_json_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(InstanceError, match=r"x\.json is not JSON"):
        load(tmp_path / "x.json")


@pytest.mark.parametrize("text", ["3", "[]", '"x"', "null", "true"])
def test_json_that_is_no_object_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(InstanceError, match="an instance is an object of fields"):
        load(tmp_path / "x.json")


@pytest.mark.parametrize(
    "text",
    [
        '{"problem": "binary-offloading", "data_size": [1], "data_size": [2]}',
        '{"problem": "binary-offloading", "data_size": {"value": [1], "value": [2], "unit": "MB"}}',
    ],
)
def test_a_key_that_stands_twice_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(InstanceError, match=r"the key '(data_size|value)' stands twice"):
        load(tmp_path / "x.json")


def test_json_with_a_misspelt_key_says_which_was_meant(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"problem": "binary-offloading", "data_size": [1], "uplod_rate": 3}')
    with pytest.raises(UnknownName, match="'uplod_rate'; did you mean 'upload_rate'"):
        load(tmp_path / "x.json")


def test_a_missing_field_is_named_with_its_meaning_and_unit(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"problem": "binary-offloading", "capacity": 30}')
    with pytest.raises(InstanceError, match="needs the field 'data_size': task data of a user, in MB"):
        load(tmp_path / "x.json")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1", "null", "true", '"30"'])
def test_json_numbers_that_are_none_are_refused_by_field(number: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(f'{{"problem": "binary-offloading", "data_size": [1], "capacity": {number}}}')
    with pytest.raises(InstanceError, match=r"BinaryOffloading\.capacity is"):
        load(tmp_path / "x.json")


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "-1", "0", "true", '"30"', "{}", "[1, true]", "[0, null]"])
@pytest.mark.parametrize("field", ["deadline", "most_speed"])
def test_a_limit_in_json_that_is_no_number_is_refused_by_field(field: str, number: str, tmp_path: Path) -> None:
    text = f'{{"problem": "multi-server-offloading", "channel_gain": [[1e-8], [2e-8]], "{field}": {number}}}'
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(InstanceError, match=rf"MultiServerOffloading\.{field}"):
        load(tmp_path / "x.json")


@pytest.mark.parametrize("named", ["3", '["binary-offloading"]', '{"a": 1}', "true"])
def test_a_problem_that_is_no_name_is_refused(named: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(f'{{"problem": {named}, "data_size": [1]}}')
    with pytest.raises(InstanceError, match=r"problem is .*allowed: one of .*binary-offloading"):
        load(tmp_path / "x.json")


@pytest.mark.parametrize("text", ["3", "null", '"by hand"', "[1]"])
def test_provenance_that_is_no_object_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(f'{{"problem": "binary-offloading", "data_size": [1], "provenance": {text}}}')
    with pytest.raises(InstanceError, match=r"x\.json: provenance is a .*allowed: an object"):
        load(tmp_path / "x.json")


def test_a_file_without_any_instance_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match="holds no instance"):
        load(npz(tmp_path / "x.npz", data_size=np.ones((0, 5))))
    (tmp_path / "x.json").write_text('{"problem": "binary-offloading", "data_size": [1], "capacity": []}')
    with pytest.raises(InstanceError, match="holds no instance"):
        load(tmp_path / "x.json")


def test_an_archive_of_someone_else_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", data_size=np.ones(3))
    with pytest.raises(InstanceError, match=r"data_size \(3\).*say which by --problem"):
        load(tmp_path / "x.npz")
    np.save(tmp_path / "y.npy", np.ones(3))
    (tmp_path / "y.npy").rename(tmp_path / "y.npz")
    with pytest.raises(InstanceError, match="is damaged or not an NPZ file"):
        load(tmp_path / "y.npz")


def test_a_format_of_the_future_is_refused(tmp_path: Path) -> None:
    header = np.array('{"format": 2, "problem": "binary-offloading", "provenance": {}}')
    with pytest.raises(InstanceError, match="format 2; this version of mecopt reads format 1"):
        load(npz(tmp_path / "x.npz", mecopt=header, data_size=np.ones(3)))


@pytest.mark.parametrize("header", ["3", "[]", "{", "{}", "null"])
def test_an_archive_with_a_broken_header_is_refused(header: str, tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match="was not written by mecopt"):
        load(npz(tmp_path / "x.npz", mecopt=np.array(header), data_size=np.ones(3)))


@pytest.mark.parametrize(
    "array", [np.array(["a", "b"]), np.array([b"a"]), np.ones(2, complex), np.ones(2, bool), np.zeros(2, "M8[D]")], ids=str
)
def test_an_archive_of_other_things_than_numbers_is_refused(array: Array, tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match=r"BinaryOffloading\.data_size"):
        load(npz(tmp_path / "x.npz", data_size=array))


class Payload:
    """What an attacker would hide in a file: unpickling it makes a folder."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.marker),)


def test_a_pickle_inside_an_archive_is_refused_and_never_executed(tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    hidden = np.empty(1, dtype=object)
    hidden[0] = Payload(marker)
    with pytest.raises(InstanceError, match="damaged or not an NPZ file of numbers"):
        load(npz(tmp_path / "x.npz", data_size=hidden))
    (tmp_path / "y.npz").write_bytes(pickle.dumps(Payload(marker)))
    with pytest.raises(InstanceError, match="damaged or not an NPZ file"):
        load(tmp_path / "y.npz")
    assert not marker.exists()
    function, arguments = Payload(marker).__reduce__()  # what unpickling would have called
    function(*arguments)
    assert marker.exists()


@pytest.mark.parametrize("missing", ["output_mode", "output_a", "output_tau"])
def test_a_layout_with_half_of_its_labels_is_refused(missing: str, tmp_path: Path) -> None:
    from scipy.io import savemat

    ones = {"input_h": np.full((2, 3), 1e-6), "output_mode": np.zeros((2, 3)), "output_tau": np.zeros((2, 3))}
    entries = {**ones, "output_a": np.ones((2, 1)), "output_obj": np.ones((2, 1))}
    del entries[missing]
    savemat(tmp_path / "x.mat", entries)
    with pytest.raises(InstanceError, match=f"lacks '{missing}'"):
        load(tmp_path / "x.mat")


@pytest.mark.parametrize(
    ("entry", "value", "message"),
    [
        ("output_mode", np.full((2, 3), 2), "decision.* is 2"),
        ("output_mode", np.zeros((2, 4)), "output_mode has shape"),
        ("output_tau", np.array(["text"]), "output_tau .* holds no numbers"),
        ("output_obj", np.array([[np.nan], [1.0]]), "not all finite"),
        ("input_h", np.full((2, 3), -1.0), "channel_gain"),
        ("input_h", np.array(["text"]), "channel_gain"),
    ],
)
def test_a_layout_with_inadmissible_entries_is_refused(entry: str, value: Array, message: str, tmp_path: Path) -> None:
    from scipy.io import savemat

    ones = {"input_h": np.full((2, 3), 1e-6), "output_mode": np.zeros((2, 3)), "output_tau": np.zeros((2, 3))}
    savemat(tmp_path / "x.mat", {**ones, "output_a": np.ones((2, 1)), "output_obj": np.ones((2, 1)), entry: value})
    with pytest.raises(InstanceError, match=message):
        load(tmp_path / "x.mat")


def test_a_matlab_file_of_someone_else_is_refused_with_what_it_holds(tmp_path: Path) -> None:
    from scipy.io import savemat

    savemat(tmp_path / "x.mat", {"weather": np.ones(3)})
    with pytest.raises(InstanceError, match=r"weather.*fit no known layout"):
        load(tmp_path / "x.mat")
    for name in ("computation-rate", "binary-offloading"):
        with pytest.raises(InstanceError, match=r"not understood: weather \(1 x 3\)"):
            load(tmp_path / "x.mat", name)
    with pytest.raises(InstanceError, match="lacks 'input_h'"):
        load(tmp_path / "x.mat", "computation-rate", ignore=["weather"])


@pytest.mark.parametrize(
    "value", ["1e400", "[0.1, 1e400]", '{"value": 1e400, "unit": "s"}', '{"value": [0.1, 1e400], "unit": "ms"}']
)
def test_a_number_too_large_for_a_float_is_no_missing_limit(value: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(f'{{"problem": "multi-server-offloading", "channel_gain": [[1e-8], [1e-9]], "deadline": {value}}}')
    with pytest.raises(InstanceError, match=r"deadline.*1e400"):
        load(path)
    with pytest.raises(InstanceError, match=r"deadline.*1e400"):
        MultiServerOffloading(channel_gain=[[1e-8], [1e-9]], **field_values(MultiServerOffloading, [f"deadline={value}"]))


@pytest.mark.parametrize("value", ["1e400 s", "1e400s", "-1e400"])
def test_a_setting_too_large_for_a_float_is_no_missing_limit(value: str) -> None:
    with pytest.raises(InstanceError, match=r"deadline.*1e400"):
        field_values(MultiServerOffloading, [f"deadline={value}"])


@pytest.mark.parametrize("value", ["30,5", "1'000", "1 000", "1_000", "30,5 MB/s"])
def test_a_setting_with_separators_is_told_how_it_is_written(value: str) -> None:
    with pytest.raises(InstanceError, match=r"--set .capacity=.* write the number with a point and without separators"):
        field_values(BinaryOffloading, [f"capacity={value}"])


def test_an_infinity_that_is_spelt_is_a_missing_limit(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"problem": "multi-server-offloading", "channel_gain": [[1e-8]], "deadline": Infinity}')
    assert load(path).problem.data()["deadline"] == np.inf
    assert field_values(MultiServerOffloading, ["deadline=inf"])["deadline"] == np.inf


def test_brackets_without_end_are_told(tmp_path: Path) -> None:
    for deep in (40, 900, 100_000):
        (tmp_path / "x.json").write_text(
            '{"problem": "binary-offloading", "data_size": ' + "[" * deep + "1" + "]" * deep + "}"
        )
        with pytest.raises(InstanceError, match=r"brackets in more than 32 others|is not JSON"):
            load(tmp_path / "x.json")


def test_lists_of_unequal_depth_are_told_in_a_file_of_ours_too(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(
        '{"problem": "binary-offloading", "data_size": [[1, 2], 3], "provenance": {"mecopt": "0.1.0"}}'
    )
    with pytest.raises(InstanceError, match="data_size"):
        load(tmp_path / "x.json")


def test_a_parquet_file_whose_words_are_damaged_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    save(path, ComputationRate(channel_gain=[1e-6, 2e-6]), provenance={})
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"channel_gain", b"chan\xef\xffl_gain"))
    with pytest.raises(InstanceError, match="no text"):
        load(path, "computation-rate")


def test_a_symbol_that_stands_for_a_field_is_told_its_name_wherever_it_stands(tmp_path: Path) -> None:
    instance = tmp_path / "slot.json"
    instance.write_text('{"problem": "computation-rate", "h": [1e-6]}')
    with pytest.raises(UnknownName, match="'h'; it is the symbol of 'channel_gain'"):
        load(instance)
    with pytest.raises(UnknownName, match="'F_MEC'; it is the symbol of 'server_speed'"):
        field_values(MultiServerOffloading, ["F_MEC=1e9"])
    fields: dict[str, Any] = {"channel_gain": [1e-6], "N0": 1e-10}
    with pytest.raises(UnknownName, match="'N0'; it is the symbol of 'noise_power'"):
        ComputationRate(**fields)
    with pytest.raises(UnknownName, match="'w'; it is the symbol of 'weight'"):
        ComputationRate.sample(np.random.default_rng(0), w=1.0)


@pytest.mark.parametrize("content", ["", "\n \n", "\ufeff"])
def test_a_file_of_json_that_holds_nothing_is_called_empty(content: str, tmp_path: Path) -> None:
    path = tmp_path / "slot.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InstanceError, match=r"slot\.json is not JSON: it is empty"):
        load(path)


def test_numbers_without_a_name_are_asked_about_by_a_field_of_their_problem(tmp_path: Path) -> None:
    table, array = tmp_path / "sizes.csv", tmp_path / "sizes.npy"
    table.write_text("12,7.5\n3,4\n")
    np.save(array, np.ones((2, 2)))
    for path in (table, array):
        with pytest.raises(InstanceError, match=r"without a name; .*--field data_size \(in Python field='data_size'\)"):
            load(path, problem="binary-offloading")
