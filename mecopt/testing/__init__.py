"""Batteries of tests that every problem, learner, dynamics and environment passes: yours, too."""

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
from mecopt.testing.methods import (
    check_backends_agree,
    check_exact_is_enumeration,
    check_no_solver_beats_the_bound,
    check_starts,
)
from mecopt.testing.problems import CHECKS, CHOICE_CHECKS, Check, check_problem, checks_of
from mecopt.testing.proofs import (
    check_any_price_is_answered,
    check_handed_out_models,
    check_lesson,
    check_strong_duality,
    check_violations_are_seen,
    check_weak_duality,
)

__all__ = [
    "CHECKS",
    "CHOICE_CHECKS",
    "Check",
    "check_any_price_is_answered",
    "check_backends_agree",
    "check_batch_equals_loop",
    "check_candidates",
    "check_data_are_immutable",
    "check_declarations",
    "check_exact_is_enumeration",
    "check_handed_out_models",
    "check_inadmissible_decisions_are_refused",
    "check_lesson",
    "check_moves",
    "check_no_solver_beats_the_bound",
    "check_permutation_invariance",
    "check_problem",
    "check_sampling_is_reproducible",
    "check_starts",
    "check_strong_duality",
    "check_unit_invariance",
    "check_violations_are_seen",
    "check_weak_duality",
    "checks_of",
]
