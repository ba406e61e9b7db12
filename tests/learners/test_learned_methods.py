"""Policies as methods: by name in solve and compare, beside the exact answer, with all that must be said about them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

import mecopt
from mecopt import InstanceError, StartIgnored
from mecopt.cli.train import command as train_command
from mecopt.compare import Comparison, compare, default_methods
from mecopt.compare.report import write_report
from mecopt.compare.run import CHUNK
from mecopt.compare.summary import summarise
from mecopt.data import save
from mecopt.dynamic import policy_of, rollout
from mecopt.learners.decision_net.learner import DecisionNetLearner
from mecopt.models import BinaryOffloading, ComputationRate, MultiServerOffloading
from mecopt.models.hybrid_slot.dynamics.steps import HybridDynamics
from mecopt.registry import find_learner
from mecopt.search.proposed import DEFAULT_LEARNER
from mecopt.storage.policies import load_policy, shipped

Array = NDArray[Any]


def slots(count: int = 6, users: int = 4, **more: Any) -> BinaryOffloading:
    return BinaryOffloading.sample(np.random.default_rng(9), (count,), users=users, **more)


@pytest.fixture
def folder(made: dict[tuple[str, str], Path], tmp_path: Path) -> Path:
    """A trained policy for four users of binary offloading, free to be changed."""
    return Path(shutil.copytree(made["decision-net", "binary-offloading"], tmp_path / "dn"))


def sha256(folder: Path) -> str:
    return str(json.loads((folder / "card.json").read_text())["sha256"])


def ship(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    """Let only these policies ship."""
    monkeypatch.setattr(DecisionNetLearner, "shipped", lambda self: list(folders))


# ---------------------------------------------------------------------- solve


def test_a_single_instance_is_answered_like_any_other(folder: Path) -> None:
    answer = mecopt.solve(slots()[2], solver=f"learned:{folder}")
    assert answer.decision.shape == (4,)
    assert answer.stats.method == f"learned:{folder}"
    assert answer.stats.predict_seconds > 0.0
    assert answer.status.name in ("OPTIMAL", "FEASIBLE")


def test_the_generator_draws_the_candidates(folder: Path) -> None:
    hard, name = slots(200, capacity=6.0), f"learned:{folder}"
    first, again, other = (mecopt.solve(hard, solver=name, rng=np.random.default_rng(s)).objective for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_policy_takes_no_start(folder: Path) -> None:
    with pytest.raises(StartIgnored):
        mecopt.solve(slots(), solver=f"learned:{folder}", start=np.ones((6, 4)))


def test_a_policy_that_predicts_starts_is_no_solver(made: dict[tuple[str, str], Path]) -> None:
    name = f"learned:{made['price-net', 'binary-offloading']}"
    with pytest.raises(InstanceError, match="predicts starts, not decisions"):
        mecopt.solve(slots(), solver=name)


@pytest.mark.parametrize("name", ["learned:", "learned:nowhere"])
def test_a_name_without_a_policy_is_refused(name: str) -> None:
    with pytest.raises(InstanceError, match="no trained policy"):
        mecopt.solve(slots(), solver=name)


def test_other_users_and_other_problems_are_refused(folder: Path) -> None:
    rates = ComputationRate.sample(np.random.default_rng(0), (2,), users=4)
    others: tuple[tuple[mecopt.Problem, str], ...] = ((slots(users=5), "with 5"), (rates, "computation-rate"))
    for other, told in others:
        with pytest.raises(InstanceError, match=f"trained for binary-offloading with 4 users.*{told}"):
            mecopt.solve(other, solver=f"learned:{folder}")


def test_what_the_policy_cannot_see_is_said_with_the_answer(folder: Path) -> None:
    expected = "energy_weight was 1 in all of its training and is 3 here"
    name = f"learned:{folder}"
    assert list(mecopt.solve(slots(), solver=name).stats.messages.values()) == []
    for instances in (slots(energy_weight=3.0), slots(energy_weight=3.0)[0]):
        answer = mecopt.solve(instances, solver=name)
        assert answer.stats.messages[0] == f"{name}: {expected}"


# ---------------------------------------------------------------------- what ships


def test_learned_means_the_policy_that_ships_for_such_instances(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ship(monkeypatch, folder)
    named, own = (mecopt.solve(slots(), solver=name) for name in ("learned", f"learned:{folder}"))
    np.testing.assert_array_equal(named.decision, own.decision)
    assert "learned" in default_methods(slots())


def test_a_policy_for_sequences_is_rolled_out_and_not_compared_slot_by_slot() -> None:
    """It keeps energy for later, which costs in the slot and pays over many: paired, on the same path."""
    dynamics = HybridDynamics()
    path = dynamics.stream(np.random.default_rng(0), 300, 40)
    assert "learned" not in default_methods(path[0])
    earned = [
        rollout(dynamics, path, policy_of(dynamics, name), np.random.default_rng(1)).reward.mean(axis=0)
        for name in ("learned", "greedy-optout", "dynamic-program")
    ]
    for better, worse in ((earned[0], earned[1]), (earned[2], earned[0])):
        apart = better - worse
        assert apart.mean() > 4.0 * apart.std(ddof=1) / np.sqrt(40)


@pytest.mark.parametrize(
    ("instances", "reason"),
    [
        (slots(users=5), "is for 4 users"),
        (slots(energy_weight=3.0), "energy_weight was 1 in all of its training and is 3 here"),
        (ComputationRate.sample(np.random.default_rng(0), (2,), users=4), "none at all"),
    ],
    ids=["users", "constants", "problem"],
)
def test_where_nothing_fitting_ships_the_error_says_why_and_what_to_do(
    instances: Any, reason: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship(monkeypatch, folder)
    with pytest.raises(InstanceError, match="no trained policy ships for these instances") as caught:
        mecopt.solve(instances, solver="learned")
    assert reason in str(caught.value)
    assert f"mecopt train {instances.name} -o FOLDER" in str(caught.value)
    assert "learned" not in default_methods(instances)


def test_the_learner_recommended_is_one_that_can_learn_from_such_instances(monkeypatch: pytest.MonkeyPatch) -> None:
    instances = MultiServerOffloading.sample(np.random.default_rng(0), (2,), users=4)
    with pytest.raises(InstanceError, match="`mecopt train multi-server-offloading --learner ojrs -o FOLDER`"):
        mecopt.solve(instances, solver="learned")
    assert next(option.default for option in train_command.params if option.name == "learner") == DEFAULT_LEARNER
    monkeypatch.setattr(type(find_learner("ojrs")), "refusal", lambda self, problem: "no")
    with pytest.raises(InstanceError, match="no learner that is installed can learn from such instances"):
        mecopt.solve(instances, solver="learned")


def test_of_several_that_fit_the_one_with_fewest_inputs_is_meant(
    folder: Path, tmp_path: Path, train: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed = BinaryOffloading.sample(np.random.default_rng(1), (40,), preset="heterogeneous", users=4, capacity=30.0)
    train("decision-net", mixed, tmp_path / "mixed")
    ship(monkeypatch, tmp_path / "mixed", folder)
    for instances, inputs in ((slots(), 1), (mixed, 6)):
        policy = shipped(instances)
        assert policy is not None
        assert len(policy.inputs.names) == inputs


def test_a_policy_with_fields_that_varied_unseen_is_never_meant(
    tmp_path: Path, train: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    train("decision-net", slots(40, preset="heterogeneous"), tmp_path / "blind", inputs=("data_size",))
    ship(monkeypatch, tmp_path / "blind")
    assert shipped(slots()) is None


def test_every_policy_that_ships_fits_its_preset_and_is_close_to_the_optimum() -> None:
    folders = DecisionNetLearner().shipped()
    assert folders
    for one in folders:
        card = load_policy(one).card
        instances = mecopt.problems()[card["problem"]].sample(
            np.random.default_rng(123), (300,), preset=card["preset"], users=card["users"]
        )
        learned, best = mecopt.solve(instances, solver="learned"), mecopt.solve(instances).objective
        ratio = np.minimum(learned.objective, best) / np.maximum(learned.objective, best)
        assert learned.stats.messages == {}
        assert ratio.mean() > 0.99
        assert ratio.mean() == pytest.approx(card["reached"]["best_of_candidates"]["mean"], abs=0.003)
        assert sum(path.stat().st_size for path in one.iterdir()) < 100_000


# ---------------------------------------------------------------------- compare


def test_a_comparison_holds_the_policys_card_and_what_solve_answers(folder: Path, tmp_path: Path) -> None:
    instances, name = slots(), f"learned:{folder}"
    found = compare(instances, ["exact", name], out=tmp_path / "out", seed=5, jobs=1)
    alone = mecopt.solve(instances, solver=name, rng=np.random.default_rng((5, 0)))
    np.testing.assert_array_equal(found.column(name, "objective"), alone.objective)
    np.testing.assert_array_equal(found.column(name, "solver_calls"), 7)
    origin = json.loads(pq.read_schema(tmp_path / "out" / "results.parquet").metadata[b"mecopt"])
    for told in ("decision-net", "preset paper", "seed 0", sha256(folder)):
        assert told in origin["policies"][name]
    assert name not in origin["exact_methods"]


def test_a_part_is_kept_for_the_same_policy_and_computed_anew_for_another(
    folder: Path, tmp_path: Path, train: Callable[..., Any], stream_of: Any
) -> None:
    instances, name, out = slots(60, capacity=6.0), f"learned:{folder}", tmp_path / "out"

    def parts() -> dict[str, int]:
        compare(instances, [name, "all-local"], out=out, jobs=1)
        return {path.name: path.stat().st_mtime_ns for path in (out / "parts").iterdir()}

    first = parts()
    assert parts() == first
    shutil.rmtree(folder)
    train("decision-net", stream_of(BinaryOffloading), folder, seed=1)
    second = parts()
    assert first.items() < second.items()
    assert [key.startswith("learned") for key in second.keys() - first.keys()] == [True]


def test_one_policy_answers_all_parts_of_a_comparison(
    folder: Path, tmp_path: Path, train: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The policy that fits all instances, though a more special one would fit those of the first part."""
    mixed = BinaryOffloading.sample(np.random.default_rng(1), (40,), preset="heterogeneous", users=4, capacity=30.0)
    train("decision-net", mixed, tmp_path / "mixed")
    ship(monkeypatch, tmp_path / "mixed", folder)
    alike = slots(CHUNK).data()
    both = BinaryOffloading(**{name: np.concatenate([alike[name], value]) for name, value in mixed.data().items()})
    found = compare(both, ["learned"], out=tmp_path / "out", jobs=1)
    assert sha256(tmp_path / "mixed") in found.provenance["policies"]["learned"]
    expected = mecopt.solve(both[:CHUNK], solver=f"learned:{tmp_path / 'mixed'}", rng=np.random.default_rng((0, 0)))
    np.testing.assert_array_equal(found.column("learned", "objective")[:CHUNK], expected.objective)


