"""Settings of the test suite."""

import os
from collections.abc import Generator
from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import settings

# Whether kernels must be compiled depends on earlier runs; what commands say must not.
os.environ.setdefault("MECOPT_QUIET", "1")

# The first call of a compiled kernel takes seconds, so no single example has a deadline; and CI must not depend on luck.
settings.register_profile("mecopt", deadline=None, derandomize=True)
settings.load_profile("mecopt")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, Any, Any]:
    """Skip tests whose fixtures train where torch is not installed."""
    return (yield from _without_torch())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, Any, Any]:
    """Skip tests that train where torch is not installed."""
    return (yield from _without_torch())


def _without_torch() -> Generator[None, Any, Any]:
    from mecopt import BackendUnavailable

    try:
        return (yield)
    except BackendUnavailable as error:
        if "torch" in str(error) and find_spec("torch") is None:
            pytest.skip(str(error))
        raise
