"""Tables in: columns are fields, what rows are is certain or asked for, and a number is read in one way or not at all."""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import mecopt
from mecopt import InstanceError
from mecopt.cli.main import main
from mecopt.data import from_frame, load, read_frame, save
from mecopt.data.answers import write_answer
from mecopt.models import BackscatterFrame, BinaryOffloading, MultiServerOffloading

Array = NDArray[Any]
RATE, BINARY, SERVERS = "computation-rate", "binary-offloading", "multi-server-offloading"


def table(tmp_path: Path, text: str | bytes, problem: str | None = RATE, name: str = "x.csv", **told: Any) -> Any:
    (tmp_path / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return load(tmp_path / name, problem, **told).problem


def gains(tmp_path: Path, text: str | bytes, **told: Any) -> Any:
    return table(tmp_path, text, **told).channel_gain.tolist()


# ---------------------------------------------------------------------- what rows are


def test_measured_gains_in_a_column_are_the_users_of_one_instance(tmp_path: Path) -> None:
    measured = np.random.default_rng(0).uniform(1e-7, 1e-5, 200)
    column = "\n".join(map(repr, measured.tolist()))
    assert gains(tmp_path, f"channel_gain\n{column}\n") == measured.tolist()
    assert gains(tmp_path, column, field="channel_gain") == measured.tolist()
    with pytest.raises(InstanceError, match=r"a column without a name.*--field channel_gain"):
        table(tmp_path, column)


def test_rows_that_are_told_to_be_instances_have_a_user_each(tmp_path: Path) -> None:
    assert gains(tmp_path, "channel_gain\n1e-6\n2e-6\n", rows="instances") == [[1e-6], [2e-6]]
    assert gains(tmp_path, "1e-6\n2e-6\n", field="channel_gain", rows="instances") == [[1e-6], [2e-6]]


@pytest.mark.parametrize(
    "header", ["channel_gain_0,channel_gain_1", "channel_gain_1,channel_gain_2", "channel_gain[1],channel_gain[0]"]
)
def test_a_column_per_user_makes_every_row_an_instance(header: str, tmp_path: Path) -> None:
    first, second = (2e-6, 1e-6) if header.startswith("channel_gain[1]") else (1e-6, 2e-6)
    found = table(tmp_path, f"{header},bandwidth [MHz],weight\n1e-6,2e-6,2,1\n3e-6,4e-6,1,1.5\n")
    assert found.channel_gain[0].tolist() == [first, second]
    assert found.bandwidth.tolist() == [2e6, 1e6]
    assert found.weight.tolist() == [[1, 1], [1.5, 1.5]]


def test_a_matrix_without_names_is_of_the_field_that_is_told(tmp_path: Path) -> None:
    text = "1e-6,2e-6,3e-6\n4e-6,5e-6,6e-6\n"
    assert gains(tmp_path, text, field="channel_gain") == [[1e-6, 2e-6, 3e-6], [4e-6, 5e-6, 6e-6]]
    assert gains(tmp_path, text, field="channel_gain", rows="users") == [[1e-6, 4e-6], [2e-6, 5e-6], [3e-6, 6e-6]]
    with pytest.raises(InstanceError, match="3 columns, and --field names 2"):
        table(tmp_path, text, field=["channel_gain", "weight"])
    both = table(tmp_path, "1e-6;1\n2e-6;3\n", field=["channel_gain", "weight"])
    assert both.weight.tolist() == [1, 3]


def test_the_long_form_says_whose_each_row_is_in_any_order(tmp_path: Path) -> None:
    rows = [(i, u, 1e-6 * (1 + 10 * i + u), 1e6 * (1 + i)) for i in (0, 1, 2) for u in (0, 1)]
    order = np.random.default_rng(0).permutation(6)
    text = "\n".join(",".join(map(repr, rows[k])) for k in order)
    found = table(tmp_path, f"instance,user,channel_gain,bandwidth\n{text}")
    assert found.channel_gain.tolist() == [[r[2] for r in rows if r[0] == i] for i in (0, 1, 2)]
    assert found.bandwidth.tolist() == [1e6, 2e6, 3e6]


def test_rows_of_an_instance_are_its_users_in_their_order(tmp_path: Path) -> None:
    text = "instance,channel_gain\nmonday,1e-6\nmonday,2e-6\ntuesday,3e-6\ntuesday,4e-6\n"
    assert gains(tmp_path, text) == [[1e-6, 2e-6], [3e-6, 4e-6]]


def test_servers_are_columns_or_rows(tmp_path: Path) -> None:
    expected = MultiServerOffloading(channel_gain=[[1e-8, 2e-8], [3e-8, 4e-8], [5e-8, 6e-8]], server_speed=[1e10, 2e10])
    wide = "channel_gain_0,channel_gain_1,server_speed_0,server_speed_1\n" + "\n".join(
        f"{row},1e10,2e10" for row in ("1e-8,2e-8", "3e-8,4e-8", "5e-8,6e-8")
    )
    long = "user,server,channel_gain,server_speed\n" + "\n".join(
        f"{u},{s},{expected.channel_gain[u, s]!r},{(1 + s) * 1e10!r}" for u in range(3) for s in range(2)
    )
    one_row = ",".join(f"channel_gain_{u}_{s}" for u in range(3) for s in range(2)) + "\n1e-8,2e-8,3e-8,4e-8,5e-8,6e-8\n"
    for text in (wide, long.replace("np.float64(", "").replace(")", "")):
        found = table(tmp_path, text, SERVERS)
        np.testing.assert_array_equal(found.channel_gain, expected.channel_gain)
        np.testing.assert_array_equal(found.server_speed, expected.server_speed)
    np.testing.assert_array_equal(table(tmp_path, one_row, SERVERS).channel_gain, expected.channel_gain[None])


@pytest.mark.parametrize(
    ("text", "problem", "told"),
    [
        (
            "data_size,capacity\n10,30\n20,40\n",
            BINARY,
            r"line 3, column 2 \(capacity\) is another capacity.*--rows",
        ),
        ("channel_gain\n1e-8\n2e-8\n", SERVERS, "a column for each server .*or columns 'user', 'server'"),
        ("channel_gain_0,channel_gain_2\n1e-6,2e-6\n", RATE, "numbered 0, 2; allowed: all numbers from 0 or from 1 on"),
        ("channel_gain,channel_gain_1\n1e-6,2e-6\n", RATE, "are of one field; allowed: one column, or all"),
        (
            "user,channel_gain_0,channel_gain_1\n0,1e-6,2e-6\n",
            RATE,
            "rows are users, and channel_gain also has a column for",
        ),
        (
            "instance,user,channel_gain\n0,0,1e-6\n0,1,2e-6\n1,0,3e-6\n",
            RATE,
            "no row of instance 1, user 1; allowed: exactly one",
        ),
        ("user,channel_gain\n0,1e-6\n0,2e-6\n", RATE, "2 rows of user 0"),
        ("instance,channel_gain\n0,1e-6\n0,2e-6\n1,3e-6\n", RATE, "no row of instance 1, user 1"),
        (
            "instance,user,data_size,capacity\n0,0,1,30\n0,1,2,40\n",
            BINARY,
            r"line 3.*capacity.* differs from that of another user",
        ),
        ("user,channel_gain\n,1e-6\n1,2e-6\n", RATE, r"line 2, column 1 \(user\) is empty; allowed: a number or a name"),
        ("user_1,channel_gain\n1,1e-6\n", RATE, "the column 'user_1' says whose a row is; allowed: 'user' alone"),
        ("channel_gain [dB] [W]\n1\n", RATE, r"not understood: 'channel_gain \[dB\] \[W\]'"),
        ("weight\n1\n2\n", RATE, "lacks a column 'channel_gain'"),
        ("channel_gain\n", RATE, "no row of numbers"),
        ("", RATE, "no line with numbers"),
    ],
)
def test_what_is_not_certain_is_an_error_that_says_what_to_write(text: str, problem: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match=told):
        table(tmp_path, text, problem)


def test_rows_that_columns_tell_need_not_be_told_again(tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match="the columns user say what rows are; leave --rows out"):
        table(tmp_path, "user,channel_gain\n0,1e-6\n", rows="users")
    with pytest.raises(InstanceError, match="rows are users, and channel_gain also has a column for each user"):
        table(tmp_path, "channel_gain_0,channel_gain_1\n1e-6,2e-6\n", rows="users")


def test_rows_are_not_told_where_they_have_no_meaning(tmp_path: Path) -> None:
    for suffix in (".json", ".npz"):
        save(tmp_path / f"x{suffix}", BinaryOffloading(data_size=[1.0, 2.0]), provenance={})
        with pytest.raises(InstanceError, match="leave rows out"):
            load(tmp_path / f"x{suffix}", rows="users")


# ---------------------------------------------------------------------- names and units


@pytest.mark.parametrize(
    ("header", "value"),
    [("data_size [kB]", 1500), ("Data size (Mbit)", 12), ("data-size", 1.5), ('"data_size [bit]"', 12e6)],
)
def test_a_header_carries_a_unit(header: str, value: float, tmp_path: Path) -> None:
    np.testing.assert_allclose(table(tmp_path, f"{header}\n{value}\n", BINARY).data_size, [1.5], rtol=1e-15)


def test_the_unit_one_is_no_number_of_a_user(tmp_path: Path) -> None:
    found = table(tmp_path, "channel_gain [1];weight [1]\n1e-6;2\n2e-6;3\n")
    assert (found.channel_gain.tolist(), found.weight.tolist()) == ([1e-6, 2e-6], [2, 3])


def test_a_wrong_unit_is_told(tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match=r"BinaryOffloading\.data_size: unit 'W' cannot be converted to 'MB'"):
        table(tmp_path, "data_size [W]\n1\n", BINARY)


def test_cells_may_carry_their_units_all_of_them(tmp_path: Path) -> None:
    assert table(tmp_path, "data_size\n500 kB\n8 Mbit\n", BINARY).data_size.tolist() == [0.5, 1.0]
    with pytest.raises(InstanceError, match="a number without a unit, beside '500 kB'"):
        table(tmp_path, "data_size\n500 kB\n8\n", BINARY)


def test_gains_in_decibels_are_read(tmp_path: Path) -> None:
    np.testing.assert_allclose(table(tmp_path, "channel_gain [dB]\n-60\n-50\n").channel_gain, [1e-6, 1e-5], rtol=1e-12)


def test_columns_that_are_not_understood_are_all_named(tmp_path: Path) -> None:
    text = "channel_gain,comment,node name\n1e-6,a,b\n"
    with pytest.raises(InstanceError, match=r"'comment', 'node name'.*--ignore 'comment' --ignore 'node name'"):
        table(tmp_path, text)
    assert gains(tmp_path, text, ignore=["comment", "node name"]) == [1e-6]
    with pytest.raises(InstanceError, match=r"'chan_nel_gain'; did you mean 'channel_gain'\?"):
        table(tmp_path, "chan_nel_gain\n1e-6\n")


def test_a_table_is_completed_by_what_is_set(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("data_size,capacity\n10,30\n20,30\n")
    data = load(tmp_path / "x.csv", BINARY, fields={"capacity": {"value": 320, "unit": "Mbit/s"}, "local_rate": [3, 4]})
    assert data.problem.data()["capacity"] == 40
    assert data.problem.data()["local_rate"].tolist() == [3, 4]
    assert data.notes == ("capacity is as set; what x.csv says of it is not used",)


# ---------------------------------------------------------------------- files as spreadsheets write them

EXPECTED = [1.5e-6, 2.25e-6]


@pytest.mark.parametrize(
    "text",
    [
        "channel_gain;weight\n1,5e-6;1\n2,25E-06;1\n",
        "channel_gain;weight\n0,0000015;1,0\n0,00000225;1,0\n",
        "channel_gain\n1,5e-6\n2,25e-6\n",
        "channel_gain\tweight\n1.5e-6\t1\n2.25e-6\t1\n",
        "sep=;\nchannel_gain;weight\n1.5e-6;1\n2.25e-6;1\n",
        '"channel_gain","weight"\n"1.5e-6","1"\n"2.25e-6","1"\n',
        "channel_gain,weight,\n1.5e-6,1,\n2.25e-6,1,\n",
        "channel_gain,weight,,\n1.5e-6,1\n2.25e-6,1,,\n",
        "# measured in May\n\n% twice\nchannel_gain\n1.5e-6\n2.25e-6\n\n",
        " channel_gain , weight \n 1.5e-6 , 1 \n 2.25e-6 , 1 \n",
        "channel_gain,weight\r\n1.5e-6,1\r\n2.25e-6,1\r\n",
        "channel_gain,weight\r1.5e-6,1\r2.25e-6,1",
        "channel_gain|weight\n1.5e-6|1\n2.25e-6|1",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_every_usual_way_of_writing_two_gains_is_read(text: str, encoding: str, tmp_path: Path) -> None:
    assert gains(tmp_path, text.encode(encoding)) == EXPECTED


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("data_size;capacity\n1.234,5;30\n", 1234.5),
        ('data_size,capacity\n"1,234.5",30\n', 1234.5),
        ('data_size,capacity\n"1,234,567",30\n', 1234567),
        ("data_size;capacity\n1 234;30,5\n", 1234),
        ("data_size;capacity\n1.234;30,5\n", 1234),
        ("data_size;capacity\n1'234.5;30\n", 1234.5),
        ("data_size;capacity\n1.234;30.5\n", 1.234),
        ("data_size;capacity\n1,234;30.5\n", 1234),
        ("data_size;capacity\n1\u00a0234 kB;30\n", 1.234),
        ("data_size\n1\u202f234\n", 1234),
        ("data_size\tcapacity\n1.234\t30\n", 1.234),
    ],
)
def test_separators_of_thousands_are_read_where_the_file_decides(text: str, size: float, tmp_path: Path) -> None:
    assert table(tmp_path, text, BINARY).data_size.tolist() == [size]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("data_size;capacity\n1,500;30\n", r"line 2, column 1 is '1,500': 1\.5000 or 1500\? Write it so"),
        (
            "data_size;capacity\n1,5;30\n1,234,567;30\n",
            "where a comma is decimal, and line 3, column 1 is '1,234,567'",
        ),
        ("data_size,capacity\n1,30\n2,x\n", r"line 3, column 2 \(capacity\) is 'x', which is no number"),
        ("data_size,capacity\n1,30\n,30\n", r"line 3, column 1 \(data_size\) is empty"),
        ("data_size,capacity\n1,30\nNaN,30\n", r"line 3, column 1 \(data_size\) is empty"),
        ("data_size,capacity\n1,30\n2\n", "line 3 has 1 cell; allowed: 2"),
        ("data_size,capacity\n1,30\n2,3,4\n", "line 3 has 3 cells; allowed: 2"),
        ("data_size,\n1,30\n", "column 2 has no name, but cells"),
        ("data_size,data_size\n1,30\n", "the column 'data_size' stands twice"),
        ("# one\n\ndata_size\n1_000\n", r"line 4, column 1 \(data_size\) is '1_000'"),
        ("data_size\n-1\n", r"BinaryOffloading\.data_size.* is -1"),
        ('data_size\n"1\n', "line 2"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match=told):
        table(tmp_path, text, BINARY)


def test_a_decimal_comma_without_names_may_be_two_numbers(tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match="one number with a decimal comma, or two"):
        table(tmp_path, "1,5\n2,5\n", BINARY, field="data_size")
    assert table(tmp_path, "1,5\n2\n", BINARY, field="data_size").data_size.tolist() == [1.5, 2]


def test_no_limit_is_written_and_an_empty_cell_is_none(tmp_path: Path) -> None:
    text = "channel_gain_0,channel_gain_1,deadline [ms]\n1e-8,2e-8,inf\n1e-8,2e-8,500\n"
    assert table(tmp_path, text, SERVERS).deadline.tolist() == [np.inf, 0.5]
    with pytest.raises(InstanceError, match=r"is empty; .*or inf where there is no limit"):
        table(tmp_path, text.replace("inf", ""), SERVERS)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=80), st.sampled_from([".csv", ".tsv", ".txt", ".npy", ".parquet"]))
