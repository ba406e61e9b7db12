"""A wheel that brings kernels answers in an empty environment without compiling any, as certified as any other answer."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import pytest

from mecopt.registry import problem_names

ROOT = Path(__file__).parents[1]
SMALL = ("inference-queue",)

pytest.importorskip("setuptools", minversion="77", reason="wheels are built by setuptools")

SOLVING = """
import itertools, json, sys
import numba.core.event as event

class Heard(event.Listener):
    kernels = []
    def on_start(self, started):
        function = started.data["dispatcher"].py_func
        self.kernels.append(f"{function.__module__}.{function.__qualname__}")
    def on_end(self, ended):
        pass

event.register("numba:compile", Heard())
import numpy as np
import mecopt
from mecopt.kernels.prebuilt import prebuilt
from mecopt.registry import find_problem

answers = {}
for name in sys.argv[1:]:
    cls = find_problem(name)
    for preset, users in itertools.product(cls.presets, (1, 4)):
        sizes = {size: {"users": users, "servers": 3}.get(size, 2) for size in cls.size_names()}
        problem = cls.sample(np.random.default_rng(0), (2,), preset=preset, **sizes)
        answer = mecopt.solve(problem, throw=False)
        decided = mecopt.allocate(problem, answer.decision, throw=False)
        answers[f"{name} {preset} {users}"] = [
            [str(status) for status in np.ravel(answer.status)],
            np.ravel(answer.objective).tolist(),
            np.ravel(decided.objective).tolist(),
        ]
print(json.dumps([mecopt.__file__, prebuilt().problems, Heard.kernels, answers]))
"""

COMPILING = """
import os, sys
import numba.core.event as event

class Heard(event.Listener):
    def on_start(self, started):
        print(started.data["dispatcher"].py_func.__qualname__, flush=True)
        os._exit(0)
    def on_end(self, ended):
        pass

event.register("numba:compile", Heard())
import numpy as np
import mecopt
from mecopt.kernels.prebuilt import prebuilt
from mecopt.registry import find_problem

assert not prebuilt().problems
for name in sys.argv[1:]:
    cls = find_problem(name)
    mecopt.solve(cls.sample(np.random.default_rng(0), **{size: 2 for size in cls.size_names()}))
"""
"""Says the name of the first kernel that is compiled, and nothing where none is."""

COMPARING = """
import sys
import numpy as np
from mecopt.compare import compare
from mecopt.registry import find_problem

if __name__ == "__main__":
    cls = find_problem(sys.argv[1])
    problem = cls.sample(np.random.default_rng(0), (4,), **{size: 2 for size in cls.size_names()})
    compare(problem, [next(iter(cls.solvers))], out=sys.argv[2], jobs=2)
"""


def run(python: Path | str, environment: dict[str, str], code: str, *arguments: object) -> str:
    command = [str(python), "-P", "-c", code, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.rstrip().rpartition("\n")[2]


def own_environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MECOPT_", "NUMBA_", "PYTHONPATH"))}
    return {**kept, "NUMBA_CACHE_DIR": str(folder / "caches")}


def installed(problems: tuple[str, ...], folder: Path) -> Path:
    """Build a wheel with the kernels of problems, install it in an empty environment, and return its Python.

    What mecopt depends on comes from the environment of the tests; what is installed there in place does not.
    """
    building = [sys.executable, str(ROOT / "tools" / "prebuilt.py"), *problems, "--out", str(folder)]
    done = subprocess.run(building, capture_output=True, text=True, check=False)
    if "has not all of the baseline" in done.stderr:
        pytest.skip("this processor contains no baseline")
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    version = f"cp{sys.version_info.major}{sys.version_info.minor}"
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    assert wheel.name.split("-")[2:] == [version, version, f"{platform}.whl"]
    with zipfile.ZipFile(wheel) as archive:
        assert sum("prebuilt-" in name for name in archive.namelist()) == 1
    place = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(pip, check=True)
    (site,) = place.rglob("site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return python


@pytest.mark.parametrize(
    "problems", [SMALL, pytest.param(tuple(problem_names()), marks=pytest.mark.slow)], ids=["one", "all"]
)
def test_an_empty_environment_compiles_nothing_and_its_answers_agree(problems: tuple[str, ...], tmp_path: Path) -> None:
    python, environment = installed(problems, tmp_path), own_environment(tmp_path)
    place, came, compiled, answers = json.loads(run(python, environment, SOLVING, *problems))
    assert Path(place).is_relative_to(tmp_path)
    assert set(came) == set(problems)
    assert compiled == []
    for name in problems:
        run(python, environment, COMPARING, name, tmp_path / "out" / name)
    assert not list((tmp_path / "caches").rglob("*.nbc")), "something was compiled by a worker"
    here = {**os.environ, "MECOPT_PREBUILT": "0"}
    agree(answers, json.loads(run(sys.executable, here, SOLVING, *problems))[3])
    shutil.rmtree(tmp_path / "caches", ignore_errors=True)
    without = run(python, {**environment, "MECOPT_PREBUILT": "0"}, COMPILING, *SMALL)
    assert without, "what came with the wheel is why nothing was compiled"


def agree(baseline: dict[str, Any], host: dict[str, Any]) -> None:
    """Answers are alike in what is proved, and within the gap that was asked for."""
    assert baseline.keys() == host.keys()
    for name, (statuses, *values) in baseline.items():
        assert statuses == host[name][0], name
        for one, other in zip(values, host[name][1:], strict=True):
            assert one == pytest.approx(other, rel=2e-6, abs=1e-9, nan_ok=True), name
