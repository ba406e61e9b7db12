"""A problem with limits of one's own passes the batteries of every problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import ArrayLike

from mecopt.contract.backend import Feature
from mecopt.contract.limits import Rule
from mecopt.contract.limits.limited import limited_class
from mecopt.contract.problem import Problem
from mecopt.contract.scenario import Scenario
from mecopt.models import BandwidthPower, BinaryOffloading, ComputationRate, MultiServerOffloading, PricedPower
from mecopt.testing.methods import check_no_solver_beats_the_bound, check_starts
from mecopt.testing.problems import Check, checks_of
from mecopt.testing.proofs import check_violations_are_seen

CHOOSING: tuple[type[Problem], ...] = (BinaryOffloading, ComputationRate, MultiServerOffloading, PricedPower, BandwidthPower)
PLACES = Rule("batteries: places", "1", ("offload",), ("most",), wide=False)
MEMORY = Rule("batteries: memory", "MB", ("local", "offload"), ("most",), wide=False)


def drawn_with_limits(base: type[Problem], scenario: Scenario) -> Scenario:
    """Return a scenario that draws numbers of limits as well: all but one may offload, and not all with much memory."""

    def draw(rng: Generator, shape: tuple[int, ...]) -> Mapping[str, ArrayLike]:
        own = dict(scenario.draw(rng, shape))
        lead = shape[: len(shape) - len(base.size_names())]
        users = shape[len(lead)]
        return {
            **own,
            PLACES.field("offload"): 1.0,
            PLACES.field("most"): np.full(lead, float(users - 1)),
            MEMORY.field("local"): 0.5,
            MEMORY.field("offload"): rng.uniform(1.0, 3.0, (*lead, users)),
            MEMORY.field("most"): np.full(lead, 1.7 * users),
        }

    told = "ours: so that limits bind in some instances and leave decisions in all"
    numbers = [rule.field(part) for rule in (PLACES, MEMORY) for part in (*rule.weights, *rule.bounds)]
    return replace(scenario, draw=draw, sources={**scenario.sources, **dict.fromkeys(numbers, told)})


def checks_under_limits(base: type[Problem]) -> list[Check]:
    """Return the batteries but that of violations, which has everyone offload: more than there are places.

    Where exact search keeps no limits outside solvers have no proof, which the batteries of solvers ask for.
    """
    left_out = [check_violations_are_seen]
    if Feature.LIMITS not in base.solvers["exact"].features:
        left_out += [check_no_solver_beats_the_bound, check_starts]
    return [check for check in checks_of(base) if check not in left_out]


@pytest.fixture
def limited(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A class of limited problems whose presets draw limits."""
    base = request.param
    cls = limited_class(base, (PLACES, MEMORY))
    presets = {name: drawn_with_limits(base, scenario) for name, scenario in base.presets.items()}
    monkeypatch.setattr(cls, "presets", presets)
    return cls


@pytest.mark.parametrize(
    ("limited", "check"),
    [(base, check) for base in CHOOSING for check in checks_under_limits(base)],
    indirect=["limited"],
    ids=lambda value: value.__name__,
)
def test_a_limited_problem_passes_the_batteries(limited: Any, check: Check) -> None:
    check(limited)
