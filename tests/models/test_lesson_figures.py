"""Figures of all lessons: what they show is what the problems' own solvers answer, everywhere on their grids."""

from __future__ import annotations

import math

import numpy as np
import pytest

import mecopt
from mecopt.contract.figure import Figure
from mecopt.lesson import Lesson
from mecopt.registry import find_problem, problem_names
from mecopt.show.view import Number
from mecopt.teach.grids import gridded
from mecopt.teach.page import page

LARGEST = 1.5e6
"""Bytes of a lesson's page."""
ITERATED = 1e-6
"""What value iteration leaves, as a part."""


def told(name: str) -> Lesson:
    return find_problem(name).lesson()


FIGURES = [
    pytest.param(step.figure, id=f"{name}-{number}")
    for name in problem_names()
    for number, step in enumerate(told(name).steps, 1)
    if step.figure is not None
]


@pytest.mark.parametrize("figure", FIGURES)
def test_every_view_says_something_finite_and_every_slider_moves_something(figure: Figure) -> None:
    data = gridded(figure)
    assert all(view["says"] and "nan" not in view["says"] for view in data["views"])
    for view in data["views"]:
        assert all(math.isfinite(float(number.split()[0])) for number in view["numbers"]), view["numbers"]
    views = np.array([(str(view["panels"]), str(view["numbers"])) for view in data["views"]], dtype=object)
    shape = [len(slider["values"]) for slider in data["sliders"]]
    for axis, slider in enumerate(data["sliders"]):
        ends = np.moveaxis(views.reshape(*shape, 2), axis, 0)
        assert (ends[0] != ends[-1]).any(), f"{slider['name']} moves nothing"
    for panel in data["panels"]:
        assert panel["xr"][0] < panel["xr"][1]
        assert panel["yr"][0] < panel["yr"][1]


@pytest.mark.parametrize("figure", FIGURES)
def test_shown_optima_are_what_solve_answers_to_the_printed_digits(figure: Figure) -> None:
    rng = np.random.default_rng(0)
    grid = list(figure.grid())
    for place in rng.choice(len(grid), size=min(20, len(grid)), replace=False):
        view = figure.view(**grid[place])
        assert view.answers or view.brackets, "a figure shows an answer of the problem's solver, or what is proved of it"
        texts = [number.text for number in view.numbers]
        for bracket in view.brackets:
            assert bracket.low <= bracket.high * (1.0 + ITERATED)
            assert {Number("", end).text for end in (bracket.low, bracket.high)} <= set(texts)
        if not view.answers:
            continue
        answer = view.answers[0]
        if np.shape(answer.objective):
            continue
        problem = answer.problem
        open_ = mecopt.solve(problem)
        fixed = mecopt.allocate(problem, answer.decision)
        unit = "" if problem.objective_unit == "1" else problem.objective_unit
        solved = {Number("", one.objective, unit).text for one in (open_, fixed)}
        assert solved & set(texts), (solved, texts)


@pytest.mark.parametrize("name", problem_names())
def test_a_lesson_s_page_is_small(name: str) -> None:
    lesson = told(name)
    assert len(page(lesson, lesson.run()).encode()) <= LARGEST


@pytest.mark.parametrize("name", problem_names())
def test_exercises_have_finite_answers(name: str) -> None:
    for exercise in told(name).exercises:
        assert math.isfinite(exercise.answer())
        assert exercise.question
        assert exercise.explanation


def test_brackets_of_the_long_run_close_around_what_the_middles_of_cells_say() -> None:
    """Of each cell of fading the best and the worst channel bracket its middle one; halved cells lie within their halves."""
    from mecopt.models.inference_queue.lesson.network_figures import BRACKET, fading

    network = fading().network
    cells, price = (slider.values for slider in BRACKET.sliders)
    for asked in (price[0], price[-1]):
        views = [BRACKET.view(cells=one, price=asked) for one in cells]
        low, high = (np.array([getattr(view.brackets[0], end) for view in views]) for end in ("low", "high"))
        assert (np.diff(low) > 0.0).all()
        assert (np.diff(high) < 0.0).all()
        middle = network.device(network.kinds[0], network.free(asked), 200, 0.5).mean(axis=0)[0]
        assert low[-1] < middle < high[-1]
