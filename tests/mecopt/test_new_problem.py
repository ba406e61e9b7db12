"""The smallest complete problem, which a new one is copied from, is a problem like any other."""

from __future__ import annotations

import loading
import numpy as np
import pytest

from mecopt.testing import CHECKS, Check, checks_of

TEMPLATE = loading.example("new_problem")
MOST_LINES = 250


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_template_passes_every_battery(check: Check) -> None:
    assert check in checks_of(TEMPLATE.SharedServer)
    check(TEMPLATE.SharedServer)


def test_template_is_short() -> None:
    assert len((loading.EXAMPLES / "new_problem.py").read_text(encoding="utf-8").splitlines()) < MOST_LINES


def test_check_of_the_template_sees_a_wrong_bound() -> None:
    def unpaid(problem: object, dual: object) -> object:
        return TEMPLATE.SharedServer.relaxed_bound(problem, dual) + dual.price * problem.capacity  # type: ignore[attr-defined]

    assert not TEMPLATE.check_prices(np.random.default_rng(0), unpaid).passed
