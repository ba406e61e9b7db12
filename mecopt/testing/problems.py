"""Batteries for every implementation: run them on your own problem, backend or solver as mecopt does on its own.

Each check is a function of a problem class; `check_problem` runs all of them. They state mathematics that holds for any
problem under the contract, with oracles that do not share code with what they check: loops for batches, enumeration for
searches, random duals for bounds, other solvers for allocations. What can be enumerated are choices; where decisions are
others (beams), the checks that count decisions are left out and drawn ones stand in elsewhere; see `checks_of`.

>>> from mecopt.models import BinaryOffloading
>>> check_weak_duality(BinaryOffloading)
"""

from __future__ import annotations

from collections.abc import Callable

from mecopt.contract.decision import OneOf
from mecopt.contract.problem import Problem
from mecopt.testing.data import (
    check_batch_equals_loop,
    check_candidates,
    check_data_are_immutable,
    check_declarations,
    check_inadmissible_decisions_are_refused,
    check_moves,
    check_permutation_invariance,
    check_sampling_is_reproducible,
    check_unit_invariance,
)
from mecopt.testing.instances import small
from mecopt.testing.methods import (
    check_backends_agree,
    check_exact_is_enumeration,
    check_no_solver_beats_the_bound,
    check_starts,
)
from mecopt.testing.proofs import (
    check_any_price_is_answered,
    check_handed_out_models,
    check_lesson,
    check_strong_duality,
    check_violations_are_seen,
    check_weak_duality,
)

Check = Callable[[type[Problem]], None]


def check_problem(cls: type[Problem]) -> None:
    """Run every check on a problem.

    Raises
    ------
    AssertionError
        with what failed, on which instance.
    """
    for check in checks_of(cls):
        check(cls)


def checks_of(cls: type[Problem]) -> tuple[Check, ...]:
    """Return the checks that a problem has to pass: all, but those that count choices where decisions are others."""
    counted = isinstance(small(cls).decision_space, OneOf)
    return CHECKS if counted else tuple(check for check in CHECKS if check not in CHOICE_CHECKS)


CHECKS: tuple[Check, ...] = (
    check_declarations,
    check_data_are_immutable,
    check_sampling_is_reproducible,
    check_batch_equals_loop,
    check_candidates,
    check_inadmissible_decisions_are_refused,
    check_moves,
    check_permutation_invariance,
    check_unit_invariance,
    check_weak_duality,
    check_strong_duality,
    check_any_price_is_answered,
    check_violations_are_seen,
    check_backends_agree,
    check_exact_is_enumeration,
    check_no_solver_beats_the_bound,
    check_starts,
    check_handed_out_models,
    check_lesson,
)

CHOICE_CHECKS: tuple[Check, ...] = (check_moves, check_exact_is_enumeration)
"""Of these, those that count every choice."""
