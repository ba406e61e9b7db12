"""Text files of columns: no row is lost and no number is read in a way that the file does not decide."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import mecopt
from mecopt import InstanceError
from mecopt.data import load
from mecopt.data.answers import write_answer

RATE, BINARY = "computation-rate", "binary-offloading"


def table(tmp_path: Path, text: str, problem: str = BINARY, name: str = "x.csv", **told: Any) -> Any:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return load(tmp_path / name, problem, **told).problem


def sizes(tmp_path: Path, text: str, **told: Any) -> list[float]:
    found: list[float] = table(tmp_path, text, **told).data_size.tolist()
    return found


# ---------------------------------------------------------------------- rows


@pytest.mark.parametrize("sign", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"])
def test_only_ends_of_lines_end_rows(sign: str, tmp_path: Path) -> None:
    """What separates lines for ``str.splitlines`` stands in cells, as line breaks of a spreadsheet's cells do."""
    text = f"# made{sign}by hand\nuser,data_size,upload_rate\nanna{sign}maria,1,1\n{sign}bob,{sign}2{sign},1\n{sign}\n"
    (tmp_path / "x.csv").write_bytes(text.encode())
    data = load(tmp_path / "x.csv", BINARY)
    assert data.problem.data()["data_size"].tolist() == [1.0, 2.0]
    assert data.names["user"] == (f"anna{sign}maria", "bob")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_end_of_a_line_ends_a_row(end: str, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(end.join(["data_size", "1", "2", ""]).encode())
    assert load(tmp_path / "x.csv", BINARY).problem.data()["data_size"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize("cell", ["1_0", "\u0661\u0660", "1.\u0665", "1e\u0661", "\u0131nf", "5\u0660 kB", "\uff15"])
def test_numbers_stand_in_plain_digits(cell: str, tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match=r"line 3, column 1 \(data_size\) is|data_size\[1\]: unknown unit"):
        table(tmp_path, f"data_size\n2\n{cell}\n3\n")
    with pytest.raises(InstanceError, match="data_size_"):
        table(tmp_path, "upload_rate,data_size_0,data_size_\u0661\n1,2,3\n", rows="instances")


@pytest.mark.parametrize("cell", ["#NV", "#N/A", "#DIV/0!", "#WERT!", "####", "% 3", "// 3", "# note"])
def test_below_the_names_a_line_is_a_row_whatever_it_begins_with(cell: str, tmp_path: Path) -> None:
    for text in (f"data_size;upload_rate\n{cell};1\n2;1\n3;1\n", f"data_size\n2\n{cell}\n3\n"):
        with pytest.raises(InstanceError, match=r"line [23], column 1 \(data_size\) is"):
            table(tmp_path, text)


@pytest.mark.parametrize("cell", ["#NV", "#N/A", "#DIV/0!", "#####", "nan", "n/a", "-"])
def test_a_first_row_without_a_number_is_no_name_of_a_column(cell: str, tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match=r"line 1, column 1 .* is (empty|'#)"):
        table(tmp_path, f"{cell};30\n2;30\n", field=["data_size", "capacity"])
    with pytest.raises(InstanceError, match=r"line 1, column 1 .* is (empty|'#)"):
        table(tmp_path, f"{cell}\n2.5\n3.5\n", field="data_size")


def test_cells_with_units_need_no_name_above_them_either(tmp_path: Path) -> None:
    assert sizes(tmp_path, "1.5 kB\n2.5 kB\n", field="data_size") == [0.0015, 0.0025]
    with pytest.raises(InstanceError, match="a column without a name"):
        table(tmp_path, "1.5 kB\n2.5 kB\n")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("data_size\n1\n\n3\n", 3),
        ("data_size\n\n1\n3\n", 2),
        ("data_size;capacity\n1;30\n;\n3;30\n", 3),
        ("data_size\tcapacity\n1\t30\n\t\n3\t30\n", 3),
        ('data_size,capacity\n1,30\n"",""\n3,30\n', 3),
        ("# a\n\ndata_size\n1\n  \n3\n", 5),
    ],
)
def test_an_empty_line_between_rows_is_a_row_that_is_missing(text: str, number: int, tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match=f"line {number} is empty"):
        table(tmp_path, text)


def test_an_empty_line_above_numbers_without_a_name_is_a_row_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match="line 1 is empty"):
        table(tmp_path, "\n2\n3\n", field="data_size")


