"""Compiles the kernels of all problems for a processor that most others contain, and makes a wheel that brings them.

    python tools/prebuilt.py                     the wheel of this platform, in dist/
    python tools/prebuilt.py binary-offloading   with the kernels of one problem alone
    python tools/prebuilt.py --plat-name manylinux_2_28_x86_64

They are compiled from the files of the pure wheel, so that who installs the other one has the sources they were built from,
and in processes of their own: one that compiles all kernels of a problem, then one that finds out which of them are called
from Python. Kernels that only other kernels call are within these.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

LEFT = ("*.egg-info", ".*", "build", "dist", "out", "runs")
"""What stands beside the tree's own folders where it was worked in, and is no part of it."""

CALLING = """
import sys
from mecopt.registry import find_problem
from mecopt.running.warm_up import steps
for step in steps(find_problem(sys.argv[1])):
    step()
"""

COMPILING = (
    CALLING
    + """
import numba
if numba.core.config.USING_SVML:
    sys.exit("numba uses Intel's SVML here, which not everybody has; build where icc-rt is not installed")
"""
)

LOADED = (
    CALLING
    + """
import json
from mecopt.kernels.caches import loaded_files
print(json.dumps([str(path) for path in loaded_files()]))
"""
)

PACKING = """
import json, sys
from pathlib import Path
from mecopt.kernels.prebuilt import pack
files, problems, archive = json.load(sys.stdin)
Path(archive).write_bytes(pack(map(Path, files), problems))
"""

BASELINE = """
import json
from numba.core.registry import cpu_target
from mecopt.kernels.prebuilt import BASELINES, for_all
target = cpu_target.target_context.codegen().magic_tuple()
found = BASELINES.get(target[0].partition("-")[0])
print(json.dumps([found and found.settings, found and found.archive, for_all(target) is not None]))
"""

NAMES = "import json; from mecopt.registry import problem_names; print(json.dumps(problem_names()))"


def main() -> None:
    """Make the wheel."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("problems", nargs="*", help="names; all problems without one")
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "dist", help="folder of the wheel (dist)")
    parser.add_argument("--plat-name", help="tag of the platform, for an index, which takes no linux_x86_64")
    parser.add_argument("--keep", type=Path, help="folder to work in: what stays there is not compiled again")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes side by side (all cores)")
    given = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        wheel = made(given.keep or Path(folder), given.problems, given.plat_name, given.jobs)
        given.out.mkdir(parents=True, exist_ok=True)
        kept = Path(shutil.copy(wheel, given.out))
    print(f"{kept}: {kept.stat().st_size / 2**20:.1f} MiB, made in {time.perf_counter() - began:.0f} s")


def made(folder: Path, problems: list[str], platform: str | None, jobs: int) -> Path:
    """Return a wheel with the kernels of problems, made in a folder."""
    folder = folder.absolute()
    tree, files = folder / "tree", folder / "files"
    copied(tree)
    shutil.rmtree(files, ignore_errors=True)
    with zipfile.ZipFile(packed(tree, folder / "pure")) as pure:
        pure.extractall(files)
    without = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    here = {**without, "PYTHONPATH": str(files), "NUMBA_CACHE_DIR": str(folder / "kernels"), "MECOPT_QUIET": "1"}
    here["MECOPT_PREBUILT"] = "0"
    settings, name, contained = json.loads(said(BASELINE, here))
    if not contained:
        sys.exit("this processor has not all of the baseline, and what is compiled for it would not run here")
    there = {**here, **settings}
    chosen = problems or json.loads(said(NAMES, there))
    with ThreadPoolExecutor(jobs) as side_by_side:
        list(side_by_side.map(lambda problem: said(COMPILING, there, problem), chosen))
        loaded = list(side_by_side.map(lambda problem: json.loads(said(LOADED, there, problem)), chosen))
    archive = folder / name
    said(PACKING, there, given=json.dumps([sorted({path for paths in loaded for path in paths}), chosen, str(archive)]))
    options = [f"--prebuilt={archive}", *([f"--plat-name={platform}"] if platform else [])]
    return packed(tree, folder / "platform", *options)


def said(code: str, environment: dict[str, str], *arguments: str, given: str | None = None) -> str:
    """Run code in a process of its own, and return the last line that it printed."""
    command = [sys.executable, "-P", "-c", code, *arguments]
    done = subprocess.run(command, env=environment, input=given, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.returncode)
    return done.stdout.rstrip().rpartition("\n")[2]


def copied(tree: Path) -> None:
    """Copy the tree, since building leaves its parts there, and so that both wheels are of the same sources."""
    shutil.rmtree(tree, ignore_errors=True)
    tools, beside = shutil.ignore_patterns("__pycache__"), shutil.ignore_patterns(*LEFT)
    shutil.copytree(ROOT, tree, symlinks=True, ignore=lambda at, names: (beside if Path(at) == ROOT else tools)(at, names))


def packed(tree: Path, out: Path, *options: str) -> Path:
    """Return the wheel that pip makes of a tree."""
    for before in (tree / "build", out):
        shutil.rmtree(before, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(out), str(tree)]
    command += [f"--config-settings=--build-option={option}" for option in options]
    subprocess.run([*command, *(["--no-build-isolation"] if _has_setuptools() else [])], check=True)
    (wheel,) = out.glob("*.whl")
    return wheel


def _has_setuptools() -> bool:
    """Whether wheels can be built here without fetching anything."""
    try:
        return int(importlib.metadata.version("setuptools").partition(".")[0]) >= 77
    except importlib.metadata.PackageNotFoundError:
        return False


if __name__ == "__main__":
    main()
