"""The command line: every command does what it says, and every fault ends in one line and a documented exit code."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import jsonschema
import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.random import Generator

import mecopt
from mecopt import Problem
from mecopt.cli.console import SILENT, at_work
from mecopt.cli.main import COMMANDS, main
from mecopt.compare.bench.turns import Timing
from mecopt.contract.backend import installed
from mecopt.contract.solver import Search, Solver
from mecopt.data import from_mapping, load
from mecopt.dynamic import policy_names
from mecopt.models import BinaryOffloading, ComputationRate
from mecopt.registry import dynamics_names, environments_of, find_dynamics, learner_names
from mecopt.running import clock

HEAVY = ["cvxpy", "pyomo", "numba", "matplotlib", "pyarrow", "torch"]
DROO = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "droo" / "data_5.mat"


@dataclass
class Outcome:
    """What a command left: its exit code and what it said."""

    code: Any
    out: str
    error: str


Run = Callable[..., Outcome]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Call the command line in this process; an exception that escapes it fails the test."""

    def call(*arguments: object) -> Outcome:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(one) for one in arguments])
        said = capfd.readouterr()
        assert "Traceback" not in said.out + said.err
        assert "Warning" not in said.err
        return Outcome(ended.value.code, said.out, said.err)

    return call


@pytest.fixture
def slots(tmp_path: Path, run: Run) -> Path:
    path = tmp_path / "slots.npz"
    assert run("sample", "binary-offloading", "--count", 6, "--seed", 3, "--set", "users=4", "-o", path).code == 0
    return path


def strictly(text: str) -> Any:
    """Read JSON as the standard has it: NaN and Infinity are no numbers."""
    return json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} is not JSON"))


# ---------------------------------------------------------------------- every command


def test_help_names_every_command_and_every_exit_code(run: Run) -> None:
    said = run("--help")
    assert said.code == 0
    for command in COMMANDS:
        assert f"\n  {command} " in said.out
        assert run(command, "--help").code == 0
    for code in (0, 1, 2, 3, 4, 130):
        assert re.search(rf"\n +{code} ", said.out)


def test_the_version_is_the_packages(run: Run) -> None:
    assert mecopt.__version__ in run("--version").out


def test_list_shows_every_problem_learner_and_policy_in_a_line(run: Run) -> None:
    said = run("list")
    assert said.code == 0
    known = [*mecopt.problems(), *learner_names(), "binary-offloading-paper"]
    for name in known:
        lines = re.findall(rf"^{name}  +\S", said.out, re.M)
        assert len(lines) == 1 + (name in dynamics_names())
    assert not re.search(r"^(field|allocation|dual|preset) ", said.out, re.M), "none is shown in full"
    assert "mecopt list NAME" in said.out


@pytest.mark.parametrize("name", mecopt.problems())
def test_list_shows_a_problem_in_full(name: str, run: Run) -> None:
    said, cls = run("list", name).out, mecopt.problems()[name]
    names = [f.name for kind in (cls, cls.Allocation, cls.Dual) for f in dataclasses.fields(kind)]
    for known in (names, cls.backends, cls.solvers):
        assert all(re.search(rf"^{one}  +\S", said, re.M) for one in known)
    assert all(f"\npreset {preset}, " in said for preset in cls.presets)
    told = " ".join(said.split())
    for f in dataclasses.fields(cls):
        assert " ".join(f.metadata["meaning"].split()[:2]) in told
    document = re.search(r"^\{.*\}$", said, re.M | re.S)
    assert document is not None
    example = from_mapping(strictly(document[0]))
    assert type(example) is cls
    assert set(example.sizes.values()) == {3}


def test_list_shows_a_learner_and_a_policy_in_full(run: Run) -> None:
    assert re.search(r"^literal +scheme perturb-exactly", run("list", "decision-net").out, re.M)
    assert re.search(r"^data_size +5.* to 2.* MB$", run("list", "binary-offloading-paper").out, re.M)
    assert re.search(r"^carrier_power +10 mW$", run("list", "hybrid-slot-paper").out, re.M)
    assert re.search(r"^service +optional$", run("list", "hybrid-slot-paper").out, re.M)


