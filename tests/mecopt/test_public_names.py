"""The names that users import: none is lost without being missed here."""

from __future__ import annotations

import importlib

import pytest

NAMES = {
    "mecopt": """
        AmbiguousShape BackendUnavailable Binary Certificate DecisionSpace DoubtfulData ImplausibleData
        InstanceError Limit MecoptError NoSuchInstance Problem Reference Scenario Solution SolveFailed StartIgnored
        Statistics Status UnknownName __version__ allocate find_problem load_policy problems shapes_meant solve
        strict
    """,
    "mecopt.compare": """
        Comparison compare default_methods
    """,
    "mecopt.data": """
        Dataset Labels digest from_frame from_mapping in_units load read_frame save schema
    """,
    "mecopt.dynamic": """
        Bracket Chain Chart Choices ControlVariate Discounted Dynamics Ending Estimate Foreknown Grids LongRun
        Moves Multichain Nodes Numbers Operator Outcome Policy Priced Quantiles Record Rollout SlotWorld State
        Sweep Tables Values average_of best_average best_discounted best_price block_means bracketed
        discounted_of discounted_values estimate luck paired path_digest perfect_information policy_names
        policy_of quantile_grid rollout shown side_by_side solved_by
    """,
    "mecopt.models": """
        BackscatterFrame BandwidthPower BinaryOffloading ComputationRate HybridSlot InferenceQueue
        MultiServerOffloading PricedPower
    """,
    "mecopt.parallel": """
        PartsElsewhere Task at_work before_gathering folder_of_run is_elsewhere where
    """,
    "mecopt.sweeps": "Sweep sweep",
    "mecopt.testing": """
        CHECKS CHOICE_CHECKS Check check_any_price_is_answered check_backends_agree check_batch_equals_loop
        check_candidates check_data_are_immutable check_declarations check_exact_is_enumeration
        check_handed_out_models check_inadmissible_decisions_are_refused check_lesson check_moves
        check_no_solver_beats_the_bound check_permutation_invariance check_problem
        check_sampling_is_reproducible check_starts check_strong_duality check_unit_invariance
        check_violations_are_seen check_weak_duality checks_of
    """,
    "mecopt.torch": "Allocated AtAKink allocate differentiable",
    "mecopt.evaluation.study": "Study",
    "mecopt.learners.proposer": "Learner Proposer Settings Training",
    "mecopt.testing.environments": "check_env check_parallel_env check_vectorised",
    "mecopt.testing.policies": "check_proposer check_warm_starter",
    "mecopt.contract.backend": "Backend ClosedForm Feature",
    "mecopt.contract.solver": "Search Solver",
    "mecopt.contract.fields": "Quantity Variables quantity",
    "mecopt.contract.decision": "Binary Counts DecisionSpace Interval MOST_COUNTED OneOf SKIP UnitBeams listed",
    "mecopt.lesson": """
        Exercise Lesson Outcome Pricing Step all_of best_value core deviation enumerated excess forcing is_display paragraphs
        pricing scientific words
    """,
    "mecopt.contract.figure": "Figure Slider steps",
    "mecopt.show.view": "FOUR Mark Number Panel View level mark upright",
    "mecopt.teach": "page serve",
    "mecopt.contract.warmstart": "from_dual",
    "mecopt.data.stream": "changed passes",
    "mecopt.quantities.radio": "path_gain rayleigh_power reference_gain",
}
"""By module, separated by blanks."""


@pytest.mark.parametrize("module", NAMES)
def test_no_public_name_is_lost(module: str) -> None:
    found, names = importlib.import_module(module), NAMES[module].split()
    assert [name for name in names if not hasattr(found, name)] == []
    if hasattr(found, "__all__"):
        assert set(found.__all__) == set(names)
