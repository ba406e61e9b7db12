"""Where results go is looked at before work begins, and what a terminal cannot show costs no work."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mecopt.files import require_file, to_myself
from mecopt.solution import InstanceError


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
        "from mecopt.files import to_myself\n"
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


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii"])
def test_what_a_code_page_cannot_show_is_replaced(encoding: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "mecopt", "list", "backscatter-frame"]
    run = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert run.returncode == 0, run.stderr
    assert b"UnicodeEncodeError" not in run.stderr
    assert b"backscatter-frame" in run.stdout