def test_what_the_policy_cannot_see_stands_in_the_report(folder: Path, tmp_path: Path) -> None:
    comparison = compare(slots(energy_weight=3.0), ["exact", f"learned:{folder}"], out=tmp_path / "out", jobs=1)
    summary = write_report(comparison, tmp_path / "out")
    expected = "energy_weight was 1 in all of its training and is 3 here"
    assert any(text.endswith(expected) for text in summary.findings)
    assert expected in (tmp_path / "out" / "report.html").read_text()


def test_in_parallel_the_answers_are_the_same(folder: Path, tmp_path: Path) -> None:
    instances, name = slots(2 * CHUNK + 5), f"learned:{folder}"
    one, two = (compare(instances, [name], out=tmp_path / str(jobs), jobs=jobs) for jobs in (1, 2))
    np.testing.assert_array_equal(one.column(name, "objective"), two.column(name, "objective"))


# ---------------------------------------------------------------------- findings


def finding(
    learned: float, untrained: float, calls: tuple[float, float] = (5.0, 1.0), seconds: tuple[float, float] = (0.0, 0.0)
) -> list[str]:
    """Summarise an exact method, a scan, all-local at 2, and a policy of 7 solves and 1 ms; `calls` and `seconds` are those
    of the two without training, and the optimum is 1.
    """
    methods = {"exact": 1.0, "scan": untrained, "all-local": 2.0, "learned": learned}
    columns: dict[str, list[Any]] = {
        "instance_id": [0] * 4,
        "method": list(methods),
        "objective": list(methods.values()),
        "bound": [1.0] * 4,
        "status": ["OPTIMAL", "FEASIBLE", "FEASIBLE", "FEASIBLE"],
        "solver_calls": [1.0, *calls, 7.0],
        "solve_seconds": [0.0, *seconds, 1e-3],
        **{name: [0.0] * 4 for name in ("violation", "model_seconds", "predict_seconds")},
    }
    origin = {
        "problem": "toy",
        "sense": "minimise",
        "instances": 1,
        "sizes": {"users": 1},
        "methods": list(methods),
        "exact_methods": ["exact"],
        "policies": {"learned": {}},
    }
    return summarise(Comparison(pa.table(columns), origin)).findings


