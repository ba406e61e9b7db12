"""Where results go is looked at before work begins, and what a terminal cannot show costs no work."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mecopt
from mecopt.cli.main import main
from mecopt.compare import Comparison, compare
from mecopt.compare.report import write_report
from mecopt.contract.errors import InstanceError
from mecopt.data import save
from mecopt.evaluation.reproduction import Claim, Findings, Table
from mecopt.models import BinaryOffloading
from mecopt.storage.atomic import LOCK, code_digest, made, require_file, to_myself, write_whole


def test_a_folder_that_is_a_file_or_takes_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here")
    with pytest.raises(InstanceError, match="is a file; allowed: a folder"), to_myself(tmp_path / "file"):
        pass
    for folder in (tmp_path / "file" / "below", Path("/proc/self/results")):
        with pytest.raises(InstanceError, match="nothing can be written to the folder"), to_myself(folder):
            pass
    assert (tmp_path / "file").read_text() == "here"


def test_a_file_that_is_a_folder_or_cannot_be_made_is_refused(tmp_path: Path) -> None:
    require_file(tmp_path / "new" / "slots.npz")
    assert not (tmp_path / "new").exists()
    with pytest.raises(InstanceError, match="is a folder; allowed: the name of a file"):
        require_file(tmp_path)
    with pytest.raises(InstanceError, match="cannot be written"):
        require_file(Path("/proc/self/slots.npz"))


def test_two_runs_never_share_a_folder_and_an_ended_one_leaves_nothing(tmp_path: Path) -> None:
    again = (
        "import sys; from pathlib import Path\n"
        "from mecopt.storage.atomic import to_myself\n"
        "with to_myself(Path(sys.argv[1])): print('mine')\n"
    )

    def other() -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", again, str(tmp_path)], capture_output=True, text=True, check=False)

    with to_myself(tmp_path):
        refused = other()
        assert f"is in use by the process {os.getpid()}" in refused.stderr
        assert refused.returncode != 0
    assert other().stdout == "mine\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii", "ascii:surrogateescape"])
def test_what_a_code_page_cannot_show_is_replaced(encoding: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "mecopt", "list", "backscatter-frame"]
    run = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert run.returncode == 0, run.stderr
    assert b"UnicodeEncodeError" not in run.stderr
    assert b"backscatter-frame" in run.stdout


@pytest.mark.parametrize(("encoding", "told"), [("cp1252", True), ("utf-8", False)])
def test_characters_that_a_code_page_lacks_are_told_once(encoding: str, told: bool) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "mecopt", "explain", "binary-offloading", "--step", "1"]
    said = subprocess.run(command, capture_output=True, env=environment, check=True).stderr.decode(encoding)
    assert said.count(f"note: {encoding} lacks characters of this output") == told
    plain = [sys.executable, "-m", "mecopt", "--version"]
    assert b"lacks" not in subprocess.run(plain, capture_output=True, env=environment, check=True).stderr


@pytest.mark.skipif(os.name != "posix", reason="names of files are text there")
@pytest.mark.parametrize("suffix", [".json", ".npz", ".parquet", ".csv"])
def test_files_whose_names_are_no_text_are_read_and_written(suffix: str, tmp_path: Path) -> None:
    name = os.fsdecode(b"gr\xf6\xdfe")
    try:
        (tmp_path / name).mkdir()
    except OSError:
        pytest.skip("this file system takes no such name")
    data, out = tmp_path / name / f"{name}{suffix}", tmp_path / name / "out"
    assert run("sample", "binary-offloading", "--count", "2", "-o", data) == 0
    assert run("solve", data, "-o", data.with_suffix(".tsv")) == 0
    for _ in range(2):  # the second time all is there
        assert run("compare", data, "--methods", "exact,all-local", "--jobs", "1", "-o", out) == 0
    assert (out / "report.html").is_file()


@pytest.mark.skipif(os.name != "posix", reason="modes of files are of POSIX")
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o002, 0o664)])
def test_files_have_the_mode_of_any_new_file(mask: int, mode: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.umask(mask)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(os, "umask", lambda mask: pytest.fail("the mask is of all threads"))
            write_whole(tmp_path / "x", b"here")
    finally:
        os.umask(before)
    assert (tmp_path / "x").stat().st_mode & 0o777 == mode


@pytest.mark.parametrize("length", [200, 250])
def test_every_name_that_the_file_system_takes_is_written(length: int, tmp_path: Path) -> None:
    path = tmp_path / ("a" * length)
    path.write_bytes(b"old")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def run(*words: object) -> object:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return ended.value.code


@pytest.fixture
def slots(tmp_path: Path) -> Path:
    """A file of two instances."""
    instances = BinaryOffloading.sample(np.random.default_rng(0), (2,), users=3)
    save(tmp_path / "slots.parquet", instances, provenance={})
    return tmp_path / "slots.parquet"


def test_the_data_that_are_read_are_never_written_over(
    slots: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, folder = slots.read_bytes(), slots.parent
    monkeypatch.chdir(folder)
    (folder / "link.parquet").symlink_to(slots)
    for output in (slots, "slots.parquet", folder / "link.parquet"):
        assert run("solve", slots, "-o", output) == 2
    for name, command in (("results.parquet", ["compare"]), ("training.parquet", ["train", "binary-offloading", "--data"])):
        (folder / name).write_bytes(before)
        assert run(*command, folder / name, "-o", folder) == 2
        assert (folder / name).read_bytes() == before
    assert slots.read_bytes() == before
    assert capsys.readouterr().err.count("would replace the data that are read") == 5


def test_an_answer_that_cannot_be_written_is_printed_all_the_same(
    slots: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("mecopt.data.answers.write_answer", refuse)
    assert run("solve", slots, "--json", "-o", slots.parent / "answers.csv") == 2
    said = capsys.readouterr()
    assert json.loads(said.out)["status"] == ["OPTIMAL", "OPTIMAL"]
    assert "answers.csv could not be written: Permission denied" in said.err


def test_a_report_is_written_while_the_folder_is_held_and_who_holds_it_may_take_it_again(tmp_path: Path) -> None:
    instances, held = BinaryOffloading.sample(np.random.default_rng(0), (2,), users=3), []

    def report(found: Comparison) -> None:
        write_report(found, tmp_path)
        held.append((tmp_path / LOCK).exists())

    compare(instances, ["all-local"], out=tmp_path, report=report)
    assert held == [True]
    assert (tmp_path / "report.html").is_file()
    assert not (tmp_path / LOCK).exists()


def fails(held: Any, folder: Path, *files: str) -> None:
    with held(folder):
        assert folder.is_dir()
        for name in files:
            write_whole(folder / name, b"done")
        raise KeyboardInterrupt


@pytest.mark.parametrize("held", [made, to_myself])
def test_a_folder_in_which_nothing_came_about_is_taken_back(held: Any, tmp_path: Path) -> None:
    for folder in (tmp_path / "a" / "b", tmp_path / "c"):
        with pytest.raises(KeyboardInterrupt):
            fails(held, folder)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("held", [made, to_myself])
def test_what_stood_there_or_was_written_stays_where_work_fails(held: Any, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    with pytest.raises(KeyboardInterrupt):
        fails(held, tmp_path / "old")
    with pytest.raises(KeyboardInterrupt):
        fails(held, tmp_path / "new" / "run", "parts/first")
    with held(tmp_path / "empty"):
        pass
    assert {path.name for path in tmp_path.rglob("*")} == {"old", "new", "run", "parts", "first", "empty"}


def test_exponents_are_written_out_where_they_cannot_be_shown() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "mecopt", "explain", "binary-offloading", "--step", "1"]
    said = subprocess.run(command, capture_output=True, env=environment, check=False).stdout.decode("cp1252")
    assert re.search(r"\d\^-\d+", said)
    assert not re.search(r"\d\?+[\d\u00b9\u00b2\u00b3?]", said)


def test_brackets_of_units_and_names_are_no_markup(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Paper:
        title, seeds = "a paper [s]", 1

        def run(self, out: Path, **_: object) -> Findings:
            table = Table("costs [s]", "rates [bit/s]", ("user", "cost [s]"), [["[red]", "1 [s]"]])
            return Findings("found [s]", {}, [Claim("costs fall [s]", "fig. [a]", "holds", "by 2 [bit/s]")], [table])

    monkeypatch.setattr("mecopt.registry.find_reproduction", lambda name: Paper())
    assert run("reproduce", "x", "-o", tmp_path) == 0
    said = capsys.readouterr().out
    for text in ("found [s]", "costs [s]", "rates [bit/s]", "cost [s]", "[red]", "1 [s]", "fall [s]", "[a]", "2 [bit/s]"):
        assert text in said


def test_there_is_one_bar_for_every_command() -> None:
    package = Path(mecopt.__file__).parent
    found = [path.name for path in package.rglob("*.py") if "rich.progress" in path.read_text(encoding="utf-8")]
    assert found == ["console.py"]


def test_the_code_of_a_run_is_every_module_of_mecopt(monkeypatch: pytest.MonkeyPatch) -> None:
    read, whole = set[Path](), Path.read_bytes

    def seen(path: Path) -> bytes:
        read.add(path.resolve())
        return whole(path)

    monkeypatch.setattr(Path, "read_bytes", seen)
    code_digest.__wrapped__()
    monkeypatch.undo()
    for module in ("solve", "models.binary_offloading.problem", "learners.training", "search.exact"):
        spec = importlib.util.find_spec(f"mecopt.{module}")
        assert spec is not None
        assert spec.origin is not None
        assert {file.resolve() for file in Path(spec.origin).parent.rglob("*.py")} <= read
