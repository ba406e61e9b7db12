"""Benches: what is measured of choices and of beams, that rows say what was divided by what, and who failed."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import numpy as np
import pytest
from untimed import once

import mecopt
from mecopt.cli import console as cli
from mecopt.cli.main import main
from mecopt.compare.bench import (
    Measurement,
    Plan,
    bench,
    cones,
    fixed,
    known,
    mixed,
    opened,
    plan,
    quick,
    record,
    steps,
    turns,
)
from mecopt.compare.bench.plans import away, draw
from mecopt.compare.bench.rivals import Prepared, Rival
from mecopt.compare.bench.rows import TOLERANCE, apart
from mecopt.compare.bench.turns import Timing, Work
from mecopt.contract.problem import Problem
from mecopt.models import BackscatterFrame, BandwidthPower, BinaryOffloading, ComputationRate, InferenceQueue, PricedPower
from mecopt.models.computation_rate.rivals import DESCENT
from mecopt.registry import problems
from mecopt.running import clock
from mecopt.storage.sealed import Unusable

SMALL = Plan(
    single=(2,),
    batches=((2, 4, 2),),
    alone=(5,),
    slow={"slsqp": 1, "scs": 2},
    candidates=(2, 6),
    rivals=("semidefinite", "unheard-of"),
    open=(2,),
    open_alone=(4,),
)

TINY = Plan((2,), ((2, 3, 1),), (), {}, (2, 4), ("highs",), (2,), (), presets=("paper",))

WHO = [BandwidthPower, BinaryOffloading, ComputationRate, PricedPower]


@pytest.fixture
def untimed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let benches do everything once and measure nothing."""
    monkeypatch.setattr(turns, "by_turns", once)
    monkeypatch.setattr(record, "threads", lambda: {"openblas": 2})


@pytest.fixture(scope="module")
def rows() -> list[Measurement]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turns, "by_turns", once)
        return list(bench(BackscatterFrame, 1, SMALL))


def beside(rows: list[Measurement], group: str) -> set[str]:
    return {row.rival for row in rows if row.group == group}


def test_frames_are_measured_single_and_in_batch_with_and_without_assembling(rows: list[Measurement]) -> None:
    for where, slow in (("2 users, one instance", {"scs"}), ("2 users, per instance of a batch of 4", set())):
        for what in ("solving alone", "the whole call"):
            found = beside(rows, f"decision fixed, {where}: {what}")
            assert found >= {"clarabel-direct", "clarabel", "Clarabel, called directly"} | slow
            assert "slsqp" not in found, "it would take minutes"
    groups = {row.group for row in rows}
    assert "decision fixed, 5 users, one instance: the whole call" in groups
    assert any(group.startswith("candidate values, 2 users, 6 candidates") for group in groups)
    assert fixed._backends(BackscatterFrame, SMALL, 1)[0] == "path-following"
    assert "slsqp" in fixed._backends(BackscatterFrame, SMALL, 1)


@pytest.mark.usefixtures("untimed")
def test_a_backend_that_fails_has_a_row_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: Any, **__: Any) -> Any:
        raise RuntimeError("out of order")

    monkeypatch.setattr(BinaryOffloading.backends["clarabel"], "allocate_one", failing)
    found = list(fixed._single(BinaryOffloading, 0, SMALL, 2))
    failed = [row for row in found if row.rival == "clarabel"]
    assert len(failed) == 1
    assert "FAILED" in failed[0].remarks()
    assert "out of order" in failed[0].remarks()
    assert failed[0].rival_timing is None
    assert np.isnan(failed[0].ratio)
    assert all(row.agrees for row in found if row.rival == "Clarabel, called directly")


def test_open_beams_are_proved_beside_the_semidefinite_program_on_every_preset(rows: list[Measurement]) -> None:
    for preset in BackscatterFrame.presets:
        of_preset = [row for row in rows if row.group == f"decision open, proved optimal, preset {preset}"]
        assert [(row.subject, row.rival) for row in of_preset] == [
            ("exact, 2 users", "semidefinite"),
            ("exact, 4 users", ""),
        ]


