"""The folder of a trained `h-maddpg`: what is damaged is refused by name, and it acts without torch bit for bit the same."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load, save

from mecopt import InstanceError
from mecopt.data import save as save_instances
from mecopt.learners.h_maddpg import LEARNER, HMaddpgSettings, record
from mecopt.models import BackscatterFrame
from mecopt.storage.policies import load_policy
from mecopt.storage.sealed import with_seal

Array = NDArray[Any]

SMALL: dict[str, Any] = {"users": "optimisation-driven", "hidden": (8, 6), "critic_hidden": 8, "batch": 4, "memory": 20}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small policy, picture and all; nobody may change it."""
    out = tmp_path_factory.mktemp("policy")
    stream = BackscatterFrame.sample(np.random.default_rng(1), (25,))
    LEARNER.train(stream, HMaddpgSettings(**SMALL), 0, out, {"preset": "paper", "changes": ["5:carrier_power=5000"]})
    return out


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "policy"))


def with_card(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    card = json.loads((folder / "card.json").read_text())
    change(card)
    (folder / "card.json").write_text(json.dumps(with_seal(card)))


def with_arrays(folder: Path, change: Callable[[dict[str, Array]], Any]) -> None:
    arrays = load((folder / "weights.safetensors").read_bytes())
    change(arrays)
    content = save(arrays)
    (folder / "weights.safetensors").write_bytes(content)
    with_card(folder, lambda card: card.update(sha256=hashlib.sha256(content).hexdigest()))


def _without(name: str, arrays: dict[str, Array]) -> None:
    del arrays[name]


def test_a_folder_holds_policy_log_and_picture(folder: Path) -> None:
    written = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    assert written == {"card.json", "weights.safetensors", "training.parquet", "training.png"}
    assert (folder / "training.png").read_bytes().startswith(b"\x89PNG")
    table = pq.read_table(folder / "training.parquet")
    assert table.column_names[:7] == [
        *("frame", "reward", "outage", "energy", "users_reward", "estimate_reward", "users_better"),
    ]
    assert table["frame"].to_pylist() == list(range(25))
    card = json.loads((folder / "card.json").read_text())
    assert (card["learner"], card["problem"], card["users"], card["antennas"]) == ("h-maddpg", "backscatter-frame", 3, 3)
    assert card["inputs"] == ["channel", "workload", "battery"]


def test_other_arrays_than_the_card_says_are_refused(copied: Path) -> None:
    for name in load((copied / "weights.safetensors").read_bytes()):
        if name.startswith("input"):
            continue
        again = Path(shutil.copytree(copied, copied.parent / name))
        with_arrays(again, partial(_without, name))
        with pytest.raises(InstanceError, match=f"the trained policy is damaged: {name} is missing"):
            load_policy(again)
    with_arrays(copied, lambda arrays: arrays.update(beams_0=np.zeros((1, 3, 3), dtype=np.float32)))
    with pytest.raises(InstanceError, match="beams_0 is of shape"):
        load_policy(copied)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"settings": {"users": "nobody"}}, "setting users is 'nobody'"),
        ({"settings": {**SMALL, "hidden": [8, 7]}}, "is of shape"),
        ({"settings": {**SMALL, "hidden": [0]}}, "setting hidden"),
        ({"settings": {**SMALL, "beams": "raw"}}, "is of shape"),
        ({"settings": 3}, "settings is 3"),
        ({"users": 4}, "is of shape"),
        ({"antennas": 0}, "antennas is 0"),
        ({"antennas": None}, "antennas"),
        ({"problem": "binary-offloading"}, "unknown field of binary-offloading"),
    ],
    ids=str,
)
def test_a_card_of_something_else_is_refused(change: dict[str, Any], message: str, copied: Path) -> None:
    with_card(copied, lambda card: card.update(change))
    with pytest.raises(InstanceError, match=message):
        load_policy(copied)


def test_scales_that_make_no_sense_are_refused(copied: Path) -> None:
    with_arrays(copied, lambda arrays: arrays.update(seen_strength=np.array([1.0, -1.0, 1.0])))
    with pytest.raises(InstanceError, match=r"Observer.strength\[1\] is -1.0"):
        load_policy(copied)


def test_a_damaged_log_is_refused(copied: Path) -> None:
    (copied / "training.parquet").write_bytes(b"PAR1")
    with pytest.raises(InstanceError, match=r"training.parquet has no seal: it is damaged"):
        record.read(copied / "training.parquet")


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
import numpy as np
from mecopt.data import load
from mecopt.storage.policies import load_policy
folder, file, out = sys.argv[1:]
frames, policy = load(file).problem, load_policy(folder)
beams, allocation = policy.act(frames, np.random.default_rng(0))
np.savez(out, beams=beams, **allocation.as_dict())
assert sys.modules["torch"] is None
"""


def test_acting_needs_no_torch(folder: Path, tmp_path: Path) -> None:
    frames = BackscatterFrame.sample(np.random.default_rng(3), (20,))
    save_instances(tmp_path / "frames.npz", frames, provenance={})
    command = [sys.executable, "-c", WITHOUT_TORCH, str(folder), str(tmp_path / "frames.npz"), str(tmp_path / "out.npz")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    beams, allocation = load_policy(folder).act(frames, np.random.default_rng(0))
    with np.load(tmp_path / "out.npz") as found:
        np.testing.assert_array_equal(found["beams"], beams)
        for name, value in allocation.as_dict().items():
            np.testing.assert_array_equal(found[name], value)


def test_a_policy_of_the_optimiser_has_no_users_to_ask(tmp_path: Path) -> None:
    stream = BackscatterFrame.sample(np.random.default_rng(1), (5,))
    policy = LEARNER.train(stream, HMaddpgSettings(hidden=(4,)), 0, tmp_path, {})
    with pytest.raises(InstanceError, match="no actors of users: it was trained with users=optimised"):
        policy.users_action(stream, policy.beams_for(stream))
    other = BackscatterFrame.sample(np.random.default_rng(1), (5,), users=4)
    for asked in (
        lambda: policy.act(other, np.random.default_rng(0)),
        lambda: policy.propose(other, 1, np.random.default_rng()),
    ):
        with pytest.raises(InstanceError, match="the policy was trained for backscatter-frame with 3 users"):
            asked()


def test_what_a_policy_cannot_see_is_said(folder: Path) -> None:
    policy = load_policy(folder)
    frames = BackscatterFrame.sample(np.random.default_rng(3), (20,))
    assert policy.differences(frames) == []
    assert (
        "carrier_power was 6000 in all of its training"
        in policy.differences(BackscatterFrame.sample(np.random.default_rng(3), (20,), carrier_power=3000.0))[0]
    )


def test_the_command_line_trains_it(tmp_path: Path, run: Callable[..., Any]) -> None:
    out = tmp_path / "policy"
    quick = ("--with", "hidden=8", "--with", "batch=4", "--instances", "20", "-o", out)
    done = run("train", "backscatter-frame", "--learner", "h-maddpg", "--variant", "paper", *quick)
    assert done.code == 0, done.error
    assert "kbit/J, outage" in done.out
    assert "the users' joint action would earn" in done.out
    assert load_policy(out).settings.beams == "raw"
    refused = run("train", "backscatter-frame", "--learner", "h-maddpg", "--with", "executed=users", *quick)
    assert refused.code == 2
    assert "setting executed has no effect with users=optimised" in refused.error
