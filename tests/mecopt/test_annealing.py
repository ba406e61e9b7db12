"""Simulated annealing: neighbours are drawn by (28)-(29) or our own laws, and taken by Boltzmann's, at any temperature."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binomtest, chisquare

import mecopt
from mecopt import Status
from mecopt.contract.errors import InstanceError
from mecopt.models import MultiServerOffloading
from mecopt.search import annealing
from mecopt.search.annealing import COOLING, NEIGHBOURS, TEMPERATURE, anneal
from mecopt.search.candidates import scores
from mecopt.search.descent import random_decision

Array = NDArray[Any]
Law = dict[tuple[int, ...], Fraction]

PART = Fraction
DRAWS = 60_000


def assert_drawn_by(law: Law, name: str, decision: list[int], gains: list[list[float]]) -> None:
    """The neighbours of a decision are those of the law, as often as it says."""
    assert sum(law.values()) == 1
    copies = np.tile(np.array(decision, dtype=np.int8), (DRAWS, 1))
    guide = np.tile(np.array(gains, dtype=float), (DRAWS, 1, 1))
    drawn = NEIGHBOURS[name](copies, guide, guide.shape[-1] + 1, np.random.default_rng(0))
    assert (copies == decision).all()
    assert drawn.dtype == np.int8
    found, counts = np.unique(drawn, axis=0, return_counts=True)
    often = {tuple(row): int(count) for row, count in zip(found.tolist(), counts, strict=True)}
    possible = {neighbour for neighbour, chance in law.items() if chance}
    assert set(often) == possible
    if len(possible) > 1:
        expected = [float(DRAWS * law[neighbour]) for neighbour in sorted(possible)]
        assert chisquare([often[neighbour] for neighbour in sorted(possible)], expected).pvalue > 1e-3


def together(*users: list[Fraction]) -> Law:
    """Users are redrawn independently of each other: the law of each, by choice, gives the law of all."""
    choices = itertools.product(*(range(len(user)) for user in users))
    return {
        neighbour: math.prod((user[choice] for user, choice in zip(users, neighbour, strict=True)), start=PART(1))
        for neighbour in choices
    }


# ---------------------------------------------------------------------- (28) and (29)


def test_p_is_the_part_of_the_guidance_that_the_own_server_has() -> None:
    guide = np.array([[[3.0, 1.0], [2.0, 6.0], [5.0, 3.0]], [[1.0, 1.0], [0.0, 4.0], [9.0, 1.0]]])
    kept = annealing._keeping(np.array([[1, 2, 0], [0, 1, 2]], dtype=np.int8), guide)
    np.testing.assert_allclose(kept, [[3 / 4, 6 / 8, 1 / 3], [1 / 3, 0.0, 1 / 10]])


def test_of_one_server_p_is_1_and_of_a_local_user_one_half() -> None:
    kept = annealing._keeping(np.array([[1, 0]], dtype=np.int8), np.array([[[7.0], [7.0]]]))
    np.testing.assert_allclose(kept, [[1.0, 1 / 2]])


def test_literal_keeps_with_p_and_else_draws_any_choice() -> None:
    """The first user has P = 3/4 and 1/4 to spread over three choices, the second is local: P = 1/3 and 2/3 to spread."""
    law = together([PART(1, 12), PART(10, 12), PART(1, 12)], [PART(5, 9), PART(2, 9), PART(2, 9)])
    assert_drawn_by(law, "literal", [1, 0], [[3, 1], [1, 5]])


def test_literal_of_three_servers_keeps_a_bad_one_seldom() -> None:
    """P = 1/10 of the worst server of three, and 9/10 to spread over four choices; P = 6/10 of the best one."""
    bad, good = [PART(9, 40), PART(9, 40), PART(9, 40), PART(13, 40)], [PART(1, 10), PART(7, 10), PART(1, 10), PART(1, 10)]
    assert_drawn_by(together(bad, good), "literal", [3, 1], [[6, 3, 1], [6, 3, 1]])


def test_literal_of_one_server_nobody_returns_who_offloads() -> None:
    """P = 1; a local user keeps with 1/2, and draws one of two choices else."""
    assert_drawn_by({(1, 1): PART(1)}, "literal", [1, 1], [[2], [9]])
    assert_drawn_by(together([PART(0), PART(1)], [PART(3, 4), PART(1, 4)]), "literal", [1, 0], [[2], [9]])


def test_guided_moves_one_user_of_a_bad_choice_to_a_good_server_or_home() -> None:
    """1 - P is 0 and counts as 1/10, 1/2, and 2/3 of the local user: they are drawn with 3/38, 15/38 and 20/38."""
    first, second, third = PART(3, 38), PART(15, 38), PART(20, 38)
    half, quarter, tenth = PART(1, 2), PART(1, 4), PART(1, 10)
    law: Law = {
        (0, 2, 0): first * half,
        (1, 0, 0): second * half,
        (1, 1, 0): second * quarter,
        (1, 2, 1): third * tenth,
        (1, 2, 2): third * 4 * tenth,
        (1, 2, 0): first * half + second * quarter + third * half,  # drawn as it was
    }
    assert_drawn_by(law, "guided", [1, 2, 0], [[1, 0], [2, 2], [1, 4]])


def test_guided_of_one_server_goes_and_returns() -> None:
    """Who offloads has P = 1, a weight of 1/10, and is drawn with 1/6; the local user has 1/2 and is drawn with 5/6."""
    assert_drawn_by({(0, 0): PART(1, 12), (1, 1): PART(5, 12), (1, 0): PART(1, 2)}, "guided", [1, 0], [[3], [8]])


@pytest.mark.parametrize("decision", [[0, 0], [2, 1]])
def test_one_user_takes_another_choice_all_alike(decision: list[int]) -> None:
    moved = [(choice, decision[1]) for choice in range(3) if choice != decision[0]]
    moved += [(decision[0], choice) for choice in range(3) if choice != decision[1]]
    assert_drawn_by({neighbour: PART(1, 4) for neighbour in moved}, "one-user", decision, [[1, 50], [9, 1]])


def test_one_user_of_one_server_flips_one_bit() -> None:
    law: Law = {(0, 0, 1): PART(1, 3), (1, 1, 1): PART(1, 3), (1, 0, 0): PART(1, 3)}
    assert_drawn_by(law, "one-user", [1, 0, 1], [[1], [1], [1]])


@pytest.mark.parametrize("name", NEIGHBOURS)
def test_every_instance_has_its_own_guidance_and_decision(name: str) -> None:
    """Two instances in turn, each with one server that is worth anything to users who are there, or have just left it."""
    decision = np.tile(np.array([[1, 1], [2, 2]], dtype=np.int8), (300, 1))
    guide = np.tile(np.array([[[1.0, 0.0]] * 2, [[0.0, 1.0]] * 2]), (300, 1, 1))
    drawn = NEIGHBOURS[name](decision, guide, 3, np.random.default_rng(0))
    if name == "literal":  # P = 1
        np.testing.assert_array_equal(drawn, decision)
    else:
        assert ((drawn != decision).sum(axis=1) <= 1).all()
        assert (drawn != decision).any()
    if name == "guided":
        assert (np.isin(drawn[::2], (0, 1))).all()
        assert (np.isin(drawn[1::2], (0, 2))).all()


# ---------------------------------------------------------------------- acceptance and temperature


class Table:
    """One user, and the value of each choice of each instance: a problem whose values are known. It notes what is tried."""

    def __init__(self, values: list[float] | Array, sign: float = 1.0, instances: int = 1) -> None:
        self.values, self.sign = np.tile(np.atleast_2d(np.array(values, dtype=float)), (instances, 1)), sign
        self.choices = SimpleNamespace(labels=tuple(range(self.values.shape[1])))
        self.tried: list[Array] = []

    def scorer(self) -> Callable[[Array], Array]:
        def score(decision: Array) -> Array:
            self.tried.append(decision[:, 0].copy())
            return np.asarray(self.values[np.arange(len(decision)), decision[:, 0]])

        return score


def walk(table: Table, start: int, steps: int, **given: Any) -> Array:
    """Anneal by single users; return the choices scored, the start's and each neighbour's, ``(1 + steps, instances)``.

    Between two choices the neighbour is the other one: what is tried tells where the walk stands.
    """
    first = np.full((len(table.values), 1), start, dtype=np.int8)
    anneal(table, first, steps, np.random.default_rng(0), **given)  # type: ignore[arg-type]
    return np.array(table.tried)


def assert_chance(accepted: Array, expected: float) -> None:
    assert binomtest(int(accepted.sum()), accepted.size, expected).pvalue > 1e-3, (accepted.mean(), expected)


@pytest.mark.parametrize(
    ("start", "rise", "temperature", "sign"), [(1.0, 0.1, 0.2, 1.0), (20.0, 1.0, 0.03, 1.0), (-8.0, 2.0, 0.5, -1.0)]
)
def test_a_worse_decision_is_taken_with_boltzmanns_chance_at_every_temperature(
    start: float, rise: float, temperature: float, sign: float
) -> None:
    """A rise D is accepted with exp(-D/T), and T begins as a part of the start's value and falls by a factor each step."""
    table = Table([start, start + sign * rise], sign, instances=40_000)
    tried = walk(table, 0, 13, temperature=temperature, cooling=0.8)[1:]
    for step in range(12):
        worse = tried[step] == 1
        heat = temperature * abs(start) * 0.8**step
        assert_chance(tried[step + 1][worse] == 0, math.exp(-rise / heat))


