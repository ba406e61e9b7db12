"""Type checkers know what a problem's answers hold: what is misspelt is an error before anything runs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import mecopt
from mecopt.models import BinaryOffloading, MultiServerOffloading

ROOT = Path(__file__).parents[2]

SCRIPT = """
import numpy as np
import mecopt
from mecopt.models import BackscatterFrame, BinaryOffloading

problem = BinaryOffloading(data_size=[12.0, 7.5, 20.1], capacity=30.0)
solution = mecopt.solve(problem)
print(solution.allocation.server_rate.sum(), solution.dual.capacity_price, solution.is_optimal.all(), solution.status.name)
print(solution.allocation.server_rat)  # wrong
print(solution.dual.capacity_cost)  # wrong
fixed = mecopt.allocate(problem, [1, 0, 1], start=solution)
print(fixed[0].allocation.server_rate, [one.dual.capacity_price for one in fixed])
print(fixed.allocation.server_speed)  # wrong
frames = BackscatterFrame.sample(np.random.default_rng(0), (3,))
print(mecopt.solve(frames[0]).allocation.kept_energy, mecopt.solve(frames)[1].dual.energy_price)
print(mecopt.solve(frames).allocation.server_rate)  # wrong
print(problem.bound(fixed.decision, fixed.allocation))  # wrong


def any_problem(given: mecopt.Problem) -> mecopt.Solution:
    return mecopt.solve(given)
"""


def test_a_misspelt_variable_is_an_error_of_the_type_checker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    api = pytest.importorskip("mypy.api")
    (tmp_path / "script.py").write_text(SCRIPT)
    monkeypatch.setenv("MYPYPATH", str(ROOT))
    settings = ("--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(ROOT / ".mypy_cache"))
    said, complaint, _ = api.run([*settings, str(tmp_path / "script.py")])
    assert not complaint
    wrong = [number for number, line in enumerate(SCRIPT.splitlines(), 1) if line.endswith("# wrong")]
    assert [int(number) for number in re.findall(r"script\.py:(\d+): error", said)] == wrong, said


def test_a_problem_names_the_types_of_its_variables() -> None:
    for cls in mecopt.problems().values():
        (base,) = cls.__orig_bases__  # type: ignore[attr-defined]
        assert base.__args__ == (cls.Allocation, cls.Dual)


def test_what_is_optimal_is_asked_alike_of_one_and_of_many() -> None:
    one = mecopt.solve(BinaryOffloading(data_size=[12.0, 7.5, 20.1], capacity=30.0))
    assert one.is_optimal.shape == ()
    assert one.is_optimal
    gain = np.full((2, 2, 1), 1e-7)
    many = mecopt.solve(MultiServerOffloading(channel_gain=gain, deadline=[[9.0, 9.0], [1e-9, 9.0]]), throw=False)
    assert many.is_optimal.tolist() == [True, False]
