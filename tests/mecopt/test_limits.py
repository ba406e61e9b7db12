"""Files that hold more than files of instances do are refused before they are unpacked, and damaged ones harm nobody."""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.io
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from scipy.sparse import csc_matrix, issparse

from mecopt import InstanceError, MecoptError
from mecopt.data import limits, load, save
from mecopt.data.mat5 import Other, read_version_5
from mecopt.models import BinaryOffloading, ComputationRate

Array = NDArray[Any]

MANY = 3_000_000
"""Numbers, all alike, that a small file holds."""


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let 10 MB be as much as 1 GB."""
    monkeypatch.setattr(limits, "FREE", 10**7)


def alike(suffix: str, path: Path) -> None:
    """Write a small file of many numbers."""
    values = np.full(MANY, 2.0)
    if suffix == ".npz":
        np.savez_compressed(path, data_size=values)
    elif suffix == ".mat":
        scipy.io.savemat(path, {"data_size": values}, do_compression=True)
    elif suffix == ".parquet":
        pq.write_table(pa.table({"data_size": values}), path)
    else:
        h5py = pytest.importorskip("h5py", reason="h5py is not installed")
        with h5py.File(path, "w", userblock_size=512) as file:
            data = file.create_dataset("data_size", data=values[None], compression="gzip")
            data.attrs["MATLAB_class"] = np.bytes_(b"double")
        with path.open("r+b") as handle:
            handle.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")


@pytest.mark.parametrize("suffix", [".npz", ".mat", ".parquet", ".7.3.mat"])
def test_a_small_file_of_very_many_numbers_is_refused(suffix: str, small: None, tmp_path: Path) -> None:
    path = tmp_path / f"x{suffix}"
    alike(suffix, path)
    assert path.stat().st_size < 8 * MANY / limits.RATIO / 2
    with pytest.raises(InstanceError, match=r"unpacks to 0\.024 GB; allowed: 0\.01 GB, or 100 times the size of the file"):
        load(path, "binary-offloading")


@pytest.mark.parametrize("suffix", [".npz", ".mat", ".parquet", ".7.3.mat"])
def test_up_to_the_limit_it_is_read(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{suffix}"
    alike(suffix, path)
    assert load(path, "binary-offloading", rows="users").problem.data()["data_size"].size == MANY


def test_numbers_that_compress_as_measured_ones_do_are_read_however_many(small: None, tmp_path: Path) -> None:
    values = np.random.default_rng(0).uniform(1.0, 2.0, MANY)
    np.savez_compressed(tmp_path / "x.npz", data_size=values)
    assert load(tmp_path / "x.npz", "binary-offloading", rows="users").problem.users == MANY


# ---------------------------------------------------------------------- archives


def npy(array: Array, shape: tuple[int, ...] | None = None) -> bytes:
    """Return the content of an .npy file, whose header may say another shape."""
    buffer = io.BytesIO()
    head = {"descr": np.lib.format.dtype_to_descr(array.dtype), "fortran_order": False, "shape": shape or array.shape}
    np.lib.format.write_array_header_1_0(buffer, head)
    return buffer.getvalue() + array.tobytes()


@pytest.mark.parametrize("shape", [(10**12,), (3, 10**9), (5,), (2,), (0,)])
def test_a_header_of_other_numbers_than_there_are_is_damage(shape: tuple[int, ...], tmp_path: Path) -> None:
    content = npy(np.ones(3), shape)
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("data_size.npy", content)
    (tmp_path / "x.npy").write_bytes(content)
    fields: dict[str, Any] = {"x.npz": (), "x.npy": "data_size"}
    for name, field in fields.items():
        with pytest.raises(InstanceError, match="is damaged"):
            load(tmp_path / name, "binary-offloading", field=field)


def test_names_of_archives_are_few_and_short(tmp_path: Path) -> None:
    for path, names, said in (
        ("many.npz", [f"a{n}.npy" for n in range(limits.MOST_NAMES + 1)], "1001 names in one place; allowed: 1000"),
        ("long.npz", ["a" * 300 + ".npy"], "has 304 characters; allowed: 200"),
    ):
        with zipfile.ZipFile(tmp_path / path, "w") as archive:
            for name in names:
                archive.writestr(name, npy(np.ones(1)))
        with pytest.raises(InstanceError, match=said):
            load(tmp_path / path, "binary-offloading")


# ---------------------------------------------------------------------- text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[" * 100_000, "is not JSON"),
        ('{"problem": "binary-offloading", "data_size": ' + "[" * 33 + "1" + "]" * 33 + "}", "brackets in more than 32"),
        (json.dumps({"problem": "binary-offloading", **{f"k{n}": 1 for n in range(60_000)}}), "60001 names in one place"),
        (json.dumps({"problem": "binary-offloading", "x" * 10**6: 1}), "a key has 1000000 characters; allowed: 200"),
        (
            '{"problem": "binary-offloading", "data_size": [' + "7" * 5000 + "]}",
            "a whole number of 5000 digits; allowed: 400",
        ),
        ('{"problem": "binary-offloading", "data_size": [' + "7" * 390 + "]}", "data_size"),
        (json.dumps({"problem": "binary-offloading", "x" * 199: 1}), "unknown field of binary-offloading 'xxx"),
    ],
    ids=["deep", "deeper than fields", "many keys", "a long key", "a long integer", "a large integer", "a name"],
)
def test_text_beyond_what_instances_need_is_refused(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(InstanceError, match=said):
        load(tmp_path / "x.json")


def test_a_table_of_very_many_columns_is_read(tmp_path: Path) -> None:
    """A column per user; the time of reading it grows as the number of columns does."""
    names = ",".join(f"data_size_{n}" for n in range(20_000))
    (tmp_path / "x.csv").write_text(f"{names}\n{','.join(['5'] * 20_000)}\n")
    assert load(tmp_path / "x.csv", "binary-offloading").problem.users == 20_000


# ---------------------------------------------------------------------- MATLAB's files

VALUES: Any = st.one_of(
    arrays(np.float64, array_shapes(min_dims=2, max_dims=3, max_side=4), elements=st.floats(-1e6, 1e6)),
    arrays(np.int16, array_shapes(min_dims=2, max_dims=2, max_side=4)),
    arrays(np.uint8, (2, 3)),
    arrays(np.bool_, (3, 2)),
    arrays(np.complex128, (2, 2), elements=st.complex_numbers(max_magnitude=1e6)),
    arrays(np.float64, (3, 4), elements=st.sampled_from([0.0, 0.0, 1.5, -2.0])).map(csc_matrix),
    st.text(st.characters(min_codepoint=32, max_codepoint=0xD7FF), min_size=1, max_size=6),
)


def same(found: Any, value: Any) -> bool:
    if issparse(value):
        value = value.toarray()
    return np.shape(found) == np.shape(value) and bool(np.array_equal(found, value))


@pytest.mark.parametrize(("version", "packed"), [("5", True), ("5", False), ("4", False)])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=st.dictionaries(st.sampled_from(["a", "input_h", "weight_of_all"]), VALUES, min_size=1))
def test_what_scipy_writes_is_read_as_scipy_reads_it(
    version: Any, packed: bool, tmp_path: Path, entries: dict[str, Any]
) -> None:
    if version == "4":
        entries = {name: value for name, value in entries.items() if issparse(value) or np.ndim(value) == 2}
        assume(entries)
    path = tmp_path / "x.mat"
    scipy.io.savemat(path, entries, format=version, do_compression=packed)
    expected = {name: value for name, value in scipy.io.loadmat(path).items() if not name.startswith("__")}
    found = read_version_5(path)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert same(found[name], value), name


SAMPLES = sorted((Path(scipy.io.__file__).parent / "matlab" / "tests" / "data").glob("test*_*.mat"))
"""Files of MATLAB's versions 4 to 7, of little and big ends, where scipy is installed with its tests."""