def test_list_shows_what_repeats_and_what_there_is_for_it(run: Run) -> None:
    said = run("list").out
    assert re.search(r"^backscatter-frame +battery +nothing proved +mecopt/BackscatterFrame-v0", said, re.M)
    assert re.search(r"^hybrid-slot +battery +mean bracketed +mecopt/HybridSlot-v0", said, re.M)
    assert re.search(r"^inference-queue +backlog, server_backlog +cost bounded ", said, re.M)
    assert "shadow-price" in said
    assert "mecopt rollout" not in run("list", "binary-offloading").out


@pytest.mark.parametrize("name", dynamics_names())
def test_list_says_every_policy_of_a_rollout_with_its_bound(name: str, run: Run) -> None:
    said, dynamics = run("list", name).out, find_dynamics(name)()
    told, words = said[said.index("slot after slot") :], dynamics.summaries()
    assert set(words) == {*dynamics.policies(), *dynamics.worlds()}
    assert {one.removeprefix("solver:") for one in policy_names(dynamics)} >= {
        *dynamics.policies(),
        *dynamics.problem.solvers,
    }
    for one in (*policy_names(dynamics)[:-2], *dynamics.worlds(), *dynamics.settable, "learned:FOLDER"):
        assert re.search(rf"^{one}  +\S", told, re.M)
    assert f"policy of mecopt rollout {name}" in told
    assert all(f"mecopt.environments:{one}" in told for one in environments_of(name))
    proved = dynamics.grids() is not None
    assert (
        (dynamics.why_unproved() is None)
        == proved
        == ("is bracketed by proof" in told)
        == ("\nperfect-information " in told)
    )
    assert proved or str(dynamics.why_unproved()) in " ".join(told.split())
    bounded = dynamics.discount is not None and dynamics.most_discounted() is not None
    assert bounded == ("no policy's discounted" in told) == (not proved and dynamics.proves() is not None)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("sample", "inference-queue"), "discount is no field of inference-queue, but a setting of its slots in a row"),
        (("train", "inference-queue"), "discount is no field of inference-queue"),
        (("train", "inference-queue", "--learner", "parametric-q"), "a setting of parametric-q; write --with discount=0.9"),
        (("rollout", "hybrid-slot"), "unknown field of hybrid-slot 'discount'"),
    ],
)
def test_a_setting_of_slots_in_a_row_is_told_where_it_is_set(
    command: tuple[str, ...], message: str, tmp_path: Path, run: Run
) -> None:
    said = run(*command, "--set", "discount=0.9", "-o", str(tmp_path / "new"))
    assert said.code == 2
    assert message in said.error
    assert not (tmp_path / "new").exists()


def test_list_says_which_name_was_meant(run: Run) -> None:
    said = run("list", "binary-ofloading")
    assert said.code == 2
    assert "did you mean 'binary-offloading'?" in said.error


def test_list_says_what_is_not_installed_and_how_to_get_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ("mecopt[scip]" in run("list").out) == (importlib.util.find_spec("pyscipopt") is None)
    hide("pyscipopt", monkeypatch)
    for arguments in (["list"], ["list", "binary-offloading"]):
        assert "not installed: pip install 'mecopt[scip]'" in run(*arguments).out


@pytest.mark.parametrize("suffix", [".npz", ".json"])
def test_sample_writes_the_instances_that_python_draws_with_the_same_seed(suffix: str, tmp_path: Path, run: Run) -> None:
    path = tmp_path / f"slots{suffix}"
    said = run("sample", "binary-offloading", "--count", 7, "--seed", 4, "--preset", "heterogeneous", "-o", path)
    assert (said.code, said.error) == (0, "")
    expected = BinaryOffloading.sample(np.random.default_rng(4), (7,), preset="heterogeneous")
    for name, value in load(path).problem.data().items():
        np.testing.assert_array_equal(value, expected.data()[name])
    assert (tmp_path / f"slots{suffix}.card.md").exists()


@pytest.mark.parametrize(
    ("setting", "field", "plain"),
    [
        ("capacity=40", "capacity", 40.0),
        ("capacity=320 Mbit/s", "capacity", 40.0),
        ("capacity=[10, 20]", "capacity", [10.0, 20.0]),
        ("capacity=[80, 160] Mbit/s", "capacity", [10.0, 20.0]),
        ("upload_power=500 mW", "upload_power", 0.5),
        ("data_size=[1, 2.5e0]", "data_size", [1.0, 2.5]),
        ("data_size=[8, 16] Mbit", "data_size", [1.0, 2.0]),
    ],
)
def test_settings_take_numbers_lists_and_units(setting: str, field: str, plain: Any, tmp_path: Path, run: Run) -> None:
    path = tmp_path / "slots.npz"
    assert run("sample", "binary-offloading", "--count", 2, "--set", setting, "-o", path).code == 0
    value = load(path).problem.data()[field]
    np.testing.assert_allclose(value, np.broadcast_to(plain, value.shape), rtol=1e-14)


