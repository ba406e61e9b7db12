"""What was written is read as it was, or not at all: any other bit, any cut, any exchange of files is found."""

from __future__ import annotations

import json
import logging
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.data import load, save
from mecopt.models import BinaryOffloading
from mecopt.storage import sealed as stored
from mecopt.storage.sealed import MARK, Missing, Unusable

TABLE = pa.table({"method": ["a", "b"] * 40, "objective": np.linspace(1.0, 2.0, 80), "decision": [[0, 1, 1]] * 80})
ARRAYS: dict[str, NDArray[Any]] = {
    "weights": np.linspace(-1.0, 1.0, 40).reshape(5, 8),
    "memory": np.arange(30, dtype=np.int8),
}
PLAIN = {"long-run": [1.5, float("inf")], "names": ["größe", None, True]}


def as_arrays(path: Path) -> Any:
    found, words, key = stored.read_arrays(path, "state")
    return {name: array.tolist() for name, array in found.items()}, words, key


WRITTEN: dict[str, tuple[Callable[[Path], None], Callable[[Path], Any]]] = {
    "table": (
        lambda path: stored.write_table(path, TABLE.replace_schema_metadata({"after": "[1, 2]"}), "part", "key"),
        lambda path: stored.read_table(path, "part", "key").to_pylist(),
    ),
    "arrays": (lambda path: stored.write_arrays(path, ARRAYS, "state", "key", {"done": "7"}), as_arrays),
    "json": (
        lambda path: stored.write_json(path, PLAIN, "bounds", "key"),
        lambda path: stored.read_json(path, "bounds", "key"),
    ),
}
KINDS = pytest.mark.parametrize("kind", WRITTEN)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The bytes of a file of each kind."""
    folder = tmp_path_factory.mktemp("written")
    for name, (write, _) in WRITTEN.items():
        write(folder / name)
    return {name: (folder / name).read_bytes() for name in WRITTEN}


def read_or_refused(kind: str, path: Path, content: bytes) -> Any:
    """Return what is read, or None where it is refused; another exception is a failure."""
    path.write_bytes(content)
    try:
        return WRITTEN[kind][1](path)
    except Unusable:
        return None


def same_or_refused(kind: str, path: Path, content: bytes, whole: bytes) -> bool:
    """Whether a damaged file is refused; of JSON the content counts, so that other bytes may say the same."""
    path.write_bytes(whole)
    before = WRITTEN[kind][1](path)
    found = read_or_refused(kind, path, content)
    return found is None or (kind == "json" and found == before)


@KINDS
def test_what_was_written_is_read(kind: str, written: dict[str, bytes], tmp_path: Path) -> None:
    expected: dict[str, Any] = {
        "table": TABLE.to_pylist(),
        "arrays": ({name: array.tolist() for name, array in ARRAYS.items()}, {"done": "7"}, "key"),
        "json": PLAIN,
    }
    assert read_or_refused(kind, tmp_path / "file", written[kind]) == expected[kind]


def test_a_table_is_plain_parquet_and_keeps_its_metadata(tmp_path: Path) -> None:
    WRITTEN["table"][0](tmp_path / "t.parquet")
    table = pq.read_table(tmp_path / "t.parquet")
    assert table.to_pylist() == TABLE.to_pylist()
    assert table.schema.metadata[b"after"] == b"[1, 2]"


@KINDS
def test_another_bit_anywhere_is_found(kind: str, written: dict[str, bytes], tmp_path: Path) -> None:
    whole = written[kind]
    for place in range(0, len(whole), 1 + len(whole) // 300):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        assert same_or_refused(kind, tmp_path / "file", bytes(damaged), whole), place


@KINDS
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_happens_to_the_bytes_is_found(
    kind: str, written: dict[str, bytes], tmp_path: Path, data: st.DataObject
) -> None:
    whole = written[kind]
    place = st.integers(0, len(whole) - 1)
    how = data.draw(st.sampled_from(["cut", "replaced", "inserted", "exchanged", "doubled"]))
    first, second = sorted((data.draw(place), data.draw(place)))
    other = data.draw(st.binary(min_size=1, max_size=40))
    damaged = {
        "cut": whole[:first],
        "replaced": whole[:first] + other + whole[first + len(other) :],
        "inserted": whole[:first] + other + whole[first:],
        "exchanged": whole[second:] + whole[first:second] + whole[:first],
        "doubled": whole + whole[first:],
    }[how]
    if damaged != whole:
        assert same_or_refused(kind, tmp_path / "file", damaged, whole)


@pytest.mark.slow
@KINDS
def test_every_bit_of_a_file_is_sealed(kind: str, written: dict[str, bytes], tmp_path: Path) -> None:
    whole = written[kind]
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        assert same_or_refused(kind, tmp_path / "file", bytes(damaged), whole), bit


def test_another_number_is_found_though_the_table_is_sound(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    WRITTEN["table"][0](path)
    table = pq.read_table(path)
    scaled = table.set_column(1, "objective", pa.array(1.5 * table["objective"].to_numpy()))
    for other in (scaled, table[:40], table.take(list(range(79, -1, -1)))):
        pq.write_table(other, path)  # the seal is copied with the metadata
        with pytest.raises(Unusable, match="is damaged"):
            stored.read_table(path, "part", "key")


def test_a_file_of_something_else_is_found(tmp_path: Path) -> None:
    path = tmp_path / "t"
    stored.write_table(path, TABLE, "part", "another key")
    with pytest.raises(Unusable, match="is a part of another run"):
        stored.read_table(path, "part", "key")
    with pytest.raises(Unusable, match="is no map"):
        stored.read_table(path, "map")
    with pytest.raises(Unusable, match="has no column gap"):
        stored.read_table(path, "part", columns={"gap": None})
    with pytest.raises(Unusable, match="has no column objective of type string"):
        stored.read_table(path, "part", columns={"objective": pa.string()})
    with pytest.raises(Unusable, match="cannot be read"):
        stored.read_arrays(path, "part")
    with pytest.raises(Unusable, match="is damaged"):
        stored.read_json(path, "part")
    stored.write_arrays(path, ARRAYS, "state", "key", {})
    with pytest.raises(Unusable, match="cannot be read"):
        stored.read_table(path, "state")


def test_a_file_that_no_seal_was_in_is_found(tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "t")
    (tmp_path / "j").write_text(json.dumps({"label": {"kind": "bounds", "key": "key"}, "content": PLAIN}))
    for read, name in ((stored.read_table, "t"), (stored.read_json, "j")):
        with pytest.raises(Unusable, match="has no seal: it is damaged, or of an earlier version of mecopt"):
            read(tmp_path / name, "part")


def test_json_may_be_laid_out_anew(tmp_path: Path) -> None:
    path = tmp_path / "bounds.json"
    WRITTEN["json"][0](path)
    path.write_text(json.dumps(json.loads(path.read_text()), indent=4, sort_keys=True, ensure_ascii=False))
    assert stored.read_json(path, "bounds", "key") == PLAIN


def test_what_is_missing_or_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="is missing"):
        stored.read_table(tmp_path / "none", "part")
    with pytest.raises(Unusable, match="cannot be read: "):
        stored.read_table(tmp_path, "part")


def test_nothing_is_written_that_could_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match="allowed: in none"):
        stored.write_table(tmp_path / "t", pa.table({MARK.decode(): [1]}), "part")
    assert not list(tmp_path.iterdir())


def test_what_becomes_of_unusable_files_is_said_in_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    good, bad, old = (tmp_path / name for name in ("good", "bad", "old"))
    WRITTEN["json"][0](good)
    shutil.copy(good, bad)
    bad.write_text(bad.read_text().replace("1.5", "1.6"))
    old.write_text("{}")
    reasons: list[str] = []
    found = [stored.standing(partial(stored.read_json, path, "bounds"), reasons) for path in (good, bad, old)]
    assert found == [PLAIN, None, None]
    assert stored.standing(partial(stored.read_json, tmp_path / "none", "bounds"), reasons) is None
    with caplog.at_level(logging.WARNING, logger="mecopt"):
        stored.tell([])
        stored.tell(reasons)
    assert caplog.messages == [
        f"mecopt: {bad} is damaged: its content is not what was written; it and another one are computed anew"
    ]


def test_of_instances_in_parquet_no_other_bit_changes_a_number_a_unit_or_what_the_file_says_of_itself(
    tmp_path: Path,
) -> None:
    """Pages have checksums; names with their units, and metadata, a seal. What still may be another bit is never read."""
    path, problem = tmp_path / "x.parquet", BinaryOffloading.sample(np.random.default_rng(0), (2,), users=2)
    save(path, problem, provenance={"seed": 7})
    content = path.read_bytes()
    units = [i for m in re.finditer(rb"\[MB|seed.{6}", content, re.DOTALL) for i in range(*m.span())]
    others = np.random.default_rng(1).integers(0, len(content), 60).tolist()
    refused = 0
    for place in units + others:
        for bit in (0, 3, 5) if place in units else (int(place) % 8,):
            changed = bytearray(content)
            changed[place] ^= 1 << bit
            path.write_bytes(changed)
            try:
                found = load(path)
            except InstanceError:
                refused += 1
                continue
            assert found.provenance == {"seed": 7, **{k: v for k, v in found.provenance.items() if k != "seed"}}
            for name, values in problem.data().items():
                np.testing.assert_array_equal(found.problem.data()[name], values)
    assert refused > len(units)


def test_a_table_with_the_metadata_of_another_is_refused_and_without_them_read(tmp_path: Path) -> None:
    save(tmp_path / "x.parquet", BinaryOffloading(data_size=[1.0, 2.0]), provenance={})
    table = pq.read_table(tmp_path / "x.parquet")
    more = table.append_column("deadline", pa.array([1.0, 1.0]))
    for changed in (more, table.slice(0, 1)):
        pq.write_table(changed, tmp_path / "y.parquet")
        with pytest.raises(InstanceError, match=r"was changed after mecopt had written it.*replace_schema_metadata"):
            load(tmp_path / "y.parquet")
    pq.write_table(table.slice(0, 1).replace_schema_metadata(None), tmp_path / "y.parquet")
    assert load(tmp_path / "y.parquet").problem.data()["data_size"].tolist() == [1.0]


THREADS = """
import os, sys
def threads():
    names = [open(f"/proc/self/task/{number}/comm").read().strip() for number in os.listdir("/proc/self/task")]
    return len(names) - names.count("jemalloc_bg_thd")
import numpy, pyarrow.compute, pyarrow.parquet
from pathlib import Path
from mecopt.data import load, save
from mecopt.models import BinaryOffloading
from mecopt.storage import sealed
one, other = Path(sys.argv[1], "a.parquet"), Path(sys.argv[1], "b.parquet")
sealed.write_table(one, pyarrow.table({"x": numpy.arange(1000.0)}), "part")
save(other, BinaryOffloading(data_size=[1.0, 2.0]), provenance={})
before = threads()
sealed.read_table(one, "part")
load(other)
own = threads()
pyarrow.parquet.read_table(one)
print(before, own, threads())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_reading_tables_starts_no_threads_that_would_live_to_the_end_of_the_process(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", THREADS, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    before, own, with_arrows = map(int, done.stdout.split())
    assert own == before
    if with_arrows == own:
        pytest.skip("Arrow itself starts no threads here")
