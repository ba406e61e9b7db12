"""Answers out: a row per instance and user, every digit, whole or not at all."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import mecopt
from mecopt import BackendUnavailable, InstanceError, Problem, Solution
from mecopt.contract.units import titled
from mecopt.data import save
from mecopt.data.answers import write_answer
from mecopt.models import BackscatterFrame, BinaryOffloading, ComputationRate
from mecopt.registry import problems
from mecopt.show.rows import answer_columns


def solved(cls: type[Problem], shape: tuple[int, ...] = (3,)) -> Solution:
    return mecopt.solve(cls.sample(np.random.default_rng(2), shape, users=3))


def read_csv(path: Path) -> dict[str, list[str]]:
    with path.open(newline="") as file:
        first, *rows = csv.reader(file, delimiter="\t" if path.suffix == ".tsv" else ",")
    return {name: [row[i] for row in rows] for i, name in enumerate(first)}


@pytest.mark.parametrize("cls", problems().values(), ids=problems())
def test_every_variable_and_share_of_a_user_has_a_column_with_its_unit(cls: type[Problem]) -> None:
    solution = solved(cls)
    columns = answer_columns(solution)
    assert columns["instance"].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert columns["user"].tolist() == [0, 1, 2] * 3
    assert {len(values) for values in columns.values()} == {9}
    for name, unit in cls.user_units.items():
        title = name if unit == "1" else f"{name} [{unit}]"
        np.testing.assert_array_equal(
            columns[title], solution.problem.per_user(solution.decision, solution.allocation)[name].ravel()
        )
    for name, value in solution.allocation.as_dict().items():
        found = next(values for title, values in columns.items() if title.split(" [")[0] == name)
        np.testing.assert_array_equal(found, np.broadcast_to(value.reshape(3, -1), (3, 3)).ravel())
    np.testing.assert_array_equal(columns["gap"], np.repeat(solution.gap, 3))
    assert columns["status"] == [status.name for status in solution.status for _ in range(3)]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".json"])
@pytest.mark.parametrize("cls", [ComputationRate, BackscatterFrame])
def test_every_digit_of_an_answer_survives_its_file(cls: type[Problem], suffix: str, tmp_path: Path) -> None:
    solution = solved(cls)
    path = tmp_path / f"answer{suffix}"
    write_answer(path, solution)
    if suffix == ".json":
        assert json.loads(path.read_text()) == solution.to_dict()
        return
    found: dict[str, Any] = pq.read_table(path).to_pydict() if suffix == ".parquet" else read_csv(path)
    for name, values in answer_columns(solution).items():
        read = [type(wanted)(one) for one, wanted in zip(found[name], list(values), strict=True)]
        assert read == list(values), name


def test_candidates_and_batches_of_more_axes_are_counted() -> None:
    problem = BinaryOffloading.sample(np.random.default_rng(0), (2,), users=2)
    columns = answer_columns(mecopt.allocate(problem, np.array([[[0, 0], [1, 0], [1, 1]]] * 2)))
    assert columns["candidate"].tolist() == [0, 0, 1, 1, 2, 2] * 2
    columns = answer_columns(mecopt.solve(BinaryOffloading.sample(np.random.default_rng(0), (2, 2), users=1)))
    assert list(columns)[:3] == ["instance_0", "instance_1", "user"]
    assert "instance" not in answer_columns(solved(BinaryOffloading, ()))


def test_what_there_is_no_answer_to_is_empty(tmp_path: Path) -> None:
    many = mecopt.find_problem("multi-server-offloading")
    hopeless = many(channel_gain=[[1e-8]], deadline=1e-9)
    solution = mecopt.solve(hopeless, throw=False)
    write_answer(tmp_path / "x.csv", solution)
    found = read_csv(tmp_path / "x.csv")
    assert (found["status"], found["objective [s]"]) == (["INFEASIBLE"], [""])
    assert solution.to_arrow()["objective [s]"].to_pylist() == [None]


@pytest.mark.parametrize("cls", problems().values(), ids=problems())
def test_no_user_of_an_instance_without_answer_costs_or_earns_anything(cls: type[Problem]) -> None:
    solution = solved(cls)
    objective = np.where([False, True, False], np.nan, solution.objective)
    partly = dataclasses.replace(solution, objective=objective)
    rows = np.repeat(np.isnan(objective), 3)
    columns, shares = answer_columns(partly), partly.to_dict()["per_user"]
    for name, unit in cls.user_units.items():
        values = columns[titled(name, unit)]
        assert np.isnan(values[rows]).all()
        np.testing.assert_array_equal(values[~rows], answer_columns(solution)[titled(name, unit)][~rows])
        assert shares[name][1] == [None] * 3


def test_the_same_table_is_an_arrow_table_and_a_data_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    solution = solved(BinaryOffloading)
    columns = answer_columns(solution)
    assert solution.to_arrow().to_pydict() == {name: list(values) for name, values in columns.items()}
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(BackendUnavailable, match=r"pip install pandas.*to_arrow\(\)"):
        solution.to_frame()


def test_a_data_frame_adds_up_to_the_objective() -> None:
    pytest.importorskip("pandas", reason="pandas is not installed")
    solution = solved(BinaryOffloading)
    sums = solution.to_frame().groupby("instance")["cost [s]"].sum()
    np.testing.assert_allclose(sums, solution.objective, rtol=1e-12)


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: Any, target: Any) -> None:
        raise OSError(28, "No space left on device")

    solution = solved(BinaryOffloading)
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_answer(tmp_path / "x.csv", solution)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "folder.csv").mkdir()
    for name, told in (("x.xlsx", "allowed for answers: .csv"), ("folder.csv", "is a folder")):
        with pytest.raises(InstanceError, match=told):
            write_answer(tmp_path / name, solution)


def test_solve_writes_answers_and_refuses_other_files_before_it_begins(tmp_path: Path, capsys: Any) -> None:
    from mecopt.cli.main import main

    def run(*words: Any) -> tuple[Any, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    instances = BinaryOffloading.sample(np.random.default_rng(0), (2,), users=3)
    save(tmp_path / "slots.csv", instances, provenance={})
    code, out, error = run("solve", tmp_path / "slots.csv", "--json", "-o", tmp_path / "answer.csv")
    assert code == 0
    assert "answer.csv" in error
    best = [float(cost) for cost in read_csv(tmp_path / "answer.csv")["objective [s]"][::3]]
    assert best == json.loads(out)["objective"] == mecopt.solve(instances).objective.tolist()
    assert run("solve", tmp_path / "nowhere.csv", "-o", tmp_path / "answer.xyz")[2].startswith("error: ")
    assert not (tmp_path / "answer.xyz").exists()
