"""Sweeps: rows are those of comparisons of sampled files, nothing is lost or computed twice, keys name everything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from saying import bare

from mecopt import InstanceError, Limit, UnknownName
from mecopt.cli.main import main
from mecopt.compare import compare
from mecopt.data import load
from mecopt.models import BinaryOffloading, ComputationRate
from mecopt.parallel import where
from mecopt.storage import sealed
from mecopt.storage.atomic import write_whole
from mecopt.storage.policies import shipped
from mecopt.sweeps import Sweep, sweep
from mecopt.sweeps.figures import FIGURES, spots_of
from mecopt.sweeps.grid import axes_of
from mecopt.sweeps.report import findings, rows, write_report
from mecopt.sweeps.run import plan

COUNT, SHORT, SEEDS = 7, 4, 2
OVER: dict[str, Any] = {"users": [2, 3], "preset": ["paper", "heterogeneous"]}
METHODS = ["cd-slsqp", "all-local"]
PARTS = 4 * SEEDS * len(METHODS) * 2


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts are short."""
    monkeypatch.setattr("mecopt.sweeps.run.CHUNK", SHORT)
    monkeypatch.setattr("mecopt.compare.run.CHUNK", SHORT)


def swept(out: Path, **more: Any) -> Sweep:
    told: dict[str, Any] = {"count": COUNT, "seeds": SEEDS, "jobs": 1, **more}
    return sweep("binary-offloading", OVER, METHODS, out=out, **told)


def ended(*arguments: Any) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    assert isinstance(end.value.code, int)
    return end.value.code


def written(out: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (out / "parts").glob("*.parquet")}


def without_seconds(table: pa.Table) -> pa.Table:
    kept = [name for name in table.column_names if not name.endswith("_seconds") and name != "host"]
    return table.select(kept).replace_schema_metadata(None).combine_chunks()


def test_rows_are_those_of_a_comparison_of_the_file_that_sample_writes(tmp_path: Path) -> None:
    command = ["--count", COUNT, "--seed", 1, "--preset", "heterogeneous", "--set", "users=3", "-o", tmp_path / "slots.npz"]
    assert ended("sample", "binary-offloading", *command) == 0
    alone = compare(load(tmp_path / "slots.npz").problem, METHODS, out=tmp_path / "alone", seed=1, jobs=1)
    found = swept(tmp_path / "out")
    settings = {"users": 3, "preset": "heterogeneous"}
    same = without_seconds(found.at(settings, seed=1).table).drop_columns(["users", "preset", "seed"])
    assert same.equals(without_seconds(alone.table))
    table = pq.read_table(tmp_path / "out" / "results.parquet")
    assert table.column_names[:5] == ["users", "preset", "seed", "instance_id", "method"]
    chosen = pc.and_(pc.equal(table["users"], 3), pc.equal(table["preset"], "heterogeneous"))
    of_point = without_seconds(table.filter(pc.and_(chosen, pc.equal(table["seed"], 1)))).drop_columns(list(settings))
    assert of_point.drop_columns(["seed"]).equals(same)
    assert table.num_rows == 4 * SEEDS * COUNT * len(METHODS)
    assert [len(set(table[name].to_pylist())) for name in ("users", "preset", "seed", "method")] == [2, 2, SEEDS, 2]