def test_a_better_or_equal_decision_is_always_taken() -> None:
    better = walk(Table([2.0, 1.0], instances=500), 0, 2, temperature=1e-9, cooling=0.5)
    assert (better[2] == 0).all()  # the neighbour of the other choice
    equal = walk(Table([1.0, 1.0], instances=500), 0, 4, temperature=1e-9, cooling=0.5)
    np.testing.assert_array_equal(equal, np.tile([[0], [1], [0], [1], [0]], 500))


def test_every_instance_has_the_temperature_of_its_own_start() -> None:
    """The same rise of 1 over starts of 1, 10 and 100; from the worse one of two the start's value is that one's."""
    table = Table(np.tile([[1.0, 2.0], [10.0, 11.0], [100.0, 101.0]], (20_000, 1)))
    tried = walk(table, 0, 2, temperature=0.4)
    for row, start in enumerate((1.0, 10.0, 100.0)):
        assert_chance(tried[2][row::3] == 0, math.exp(-1.0 / (0.4 * start)))
    tried = walk(Table([1.0, 3.0], instances=40_000), 1, 3, temperature=0.5, cooling=0.9)
    assert (tried[2] == 1).all()  # the better one was taken
    assert_chance(tried[3] == 0, math.exp(-2.0 / (0.5 * 3.0 * 0.9)))


