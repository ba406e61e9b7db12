"""Rollouts of networks of inference queues: memory in proportion to the devices, and killed ones that go on."""

from __future__ import annotations

import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from mecopt.dynamic import policy_of, rollout
from mecopt.dynamic.run import roll_out
from mecopt.models.inference_queue.dynamics.steps import QueueDynamics


def carried_out(users: int, policy: str) -> None:
    dynamics = QueueDynamics(users=users, mean_snr=3000.0)
    path = dynamics.stream(np.random.default_rng(0), 20, 1)
    rollout(dynamics, path, policy_of(dynamics, policy), np.random.default_rng(1))


def most_held(users: int, policy: str) -> int:
    """Return the most bytes that a policy and its rollout held at once."""
    tracemalloc.start()
    carried_out(users, policy)
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return held


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["priced", "even"])
def test_memory_grows_in_proportion_to_the_devices(policy: str) -> None:
    """Four times as many take some four times as much; pairs of devices would take sixteen times."""
    carried_out(10, policy)  # what is compiled and imported is no memory of devices
    few, many = most_held(1000, policy), most_held(4000, policy)
    assert 2.0 < many / few < 8.0


KILLED = """
import sys
from mecopt.dynamic.run import roll_out
from mecopt.models.inference_queue.dynamics.steps import QueueDynamics
def stop_short(done, total):
    if done == int(sys.argv[2]):
        print("so far", flush=True)
        sys.stdin.read()
given = {"slots": 40, "lanes": 2, "seed": 5, "jobs": 1}
roll_out(QueueDynamics(users=3), ["priced", "local"], out=sys.argv[1], progress=stop_short, **given)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system has no SIGKILL")
def test_a_killed_rollout_goes_on_where_it_was_and_ends_like_one_that_was_not(tmp_path: Path) -> None:
    def whole(folder: str, counts: list[int]) -> object:
        return roll_out(
            QueueDynamics(users=3),
            ["priced", "local"],
            out=tmp_path / folder,
            slots=40,
            lanes=2,
            seed=5,
            jobs=1,
            progress=lambda done, total: counts.append(done),
        ).table

    undisturbed: list[int] = []
    expected = whole("whole", undisturbed)
    stop = undisturbed[-1] // 2
    command = [sys.executable, "-c", KILLED, str(tmp_path / "killed"), str(stop)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        process.kill()
    assert said == "so far\n"
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "killed" / "results.parquet").exists()
    counts: list[int] = []
    assert whole("killed", counts) == expected
    assert counts == undisturbed[undisturbed.index(stop) :]
    assert (tmp_path / "killed" / "results.parquet").exists()
