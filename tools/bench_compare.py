"""`make bench-compare BASE=REV`: this tree, as it stands, beside another commit, by turns, call by call.

    python tools/bench_compare.py REV [--only TEXT] [--seconds S] [-o FILE]

The commit is checked out to out/bench-compare/, with its own compiled kernels. Both sides run in the interpreter that runs
this, with the same packages. It ends with 1 where a call is slower by more than 10 %, and with 0 where none is.

Why not asv: it installs one commit after the other into an environment of its own, with all packages some gigabytes here,
and runs all benchmarks of one before those of the other (asv#595, asv#647), by one clock each. pyperf and pytest-benchmark
compare files that were measured one after the other. What is our own here is asking two processes by turns; what the numbers
prove is judged by scipy.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / "out" / "bench-compare"

ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables that libraries of linear algebra read when they are loaded."""


def git(*words: str) -> str:
    """Run git in this tree, and return what it says."""
    run = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(f"bench-compare: git {words[0]}: {run.stderr.strip()}")
    return run.stdout.strip()


def checked_out(revision: str) -> Path:
    """Return a tree of the commit, which is kept for the next time, kernels included."""
    commit = git("rev-parse", "--verify", f"{revision}^{{commit}}")
    tree = PLACE / commit[:12]
    if not (tree / "pyproject.toml").exists():
        git("worktree", "prune")
        git("worktree", "add", "--quiet", "--force", "--detach", str(tree), commit)
    return tree


def declared(tree: Path) -> Path:
    """Write what an installation of the tree would declare, its entry points above all, and return the folder."""
    project = tomllib.loads((tree / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    folder = PLACE / f"{tree.name}.declared"
    info = folder / f"mecopt-{project['version']}.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: mecopt\nVersion: {project['version']}\n", encoding="utf-8")
    groups = (
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        for group, entries in project["entry-points"].items()
    )
    (info / "entry_points.txt").write_text("\n".join(groups), encoding="utf-8")
    return folder


class Side:
    """A process that runs a tree's mecopt."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        path = os.pathsep.join([str(tree), str(declared(tree)), *filter(None, [os.environ.get("PYTHONPATH")])])
        left_out = ("NUMBA_CACHE_DIR",)
        environment = {name: value for name, value in os.environ.items() if name not in left_out}
        environment |= {"PYTHONPATH": path, **dict.fromkeys(ONE_THREAD, "1")}
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "tools" / "bench_worker.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=PLACE,
            env=environment,
        )
        self.calls = self({"do": "list"})
        if tree not in Path(self.calls["mecopt"]).resolve().parents:
            sys.exit(f"bench-compare: {tree} was asked for, and {self.calls['mecopt']} answered")

    def __call__(self, request: Any) -> Any:
        """Ask, and wait for the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"bench-compare: the process of {self.tree} ended at {request}")
        return json.loads(line)

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def _number(value: Any) -> Any:
    """Return what JSON can hold: none for what is no number."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def main() -> int:
    """Measure, print, and say whether anything is slower."""
    parser = argparse.ArgumentParser(description="This tree beside another commit, call by call.")
    parser.add_argument("base", help="commit, tag or branch")
    parser.add_argument("--only", default="", help="calls whose name has this text")
    parser.add_argument("--seconds", type=float, default=3.0, help="for each call")
    parser.add_argument("-o", "--out", type=Path, help="file of JSON for all differences")
    given = parser.parse_args()
    PLACE.mkdir(parents=True, exist_ok=True)
    sys.path.insert(0, str(ROOT))
    from mecopt.compare.bench.versus import NOTABLE, interleaved

    tree = checked_out(given.base)
    before, after = Side(tree), Side(ROOT)
    try:
        both = [call for call in after.calls["calls"] if call in before.calls["calls"] and given.only in call]
        new = [call for call in after.calls["calls"] if call not in before.calls["calls"] and given.only in call]
        print(f"{given.base} ({tree.name}) before, this tree now; processor time, its ratio with a 95 % interval")
        print("Kernels that a side has not compiled yet are compiled first, which may take minutes.", flush=True)
        found = interleaved(before, after, both, given.seconds, lambda one: print(one.line(), flush=True))
    finally:
        before.close()
        after.close()
    if given.out is not None:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        plain = [{name: _number(value) for name, value in asdict(one).items()} for one in found]
        given.out.write_text(json.dumps({"base": tree.name, "differences": plain}, indent=1) + "\n", encoding="utf-8")
    slower = [one for one in found if one.slower]
    by = f"{100 * NOTABLE:.0f} %"
    if new:
        print(f"Only in this tree: {len(new)} calls, the first is {new[0]}")
    for verdict in ("faster", "other values", "failed"):
        if count := sum(one.verdict == verdict for one in found):
            print(f"{verdict}: {count}")
    print(f"slower by more than {by}: {', '.join(one.key for one in slower) or 'none'}")
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