def test_from_an_infeasible_start_the_temperature_is_a_part_of_the_first_feasible_value() -> None:
    """Choice 0 is infeasible; 1 and 2 are worth 4 and 6. The first one met sets the unit, at the second temperature."""
    table = Table([math.inf, 4.0, 6.0], instances=60_000)
    tried = walk(table, 0, 4, temperature=0.6, cooling=0.7)
    # From 1 the neighbours are 0 and 2, from 2 they are 0 and 1: half of those who rose to 2 try 1 next, nobody else does.
    rising = (tried[1] == 1) & (tried[2] == 2)
    assert_chance(tried[3][rising] == 1, 0.5 * math.exp(-2.0 / (0.6 * 0.7 * 4.0)))
    # From 2 to 1 and up again: the unit is still that of 2, met first.
    again = (tried[1] == 2) & (tried[2] == 1) & (tried[3] == 2)
    assert_chance(tried[4][again] == 1, 0.5 * math.exp(-2.0 / (0.6 * 0.7**2 * 6.0)))
    assert not ((tried[1] == 1) & (tried[2] == 0) & (tried[3] == 1)).any()  # what has no allocation is never taken again


def test_infeasible_decisions_are_walked_through_while_nothing_else_is_known() -> None:
    infeasible = walk(Table([math.inf, math.nan], instances=100), 0, 3)
    np.testing.assert_array_equal(infeasible, np.tile([[0], [1], [0], [1]], 100))


