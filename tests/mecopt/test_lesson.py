"""Lessons: outcomes that can fail, generators of their own, Markdown that is complete, and `mecopt explain`."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator

import mecopt.cli.explain
from mecopt import Problem
from mecopt.cli.main import main
from mecopt.contract.errors import InstanceError
from mecopt.lesson import Lesson, Outcome, Step, all_of, best_value, deviation, enumerated, excess, forcing, pricing
from mecopt.models import BinaryOffloading, ComputationRate
from mecopt.solve import allocate
from mecopt.testing.proofs import check_lesson

LESSONS = [BinaryOffloading.lesson(), ComputationRate.lesson()]


def small(passes: bool = True) -> Lesson:
    def check(rng: Generator) -> Outcome:
        return Outcome(float(rng.uniform()), 1.0 if passes else 0.0, "a number *drawn* in [0, 1]")

    step = Step("One", "Words.\n\n    x = 1\n\n    y = 2\n\nMore words.", r"x = 1", "Why not.", check)
    return Lesson("binary-offloading", "Small", "A lesson.", (step, replace(step, title="Two", statement="Words alone.")))


# ---------------------------------------------------------------------- outcomes


def test_an_outcome_passes_up_to_its_tolerance_and_not_with_a_nan() -> None:
    assert Outcome(1.0, 1.0, "").passed
    assert not Outcome(1.1, 1.0, "").passed
    assert not Outcome(math.nan, 1.0, "").passed


def test_an_outcome_says_what_is_allowed() -> None:
    assert Outcome(0.0, 1e-12, "apart by 0").line == "apart by 0 (allowed: 1·10⁻¹²)"
    assert Outcome(0.1, 0.5, "right in 9 of 10", limit="at least 5").line == "right in 9 of 10 (allowed: at least 5)"


@pytest.mark.parametrize("bad", [Outcome(2.0, 1.0, "b"), Outcome(math.nan, 1.0, "b"), Outcome(1e-9, 0.0, "b")])
def test_several_outcomes_pass_only_together(bad: Outcome) -> None:
    good = Outcome(0.5, 1.0, "a"), Outcome(0.0, 0.0, "c")
    assert all_of(*good).passed
    assert all_of(*good).text == "a; c"
    for order in itertools.permutations((*good, bad)):
        joined = all_of(*order)
        assert not joined.passed
        assert joined.parts == order


def test_a_nan_is_never_a_small_deviation() -> None:
    assert math.isnan(deviation([1.0, math.nan], [1.0, 1.0]))
    assert math.isnan(excess([1.0, math.nan], [2.0, 1.0]))


# ---------------------------------------------------------------------- lessons


def test_every_step_has_a_generator_of_its_own() -> None:
    lesson = small()
    outcomes = lesson.run(3)
    assert outcomes == [lesson.outcome(1, 3), lesson.outcome(2, 3)]
    assert outcomes[0].figure == np.random.default_rng([3, 1]).uniform()
    assert len({outcome.figure for outcome in [*outcomes, *lesson.run(4)]}) == 4


@pytest.mark.parametrize("number", [0, 3, -1])
def test_a_step_that_is_not_there_is_refused(number: int) -> None:
    with pytest.raises(InstanceError, match="allowed: 1 to 2"):
        small().outcome(number)


def test_markdown_puts_the_formula_where_the_statement_displays_its_own() -> None:
    text = small(passes=False).markdown(small(passes=False).run())
    assert "Words.\n\n$$\nx = 1\n$$\n\nMore words." in text
    assert "Words alone.\n\n$$\nx = 1\n$$" in text
    assert "y = 2" not in text
    assert r"✗ a number \*drawn\* in \[0, 1\]" in text


@pytest.mark.parametrize("statement", ["A:\n\n    x = 1\n\nB:\n\n    y = 2", "    x = 1\n\n    y = 2\n\nB.\n\n    z = 3"])
def test_a_statement_displays_its_formulas_in_one_place(statement: str) -> None:
    with pytest.raises(InstanceError, match="all in one place"):
        replace(small().steps[0], statement=statement)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.problem)
def test_markdown_has_every_step_and_balanced_latex(lesson: Lesson) -> None:
    outcomes = [Outcome(0.0, 1.0, f"measured {number}") for number in range(len(lesson.steps))]
    text = lesson.markdown(outcomes)
    assert re.findall(r"^## (\d+)\. ", text, re.M) == [str(n) for n in range(1, len(lesson.steps) + 1)]
    displayed = re.findall(r"\n\n\$\$\n(.*?)\n\$\$\n\n", text, re.S)
    assert displayed == [" ".join(step.formula.split()) for step in lesson.steps]
    for step, outcome in zip(lesson.steps, outcomes, strict=True):
        assert step.title in text
        assert f"✓ {outcome.line}" in text
        assert step.formula.count("{") == step.formula.count("}")
        assert step.formula.count(r"\begin") == step.formula.count(r"\end")
        assert step.formula.count(r"\left") == step.formula.count(r"\right")
        plain = re.sub(r"\\begin\{(\w+)\}.*?\\end\{\1\}", "E", step.formula.strip(), flags=re.S)
        assert not re.search(r"\\\\|&|\n\s*\n", plain), "rows and columns stand in an environment, and no line is empty"
        assert "operatorname" not in step.formula, "GitHub refuses it"
    assert text.count("```") % 2 == 0
    assert text.count("$") == 4 * len(lesson.steps)


def test_words_that_look_like_markdown_stay_words() -> None:
    told = replace(small(), introduction="1. x_i ~ y^2 | [0, 1] *all* <b>\n\n(2) $5 @home\n\n- minus `code` {a}")
    text = told.markdown(told.run())
    assert r"1\. x\_i \~ y\^2 \| \[0, 1\] \*all\* \<b\>" in text
    assert r"(2\) \$5 \@home" in text
    assert r"\- minus \`code\` \{a\}" in text


def test_markdown_takes_one_outcome_a_step() -> None:
    with pytest.raises(ValueError, match="zip"):
        small().markdown([])


# ---------------------------------------------------------------------- what checks measure with


@pytest.mark.parametrize("cls", [BinaryOffloading, ComputationRate])
def test_enumeration_and_pricing_bound_each_other(cls: type[Problem]) -> None:
    batch = cls.sample(np.random.default_rng(2), (3,), users=5)
    decisions, values = enumerated(batch)
    assert decisions.shape == (32, 5)
    assert values.shape == (3, 32)
    for instance, value, best in zip(batch, values, best_value(batch), strict=True):
        alone = [float(allocate(instance, decision).objective) for decision in decisions]
        assert np.allclose(value, alone, rtol=1e-12)
        assert best == instance.sign * min(instance.sign * value)
        found = pricing(instance)
        assert found.bound <= instance.sign * best * (1 + instance.sign * 1e-12)
        assert found.free(np.inf).all()
        assert not found.free(-np.inf).any()


def test_forcing_notices_reduced_costs_that_are_too_high() -> None:
    batch = BinaryOffloading.sample(np.random.default_rng(3), (5,), users=5)
    assert forcing(batch).parts[0].passed
    assert not forcing(batch, lambda one: replace(pricing(one), slack=pricing(one).slack * 2.0)).passed


# ---------------------------------------------------------------------- the battery


class _Lessonless(BinaryOffloading):
    @classmethod
    def lesson(cls) -> Lesson:
        return super(BinaryOffloading, cls).lesson()


def test_a_problem_without_lesson_says_so_and_fails_the_battery() -> None:
    with pytest.raises(InstanceError, match="no lesson yet"):
        _Lessonless.lesson()
    with pytest.raises(AssertionError, match="no lesson yet"):
        check_lesson(_Lessonless)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"problem": "another"}, "another"),
        ({"steps": ()}, "title"),
        ({"steps": small().steps[:1] * 2}, "title"),
        ({"steps": (replace(small().steps[0], argument=" "),)}, "empty"),
        ({"steps": (replace(small().steps[0], formula="$x$"),)}, "dollar"),
        ({"steps": small(passes=False).steps}, "a number"),
        (
            {"steps": (replace(small().steps[0], check=lambda _: Outcome(np.random.default_rng().uniform(), 1.0, "")),)},
            "seed",
        ),
    ],
)
def test_the_battery_finds_faults_of_lessons(change: dict[str, Any], message: str) -> None:
    faulty = replace(small(), **change)

    class Faulty(BinaryOffloading):
        @classmethod
        def lesson(cls) -> Lesson:
            return faulty

    with pytest.raises(AssertionError, match=message):
        check_lesson(Faulty)


# ---------------------------------------------------------------------- the command line


def explain(capfd: pytest.CaptureFixture[str], *arguments: object) -> tuple[Any, str, str]:
    capfd.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["explain", *map(str, arguments)])
    said = capfd.readouterr()
    return ended.value.code, said.out, said.err


def flat(text: str) -> str:
    return " ".join(text.split())


def test_explain_tells_every_step(capfd: pytest.CaptureFixture[str]) -> None:
    code, out, _ = explain(capfd, "binary-offloading", "--seed", 5)
    lesson = BinaryOffloading.lesson()
    assert code == 0
    assert lesson.title in out
    for number, (step, outcome) in enumerate(zip(lesson.steps, lesson.run(5), strict=True), 1):
        assert f"{number}  {step.title}" in out
        assert flat(step.statement) in flat(out)
        assert flat(step.argument) in flat(out)
        for part in outcome.parts or (outcome,):
            assert f"✓ {part.line}" in flat(out)
    assert f"{len(lesson.steps)} of {len(lesson.steps)} checks passed (seed 5)" in out
    assert max(map(len, out.splitlines())) <= 100


def test_explain_wraps_to_a_narrow_terminal(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mecopt.cli.console.WIDE", 80)
    for lesson in LESSONS:
        monkeypatch.setattr(Lesson, "outcome", lambda *_: Outcome(0.0, 1.0, "words " * 40))
        code, out, _ = explain(capfd, lesson.problem)
        assert code == 0
        assert max(map(len, out.splitlines())) <= 80


def test_explain_tells_one_step(capfd: pytest.CaptureFixture[str]) -> None:
    code, out, _ = explain(capfd, "binary-offloading", "--step", 4)
    assert code == 0
    assert "4  Identical users" in out
    assert "3  What" not in out
    assert "1 of 1 checks passed" in out


def test_explain_prints_markdown(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BinaryOffloading, "lesson", small)
    code, out, _ = explain(capfd, "binary-offloading", "--markdown", "--seed", 2)
    assert code == 0
    assert out == small().markdown(small().run(2))


@pytest.mark.parametrize("arguments", [(), ("--markdown",), ("--step", 2)])
def test_explain_exits_with_1_where_a_check_fails(
    arguments: tuple[object, ...], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BinaryOffloading, "lesson", lambda: small(passes=False))
    code, out, _ = explain(capfd, "binary-offloading", *arguments)
    assert code == 1
    assert "✗" in out


def test_explain_lists_the_lessons(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, _ = explain(capfd)
    assert code == 0
    for lesson in LESSONS:
        assert f"{lesson.problem} {lesson.title}, {len(lesson.steps)} steps" in flat(out)
    monkeypatch.setattr(BinaryOffloading, "lesson", _Lessonless.lesson)
    assert "binary-offloading" not in explain(capfd)[1]
    code, _, error = explain(capfd, "binary-offloading")
    assert code == 2
    assert "no lesson yet" in error


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("binary-ofloading",), "did you mean 'binary-offloading'?"),
        (("binary-offloading", "--step", 99), f"allowed: 1 to {len(BinaryOffloading.lesson().steps)}"),
        (("binary-offloading", "--step", 0), "--step"),
        (("binary-offloading", "--step", 1, "--markdown"), "leave --step out"),
        (("--seed", -1), "--seed"),
        (("--step", 1), "PROBLEM"),
        (("--markdown",), "PROBLEM"),
    ],
)
def test_explain_refuses_what_it_cannot_do(
    arguments: tuple[object, ...], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    code, _, error = explain(capfd, *arguments)
    assert code == 2
    assert said in error


def test_formulas_are_not_broken_across_lines() -> None:
    lines = mecopt.cli.explain._wrapped("aaaa bbbb x = y + z cccc f(a, b) dddd", 14, "")
    assert lines == ["aaaa bbbb", "x = y + z cccc", "f(a, b) dddd"]
