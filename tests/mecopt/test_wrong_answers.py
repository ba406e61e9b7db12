"""An attack on what is proved: thousands of small instances that are hard on numbers, each beside rivals found otherwise.

None may be called OPTIMAL while a rival is better by more than the tolerance, none INFEASIBLE while a rival holds all
limits, and nothing may be raised. How many instances a problem gets is MECOPT_ATTACK; a few of them are part of every run.
"""

import math
import os
import warnings
from collections.abc import Iterator

import numpy as np
import pytest
from hard_numbers import CHOICES, Array, Rival, decisions_of, drawn, rivals
from numpy.random import Generator

import mecopt
from mecopt import Status
from mecopt.contract.certificate import NOTHING
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.contract.solver import GAP
from mecopt.registry import find_problem, problem_names

TOTAL = int(os.environ.get("MECOPT_ATTACK", "2000"))
"""Instances of each problem."""
FEW = 30
"""Of these, in every run."""
TOGETHER = 30
"""In a batch."""


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def denied(problem: Problem, answer: Solution, rival: Rival) -> Array:
    """Whether answers are called OPTIMAL beside better rivals, or INFEASIBLE beside rivals that hold all limits."""
    missing = (1,) * (answer.objective.ndim - len(problem.batch_shape))
    size = np.abs(answer.objective) + NOTHING * problem.negligible.reshape(*problem.batch_shape, *missing)
    with np.errstate(invalid="ignore"):
        worse = problem.sign * (answer.objective - rival.value) > 1.1 * GAP * size + rival.rounding
    status = np.asarray(answer.status, dtype=object)
    return np.asarray((answer.is_optimal & worse) | ((status == Status.INFEASIBLE) & rival.possible))


def attacked(name: str, count: int) -> tuple[int, int]:
    """Attack a problem; return how many answers were proved, and how many of these have a rival as good as they are."""
    cls, proved, met = find_problem(name), 0, 0
    for number in range(math.ceil(count / TOGETHER)):
        rng = np.random.default_rng([number, *name.encode()])
        batch = drawn(cls, rng, TOGETHER)
        found = rivals(batch, rng)
        for solver in ("exact", *(("enumerate",) if cls in CHOICES else ())):
            answer = mecopt.solve(batch, solver=solver, throw=False)
            for rival in found:
                assert not denied(batch, answer, rival).any(), where(name, number, solver, denied(batch, answer, rival))
            away = [np.abs(answer.objective - rival.value) <= 1e-5 * np.abs(answer.objective) for rival in found]
            proved += int(answer.is_optimal.sum())
            met += int((answer.is_optimal & np.any(away, axis=0)).sum())
        attacked_decisions(name, number, batch, rng)
    return proved, met


def attacked_decisions(name: str, number: int, batch: Problem, rng: Generator) -> None:
    """Attack what is proved of fixed decisions, all of them where they are choices."""
    if type(batch) not in CHOICES:
        return
    decision = decisions_of(batch)
    answer = mecopt.allocate(batch, decision, throw=False)
    rival = rivals(batch, rng, every=True)[0]
    assert not denied(batch, answer, rival).any(), where(name, number, "allocate", denied(batch, answer, rival))


def where(name: str, number: int, method: str, wrong: Array) -> str:
    return f"{method} is wrong in instances {np.argwhere(wrong)[:5].tolist()} of batch {number} of {name}"


@pytest.mark.parametrize("name", [name for name in problem_names() if name not in ("backscatter-frame", "hybrid-slot")])
def test_a_few_instances_that_are_hard_on_numbers_are_proved_right(name: str) -> None:
    proved, met = attacked(name, FEW)
    assert proved >= FEW // 2
    assert met >= 0.8 * proved


@pytest.mark.slow
@pytest.mark.parametrize("name", problem_names())
def test_instances_that_are_hard_on_numbers_are_never_proved_wrong(name: str) -> None:
    proved, met = attacked(name, TOTAL)
    assert proved >= TOTAL // 2
    assert met >= 0.5 * proved