@pytest.mark.parametrize(
    ("learned", "untrained", "verdict"),
    [(1.25, 2.0, "better than"), (1.0, 1.25, "better than"), (1.25, 1.25, "no better than"), (1.25, 1.0, "no better than")],
)
def test_a_policy_is_measured_against_the_best_that_needs_no_training(
    learned: float, untrained: float, verdict: str
) -> None:
    (text,) = [text for text in finding(learned, untrained) if text.startswith("learned loses")]
    assert f" in 7 solves (1 ms): {verdict} scan, " in text
    assert ("no better" in text) == (verdict == "no better than")


@pytest.mark.parametrize(
    ("calls", "seconds", "said"),
    [
        (
            (208.0, 1.0),
            (1e-4, 1e-5),
            "no better than scan, which needs no training and loses 0 and 0 in 208 solves (100 us)",
        ),
        ((5.0, 1.0), (1.0, 1e-5), "no better than scan, which needs no training and loses 0 and 0 in 5 solves (1 s)"),
        (
            (208.0, 1.0),
            (1.0, 1e-5),
            "better than all-local, which needs no training and loses 0.5 and 0.5 in 1 solve (10 us)",
        ),
        (
            (208.0, 9.0),
            (1.0, 1.0),
            "every method here that needs neither training nor proof takes more solves and more time",
        ),
    ],
)
def test_a_rival_of_a_policy_needs_no_more_solves_or_no_more_time(
    calls: tuple[float, float], seconds: tuple[float, float], said: str
) -> None:
    (text,) = [text for text in finding(1.25, 1.0, calls, seconds) if text.startswith("learned loses")]
    assert f" in 7 solves (1 ms): {said}" in text.replace("; every", ": every")
    assert ("With more of both, 208 solves (1 s), scan loses 0." in text) == said.startswith("better")