def test_whatever_the_bytes_the_answer_is_an_error_of_ours_or_instances(content: bytes, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"x{suffix}"
        path.write_bytes(content)
        with suppress(InstanceError):
            assert load(path, BINARY, field="data_size" if suffix != ".parquet" else ()).problem.users > 0


# ---------------------------------------------------------------------- numpy


def test_an_array_is_of_the_field_that_is_told(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([1500.0, 500.0]))
    found: Any = load(tmp_path / "x.npy", BINARY, field="data_size [kB]").problem
    assert found.data_size.tolist() == [1.5, 0.5]
    with pytest.raises(InstanceError, match=r"numbers without a name.*--field"):
        load(tmp_path / "x.npy", BINARY)
    with pytest.raises(InstanceError, match="unknown field of binary-offloading 'data_sizes'; did you mean 'data_size'"):
        load(tmp_path / "x.npy", BINARY, field="data_sizes")


def test_arrays_by_the_names_of_fields_are_read_from_npz(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", problem=BINARY, data_size=[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], capacity=[10.0, 20.0, 30.0])
    found: Any = load(tmp_path / "x.npz").problem
    assert found.capacity.tolist() == [10, 20, 30]
    np.savez(tmp_path / "x.npz", data_size=[1.0, 2.0], sizes=[3.0, 4.0])
    with pytest.raises(InstanceError, match=r"not understood: sizes \(2\)"):
        load(tmp_path / "x.npz", BINARY)


def test_objects_are_not_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InstanceError, match="is damaged or not an NPY file of numbers"):
        load(tmp_path / "x.npy", BINARY, field="data_size")


# ---------------------------------------------------------------------- frames

COLUMNS: dict[str, list[Any]] = {"data_size [kB]": [1500.0, 500.0, 2000.0], "capacity": [30.0, 30.0, 30.0]}


def frames() -> list[Any]:
    """Return the same columns as a frame of each library that is installed."""
    found: list[Any] = [COLUMNS, pa.table(COLUMNS)]
    for library in ("pandas", "polars"):
        try:
            found.append(__import__(library).DataFrame(COLUMNS))
        except ImportError:
            continue
    return found


@pytest.mark.parametrize("frame", frames(), ids=lambda frame: f"{type(frame).__module__}.{type(frame).__name__}")
def test_a_frame_of_any_library_is_read_alike(frame: Any) -> None:
    found: Any = from_frame(frame, BINARY)
    assert found.data_size.tolist() == [1.5, 0.5, 2.0]
    assert found.capacity == 30.0
    assert from_frame(frame, BINARY, rows="instances").batch_shape == (3,)


def test_the_index_of_a_pandas_frame_counts_where_it_has_a_name() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    index = pandas.MultiIndex.from_product([["a", "b"], [2, 1]], names=["instance", "user"])
    found: Any = from_frame(pandas.DataFrame({"data_size": [1.0, 2.0, 3.0, 4.0]}, index=index), BINARY)
    assert found.data_size.tolist() == [[2, 1], [4, 3]]
    picked = pandas.DataFrame({"data_size": [1.0, 2.0, 3.0]}).iloc[[2, 0]]
    assert from_frame(picked, BINARY).data()["data_size"].tolist() == [3, 1]


def test_a_missing_entry_of_a_frame_is_told() -> None:
    for frame in frames()[1:]:
        data = type(frame)
        broken = (data.from_pydict if hasattr(data, "from_pydict") else data)({"data_size": [1.0, None, 3.0]})
        with pytest.raises(InstanceError, match="column 'data_size', row 1 is empty"):
            from_frame(broken, BINARY)


def test_a_plan_of_polars_is_carried_out() -> None:
    polars = pytest.importorskip("polars", reason="polars is not installed")
    found: Any = from_frame(polars.LazyFrame(COLUMNS).filter(polars.col("data_size [kB]") > 1000), BINARY)
    assert found.data_size.tolist() == [1.5, 2.0]


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(InstanceError, match="a list is no data frame; allowed: pandas, polars, Arrow"):
        from_frame([1.0, 2.0], BINARY)
    with pytest.raises(InstanceError, match="'data_size' is 5, one entry; allowed: one for each row"):
        from_frame({"data_size": 5}, BINARY)
    with pytest.raises(InstanceError, match="entries; allowed: equally many"):
        from_frame({"data_size": [1.0, 2.0], "capacity": [30.0]}, BINARY)


def test_lists_in_a_parquet_file_are_the_users_of_each_row(tmp_path: Path) -> None:
    pq.write_table(pa.table({"channel_gain": [[1e-6, 2e-6], [3e-6, 4e-6]], "bandwidth": [1e6, 2e6]}), tmp_path / "x.parquet")
    found: Any = load(tmp_path / "x.parquet", RATE).problem
    assert found.channel_gain.tolist() == [[1e-6, 2e-6], [3e-6, 4e-6]]
    assert found.bandwidth.tolist() == [1e6, 2e6]
    pq.write_table(pa.table({"channel_gain": [[1e-6, 2e-6], [3e-6]]}), tmp_path / "x.parquet")
    with pytest.raises(InstanceError, match="lists of unequal lengths"):
        load(tmp_path / "x.parquet", RATE)


# ---------------------------------------------------------------------- tables out


def test_a_table_of_ours_says_its_problem_and_its_units(tmp_path: Path) -> None:
    instances = BinaryOffloading(data_size=[[1.0, 2.0], [3.0, 4.0]], capacity=[10.0, 20.0])
    save(tmp_path / "x.csv", instances, provenance={})
    first, second, *_ = (tmp_path / "x.csv").read_text().splitlines()
    assert first.startswith("problem,instance,user,data_size [MB],upload_rate [MB/s]")
    assert second.startswith("binary-offloading,0,0,1.0,2.5")
    save(tmp_path / "x.parquet", instances, provenance={"seed": 3})
    assert load(tmp_path / "x.parquet").provenance["seed"] == 3


def test_what_a_table_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match=r"shape \(2, 3\) is no table"):
        save(tmp_path / "x.csv", BinaryOffloading.sample(np.random.default_rng(0), (2, 3)), provenance={})
    with pytest.raises(InstanceError, match="channel holds complex numbers"):
        save(tmp_path / "x.csv", BackscatterFrame.sample(np.random.default_rng(0)), provenance={})
    assert list(tmp_path.iterdir()) == []


