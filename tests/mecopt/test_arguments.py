"""Whatever `solve` and `allocate` are given by mistake gets an error of ours that says what was meant."""

import copy
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mecopt
from mecopt.compare import compare
from mecopt.contract.decision import OneOf
from mecopt.contract.errors import InstanceError, NoSuchInstance, UnknownName
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.data import load
from mecopt.models import BackscatterFrame, BinaryOffloading, ComputationRate
from mecopt.registry import find_problem, problem_names

solve: Any = mecopt.solve
"""The two verbs without their types, which a checker would hold against what is given here by mistake."""
allocate: Any = mecopt.allocate
ONE = BinaryOffloading(data_size=[12.0, 7.5, 20.1], capacity=30.0)
BATCH = BinaryOffloading.sample(np.random.default_rng(0), (3,), users=3)


@pytest.fixture(scope="module")
def one() -> Solution:
    return mecopt.solve(ONE)


@pytest.fixture(scope="module")
def many() -> Solution:
    return mecopt.solve(BATCH)


@pytest.mark.parametrize("verb", [mecopt.solve, lambda problem: mecopt.allocate(problem, [1, 0, 1])])
@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "problem is None; allowed: a Problem"),
        ([ONE], "problem is a list; .* a leading axis"),
        ({"data_size": [1.0]}, r"problem is a dict; allowed: a Problem, for example BinaryOffloading\(\*\*fields\)"),
        ("slots.npz", r"problem is 'slots.npz'; .* mecopt.data.load\(path\).problem"),
        (Path("slots.npz"), r"problem is a PosixPath; .* mecopt.data.load\(path\).problem"),
        (BinaryOffloading, r"problem is the class BinaryOffloading; .* BinaryOffloading.sample\("),
        (np.zeros(3), "problem is a ndarray; allowed: a Problem"),
        (BATCH[5:], "holds no instance"),
    ],
    ids=str,
)
def test_what_is_no_problem_is_told_how_to_become_one(verb: Callable[[Any], Any], given: Any, said: str) -> None:
    with pytest.raises(InstanceError, match=said.replace("PosixPath", r"\w+Path")):
        verb(given)


def test_a_loaded_file_and_a_solution_are_told_where_their_problem_is(tmp_path: Path, one: Solution) -> None:
    path = tmp_path / "one.json"
    path.write_text('{"problem": "binary-offloading", "data_size": [1, 2, 3]}')
    for given in (load(path), one):
        with pytest.raises(InstanceError, match=r"this one has it as its attribute \.problem"):
            mecopt.solve(given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rng", "said"),
    [
        (3, r"rng is 3; allowed: a numpy Generator, as numpy.random.default_rng\(3\) makes"),
        (np.random, "rng is the module numpy.random"),
        (random, "rng is the module random"),
        (np.random.RandomState(0), "rng is a RandomState"),
        ("seed", "rng is 'seed'"),
        (True, "rng is True"),
        (np.random.Generator, "rng is the class Generator"),
    ],
    ids=str,
)
@pytest.mark.parametrize("solver", ["random", "exact"])
def test_randomness_is_a_generator_or_none(rng: Any, said: str, solver: str) -> None:
    with pytest.raises(InstanceError, match=said):
        mecopt.solve(ONE, solver=solver, rng=rng)


@pytest.mark.parametrize("name", problem_names())
def test_a_problem_without_any_field_names_all_that_are_missing(name: str) -> None:
    with pytest.raises(InstanceError, match=r"is missing; allowed:"):
        find_problem(name)()


def test_all_missing_fields_are_named_at_once() -> None:
    with pytest.raises(InstanceError, match=r"BackscatterFrame.channel \(and workload, battery\) is missing"):
        BackscatterFrame()