def test_empty_lines_and_comments_above_the_names_and_empty_lines_at_the_end_do_not_count(tmp_path: Path) -> None:
    assert sizes(tmp_path, "\n# one\n\n% two\n// three\n;\ndata_size;capacity\n1;30\n3;30\n;\n\n \n") == [1, 3]
    assert sizes(tmp_path, "# one\n1\n3\n\n", field="data_size") == [1, 3]


# ---------------------------------------------------------------------- blanks


@pytest.mark.parametrize("form", ["%.18e", "%d", "%8.3f", "%.1f"])
def test_what_savetxt_writes_is_read(form: str, tmp_path: Path) -> None:
    matrix = np.array([[100.0, 20.0, 3.0], [4.0, 500.0, 60.0]])
    text = io.StringIO()
    np.savetxt(text, matrix, fmt=form, header="three users")
    assert table(tmp_path, text.getvalue(), name="x.txt", field="data_size").data_size.tolist() == matrix.tolist()


def test_blanks_stand_between_names_as_between_numbers(tmp_path: Path) -> None:
    found = table(tmp_path, " data_size  upload_rate\n  100  200\n  400 3.5\n", name="x.txt")
    assert (found.data_size.tolist(), found.upload_rate.tolist()) == ([100, 400], [200, 3.5])
    with pytest.raises(InstanceError, match=r"line 2, column 2 \(upload_rate\) is empty"):
        table(tmp_path, "data_size upload_rate\n1 nan\n2 3\n", name="x.txt")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("100 200 300\n400 500 600\n", "'100 200 300' is one number, or 3"),
        ("data_size\n1 234\n567\n", "line 2, column 1 is '1 234': 1234, or 1;234"),
        ("data_size\n567\n1 234 kB\n", "line 3, column 1 is '1 234 kB': 1234, or 1;234"),
    ],
)
def test_a_blank_between_groups_of_digits_is_asked_about(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match=told):
        table(tmp_path, text, name="x.txt", field="data_size")


def test_beside_another_delimiter_a_blank_is_of_thousands(tmp_path: Path) -> None:
    assert sizes(tmp_path, "data_size;capacity\n1 234;30\n0,5;30\n") == [1234, 0.5]


# ---------------------------------------------------------------------- commas, points, minus


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("data_size;capacity\n1.500;30\n2.300;30\n", r"line 2, column 1 is '1\.500': 1\.5000 or 1500\? Write it so"),
        ("data_size;capacity\n1,500;30\n2,300;30\n", r"line 2, column 1 is '1,500': 1\.5000 or 1500\? Write it so"),
        ("data_size;capacity\n1.500 kB;30\n", r"line 2, column 1 is '1\.500 kB'"),
        ("data_size;capacity\n1.23;30,5\n", r"'30,5', where a comma is decimal, and .* is '1\.23', where a point is"),
        ("data_size;capacity\n0.500;30,5\n", r"'30,5', where a comma is decimal, and .* is '0\.500', where a point is"),
        ("data_size;capacity\n1.5e6;30,5\n", r"'30,5', where a comma is decimal, and .* is '1\.5e6', where a point is"),
        ("data_size [dB];capacity\n\u221278,500;30\n", r"is '-78,500': -78\.5000 or -78500\? Write it so"),
    ],
)
def test_commas_and_points_that_the_file_does_not_decide_are_asked_about(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match=told):
        table(tmp_path, text)


def test_what_is_told_to_write_is_read(tmp_path: Path) -> None:
    assert sizes(tmp_path, "data_size;capacity\n1.5000;30\n2.300;30\n") == [1.5, 2.3]
    assert sizes(tmp_path, "data_size;capacity\n1500;30\n1.234.567;30\n2.300;30\n") == [1500, 1234567, 2300]


def test_three_digits_before_an_exponent_are_decimals(tmp_path: Path) -> None:
    assert table(tmp_path, "channel_gain;weight\n1,500E-06;1\n", RATE).channel_gain.tolist() == [1.5e-6]


def test_a_typographic_minus_is_a_minus(tmp_path: Path) -> None:
    found = table(tmp_path, "channel_gain [dB];weight\n\u221278,5;1\n\u221280,25;1,5\n", RATE).channel_gain
    np.testing.assert_allclose(found, [10**-7.85, 10**-8.025], rtol=1e-12)


def test_cells_with_units_have_decimal_commas_where_the_file_has(tmp_path: Path) -> None:
    assert sizes(tmp_path, "data_size;capacity\n1,5 kB;30\n1.250 kB;30\n") == [0.0015, 1.25]
    assert sizes(tmp_path, "data_size\n1,5 kB\n2,25 MB\n") == [0.0015, 2.25]