@pytest.mark.skipif(not SAMPLES, reason="scipy is installed without the files of its tests")
def test_what_matlab_wrote_is_read_as_scipy_reads_it() -> None:
    read = 0
    for path in SAMPLES:
        if "hdf5" in path.name:
            continue
        expected = {name: value for name, value in scipy.io.loadmat(path).items() if not name.startswith("__")}
        found = read_version_5(path)
        assert found.keys() == expected.keys(), path
        for name, value in expected.items():
            if not isinstance(found[name], Other):
                assert same(found[name], value), (path, name)
                read += 1
    assert read > 50


def matrix(kind: int, sizes: tuple[int, ...], data: bytes = b"") -> bytes:
    """Return a file of one matrix of a class, with sizes that may be anything."""

    def element(code: int, content: bytes) -> bytes:
        return struct.pack("<2I", code, len(content)) + content + bytes(-len(content) % 8)

    flags, dimensions = struct.pack("<2I", kind, 0), struct.pack(f"<{len(sizes)}i", *sizes)
    content = element(6, flags) + element(5, dimensions) + element(1, b"data_size") + element(2, data)
    return b"MATLAB 5.0".ljust(124) + b"\x00\x01IM" + element(14, content)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (matrix(4, (2**31 - 1, 0)), r"unpacks to 17\.2 GB"),
        (matrix(6, (2**31 - 1, 2**31 - 1, 0)), "unpacks to"),
        (matrix(6, (2**30, 2**30)), "unpacks to"),
        (matrix(6, (1,) * 65, b"7"), r"has the dimensions \(1, 1"),
        (matrix(6, (-1, 1), b"7"), r"has the dimensions \(-1, 1\)"),
        (matrix(6, (1,), b"7"), r"has the dimensions \(1,\)"),
        (struct.pack("<5i", 1, 2**31 - 1, 0, 0, 2) + b"a\0", r"unpacks to 17\.2 GB"),
    ],
    ids=["rows of no words", "an empty product", "too large", "too many axes", "below 0", "one axis", "version 4"],
)
def test_sizes_in_files_of_matlab_are_not_believed(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "x.mat").write_bytes(content)
    with pytest.raises(InstanceError, match=said):
        read_version_5(tmp_path / "x.mat")


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 20))])
def test_damaged_files_of_matlab_are_read_or_refused(seed: int, tmp_path: Path) -> None:
    draw, path = random.Random(seed), tmp_path / "x.mat"
    sparse = csc_matrix(np.eye(4))
    wholes = []
    for version, packed in (("5", True), ("5", False), ("4", False)):
        scipy.io.savemat(path, {"a": np.ones((3, 4)), "b": sparse, "c": "words"}, format=version, do_compression=packed)
        wholes.append(path.read_bytes())
    refused = 0
    for _ in range(300):
        content = bytearray(draw.choice(wholes + [sample.read_bytes() for sample in SAMPLES[:3]]))
        for _ in range(draw.choice([1, 1, 3])):
            content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        path.write_bytes(content[: draw.choice([None, draw.randrange(len(content))])])
        try:
            read_version_5(path)
        except InstanceError:
            refused += 1
    assert refused > 50


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 20))])
@pytest.mark.parametrize("suffix", [".parquet", ".npz", ".json", ".csv", ".mat"])
@pytest.mark.filterwarnings("ignore::mecopt.quantities.doubts.DoubtfulData")
def test_damaged_files_of_instances_are_read_or_refused(suffix: str, seed: int, tmp_path: Path) -> None:
    draw, path = random.Random(seed), tmp_path / f"x{suffix}"
    problem = BinaryOffloading.sample(np.random.default_rng(0), (5,), users=3)
    if suffix == ".mat":
        scipy.io.savemat(path, {"input_h": ComputationRate.sample(np.random.default_rng(0), (5,), users=3).channel_gain})
    else:
        save(path, problem, provenance={})
    whole = path.read_bytes()
    refused = 0
    for _ in range(60):
        content = bytearray(whole)
        for _ in range(draw.choice([1, 1, 3])):
            content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        path.write_bytes(content)
        try:
            load(path, "computation-rate" if suffix == ".mat" else None)
        except MecoptError:
            refused += 1
    assert refused > 5


def test_another_bit_in_the_numbers_of_a_parquet_file_of_ours_is_found(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    save(path, BinaryOffloading.sample(np.random.default_rng(0), (50,), users=4), provenance={})
    whole, metadata = path.read_bytes(), pq.read_metadata(path)
    column = metadata.row_group(0).column(metadata.schema.names.index("data_size [MB]"))
    begin = column.dictionary_page_offset or column.data_page_offset
    before, refused = load(path).problem.data(), 0
    for place in range(begin, begin + column.total_compressed_size, 40):
        content = bytearray(whole)
        content[place] ^= 4
        path.write_bytes(content)
        try:
            again = load(path).problem.data()
        except InstanceError:
            refused += 1
        else:
            assert all(np.array_equal(again[name], value) for name, value in before.items())
    assert refused > 5
