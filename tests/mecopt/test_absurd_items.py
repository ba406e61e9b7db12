"""One instance of numbers that floats hold but cannot multiply: it has an answer or says why not, the others are unharmed.

Here for the frames in which factorisations and a panic inside compiled Rust ended whole batches, and for comparisons from
the command line; batteries state it of every solver and backend.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import mecopt
from mecopt import Problem, Status
from mecopt.cli.main import main
from mecopt.data import save
from mecopt.models import BackscatterFrame, BinaryOffloading, ComputationRate
from mecopt.models.backscatter_frame.exact import beams
from mecopt.registry import find_problem, problem_names
from mecopt.testing.batches import BAD, OTHERS, extreme_batches, same_others

pytestmark = pytest.mark.filterwarnings("ignore::mecopt.quantities.doubts.ImplausibleData")


def with_one(field: str, number: float) -> tuple[Problem, Problem]:
    """Return frames of which one has an absurd number, and the same frames without it."""
    good = BackscatterFrame.sample(np.random.default_rng(5), 3)
    data = {name: np.array(value) for name, value in good.data().items()}
    data[field][BAD] = number
    return BackscatterFrame(**data), good


@pytest.mark.parametrize("solver", ["exact", "matched", "charging", "weights"])
@pytest.mark.parametrize(("field", "number"), [("channel", 1e160), ("workload", 1e300), ("unserved_price", 1e300)])
def test_an_absurd_frame_ends_no_batch(field: str, number: float, solver: str) -> None:
    batch, good = with_one(field, number)
    answer = mecopt.solve(batch, solver=solver, throw=False)
    same_others(answer, mecopt.solve(good, solver=solver), f"{solver}, {field}")
    if solver == "exact":
        assert [answer.status[k] for k in OTHERS] == [Status.OPTIMAL, Status.OPTIMAL]
    assert answer.status[BAD] is not Status.OPTIMAL
    if field == "channel":
        assert answer.status[BAD] is Status.FAILED
        assert answer.stats.messages[BAD].strip()
        assert set(answer.stats.messages).isdisjoint(OTHERS)


@pytest.mark.parametrize("size", [5e-324, 1e-200, 1e-9, 1.0, 1e160, 1e307])
def test_beams_have_the_direction_of_a_channel_of_any_size(size: float) -> None:
    channel = np.array([[3.0, 4.0j], [0.0, 1.0], [0.0, 0.0]]) * size
    found = beams.matched(BackscatterFrame(channel=channel, workload=np.ones(3), battery=np.ones(3)))
    right = np.array([[0.6, 0.8j], [0.0, 1.0], [1.0, 0.0]])
    np.testing.assert_allclose(found, right, rtol=0.0, atol=1e-15)


@pytest.mark.parametrize("name", problem_names())
def test_an_absurd_instance_of_a_file_ends_no_comparison(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cls = find_problem(name)
    methods = ["exact", *list(cls.solvers)[-2:]]
    for number, (text, batch, good) in enumerate(extreme_batches(cls)):
        if number % 4:  # fields and numbers in turn
            continue
        save(tmp_path / f"{number}.npz", batch)
        out = tmp_path / f"{number}"
        with pytest.raises(SystemExit) as ended:
            main(["compare", str(tmp_path / f"{number}.npz"), "--methods", ",".join(methods), "--jobs", "1", "-o", str(out)])
        assert ended.value.code in (0, 1), f"{text}: {capsys.readouterr().err}"
        rows: list[dict[str, Any]] = pq.read_table(out / "results.parquet").to_pylist()
        assert len(rows) == 3 * len(methods)
        right = mecopt.solve(good)
        for row in rows:
            k = row["instance_id"]
            if k == BAD:
                assert row["status"] not in ("FAILED", "INFEASIBLE") or row["message"], f"{text}: no reason given"
            elif row["method"] == "exact":
                assert row["status"] == right.status[k].name, text
                assert row["objective"] == pytest.approx(float(right.objective[k]), rel=1e-9), text
            else:
                assert row["status"] != "FAILED", f"{text}, {row['method']}: {row['message']}"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"channel_gain": [1e300, 1e-6]}, r"ComputationRate.channel_gain\[0\] is 1e\+300: third powers"),
        ({"channel_gain": [1e-6, 2e-6], "noise_power": 1e-320}, "ComputationRate.noise_power is 1e-320 W: third"),
    ],
    ids=["great", "small"],
)
def test_what_is_not_proved_because_of_magnitudes_says_so(data: dict[str, Any], said: str) -> None:
    problem = ComputationRate(**data)
    for answer in (mecopt.solve(problem, throw=False), mecopt.allocate(problem, np.ones(2), throw=False)):
        assert answer.status is not Status.OPTIMAL
        assert re.search(said, answer.stats.messages[0])
        assert "please report" not in answer.stats.messages[0]
        assert re.search(said, " ".join(str(answer).split()))


def test_what_is_proved_says_nothing_of_its_magnitudes() -> None:
    solution = mecopt.solve(BinaryOffloading(data_size=[1e150, 1.0]))
    assert solution.status is Status.OPTIMAL
    assert solution.stats.messages == {}


def test_in_a_batch_only_items_of_extreme_magnitudes_say_so() -> None:
    solution = mecopt.solve(ComputationRate(channel_gain=[[1e-6, 2e-6], [1e-6, 1e300]]), throw=False)
    assert list(solution.stats.messages) == [1]
    assert "channel_gain[1] is 1e+300" in solution.stats.messages[1]