@pytest.mark.usefixtures("untimed")
def test_seconds_of_a_batch_are_per_instance_and_users_wait_for_all_of_it() -> None:
    found = list(fixed._batched(InferenceQueue, 0, 2, 4, 2, Plan((), (), (), {}, (1, 1), (), (), ())))
    times = {row.rival: (row.timing.seconds, row.rival_timing.seconds, *row.waits) for row in found if row.rival_timing}
    assert times["numpy, batched"] == (3.0, 3.0, 24.0, 24.0)
    assert times["clarabel"] == (3.0, 6.0, 24.0, 48.0), "12 s for two of four"
    assert {row.ratio for row in found if row.rival == "clarabel"} == {2.0}
    assert plan(InferenceQueue).alone == (10_000,)


@pytest.mark.parametrize(("cls", "many"), [(BinaryOffloading, 100_000), (ComputationRate, 20_000)])
def test_choices_are_measured_by_the_thousand(cls: type[Problem], many: int) -> None:
    found = plan(cls)
    assert found.batches == ((10, 20_000, 1),)
    assert found.candidates == (10, many)
    assert found.rivals == ("scip", "highs")
    assert plan(BackscatterFrame).single == (3, 10, 50)


@pytest.mark.parametrize("cls", [BinaryOffloading, BackscatterFrame, InferenceQueue])
def test_a_quick_plan_is_no_greater_than_the_whole_one_in_anything(cls: type[Problem]) -> None:
    small, whole = quick(cls), plan(cls)
    assert small.single == whole.single[:1]
    assert small.batches[0] <= whole.batches[0]
    assert small.candidates <= whole.candidates
    assert max(small.open, default=0) <= max(whole.open, default=0)
    assert len(steps(cls, 0, small)) < len(steps(cls))


@pytest.mark.parametrize("cls", [BinaryOffloading, BackscatterFrame])
def test_the_decisions_that_are_timed_leave_nobody_with_nothing_to_allocate(cls: type[Problem]) -> None:
    problem = cls.sample(np.random.default_rng(0), (50,), users=4)
    decision = away(problem, 3)
    assert problem.decision_space.contains(decision).all()
    assert (decision != 0).all()
    assert np.array_equal(decision, away(problem, 3))


@pytest.mark.usefixtures("untimed")
def test_a_bench_says_before_each_step_where_it_is() -> None:
    told: list[tuple[str, int, int]] = []
    measured = list(bench(BinaryOffloading, 1, TINY, lambda what, done, total: told.append((what, done, total))))
    planned = steps(BinaryOffloading, 1, TINY)
    assert measured
    assert [one[0] for one in told] == [*(step.what for step in planned), "done"]
    assert [one[1:] for one in told] == [(number, len(planned)) for number in range(len(planned) + 1)]
    assert all(step.seconds > 0.0 for step in planned)
    assert len({row.key for row in measured}) == len(measured), "a key names one row"


# ---------------------------------------------------------------------- rivals


@pytest.mark.parametrize("name", [name for name, cls in problems().items() if cones.ClarabelDirect().takes(cls)])
def test_cone_programs_called_directly_reach_the_problem_s_own_value(name: str) -> None:
    cls, rival = problems()[name], cones.ClarabelDirect()
    for seed in range(3):
        problem = cls.sample(np.random.default_rng(seed), users=4)
        decision = away(problem, seed)
        task = rival.prepared(problem, decision)
        best = mecopt.allocate(problem, decision).objective
        for call in (task.call, task.solving):
            assert call is not None
            found = apart(problem.sign, best, task.value(call()), problem.negligible)
            assert -1e-9 < found < TOLERANCE, "other numbers in the layout of the first"


def test_a_batch_is_one_call_of_moreau() -> None:
    pytest.importorskip("moreau")
    problem = ComputationRate.sample(np.random.default_rng(0), (3,), users=4)
    decision = away(problem, 0)
    task = cones.MoreauDirect().prepared(problem, decision)
    assert apart(-1, mecopt.allocate(problem, decision).objective, task.value(task.call())) < TOLERANCE