def test_columns_that_are_ignored_decide_nothing(tmp_path: Path) -> None:
    text = "data_size;address;version\n1,5;192.168.100.200;1.23\n2,5;10.0.0.1;1.5\n"
    assert sizes(tmp_path, text, ignore=["address", "version"]) == [1.5, 2.5]


@pytest.mark.parametrize(
    "names",
    [
        ["007", "010"],
        ["1.10", "1.1"],
        ["4e12", "5E3"],
        ["1.000", "2.000"],
        ["1,234", "1,235"],
        ["1 000", "1 001"],
        ["89490200001234567890", "89490200001234567891"],
        ["03. Apr", "04. Apr"],
        ["\u22121", "-1"],
    ],
)
def test_names_of_users_are_no_numbers(names: list[str], tmp_path: Path) -> None:
    rows = "".join(f'"{name}";{size}\n' for name, size in zip(names, ("2,5", "1,25"), strict=True))
    (tmp_path / "x.csv").write_text(f"user;data_size\n{rows}", encoding="utf-8")
    (tmp_path / "y.csv").write_text(rows, encoding="utf-8")
    for data in (load(tmp_path / "x.csv", BINARY), load(tmp_path / "y.csv", BINARY, field=["user", "data_size"])):
        assert data.names == {"user": tuple(names)}
        assert data.problem.data()["data_size"].tolist() == [2.5, 1.25]
        for suffix in (".csv", ".parquet"):
            write_answer(tmp_path / f"answer{suffix}", mecopt.solve(data.problem), data.names)
        with (tmp_path / "answer.csv").open(encoding="utf-8", newline="") as file:
            assert [row["user"] for row in csv.DictReader(file)] == names
        assert pq.read_table(tmp_path / "answer.parquet")["user"].to_pylist() == names


@pytest.mark.parametrize("names", ["user;data_size;User", "USER;data_size;user", "instance;data_size;Instance"])
def test_two_columns_of_names_are_never_one(names: str, tmp_path: Path) -> None:
    first, _, last = names.split(";")
    with pytest.raises(InstanceError, match=f"the columns '{first}', '{last}' all say whose a row is"):
        table(tmp_path, f"{names}\nanna;2,5;bob\n")


@pytest.mark.parametrize("name", ["users", "usr", "User."])
def test_a_column_of_users_by_another_name_is_told(name: str, tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match=r"did you mean 'user'"):
        table(tmp_path, f"{name};data_size\nanna;2,5\n")