def test_a_number_per_instance_may_carry_its_unit_where_rows_are_users(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("user,channel_gain,bandwidth\n0,1e-6,5 MHz\n", encoding="utf-8")
    assert load(tmp_path / "one.csv", "computation-rate").problem.data()["bandwidth"] == 5e6


# ---------------------------------------------------------------------- what a file calls its users


def named(tmp_path: Path, text: str, problem: str = BINARY) -> Any:
    (tmp_path / "x.csv").write_text(text)
    return load(tmp_path / "x.csv", problem)


@pytest.mark.parametrize(("labels", "kept"), [((10, 3, 7), (10, 3, 7)), (("bob", "anna", "7"), ("bob", "anna", "7"))])
def test_rows_that_are_users_keep_their_order_and_their_names(labels: Any, kept: Any, tmp_path: Path) -> None:
    rows = "".join(f"{label},{size}\n" for label, size in zip(labels, (1.0, 2.0, 3.0), strict=True))
    data = named(tmp_path, f"user,data_size\n{rows}")
    assert data.problem.data_size.tolist() == [1, 2, 3]
    assert data.names == {"user": kept}
    assert data.notes == (", ".join(f"user {i} is {str(label)!r}" for i, label in enumerate(kept)),)


def test_users_who_are_counted_from_0_need_no_names(tmp_path: Path) -> None:
    data = named(tmp_path, "user,data_size\n0,1\n1,2\n")
    assert (data.names, data.notes) == ({}, ())


def test_names_of_long_tables_and_of_many_users_are_kept(tmp_path: Path) -> None:
    data = named(tmp_path, "instance,user,data_size\nb,7,1\nb,3,2\na,3,3\na,7,4\n")
    assert data.names == {"instance": ("b", "a"), "user": (3, 7)}
    assert data.problem.data_size.tolist() == [[2, 1], [3, 4]]
    data = named(tmp_path, "user,data_size\n" + "".join(f"{i},1\n" for i in range(1, 30)))
    assert data.notes[0].endswith("user 4 is '5', ...")
    links = named(
        tmp_path, "user,server,channel_gain\nanna,north,1e-8\nanna,south,2e-8\nbob,north,3e-8\nbob,south,4e-8\n", SERVERS
    )
    assert links.names == {"user": ("anna", "bob"), "server": ("north", "south")}


def test_answers_go_by_the_names_of_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = named(tmp_path, "user,data_size\n10,1\n3,20\n7,3\n")
    solution = mecopt.solve(data.problem)
    for suffix in (".csv", ".tsv", ".txt", ".parquet"):
        write_answer(tmp_path / f"y{suffix}", solution, data.names)
    assert [line.split(",")[0] for line in (tmp_path / "y.csv").read_text().splitlines()] == ["user", "10", "3", "7"]
    assert pq.read_table(tmp_path / "y.parquet")["user"].to_pylist() == [10, 3, 7]
    assert solution.to_arrow(data.names)["user"].to_pylist() == [10, 3, 7]
    assert solution.to_arrow()["user"].to_pylist() == [0, 1, 2]
    write_answer(tmp_path / "y.json", solution, data.names)
    assert json.loads((tmp_path / "y.json").read_text())["names"] == {"user": [10, 3, 7]}
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["solve", str(tmp_path / "x.csv"), "--problem", BINARY, "-o", str(tmp_path / "z.csv")])
    assert "note: user 0 is '10', user 1 is '3', user 2 is '7'" in capsys.readouterr().err
    assert (tmp_path / "z.csv").read_text() == (tmp_path / "y.csv").read_text()