@pytest.mark.parametrize("cls", WHO)
@pytest.mark.parametrize("rival", mixed.MIXED, ids=lambda rival: rival.name)
def test_mixed_integer_solvers_without_pyomo_find_the_optimum_of_every_decision(cls: type[Problem], rival: Rival) -> None:
    if not rival.is_available():
        pytest.skip(f"{rival.package} is not installed")
    if not rival.takes(cls):
        pytest.skip(f"{cls.name} offers no SCIP")
    problem = cls.sample(np.random.default_rng(2), users=3)
    everything = np.concatenate(list(problem.choices.enumerate(1 << 10)))
    with np.errstate(all="ignore"):
        best = problem.sign * np.nanmin(problem.sign * problem.optimal_value(everything))
    task = rival.prepared(problem, None)
    assert abs(apart(problem.sign, best, task.value(task.call()))) < TOLERANCE


@pytest.mark.usefixtures("untimed")
def test_a_declared_rival_stands_in_the_rows_and_one_that_fails_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    class Guess(Rival):
        name, summary, problem = "guess", "twice the best", "binary-offloading"

        def prepared(self, problem: Problem, decision: Any) -> Prepared:
            return Prepared(lambda: None, lambda _: 2.0 * mecopt.allocate(problem, decision).objective)

    class Broken(Guess):
        name = "broken"

        def prepared(self, problem: Problem, decision: Any) -> Prepared:
            raise ArithmeticError("no luck")

    class Elsewhere(Guess):
        name, package = "elsewhere", "a_package_that_nobody_has"

    monkeypatch.setattr(known, "_declared", lambda: (Guess(), Broken(), Elsewhere()))
    found = list(fixed._single(BinaryOffloading, 0, SMALL, 2))
    (guess,) = (row for row in found if row.rival == "guess")
    assert guess.apart == pytest.approx(1.0)
    assert not guess.agrees
    assert "its value is worse by 1" in guess.remarks()
    (broken,) = (row for row in found if row.rival == "broken")
    assert "ArithmeticError: no luck" in broken.remarks()
    assert "elsewhere" not in {row.rival for row in found}
    assert "elsewhere" in {rival.name for rival in known.missing(BinaryOffloading)}
    assert not any(rival.name == "guess" for rival in known.rivals(ComputationRate, "allocation"))


@pytest.mark.parametrize("name", ["allocation", "decision"])
def test_rows_of_every_rival_agree_with_the_subject(name: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turns, "by_turns", once)
        if name == "allocation":
            found = list(fixed._single(ComputationRate, 0, SMALL, 3))
        else:
            asked = [*(rival for rival in mixed.MIXED if rival.takes(ComputationRate)), DESCENT]
            found = list(opened._beside(lambda: draw(ComputationRate, 0, 3), "paper", "open", ["highs"], asked))
    timed = [row for row in found if row.rival_timing is not None]
    assert len(timed) >= 4
    assert [row.remarks() for row in timed if not row.agrees] == []
    assert not any(row.apart < -1e-7 for row in timed), "nothing is better than the optimum"


# ---------------------------------------------------------------------- timing


def test_linear_algebra_works_in_one_thread_while_it_is_timed() -> None:
    threadpoolctl = pytest.importorskip("threadpoolctl")
    seen: list[int] = []

    def look() -> None:
        seen.extend(library["num_threads"] for library in threadpoolctl.threadpool_info())

    found = turns.by_turns({"look": Work(look)}, seconds=0.0)
    assert seen
    assert set(seen) == {1}
    assert len(found["look"].wall) == len(found["look"].processor) == turns.ROUNDS


def test_what_calls_report_is_read_by_both_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.process_time", lambda: 5.0)
    still = clock.compiled_seconds() + clock.loaded_seconds()
    assert turns.Reported(lambda: clock.now() - 4.0).spent(3)[0] == pytest.approx(1.0 - still)
    assert clock.now() != 5.0, "the clock is the wall's again"


