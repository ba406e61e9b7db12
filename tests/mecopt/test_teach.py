"""Lessons as pages: views on grids with their certificates, formulas as MathML, exercises, and what is served."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator

import mecopt
from mecopt.cli.main import main
from mecopt.contract.errors import InstanceError
from mecopt.contract.figure import Figure, Slider, steps
from mecopt.contract.solution import Solution
from mecopt.lesson import Exercise, Lesson, Outcome, Step
from mecopt.models import BinaryOffloading
from mecopt.show.drawn import drawn, picture
from mecopt.show.view import Number, Panel, View, level, mark, upright
from mecopt.teach.formulas import mathml
from mecopt.teach.grids import gridded, single
from mecopt.teach.page import fragment, page
from mecopt.teach.serve import hosts, serve, view


def solved(capacity: float, solver: str = "exact") -> Solution[Any, Any]:
    return mecopt.solve(BinaryOffloading(data_size=[12.0, 7.5, 20.1], capacity=capacity), solver=solver)


def shown(capacity: float, users: float = 3.0) -> View:
    answer = solved(capacity)
    curve = mark("cost", [0.0, 1.0, 2.0], [np.nan, float(answer.objective), users])
    return View(
        (Panel("x [s]", "cost [s]", (curve, upright("here", 1.0), level("optimum", answer.objective))),),
        (Number("optimal cost", answer.objective, "s"), Number("users", users)),
        f"<{users:g}> users & a capacity of {capacity:g}",
        (answer,),
    )


FIGURE = Figure(
    "Small <figure>",
    "Move it.",
    (
        Slider("capacity", "capacity F", steps(10.0, 30.0, 5), "MB/s", start=1),
        Slider("users", "users", (2.0, 3.0), whole=True),
    ),
    shown,
)


def small(figure: Figure | None = FIGURE) -> Lesson:
    def check(rng: Generator) -> Outcome:
        return Outcome(0.0, 1.0, "nothing is <wrong>")

    step = Step(
        "One & only", "Words.\n\n    x ≤ 1\n\nMore <words>.", r"x \le 1", "Why not.\n\n      a < b\n    c", check, figure
    )
    asked = Exercise("How much?", lambda: 8.4375, "A < of it.", "MB/s")
    return Lesson("binary-offloading", "Small & <fine>", "A lesson.", (step,), (asked,))


def ended(*arguments: str) -> object:
    with pytest.raises(SystemExit) as found:
        main(list(arguments))
    return found.value.code


def test_a_page_has_every_view_of_the_grid_with_the_solver_s_own_numbers() -> None:
    data = gridded(FIGURE)
    assert [one["values"] for one in data["sliders"]] == [(10.0, 15.0, 20.0, 25.0, 30.0), (2.0, 3.0)]
    assert len(data["views"]) == FIGURE.count == 10
    for found, values in zip(data["views"], FIGURE.grid(), strict=True):
        assert found["numbers"] == [f"{float(solved(values['capacity']).objective):.6g} s", f"{values['users']:g}"]
    assert "10 answers" in data["certified"]
    assert data["pool"][data["views"][0]["panels"][0][0]]["y"][0] is None


def test_coordinates_are_right_to_a_thousandth_of_their_axis() -> None:
    data = gridded(FIGURE)
    low, high = data["panels"][0]["yr"]
    for found, values in zip(data["views"], FIGURE.grid(), strict=True):
        drawn_at = data["pool"][found["panels"][0][0]]["y"]
        assert drawn_at[1] == pytest.approx(float(solved(values["capacity"]).objective), abs=(high - low) / 1000)
        assert low <= min(drawn_at[1:]) <= max(drawn_at[1:]) <= high


def test_a_figure_whose_answers_are_not_proved_says_so() -> None:
    def unproved(capacity: float) -> View:
        return replace(shown(capacity), answers=(solved(capacity, "all-offload-equal"),))

    told = gridded(replace(FIGURE, sliders=FIGURE.sliders[:1], draw=unproved))["certified"]
    assert "No answer of these views is proved optimal; 5 feasible" in told


def test_sliders_refuse_what_they_cannot_mean() -> None:
    for values, allowed in (((1.0,), "two or more"), ((2.0, 1.0), "rising"), ((0.0, np.inf), "finite")):
        with pytest.raises(InstanceError, match=allowed):
            Slider("x", "x", values)
    with pytest.raises(InstanceError, match="whole"):
        Slider("x", "x", (1.0, 1.5), whole=True)
    with pytest.raises(InstanceError, match="allowed: 0 to 1"):
        Slider("x", "x", (1.0, 2.0), start=2)
    with pytest.raises(InstanceError, match="allowed: 1 to 1000"):
        replace(FIGURE, sliders=(Slider("x", "x", steps(0.0, 1.0, 32)), Slider("y", "y", steps(0.0, 1.0, 32))))
    with pytest.raises(InstanceError, match=r"no slider 'capacitty'; allowed: capacity, users"):
        FIGURE.view(capacitty=3.0)
    for wrong in (9.0, np.nan):
        with pytest.raises(InstanceError, match="a number from 10 to 30 MB/s"):
            FIGURE.view(capacity=wrong)
    with pytest.raises(InstanceError, match="a whole number from 2 to 3"):
        FIGURE.view(users=2.5)
    assert FIGURE.view(capacity=12.34).numbers[0].text == f"{float(solved(12.34).objective):.6g} s"


def test_formulas_are_mathml_with_limits_below_their_operators() -> None:
    found = mathml(
        r"\begin{aligned} \min_{x \ge 0}\quad & \tfrac{1}{2} x \\ \text{s.t.}\quad & x \le \Big\{ 1 \Big\} \end{aligned}"
    )
    assert "<munder><mo>min</mo>" in found
    assert found.count("<mtr>") == 2
    assert "\\" not in found
    assert ">&amp;<" not in found
    with pytest.raises(InstanceError, match="no MathML for"):
        mathml(r"\nosuchthing{x}")


def test_a_page_is_whole_and_escapes_its_words() -> None:
    lesson = small()
    written = page(lesson, lesson.run())
    assert written.count("<h2") == 2
    assert "Small &amp; &lt;fine&gt;" in written
    assert "More &lt;words&gt;." in written
    assert "nothing is &lt;wrong&gt;" in written
    assert '<pre class="wide" tabindex="0">  a &lt; b\nc</pre>' in written
    assert 'data-answer="8.4375" data-allowed="0.084375"' in written
    assert not re.search(r"(?:src|href)=\"(?!#|data:)", written)
    embedded = re.search(r'<script type="application/json">(.*?)</script>', written, re.S)
    assert embedded is not None
    assert "<" not in embedded[1]
    assert json.loads(embedded[1])["views"][0]["says"] == "<2> users & a capacity of 10"
    assert "Small &lt;figure&gt;" in fragment(FIGURE)


def test_a_lesson_without_figures_or_exercises_is_a_page_all_the_same() -> None:
    lesson = replace(small(None), exercises=())
    written = page(lesson, lesson.run())
    assert "Exercises</h2>" not in written
    assert '<section class="mecopt-figure"' not in written


def test_views_are_drawn_for_notebooks_and_files() -> None:
    figure = drawn(FIGURE.view())
    assert [line.get_label() for line in figure.axes[0].lines][:1] == ["cost"]
    assert picture(FIGURE.view()).startswith(b"\x89PNG")
    assert b"<svg" in picture(FIGURE.view(), "svg")


def test_sliders_in_a_notebook_draw_anew() -> None:
    pytest.importorskip("ipywidgets")
    box: Any = FIGURE.explore()
    capacity, users, image, told = box.children
    before = bytes(image.value)
    capacity.value = 30.0
    assert bytes(image.value) != before
    assert told.value.endswith("capacity of 30")
    assert users.value == 2


def test_any_value_is_served_and_nothing_else() -> None:
    lesson = small()
    server = serve(lesson, lesson.run())
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        host, port = str(server.server_address[0]), int(server.server_address[1])
        assert host == "127.0.0.1"

        def ask(path: str, **headers: str) -> tuple[int, str]:
            connection = HTTPConnection(host, port, timeout=60)
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

        status, text = ask("/view/1?capacity=12.34&users=3")
        assert status == 200
        assert json.loads(text)["views"][0]["numbers"][0] == f"{float(solved(12.34).objective):.6g} s"
        assert ask("/")[1].startswith("<!doctype html>")
        assert ask("/view/1?capacity=1e9") == (400, "capacity is 1000000000.0; allowed: a number from 10 to 30 MB/s")
        for wrong in ("abc", ""):
            allowed = f"capacity is {wrong!r}; allowed: a number from 10 to 30 MB/s"
            assert ask(f"/view/1?capacity={wrong}") == (400, allowed)
        assert ask("/view/1?capacitty=abc") == (
            400,
            "figure 'Small <figure>' has no slider 'capacitty'; allowed: capacity, users",
        )
        assert ask("/view/1?" + "capacity=15&" * 30)[1].endswith("allowed: one for each slider")
        assert ask("/view/1?self=1") == (400, "figure 'Small <figure>' has no slider 'self'; allowed: capacity, users")
        assert ask("/view/2")[0] == 404
        assert ask("/../pyproject.toml")[0] == 404
        assert ask("/", Host="elsewhere.example")[0] == 403
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_browsers_leave_the_port_of_http_out() -> None:
    assert "127.0.0.1" in hosts(80)
    assert "localhost" in hosts(80)
    assert hosts(8000) == {"127.0.0.1:8000", "localhost:8000"}


def test_a_served_view_is_the_page_s_view_at_the_same_values() -> None:
    status, text = view({"1": FIGURE}, "/view/1?capacity=15&users=2")
    assert status == 200
    assert json.loads(text) == json.loads(json.dumps(single(FIGURE, {"capacity": 15.0, "users": 2.0})))
    assert json.loads(text)["views"][0]["numbers"] == gridded(FIGURE)["views"][2]["numbers"]


def test_the_command_writes_one_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = tmp_path / "lesson.html"
    assert ended("explain", "binary-offloading", "--html", str(where)) == 0
    assert f"{len(BinaryOffloading.lesson().steps)} steps" in capsys.readouterr().out
    assert where.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert ended("explain", "binary-offloading", "--html", str(where), "--markdown") == 2
    assert ended("explain", "binary-offloading", "--html", str(where), "--step", "2") == 2
    assert ended("explain", "--html", str(where)) == 2
