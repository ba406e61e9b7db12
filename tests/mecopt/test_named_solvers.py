"""Solvers by name with numbers of their own: what is set, what is refused, and that every verb knows them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mecopt
from mecopt.cli.main import main
from mecopt.compare.run import compare
from mecopt.contract.errors import InstanceError, UnknownName
from mecopt.contract.solver import Adjustable
from mecopt.data import save
from mecopt.models import BinaryOffloading, MultiServerOffloading
from mecopt.registry import problems
from mecopt.search.named import solver_for

ONE = MultiServerOffloading.sample(np.random.default_rng(0), users=4, servers=2)


def test_a_name_sets_numbers_of_a_copy() -> None:
    name = "annealing:iterations=20:temperature=0.5:cooling=0.9"
    solver, plain = solver_for(ONE, name), ONE.solvers["annealing"]
    assert (solver.name, solver.iterations, solver.temperature, solver.cooling) == (name, 20, 0.5, 0.9)  # type: ignore[attr-defined]
    assert (plain.name, plain.iterations) == ("annealing", 500)  # type: ignore[attr-defined]
    assert "20 steps" in solver.summary
    assert "500 steps" in plain.summary
    found = mecopt.solve(ONE, solver=name)
    assert found.stats.iterations == 20


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("annealing:", InstanceError, "has the setting ''; allowed: NAME:SETTING=NUMBER"),
        ("annealing:iterations", InstanceError, "has the setting 'iterations'; allowed: NAME:SETTING=NUMBER"),
        ("annealing:iterations=", InstanceError, "has the setting 'iterations='"),
        ("annealing:iterations=0", InstanceError, "annealing:iterations is '0'; allowed: a whole number from 1 to 1e\\+07"),
        ("annealing:iterations=1.5", InstanceError, "annealing:iterations is '1.5'; allowed: a whole number"),
        ("annealing:cooling=nan", InstanceError, "annealing:cooling is 'nan'; allowed: a number from 0 to 1"),
        ("annealing:cooling=1.01", InstanceError, "annealing:cooling is '1.01'; allowed: a number from 0 to 1"),
        *(
            (f"annealing:{setting}={text}", InstanceError, f"annealing:{setting} is .*; allowed: a")
            for setting, text in [
                ("iterations", "1_0"),
                ("iterations", " 5"),
                ("iterations", "\u0661\u0662"),
                ("iterations", "9" * 5000),
                ("cooling", "0.\u0665"),
                ("cooling", "0.5 "),
                ("cooling", "0.5_0"),
                ("cooling", "\u0131nf"),
            ]
        ),
        ("annealing:iterations=2:iterations=3", InstanceError, "has the setting iterations twice"),
        ("annealing:steps=3", UnknownName, "unknown setting of the solver annealing 'steps'.* Known: iterations"),
        ("exact:iterations=3", UnknownName, "unknown setting of the solver exact 'iterations'"),
        ("anealing:iterations=3", UnknownName, "unknown solver of multi-server-offloading 'anealing'"),
    ],
)
def test_what_cannot_be_set_is_refused(name: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        solver_for(ONE, name)


@pytest.mark.parametrize("cls", problems().values(), ids=lambda cls: cls.name)
def test_what_can_be_set_is_set_to_what_is_allowed(cls: type[mecopt.Problem]) -> None:
    """The listed settings are attributes, and the name that says their values anew changes nothing."""
    for name, solver in cls.solvers.items():
        texts = {}
        for setting, allowed in solver.adjustable.items():
            assert isinstance(allowed, Adjustable)
            value = getattr(solver, setting)
            assert allowed.least <= value <= allowed.most
            texts[setting] = str(value)
        again = solver.adjusted(name, texts)
        assert vars(again) == vars(solver) | {"name": name}


def test_compare_knows_them_side_by_side(tmp_path: Path) -> None:
    problem = MultiServerOffloading.sample(np.random.default_rng(0), 6, users=5, servers=2)
    methods = ["annealing:iterations=1", "annealing:iterations=200", "exact"]
    found = compare(problem, methods, out=tmp_path, jobs=1)
    few, many, best = (found.column(method, "objective") for method in methods)
    assert found.provenance["exact_methods"] == ["exact"]
    assert (best <= many * (1 + 1e-9)).all()
    assert many.mean() < few.mean()
    expected = mecopt.solve(problem, solver=methods[0], rng=np.random.default_rng((0, 0)))
    np.testing.assert_array_equal(few, expected.objective)
    with pytest.raises(UnknownName, match="unknown method for multi-server-offloading 'anealing:iterations=1'"):
        compare(problem, ["anealing:iterations=1"], out=tmp_path, jobs=1)


def test_an_own_solver_takes_no_name_that_means_another(tmp_path: Path) -> None:
    own = solver_for(BinaryOffloading(data_size=[1.0, 2.0], capacity=30.0), "annealing:iterations=3")
    problem = BinaryOffloading(data_size=[[1.0, 2.0]], capacity=30.0)
    with pytest.raises(InstanceError, match="is named 'annealing:iterations=3'; allowed: a name of its own"):
        compare(problem, [own], out=tmp_path, jobs=1)


def test_the_command_line_knows_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(tmp_path / "slots.npz")
    save(file, MultiServerOffloading.sample(np.random.default_rng(0), 2, users=4))
    for name, code in (("particle-swarm:particles=5:iterations=3", 0), ("particle-swarm:particles=0", 2)):
        with pytest.raises(SystemExit) as ended:
            main(["solve", file, "--solver", name])
        assert ended.value.code == code
    assert "particle-swarm:particles is '0'; allowed: a whole number from 1" in capsys.readouterr().err
