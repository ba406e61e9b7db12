"""Labels beside instances: each problem's optima come back as they were proved, and learners learn from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mecopt
from mecopt import InstanceError, Problem, problems
from mecopt.cli.main import main
from mecopt.data import load, save
from mecopt.labelling import label
from mecopt.models import BinaryOffloading, ComputationRate
from mecopt.optima import at_hand, digest_of_known, known_of, optimal_decisions
from mecopt.parallel import where
from mecopt.solve import solve
from mecopt.storage.atomic import write_whole

QUICK = ["bandwidth-power", "binary-offloading", "computation-rate", "hybrid-slot", "inference-queue", "priced-power"]


def drawn(cls: type[Problem], count: int, users: int) -> Problem:
    return cls.sample(np.random.default_rng(8), (count,), users=users)


def ended(*arguments: Any) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    assert isinstance(end.value.code, int)
    return end.value.code


@pytest.mark.parametrize("suffix", [".npz", ".json"])
@pytest.mark.parametrize("name", [*QUICK, "backscatter-frame"])
def test_labels_of_each_problem_come_back_as_they_were_proved(name: str, suffix: str, tmp_path: Path) -> None:
    cls = problems()[name]
    instances = drawn(cls, 2, users=2)
    found = label(instances, tmp_path / f"x{suffix}", jobs=1)
    alone = solve(instances)
    data = load(tmp_path / f"x{suffix}")
    labels = data.labels
    assert labels is not None
    assert all(np.array_equal(value, instances.data()[name]) for name, value in data.problem.data().items())
    np.testing.assert_array_equal(labels.decision, alone.decision)
    np.testing.assert_array_equal(labels.objective, alone.objective)
    np.testing.assert_array_equal(labels.bound, alone.bound)
    assert labels.proved.tolist() == alone.is_optimal.tolist() == [True, True]
    for variable, value in alone.allocation.as_dict().items():
        np.testing.assert_array_equal(labels.allocation.as_dict()[variable], value)
    assert found.statuses() == {"OPTIMAL": 2}
    assert "2 OPTIMAL" in (tmp_path / f"x{suffix}.card.md").read_text(encoding="utf-8")
    assert {path.name for path in tmp_path.iterdir()} == {f"x{suffix}", f"x{suffix}.card.md"}


def test_the_layout_of_droo_holds_any_number_of_users(tmp_path: Path) -> None:
    instances = drawn(ComputationRate, 3, users=7)
    label(instances, tmp_path / "x.mat", jobs=1)
    data = load(tmp_path / "x.mat")
    assert data.labels is not None
    assert data.problem.users == 7
    alone = solve(instances)
    np.testing.assert_array_equal(data.labels.decision, alone.decision)
    np.testing.assert_allclose(data.labels.objective, alone.objective, rtol=1e-15)


def test_what_has_no_proof_is_never_labelled_optimal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path / "slots.npz", drawn(ComputationRate, 8, users=4), provenance={})
    proved = solve(load(tmp_path / "slots.npz").problem, solver="index-scan").is_optimal
    assert not proved.all()  # a heuristic's bound proves few of its answers
    command = ["label", tmp_path / "slots.npz", "--solver", "index-scan", "--jobs", 1]
    assert ended(*command, "-o", tmp_path / "x.npz") == 0
    labels = load(tmp_path / "x.npz").labels
    assert labels is not None
    assert labels.proved.tolist() == proved.tolist()
    assert f"{int((~proved).sum())} FEASIBLE" in capsys.readouterr().out
    assert ended(*command, "-o", tmp_path / "x.mat") == 2
    said = capsys.readouterr().err
    assert f"{int((~proved).sum())} instances have no proved optimum (first: {int(np.argmin(proved))})" in said
    assert (tmp_path / "x.mat.parts").is_dir()
    assert not (tmp_path / "x.mat").exists()
    code = ended(*command, "-o", tmp_path / "x.mat", "--proved-only")
    if not proved.any():
        assert code == 2
        assert "nothing would be written" in capsys.readouterr().err
        return
    assert code == 4
    assert load(tmp_path / "x.mat").problem.instances == proved.sum()
    assert not (tmp_path / "x.mat.parts").exists()


@pytest.mark.parametrize("after", [0, 2])
def test_labelling_goes_on_from_what_was_solved(after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mecopt.labelling.CHUNK", 2)
    instances, room = drawn(BinaryOffloading, 7, users=3), [after]
    label(instances, tmp_path / "alone.npz", jobs=1)

    def dying(path: Path, content: bytes) -> None:
        room[0] -= 1
        if room[0] < 0:
            raise KeyboardInterrupt
        write_whole(path, content)

    with monkeypatch.context() as patched:
        patched.setattr("mecopt.labelling.write_whole", dying)
        with pytest.raises(KeyboardInterrupt):
            label(instances, tmp_path / "x.npz", jobs=1)
    begun: list[tuple[int, int]] = []
    label(instances, tmp_path / "x.npz", jobs=1, progress=lambda *done: begun.append(done))
    assert begun[0] == (after, 4)
    assert (tmp_path / "x.npz").read_bytes() == (tmp_path / "alone.npz").read_bytes()


def test_shards_label_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mecopt.labelling.CHUNK", 2)
    instances = drawn(BinaryOffloading, 7, users=3)
    for number in (1, 2):
        with where(shard=f"{number}/2") as place:
            label(instances, tmp_path / "x.npz", jobs=1)
        assert f"shard {number}/2" in place.unfinished
    assert not (tmp_path / "x.npz").exists()
    assert len(list((tmp_path / "x.npz.parts").glob("*.safetensors"))) == 4
    assert label(instances, tmp_path / "x.npz", jobs=1).statuses() == {"OPTIMAL": 7}


def test_stored_labels_are_compared_and_those_of_other_data_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    label(drawn(BinaryOffloading, 4, users=3), tmp_path / "x.json", jobs=1)
    command = ["compare", tmp_path / "x.json", "--methods", "exact,stored", "-o", tmp_path / "out", "--jobs", 1]
    assert ended(*command) == 0
    assert "within 2e-7 of the reference in 4 of 4 instances" in capsys.readouterr().out
    assert ended(*command[:-4], "-o", tmp_path / "other", "--set", "energy_weight=2") == 2
    assert "labels were made with other data" in capsys.readouterr().out


def test_damaged_labels_are_refused_by_name(tmp_path: Path) -> None:
    label(drawn(BinaryOffloading, 2, users=3), tmp_path / "x.json", jobs=1)
    whole = json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))
    assert mecopt.data.from_mapping(whole).users == 3
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"status": ["OPTIMAL", "BEST"]}, "has the status 'BEST'; allowed: OPTIMAL"),
        ({"objective": [1.0]}, r"the label 'objective' has shape \(1,\); allowed: \(2,\)"),
        ({"decision": [[0, 1, 2], [0, 1, 1]]}, "the label 'decision'.*allowed"),
        ({"colour": [1, 2]}, "has a label 'colour'"),
        ({"objective": ["much", "more"]}, "holds no numbers|objective"),
    ]
    for change, words in wrong:
        changed = {**whole, "labels": {**whole["labels"], **change}}
        (tmp_path / "y.json").write_text(json.dumps(changed), encoding="utf-8")
        with pytest.raises(InstanceError, match=words):
            load(tmp_path / "y.json")
    for name in ("decision", "objective", "bound", "status", "data"):
        less = {key: value for key, value in whole["labels"].items() if key != name}
        (tmp_path / "y.json").write_text(json.dumps({**whole, "labels": less}), encoding="utf-8")
        with pytest.raises(InstanceError, match=f"lacks the label '{name}'"):
            load(tmp_path / "y.json")
    for name in ("x.csv", "x.parquet"):
        with pytest.raises(InstanceError, match=r"allowed for labels: \.npz, \.json, \.mat"):
            label(drawn(BinaryOffloading, 2, users=3), tmp_path / name)
    with pytest.raises(InstanceError, match=r"no \.mat layout"):
        label(drawn(BinaryOffloading, 2, users=3), tmp_path / "x.mat")


def test_learners_take_the_optima_of_a_file_and_solve_for_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instances = drawn(BinaryOffloading, 6, users=3)
    label(instances[:4], tmp_path / "x.npz", jobs=1)
    data = load(tmp_path / "x.npz")
    known = known_of(data.problem, data.labels)
    assert len(known) == 4
    solved: list[int] = []

    def counting(problem: Problem, **how: Any) -> Any:
        solved.append(problem.instances)
        return solve(problem, **how)

    monkeypatch.setattr("mecopt.optima.solve", counting)
    shuffled = instances[np.array([5, 2, 2, 0, 4])]
    assert digest_of_known() == ""
    with at_hand(known):
        assert digest_of_known() != ""
        decisions, answered = optimal_decisions(shuffled)
    assert solved == [2]
    assert answered.all()
    np.testing.assert_array_equal(decisions, solve(shuffled).decision)
    other = load(tmp_path / "x.npz", fields={"capacity": 11.0})
    assert other.labels is not None
    assert other.labels.status is None
    assert known_of(other.problem, other.labels) == {}
    with pytest.raises(InstanceError, match="are of other data than the fields"):
        known_of(load(tmp_path / "x.npz", fields={"energy_weight": 2.0}).problem, data.labels)


def test_training_on_labels_ends_with_the_weights_of_a_training_that_solves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch", reason="the extra `learn` is not installed")
    save(tmp_path / "slots.npz", drawn(BinaryOffloading, 40, users=3), provenance={})
    assert ended("label", tmp_path / "slots.npz", "-o", tmp_path / "labelled.npz", "--jobs", 1) == 0

    def trained(name: str) -> bytes:
        settings = ["--with", "labels=optimum", "--with", "candidates=3", "--with", "hidden=8", "--instances", 60]
        command = ["train", "binary-offloading", "--data", tmp_path / f"{name}.npz", *settings, "-o", tmp_path / name]
        assert ended(*command) == 0
        return (tmp_path / name / "weights.safetensors").read_bytes()

    solving = trained("slots")
    monkeypatch.setattr("mecopt.optima.solve", None)  # nothing is left to solve
    capsys.readouterr()
    learned = trained("labelled")
    assert "40 instances have a proved optimum in the file, of 40" in capsys.readouterr().err

    def arrays(content: bytes) -> dict[str, Any]:
        from safetensors.numpy import load as weights

        return {name: array.tobytes() for name, array in weights(content).items()}

    assert arrays(solving) == arrays(learned)
