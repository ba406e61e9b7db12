"""What is handed out: the source archive is the whole tree, and a wheel made from it is the wheel made from the tree."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MADE = ("PKG-INFO", "setup.cfg", "mecopt.egg-info")

pytest.importorskip("setuptools", minversion="77", reason="archives are built by setuptools")


def build(tree: Path, kind: str, out: Path) -> Path:
    """Build an archive by the backend itself, which needs no net, and warns of nothing; a wheel in a copy of the tree."""
    if kind == "wheel":  # it leaves its parts behind
        tree = shutil.copytree(tree, out / "tree", symlinks=True, ignore=shutil.ignore_patterns(*MADE))
    code = f"from setuptools.build_meta import build_{kind} as build; print('made', build({str(out)!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = [line for line in done.stderr.splitlines() if "warn" in line.lower() and "byte-compiling is disabled" not in line]
    assert not told
    return out / done.stdout.rsplit("made ", 1)[1].strip()


def files_of(tree: Path) -> set[str]:
    paths = (path for path in tree.rglob("*") if path.is_symlink() or path.is_file())
    names = (path.relative_to(tree).as_posix() for path in paths)
    return {name for name in names if not name.startswith(MADE)}


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy what is tracked, or all of an unpacked archive; what tools left lying about is no part of it."""
    copy = tmp_path_factory.mktemp("tree") / "mecopt"
    if (ROOT / ".git").exists() and shutil.which("git"):
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_symlink() or (ROOT / name).exists():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, copy / name, follow_symlinks=False)
    else:
        leftovers = shutil.ignore_patterns(
            ".venv*", "out*", "build", "dist", "runs", "__pycache__", "*.nbi", "*.nbc", ".*_cache", ".hypothesis", *MADE
        )
        shutil.copytree(ROOT, copy, symlinks=True, ignore=leftovers)
    return copy


@pytest.fixture(scope="module")
def unpacked(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    before = files_of(tree)
    folder = tmp_path_factory.mktemp("source")
    with tarfile.open(build(tree, "sdist", folder)) as archive:
        archive.extractall(folder, filter="data")
    assert files_of(tree) == before
    (found,) = (path for path in folder.iterdir() if path.is_dir())
    return found


def test_the_source_archive_is_the_whole_tree(tree: Path, unpacked: Path) -> None:
    assert files_of(unpacked) == files_of(tree)
    for name in files_of(tree):
        assert (unpacked / name).is_symlink() == (tree / name).is_symlink()
        if not (tree / name).is_symlink():
            assert (unpacked / name).read_bytes() == (tree / name).read_bytes(), name
    for name in ("models", "learners"):
        assert str((unpacked / "mecopt" / name).readlink()) == f"../{name}"


def test_a_wheel_from_the_source_archive_is_the_wheel_from_the_tree(tree: Path, unpacked: Path, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    wheels = contents(build(tree, "wheel", tmp_path / "a")), contents(build(unpacked, "wheel", tmp_path / "b"))
    assert wheels[0] == wheels[1]
    assert "mecopt/models/binary_offloading/problem.py" in wheels[0]
    assert "mecopt/learners/policies/binary-offloading-paper/weights.safetensors" in wheels[0]
    assert not any(name.startswith(("tests", "tools", "models", "learners", "docs")) for name in wheels[0])


def without_links(tree: Path, folder: Path, *, as_text: bool) -> Path:
    """Copy a tree as systems without symbolic links have it: a file of text in place of each, or an empty folder."""
    copy = folder / "mecopt"
    shutil.copytree(tree, copy, symlinks=True, ignore=shutil.ignore_patterns(*MADE))
    for name in ("models", "learners"):
        link = copy / "mecopt" / name
        link.unlink()
        if as_text:
            link.write_text(f"../{name}")
        else:
            link.mkdir()
    return copy


@pytest.mark.parametrize("as_text", [True, False], ids=["clone", "unpacked archive"])
def test_without_symbolic_links_the_wheel_is_the_same_and_the_tree_says_what_is_missing(
    tree: Path, tmp_path: Path, as_text: bool
) -> None:
    poor = without_links(tree, tmp_path, as_text=as_text)
    code = (  # an installation in place may bring a finder that knows where the links lead
        "import sys; sys.meta_path[:] = [finder for finder in sys.meta_path if 'Editable' not in repr(finder)]\n"
        "from mecopt.models import BinaryOffloading"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=poor, capture_output=True, text=True, check=False).stderr
    assert "without symbolic links" in said
    assert "pip install ." in said
    (tmp_path / "ours").mkdir()
    (tmp_path / "theirs").mkdir()
    theirs = contents(build(poor, "wheel", tmp_path / "theirs"))
    assert theirs == contents(build(tree, "wheel", tmp_path / "ours"))
