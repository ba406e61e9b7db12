"""Pictures of answers: what is drawn is what was answered, for every problem, and `mecopt solve --plot`."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

import mecopt
from mecopt.cli.main import main
from mecopt.contract.errors import InstanceError
from mecopt.data import save
from mecopt.models import BinaryOffloading
from mecopt.registry import find_problem, problem_names
from mecopt.show.answer import pictured

THREE = BinaryOffloading(data_size=[12.0, 7.5, 20.1], capacity=30.0)


def ended(*arguments: str) -> object:
    with pytest.raises(SystemExit) as found:
        main(list(arguments))
    return found.value.code


@pytest.mark.parametrize("name", problem_names())
def test_a_picture_has_every_variable_of_the_users_that_is_not_0(name: str) -> None:
    problem = find_problem(name).sample(np.random.default_rng(0))
    solution = mecopt.solve(problem, solver=None if "exact" in problem.solvers else "enumerate", gap=0.2)
    view = pictured(solution)
    drawn = [one.y for panel in view.panels for one in panel.marks]
    shares = next(iter(solution.per_user().values()), np.zeros(0))
    wanted = [getattr(solution.allocation, f.name) for f in fields(solution.allocation) if f.metadata["per"] == "user"]
    for values in (shares, *wanted):
        if np.any(values):
            assert any(np.array_equal(values, one) for one in drawn)
    assert view.numbers[0].value == solution.objective
    assert solution.plot().axes


def test_a_batch_is_drawn_by_its_objectives_and_gaps() -> None:
    solution = mecopt.solve(BinaryOffloading.sample(np.random.default_rng(0), (20,)))
    objectives, gaps = pictured(solution).panels
    assert np.array_equal(objectives.marks[0].y, np.sort(solution.objective))
    assert np.array_equal(gaps.marks[0].y, np.log10(np.maximum(np.sort(solution.gap)[::-1], 1e-16)))


def test_users_are_named_by_what_they_do_where_there_is_room() -> None:
    solution = mecopt.solve(BinaryOffloading(data_size=[12.0, 7.5, 20.1], capacity=6.0))
    assert set(solution.decision) == {0, 1}
    words = {float(i): f"{i}\n{('local', 'offload')[choice]}" for i, choice in enumerate(solution.decision)}
    assert pictured(solution).panels[0].ticks == words
    many = pictured(mecopt.solve(BinaryOffloading.sample(np.random.default_rng(0), users=40)))
    assert many.panels[0].ticks == {}


@pytest.mark.parametrize(("suffix", "begins"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_solve_draws_into_a_file(tmp_path: Path, suffix: str, begins: bytes) -> None:
    save(tmp_path / "three.json", THREE)
    assert ended("solve", str(tmp_path / "three.json"), "--plot", str(tmp_path / f"three{suffix}")) == 0
    assert (tmp_path / f"three{suffix}").read_bytes().startswith(begins)


def test_what_cannot_be_drawn_is_refused_before_it_is_solved_or_told_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "three.json", THREE)
    given = str(tmp_path / "three.json")
    assert ended("solve", given, "--plot", str(tmp_path / "three.bmp")) == 2
    assert "allowed for pictures: .png, .svg, .pdf" in capsys.readouterr().err
    assert ended("solve", given, "--plot", str(tmp_path)) == 2
    nobody = THREE.limited(
        mecopt.Limit("nobody", {"offload": 1.0}, most=0.0), mecopt.Limit("one", {"offload": 1.0}, least=1.0)
    )
    save(tmp_path / "nobody.json", nobody)
    assert ended("solve", str(tmp_path / "nobody.json"), "--plot", str(tmp_path / "nobody.png")) == 1
    assert "no instance has an answer" in capsys.readouterr().err
    assert not (tmp_path / "nobody.png").exists()
    with pytest.raises(InstanceError, match="no instance of binary-offloading has an answer"):
        mecopt.solve(nobody, throw=False).plot()
