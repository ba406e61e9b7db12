"""Benches: what is measured of choices and of beams, and that rows say what was divided by what."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mecopt.cli import console as cli
from mecopt.compare import bench as module
from mecopt.compare.bench import Measurement, Plan, bench, plan, steps
from mecopt.contract.problem import Problem
from mecopt.models import BackscatterFrame, BinaryOffloading, ComputationRate, InferenceQueue

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


def once(calls: dict[str, Any], seconds: float = 0.0, most: int = 0, turn: float = 0.0) -> dict[str, float]:
    """Call everything once, for what is called matters here, not how long it takes."""
    return {name: call() for name, call in calls.items()}


@pytest.fixture(scope="module")
def rows() -> list[Measurement]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "medians", once)
        return list(bench(BackscatterFrame, 1, SMALL))


def test_frames_are_measured_single_and_in_batch_with_and_without_assembling(rows: list[Measurement]) -> None:
    groups = {row.group for row in rows}
    for where, slow in (("2 users, one instance", {"scs"}), ("2 users, per instance of a batch of 4", set())):
        for what in ("solving alone", "allocate(), certified"):
            rivals = {row.rival for row in rows if row.group == f"decision fixed, {where}: {what}"}
            assert rivals - {"ecos"} == {"clarabel-direct", "clarabel"} | slow  # ECOS may fail, and is left out then
    assert "decision fixed, 5 users, one instance: allocate(), certified" in groups
    assert any(group.startswith("candidate values, 2 users, 6 candidates") for group in groups)


def test_a_backend_that_would_take_minutes_is_left_out(rows: list[Measurement]) -> None:
    assert all("slsqp" not in (row.subject, row.rival) for row in rows)
    assert module._backends(BackscatterFrame, SMALL, 1)[0] == "path-following"
    assert "slsqp" in module._backends(BackscatterFrame, SMALL, 1)


def test_a_backend_that_fails_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = BackscatterFrame.sample(np.random.default_rng(0), (2,))
    beams, names = module._away(problem, 0), ["path-following", "clarabel-direct"]
    assert module._answering(problem, beams, names) == names

    def failing(*_: Any, **__: Any) -> Any:
        raise RuntimeError("out of order")

    monkeypatch.setattr(problem.backends["clarabel-direct"], "allocate_one", failing)
    assert module._answering(problem, beams, names) == names[:1]


def test_open_beams_are_proved_beside_the_semidefinite_program_on_every_preset(rows: list[Measurement]) -> None:
    for preset in BackscatterFrame.presets:
        of_preset = [row for row in rows if row.group == f"decision open, proved optimal, preset {preset}"]
        assert [(row.subject, row.rival) for row in of_preset] == [
            ("exact, 2 users", "semidefinite"),
            ("exact, 4 users", ""),
        ]


def test_seconds_of_a_batch_are_per_instance_and_the_ratio_is_the_rival_s() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "medians", lambda calls: {name: 12.0 for name in calls})
        batched = list(module._batched(BackscatterFrame, 0, 2, 4, 2, ["path-following", "clarabel-direct"]))
    assert {(row.seconds, row.rival_seconds, row.ratio) for row in batched} == {(3.0, 6.0, 2.0)}


def test_a_rival_that_takes_a_batch_is_measured_on_all_of_it() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "medians", lambda calls: {name: 12.0 for name in calls})
        batched = list(module._batched(InferenceQueue, 0, 2, 4, 2, ["closed-form", "numpy", "clarabel"]))
    assert {(row.subject, row.rival, row.rival_seconds) for row in batched} == {
        ("closed-form, batched", "numpy, batched", 3.0),
        ("closed-form, batched", "clarabel", 6.0),
    }
    assert plan(InferenceQueue).alone == (10_000,)


@pytest.mark.parametrize(("cls", "many"), [(BinaryOffloading, 100_000), (ComputationRate, 20_000)])
def test_choices_are_measured_by_the_thousand(cls: type[Problem], many: int) -> None:
    found = plan(cls)
    assert found.batches == ((10, 20_000, 1),)
    assert found.candidates == (10, many)
    assert found.rivals == ("scip", "highs")
    assert plan(BackscatterFrame).single == (3, 10, 50)


@pytest.mark.parametrize("cls", [BinaryOffloading, BackscatterFrame])
def test_the_decisions_that_are_timed_leave_nobody_with_nothing_to_allocate(cls: type[Problem]) -> None:
    problem = cls.sample(np.random.default_rng(0), (50,), users=4)
    decision = module._away(problem, 3)
    assert problem.decision_space.contains(decision).all()
    assert (decision != 0).all()
    assert np.array_equal(decision, module._away(problem, 3))


def test_a_bench_says_before_each_step_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "medians", once)
    told: list[tuple[str, int, int]] = []
    measured = list(bench(BackscatterFrame, 1, SMALL, lambda what, done, total: told.append((what, done, total))))
    planned = steps(BackscatterFrame, 1, SMALL)
    assert measured
    assert [one[0] for one in told] == [*(step.what for step in planned), "done"]
    assert [one[1:] for one in told] == [(number, len(planned)) for number in range(len(planned) + 1)]
    assert all(step.seconds > 0.0 for step in planned)


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