def test_whole_numbers_beyond_those_of_floats_name_users_too(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("user;data_size\n9007199254740993;2,5\n9007199254740992;1\n", encoding="utf-8")
    assert load(tmp_path / "x.csv", BINARY).names == {"user": (9007199254740993, 9007199254740992)}


@pytest.mark.parametrize("name", ["1.5", "1,5", "1.234.567", "2.345,6"])
def test_names_of_users_decide_no_commas(name: str, tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match=r"line 2, column 2 is '1,500': 1\.5000 or 1500\? Write it so"):
        table(tmp_path, f"user;data_size\n{name};1,500\n")


def test_a_number_too_large_for_a_float_is_no_missing_limit(tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match="deadline"):
        table(tmp_path, "channel_gain_0,deadline\n1e-8,1e400\n1e-9,1e400\n", "multi-server-offloading")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("anna;1.234.567", 1234567.0),
        ("anna;12.345,6", 12345.6),
        ("anna;\u22125", "data_size\\[0\\] is -5.0"),
        ("anna;", "line 1, column 2 .* is empty"),
        ("anna;$5", r"line 1, column 2 .* is '\$5', which is no number"),
        ("anna;~5 MB", "line 1, column 2 .* is '~5 MB', which is no number"),
        ("anna;2.345.678 flops", "unknown unit 'flops'"),
    ],
)
def test_a_first_row_beside_told_fields_is_never_taken_for_names(row: str, said: Any, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(f"{row}\nbob;3\n", encoding="utf-8")
    if isinstance(said, float):
        data = load(tmp_path / "x.csv", BINARY, field=["user", "data_size"])
        assert (data.names, data.problem.data()["data_size"].tolist()) == ({"user": ("anna", "bob")}, [said, 3.0])
    else:
        with pytest.raises(InstanceError, match=said):
            load(tmp_path / "x.csv", BINARY, field=["user", "data_size"])


@pytest.mark.parametrize("names", ["node;size", ";size", "7;h2", '"my node";"size [MB]"'])
def test_words_above_told_fields_are_names(names: str, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(f"{names}\nanna;2,5\n", encoding="utf-8")
    data = load(tmp_path / "x.csv", BINARY, field=["user", "data_size"])
    assert (data.names, data.problem.data()["data_size"].tolist()) == ({"user": ("anna",)}, [2.5])


def test_a_first_row_that_counts_the_columns_is_questioned(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("0,1,2\n5,6,7\n", encoding="utf-8")
    with pytest.warns(mecopt.DoubtfulData, match="line 1 counts 0, 1, 2, ... and is read as the first row"):
        assert load(tmp_path / "x.csv", BINARY, field="data_size").problem.data()["data_size"].tolist() == [
            [0, 1, 2],
            [5, 6, 7],
        ]
    (tmp_path / "x.csv").write_text("0,1,3\n5,6,7\n", encoding="utf-8")
    with mecopt.strict():
        load(tmp_path / "x.csv", BINARY, field="data_size")


@pytest.mark.parametrize("name", ["node  name", "node\u00a0name", "node\nname"])
def test_a_column_is_ignored_by_its_name_as_it_stands_and_in_one_line(name: str, tmp_path: Path) -> None:
    text = f'data_size;"{name}"\n2,5;a\n'
    for told in (name, "node name"):
        assert sizes(tmp_path, text, ignore=[told]) == [2.5]


def test_quoted_names_are_names_where_a_cell_is_of_two_lines(tmp_path: Path) -> None:
    assert sizes(tmp_path, '"data_size","note"\n5,"a;b"\n6,"c\nd"\n', ignore=["note"]) == [5, 6]


# ---------------------------------------------------------------------- what spreadsheets put beside the data


def test_a_total_of_many_rows_is_questioned_once(tmp_path: Path) -> None:
    text = "instance;user;data_size\nA;1;5\nA;2;6\nTotal;1;1\nTotal;2;2\n"
    with pytest.warns(mecopt.DoubtfulData, match=r"line 4, column 1 \(instance\) is 'Total'") as told:
        table(tmp_path, text)
    assert len(told) == 1


@pytest.mark.parametrize("label", ["Summe", "TOTAL", "Grand total", "Mittelwert:", "average"])
def test_a_row_that_sums_up_the_others_is_questioned(label: str, tmp_path: Path) -> None:
    text = f"user;data_size\n1;2,5\n2;3,5\n{label};6,0\n"
    with pytest.warns(mecopt.DoubtfulData, match=r"line 4, column 1 \(user\) is .* one more user"):
        table(tmp_path, text)
    with mecopt.strict(), pytest.raises(mecopt.DoubtfulData, match="delete it"):
        table(tmp_path, text)


@pytest.mark.parametrize("name", ["sum 1", "totality", "Max", "summer"])
def test_other_names_of_users_are_not_questioned(name: str, tmp_path: Path) -> None:
    with mecopt.strict():
        assert sizes(tmp_path, f"user;data_size\n1;2,5\n{name};3,5\n") == [2.5, 3.5]


@pytest.mark.parametrize("unit", ["kB", "[kB]", "(kB)", "Mbit"])
def test_a_line_of_units_below_the_names_is_told_where_they_stand(unit: str, tmp_path: Path) -> None:
    plain = unit.strip("[]()")
    with pytest.raises(InstanceError, match=rf"line 2, column 1 .* write a unit behind the name, 'data_size \[{plain}\]'"):
        table(tmp_path, f"data_size;upload_rate\n{unit};MB/s\n1500;2,5\n")
    assert sizes(tmp_path, f"data_size [{plain}]\n8\n") == [0.008 if plain == "kB" else 1.0]


@pytest.mark.parametrize("name", ["data_size_kB", "data_size/kB", "Data size in kB", "data_size, kB", "data-size kB"])
def test_a_unit_without_brackets_is_told_how_it_is_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match=r"write a unit in brackets: 'data_size \[kB\]'"):
        table(tmp_path, f'"{name}";upload_rate\n1500;2\n')


@pytest.mark.parametrize("name", ["data_size_s", "data_size_anna", "data_size_", "data_sizekB"])
def test_what_is_no_unit_of_a_field_is_not_taken_for_one(name: str, tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match="not understood") as told:
        table(tmp_path, f"{name};upload_rate\n1500;2\n")
    assert "unit" not in str(told.value)


@pytest.mark.parametrize(
    ("first", "second"), [("dataSize", "uploadRate"), ("data_size:", "upload_rate:"), ("DATA.SIZE*", "UPLOAD.RATE*")]
)
def test_names_in_another_style_are_told(first: str, second: str, tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match="not understood") as told:
        table(tmp_path, f"{first};{second}\n1500;2\n")
    assert f"did you mean 'data_size' for {first!r}, 'upload_rate' for {second!r}?" in str(told.value)


@pytest.mark.parametrize("cells", ["23;0.2 W", "0.2 W;23"])
def test_a_cell_of_another_unit_than_its_column_is_told_as_that(cells: str, tmp_path: Path) -> None:
    rows = "".join(f"1e-7;{cell}\n" for cell in cells.split(";"))
    with pytest.raises(InstanceError, match=r"max_power\[[01]\] is 0\.19.*, a number without a unit, beside '0\.2 W'"):
        table(tmp_path, f"channel_gain_0;max_power [dBm]\n{rows}", "multi-server-offloading")


def test_a_title_above_the_names_is_told_to_begin_with_a_hash(tmp_path: Path) -> None:
    text = "Messung vom 3.4.;\ndata_size;capacity\n2,5;30\n"
    with pytest.raises(InstanceError, match="column 2 has no name, but cells, and line 1 is read as the names"):
        table(tmp_path, text)
    assert sizes(tmp_path, f"# {text}") == [2.5]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_name_may_be_of_two_lines(end: str, tmp_path: Path) -> None:
    text = end.join(['"data_size', '[kB]";"upload_rate', '(MB/s)"', "1500;2,5", "250;3", ""])
    (tmp_path / "x.csv").write_text(text, encoding="utf-8", newline="")
    found: Any = load(tmp_path / "x.csv", BINARY).problem
    assert (found.data_size.tolist(), found.upload_rate.tolist()) == ([1.5, 0.25], [2.5, 3.0])


def test_who_is_missing_in_an_instance_is_told_how_to_be(tmp_path: Path) -> None:
    rows = "instance,user,data_size\n1,a,2\n1,b,3\n2,a,4\n"
    with pytest.raises(InstanceError, match=r"no row of instance 2, user b; .* has a row with data_size 0"):
        table(tmp_path, rows)
    found = table(tmp_path, f"{rows}2,b,0\n")
    alone = table(tmp_path, "data_size\n4\n")
    assert mecopt.solve(found).objective[1] == pytest.approx(float(mecopt.solve(alone).objective), rel=1e-12)


# ---------------------------------------------------------------------- encodings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_words_are_the_same_in_every_encoding_of_windows(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes("user;data_size\r\nM\u00fcller;2,5\r\nJos\u00e9 \u20ac;1\r\n".encode(encoding))
    assert load(tmp_path / "x.csv", BINARY).names == {"user": ("M\u00fcller", "Jos\u00e9 \u20ac")}
    said = '{"problem": "binary-offloading", "data_size": [2.5, 1], "provenance": {"by": "M\u00fcller"}}'
    (tmp_path / "x.json").write_bytes(said.encode(encoding))
    if encoding == "cp1252":
        with pytest.raises(InstanceError, match="line 1 holds bytes that are no text in UTF-8"):
            load(tmp_path / "x.json")
    else:
        assert load(tmp_path / "x.json").provenance == {"by": "M\u00fcller"}


@pytest.mark.parametrize(
    ("content", "what"),
    [(b"PK\x03\x04", "xlsx"), (b"\xd0\xcf\x11\xe0", "xls"), (b"PAR1\x15", "Parquet"), (b"\x1f\x8b", "compressed")],
)
def test_spreadsheets_that_are_called_csv_are_told(content: bytes, what: str, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(content + bytes(range(256)))
    with pytest.raises(InstanceError, match=f"x.csv holds no text but .*{what}"):
        load(tmp_path / "x.csv", BINARY)


def test_a_column_may_be_called_as_files_of_others_begin(tmp_path: Path) -> None:
    assert sizes(tmp_path, "PAR1;data_size\n800;2,5\n", ignore=["PAR1"]) == [2.5]


def test_bytes_that_are_no_utf_8_are_named_behind_its_mark(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes("\ufeffuser;data_size\nM\u00fcller;5\n".encode() + b"M\xfcller;6\n")
    with pytest.raises(InstanceError, match="line 3 holds bytes that are no text in UTF-8"):
        load(tmp_path / "x.csv", BINARY)


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_bytes_that_are_no_text_are_named_by_their_line(suffix: str, tmp_path: Path) -> None:
    (tmp_path / f"x{suffix}").write_bytes(b"user;data_size\nM\x81ller;2,5\n")
    with pytest.raises(InstanceError, match="line 2 holds bytes that are no text in UTF-8"):
        load(tmp_path / f"x{suffix}", BINARY)