@pytest.mark.parametrize(
    ("rows", "index"), [("run7,anna,2\nrun7,bob,3\n", ()), ("run6,anna,1\nrun6,bob,1\nrun7,anna,2\nrun7,bob,3\n", (1,))]
)
def test_the_answer_to_one_instance_keeps_its_name(rows: str, index: Any, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "x.csv").write_text(f"instance,user,data_size\n{rows}", encoding="utf-8")
    asked = [word for number in index for word in ("--index", str(number))]
    with pytest.raises(SystemExit):
        main(["solve", str(tmp_path / "x.csv"), "--problem", BINARY, "-o", str(tmp_path / "y.csv"), "--json", *asked])
    lines = [line.split(",") for line in (tmp_path / "y.csv").read_text().splitlines()]
    assert [line[:2] for line in lines] == [["instance", "user"], ["run7", "anna"], ["run7", "bob"]]
    said = json.loads(capsys.readouterr().out)
    assert said["names"] == {"instance": ["run7"], "user": ["anna", "bob"]}
    alone = mecopt.solve(BinaryOffloading(data_size=[2.0, 3.0]))
    assert said["objective"] == pytest.approx(float(alone.objective), rel=1e-12)


def test_names_of_the_users_of_a_frame_are_read_with_it() -> None:
    frame = {"instance": ["b", "b", "a", "a"], "user": [7, 3, 3, 7], "data_size": [1.0, 20.0, 3.0, 4.0]}
    data = read_frame(frame, BINARY)
    assert data.names == {"instance": ("b", "a"), "user": (3, 7)}
    assert data.problem.data()["data_size"].tolist() == [[20, 1], [3, 4]]
    assert mecopt.solve(data.problem).to_arrow(data.names)["user"].to_pylist() == [3, 7, 3, 7]