def test_settings_take_words_of_choices(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "frames.npz"
    assert run("sample", "backscatter-frame", "--count", 2, "--set", "mode=mec-disabled", "-o", path).code == 0
    assert (load(path).problem.data()["mode"] == 2).all()
    said = run("sample", "backscatter-frame", "--set", "mode=mec-disable", "-o", tmp_path / "others.npz")
    assert said.code == 2
    assert "did you mean 'mec-disabled'" in said.error


def test_schema_prints_a_schema_that_a_hand_written_instance_fits(run: Run) -> None:
    for name in mecopt.problems():
        said = run("schema", name)
        assert said.code == 0
        jsonschema.Draft202012Validator.check_schema(strictly(said.out))
    fits = jsonschema.Draft202012Validator(strictly(run("schema", "binary-offloading").out))
    assert fits.is_valid({"problem": "binary-offloading", "data_size": [1, 2]})
    assert not fits.is_valid({"problem": "binary-offloading", "data_sise": [1, 2]})


def test_solve_prints_a_hand_written_instance_in_full(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "problem.json"
    path.write_text('{"problem": "binary-offloading", "data_size": [12.0, 7.5, 20.1], "capacity": 30}')
    said = run("solve", path)
    assert (said.code, said.error) == (0, "")
    assert "OPTIMAL by exact" in said.out
    assert said.out.count("offload") + said.out.count(" local ") >= 3


@pytest.mark.parametrize("colour", ["1", ""])
def test_where_no_bar_can_move_nothing_is_left_of_it(
    colour: str, slots: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the shell of an editor: a terminal, or no terminal, whose lines cannot be written anew."""
    monkeypatch.setenv("FORCE_COLOR", colour)
    monkeypatch.setenv("TERM", "dumb")
    said = run("solve", slots)
    assert (said.code, said.error) == (0, "")


@pytest.mark.parametrize("solver", ["exact", "enumerate", "scip", "coordinate-descent", "cd-slsqp", "random"])
def test_solve_prints_json_that_agrees_with_python(solver: str, slots: Path, run: Run) -> None:
    said = run("solve", slots, "--solver", solver, "--index", 2, "--json")
    assert said.code == 0
    answer, expected = strictly(said.out), mecopt.solve(load(slots).problem[2], solver=solver)
    assert answer["method"] == solver
    assert answer["objective"] == pytest.approx(float(expected.objective), rel=1e-9)
    assert answer["status"] == expected.status.name


def test_solve_by_highs_prints_json_in_a_process_of_its_own(slots: Path) -> None:
    command = [sys.executable, "-m", "mecopt.cli.main", "solve", str(slots), "--solver", "highs", "--index", "2", "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    answer = strictly(ended.stdout)
    assert (answer["method"], answer["status"]) == ("highs", "OPTIMAL")
    assert answer["objective"] == pytest.approx(float(mecopt.solve(load(slots).problem[2]).objective), rel=1e-9)


def test_solve_answers_a_whole_batch(slots: Path, run: Run) -> None:
    assert "6 OPTIMAL" in run("solve", slots).out
    answer = strictly(run("solve", slots, "--json").out)
    assert answer["status"] == ["OPTIMAL"] * 6
    np.testing.assert_allclose(answer["objective"], mecopt.solve(load(slots).problem).objective, rtol=1e-12)


def test_solve_prints_null_where_nothing_is_proved(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BinaryOffloading.solvers, "fragile", Fragile())
    (tmp_path / "x.json").write_text('{"problem": "binary-offloading", "data_size": [[1, 2], [3, 4]]}')
    said = run("solve", tmp_path / "x.json", "--solver", "fragile", "--json")
    assert strictly(said.out)["bound"] == [None, None]


def test_compare_prints_a_line_per_method_and_writes_everything(slots: Path, tmp_path: Path, run: Run) -> None:
    methods = ["exact", "prefix", "coordinate-descent", "local-search", "all-local"]
    said = run("compare", slots, "--methods", ",".join(methods), "--jobs", 1, "-o", tmp_path / "out")
    assert said.code == 0
    assert "ratio to the proved optimum" in said.out
    shown = [line.split()[0] for line in said.out.splitlines() if line.strip()]
    assert [one for one in shown if one in methods] == methods * 2  # their ratios, then their decisions
    assert "local  offload  never changes" in said.out
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"results.parquet", "report.html", "loss.png", "tradeoff.png", "instances.png", "parts"}
    origin = json.loads(pq.read_schema(tmp_path / "out" / "results.parquet").metadata[b"mecopt"])
    assert {"file": "slots.npz", "file_seed": 3, "file_preset": "paper"}.items() <= origin.items()


def test_compare_uses_only_the_first_instances_where_asked(slots: Path, tmp_path: Path, run: Run) -> None:
    assert run("compare", slots, "--methods", "exact", "--first", 2, "--jobs", 1, "-o", tmp_path / "out").code == 0
    assert pq.read_table(tmp_path / "out" / "results.parquet")["instance_id"].to_pylist() == [0, 1]


def test_compare_shows_the_answers_that_a_file_stores(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "slots.mat"
    assert run("sample", "computation-rate", "--count", 4, "--set", "users=3", "-o", path).code == 0
    said = run("compare", path, "--problem", "computation-rate", "--jobs", 1, "--first", 3, "-o", tmp_path / "out")
    assert said.code == 0
    assert "stored" in said.out
    assert "within 2e-7 of the reference in 3 of 3 instances" in " ".join(said.out.split())


def test_labels_of_other_weights_end_in_2_until_the_weights_are_set(tmp_path: Path, run: Run) -> None:
    from scipy.io import savemat

    problem = mecopt.find_problem("computation-rate").sample(np.random.default_rng(1), (8,), users=4, weight=[2.0, 1, 2, 1])
    best = mecopt.solve(problem)
    entries = {"output_mode": best.decision.astype(int), "output_obj": best.objective[:, None]}
    savemat(tmp_path / "x.mat", {"input_h": problem.data()["channel_gain"], **entries})
    asked = ["compare", tmp_path / "x.mat", "--methods", "exact,stored", "--jobs", 1, "-o", tmp_path / "out"]
    said = run(*asked)
    assert said.code == 2
    assert "labels were made with other data: in 8 of 8 instances" in " ".join(said.out.split())
    said = run(*asked, "--set", "weight=[2, 1, 2, 1]")
    assert said.code == 0
    assert "within 2e-7 of the reference in 8 of 8 instances" in " ".join(said.out.split())


def test_what_is_set_replaces_what_the_file_says_and_is_told(tmp_path: Path, run: Run) -> None:
    (tmp_path / "x.json").write_text('{"problem": "binary-offloading", "data_size": [10, 20], "capacity": 30}')
    said = run("solve", tmp_path / "x.json", "--set", "capacity=320 Mbit/s", "--set", "local_rate=[3, 4]", "--json")
    assert said.code == 0
    assert said.error.splitlines()[0] == "note: capacity is as set; what x.json says of it is not used"
    assert said.error.count("note:") == 1
    expected = mecopt.solve(BinaryOffloading(data_size=[10, 20], capacity=40, local_rate=[3, 4]))
    assert json.loads(said.out)["objective"] == float(expected.objective)
    said = run("solve", tmp_path / "x.json", "--set", "users=3")
    assert said.code == 2
    assert "unknown field of binary-offloading 'users'" in said.error


def test_an_entry_of_a_file_is_ignored_where_that_is_said(tmp_path: Path, run: Run) -> None:
    (tmp_path / "x.json").write_text('{"problem": "binary-offloading", "data_size": [10, 20], "remark": 30}')
    assert run("solve", tmp_path / "x.json").code == 2
    assert run("solve", tmp_path / "x.json", "--ignore", "remark").code == 0
    assert "to ignore: 'remarks'; did you mean 'remark'" in run("solve", tmp_path / "x.json", "--ignore", "remarks").error


def test_compare_agrees_with_the_stored_optima_of_the_authors(tmp_path: Path, run: Run) -> None:
    if not DROO.exists():
        pytest.skip(f"{DROO} is not here: the data of the DROO authors lie beside the repository")
    arguments = ["--methods", "exact,stored", "--first", 100, "--jobs", 1, "-o", tmp_path / "out"]
    said = run("compare", DROO, "--problem", "computation-rate", *arguments)
    assert said.code == 0
    assert "within 2e-7 of the reference in 100 of 100 instances" in " ".join(said.out.split())


def test_bench_prints_ratios(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    once = Timing((1e-3,), (1e-3,))
    monkeypatch.setattr("mecopt.compare.bench.turns.by_turns", lambda works, *_, **__: dict.fromkeys(works, once))
    monkeypatch.setattr("mecopt.compare.bench.record.threads", dict)
    monkeypatch.setattr("mecopt.compare.bench.slots.LEARNED", 10)
    said = run("bench", "computation-rate", "--quick")
    assert said.code == 0
    assert "computation-rate (seed 0" in said.out
    for rival in (*installed(ComputationRate.backends)[1:], "highs", "1,024 decisions scored one by one"):
        assert rival in said.out
    assert "1.0 x" in said.out
    assert said.out.count("ratio: the second CPU time over the first one") == 1
    assert "W1002" not in said.out + said.error


class HandTimer:
    """Stands in for `threading.Timer`: time is up when the test says so."""

    started: ClassVar[list[HandTimer]] = []
    at_once = False

    def __init__(self, interval: float, function: Callable[[], None]) -> None:
        self.interval, self.fire = interval, function
        self.daemon = self.cancelled = False

    def start(self) -> None:
        self.started.append(self)
        if self.at_once:
            self.fire()

    def cancel(self) -> None:
        self.cancelled = True


@pytest.mark.parametrize("command", [("solve",), ("compare", "--methods", "exact", "--jobs", 1, "-o", "out")])
@pytest.mark.parametrize(("long", "lines"), [(True, 1), (False, 0)])
def test_who_waits_long_is_told_once_that_work_goes_on(
    command: tuple[Any, ...],
    long: bool,
    lines: int,
    slots: Path,
    tmp_path: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(HandTimer, "started", [])
    monkeypatch.setattr(HandTimer, "at_once", long)
    monkeypatch.setattr("mecopt.cli.console.Timer", HandTimer)
    said = run(command[0], slots, *command[1:])
    assert said.code == 0
    assert said.error.count("still at work\n") == lines
    assert said.error.count("\n") == lines
    (timer,) = HandTimer.started
    assert timer.interval == SILENT
    assert timer.daemon, "a command that is interrupted would wait for it"
    assert timer.cancelled, "the timer goes on when the command has ended"
    timer.fire()
    assert capfd.readouterr().err == "", "a timer that fires as the command ends speaks after it"


def test_that_kernels_are_compiled_is_told_elsewhere_and_does_not_count_as_silence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(HandTimer, "started", [])
    monkeypatch.setattr(HandTimer, "at_once", False)
    monkeypatch.setattr("mecopt.cli.console.Timer", HandTimer)
    with at_work():
        with clock.standing_still():
            HandTimer.started[-1].fire()
        assert capsys.readouterr().err == ""
        HandTimer.started[-1].fire()
        assert capsys.readouterr().err == "still at work\n"
    assert len(HandTimer.started) == 2
    assert HandTimer.started[-1].cancelled


# ---------------------------------------------------------------------- exit codes


class Fragile(Solver):
    """Fails on every instance."""

    name = "fragile"
    summary = "fails"

    def search(self, problem: Problem, *, start: Any, gap: float | None, time_limit: float | None, rng: Generator) -> Search:
        shape = problem.batch_shape
        bound = np.full(shape, -np.inf)
        return Search(np.zeros((*shape, problem.users), dtype=np.int8), bound=bound, failed=np.ones(shape, dtype=bool))


def hide(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec

    def found(name: str, package_: str | None = None) -> Any:
        return None if name == package else find(name, package_)

    monkeypatch.setattr("mecopt.contract.backend.importlib.util.find_spec", found)


def test_an_instance_without_an_answer_ends_in_1(
    slots: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BinaryOffloading.solvers, "fragile", Fragile())
    said = run("solve", slots, "--solver", "fragile")
    assert said.code == 1
    assert "6 FAILED" in said.out
    compared = run("compare", slots, "--methods", "fragile", "--jobs", 1, "-o", tmp_path / "out")
    assert compared.code == 1
    assert f"written: {tmp_path / 'out'}/report.html, results.parquet" in compared.out


def test_a_method_that_fails_beside_one_that_answers_ends_in_0(
    slots: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BinaryOffloading.solvers, "fragile", Fragile())
    said = run("compare", slots, "--methods", "exact,fragile", "--jobs", 1, "-o", tmp_path / "out")
    assert said.code == 0
    assert "fragile has no answer in 6 instances" in " ".join(said.out.split())


def test_an_instance_proved_to_have_no_answer_ends_in_1_of_solve_and_compare_alike(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "late.json"
    gains, deadlines = [[[1e-7]], [[1e-7]]], [[9.0], [1e-9]]
    path.write_text(json.dumps({"problem": "multi-server-offloading", "channel_gain": gains, "deadline": deadlines}))
    assert run("solve", path).code == 1
    assert run("compare", path, "--methods", "exact,all-local", "--jobs", 1, "-o", tmp_path / "out").code == 1
    assert run("compare", path, "--methods", "exact", "--first", 1, "--jobs", 1, "-o", tmp_path / "out").code == 0


def test_a_solver_that_is_not_installed_ends_in_3(
    slots: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide("pyscipopt", monkeypatch)
    for said in (
        run("solve", slots, "--solver", "scip"),
        run("compare", slots, "--methods", "exact,scip", "-o", tmp_path / "out"),
    ):
        assert said.code == 3
        assert said.error.count("\n") == 1
        assert "pip install 'mecopt[scip]'" in said.error
    assert not (tmp_path / "out").exists()


def test_an_answer_cut_short_by_a_limit_ends_in_4_with_its_gap(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "hard.npz"
    run("sample", "binary-offloading", "--preset", "subset-sum", "--set", "users=60", "--count", 1, "-o", path)
    said = run("solve", path, "--time-limit", 0, "--gap", 0, "--json")
    answer = strictly(said.out)
    assert said.code == 4, answer["status"]
    assert answer["status"] == "LIMIT"
    assert answer["gap"] > 0


def test_an_interruption_ends_in_130(slots: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mecopt.data.load", interrupt)
    said = run("solve", slots)
    assert said.code == 130
    assert "interrupted" in said.error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["slove"], "did you mean 'solve'"),
        ([""], "no command ''"),
        (["--verbose"], "No such option"),
        (["solve"], "Missing argument"),
        (["solve", "SLOTS", "--solvr", "exact"], "--solver"),
        (["solve", "SLOTS", "--solver", "exat"], "did you mean 'exact'"),
        (["solve", "SLOTS", "--solver", "prefix", "--index", "6"], "allowed: 0 to 5"),
        (["solve", "SLOTS", "--index", "-1"], "-1 is not in the range"),
        (["solve", "SLOTS", "--index", "x"], "not a valid integer"),
        (["solve", "SLOTS", "--index", "0_1"], "not a valid integer; allowed: digits"),
        (["solve", "SLOTS", "--seed", " 1"], "not a valid integer; allowed: digits"),
        (["solve", "SLOTS", "--gap", "\u0660.1"], "not a valid float; allowed: digits"),
        (["solve", "SLOTS", "--set", "capacity=1_0"], "without separators"),
        (["solve", "SLOTS", "--set", "capacity=\u0661\u0660"], "allowed: a number or a list"),
        (["solve", "SLOTS", "--set", "capacity=\u0131nf"], "allowed: a number or a list"),
        (["solve", "SLOTS", "--set", "capacity=1 MB/s^\u0661"], "unknown unit"),
        (["solve", "SLOTS", "--gap", "-1"], "gap is -1.0; allowed: a relative gap >= 0 and < 1"),
        (["solve", "SLOTS", "--gap", "nan"], "gap is nan"),
        (["solve", "SLOTS", "--gap", "1"], "gap is 1.0; allowed: a relative gap"),
        (["solve", "SLOTS", "--time-limit", "inf"], "time_limit is inf"),
        (["solve", "SLOTS", "--problem", "computation-rate"], "is of problem 'binary-offloading'"),
        (["solve", "missing.npz"], "missing.npz does not exist"),
        (["solve", "FOLDER"], "suffix"),
        (["sample", "binary-ofloading", "-o", "NEW"], "did you mean 'binary-offloading'"),
        (["sample", "binary-offloading"], "Missing option '-o'"),
        (["sample", "binary-offloading", "--preset", "papr", "-o", "NEW"], "did you mean 'paper'"),
        (["sample", "binary-offloading", "--count", "0", "-o", "NEW"], "not in the range"),
        (["sample", "binary-offloading", "--count", "many", "-o", "NEW"], "not a valid integer"),
        (["sample", "binary-offloading", "--count", "1_0", "-o", "NEW"], "not a valid integer; allowed: digits"),
        (["sample", "binary-offloading", "--set", "users=1_0", "-o", "NEW"], "users is '1_0'; allowed: a whole number"),
        (["sample", "binary-offloading", "--set", "users=\u0661", "-o", "NEW"], "allowed: a whole number"),
        (["sample", "binary-offloading", "-o", "FOLDER/new.xls"], "suffix '.xls'; allowed: .json, .npz, .mat"),
        (["sample", "binary-offloading", "-o", "SLOTS/new.npz"], "SLOTS"),
        (["sample", "binary-offloading", "-o", "FOLDER/new.mat"], "no .mat layout"),
        (["schema", "computation"], "did you mean 'computation-rate'"),
        (["bench", "xyz"], "unknown problem 'xyz'"),
        (["compare", "SLOTS"], "Missing option '-o'"),
        (["compare", "SLOTS", "-o", "SLOTS"], "SLOTS"),
        (["compare", "SLOTS", "--methods", "", "-o", "NEW"], "methods is empty"),
        (["compare", "SLOTS", "--methods", "exat", "-o", "NEW"], "did you mean 'exact'"),
        (["compare", "SLOTS", "--methods", "exact,exact", "-o", "NEW"], "named twice"),
        (["compare", "SLOTS", "--methods", "stored", "-o", "NEW"], "needs a file that stores answers"),
        (["compare", "SLOTS", "--methods", "exact", "--time-limit", "-1", "-o", "NEW"], "time_limit is -1.0"),
        (["compare", "SLOTS", "--jobs", "0", "-o", "NEW"], "not in the range"),
        (["compare", "SLOTS", "--jobs", "\u0662", "-o", "NEW"], "not a valid integer; allowed: digits"),
        (["compare", "SLOTS", "--split", "0.5_0", "-o", "NEW"], "not a valid float; allowed: digits"),
        (["compare", "SLOTS", "--first", "0", "-o", "NEW"], "not in the range"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_use_ends_in_2_and_says_what_is_wrong(
    arguments: list[str], message: str, slots: Path, tmp_path: Path, run: Run
) -> None:
    places = {"SLOTS": str(slots), "FOLDER": str(tmp_path), "NEW": str(tmp_path / "new")}

    def placed(text: str) -> str:
        for name, place in places.items():
            text = text.replace(name, place)
        return text

    said = run(*map(placed, arguments))
    assert said.code == 2
    assert placed(message) in said.error
    assert said.out == ""
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("users", "has no '='"),
        ("users=abc", "users is 'abc'"),
        ("users=2.5", "whole number of at least 1"),
        ("users=0", "whole number of at least 1"),
        ("users=true", "whole number of at least 1"),
        ("users=10 MB", "users is '10 MB'"),
        ("user=3", "did you mean 'users'"),
        ("=3", "unknown field"),
        ("capcity=3", "did you mean 'capacity'"),
        ("capacity=", "capacity is ''"),
        ("capacity=much", "capacity is 'much'"),
        ("capacity=NaN", "capacity is nan"),
        ("capacity=nan", "capacity is nan"),
        ("data_size=[1, -inf, 2] MB", "data_size[1] is -inf"),
        ("capacity=-3", "capacity is -3.0"),
        ("capacity=null", "capacity is null"),
        ("capacity=true", "no number"),
        ('capacity="3"', "no number"),
        ("capacity=3MB/", "unknown unit 'MB/'"),
        ("capacity=3 parsec", "unknown unit 'parsec'"),
        ("capacity=3 W", "measure different things"),
        ("capacity=[1, 2]", "broadcast with (3,)"),
        ("capacity=[1, [2]]", "not a rectangular array"),
        ("data_size=5", "allowed: one entry per user"),
        ("data_size=[]", "at least one user"),
        ("local_rate=[1, 2, 3]", "10 entries on the last axis"),
        ("users=100000000000000", "GB of memory"),
    ],
)
def test_a_setting_that_makes_no_sense_ends_in_2(setting: str, message: str, tmp_path: Path, run: Run) -> None:
    said = run("sample", "binary-offloading", "--count", 3, "--set", setting, "-o", tmp_path / "x.npz")
    assert said.code == 2
    assert message in said.error
    assert said.error.startswith("error: ")
    assert list(tmp_path.iterdir()) == []


def test_a_setting_that_stands_twice_ends_in_2(tmp_path: Path, run: Run) -> None:
    twice = ["--set", "users=3", "--set", "users=4"]
    assert "names 'users' twice" in run("sample", "binary-offloading", *twice, "-o", tmp_path / "x.npz").error


@pytest.mark.parametrize("command", [["solve"], ["compare", "--methods", "exact", "-o", "OUT"]], ids=lambda c: c[0])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.json", b""),
        ("x.json", b"[" * 100_000),
        ("x.json", b'{"problem": "binary-offloading"}'),
        ("x.json", b'{"problem": ["a"], "data_size": [1]}'),
        ("x.json", b'{"problem": "binary-offloading", "data_size": [1], "data_size": [2]}'),
        ("x.json", b'{"problem": "binary-offloading", "data_sizes": [1]}'),
        ("x.json", b'{"problem": "binary-offloading", "data_size": []}'),
        ("x.json", b'{"problem": "binary-offloading", "data_size": [1], "capacity": []}'),
        ("x.json", b'{"problem": "binary-offloading", "data_size": [1], "capacity": NaN}'),
        ("x.json", b'{"problem": "binary-offloading", "data_size": [1], "provenance": 3}'),
        ("x.json", b"\xff\xfe\x00"),
        ("x.npz", b""),
        ("x.npz", b"PK\x03\x04" + bytes(100)),
        ("x.npz", b"\x80\x04N."),
        ("x.mat", b"nonsense"),
        ("x.mat", b"MATLAB 5.0 MAT-file" + bytes(200)),
        ("x.csv", b"data_size\n1\n2,3\n"),
        ("x.parquet", b"PAR1"),
        ("x.npy", b"\x93NUMPY"),
        ("x.doc", b"1 2 3"),
    ],
    ids=lambda value: value[:60].decode("latin1") if isinstance(value, bytes) else value,
)
def test_a_bad_file_ends_in_2_and_one_line(command: list[str], name: str, content: bytes, tmp_path: Path, run: Run) -> None:
    (tmp_path / name).write_bytes(content)
    verb, *options = [part.replace("OUT", str(tmp_path / "out")) for part in command]
    said = run(verb, tmp_path / name, *options)
    assert said.code == 2
    assert said.error.startswith("error: ")
    assert said.error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_to_ends_in_2(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: Any, target: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    said = run("sample", "binary-offloading", "-o", tmp_path / "x.npz")
    assert said.code == 2
    assert "No space left on device" in said.error
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------- a fresh process


@pytest.mark.parametrize(
    "code",
    ["import mecopt", "from mecopt.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass"],
    ids=["import mecopt", "mecopt --help"],
)
def test_heavy_packages_are_loaded_only_where_they_are_used(code: str) -> None:
    shown = f"{code}\nimport sys\nprint('loaded:', *sorted(m for m in {HEAVY!r} if m in sys.modules), sep='|')"
    ended = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "loaded:"


def test_a_million_users_go_through_the_command_line(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "big.npz"
    assert run("sample", "binary-offloading", "--set", "users=1000000", "-o", path).code == 0
    said = run("solve", path)
    assert said.code == 0
    assert "OPTIMAL by exact" in said.out
    assert "and 999980 more users: `solution.table()` in Python, `mecopt solve FILE --all` on the command line" in said.out


def test_solve_shows_every_user_and_every_instance_on_request(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "slots.npz"
    assert run("sample", "binary-offloading", "--count", 30, "--set", "users=40", "-o", path).code == 0
    for arguments, rows in (((), 30), (("--index", 3), 40)):
        numbered = [line.split()[0] for line in run("solve", path, *arguments, "--all").out.splitlines() if line.strip()]
        assert [word for word in numbered if word.isdigit()] == [str(row) for row in range(rows)]


def test_a_reader_that_stops_early_sees_no_traceback() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "mecopt.cli.main", "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    process.wait()


def test_python_m_is_the_same_as_the_command() -> None:
    ended = subprocess.run([sys.executable, "-m", "mecopt.cli.main", "slove"], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "did you mean 'solve'" in ended.stderr


def test_every_problem_that_the_models_export_is_listed_by_its_own_name() -> None:
    exported = [getattr(mecopt.models, name) for name in mecopt.models.__all__]
    assert mecopt.problems() == {cls.name: cls for cls in exported}


def test_the_package_is_the_command_too() -> None:
    command = [sys.executable, "-m", "mecopt", "--version"]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert said.stdout.startswith("mecopt")