def test_the_ratio_is_of_medians_of_processor_time_and_waits_are_of_wall_time() -> None:
    row = Measurement(
        "g", "s", Timing((1.0, 2.0, 9.0), (3.0, 4.0, 90.0)), "r", Timing((8.0, 8.0, 80.0), (9.0, 9.0, 9.0)), "ten", 10
    )
    assert row.ratio == 4.0
    assert row.waits == (40.0, 90.0)
    assert row.cells() == ["s", "2 s", "40 s", "r", "8 s", "90 s", "4.0 x", ""]


# ---------------------------------------------------------------------- documents


def test_json_is_what_its_schema_says(run: Any, untimed: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(record.SCHEMA)
    path = tmp_path / "bench.jsonl"
    record.append(path, document_of("before"))
    monkeypatch.setattr("mecopt.compare.bench.quick", lambda _: TINY)
    said = run("bench", "binary-offloading", "--quick", "--json", "--history", path)
    assert said.code == 0, said.error
    document = json.loads(said.out)
    jsonschema.validate(document, record.SCHEMA)
    kept = record.history(path)
    assert len(kept) == 2
    for one in kept:
        jsonschema.validate(one, record.SCHEMA)
    assert {name: value for name, value in kept[1].items() if name != "seal"} == document
    assert set(document["problems"]) == {"binary-offloading"}
    assert all(row["agrees"] for row in document["problems"]["binary-offloading"] if row["rival"] and row["rival"]["timing"])
    assert "W1002" not in said.out + said.error


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[..., SimpleNamespace]:
    """Run the command line in this process."""

    def run(*arguments: object) -> SimpleNamespace:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, error = capfd.readouterr()
        return SimpleNamespace(code=ended.value.code, out=out, error=error)

    return run


def document_of(group: str) -> dict[str, Any]:
    row = Measurement(group, "exact", Timing((1.0,), (1.0,)), "other", Timing((2.0,), (2.0,)), apart=float("inf"))
    before = {"processor": "p", "cores": 2, "system": "s", "python": "3", "load": None, "threads": {}}
    return record.document({"binary-offloading": [row]}, seed=0, quick=True, before=before)


def test_a_history_grows_by_whole_lines_and_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "new" / "bench.jsonl"
    record.append(path, document_of("one"))
    record.append(path, document_of("two"))
    whole = path.read_bytes()
    assert whole.count(b"\n") == 2
    assert [one["problems"]["binary-offloading"][0]["group"] for one in record.history(path)] == ["one", "two"]
    damages = (whole[:-1], whole[:-30], whole.replace(b'"one"', b'"own"'), whole + b"{}\n", b"not JSON\n", b"\xff\n")
    for damaged in damages:
        path.write_bytes(damaged)
        with pytest.raises(Unusable, match=re.escape(str(path))):
            record.history(path)
        with pytest.raises(Unusable):
            record.append(path, document_of("three"))
        assert path.read_bytes() == damaged, "nothing is written where something is wrong"
    assert not list(path.parent.glob(".mecopt*"))


def test_a_history_that_is_none_is_refused_before_anything_is_measured(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "by_turns", lambda *_, **__: pytest.fail("measured"))
    path = tmp_path / "bench.jsonl"
    path.write_text("{}\n")
    said = run("bench", "binary-offloading", "--history", path)
    assert said.code == 2
    assert "line 1" in said.error
    assert "another file" in said.error
    assert run("bench", "--warm-starts", "--json").code == 2


def test_other_work_is_told() -> None:
    row = Measurement("g", "s", Timing((1.0,), (1.0,)))
    late = dataclasses.replace(row, timing=Timing((1.0,), (3.0,)))
    beside = dataclasses.replace(row, rival="r", rival_timing=Timing((1.0,), (3.0,)))
    assert record.disturbed([row, row]) == 0
    assert record.disturbed([row, late, beside]) == 2


def test_where_nobody_watches_progress_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr("mecopt.running.clock.now", lambda: now[0])
    with cli.told_progress(cli.console()) as progress:
        for step in range(5):
            progress(f"step {step}", step, 5)
            now[0] += 15.0
        progress("done", 5, 5)
    said = capsys.readouterr()
    assert said.err.splitlines() == ["2 of 5 done after 30 s; now step 2", "4 of 5 done after 60 s; now step 4"]
    assert said.out == ""