@pytest.mark.parametrize("after", [0, 1, 9, PARTS - 1])
def test_a_sweep_that_was_cut_off_goes_on_from_what_it_had_written(
    after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept(tmp_path / "alone")
    room = [after]

    def dying(path: Path, content: bytes) -> None:
        room[0] -= 1
        if room[0] < 0:
            raise KeyboardInterrupt
        write_whole(path, content)

    with monkeypatch.context() as patched:
        patched.setattr("mecopt.sweeps.run.write_whole", dying)
        with pytest.raises(KeyboardInterrupt):
            swept(tmp_path / "out")
    kept = written(tmp_path / "out")
    assert len(kept) == after
    begun: list[tuple[int, int]] = []
    swept(tmp_path / "out", progress=lambda *done: begun.append(done))
    assert begun[0] == (after, PARTS)
    assert kept.items() <= written(tmp_path / "out").items()
    assert bare(tmp_path / "out") == bare(tmp_path / "alone")


def test_shards_are_gathered_as_one_sweep_and_more_seeds_are_added(tmp_path: Path) -> None:
    swept(tmp_path / "alone")
    for number in (1, 2):
        with where(shard=f"{number}/2") as place:
            swept(tmp_path / "out")
        assert f"shard {number}/2" in place.unfinished
    assert not (tmp_path / "out" / "results.parquet").exists()
    assert len(written(tmp_path / "out")) == PARTS
    swept(tmp_path / "out")
    assert bare(tmp_path / "out") == bare(tmp_path / "alone")
    before = written(tmp_path / "out")
    more = swept(tmp_path / "out", seeds=SEEDS + 1)
    assert before.items() <= written(tmp_path / "out").items()
    assert len(written(tmp_path / "out")) == PARTS // SEEDS * (SEEDS + 1)
    assert more.seeds == [0, 1, 2]


def test_a_dry_run_says_what_there_is_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    axes = [option for name, values in OVER.items() for option in ("--over", f"{name}={','.join(map(str, values))}")]
    command = ["sweep", "binary-offloading", *axes, "--methods", ",".join(METHODS), "--count", COUNT, "-o", tmp_path / "out"]
    assert ended(*command, "--seeds", SEEDS, "--dry-run") == 0
    said = capsys.readouterr().out
    assert "over users and preset: 4 points of 2 seeds, 56 instances, cd-slsqp, all-local" in said
    assert f"{PARTS} parts, 0 of them there already, {PARTS} to compute" in said
    assert not (tmp_path / "out").exists()
    assert ended(*command, "--seeds", 1, "--jobs", 1) == 0
    assert "written:" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == {f"{f}-over-{a}.png" for f in FIGURES for a in OVER}
    assert ended(*command, "--seeds", SEEDS, "--dry-run") == 0
    assert f"{PARTS} parts, {PARTS // 2} of them there already, {PARTS // 2} to compute" in capsys.readouterr().out


def test_figures_and_spread_are_those_of_the_rows(tmp_path: Path) -> None:
    found = swept(tmp_path)
    spots = spots_of(found)
    table = found.table.to_pylist()
    for spot in spots:
        here = [row for row in table if {name: row[name] for name in OVER} == spot.values]
        for method in METHODS:
            means, losses = [], []
            for seed in range(SEEDS):
                mine = [row for row in here if row["method"] == method and row["seed"] == seed]
                proved = [row for row in here if row["method"] == METHODS[0] and row["seed"] == seed]
                bounds = [max(a["bound"], b["bound"]) for a, b in zip(mine, proved, strict=True)]
                best = [min(a["objective"], b["objective"]) for a, b in zip(mine, proved, strict=True)]
                closed = [any(row["status"] == "OPTIMAL" for row in pair) for pair in zip(mine, proved, strict=True)]
                reference = np.where(closed, best, bounds)
                means.append(np.mean([row["objective"] for row in mine]))
                losses.append(1.0 - np.mean(reference / [row["objective"] for row in mine]))
            assert spot.spread("objective", method) == pytest.approx((np.mean(means), min(means), max(means)), rel=1e-12)
            assert spot.spread("loss", method)[1:] == pytest.approx((min(losses), max(losses)), abs=2e-10)
    texts = rows(spots)
    assert [text[:3] for text in texts[:2]] == [["2", "paper", METHODS[0]], ["2", "paper", METHODS[1]]]
    (tmp_path / "loss-over-capacity.png").touch()
    write_report(found, tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not (tmp_path / "loss-over-capacity.png").exists()
    assert all(f"{name}-over-users.png" in page for name in FIGURES)
    assert "over seeds" in page


# ---------------------------------------------------------------------- keys


def keys(**changed: Any) -> set[str]:
    told: dict[str, Any] = {"over": {"users": [2]}, "methods": ["all-local"], "count": 4, "seeds": 1, **changed}
    return {part.key for part in plan(BinaryOffloading, told.pop("over"), told.pop("methods"), out="none", **told).parts}


@pytest.mark.parametrize(
    "changed",
    [
        {"settings": {"capacity": 41.0}},
        {"preset": "heterogeneous"},
        {"count": 3},
        {"time_limit": 5.0},
        {"over": {"users": [3]}},
        {"methods": ["all-offload"]},
        {"limits": [Limit("one", {"offload": 1.0}, most=1)], "methods": ["exact"]},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_whatever_decides_an_answer_is_part_of_its_name(changed: dict[str, Any]) -> None:
    assert keys() == keys()
    assert not keys() & keys(**changed)
    if "limits" in changed:
        assert not keys(**changed) & keys(**{**changed, "limits": [Limit("one", {"offload": 1.0}, most=2)]})
        assert not keys(**changed) & keys(methods=["exact"])


def test_names_tell_code_seeds_versions_and_weights_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    found = keys(seeds=2)
    assert len(found) == 2
    assert keys() < found
    with monkeypatch.context() as patched:
        patched.setattr("mecopt.sweeps.run.code_digest", lambda: "other")
        assert not keys() & found
    with monkeypatch.context() as patched:
        patched.setattr("mecopt.sweeps.run.versions", lambda: {"numpy": "0"})
        assert not keys() & found
    learned = keys(over={"users": [10]}, methods=["learned"])
    policy = shipped(BinaryOffloading.sample(np.random.default_rng(0), (2,)))
    assert policy is not None
    monkeypatch.setitem(policy.card, "sha256", "0" * 64)
    assert not keys(over={"users": [10]}, methods=["learned"]) & learned


def test_a_part_of_another_sweep_is_not_taken(tmp_path: Path) -> None:
    swept(tmp_path)
    parts = sorted((tmp_path / "parts").glob("all-local-*.parquet"))
    one, other = parts[:2]
    one.write_bytes(other.read_bytes())
    begun: list[tuple[int, int]] = []
    swept(tmp_path, progress=lambda *done: begun.append(done))
    assert begun[0] == (PARTS - 1, PARTS)
    with pytest.raises(sealed.Unusable):
        sealed.read_table(other, "part of a comparison")


# ---------------------------------------------------------------------- what is said


def test_a_policy_is_left_out_where_none_is_for_a_point_and_it_is_said(tmp_path: Path) -> None:
    found = sweep(BinaryOffloading, {"users": [2, 10]}, ["exact", "learned"], out=tmp_path, count=4, seeds=1, jobs=1)
    assert found.at({"users": 2}).methods == ["exact"]
    assert found.at({"users": 10}).methods == ["exact", "learned"]
    (said,) = (text for text in findings(found, spots_of(found)) if "left out at" in text)
    assert said.startswith("learned is left out at users=2: no trained policy ships for these instances")
    with pytest.raises(InstanceError, match="users=2: no trained policy ships"):
        plan(BinaryOffloading, {"users": [2, 3]}, ["exact", "learned"], out=tmp_path)
    with pytest.raises(InstanceError, match=r"the sweep has no point users=3; allowed: users=2 \| users=10, seeds 0 to 0"):
        found.at({"users": 3})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--over", "user=2,3"], "unknown field of binary-offloading 'user'; did you mean 'users'?"),
        (["--over", "users"], "has no '='; write for example --over users=10,30"),
        (["--over", "users=2,"], "a value is empty"),
        (["--over", "users=2,two"], "--over 'users=two': users is 'two'; allowed: a whole number"),
        (["--over", "users=2,2"], "the axis users has the value 2 twice"),
        (["--over", "users=2", "--over", "users=3"], "--over names 'users' twice"),
        (["--over", "users=0"], "users is 0; allowed: a whole number of at least 1"),
        (["--over", "capacity=20,40 MB/s"], "some values have a unit and others none"),
        (["--over", "preset=paper,hetero"], "unknown preset of binary-offloading 'hetero'; did you mean 'heterogeneous'?"),
        (["--over", "preset=paper", "--preset", "paper"], "the preset is said to be 'paper', and is an axis as well"),
        (["--over", "users=2", "--set", "users=3"], "users is set, and is an axis as well"),
        (["--over", "users=2", "--methods", "exat"], "unknown method for binary-offloading 'exat'; did you mean 'exact'?"),
        (["--over", "users=2", "--methods", "exact,exact"], "the method 'exact' is named twice"),
        (["--over", "users=2", "--methods", "stored"], "a sweep draws its instances"),
        (["--over", "users=2", "--methods", "exact,learned"], "Train one on instances like these, by `mecopt train"),
        (["--over", "users=2", "--methods", ","], "methods is empty; name at least one"),
    ],
)
def test_bad_input_is_a_sentence(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended("sweep", "binary-offloading", *arguments, "-o", tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()


def test_axes_have_units_lists_and_words() -> None:
    assert axes_of(BinaryOffloading, ["capacity=160 Mbit/s,40 MB/s"]) == {"capacity": [20.0, 40.0]}
    lists = axes_of(BinaryOffloading, ["data_size=[1, 2],[3, 4]"])
    found = plan(BinaryOffloading, lists, ["all-local"], out="none", settings={"users": 2}, count=2, seeds=1)
    assert [point["values"] for point in found.origin["points"]] == [{"data_size": "[1, 2]"}, {"data_size": "[3, 4]"}]
    with pytest.raises(UnknownName, match="did you mean 'channel_gain'"):
        plan(ComputationRate, {"chanel_gain": [1.0]}, out="none")
    nothing: list[Any] = [{}, {"users": []}, {"users": "23"}, {"users": 3}]
    for wrong in nothing:
        with pytest.raises(InstanceError, match=r"no axis|allowed: a list of its values"):
            plan(BinaryOffloading, wrong, out="none")
