"""One call looks at what it is given once, and what follows from a problem's data stays beside the data."""

import copy
import dataclasses
import gc
import pickle
import threading
import tracemalloc
import weakref
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mecopt
from mecopt.contract import derived
from mecopt.contract.backend import Answer, Backend, ClosedForm
from mecopt.contract.certificate import certified, distance, judge, relative_gap
from mecopt.contract.decision import DecisionSpace
from mecopt.contract.derived import of_data, once_a_call, one_call, shared
from mecopt.contract.errors import InstanceError
from mecopt.models import BinaryOffloading, HybridSlot, MultiServerOffloading, PricedPower
from mecopt.models.multi_server_offloading import terms
from mecopt.registry import problem_names
from mecopt.running import blocks, rescue

MAGNITUDES = st.sampled_from(
    [0.0, 1.0, -1.0, 1e-320, 1e-9, 1.0 + 1e-9, 1.0 - 1e-8, 1e300, -1e308, 1e308, np.inf, -np.inf, np.nan]
)
NUMBERS = st.one_of(MAGNITUDES, st.floats(-10.0, 10.0))


TIMES = dict.fromkeys(("model_seconds", "solve_seconds", "predict_seconds", "compile_seconds", "load_seconds"))


def drawn(name: str) -> Any:
    return mecopt.find_problem(name).sample(np.random.default_rng(3), users=3)


