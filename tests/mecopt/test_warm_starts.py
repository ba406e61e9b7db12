"""Starts: a price becomes a certified start, and SCS's iterates made from it are a primal-dual point of its own program."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import mecopt
from mecopt.backends.conic import Conic
from mecopt.models import BinaryOffloading, ComputationRate
from mecopt.problem import Problem
from mecopt.registry import problems
from mecopt.warmstart import from_dual

Array = np.ndarray[Any, Any]
CLASSES = list(problems().values())


def instances(cls: type[Problem], count: int = 12) -> Iterator[tuple[Problem, Array, np.random.Generator]]:
    """Return single instances of all presets and sizes with a decision, at least one user offloading."""
    for preset in cls.presets:
        for seed in range(count):
            rng = np.random.default_rng(seed)
            problem = cls.sample(rng, preset=preset, users=int(rng.integers(1, 25)))
            decision = rng.integers(0, 2, problem.users).astype(np.int8)
            decision[rng.integers(problem.users)] = 1
            yield problem, (decision if seed % 4 else np.ones_like(decision)), rng


def conic_data(problem: Problem, decision: Array) -> tuple[Conic, Any, Any]:
    backend = problem.backends["scs"]
    assert isinstance(backend, Conic)
    program = backend.model.program(problem, decision)
    return backend, program, program.problem.get_problem_data("SCS")[0]


# ---------------------------------------------------------------------- from a price to a start


@pytest.mark.parametrize("cls", CLASSES)
def test_the_exact_price_is_answered_by_the_optimum(cls: type[Problem]) -> None:
    for problem, decision, _ in instances(cls):
        best = mecopt.allocate(problem, decision)
        answer = from_dual(problem, decision, best.dual)
        assert answer.status is mecopt.Status.OPTIMAL
        assert answer.gap <= 1e-9
        assert float(answer.objective) == pytest.approx(float(best.objective), rel=1e-9)


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("factor", [-1.0, 0.0, 1e-300, 1e-6, 0.3, 1.1, 1e6, 1e300])
def test_any_price_is_answered_feasibly_and_judged_honestly(cls: type[Problem], factor: float) -> None:
    batch = cls.sample(np.random.default_rng(0), (6,))
    decisions = batch.decision_space.sample(np.random.default_rng(1), (6, 3))
    best = mecopt.allocate(batch, decisions)
    price = {name: value * factor for name, value in best.dual.as_dict().items()}
    answer = from_dual(batch, decisions, batch.Dual(**price))
    assert answer.shape == (6, 3)
    assert (answer.violation <= 1e-12).all()
    assert (batch.sign * (answer.objective - best.objective) >= -1e-9 * np.abs(best.objective)).all()
    assert (batch.sign * (best.objective - answer.bound) >= -1e-9 * np.abs(best.objective)).all()
    proved = answer.gap <= 1e-8
    assert [status is mecopt.Status.OPTIMAL for status in answer.status.flat] == proved.ravel().tolist()


def test_a_wrong_time_price_loses_something_and_the_gap_says_how_much() -> None:
    problem = ComputationRate.sample(np.random.default_rng(2))
    decision = np.arange(10) % 2
    best = mecopt.allocate(problem, decision)
    answer = from_dual(problem, decision, type(best.dual)(time_price=best.dual.time_price * 1.5))
    assert answer.status is mecopt.Status.FEASIBLE
    assert 0 < 1 - float(answer.objective / best.objective) <= float(answer.gap)


def test_a_price_of_another_kind_or_shape_or_no_number_is_refused() -> None:
    problem = BinaryOffloading.sample(np.random.default_rng(3), (2,))
    dual = mecopt.allocate(problem, np.ones(10)).dual
    with pytest.raises(mecopt.InstanceError, match="TimePrice; allowed: a CapacityPrice"):
        from_dual(problem, np.ones(10), ComputationRate.Dual(time_price=np.ones(2)))
    with pytest.raises(mecopt.InstanceError, match="capacity_price"):
        from_dual(problem, np.ones(10), dual[0])
    with pytest.raises(mecopt.InstanceError, match="finite"):
        from_dual(problem, np.ones(10), type(dual)(capacity_price=np.array([1.0, np.nan])))


# ---------------------------------------------------------------------- SCS


@pytest.mark.parametrize("cls", CLASSES)
def test_the_program_has_the_named_variables_and_constraints_and_no_others(cls: type[Problem]) -> None:
    for problem, decision, _ in instances(cls, 6):
        _, program, data = conic_data(problem, decision)
        canonical = data["param_prob"]
        assert set(canonical.var_id_to_col) == {variable.id for variable in program.variables.values()}
        assert data["A"].shape[1] == sum(variable.size for variable in program.variables.values())
        assert {c.id for c in canonical.constraints} == {c.id for c in program.constraints.values()}


@pytest.mark.parametrize("cls", CLASSES)
def test_at_the_exact_price_the_start_is_a_kkt_point_and_at_any_price_feasible_on_both_sides(cls: type[Problem]) -> None:
    for problem, decision, rng in instances(cls):
        backend, program, data = conic_data(problem, decision)
        best = mecopt.allocate(problem, decision)
        for dual, exact in ((best.dual, True), (problem.random_dual(rng, ()), False)):
            start = backend._iterates(program, problem, decision, from_dual(problem, decision, dual), data)
            x, y, s = (start[key] for key in "xys")
            scale = max(1.0, float(np.abs(y).max()))
            assert np.abs(data["A"] @ x + s - data["b"]).max() <= 1e-8
            assert np.abs(data["A"].T @ y + data["c"]).max() <= 1e-8 * scale
            _in_cones(data["dims"], s / max(1.0, float(np.abs(s).max())), y / scale)
            if exact:
                assert abs(s @ y) <= 1e-8 * max(1.0, abs(float(data["c"] @ x)))


def _in_cones(dims: Any, s: Array, y: Array) -> None:
    """Check that s lies in the cone of the program and y in its dual."""
    assert dims.zero == 0
    assert min(s[: dims.nonneg].min(), y[: dims.nonneg].min()) >= -1e-8
    first = dims.nonneg
    for size in dims.soc:
        for v in (s[first : first + size], y[first : first + size]):
            assert np.linalg.norm(v[1:]) <= v[0] + 1e-8
        first += size
    for _ in range(dims.exp):
        (a, b, c), (u, v, w) = s[first : first + 3], y[first : first + 3]
        assert (b * np.exp(a / b) if b > 0 else 0.0) <= c + 1e-8
        assert u < 0
        assert -u * np.exp(v / u) <= np.e * w + 1e-8
        first += 3
    assert first == len(s)


@pytest.mark.parametrize("cls", CLASSES)
def test_scs_stops_at_once_at_the_optimum_whoever_found_it(cls: type[Problem]) -> None:
    for problem, decision, _ in instances(cls, 5):
        cold = mecopt.allocate(problem, decision, backend="scs")
        for backend in ("closed-form", "clarabel", "scs"):
            start = mecopt.allocate(problem, decision, backend=backend)
            warm = mecopt.allocate(problem, decision, backend="scs", start=start)
            assert warm.stats.start_used
            assert float(warm.objective) == pytest.approx(float(cold.objective), rel=1e-7)
            if backend == "closed-form":
                assert int(warm.stats.iterations) == 0


def test_scs_starts_from_another_decision_and_another_instance() -> None:
    rng = np.random.default_rng(4)
    first, second = (ComputationRate.sample(rng) for _ in range(2))
    decision = np.arange(10) % 2
    cold = mecopt.allocate(second, decision, backend="scs")
    for start in (mecopt.solve(first), mecopt.allocate(first, np.ones(10), backend="scs"), mecopt.solve(second)):
        warm = mecopt.allocate(second, decision, backend="scs", start=start)
        assert warm.stats.start_used
        assert float(warm.objective) == pytest.approx(float(cold.objective), rel=1e-7)


def test_scs_refuses_a_start_whose_price_is_no_number() -> None:
    problem = BinaryOffloading(data_size=[12.0, 7.5, 20.1])
    best = mecopt.allocate(problem, [1, 0, 1])
    broken = replace(best, dual=type(best.dual)(capacity_price=np.asarray(np.nan)))
    with pytest.raises(mecopt.StartIgnored, match="price"):
        mecopt.allocate(problem, [1, 0, 1], backend="scs", start=broken)


# ---------------------------------------------------------------------- SLSQP


@pytest.mark.parametrize("cls", CLASSES)
def test_slsqp_from_the_closed_form_s_price_has_nothing_left_to_do(cls: type[Problem]) -> None:
    for problem, decision, _ in instances(cls, 6):
        if problem.users < 3:
            continue
        start = from_dual(problem, decision, mecopt.allocate(problem, decision).dual)
        cold = mecopt.allocate(problem, decision, backend="slsqp")
        warm = mecopt.allocate(problem, decision, backend="slsqp", start=start)
        assert warm.stats.start_used
        assert int(warm.stats.iterations) <= int(cold.stats.iterations)
        assert float(warm.objective) == pytest.approx(float(start.objective), rel=1e-8)