def test_a_policy_is_never_called_a_method_that_needs_no_training() -> None:
    said = finding(learned=1.0, untrained=1.25)
    assert not any("No learning is needed" in text for text in said)
    assert any("The best method without proof, scan," in text for text in said)


# ---------------------------------------------------------------------- the command line


@pytest.fixture
def file(tmp_path: Path) -> Path:
    save(tmp_path / "slots.npz", slots(20), provenance={})
    return tmp_path / "slots.npz"


def test_solve_takes_a_policy_by_name(file: Path, folder: Path, run: Callable[..., Any]) -> None:
    said = run("solve", file, "--solver", f"learned:{folder}", "--json")
    assert said.code == 0
    expected = mecopt.solve(slots(20), solver=f"learned:{folder}", rng=np.random.default_rng(0))
    np.testing.assert_allclose(json.loads(said.out)["objective"], expected.objective, rtol=1e-12)


@pytest.mark.parametrize("command", ["solve", "compare"])
def test_learned_without_a_fitting_policy_is_one_line_and_exit_code_2(
    command: str, file: Path, tmp_path: Path, run: Callable[..., Any]
) -> None:
    more = {"solve": ("--solver", "learned"), "compare": ("--methods", "exact,learned", "-o", tmp_path / "out")}
    said = run(command, file, *more[command])
    assert said.code == 2
    assert said.error.count("\n") == 1
    assert "no trained policy ships" in said.error


def test_a_policy_compared_on_its_own_instances_is_told_unless_they_are_kept_back(
    file: Path, tmp_path: Path, run: Callable[..., Any]
) -> None:
    policy = tmp_path / "dn"
    more = ("--split", 0.5, "--instances", 30, "--with", "hidden=[8]")
    assert run("train", "binary-offloading", "--data", file, *more, "-o", policy).code == 0
    methods = ("--methods", f"exact,learned:{policy}")
    own, kept = tmp_path / "own", tmp_path / "kept"
    told = "was trained on the first 10 instances of this very file"
    for out, options, seen in ((own, (), True), (own, ("--first", 3), True), (kept, ("--split", 0.5), False)):
        said = run("compare", file, *methods, *options, "-o", out)
        assert said.code == 0
        assert (told in " ".join(said.out.split())) is seen
        assert (told in (out / "report.html").read_text()) is seen
    ids = pq.read_table(kept / "results.parquet")
    exact = mecopt.solve(slots(20)[10:]).objective
    np.testing.assert_allclose(ids["objective"].to_numpy()[:10], exact, rtol=1e-12)


@pytest.mark.parametrize("split", ["0", "1", "1.5", "nan", "0.001"])
def test_a_senseless_split_is_refused(split: str, file: Path, tmp_path: Path, run: Callable[..., Any]) -> None:
    said = run("compare", file, "--split", split, "-o", tmp_path / "out")
    assert said.code == 2
    assert "leaves one side empty" in said.error


def test_policies_in_deep_folders_are_compared(folder: Path, tmp_path: Path) -> None:
    deep = [shutil.copytree(folder, tmp_path / ("deep" * 20) / ("deeper" * 30) / end) for end in "ab"]
    methods = [f"learned:{policy}" for policy in deep]
    found = compare(slots(), methods, out=tmp_path / "out", jobs=1)
    assert set(found.table["method"].to_pylist()) == set(methods)
    assert len(list((tmp_path / "out" / "parts").iterdir())) == 2