@pytest.mark.parametrize(
    ("users", "doubtful"), [([2, 0, 1], True), ([0, 1, 2], False), ([1, 2, 3], False), (["c", "a", "b"], False)]
)
def test_a_frame_that_counts_its_users_in_another_order_is_questioned(users: Any, doubtful: bool) -> None:
    frame = {"user": users, "data_size": [1.0, 20.0, 3.0]}
    with mecopt.strict():
        if doubtful:
            with pytest.raises(mecopt.DoubtfulData, match=r"the frame's user 2 is user 0 of .*read_frame"):
                from_frame(frame, BINARY)
        else:
            assert from_frame(frame, BINARY).data()["data_size"].tolist() == [1, 20, 3]
        assert read_frame(frame, BINARY).problem.data()["data_size"].tolist() == [1, 20, 3]


def test_names_of_users_who_are_replaced_are_not_kept(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("user,data_size\n10,1\n3,20\n")
    assert load(tmp_path / "x.csv", BINARY, fields={"data_size": [1.0, 2.0, 3.0]}).names == {}


# ---------------------------------------------------------------------- what is refused, and what is taken


def test_series_in_a_dict_are_in_one_order() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    sizes = pandas.Series([1.0, 2.0], index=["a", "b"])
    rates = pandas.Series([3.0, 4.0], index=["b", "a"])
    with pytest.raises(InstanceError, match=r"the frame\.data_size has rows labelled a, b, and upload_rate"):
        from_frame({"data_size": sizes, "upload_rate": rates}, BINARY)
    found: Any = from_frame({"data_size": sizes, "upload_rate": rates[["a", "b"]]}, BINARY)
    assert found.upload_rate.tolist() == [4, 3]


def test_an_index_that_is_called_as_a_column_is_told() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame({"user": [0, 1], "data_size": [1.0, 2.0]}, index=pandas.Index([0, 1], name="user"))
    with pytest.raises(InstanceError, match="index and one of its columns are both 'user'"):
        from_frame(frame, BINARY)


@pytest.mark.parametrize("head", [b"no json", b"[1]", b"{}", b'{"problem": "x", "provenance": 3}', b"[" * 100_000, b"\xff"])
def test_metadata_that_mecopt_has_not_written_is_told(head: bytes, tmp_path: Path) -> None:
    pq.write_table(pa.table({"data_size": [1.0]}).replace_schema_metadata({"mecopt": head}), tmp_path / "x.parquet")
    with pytest.raises(InstanceError, match="its metadata 'mecopt' was not written by mecopt"):
        load(tmp_path / "x.parquet", BINARY)


def test_names_of_columns_without_end_are_refused_by_their_beginning(tmp_path: Path) -> None:
    for text in (
        "channel_gain" + "(" * 40_000 + "\n1\n",
        "[" * 40_000 + "\n1\n",
        "x" * 40_000 + "\n" + "1" * 40_000 + "y\n",
    ):
        with pytest.raises(InstanceError, match="not understood") as told:
            table(tmp_path, text)
        assert len(str(told.value)) < 1000


def test_cells_without_end_are_no_numbers(tmp_path: Path) -> None:
    for cell in ("1" * 40_000 + "y", "1" * 40_000 + ".1.", "1 " * 20_000):
        with pytest.raises(InstanceError, match="no number"):
            table(tmp_path, f"channel_gain;weight\n{cell};1\n")


@pytest.mark.parametrize("suffix", [".CSV", ".Tsv", ".txt", ".PARQUET", ".NPZ", ".Json"])
def test_what_is_loaded_is_saved(suffix: str, tmp_path: Path) -> None:
    instances = BinaryOffloading(data_size=[[1.0, 2.0], [3.0, 4.0]], upload_rate=[[1.5, 2.5], [3.5, 4.125]])
    save(tmp_path / f"x{suffix}", instances)
    found: Any = load(tmp_path / f"x{suffix}").problem
    np.testing.assert_array_equal(found.upload_rate, instances.upload_rate)


def test_a_provenance_may_hold_numbers_of_numpy(tmp_path: Path) -> None:
    instances = BinaryOffloading(data_size=[1.0, 2.0])
    save(tmp_path / "x.json", instances, provenance={"seed": np.int64(3), "noise": np.array([1.0, 2.0]), "from": tmp_path})
    assert load(tmp_path / "x.json").provenance["noise"] == [1, 2]
    with pytest.raises(InstanceError, match="provenance holds a set"):
        save(tmp_path / "y.json", instances, provenance={"seeds": {1, 2}})
    assert not (tmp_path / "y.json").exists()


def test_what_is_no_problem_is_not_saved(tmp_path: Path) -> None:
    save(tmp_path / "x.json", BinaryOffloading(data_size=[1.0, 2.0]))
    wrong: list[tuple[Any, str]] = [(load(tmp_path / "x.json"), "is a Dataset; pass what it holds"), ([1.0], "is a list")]
    for given_one, told in wrong:
        with pytest.raises(InstanceError, match=told):
            save(tmp_path / "y.json", given_one)


def test_a_problem_may_be_told_by_its_class_and_one_name_be_ignored(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("data_size,queue\n1,2\n")
    assert load(tmp_path / "x.csv", BinaryOffloading, ignore="queue").problem.users == 1
    assert from_frame({"data_size": [1.0], "queue": [2.0]}, BinaryOffloading, ignore="queue").users == 1
    with pytest.raises(InstanceError, match="problem is a int; allowed: its name or its class"):
        load(tmp_path / "x.csv", 3, ignore="queue")  # type: ignore[arg-type]


def test_one_is_not_many(tmp_path: Path) -> None:
    save(tmp_path / "x.json", BinaryOffloading(data_size=[1.0]))
    assert "1 instance of binary-offloading with 1 user: " in (tmp_path / "x.json.card.md").read_text()
    assert MultiServerOffloading(channel_gain=[[1e-8], [2e-8]]).size_text == "2 users, 1 server"
