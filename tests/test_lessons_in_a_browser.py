"""Lessons in a browser without a network: every slider moves its curves, numbers are the solver's, anybody can use them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mecopt.registry import find_problem, problem_names
from mecopt.teach.page import page

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium on PATH")

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
PATIENCE = 300_000.0
"""Milliseconds after which a browser is given up; nothing waits for so long where it answers."""
WIDTHS = (360, 1920)
WRITTEN = (("1,234", "Is the comma"), ("12 s", "Not a"), ("1,2,3", "Not a"), ("-9,999,999,999.5", "✗ Not yet: too small"))
"""What somebody types, and what an exercise's verdict begins with, whatever its answer is."""
SPELT = ("1234567.5", "1,234,567.5", "1 234 567.5", "1234567,5", "1’234’567.5", "1.2345675e6")
"""One number, as people write it."""
PICTURE = "section => section.querySelector('.panels').innerHTML + section.querySelector('dl').innerHTML"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=BROWSER, args=list(FLAGS), timeout=PATIENCE)
        yield found
        found.close()


@pytest.fixture(scope="module", params=problem_names())
def lesson(request: pytest.FixtureRequest, browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Open a lesson from a file, without a network."""
    told = find_problem(request.param).lesson()
    where = tmp_path_factory.mktemp("lesson") / "lesson.html"
    where.write_text(page(told, told.run()), encoding="utf-8")
    context = browser.new_context(offline=True, reduced_motion="reduce")
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE)
    said: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("requestfailed", lambda asked: said.append(f"asked for {asked.url}"))
    opened.goto(Path(where).as_uri())
    yield told, opened, said
    context.close()


def moved(slider: Any, position: int) -> None:
    slider.evaluate(
        "(slider, position) => { slider.value = position; slider.dispatchEvent(new Event('input', { bubbles: true })); }",
        position,
    )


def test_nothing_is_said_in_the_console_and_nothing_asked_for(lesson: Any) -> None:
    _, opened, said = lesson
    for figure in opened.query_selector_all(".mecopt-figure"):
        for slider in figure.query_selector_all("input[type=range]"):
            moved(slider, 1)
    assert said == []


def test_every_slider_moves_every_curve_that_depends_on_it(lesson: Any) -> None:
    _, opened, _ = lesson
    for figure in opened.query_selector_all(".mecopt-figure"):
        data = json.loads(figure.query_selector("script").text_content())
        sliders = figure.query_selector_all("input[type=range]")
        sizes = [len(slider["values"]) for slider in data["sliders"]]
        for k, slider in enumerate(sliders):
            others = [slider["start"] for slider in data["sliders"]]
            for one, start in zip(sliders, others, strict=True):
                moved(one, start)
            shown = []
            for position in (0, sizes[k] - 1):
                moved(slider, position)
                marks = figure.eval_on_selector_all("[data-mark]", "all => all.map(mark => mark.innerHTML)")
                place = int(np.ravel_multi_index([*others[:k], position, *others[k + 1 :]], sizes))
                shown.append((data["views"][place], marks))
            (first, drawn_first), (last, drawn_last) = shown
            before: list[int] = [mark for panel in first["panels"] for mark in panel]
            after: list[int] = [mark for panel in last["panels"] for mark in panel]
            assert len(drawn_first) == len(before)
            for mark_before, mark_after, one, other in zip(before, after, drawn_first, drawn_last, strict=False):
                if mark_before != mark_after:
                    assert one != other, data["title"]


def test_shown_numbers_are_those_of_the_figure_s_function(lesson: Any) -> None:
    told, opened, _ = lesson
    rng = np.random.default_rng(0)
    figures = [step.figure for step in told.steps if step.figure is not None]
    for figure, section in zip(figures, opened.query_selector_all(".mecopt-figure"), strict=True):
        sliders = section.query_selector_all("input[type=range]")
        for _ in range(20):
            positions = [int(rng.integers(len(slider.values))) for slider in figure.sliders]
            for slider, position in zip(sliders, positions, strict=True):
                moved(slider, position)
            values = {
                slider.name: slider.values[position] for slider, position in zip(figure.sliders, positions, strict=True)
            }
            view = figure.view(**values)
            texts = section.eval_on_selector_all("dd", "all => all.map(one => one.textContent)")
            assert texts == [number.text for number in view.numbers]
            assert section.query_selector(".says").text_content() == view.says
            outputs = section.eval_on_selector_all("output", "all => all.map(one => one.textContent)")
            assert outputs == [slider.text(values[slider.name]) for slider in figure.sliders]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_screen(lesson: Any, width: int, scheme: str) -> None:
    _, opened, _ = lesson
    opened.emulate_media(color_scheme=scheme)
    opened.set_viewport_size({"width": width, "height": 800})
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    outside = opened.evaluate(
        "width => [...document.querySelectorAll('.mecopt-figure *')]"
        ".filter(one => one.getBoundingClientRect().right > width).map(one => one.outerHTML.slice(0, 80))",
        width,
    )
    assert outside == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_a_lesson(lesson: Any, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    _, opened, _ = lesson
    opened.set_viewport_size({"width": 800, "height": 800})
    opened.emulate_media(color_scheme=scheme)
    found = axe.Axe().run(opened)
    assert [(one["id"], one["nodes"][0]["html"][:120]) for one in found.response["violations"]] == []


def test_a_keyboard_moves_a_slider(lesson: Any) -> None:
    _, opened, _ = lesson
    slider = opened.query_selector(".mecopt-figure input[type=range]")
    if slider is None:
        pytest.skip("this lesson has no figure")
    moved(slider, 0)
    before = slider.evaluate("slider => slider.getAttribute('aria-valuetext')")
    slider.focus()
    opened.keyboard.press("ArrowRight")
    assert slider.evaluate("slider => slider.value") == "1"
    assert slider.evaluate("slider => slider.getAttribute('aria-valuetext')") != before


def test_exercises_are_checked_by_the_page(lesson: Any) -> None:
    told, opened, _ = lesson
    for exercise, form in zip(told.exercises, opened.query_selector_all(".exercise form"), strict=True):
        right = exercise.answer()
        beside = right * (1 + 3 * exercise.tolerance)
        for given, verdict in ((f"{right:.12g}", "✓"), (f"{beside:.12g}", "✗"), ("", "Not a"), *WRITTEN):
            form.query_selector("input").fill(given)
            form.query_selector("button").click()
            assert form.query_selector("[role=status]").text_content().startswith(verdict)
        assert not form.evaluate("form => form.parentElement.querySelector('details').open")
        form.evaluate("form => { form.dataset.answer = '1234567.5'; form.dataset.allowed = '0'; }")
        for spelt in SPELT:
            form.query_selector("input").fill(spelt)
            form.query_selector("button").click()
            assert form.query_selector("[role=status]").text_content().startswith("✓"), spelt


def test_no_formula_is_left_in_latex(lesson: Any) -> None:
    told, opened, _ = lesson
    formulas = opened.eval_on_selector_all("math", "all => all.map(one => one.textContent)")
    assert len(formulas) == len(told.steps)
    assert not [text for text in formulas if re.search(r"\\|&", text)]
