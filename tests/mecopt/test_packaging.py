"""The tree, the wheel and the imports are what the layout says."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_every_package_on_disk_is_listed_for_the_wheel() -> None:
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    found = set()
    for root, name in (("mecopt", "mecopt"), ("models", "mecopt.models"), ("learners", "mecopt.learners")):
        for init in (ROOT / root).rglob("__init__.py"):
            parts = init.parent.relative_to(ROOT / root).parts
            if root != "mecopt" or parts[:1] not in (("models",), ("learners",)):
                found.add(".".join([name, *parts]))
    assert listed == found


def test_models_and_learners_are_relative_links() -> None:
    for name in ("models", "learners"):
        link = ROOT / "mecopt" / name
        assert link.is_symlink()
        assert str(link.readlink()) == f"../{name}"


@pytest.mark.parametrize("name", ["models", "learners"])
def test_folders_refuse_to_be_top_level_packages(name: str) -> None:
    result = subprocess.run([sys.executable, "-c", f"import {name}"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert f"mecopt.{name}" in result.stderr


def test_solving_does_not_load_what_it_does_not_use() -> None:
    code = (
        "import sys, mecopt; from mecopt.models import BinaryOffloading;"
        "mecopt.solve(BinaryOffloading(data_size=[1.0, 2.0]));"
        "unused = ('cvxpy', 'pyomo', 'matplotlib', 'pyarrow', 'torch', 'pyscipopt', 'highspy');"
        "print([name for name in unused if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_constraints_pin_everything_that_is_required() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, groups = settings["project"], settings["dependency-groups"]
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in (ROOT / "constraints.txt").read_text().splitlines()}
    parts = (project["dependencies"], *project["optional-dependencies"].values(), *groups.values())
    wanted = [requirement for part in parts for requirement in part]
    for requirement in wanted:
        name = re.split("[<>=; ]", requirement)[0].lower().replace("_", "-")
        assert name in pinned, f"{name} is not pinned in constraints.txt"


def test_a_tree_that_is_not_installed_says_so() -> None:
    code = """
import importlib.metadata as metadata
found = metadata.version
def version(name):
    if name == "mecopt":
        raise metadata.PackageNotFoundError(name)
    return found(name)
metadata.version = version
import mecopt
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert re.search(r"ImportError: mecopt lies in .*mecopt, but this Python has not installed it", run.stderr)
    assert "During handling" not in run.stderr
