"""Starts: a price becomes a certified start, and SCS's iterates made from it are a primal-dual point of its own program."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np
import pytest
from click.testing import CliRunner

import mecopt
from mecopt.backends.conic import Conic
from mecopt.cli.bench import command
from mecopt.compare.starts import KNOWN, SOURCES, Memory, Starts, drifting
from mecopt.compare.warm_starts import CONSUMERS, Cell, Consumer, Row, closing, matrix, measure, refusing, warm_starts
from mecopt.contract.backend import installed
from mecopt.contract.decision import OneOf
from mecopt.contract.problem import Problem
from mecopt.contract.warmstart import from_dual
from mecopt.models import BackscatterFrame, BinaryOffloading, ComputationRate, MultiServerOffloading
from mecopt.registry import problems
from mecopt.testing.statements import certified

Array = np.ndarray[Any, Any]
EVERY = list(problems().values())
ECOS = pytest.param("ecos", marks=pytest.mark.skipif(find_spec("ecos") is None, reason="needs the extra `ecos`"))
CLASSES = [cls for cls in EVERY if isinstance(cls.sample(np.random.default_rng(0)).decision_space, OneOf)]
"""The problems whose decisions are choices; frames, whose decisions are beams, have tests of their own."""


def instances(cls: type[Problem], count: int = 12) -> Iterator[tuple[Problem, Array, np.random.Generator]]:
    """Return single instances of all presets and sizes with a feasible decision, at least one user offloading."""
    for preset in cls.presets:
        for seed in range(count):
            rng = np.random.default_rng(seed)
            problem = cls.sample(rng, preset=preset, users=int(rng.integers(1, 25)))
            decision = rng.integers(0, 2, problem.users).astype(np.int8)
            decision[rng.integers(problem.users)] = 1
            decision = decision if seed % 4 else np.ones_like(decision)
            if not problem.infeasible(decision):
                yield problem, decision, rng


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


@pytest.mark.parametrize("cls", EVERY)
@pytest.mark.parametrize("factor", [-1.0, 0.0, 1e-300, 1e-6, 0.3, 1.1, 1e6, 1e290])
def test_any_price_is_answered_feasibly_and_judged_honestly(cls: type[Problem], factor: float) -> None:
    batch = cls.sample(np.random.default_rng(0), (6,))
    decisions = batch.mended(batch.decision_space.sample(np.random.default_rng(1), (6, 3)))
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
    for price in (np.array([1.0, np.nan]), np.ones((2, 1)), np.array(["a", "b"]), np.array([True, False])):
        with pytest.raises(mecopt.InstanceError, match=r"allowed: finite numbers of shape \(2,\)"):
            from_dual(problem, np.ones(10), type(dual)(capacity_price=price))
    for single in (problem[0], ComputationRate.sample(np.random.default_rng(3))):
        name = next(iter(single.Dual(np.ones(2)).as_dict()))
        with pytest.raises(mecopt.InstanceError, match=r"allowed: finite numbers of shape \(\)"):
            from_dual(single, np.ones(10), single.Dual(**{name: np.ones(2)}))


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
        assert u <= 0
        assert min(v, w) >= -1e-8 if u == 0 else -u * np.exp(v / u) <= np.e * w + 1e-8
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
            certified(cold, warm, cls.backends["scs"].proves, backend)
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
        certified(cold, warm, ComputationRate.backends["scs"].proves, "scs")


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("factor", [np.nan, np.inf, 1e300])
def test_scs_refuses_a_start_whose_price_is_no_number_or_overflows(cls: type[Problem], factor: float) -> None:
    problem = cls.sample(np.random.default_rng(8), users=10)
    best = mecopt.allocate(problem, np.ones(10))
    broken = replace(best, dual=cls.Dual(**{name: value * factor for name, value in best.dual.as_dict().items()}))
    with pytest.raises(mecopt.StartIgnored, match="price"):
        mecopt.allocate(problem, np.ones(10), backend="scs", start=broken)


@pytest.mark.parametrize("cls", CLASSES)
def test_scs_stands_any_finite_price_up_to_overflow(cls: type[Problem]) -> None:
    problem = cls.sample(np.random.default_rng(8), users=10)
    best = mecopt.allocate(problem, np.ones(10))
    for factor in (-1.0, 0.0, 1e-300, 1e-6, 1e6, 1e100):
        price = cls.Dual(**{name: value * factor for name, value in best.dual.as_dict().items()})
        warm = mecopt.allocate(problem, np.ones(10), backend="scs", start=from_dual(problem, np.ones(10), price))
        assert warm.stats.start_used
        certified(best, warm, cls.backends["scs"].proves, f"price times {factor}")


# ---------------------------------------------------------------------- scaling


@pytest.mark.parametrize("backend", ["scs", "clarabel", ECOS])
def test_tasks_of_a_byte_beside_tasks_of_megabytes_are_allocated_to_optimality(backend: str) -> None:
    rng = np.random.default_rng(0)
    for data in ([1e-6, 25.0, 25.0, 1e-3], 10.0 ** rng.uniform(-3.0, np.log10(25.0), 10)):
        problem = BinaryOffloading(data_size=data)
        best, answer = (mecopt.allocate(problem, np.ones(len(data)), backend=name) for name in (None, backend))
        certified(best, answer, BinaryOffloading.backends[backend].proves, backend)
        assert int(answer.stats.iterations) <= 1000


@pytest.mark.parametrize("backend", ["scs", "clarabel", ECOS])
@pytest.mark.parametrize("gain", [1e-7, 1e-5, 1e-3, 1e-2, 1.0])
def test_channels_of_any_strength_are_allocated_to_optimality(backend: str, gain: float) -> None:
    problem = ComputationRate(channel_gain=gain * np.random.default_rng(0).exponential(size=10))
    best = mecopt.allocate(problem, np.arange(10) % 2)
    answer = mecopt.allocate(problem, np.arange(10) % 2, backend=backend)
    certified(best, answer, ComputationRate.backends[backend].proves, backend)
    assert int(answer.stats.iterations) <= 1000


# ---------------------------------------------------------------------- starts that say nothing, and nothing to start


@pytest.mark.parametrize("cls", CLASSES)
def test_slsqp_refuses_a_start_of_no_numbers_or_of_none_who_offload_now(cls: type[Problem]) -> None:
    problem = cls.sample(np.random.default_rng(9), users=10)
    first, others = np.arange(10) < 5, np.arange(10) >= 5
    best = mecopt.allocate(problem, first)
    broken = replace(best, allocation=cls.Allocation(**{k: v * np.nan for k, v in best.allocation.as_dict().items()}))
    with pytest.raises(mecopt.StartIgnored, match="not finite"):
        mecopt.allocate(problem, first, backend="slsqp", start=broken)
    for decision in (others, np.zeros(10)):
        with pytest.raises(mecopt.StartIgnored, match="nothing for those who offload now"):
            mecopt.allocate(problem, first, backend="slsqp", start=mecopt.allocate(problem, decision))
    assert mecopt.allocate(problem, np.ones(10), backend="slsqp", start=best).stats.start_used


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("backend", ["slsqp", "scs"])
def test_where_nobody_offloads_there_is_nothing_to_start_and_the_batch_says_so(cls: type[Problem], backend: str) -> None:
    problem = cls.sample(np.random.default_rng(9), users=10)
    nobody = np.zeros(10)
    alone = mecopt.allocate(problem, nobody, backend=backend, start=mecopt.allocate(problem, np.ones(10)))
    assert alone.status is mecopt.Status.OPTIMAL
    assert int(alone.stats.iterations) == 0
    assert not alone.stats.start_used
    some = np.stack([np.ones(10), nobody])
    assert not mecopt.allocate(problem, some, backend=backend, start=mecopt.allocate(problem, some)).stats.start_used
    all_ = np.stack([np.ones(10), np.arange(10) % 2])
    assert mecopt.allocate(problem, all_, backend=backend, start=mecopt.allocate(problem, all_)).stats.start_used


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
        certified(start, warm, cls.backends["slsqp"].proves, "slsqp")


# ---------------------------------------------------------------------- do they pay?


class Oracle:
    """A policy that knows the answer: proposes the optimum among others, predicts the exact price."""

    candidates = 4
    card: ClassVar[dict[str, Any]] = {}

    def propose(self, problem: Problem, k: int, rng: np.random.Generator) -> Array:
        best = mecopt.solve(problem).decision[..., None, :]
        return np.concatenate([problem.decision_space.sample(rng, (*problem.batch_shape, k - 1)), best], axis=-2)

    def predict(self, problem: Problem, decision: Array) -> Any:
        return mecopt.allocate(problem, decision).dual

    def require(self, problem: Problem) -> None:
        """Look at anything."""

    def differences(self, problem: Problem) -> list[str]:
        return []


@pytest.fixture(scope="module", params=CLASSES, ids=lambda cls: cls.name)
def cells(request: pytest.FixtureRequest) -> list[Cell]:
    cls: type[Problem] = request.param
    return list(warm_starts(cls, 3, presets=["paper"], most=3, memory=20, users=5, policy=lambda problem, role: Oracle()))


def test_every_consumer_meets_every_source_on_both_streams_and_uses_the_start(cells: list[Cell]) -> None:
    assert {cell.stream for cell in cells} == {"paper, independent", "paper, drifting"}
    assert {"exact", "highs", "local-search", "coordinate-descent", "slsqp", "scs"} <= {c.consumer.name for c in cells}
    for cell in cells:
        assert tuple(row.source for row in cell.rows) == SOURCES
        assert (cell.direct_seconds > 0) == cell.consumer.fixed
        for row in cell.rows:
            assert row.any_price == (cell.consumer.name == "slsqp" and len(cells) == 14)
            assert row.used == (0 if row.source == "cold" else row.instances), (cell.title, row)
            assert row.solve_seconds > 0
            assert (row.start_seconds > 0) == (row.source not in ("cold", "optimum"))


def test_starts_change_what_an_exact_answer_costs_and_not_the_answer(cells: list[Cell]) -> None:
    for cell in cells:
        if cell.consumer.name not in ("local-search", "coordinate-descent"):
            assert max(row.loss for row in cell.rows) <= 1e-6, cell.title


def test_no_start_needs_less_than_the_optimum_where_that_is_a_theorem(cells: list[Cell]) -> None:
    """Descent ends at once in the optimum, and SCS at a KKT point; nothing of the kind holds for nodes of a search."""
    for cell in cells:
        effort = {row.source: row.effort for row in cell.rows}
        if cell.consumer.name in ("coordinate-descent", "scs"):
            assert effort["optimum"] == min(effort.values())
            assert effort["learned"] <= effort["cold"]


def test_the_closing_sentence_names_every_consumer_and_the_default(cells: list[Cell]) -> None:
    cls = next(c for c in CLASSES if c.name == ("computation-rate" if len(cells) == 12 else "binary-offloading"))
    said = closing(cls, cells)
    assert all(cell.consumer.name in said for cell in cells)
    assert "(paper, independent; paper, drifting) the closed-form backend needs" in said
    assert "slsqp and scs, from the best of all starts" in said
    assert ("slsqp is not counted, since" in said) == (cls in (BinaryOffloading, MultiServerOffloading))
    assert "closed-form" not in closing(cls, [cell for cell in cells if not cell.consumer.fixed])


@pytest.fixture(scope="module")
def of_frames() -> list[Cell]:
    able = [consumer for consumer in CONSUMERS if consumer.name == "path-following"]
    measured = warm_starts(
        BackscatterFrame, 3, presets=["paper"], consumers=able, most=4, memory=20, policy=lambda problem, role: Oracle()
    )
    return list(measured)


def test_frames_start_from_prices_and_from_whole_answers(of_frames: list[Cell]) -> None:
    assert [cell.stream for cell in of_frames] == ["paper, independent"] * 2 + ["paper, drifting"] * 2
    for prices, answers in (of_frames[:2], of_frames[2:]):
        assert tuple(row.source for row in prices.rows) == SOURCES
        assert tuple(row.source for row in answers.rows) == KNOWN
        assert prices.consumer.label == "path-following"
        assert "path-following (whole answers), decision fixed" in answers.title
        for row in (*prices.rows, *answers.rows):
            assert row.loss <= 1e-8
            assert row.used == (0 if row.source == "cold" else row.instances)
        effort = {row.source: row.effort for row in answers.rows}
        assert effort["optimum"] < effort["cold"] == prices.rows[0].effort


def test_the_default_backend_is_not_compared_with_itself(of_frames: list[Cell]) -> None:
    said = closing(BackscatterFrame, of_frames)
    assert "path-following (whole answers) " in said
    assert "backend needs" not in said
    assert [row[1] for row in matrix(of_frames)[1]] == ["path-following", "path-following (whole answers)"] * 2


def test_an_objective_near_0_is_judged_beside_what_is_not_negligible(of_frames: list[Cell]) -> None:
    free = BackscatterFrame.sample(np.random.default_rng(0), (3,), workload=0.0)
    starts = Starts(free, Memory(free[:1]), None, None)
    consumer = next(consumer for consumer in CONSUMERS if consumer.takes == "answer")
    assert all(abs(float(best.objective)) <= 1e-6 for best in starts.optimum)
    assert all(row.loss <= 1e-8 for row in measure("none", starts, consumer, 2).rows)


def test_the_neighbour_of_a_frame_is_the_nearest_by_real_and_imaginary_parts() -> None:
    library = BackscatterFrame.sample(np.random.default_rng(7), (30,))
    memory = Memory(library)
    assert memory.names == ["channel", "workload", "battery"]
    assert [memory.nearest(library[i]) for i in range(30)] == list(range(30))
    near = replace(library[7], channel=library.channel[7] * (1.0 + 1e-6j))
    assert memory.nearest(near) == 7
    pair = replace(library[:2], **{k: np.stack([v[0], v[0].conj()]) for k, v in library.data().items()})
    assert [Memory(pair).nearest(pair[i]) for i in range(2)] == [0, 1]


def test_users_of_a_drifting_stream_of_frames_keep_their_channel_work_and_battery_together() -> None:
    stream = drifting(BackscatterFrame, "paper", 200, np.random.default_rng(5))
    assert stream is not None
    kept = np.stack([getattr(stream, name)[1:] == getattr(stream, name)[:-1] for name in ("workload", "battery")])
    channel = (stream.data()["channel"][1:] == stream.data()["channel"][:-1]).all(axis=-1)
    assert np.array_equal(channel, kept[1])
    assert (kept[0] | ~channel).all()
    assert channel.mean() == pytest.approx(0.9, abs=0.04)


@pytest.mark.parametrize("cls", CLASSES)
def test_earlier_answers_are_the_solver_s_own_where_it_proves_nothing(cls: type[Problem]) -> None:
    stream = cls.sample(np.random.default_rng(0), (40,))
    starts = Starts(stream, Memory(cls.sample(np.random.default_rng(1), (3,))), None, None)
    simple = "all-offload" if "all-offload" in cls.solvers else "greedy"
    starts.prepare(simple)
    starts.prepare(None)
    own = mecopt.solve(stream, solver=simple).decision
    best = mecopt.solve(stream).decision
    assert (own != best).any()
    for i in range(1, 40):
        assert np.array_equal(starts.make("previous", "decision", i, simple), own[i - 1])
        assert np.array_equal(starts.make("previous", "decision", i), best[i - 1])
        assert np.array_equal(starts.make("optimum", "decision", i, simple), best[i])


@pytest.mark.parametrize("cls", EVERY)
def test_only_where_servers_are_shared_without_limits_is_any_price_answered_by_the_optimum(cls: type[Problem]) -> None:
    """And where what stands for a price is a claim, which says nothing of the allocation."""
    stream = cls.sample(np.random.default_rng(0), (5,))
    starts = Starts(stream, Memory(stream[:1]), None, None)
    assert starts.any_price_is_answered_best() == (cls in (BinaryOffloading, MultiServerOffloading) or not cls.convex)


def test_a_solver_that_takes_a_price_is_charged_with_the_price_and_not_with_its_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = ComputationRate.sample(np.random.default_rng(0), (3,))
    starts = Starts(stream, Memory(stream), None, None)
    starts.prepare(None)
    asked = []

    def answer(*given: Any) -> mecopt.Solution:
        asked.append(given)
        return from_dual(*given)

    monkeypatch.setattr("mecopt.compare.starts.from_dual", answer)
    assert starts.seconds("previous", "price", 1) > 0
    assert not asked
    assert starts.seconds("previous", "allocation", 1) > 0
    assert len(asked) == 1
    assert starts.seconds("optimum", "allocation", 1) == starts.seconds("cold", "allocation", 1) == 0.0


def test_without_a_policy_there_is_no_learned_row() -> None:
    found = list(
        warm_starts(
            BinaryOffloading, presets=["paper"], consumers=CONSUMERS[-1:], most=2, memory=5, users=3, policy=lambda *_: None
        )
    )
    assert found
    assert all(row.source != "learned" for cell in found for row in cell.rows)


def test_a_drifting_stream_keeps_nine_users_in_ten_with_all_their_data() -> None:
    stream = drifting(BinaryOffloading, "heterogeneous", 400, np.random.default_rng(5))
    assert stream is not None
    names = ("data_size", "upload_rate", "local_rate", "upload_power", "waiting_power", "local_power")
    kept = np.stack([getattr(stream, name)[1:] == getattr(stream, name)[:-1] for name in names])
    assert np.array_equal(kept.all(axis=0), kept.any(axis=0))
    assert kept[0].mean() == pytest.approx(0.9, abs=0.02)
    assert (stream.data()["capacity"] == 30.0).all()


def test_users_whose_data_belong_together_do_not_drift() -> None:
    assert drifting(BinaryOffloading, "subset-sum", 5, np.random.default_rng(6)) is None


def test_the_neighbour_is_the_nearest_of_the_instances_that_were_solved() -> None:
    library = BinaryOffloading.sample(np.random.default_rng(7), (50,), preset="heterogeneous")
    memory = Memory(library)
    assert [memory.nearest(library[i]) for i in range(50)] == list(range(50))
    near = BinaryOffloading(**{name: value[7] * (1 + 1e-6) for name, value in library.data().items()})
    assert memory.nearest(near) == 7
    assert Memory(library[:1]).nearest(near) == 0


def test_those_that_refuse_a_start_are_named() -> None:
    ecos = [name for name in installed(ComputationRate.backends) if name == "ecos"]
    assert refusing(ComputationRate) == ["closed-form", "clarabel", *ecos, "enumerate"]
    assert refusing(BackscatterFrame) == ["clarabel-direct", "clarabel", *ecos, "scs", "exact", "semidefinite"]


@pytest.mark.parametrize(
    ("total", "loss", "used", "faster", "verdict"),
    [
        (0.90, 0.0, 4, 3, "pays"),
        (0.90, 0.0, 4, 2, "does not pay"),
        (0.97, 0.0, 4, 4, "does not pay"),
        (1.50, 0.0, 4, 0, "does not pay"),
        (0.50, 1e-3, 4, 4, "worse answers"),
        (0.50, 0.0, 3, 4, "used in 3 of 4 only"),
    ],
)
def test_a_start_pays_only_with_its_prediction_by_a_margin_and_with_equal_answers(
    total: float, loss: float, used: int, faster: int, verdict: str
) -> None:
    cold = Row("cold", 10.0, 0.0, 0, 0, 4, 0.0, 1.0)
    row = Row("learned", 5.0, loss, used, faster, 4, total / 2, total / 2, cold)
    assert row.verdict == verdict
    assert cold.verdict == ""


def test_a_start_that_is_the_answer_at_any_price_is_neither_marked_nor_counted() -> None:
    cold = Row("cold", 10.0, 0.0, 0, 0, 4, 0.0, 1.0)
    cell = Cell(
        "paper, independent", CONSUMERS[-2], [cold, Row("learned", 1.0, 0.0, 4, 4, 4, 0.1, 0.1, cold, any_price=True)]
    )
    assert cell.rows[1].verdict == "any price is the optimum"
    assert matrix([cell])[1][0][-2:] == ["5.00=", "-"]
    assert "saves" not in closing(BinaryOffloading, [cell])


def _cell(consumer: int, **totals: float) -> Cell:
    cold = Row("cold", 10.0, 0.0, 0, 0, 4, 0.0, 1.0)
    rows = [Row(name, 5.0, 0.0, 4, 4 * (t < 1), 4, 0.0, t, cold) for name, t in totals.items()]  # type: ignore[arg-type]
    return Cell("paper, independent", CONSUMERS[consumer], [cold, *rows])


def test_the_sentence_names_the_best_source_over_all_its_streams_and_none_that_harms() -> None:
    worse = Row("neighbour", 5.0, 1e-3, 4, 4, 4, 0.0, 0.1, Row("cold", 10.0, 0.0, 0, 0, 4, 0.0, 1.0))
    cells = [
        _cell(-2, previous=0.9, learned=0.4, optimum=0.1),
        _cell(-2, previous=0.7, optimum=0.1),
        replace(_cell(-1, previous=0.99), rows=[*_cell(-1, previous=0.99).rows, worse]),
    ]
    said = closing(BinaryOffloading, cells)
    assert "slsqp saves 30 % by learned (pays on 1 of 2 streams)" in said
    assert "scs gains nothing" in said


def test_the_command_shows_every_source_and_who_takes_no_start(monkeypatch: pytest.MonkeyPatch) -> None:
    few = partial(warm_starts, presets=["paper"], consumers=CONSUMERS[-1:], most=2, memory=5, users=3)
    monkeypatch.setattr("mecopt.compare.warm_starts.warm_starts", few)
    said = CliRunner().invoke(command, ["computation-rate", "--warm-starts", "--seed", "1"])
    assert said.exit_code == 0, said.output
    assert "take no start: closed-form, clarabel" in said.output
    assert "paper, drifting: scs, decision fixed to the optimal one (effort: iterations, n = 2)" in said.output
    assert all(source in said.output for source in SOURCES)
    assert "no policy ships for these instances" in said.output
    assert "Best starts: scs" in said.output


def test_the_command_shows_starts_of_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    able = [consumer for consumer in CONSUMERS if consumer.name == "path-following"]
    few = partial(warm_starts, presets=["paper"], consumers=able, most=2, memory=5)
    monkeypatch.setattr("mecopt.compare.warm_starts.warm_starts", few)
    said = CliRunner().invoke(command, ["backscatter-frame", "--warm-starts"])
    assert said.exit_code == 0, said.output
    assert "path-following (whole answers), decision fixed to the optimal one (effort: steps, n = 2)" in said.output
    assert "learned" in said.output
    assert "no policy ships for these instances" not in said.output
    assert "Every start was used." in said.output


def test_the_matrix_shows_every_cell_and_marks_what_pays() -> None:
    cold = Row("cold", 10.0, 0.0, 0, 0, 4, 0.0, 1.0)
    better = Row("previous", 5.0, 0.0, 4, 4, 4, 0.1, 0.4, cold)
    worse = Row("neighbour", 5.0, 0.1, 4, 4, 4, 0.1, 0.4, cold)
    slower = Row("optimum", 5.0, 0.0, 4, 0, 4, 0.0, 2.0, cold)
    headers, rows = matrix([Cell("paper, independent", Consumer("exact", "nodes"), [cold, better, worse, slower])])
    assert headers == ("stream", "solver", "cold", "previous", "neighbour", "relaxation", "learned", "optimum")
    assert rows == [["paper, independent", "exact", "10.0 nodes, 1 s", "2.00*", "2.00!", "-", "-", "0.50 "]]
