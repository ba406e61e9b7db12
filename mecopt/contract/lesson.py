"""Lessons: how a problem becomes convex, told in steps, each with a proof and a numeric check by other means.

A check draws its instances from the generator it is given and measures the statement with an oracle that does not share
code with it: enumeration, finite differences, another solver. So a lesson cannot drift away from the code, and a reader
who doubts a step can run it with another seed.

Texts are words with Unicode mathematics. Blank lines separate paragraphs; an indented paragraph is a displayed formula.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from mecopt.contract.arguments import checked_seed
from mecopt.contract.errors import InstanceError
from mecopt.contract.figure import Figure
from mecopt.show.page import Column, Grid, Line, Page
from mecopt.show.readable import Readable

PASSED, FAILED = "✓", "✗"

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Outcome:
    """What a numeric check measured."""

    figure: float
    """The worst deviation, or the measured number."""
    tolerance: float
    text: str
    """One line: what was measured, on what, with the number."""
    parts: tuple[Outcome, ...] = ()
    """The single measurements, where there are several."""
    limit: str = ""
    """What is allowed, in the words of the text, where the bare tolerance would not be understood."""

    @property
    def passed(self) -> bool:
        """Whether the figure is within the tolerance; a nan is not."""
        return self.figure <= self.tolerance

    @property
    def line(self) -> str:
        """What was measured, and what is allowed."""
        return f"{self.text} (allowed: {self.limit or scientific(self.tolerance)})"

    @property
    def mark(self) -> str:
        """The sign that readers see."""
        return PASSED if self.passed else FAILED


def all_of(*outcomes: Outcome) -> Outcome:
    """Return one outcome for several: the figure nearest to failing, and what all of them measured."""

    def strain(outcome: Outcome) -> float:
        if math.isnan(outcome.figure):
            return math.inf
        if outcome.tolerance == 0.0:
            return math.inf if outcome.figure > 0.0 else 0.0
        return outcome.figure / outcome.tolerance

    worst = max(outcomes, key=strain)
    return Outcome(worst.figure, worst.tolerance, "; ".join(outcome.text for outcome in outcomes), outcomes)


@dataclass(frozen=True)
class Step(Readable):
    """One statement of a lesson."""

    title: str
    statement: str
    """Its displayed formulas stand together: in Markdown the LaTeX formula takes their one place."""
    formula: str
    """LaTeX of the statement, without dollar signs."""
    argument: str
    check: Callable[[Generator], Outcome]
    figure: Figure | None = None
    """What can be moved and seen, where that tells more than the formula."""

    def _line(self) -> str:
        return f"Step {self.title}"

    def __post_init__(self) -> None:
        displays = [number for number, paragraph in enumerate(paragraphs(self.statement)) if is_display(paragraph)]
        if displays and displays[-1] - displays[0] >= len(displays):
            raise InstanceError(
                f"step {self.title!r}: words stand between the statement's displayed formulas; allowed: all in one place"
            )

    def told(self) -> list[tuple[bool, str]]:
        """Return the statement's paragraphs of words, and the LaTeX formula, marked so, where displayed ones stand."""
        parts: list[tuple[bool, str]] = []
        for paragraph in paragraphs(self.statement):
            if not is_display(paragraph):
                parts.append((False, paragraph))
            elif (True, self.formula) not in parts:
                parts.append((True, self.formula))
        return parts if (True, self.formula) in parts else [*parts, (True, self.formula)]


@dataclass(frozen=True)
class Exercise:
    """A question whose answer is a number."""

    question: str
    answer: Callable[[], float]
    """The right number, computed by the problem's own solver."""
    explanation: str
    unit: str = ""
    tolerance: float = 0.01
    """Relative error that is still right."""


