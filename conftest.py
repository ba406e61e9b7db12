"""Settings of the test suite."""

import os
import re
from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# Whether kernels must be compiled depends on earlier runs; what commands say must not.
os.environ.setdefault("MECOPT_QUIET", "1")

# The first call of a compiled kernel takes seconds, so no single example has a deadline; and CI must not depend on luck.
settings.register_profile("mecopt", deadline=None, derandomize=True)
settings.load_profile("mecopt")


LEARN = ("torch", "gymnasium", "pettingzoo", "stable_baselines3")
"""Packages of the extra `learn`: without them what needs them is left out."""

SAYS_SO = re.compile(r"^    raise BackendUnavailable\(.*mecopt\[learn\]", re.MULTILINE)
"""How a module says, when it is imported, that it cannot be without the extra."""


DEAR = (
    "tests/test_prebuilt_wheel.py",
    "tests/test_warm_up.py",
    "tests/test_batteries.py",
    "tests/mecopt/test_cluster.py",
    "tests/test_lessons_in_a_browser.py",
    "tests/models/",
    "tests/learners/",
    "tests/mecopt/",
    "tests/",
)
"""Files that take minutes, and folders, in the order in which workers begin them: at the end little is left for the last."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order the tests of several workers, to whom files are handed out in the order of their first tests."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: next((k for k, dear in enumerate(DEAR) if item.nodeid.startswith(dear)), len(DEAR)))


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Look for doctests, where the extra `learn` is missing, in no module that needs it, and in none that has no doctest."""
    packaged = collection_path.suffix == ".py" and collection_path.is_relative_to(Path(__file__).parent / "mecopt")
    if not packaged or all(map(find_spec, LEARN)):
        return None
    text = collection_path.read_text(encoding="utf-8")
    return True if ">>> " not in text or SAYS_SO.search(text) else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, Any, Any]:
    """Skip tests whose fixtures need the extra `learn` where it is not installed."""
    return (yield from _without_learn())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, Any, Any]:
    """Skip tests that need the extra `learn` where it is not installed."""
    return (yield from _without_learn())


def _without_learn() -> Generator[None, Any, Any]:
    from mecopt import BackendUnavailable

    try:
        return (yield)
    except (BackendUnavailable, ModuleNotFoundError) as error:
        if any(package in str(error) and find_spec(package) is None for package in LEARN):
            pytest.skip(str(error))
        raise
