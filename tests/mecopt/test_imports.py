"""A command, and an import, loads what it needs: no problem that nobody named."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import mecopt.models
from mecopt.registry import dynamics_names, find_dynamics, find_problem, problem_names

LOADED = """
import contextlib, io, json, sys
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    exec(sys.argv[1])
print(json.dumps(sorted(sys.modules)))
"""


def loaded(code: str) -> set[str]:
    """Return the modules that a process has once it has run this."""
    done = subprocess.run([sys.executable, "-c", LOADED, code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def models(modules: set[str]) -> set[str]:
    """Return the problems among modules."""
    return {name.split(".")[2] for name in modules if name.startswith("mecopt.models.")}


def command(*words: str) -> str:
    return f"from mecopt.cli.main import main; main({list(words)})"


HEAVY = {"numba", "scipy", "cvxpy", "clarabel", "pyomo", "highspy", "pyarrow", "pandas", "matplotlib", "torch", "gymnasium"}
"""What takes a tenth of a second or more to import, and who only looks at what there is never calls."""


def commands(*several: tuple[str, ...]) -> str:
    return "\n".join(f"with contextlib.suppress(SystemExit): {command(*one)}" for one in several)


def test_looking_at_what_there_is_imports_no_solver_and_no_compiler(tmp_path: Path) -> None:
    of_each = [(verb, name) for verb in ("list", "schema") for name in problem_names()]
    drawn = ("sample", "computation-rate", "--count", "1", "-o", str(tmp_path / "one.json"))
    found = loaded(commands(("list",), *of_each, ("list", "parametric-q"), ("compare", "--help"), drawn))
    assert len(models(found)) == len(problem_names())
    assert (tmp_path / "one.json").is_file()
    assert not HEAVY & found


@pytest.mark.parametrize("verb", ["list", "schema"])
def test_a_command_imports_the_problem_that_it_is_about_alone(verb: str) -> None:
    found = loaded(command(verb, "priced-power"))
    assert models(found) == {"priced_power"}
    assert not any(name.startswith("mecopt.learners.") for name in found)


def test_a_file_is_solved_by_the_problem_that_it_names_alone(tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    file.write_text(json.dumps({"problem": "binary-offloading", "data_size": [12.0, 7.5]}))
    found = loaded(command("solve", str(file)))
    assert models(found) == {"binary_offloading"}
    assert not (HEAVY - {"numba", "scipy"} | {"scipy.linalg", "scipy.sparse", "scipy.optimize"}) & found


def test_a_learner_is_listed_by_itself_alone() -> None:
    found = loaded(command("list", "parametric-q"))
    assert "mecopt.learners.parametric_q.learner" in found
    assert not {f"mecopt.learners.{other}.learner" for other in ("decision_net", "h_maddpg", "ojrs")} & found


def test_products_of_matrices_are_still_compiled_where_nobody_had_asked_for_blas() -> None:
    found = loaded("""
import numpy as np
from mecopt.kernels.compiled import compiled

matrix = np.array([[1.0, 2.0], [3.0, 4.0]])
assert compiled(lambda one: one.sum())(matrix) == 10.0
assert "scipy.linalg" not in sys.modules
assert (compiled(lambda one: one @ one)(matrix) == [[7.0, 10.0], [15.0, 22.0]]).all()
""")
    assert "scipy.linalg" in found


def test_a_problem_brings_no_other_one_and_no_solver_that_it_may_never_call() -> None:
    found = loaded("from mecopt.models import BackscatterFrame")
    assert models(found) == {"backscatter_frame"}
    assert not {"numba", "cvxpy", "clarabel", "pyomo", "scipy.sparse"} & found
    assert not models(loaded("import mecopt; mecopt.problems"))


def test_the_models_are_those_that_are_installed() -> None:
    assert {getattr(mecopt.models, name) for name in mecopt.models.__all__} == set(map(find_problem, problem_names()))
    assert set(mecopt.models.__all__) <= set(dir(mecopt.models))
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = mecopt.models.Nothing


@pytest.mark.parametrize("name", problem_names())
def test_what_may_be_about_a_problem_holds_what_is(name: str) -> None:
    cls = find_problem(name)
    assert {one for one in dynamics_names() if find_dynamics(one).problem is cls} <= set(dynamics_names(cls))