@dataclass(frozen=True)
class Lesson(Readable):
    """The reformulation of a problem, step by step."""

    problem: str
    """The problem's registered name."""
    title: str
    introduction: str
    steps: tuple[Step, ...]
    exercises: tuple[Exercise, ...] = ()

    def _line(self) -> str:
        return f"Lesson {self.problem}: {self.title}, {len(self.steps)} steps"

    def _page(self) -> Page:
        numbers = Column("step", [str(number + 1) for number in range(len(self.steps))])
        grid = Grid((numbers, Column("title", [step.title for step in self.steps], right=False, words=True)))
        told = f"told in full, every step checked: `mecopt explain {self.problem}`"
        return Page(self.title, (*(Line(words(text)) for text in paragraphs(self.introduction)), grid, Line(told)))

    def step(self, number: int) -> Step:
        """Return a step; they count from 1."""
        if not 1 <= number <= len(self.steps):
            raise InstanceError(f"the lesson on {self.problem} has no step {number}; allowed: 1 to {len(self.steps)}")
        return self.steps[number - 1]

    def outcome(self, number: int, seed: int = 0) -> Outcome:
        """Check one step, with a generator of its own."""
        return self.step(number).check(np.random.default_rng([checked_seed(seed), number]))

    def run(self, seed: int = 0) -> list[Outcome]:
        """Check every step."""
        return [self.outcome(number, seed) for number in range(1, len(self.steps) + 1)]

    def markdown(self, outcomes: Sequence[Outcome], pictures: Mapping[int, str] | None = None) -> str:
        """Return the lesson as Markdown; the LaTeX formula stands where the statement displays its own.

        Formulas stand between ``$$`` on lines of their own, which pandoc, GitHub, notebooks and MyST all read. Each is one
        line, since CommonMark takes a line that begins with a plus for a list. `pictures` have a place behind the statements
        of the steps with these numbers.
        """
        parts = [f"# {self.title}", *(_markdown(paragraph) for paragraph in paragraphs(self.introduction))]
        for number, (step, outcome) in enumerate(zip(self.steps, outcomes, strict=True), 1):
            statement = [f"$$\n{words(text)}\n$$" if formula else _markdown(text) for formula, text in step.told()]
            argument = [_markdown(paragraph) for paragraph in paragraphs(step.argument)]
            measured = "\n".join(f"- {part.mark} {_escaped(part.line)}" for part in outcome.parts or (outcome,))
            seen = [pictures[number]] if pictures and number in pictures else []
            parts += [f"## {number}. {_escaped(step.title)}", *statement, *seen, "**Why**", *argument, "**Check**", measured]
        return "\n\n".join(parts) + "\n"


def paragraphs(text: str) -> list[str]:
    """Split a text at its blank lines."""
    return [part.rstrip() for part in re.split(r"\n\s*\n", text.strip("\n")) if part.strip()]


def is_display(paragraph: str) -> bool:
    """Whether a paragraph is a displayed formula, which is never wrapped."""
    return paragraph.startswith(" ")


def words(paragraph: str) -> str:
    """Return a paragraph of words as one line, for whoever wraps it."""
    return " ".join(paragraph.split())


def _markdown(paragraph: str) -> str:
    return f"```text\n{paragraph}\n```" if is_display(paragraph) else _escaped(words(paragraph))


def _escaped(text: str) -> str:
    """Write words so that every reader of Markdown takes them for words, and no paragraph for a list."""
    signs = re.sub(r"([\\`*_<>\[\]|{}$^~@])", r"\\\1", text)
    return re.sub(r"^(\(?(?:\d+|\w))([.)])(?=\s)|^([-+#=])(?=\s)", r"\1\\\2\3", signs)


def scientific(figure: float) -> str:
    """Return a small number as it is read aloud.

    >>> scientific(4.3e-16), scientific(0.0)
    ('4·10⁻¹⁶', '0')
    """
    if figure == 0.0 or not math.isfinite(figure):
        return f"{figure:g}"
    digits, exponent = f"{figure:.0e}".split("e")
    return f"{digits}·10{str(int(exponent)).translate(_SUPERSCRIPTS)}"
