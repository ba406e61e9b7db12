"""`mecopt rollout`: what is proved first, paired differences, whole and resumed runs, and what is refused."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from loading import example

from mecopt import InstanceError
from mecopt.cli.main import main
from mecopt.dynamic import Chart, Dynamics, best_discounted, estimate, path_digest, policy_of, rollout, shown
from mecopt.dynamic.report import BINS, LINES, PICTURES, bins, draw_lines, write_report
from mecopt.dynamic.results import INFORMATION, MAPS, RESULTS
from mecopt.dynamic.rollouts import Rollouts
from mecopt.dynamic.run import default_policies, roll_out
from mecopt.dynamic.segments import BLOCKS, SEGMENTS
from mecopt.dynamic.summary import ABOVE, summarise
from mecopt.models.backscatter_frame.dynamics.steps import FrameDynamics
from mecopt.models.inference_queue.dynamics.steps import QueueDynamics

pytestmark = pytest.mark.filterwarnings("ignore::mecopt.quantities.doubts.AmbiguousShape")


STORE: Any = example("energy_store")
BOTH = ["enumerate", "dynamic-program"]


def ran(out: Path, names: list[str] | None = None, **more: Any) -> Rollouts:
    given = {"slots": 80, "lanes": 3, "seed": 4, "jobs": 1, **more}
    return roll_out(STORE.StoreDynamics(), BOTH if names is None else names, out=out, **given)


def command(*arguments: str) -> Any:
    with pytest.raises(SystemExit) as ended:
        main(["rollout", *arguments])
    return ended.value.code


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mecopt.registry.find_dynamics", lambda name: STORE.StoreDynamics)


def test_rows_are_the_block_means_of_a_rollout(tmp_path: Path) -> None:
    found, dynamics = ran(tmp_path), STORE.StoreDynamics()
    path = dynamics.stream(np.random.default_rng((4, 0)), 80, 3)
    assert found.provenance["path"] == path_digest(path)
    for name in BOTH:
        whole = rollout(dynamics, path, policy_of(dynamics, name), np.random.default_rng(0))  # neither of them draws
        slots = found.column(name, "slots")
        assert slots.shape == (BLOCKS, 3)
        assert slots.sum() == 240
        for column, values in {"reward": whole.reward, **whole.measures}.items():
            assert (found.column(name, column) * slots).sum() == pytest.approx(values.sum(), rel=1e-12)
        first = found.column(name, "first_slot")
        for block in (0, 7, BLOCKS - 1):
            rows = slice(first[block, 0], first[block, 0] + slots[block, 0])
            np.testing.assert_allclose(found.column(name, "reward")[block], whole.reward[rows].mean(axis=0), rtol=1e-12)
        trace = found.rows(name)["trace_level"].combine_chunks().flatten().to_numpy()
        assert np.array_equal(trace, whole.carried["level"][:, 0, 0])
        sample = found.rows(name)["carried_level"].combine_chunks().flatten().to_numpy()
        assert sorted(sample) == sorted(whole.carried["level"].ravel())  # a block this short is kept whole


def test_summaries_are_paired_and_beside_the_bracket(tmp_path: Path) -> None:
    found = ran(tmp_path, [*BOTH, INFORMATION], slots=400)
    summary = summarise(found)
    low, high = found.provenance["bounds"]["long-run"]
    bracket = STORE.StoreDynamics().bracket()
    assert (low, high) == (bracket.lower, bracket.upper)
    assert summary.proved[0].startswith(f"proved: the best long-run revenue lies in [{low:.6g}, {high:.6g}]")
    known = found.provenance["bounds"][INFORMATION]
    assert f"{known[1]:.6g}" in summary.proved[1]
    first, second = summary.rows
    assert first.difference is None
    assert second.difference is not None
    means = [estimate(found.column(name, "reward"), found.column(name, "slots")).mean for name in BOTH]
    assert second.difference.mean == pytest.approx(means[1] - means[0], rel=1e-9)
    assert max(means) <= known[1]
    assert second.reached == (means[1] / high, means[1] / low)
    assert "dynamic-program earns" in summary.findings[0]
    assert "more than enumerate (paired)" in summary.findings[0]
    assert summary.headers == ["policy", "mean", "± error", "minus enumerate", "± paired", "of the bracket"]
    assert summary.measured == ["policy", "sold [kWh]", "level [kWh]"]
    assert "bracket" in str(found)
    assert "level [kWh]" in str(found)
    assert repr(found) == "<Rollouts energy-store: 2 policies, 400 slots, 3 lanes>"


@pytest.mark.parametrize("how", ["bytes", "rows", "what it left"])
def test_a_run_that_was_interrupted_goes_on_and_ends_the_same(tmp_path: Path, how: str) -> None:
    whole = ran(tmp_path / "whole", slots=90)

    def stop(done: int, total: int) -> None:
        assert total == 2 * SEGMENTS
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ran(tmp_path / "again", slots=90, progress=stop)
    assert not (tmp_path / "again" / RESULTS).exists()
    kept = sorted((tmp_path / "again" / "parts").glob("*-0?.parquet"))
    assert len(kept) == 5
    table = pq.read_table(kept[2])
    damaged = {"bytes": None, "rows": table[:-1], "what it left": table.replace_schema_metadata(None)}[how]
    kept[2].write_bytes(b"damaged")  # what comes after it is computed anew
    if damaged is not None:
        pq.write_table(damaged, kept[2])
    written = kept[1].stat().st_mtime_ns
    done: list[int] = []
    again = ran(tmp_path / "again", slots=90, progress=lambda n, total: done.append(n))
    assert done[0] == 2
    assert kept[1].stat().st_mtime_ns == written
    assert again.table.equals(whole.table)
    assert (tmp_path / "again" / RESULTS).read_bytes() == (tmp_path / "whole" / RESULTS).read_bytes()


@pytest.mark.parametrize("damaged", ["", "[1.0]", '{"long-run": 3.0}', '{"long-run": [null, 1.0]}'])
def test_bounds_that_are_damaged_are_proved_anew(tmp_path: Path, damaged: str) -> None:
    bounds = ran(tmp_path, [*BOTH, INFORMATION]).provenance["bounds"]
    (file,) = (tmp_path / "parts").glob("bounds-*.json")
    file.write_text(damaged, encoding="utf-8")
    assert ran(tmp_path, [*BOTH, INFORMATION]).provenance["bounds"] == bounds


def test_other_seeds_slots_and_settings_are_other_parts(tmp_path: Path) -> None:
    first = ran(tmp_path)
    count = len(list((tmp_path / "parts").glob("*-0?.parquet")))
    others: list[dict[str, Any]] = [{"seed": 5}, {"slots": 81}, {"lanes": 4}]
    for more in others:
        ran(tmp_path, **more)
        now = len(list((tmp_path / "parts").glob("*-0?.parquet")))
        assert now == count + 2 * SEGMENTS
        count = now
    assert ran(tmp_path).table.equals(first.table)
    assert len(list((tmp_path / "parts").glob("*-0?.parquet"))) == count


def test_processes_side_by_side_find_the_same(tmp_path: Path) -> None:
    dynamics, names = FrameDynamics(), ["matched", "charging"]
    given: dict[str, Any] = {"slots": 6, "lanes": 2, "seed": 1}
    alone, beside = (roll_out(dynamics, names, out=tmp_path / str(jobs), jobs=jobs, **given) for jobs in (1, 2))
    for name in ("reward", "outage", "energy"):
        for policy in names:
            np.testing.assert_allclose(alone.column(policy, name), beside.column(policy, name), rtol=1e-6, atol=1e-9)
    why = "the state is the batteries, channels and work of all 3 users, too many numbers for a grid"
    assert summarise(alone).proved == [f"nothing is proved of the long run: {why}"]
    assert default_policies(dynamics) == ["matched", "weights", "charging"]
    assert default_policies(STORE.StoreDynamics()) == ["dynamic-program"]


def test_maps_show_what_policies_do_in_every_state(tmp_path: Path) -> None:
    found, dynamics = ran(tmp_path), STORE.StoreDynamics()
    prices, levels, sold = found.map_of("enumerate")
    assert np.array_equal(prices, STORE.PRICES)
    assert np.array_equal(sold, np.tile(levels, (1, 3, 1)))  # who sees one slot sells whatever there is
    policy, ahead = policy_of(dynamics, "dynamic-program"), found.map_of("dynamic-program")[2]
    for i, price in enumerate(prices):
        for j, level in enumerate(levels):
            assert ahead[0, i, j] == policy(STORE.EnergyStore(level=[level], price=[price]), np.random.default_rng(0))[0]
    assert (np.diff(ahead, axis=1) >= 0.0).all()  # a higher price never makes it sell less
    written = pq.read_table(tmp_path / MAPS)
    assert written.column_names == ["policy", "panel", "price", "level", "done"]
    assert written.num_rows == 2 * 3 * 8
    assert found.provenance["chart"]["quantity"] == ["energy sold", "kWh"]


@pytest.mark.parametrize("how", ["bytes", "rows"])
def test_maps_are_kept_with_the_parts_of_a_run_if_they_are_whole(tmp_path: Path, how: str) -> None:
    ran(tmp_path)
    kept = {file: file.stat().st_mtime_ns for file in (tmp_path / "parts").glob("*-map.parquet")}
    assert len(kept) == 2
    first = pq.read_table(tmp_path / MAPS)
    damaged = next(iter(kept))
    rest = pq.read_table(damaged)[:-1]
    damaged.write_bytes(b"damaged")
    if how == "rows":
        pq.write_table(rest, damaged)
    kept[damaged] = damaged.stat().st_mtime_ns
    ran(tmp_path)
    assert [file.stat().st_mtime_ns == written for file, written in kept.items()] == [False, True]
    assert pq.read_table(tmp_path / MAPS).equals(first)


def test_where_a_policy_has_no_answer_its_map_says_so_and_the_rollout_goes_on(tmp_path: Path) -> None:
    class Picky(STORE.StoreDynamics):  # type: ignore[misc]
        def policies(self) -> Any:
            def policy(slot: Any, rng: Any) -> Any:
                if (slot.level < 2.0).any():
                    raise InstanceError("a store this empty is unknown")
                return np.zeros((*slot.batch_shape, 1), dtype=int)

            return {"picky": lambda: policy}

    found = roll_out(Picky(), ["enumerate", "picky"], out=tmp_path, slots=20, lanes=2, jobs=1)
    assert found.provenance["unmapped"] == {"picky": "slot 0: a store this empty is unknown"}
    assert found.map_of("picky")[2].shape == (1, 0, 0)
    assert found.map_of("enumerate")[2].shape == (1, 3, 8)
    assert "No map of picky is drawn: slot 0: a store this empty is unknown" in write_report(found, tmp_path).findings
    assert (tmp_path / "map.png").exists()


def test_where_there_is_no_chart_it_is_said_why(tmp_path: Path) -> None:
    stale = [tmp_path / MAPS, tmp_path / "map.png"]
    for file in stale:
        file.write_bytes(b"of another run")
    found = roll_out(FrameDynamics(), ["matched"], out=tmp_path, slots=3, lanes=1, jobs=1)
    said = write_report(found, tmp_path).findings
    assert any(text.startswith("No map of the policies is drawn: beams follow from batteries") for text in said)
    assert not any(file.exists() for file in stale)
    assert (tmp_path / "report.html").read_text(encoding="utf-8").count("data:image/png;base64,") == len(PICTURES) - 1
    with pytest.raises(InstanceError, match="there are no maps: beams follow"):
        found.map_of("matched")
    assert Dynamics.why_no_chart(STORE.StoreDynamics()) == "energy-store says no axes for it"


@pytest.mark.parametrize("state", ["levels fall", "prices differ", "no panels"])
def test_a_chart_has_an_axis_for_each_of_its_fields(state: str) -> None:
    chart = STORE.StoreDynamics().chart()
    level, price = np.array(chart.slots.level), np.array(chart.slots.price)
    if state == "levels fall":
        level = level[:, :, ::-1]
    if state == "prices differ":
        price[0, 0, 0] = 0.5
    slots = STORE.EnergyStore(level=level, price=price)
    with pytest.raises(InstanceError, match=r"allowed: one axis for each|allowed: 2 panels"):
        Chart(slots, "price", "level", "sold", "kWh", chart.done, panels=("", "") if state == "no panels" else ("",))
    policy = policy_of(STORE.StoreDynamics(), "enumerate")
    assert shown(STORE.StoreDynamics(), chart, policy, np.random.default_rng(0)).shape == (1, 3, 8)


def test_reports_stand_alone(tmp_path: Path) -> None:
    found = ran(tmp_path)
    write_report(found, tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == len(PICTURES)
    assert "proved: the best long-run revenue lies in" in page
    assert found.provenance["path"] in page
    origin = page[page.index("Provenance") :]
    for name in ("trained", "unmapped", "bounds", "discount", "None"):
        assert name not in origin
    for name in PICTURES:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("known")
def test_the_command_says_what_is_proved_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "out")
    arguments = ("energy-store", "--policies", ",".join([*BOTH, INFORMATION]), "--slots", "64", "--lanes", "2", "-o", out)
    assert command(*arguments, "--jobs", "1") == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "energy-store: 2 lanes of 64 slots, preset paper, seed 0"
    assert said[1].startswith("proved: the best long-run revenue lies in [2.3")
    assert said[2].startswith("proved: who knew this whole path")
    assert said[4].split()[:2] == ["policy", "mean"]
    assert any(line.startswith("dynamic-program") for line in said)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"parts", "report.html", RESULTS, MAPS, *PICTURES}
    names = "out/report.html, trajectory.png, histogram.png, map.png, results.parquet, maps.parquet"
    assert "".join(said).replace(" ", "").endswith(names.replace(" ", ""))
    metadata = json.loads(pq.read_schema(tmp_path / "out" / RESULTS).metadata[b"mecopt"])
    assert metadata["policies"] == BOTH
    assert command(*arguments, "--jobs", "1", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["path"] == metadata["path"]
    assert told["bounds"] == metadata["bounds"]
    assert told["unproved"] is None
    assert told["policies"]["enumerate"]["difference"] is None
    assert told["policies"]["dynamic-program"]["difference"]["mean"] > 0.0


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--policies", "enumerate,enumerat"], "unknown policy for energy-store 'enumerat'; did you mean 'enumerate'?"),
        (["--policies", "enumerate,enumerate"], "the policy 'enumerate' is named twice"),
        (["--policies", INFORMATION], "policies is empty; name at least one"),
        (["--policies", ","], "policies is empty"),
        (["--policies", "learned:nowhere"], "nowhere"),
        (["--preset", "papers"], "unknown preset of energy-store 'papers'"),
        (["--set", "levels=3"], "unknown field of energy-store 'levels'; did you mean 'level'?"),
        (["--set", "level=-1"], "level is -1"),
        (["--set", "level=[1,2]"], "a batch|entries"),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert command("energy-store", *arguments, "--slots", "4", "-o", str(tmp_path / "out")) == 2
    error = capsys.readouterr().err
    assert any(part in error for part in says.split("|"))
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_settings_of_a_dynamics_are_set_as_fields_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["discount=.9", "mean_snr=[30, 40] dB/W", "arrivals=causal", "users=2", "max_power=23 dBm"]
    arguments = [part for one in given for part in ("--set", one)]
    short = ["--policies", "local", "--slots", "4", "--lanes", "2", "--jobs", "1", "--json", "-o", str(tmp_path / "out")]
    assert command("inference-queue", *arguments, *short) == 0
    answer = json.loads(capsys.readouterr().out)
    told, (bound,) = answer["settings"], answer["bounds"]["discounted"]
    assert bound > 0.0
    assert answer["unproved"] is None
    assert told["mean_snr"] == pytest.approx([1e3, 1e4], rel=1e-12)
    assert (told["discount"], told["arrivals"], told["users"]) == (0.9, "causal", 2)
    assert told["max_power"] == pytest.approx(0.19952623, rel=1e-7)
    for one, says in (
        ("discount=1.5", "QueueDynamics.discount is 1.5; allowed: finite numbers > 0 and < 1"),
        ("discont=.9", "did you mean 'discount'?"),
        ("arrivals=2", "QueueDynamics.arrivals is 2; allowed: 'known'"),
    ):
        assert command("inference-queue", "--set", one, "-o", str(tmp_path / "bad")) == 2
        assert says in capsys.readouterr().err
    assert not (tmp_path / "bad").exists()


def test_unknown_sequences_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("binary-offloading", "-o", str(tmp_path / "out")) == 2
    assert "unknown sequential problem 'binary-offloading'" in capsys.readouterr().err


def test_a_bound_without_a_grid_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match="needs a grid, and backscatter-frame says none: the state is the batteries"):
        roll_out(FrameDynamics(), ["matched", INFORMATION], out=tmp_path / "out", slots=3, jobs=1)
    with pytest.raises(InstanceError, match="jobs is 0; allowed"):
        ran(tmp_path / "out", jobs=0)
    with pytest.raises(InstanceError, match="slots is 0; allowed"):
        ran(tmp_path / "out", slots=0)


def test_what_a_trained_policy_cannot_see_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Trained(STORE.Enumeration):  # type: ignore[misc]
        policy = SimpleNamespace(card={"learner": "some", "preset": "paper", "seed": 1, "instances": 9, "sha256": "abc"})

        def notes(self, problem: Any) -> list[str]:
            return [f"learned:here was trained on other prices than these {problem.instances}"]

        def notes_along(self, dynamics: Any) -> list[str]:
            return [f"learned:here was trained on another market than {dynamics.name}"]

    for room in ("run", "rollout"):
        monkeypatch.setattr(sys.modules[f"mecopt.dynamic.{room}"], "learned", lambda problem, name: Trained())
    found = ran(tmp_path, ["enumerate", "learned:here"])
    assert found.provenance["trained"] == {"learned:here": "(some, preset paper, seed 1, 9 instances, sha256 abc)"}
    summary = summarise(found)
    assert "learned:here was trained on other prices than these 3" in summary.findings
    assert f"learned:here was trained on another market than {STORE.StoreDynamics().name}" in summary.findings
    assert "cannot be told apart" in summary.findings[0]


# ---------------------------------------------------------------------- discounted sums, and costs

FULL = 10.0
"""What a slot costs in which nothing is sold."""


class Discounted(STORE.StoreDynamics):  # type: ignore[misc]
    """The store from full on, by its discounted revenue, with the bound that is its optimum."""

    discount = 0.9

    def most_discounted(self) -> float:
        found = best_discounted(self.grids().below, self.discount)
        return float(STORE.CHAIN.stationary() @ found.upper[:, -1])


class Costly(Discounted):
    """The same told as a cost: what was not earned."""

    costs = True
    reward_name = "loss"

    def outcome(self, problem: Any, decision: Any, allocation: Any) -> Any:
        return replace(found := super().outcome(problem, decision, allocation), reward=found.reward - FULL)

    def most_discounted(self) -> float:
        return super().most_discounted() - FULL / (1.0 - self.discount)


def test_discounted_sums_are_those_of_the_slots_by_lane(tmp_path: Path) -> None:
    dynamics = Discounted()
    found = roll_out(dynamics, BOTH, out=tmp_path, slots=90, lanes=200, seed=4, jobs=1)
    path = dynamics.stream(np.random.default_rng((4, 0)), 90, 200)
    summary = summarise(found)
    weights = 0.9 ** np.arange(90)
    sums = [weights @ rollout(dynamics, path, policy_of(dynamics, name), np.random.default_rng(0)).reward for name in BOTH]
    for row, own in zip(summary.rows, sums, strict=True):
        assert row.reward.mean == pytest.approx(own.mean(), rel=1e-12)
        assert row.reward.error == pytest.approx(own.std(ddof=1) / np.sqrt(200), rel=1e-9)
    apart = summary.rows[1].difference
    assert apart is not None
    assert apart.error == pytest.approx((sums[1] - sums[0]).std(ddof=1) / np.sqrt(200), rel=1e-9)
    (most,) = found.provenance["bounds"]["discounted"]
    for row in summary.rows:  # nobody is beyond what is proved; the rule for slots' averages is not that for sums
        assert row.reward.mean <= most + 4.0 * row.reward.error
        assert row.beyond is None
    assert any(f"earns more than {most:.6g}" in text for text in summary.proved)
    assert "errors are by lanes" in summary.findings[-1]


def test_costs_are_told_as_costs_and_beside_their_bound(tmp_path: Path) -> None:
    earned = roll_out(Discounted(), BOTH, out=tmp_path / "earned", slots=90, lanes=20, seed=4, jobs=1)
    found = roll_out(Costly(), BOTH, out=tmp_path / "costs", slots=90, lanes=20, seed=4, jobs=1)
    whole = FULL * (0.9 ** np.arange(90)).sum()
    summary = summarise(found)
    assert summary.headers[1] == "discounted loss"
    assert summary.as_dict()[BOTH[0]]["loss"]["mean"] == summary.rows[0].reward.mean
    for row, other in zip(summary.rows, summarise(earned).rows, strict=True):
        assert row.reward.mean == pytest.approx(whole - other.reward.mean, rel=1e-9)
        assert row.beyond == pytest.approx(row.reward.mean / found.provenance["bounds"]["discounted"][0] - 1.0, rel=1e-9)
    assert any("no policy costs less than" in text for text in summary.proved)
    apart = summary.rows[1].difference
    assert apart is not None
    word = "more" if apart.mean > 0.0 else "less"
    assert found.provenance["bounds"]["discounted"] == [-Costly().most_discounted()]
    told = f"dynamic-program costs {abs(apart.mean):.4g} ± {apart.error:.2g} {word} than enumerate"
    assert (abs(apart.mean) > apart.half_width()) == any(text.startswith(told) for text in summary.findings)


def test_sums_that_end_early_are_not_put_beside_a_bound_on_all_slots(tmp_path: Path) -> None:
    for slots, whole in ((43, False), (44, True)):  # 0.9 ** 44 is the first power below a hundredth
        summary = summarise(roll_out(Costly(), BOTH, out=tmp_path / str(slots), slots=slots, lanes=4, seed=4, jobs=1))
        assert [row.beyond is not None for row in summary.rows] == [whole, whole]
        assert (ABOVE in summary.headers) == whole
        assert any(text.startswith(f"Sums end after slot {slots}; a later loss") for text in summary.findings)
        assert any("--slots 44 or more can" in text for text in summary.findings) != whole


def test_means_beyond_what_is_proved_are_named_with_their_errors(tmp_path: Path) -> None:
    found = roll_out(Costly(), BOTH, out=tmp_path, slots=90, lanes=4, seed=4, jobs=1)
    means = [row.reward.mean for row in summarise(found).rows]
    for factor in (0.9, 1.1):
        between = replace(found, provenance={**found.provenance, "bounds": {"discounted": [factor * min(means)]}})
        summary = summarise(between)
        told = [text for text in summary.findings if "lies beyond what is proved" in text]
        lower = [row for row in summary.rows if row.reward.mean < factor * min(means)]
        assert len(told) == len(lower)
        for text, row in zip(told, lower, strict=True):
            assert text.startswith(row.policy)
            assert f"{row.reward.error:.2g}" in text
    assert lower


def test_sums_that_lack_what_comes_after_their_last_slot_are_not_called_beyond(tmp_path: Path) -> None:
    """Without a radio nothing but luck differs from the bound, and all of it is taken off."""
    dynamics = QueueDynamics(users=2, max_power=0.0)
    found = roll_out(dynamics, ["priced"], out=tmp_path, slots=200, lanes=4, jobs=1)
    (row,), summary = summarise(found).rows, summarise(found)
    assert row.beyond is not None
    assert -1e-4 < row.beyond < 0.0
    assert not any("lies beyond" in text for text in summary.findings)
    assert summary.cells(row)[summary.headers.index(ABOVE)] == "0.000 %"
    higher = {"discounted": [1.001 * found.provenance["bounds"]["discounted"][0]]}
    told = summarise(replace(found, provenance={**found.provenance, "bounds": higher})).findings
    assert any("priced lies beyond what is proved" in text for text in told)


def test_prices_of_a_block_on_its_own_change_nothing_along_a_path_and_are_named(tmp_path: Path) -> None:
    given: dict[str, Any] = {"slots": 8, "lanes": 2, "jobs": 1}
    usual = roll_out(QueueDynamics(users=2), ["decomposed"], out=tmp_path / "a", **given)
    found = roll_out(
        QueueDynamics(users=2, offload_price=5.0, server_value=5.0), ["decomposed"], out=tmp_path / "b", **given
    )
    assert (found.column("decomposed", "reward") == usual.column("decomposed", "reward")).all()
    assert any(
        text.startswith("offload_price and server_value: of a block on its own") for text in found.provenance["notes"]
    )
    assert not any("of a block on its own" in text for text in usual.provenance["notes"])


def test_whole_numbers_have_a_bin_each() -> None:
    assert bins([np.array([0.0, 3.0]), np.array([2.0])]).tolist() == [-0.5, 0.5, 1.5, 2.5, 3.5]
    assert len(bins([np.array([0.0, 2.5])])) == len(bins([np.array([0.0, 5000.0])])) == BINS + 1
    assert bins([np.array([0.3, 0.3])])[[0, -1]].tolist() == [0.3, 1.3]


@pytest.mark.parametrize(("entries", "lines", "labels"), [(1, 1, 1), (LINES, LINES, LINES), (LINES + 1, LINES + 2, 2)])
def test_many_entries_are_drawn_below_their_mean(entries: int, lines: int, labels: int) -> None:
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    values = np.random.default_rng(0).random((7, entries))
    draw_lines(axes, values, "level")
    assert (len(axes.lines), len(axes.get_legend_handles_labels()[1])) == (lines, labels)
    if entries > LINES:
        assert np.allclose(np.asarray(axes.lines[-1].get_ydata(), dtype=float), values.mean(axis=1), rtol=1e-12)


def test_a_path_is_as_long_and_broad_as_its_dynamics_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(STORE.StoreDynamics, "default_slots", 40)
    monkeypatch.setattr(STORE.StoreDynamics, "default_lanes", 2)
    found = roll_out(STORE.StoreDynamics(), ["enumerate"], out=tmp_path, jobs=1)
    assert (found.provenance["slots"], found.provenance["lanes"]) == (40, 2)
