"""Every registered problem passes every battery."""

import pytest

from mecopt.registry import find_problem, problem_names
from mecopt.testing import CHECKS, Check


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", problem_names())
def test_every_problem_passes(name: str, check: Check) -> None:
    check(find_problem(name))
