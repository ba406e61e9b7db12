"""The checks of the lesson on binary offloading that are about sorting: the top-k theorem, and where it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.lesson import Outcome, all_of, best_value, deviation, enumerated, excess, scientific
from mecopt.models.binary_offloading.exact import best_prefix
from mecopt.models.binary_offloading.lesson.checks import ROUNDING, differing
from mecopt.models.binary_offloading.problem import BinaryOffloading
from mecopt.solve import solve

Array = NDArray[Any]

# ---------------------------------------------------------------------- 4: identical users

Choice = Callable[[BinaryOffloading], Array]


def by_work(problem: BinaryOffloading) -> Array:
    """Return the best of the N + 1 decisions that offload the largest c."""
    return best_prefix(problem)[0]


def _identical(rng: Generator, count: int) -> BinaryOffloading:
    """Draw settings in which users differ in their data alone, from a scarce server to an ample one."""
    shared = ("upload_rate", "local_rate", "upload_power", "local_power")
    drawn = {name: np.repeat(rng.uniform(0.5, 5.0, (count, 1)), 8, axis=1) for name in shared}
    capacity = 10.0 ** rng.uniform(0.0, 2.5, count)
    return BinaryOffloading(data_size=rng.uniform(1.0, 25.0, (count, 8)), capacity=capacity, **drawn)


def _common_kappa(rng: Generator, count: int) -> BinaryOffloading:
    """Draw settings in which users differ in data, links and waiting powers, but L - u = kappa c with one kappa."""
    drawn = {"data_size": (1.0, 25.0), "upload_rate": (0.5, 5.0), "waiting_power": (0.0, 4.0)}
    fields = {name: rng.uniform(*limits, (count, 8)) for name, limits in drawn.items()}
    capacity = 10.0 ** rng.uniform(0.0, 2.5, count)
    terms = BinaryOffloading(capacity=capacity, **fields).terms()
    kappa = 10.0 ** rng.uniform(-0.3, 1.5, count) / capacity
    # At the default power and weight L = 4 d / f^loc.
    local_rate = 4.0 * fields["data_size"] / (terms.upload + kappa[:, None] * terms.compute)
    return BinaryOffloading(capacity=capacity, local_rate=local_rate, **fields)


def check_top_k(rng: Generator, choice: Choice = by_work) -> Outcome:
    """The best prefix of the users sorted by c is the best of all decisions."""
    outcomes = []
    for kind, problem in (("identical users", _identical(rng, 100)), ("users with one κ", _common_kappa(rng, 100))):
        decision = choice(problem)
        worse = excess(problem.optimal_value(decision), best_value(problem))
        count = decision.sum(axis=-1)
        nobody, everyone = (count == 0).sum(), (count == problem.users).sum()
        text = (
            f"100 settings of 8 {kind} ({nobody} offload nobody, {100 - nobody - everyone} some, {everyone} all): "
            f"best of 9 prefixes above the best of 256 decisions by {scientific(worse)}"
        )
        outcomes.append(Outcome(worse, ROUNDING, text))
    return all_of(*outcomes)


# ---------------------------------------------------------------------- 5: where the theorem ends

Construction = Callable[[Array, Array, float], BinaryOffloading]


def subset_sum(numbers: Array, target: Array, capacity: float) -> BinaryOffloading:
    """Return instances with s = numbers and L - u = 2 T s / F: their cost is a constant plus (s.x - T)^2 / F."""
    size = numbers**2 / 1.5
    upload = 0.8 * size
    saving = 2.0 * target[:, None] * numbers / capacity
    return BinaryOffloading(data_size=size, local_rate=4.0 * size / (upload + saving), capacity=capacity)


def check_limits_of_sorting(
    rng: Generator, choice: Choice = by_work, construction: Construction = subset_sum, heuristic: str = "index-scan"
) -> Outcome:
    """Sorting by c fails where users differ; the problem contains subset sum, which the index scan does not solve."""
    mixed = differing(rng, 100)
    best = best_value(mixed)
    loss = mixed.optimal_value(choice(mixed)) / best - 1.0
    sorted_right = float((loss <= ROUNDING).mean())
    scanned = float((solve(mixed, solver=heuristic).objective <= best * (1.0 + ROUNDING)).mean())

    numbers = rng.integers(100, 1000, (20, 12)).astype(float)
    planted = rng.permuted(np.tile(np.arange(12) < 6, (20, 1)), axis=1)
    target = (numbers * planted).sum(axis=-1)
    capacity = 3.0 * float(target.mean())
    hard = construction(numbers, target, capacity)
    decisions, values = enumerated(hard)
    constant = hard.terms().local.sum(axis=-1) - target**2 / capacity
    squares = (numbers @ decisions.T - target[:, None]) ** 2 / capacity
    apart = deviation(values, constant[:, None] + squares)
    solved = float((solve(hard, solver=heuristic).objective <= values.min(axis=-1) * (1.0 + ROUNDING)).mean())
    return all_of(
        Outcome(
            sorted_right,
            0.5,
            f"100 instances of 8 users that differ: sorting by c is optimal in {sorted_right:.0%}, "
            f"costs {loss.mean():.1%} too much on average, {loss.max():.0%} at worst; index scan optimal in {scanned:.0%}",
            limit="optimal in at most 50%",
        ),
        Outcome(
            apart,
            ROUNDING,
            f"20 subset-sum instances: V against constant + (s·x − T)²/F, all decisions: differ by {scientific(apart)}",
        ),
        Outcome(solved, 0.5, f"there the index scan is optimal in {solved:.0%}", limit="at most 50%"),
    )