@pytest.mark.parametrize("name", problem_names())
def test_a_call_makes_one_decision_space_and_validates_one_decision(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = drawn(name)
    kind = type(problem.decision_space)
    decision = problem.decision_space.sample(np.random.default_rng(0))
    fresh, counts = copy.copy(problem), {"made": 0, "validated": 0}
    make, validate = kind.__init__, DecisionSpace.validate

    def made(self: Any, *values: Any) -> None:
        counts["made"] += type(self) is kind
        make(self, *values)

    def validated(self: Any, *values: Any) -> Any:
        counts["validated"] += 1
        return validate(self, *values)

    monkeypatch.setattr(kind, "__init__", made)
    monkeypatch.setattr(DecisionSpace, "validate", validated)
    mecopt.allocate(fresh, decision, throw=False)
    assert counts == {"made": 1, "validated": 1}


@pytest.mark.parametrize("name", problem_names())
def test_what_follows_from_the_data_is_no_part_of_them(name: str) -> None:
    problem = drawn(name)
    decision = problem.decision_space.sample(np.random.default_rng(0))
    answer = mecopt.allocate(problem, decision, throw=False)
    assert vars(problem).keys() == problem.data().keys()
    for other in (copy.copy(problem), copy.deepcopy(problem), pickle.loads(pickle.dumps(problem)), problem.flat()[0]):
        assert vars(other).keys() == problem.data().keys()
        again = mecopt.allocate(other, decision, throw=False)
        assert again.objective.tobytes() == answer.objective.tobytes()


def test_other_data_have_other_terms_and_another_decision_space() -> None:
    problem = BinaryOffloading(data_size=[12.0, 7.5], capacity=30.0)
    assert problem.decision_space is problem.decision_space
    doubled = dataclasses.replace(problem, data_size=2.0 * problem.data_size)
    np.testing.assert_array_equal(doubled.terms().local, 2.0 * problem.terms().local)
    slot = HybridSlot.sample(np.random.default_rng(0), users=2)
    full = slot._with({**slot.__dict__, "battery": slot.battery_capacity})
    assert (full.decision_space.most == slot.battery_capacity).all()
    assert (slot.decision_space.most < slot.battery_capacity).any()


def test_who_writes_into_what_a_problem_derives_changes_no_later_answer() -> None:
    problem = MultiServerOffloading.sample(np.random.default_rng(0), users=4, servers=2, preset="heterogeneous")
    before = mecopt.solve(problem)
    given = (
        problem.upload_time(),
        *problem.speed_bounds(),
        problem.choice_costs(),
        problem.own_speed(),
        problem.local_costs(),
    )
    for array in given:
        array[...] = 1e-3
    after = mecopt.solve(problem)
    assert (after.objective, after.bound) == (before.objective, before.bound)


@pytest.mark.parametrize("name", problem_names())
def test_nobody_can_write_into_what_a_problem_shows_of_its_data(name: str) -> None:
    problem = drawn(name)
    kinds = type(problem).__mro__
    shown = {one for kind in kinds for one, value in vars(kind).items() if isinstance(value, derived.derived)}
    assert {"users", "decision_space"} <= shown
    values = {one: getattr(problem, one) for one in shown}
    values |= {f"{one}.{part}": at for one in shown for part, at in getattr(values[one], "__dict__", {}).items()}
    assert [one for one, value in values.items() if isinstance(value, np.ndarray) and value.flags.writeable] == []


@pytest.mark.parametrize("name", problem_names())
def test_a_problem_that_nobody_uses_is_gone_at_once(name: str) -> None:
    problem = drawn(name)
    mecopt.allocate(problem, problem.decision_space.sample(np.random.default_rng(0)), throw=False)
    used = copy.copy(problem)
    gone = weakref.ref(used)
    collecting = gc.isenabled()
    gc.disable()
    try:
        assert used.flat().negligible.shape == (1,)
        mecopt.allocate(used, used.decision_space.sample(np.random.default_rng(0)), throw=False)
        del used
        assert gone() is None, "it stays until garbage is collected"
    finally:
        if collecting:
            gc.enable()


def test_what_is_forgotten_is_derived_again() -> None:
    problem = MultiServerOffloading.sample(np.random.default_rng(0), users=4, servers=2)
    before, space = problem.choice_costs(), problem.decision_space
    derived.forget(problem)
    assert problem.decision_space is not space
    np.testing.assert_array_equal(problem.choice_costs(), before)


def test_what_takes_much_memory_is_computed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    @of_data
    def total(problem: Any) -> float:
        asked.append(problem.instances)
        return float(problem.data_size.sum())

    one, many = BinaryOffloading(data_size=[1.0, 2.0]), BinaryOffloading(data_size=[[1.0, 2.0]] * 3)
    monkeypatch.setattr(derived, "FEW", 4)
    assert [total(one), total(one), total(many), total(many)] == [3.0, 3.0, 9.0, 9.0]
    assert asked == [1, 3, 3]


def test_what_is_shared_is_what_is_handed_out_and_one_thing() -> None:
    problem = MultiServerOffloading.sample(np.random.default_rng(0), users=4, servers=2, preset="heterogeneous")
    assert shared(terms.upload_time, problem) is shared(terms.upload_time, problem)
    np.testing.assert_array_equal(shared(terms.upload_time, problem), problem.upload_time())
    assert shared(problem.server_terms) is shared(MultiServerOffloading.server_terms, problem)
    assert shared(problem.upload_time) is not shared(problem.upload_time)  # this one is handed out by another


def test_what_an_answer_has_in_common_is_computed_once_a_call_and_kept_no_longer() -> None:
    problem, asked = BinaryOffloading(data_size=[1.0, 2.0]), []

    @once_a_call
    def total(of: Any, decision: Any) -> float:
        asked.append(decision)
        return float(decision.sum())

    one, other = np.array([1, 0]), np.array([1, 1])
    assert [total(problem, one), total(problem, one)] == [1.0, 1.0]
    with one_call(problem, one):
        assert [total(problem, one), total(problem, other), total(problem, other)] == [1.0, 2.0, 2.0]
        with one_call(problem, one):
            assert total(problem, other) == 2.0
        assert total(problem, other) == 2.0
        with pytest.raises(InstanceError), one_call(problem, one):
            raise InstanceError("within")
    one[1] = 1
    assert total(problem, one) == 2.0
    assert len(asked) == 6


class _Rewriting(Backend):
    """Evaluates its answer, then writes another one into the same array."""

    name = "rewriting"
    summary = "halves the powers that it has evaluated"

    def allocate(self, problem: Any, decision: Any, *, start: Any, tol: float, time_limit: float | None) -> Answer:
        allocation, dual = problem.closed_form(decision)
        allocation = type(allocation)(transmit_power=np.array(allocation.transmit_power))
        problem.objective(decision, allocation)
        allocation.transmit_power[...] *= 0.5
        return Answer(allocation, dual, np.zeros(decision.shape[:-1], dtype=int))


def test_a_certificate_is_of_what_a_backend_hands_over_not_of_what_it_evaluated() -> None:
    problem = PricedPower.sample(np.random.default_rng(0), users=4)
    decision = np.ones(4, dtype=np.int8)
    found = mecopt.allocate(problem, decision, backend=_Rewriting(), throw=False)
    assert found.objective == problem.objective(decision, found.allocation)
    assert found.objective != problem.optimal_value(decision)


class _Scaling(PricedPower):
    """Evaluates what it would answer, then writes another answer into the same array."""

    def closed_form(self, decision: Any) -> Any:
        allocation, dual = super().closed_form(decision)
        allocation = type(allocation)(transmit_power=np.array(allocation.transmit_power))
        self.objective(decision, allocation)
        allocation.transmit_power[...] *= 0.5
        return allocation, dual


def test_a_certificate_is_of_what_a_formula_hands_over_not_of_what_it_evaluated() -> None:
    problem = _Scaling(**PricedPower.sample(np.random.default_rng(0), users=4).data())
    found = mecopt.solve(problem, throw=False)
    assert found.objective == problem.objective(found.decision, found.allocation)
    assert not found.is_optimal


def test_calls_of_two_threads_that_end_in_any_order_keep_nothing() -> None:
    problem, decision, asked = BinaryOffloading(data_size=[1.0, 2.0]), np.array([1, 0]), []
    entered, left = threading.Event(), threading.Event()

    @once_a_call
    def total(of: Any, decision: Any) -> float:
        asked.append(threading.get_ident())
        return float(decision.sum())

    def other() -> None:
        with one_call(problem, decision):
            total(problem, decision)
            entered.set()
            left.wait(60.0)

    thread = threading.Thread(target=other)
    with one_call(problem, decision):
        thread.start()
        assert entered.wait(60.0)
        total(problem, decision)
    left.set()
    thread.join()
    assert len(asked) == len(set(asked)) == 2
    decision[1] = 1
    assert total(problem, decision) == 2.0


@pytest.mark.parametrize("name", problem_names())
def test_formulas_answer_within_a_call_what_they_answer_alone(name: str) -> None:
    problem = drawn(name)
    decision = problem.decision_space.validate(problem.decision_space.sample(np.random.default_rng(0)), ())
    found, dual = problem.closed_form(decision)
    alone = problem.objective(decision, found), problem.violations(decision, found), problem.bound(decision, dual)
    with one_call(problem, decision):
        again = problem.objective(decision, found), problem.violations(decision, found), problem.bound(decision, dual)
        other = problem.objective(decision.copy(), found)
    np.testing.assert_equal(again, alone)
    np.testing.assert_equal(other, alone[0])


BY_FORMULA = [name for name in problem_names() if isinstance(mecopt.find_problem(name).backend(), ClosedForm)]


@pytest.mark.parametrize("candidates", [(), (2, 2)])
@pytest.mark.parametrize("name", BY_FORMULA)
def test_a_batch_in_blocks_is_answered_as_in_one(
    name: str, candidates: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = mecopt.find_problem(name).sample(np.random.default_rng(5), (2, 3), users=2)
    decision = problem.decision_space.sample(np.random.default_rng(6), (2, 3, *candidates))
    whole = mecopt.allocate(problem, decision, throw=False)
    monkeypatch.setattr(blocks, "MANY", 0)
    monkeypatch.setattr(blocks, "FEW", 2 * decision[0, 0].size)
    counts: list[int] = []

    def joined(parts: Any, *others: Any) -> Any:
        counts.append(len(parts))
        return rescue.joined(parts, *others)

    monkeypatch.setattr(blocks, "joined", joined)
    parts = mecopt.allocate(problem, decision, throw=False)
    assert counts == [3]
    assert parts.shape == whole.shape
    assert parts.stats.messages == whole.stats.messages
    np.testing.assert_equal(parts.to_dict() | TIMES, whole.to_dict() | TIMES)


def test_allocating_a_large_batch_takes_less_memory_than_its_data() -> None:
    problem = BinaryOffloading.sample(np.random.default_rng(0), (20_000,), users=10, preset="heterogeneous")
    decision = problem.decision_space.sample(np.random.default_rng(0), (20_000,))
    mecopt.allocate(problem[:5000], decision[:5000])
    tracemalloc.start()
    try:
        mecopt.allocate(problem, decision)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < sum(value.nbytes for value in problem.data().values())


DRAWING_NOTHING = [
    (name, solver.name)
    for name in problem_names()
    for solver in mecopt.find_problem(name).solvers.values()
    if not solver.random
]


@pytest.mark.parametrize(("name", "solver"), DRAWING_NOTHING)
def test_solvers_that_do_not_draw_leave_the_generator_as_it_is(name: str, solver: str) -> None:
    rng = np.random.default_rng(7)
    before = rng.bit_generator.state
    mecopt.solve(drawn(name), solver=solver, rng=rng, throw=False)
    assert rng.bit_generator.state == before


class Told(BinaryOffloading):
    """An objective and a violation that are data, beside what is negligible."""

    def objective(self, decision: Any, allocation: Any) -> Any:
        return self.aligned("upload_power", decision)[..., 0] * self.aligned("local_power", decision)[..., 0]

    def violations(self, decision: Any, allocation: Any) -> dict[str, Any]:
        return {"first": -self.aligned("capacity", decision), "second": self.aligned("waiting_power", decision)[..., 0]}

    @property
    def negligible(self) -> Any:
        return self.data_size[..., 0]


class Gained(Told):
    """The same, the more the better."""

    sense: ClassVar[Any] = "maximise"


@given(
    objective=NUMBERS,
    bound=NUMBERS,
    broken=st.sampled_from([0.0, 1e-16, 5e-11, 1e-9, 1e-8, 2e-8, np.inf, np.nan]),
    negligible=st.sampled_from([0.0, 1.0, 1e-300, 1e300, np.inf, np.nan]),
    flags=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    maximised=st.booleans(),
)
def test_a_single_answer_is_judged_as_one_of_a_batch(
    objective: float, bound: float, broken: float, negligible: float, flags: tuple[bool, bool, bool], maximised: bool
) -> None:
    plain = (Gained if maximised else Told)(data_size=[1.0, 2.0])
    values = {"upload_power": objective, "local_power": 1.0, "waiting_power": broken, "data_size": negligible}
    single = plain._with({**plain.data(), **{name: np.full(2, value) for name, value in values.items()}})
    batch = single._with({name: value[None] for name, value in single.data().items()})
    rate = BinaryOffloading.Allocation(server_rate=np.zeros(2))
    decision = np.zeros(2, dtype=np.int8)
    with np.errstate(all="ignore"):
        one = certified(single, decision, rate, np.asarray(bound))
        all_ = certified(batch, decision[None], rate, np.asarray([bound]))
        for name in ("objective", "bound", "gap", "violation", "better"):
            np.testing.assert_array_equal(np.reshape(getattr(one, name), 1), getattr(all_, name), err_msg=name)
        np.testing.assert_array_equal(relative_gap(single, one.objective, one.bound), all_.gap[0])
        np.testing.assert_array_equal(distance(one), distance(all_)[0])
        (status, wrong), (statuses, wrongs) = (judge(c, 1e-6, *flags) for c in (one, all_))
    assert (status, bool(wrong)) == (statuses[0], bool(wrongs[0]))


@pytest.mark.parametrize("shape", [(), (1,)])
def test_beside_what_overflows_nothing_is_proved_that_is_not_proved_alone(shape: tuple[int, ...]) -> None:
    plain = Told(data_size=np.ones((*shape, 2)))
    overflowing = plain._with({**plain.data(), "data_size": np.full((*shape, 2), np.inf)})
    objective, bound = np.full(shape, 2.0), np.full(shape, 1.0)
    np.testing.assert_array_equal(relative_gap(overflowing, objective, bound), np.full(shape, 0.5))