class Attached:
    """An array of another library that refuses to be one of numpy's, as torch's with gradients do."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        (Attached(), r"is no array of numbers: .* Use tensor.detach\(\).numpy\(\) instead"),
        ([None, 0, 1], "is a list; allowed: an array of 0"),
        ({0: 1}, "is a dict; allowed"),
        (["1", "0", "1"], "is of type <U1; allowed"),
        ([[1], [0, 1]], "is no rectangular array"),
        ([0.5, 0, 1], r"\[0\] is 0.5; allowed: 0 \(local\) or 1 \(offload\)"),
        ([np.nan, 0, 1], r"\[0\] is nan"),
        ([0, 0, 2], r"\[2\] is 2; allowed"),
        ([0, -1, 0], r"\[1\] is -1; allowed"),
        ([1, 0], r"has shape \(2,\); allowed: 3 entries"),
        (1, r"has shape \(\); allowed"),
        (np.zeros((0, 3)), r"has shape \(0, 3\) and holds no decision"),
    ],
)
def test_a_wrong_decision_or_start_is_named_with_what_is_allowed(decision: Any, said: str) -> None:
    with pytest.raises(InstanceError, match=f"^decision ?{said}"):
        mecopt.allocate(ONE, decision)
    with pytest.raises(InstanceError, match=f"^start ?{said}"):
        mecopt.solve(ONE, start=decision)


@pytest.mark.parametrize("decision", [[1.0, 0.0, 1.0], [True, False, True], np.array([1, 0, 1], dtype=np.uint8)])
def test_whole_numbers_of_any_type_are_decisions(decision: Any) -> None:
    assert mecopt.allocate(ONE, decision).decision.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (
            lambda: solve(ONE, solver=type(BinaryOffloading.solver())),
            InstanceError,
            "is the class Exact; allowed: a na",
        ),
        (lambda: solve(ONE, solver=3), InstanceError, "solver of binary-offloading is a int; allowed: a name"),
        (lambda: solve(ONE, solver=BinaryOffloading.backend()), InstanceError, "is a ClosedForm; allowed: a name"),
        (lambda: solve(ONE, solver="slsqp"), UnknownName, r"a backend, .* mecopt.allocate\(problem, decision, backe"),
        (lambda: allocate(ONE, [1, 0, 1], backend=["slsqp"]), InstanceError, "backend of .* is a list; allowed"),
        (lambda: solve(ONE, time_limit="5"), InstanceError, "time_limit is '5'; allowed"),
        (lambda: solve(ONE, gap=np.nan), InstanceError, "gap is nan; allowed"),
        (lambda: allocate(ONE, [1, 0, 1], tol=-1.0), InstanceError, "tol is -1.0; allowed"),
        (
            lambda: allocate(ONE, [1, 0, 1], backend="slsqp", start=[1, 0, 1]),
            InstanceError,
            "start is a list; allowed",
        ),
    ],
)
def test_arguments_of_another_kind_are_named(call: Callable[[], Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        call()


def test_a_backend_itself_is_as_good_as_its_name() -> None:
    by_name = mecopt.allocate(ONE, [1, 0, 1], backend="slsqp")
    itself = mecopt.allocate(ONE, [1, 0, 1], backend=BinaryOffloading.backend("slsqp"))
    assert itself.objective == by_name.objective


def test_a_start_of_another_problem_is_refused(one: Solution) -> None:
    other = mecopt.solve(ComputationRate.sample(np.random.default_rng(0), users=3))
    with pytest.raises(InstanceError, match="start solves computation-rate with 3 users; allowed: binary-offloading with 3"):
        mecopt.solve(ONE, start=other)
    with pytest.raises(
        InstanceError, match="start solves binary-offloading with 3 users; allowed: binary-offloading with 2"
    ):
        mecopt.solve(BinaryOffloading(data_size=[1.0, 2.0]), start=one)


def test_a_solution_is_neither_true_nor_false_and_equal_to_itself_only(one: Solution, many: Solution) -> None:
    for solution in (one, many):
        with pytest.raises(InstanceError, match=r"solution.status is Status.OPTIMAL"):
            bool(solution)
    assert one == one
    assert one != mecopt.solve(ONE)
    assert many != mecopt.solve(BATCH)
    assert {one: "answer"}[one] == "answer"
    assert one in [many, one]
    assert bool(ONE)
    assert bool(BATCH)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_copies_of_problems_and_solutions_hold_the_same_and_are_read_only(
    copied: Callable[[Any], Any], many: Solution
) -> None:
    problem = copied(BATCH)
    for name, value in BATCH.data().items():
        np.testing.assert_array_equal(getattr(problem, name), value)
        assert not getattr(problem, name).flags.writeable
    solution = copied(many)
    np.testing.assert_array_equal(solution.allocation.server_rate, many.allocation.server_rate)
    assert list(solution.status) == list(many.status)
    assert not solution.objective.flags.writeable
    assert not solution.allocation.server_rate.flags.writeable


@pytest.mark.parametrize("index", [0.5, 9, -4, "x", None, True, (0, 1), np.array([True, False]), [0, 7]], ids=str)
def test_an_index_that_selects_nothing_is_refused_alike(index: Any, many: Solution) -> None:
    for batch in (BATCH, many):
        with pytest.raises(NoSuchInstance, match=r"of a batch of shape \(3,\)"):
            batch[index]
        with pytest.raises(IndexError):  # as of any sequence
            batch[index]


def test_a_single_instance_has_no_index(one: Solution) -> None:
    for single in (ONE, one):
        with pytest.raises(NoSuchInstance, match="is a single instance, not a batch"):
            single[0]


@pytest.mark.parametrize("index", [1, -1, slice(1, None), [0, 2], np.array([True, False, True]), ...], ids=str)
def test_an_index_of_numpy_selects_problem_and_answer_alike(index: Any, many: Solution) -> None:
    part: Problem = BATCH[index]
    np.testing.assert_array_equal(many[index].problem.data()["data_size"], part.data()["data_size"])
    np.testing.assert_array_equal(many[index].objective, many.objective[index])


MASK = np.array([[True, False, True], [False, True, True]])
INDICES = [
    (..., 0),
    (0, ...),
    (..., slice(1, None)),
    (..., [0, 2]),
    (slice(None), 1),
    (1, 2),
    (1, ..., 2),
    ([1, 0], [2, 2]),
    ([[0], [1]], [0, 2]),
    ([0, 1], [[0], [2]]),
    ([1, 1],),
    MASK,
    (MASK, ...),
    ([True, False],),
    (),
]


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_candidates_stay_with_their_instance_whatever_the_index(index: Any) -> None:
    batch = BinaryOffloading.sample(np.random.default_rng(1), (2,), users=3)
    decision = np.random.default_rng(2).integers(0, 2, (2, 3, 3))
    answer = mecopt.allocate(batch, decision)
    whole, part = answer.to_dict(), answer[index]
    chosen, told = np.arange(6).reshape(2, 3)[index], part.to_dict()
    assert part.shape == chosen.shape
    assert part.to_arrow().num_rows == chosen.size * 3
    for place, number in np.ndenumerate(chosen):
        i, j = divmod(int(number), 3)
        of_item = place[: len(part.problem.batch_shape)]
        own = part.problem[of_item] if of_item else part.problem
        np.testing.assert_array_equal(own.data()["data_size"], batch[i].data()["data_size"])
        np.testing.assert_array_equal(part.decision[place], decision[i, j])
        np.testing.assert_array_equal(np.array(told["per_user"]["cost"])[place], whole["per_user"]["cost"][i][j])
        np.testing.assert_array_equal(part.allocation.server_rate[place], answer.allocation.server_rate[i, j])
        assert part.objective[place] == answer.objective[i, j]


def test_an_ellipsis_of_a_batch_leaves_out_axes_of_the_batch_only() -> None:
    batch = BinaryOffloading.sample(np.random.default_rng(1), (2, 4), users=3)
    np.testing.assert_array_equal(batch[..., 0].data()["data_size"], batch[:, 0].data()["data_size"])
    with pytest.raises(NoSuchInstance, match="selects nothing"):
        batch[..., None]


def test_a_comparison_checks_what_it_is_given(tmp_path: Path) -> None:
    for jobs in (0, -1, 1.5, "2", True):
        with pytest.raises(InstanceError, match=r"jobs is .*; allowed: a whole number of at least 1"):
            compare(BATCH, ["exact"], out=tmp_path / "new", jobs=jobs)  # type: ignore[arg-type]
    with pytest.raises(InstanceError, match="allowed: a list of names"):
        compare(BATCH, "exact,random", out=tmp_path / "new")
    with pytest.raises(InstanceError, match="named twice"):
        compare(BATCH, ["exact", "exact"], out=tmp_path / "new")
    with pytest.raises(InstanceError, match="problem is a list"):
        compare([BATCH], ["exact"], out=tmp_path / "new")  # type: ignore[arg-type]
    assert not (tmp_path / "new").exists()


def test_numbers_of_numpy_seed_as_those_of_python_do(tmp_path: Path) -> None:
    run: Any = compare
    found = [run(BATCH, ["random"], out=tmp_path / str(k), seed=seed) for k, seed in enumerate((3, np.int64(3)))]
    assert found[0].column("random", "objective").tolist() == found[1].column("random", "objective").tolist()
    assert run(BATCH, ["random"], out=tmp_path / "2", time_limit=np.float32(60.0), jobs=np.int64(1)).methods == ["random"]
    for seed in (-1, True, 1.5, "3", None, np.timedelta64(3)):
        with pytest.raises(InstanceError, match=r"seed is .*; allowed: a whole number >= 0"):
            run(BATCH, ["random"], out=tmp_path / "3", seed=seed)
    with pytest.raises(InstanceError, match="seed is -1"):
        BinaryOffloading.lesson().run(-1)


@pytest.fixture(scope="module", params=problem_names())
def answered(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    """A small instance of every problem, and its solution."""
    problem = find_problem(request.param).sample(np.random.default_rng(0), users=3)
    return problem, mecopt.solve(problem)


def formulas(problem: Any, solution: Any) -> dict[str, Callable[[Any], Any]]:
    """Every method of a model that takes a decision, as a function of it alone."""
    found = {
        "objective": lambda decision: problem.objective(decision, solution.allocation),
        "violations": lambda decision: problem.violations(decision, solution.allocation),
        "per_user": lambda decision: problem.per_user(decision, solution.allocation),
        "bound": lambda decision: problem.bound(decision, solution.dual),
        "respond": lambda decision: problem.respond(decision, solution.dual).as_dict(),
        "closed_form": lambda decision: problem.closed_form(decision)[0].as_dict(),
        "optimal_value": problem.optimal_value,
        "infeasible": problem.infeasible,
        "by its name": lambda decision: problem.objective(decision=decision, allocation=solution.allocation),
    }
    if isinstance(problem.decision_space, OneOf):
        found["move_values"] = problem.move_values
    return found


def alike(given: Any, meant: Any) -> None:
    """Hold answers to be equal to what an iteration leaves: beams that are given as a list are made of norm 1 once more."""
    for name in meant if isinstance(meant, dict) else [...]:
        value, other = (given[name], meant[name]) if isinstance(meant, dict) else (given, meant)
        np.testing.assert_allclose(value, other, rtol=1e-6, atol=1e-6 * max(1.0, np.nanmax(np.abs(other))))


def test_every_formula_understands_lists_as_the_arrays_that_they_are(answered: tuple[Any, Any]) -> None:
    problem, solution = answered
    for formula in formulas(problem, solution).values():
        alike(formula(solution.decision.tolist()), formula(solution.decision))
    listed = type(solution.allocation)(**{name: value.tolist() for name, value in solution.allocation.as_dict().items()})
    for judged in (problem.objective, problem.violations, problem.per_user):
        alike(judged(solution.decision, listed), judged(solution.decision, solution.allocation))
    prices = type(solution.dual)(**{name: value.tolist() for name, value in solution.dual.as_dict().items()})
    alike(problem.bound(solution.decision, prices), problem.bound(solution.decision, solution.dual))
    alike(problem.relaxed_bound(prices), problem.relaxed_bound(solution.dual))


def test_no_formula_evaluates_variables_of_another_kind_or_size(answered: tuple[Any, Any]) -> None:
    problem, solution = answered
    decision, allocation, dual = solution.decision, solution.allocation, solution.dual
    with pytest.raises(
        InstanceError, match=f"allocation is a {type(dual).__name__}; allowed: a {type(allocation).__name__}"
    ):
        problem.objective(decision, dual)
    with pytest.raises(InstanceError, match=f"dual is a {type(allocation).__name__}; allowed: a {type(dual).__name__}"):
        problem.relaxed_bound(allocation)
    values = allocation.as_dict()
    name = next(name for name, value in values.items() if value.ndim)
    for wrong, said in (
        (values[name][:2], r"has shape \(2,\)"),
        (["a", "b", "c"], "is .*; allowed: numbers"),
        (None, "is 'None'"),
    ):
        with pytest.raises(InstanceError, match=f"{name} {said}"):
            problem.objective(decision, type(allocation)(**{**values, name: wrong}))
    with pytest.raises(InstanceError, match="is 'dear'; allowed: numbers"):
        problem.relaxed_bound(type(dual)(**{name: "dear" for name in dual.as_dict()}))


def test_formulas_take_no_other_arguments_than_their_own(answered: tuple[Any, Any]) -> None:
    problem, solution = answered
    decision, allocation = solution.decision, solution.allocation
    calls: tuple[Callable[[], Any], ...] = (
        lambda: problem.objective(decision, allocation, 7),
        lambda: problem.objective(decision, allocation, allocation=allocation),
        lambda: problem.closed_form(decision, 1e-3),
        lambda: problem.optimal_value(decision, tol=1e-3),
    )
    for call in calls:
        with pytest.raises(TypeError, match=r"takes \d positional|multiple values|unexpected keyword"):
            call()


def test_a_model_of_ones_own_may_take_further_arguments() -> None:
    class Own(BinaryOffloading):
        def optimal_value(self, decision: Any, scale: float = 1.0, *, plus: float = 0.0) -> Any:
            return scale * super().optimal_value(decision) + plus

    one, other = Own(data_size=[12.0, 7.5]), BinaryOffloading(data_size=[12.0, 7.5])
    offload, nowhere = np.array([1, 0]), np.array([2, 0])
    assert one.optimal_value(offload, 2.0, plus=3.0) == 2.0 * other.optimal_value(offload) + 3.0
    with pytest.raises(InstanceError, match=r"decision\[0\] is 2"):
        one.optimal_value(nowhere, 2.0)


def test_masked_variables_are_refused_as_masked_decisions_are(answered: tuple[Any, Any]) -> None:
    problem, solution = answered
    values = solution.allocation.as_dict()
    name = next(name for name, value in values.items() if value.ndim)
    for mask, said in ((True, f"{name}.* is masked"), (False, None)):
        masked = np.ma.masked_array(values[name], mask=mask)
        given = type(solution.allocation)(**{**values, name: masked})
        if said is None:
            np.testing.assert_equal(problem.objective(solution.decision, given), solution.objective)
        else:
            with pytest.raises(InstanceError, match=said):
                problem.objective(solution.decision, given)


def test_variables_of_the_batch_are_never_taken_for_those_of_candidates() -> None:
    batch = BinaryOffloading(data_size=np.arange(1.0, 13.0).reshape(4, 3))
    decisions = np.random.default_rng(0).integers(0, 2, (4, 4, 3), dtype=np.int8)
    allocation, dual = batch.closed_form(decisions[:, 0])
    calls: tuple[Callable[[], Any], ...] = (
        lambda: batch.objective(decisions, allocation),
        lambda: batch.bound(decisions, dual),
        lambda: batch.bound(decisions[:, :2], dual),
        lambda: batch.objective(decisions[:, 0], allocation[:3]),
    )
    for wrong in calls:
        with pytest.raises(InstanceError, match=r"has shape \([34],.*; allowed: .* one for each decision, or"):
            wrong()
    for number in range(4):
        price = np.asarray(dual.capacity_price[number])
        one = batch[number].bound(decisions[number], type(dual)(capacity_price=price))
        np.testing.assert_array_equal(one, batch.bound(decisions, dual[:, None])[number])
        np.testing.assert_array_equal(one, batch[number].bound(decisions[number], type(dual)(np.full(4, price))))


def test_one_number_stands_for_all_entries_of_a_variable(answered: tuple[Any, Any]) -> None:
    problem, solution = answered
    same = {name: np.full_like(value, value.max()) for name, value in solution.dual.as_dict().items()}
    one = {name: float(value.max()) for name, value in same.items()}
    for formula in (problem.relaxed_bound, lambda dual: problem.bound(solution.decision, dual)):
        np.testing.assert_equal(formula(type(solution.dual)(**one)), formula(type(solution.dual)(**same)))