def test_what_is_no_number_is_never_taken_over_one() -> None:
    table = Table([1.0, math.nan], instances=100)
    decision, value, _ = anneal(table, np.zeros((100, 1), np.int8), 5, np.random.default_rng(0))  # type: ignore[arg-type]
    assert (decision == 0).all()
    assert (value == 1.0).all()
    assert (np.array(table.tried[1:]) == 1).all()


def test_the_defaults_are_a_two_hundredth_and_a_hundredth_less_each_step() -> None:
    """Ours: 0.1 s where latencies sum to 20 s."""
    np.testing.assert_allclose([20.0 * TEMPERATURE, COOLING], [0.1, 0.99], rtol=1e-12)
    named = walk(Table([20.0, 20.1], instances=2000), 0, 50, temperature=0.005, cooling=0.99)
    np.testing.assert_array_equal(walk(Table([20.0, 20.1], instances=2000), 0, 50), named)


# ---------------------------------------------------------------------- the search


def stream(count: int = 30, **given: Any) -> MultiServerOffloading:
    return MultiServerOffloading.sample(np.random.default_rng(1), (count,), **{"users": 6, **given})


def annealed(
    problem: MultiServerOffloading, start: Array, steps: Array | int, name: str = "guided", seed: int = 0, **given: Any
) -> tuple[Array, Array, int]:
    return anneal(problem, start, steps, np.random.default_rng(seed), neighbour=name, guidance=problem.channel_gain, **given)


def starts(problem: MultiServerOffloading) -> Array:
    return problem.decision_space.sample(np.random.default_rng(3), (problem.instances,))


@pytest.mark.parametrize("name", NEIGHBOURS)
@pytest.mark.parametrize("factor", [1e6, 1e-3, 1e-6])
def test_the_unit_of_the_cost_does_not_matter_even_from_infeasible_starts(name: str, factor: float) -> None:
    """One schedule serves all problems and units: all weights times c, every cost times c, the same run."""
    problem = stream(60, preset="limited")
    more = MultiServerOffloading(**{**problem.data(), "weight": factor * problem.weight})
    start = starts(problem)
    infeasible = np.isinf(scores(problem, start))
    assert 10 < infeasible.sum() < 55
    decision, value, _ = annealed(problem, start, 200, name, temperature=0.05)
    same, scaled, _ = annealed(more, start, 200, name, temperature=0.05)
    np.testing.assert_array_equal(same, decision)
    np.testing.assert_allclose(scaled, factor * value, rtol=1e-12)
    assert np.isfinite(value[infeasible]).any()


@pytest.mark.parametrize("name", NEIGHBOURS)
def test_a_shorter_search_is_the_beginning_of_a_longer_one(name: str) -> None:
    problem = stream()
    start = starts(problem)
    before, least = start.copy(), scores(problem, start)
    for steps in range(40):
        decision, value, taken = annealed(problem, start, steps, name)
        assert taken == steps
        better = value < least
        assert (value[~better] == least[~better]).all()
        np.testing.assert_array_equal(decision[~better], before[~better])
        np.testing.assert_allclose(scores(problem, decision), value, rtol=1e-12)
        before, least = decision, value
    assert (least < scores(problem, start)).all()
    np.testing.assert_array_equal(start, starts(problem))


@pytest.mark.parametrize("name", NEIGHBOURS)
def test_every_instance_takes_its_own_number_of_steps(name: str) -> None:
    problem = stream()
    steps = np.arange(30) % 7 * 5
    decision, value, longest = annealed(problem, starts(problem), steps, name)
    assert longest == 30
    for count in np.unique(steps):
        alone = annealed(problem, starts(problem), int(count), name)
        np.testing.assert_array_equal(decision[steps == count], alone[0][steps == count])
        np.testing.assert_array_equal(value[steps == count], alone[1][steps == count])


def test_the_best_of_all_that_was_tried_is_kept() -> None:
    rng = np.random.default_rng(4)
    table = Table(rng.uniform(1.0, 2.0, (200, 30)))
    decision, value, _ = anneal(table, np.zeros((200, 1), np.int8), 12, rng, temperature=0.9)  # type: ignore[arg-type]
    met = table.values[np.arange(200), np.array(table.tried)]
    np.testing.assert_array_equal(value, met.min(axis=0))
    np.testing.assert_array_equal(decision[:, 0], np.array(table.tried)[met.argmin(axis=0), np.arange(200)])


def test_neighbours_that_do_not_exist_or_lack_guidance_are_refused() -> None:
    problem, rng = stream(), np.random.default_rng(0)
    with pytest.raises(InstanceError, match="neighbour is 'two-users'; allowed: one-user, literal, guided"):
        anneal(problem, starts(problem), 1, rng, neighbour="two-users")
    for name in ("literal", "guided"):
        with pytest.raises(InstanceError, match=f"the neighbour '{name}' needs guidance"):
            anneal(problem, starts(problem), 1, rng, neighbour=name)


# ---------------------------------------------------------------------- the solvers

SOLVERS = {"annealing": "one-user", "annealing-guided": "guided", "annealing-literal": "literal"}


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_solver_is_500_steps_from_a_random_decision_guided_by_the_channels(solver: str) -> None:
    problem = stream(12, preset="heterogeneous")
    found = mecopt.solve(problem, solver=solver, rng=np.random.default_rng(6))
    rng = np.random.default_rng(6)
    expected, value, _ = anneal(
        problem, random_decision(problem, rng), 500, rng, neighbour=SOLVERS[solver], guidance=problem.channel_gain
    )
    np.testing.assert_array_equal(found.decision, expected)
    np.testing.assert_allclose(found.objective, value, rtol=1e-9)
    assert (found.stats.iterations == 500).all()
    assert (found.stats.solver_calls == 501).all()
    assert not found.stats.start_used
    assert Status.LIMIT not in found.status.tolist()


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_start_is_used_and_never_made_worse(solver: str) -> None:
    problem = MultiServerOffloading.sample(np.random.default_rng(2), (3, 4), preset="heterogeneous", users=5)
    start = mecopt.solve(problem, solver="coordinate-descent").decision
    found = mecopt.solve(problem, solver=solver, start=start)
    assert found.stats.start_used
    assert found.decision.shape == start.shape
    assert (found.objective <= problem.optimal_value(start) * (1 + 1e-9)).all()


@pytest.mark.parametrize("solver", SOLVERS)
def test_an_annealing_that_was_cut_says_the_steps_it_took(solver: str) -> None:
    found = mecopt.solve(stream(200, users=30), solver=solver, time_limit=1e-6)
    assert set(found.status.tolist()) == {Status.LIMIT}
    assert (found.stats.iterations < 500).all()
    np.testing.assert_array_equal(found.stats.solver_calls, found.stats.iterations + 1)


def test_a_deadline_cuts_after_the_step_that_passes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that goes on by a second whenever it is read: the limit of 7.5 s is over when the eighth step would begin."""
    monkeypatch.setattr(annealing, "clock", SimpleNamespace(now=itertools.count().__next__))
    problem = stream()
    found = mecopt.solve(problem, solver="annealing", start=starts(problem), time_limit=7.5, rng=np.random.default_rng(0))
    assert (found.stats.iterations == 7).all()
    assert (found.stats.solver_calls == 8).all()
    np.testing.assert_array_equal(found.decision, anneal(problem, starts(problem), 7, np.random.default_rng(0))[0])
