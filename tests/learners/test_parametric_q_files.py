"""The folder of a trained `parametric-q`: stopped or killed it ends the same; what is damaged or elsewhere is refused."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load, save

from mecopt import InstanceError
from mecopt.dynamic import policy_of, rollout
from mecopt.dynamic.run import roll_out
from mecopt.learners.parametric_q import LEARNER, ParametricQ, ParametricQSettings, learner, record
from mecopt.learners.parametric_q.laws import DOUBT, elsewhere, is_path_of
from mecopt.models import BinaryOffloading, InferenceQueue
from mecopt.models.inference_queue.dynamics.steps import QueueDynamics
from mecopt.storage.policies import load_policy
from mecopt.storage.sealed import with_seal

Array = NDArray[Any]

RESULTS = ("weights.safetensors", "training.parquet", "card.json")
BLOCKS, USERS = 44, 3
PLANS: dict[str, dict[str, Any]] = {
    "repaired": {"checks": 1, "interval": 6, "memory": 20, "cells": 16},
    "semi-gradient": {"devices": "semi-gradient", "lanes": 2, "arrivals": "causal", "cells": 16},
    "printed": {"devices": "printed", "server": "printed", "step": 0.01, "cells": 16},
}


def stream_of(settings: ParametricQSettings, blocks: int = BLOCKS, **fields: Any) -> Any:
    count = blocks * settings.lanes
    given = {"users": USERS, **fields}
    return LEARNER.stream(InferenceQueue, np.random.default_rng(1), count, "paper", given, settings)


def trained(folder: Path, plan: str = "repaired", blocks: int = BLOCKS, progress: Any = None, **given: Any) -> ParametricQ:
    settings = ParametricQSettings.of({**PLANS[plan], **given})
    more = {} if progress is None else {"progress": progress}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record, "picture", lambda *_: b"")
        patch.setattr(learner, "CHECKPOINT_BLOCKS", 5)
        return LEARNER.train(stream_of(settings, blocks), settings, 4, folder, {"preset": "paper"}, **more)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small policy of each plan; nobody may change them."""
    root = tmp_path_factory.mktemp("policies")
    for plan in PLANS:
        trained(root / plan, plan)
    return {plan: root / plan for plan in PLANS}


@pytest.fixture
def copied(folders: dict[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(folders["repaired"], tmp_path / "policy"))


def same(folder: Path, other: Path) -> None:
    for name in RESULTS:
        assert (folder / name).read_bytes() == (other / name).read_bytes(), name


class Stopped(Exception):
    """Stands for an interruption."""


def stop_at(number: int) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        if done >= number:
            raise Stopped

    return progress


# ---------------------------------------------------------------------- going on


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("stops", [[4], [11, 32], [22, 24, 43]], ids=str)
def test_a_run_that_was_stopped_ends_like_one_that_was_not(
    stops: list[int], plan: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    lanes = PLANS[plan].get("lanes", 1)
    for number in stops:
        with pytest.raises(Stopped):
            trained(tmp_path, plan, progress=stop_at(number * lanes))
        assert (tmp_path / "checkpoint.safetensors").exists() == (number > 5)
    trained(tmp_path, plan)
    assert not (tmp_path / "checkpoint.safetensors").exists()
    same(tmp_path, folders[plan])


KILLED = """
import json, sys
import numpy as np
from mecopt.learners.parametric_q import LEARNER, ParametricQSettings, learner, record
from mecopt.models import InferenceQueue
learner.CHECKPOINT_BLOCKS = 5
settings = ParametricQSettings.of(json.loads(sys.argv[2]))
stream = LEARNER.stream(InferenceQueue, np.random.default_rng(1), 44, "paper", {"users": 3}, settings)
def stop_short(done, total):
    if done == 21:
        print("a checkpoint is written", flush=True)
    if done == 33:
        sys.stdin.read()
LEARNER.train(stream, settings, 4, sys.argv[1], {"preset": "paper"}, stop_short)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system has no SIGKILL")
@pytest.mark.parametrize("plan", ["repaired", "printed"])
def test_a_killed_run_ends_like_one_that_was_not(plan: str, folders: dict[str, Path], tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path), json.dumps(PLANS[plan])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        process.kill()
    assert said == "a checkpoint is written\n"
    assert process.returncode == -signal.SIGKILL
    assert (tmp_path / "checkpoint.safetensors").exists()
    assert not (tmp_path / "card.json").exists()
    trained(tmp_path, plan)
    same(tmp_path, folders[plan])


# ---------------------------------------------------------------------- what is left


@pytest.mark.parametrize("plan", PLANS)
def test_a_loaded_policy_does_on_a_path_what_the_trained_one_does(plan: str, folders: dict[str, Path]) -> None:
    settings = ParametricQSettings.of(PLANS[plan])
    dynamics = QueueDynamics(users=USERS, arrivals=settings.arrivals)
    path = dynamics.stream(np.random.default_rng(3), 12, 2)
    named = policy_of(dynamics, f"learned:{folders[plan]}")
    policy: ParametricQ = load_policy(folders[plan])
    found = [rollout(dynamics, path, one, np.random.default_rng(0)) for one in (named, policy.act)]
    np.testing.assert_array_equal(found[0].reward, found[1].reward)
    assert (found[0].reward < 0.0).any()
    again, proposed = policy.act(path, np.random.default_rng(0))[0], policy.propose(path, 2, np.random.default_rng(0))
    np.testing.assert_array_equal(proposed, np.repeat(again[..., None, :], 2, axis=-2))


def test_the_log_says_what_was_paid_and_how_far_devices_are_from_the_best(folders: dict[str, Path]) -> None:
    columns = record.read(folders["repaired"] / "training.parquet")
    evaluated = ~np.isnan(columns["gap"])
    assert np.flatnonzero(evaluated).tolist() == [21, 43]
    assert (np.abs(columns["gap"][evaluated]) < 0.05).all()
    assert np.isnan(columns["power"]).all()
    card = json.loads((folders["repaired"] / "card.json").read_text())
    assert card["reached"]["cost"] == pytest.approx(columns["cost"][-13:].mean())
    assert card["reached"]["gap"] == columns["gap"][-1]
    printed = record.read(folders["printed"] / "training.parquet")
    assert (printed["power"] >= 0.0).all()
    assert set(np.unique(printed["server_learning"])) <= {0.0, 1.0}
    policy = load_policy(folders["printed"])
    assert (
        policy.usage("run")
        == f"mecopt rollout inference-queue --set users={USERS} --policies decomposed,learned:run -o FOLDER"
    )
    other = replace(policy, settings=replace(policy.settings, discount=0.9, mean_snr=(10.0, 20.0)))
    assert "--set 'mean_snr=[10.0, 20.0]' --set discount=0.9 --set users=" in other.usage("run")
    said = policy.report()
    assert said[-1].startswith("the server has ")
    assert "more than at best, evaluated exactly" in said[2]


def test_the_picture_is_drawn(folders: dict[str, Path]) -> None:
    columns = record.read(folders["repaired"] / "training.parquet")
    assert record.picture(columns, "title", [(3, "work=1")]).startswith(b"\x89PNG")
    assert record.picture({**columns, "gap": np.full(BLOCKS, np.nan)}, "title").startswith(b"\x89PNG")


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
import numpy as np
from mecopt.dynamic import policy_of, rollout
from mecopt.models.inference_queue.dynamics.steps import QueueDynamics
folder, out = sys.argv[1:]
dynamics = QueueDynamics(users=3)
path = dynamics.stream(np.random.default_rng(3), 12, 2)
np.save(out, rollout(dynamics, path, policy_of(dynamics, "learned:" + folder), np.random.default_rng(0)).reward)
assert sys.modules["torch"] is None
"""


def test_acting_needs_no_torch(folders: dict[str, Path], tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_TORCH, str(folders["repaired"]), str(tmp_path / "out.npy")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    dynamics = QueueDynamics(users=USERS)
    path = dynamics.stream(np.random.default_rng(3), 12, 2)
    policy = policy_of(dynamics, f"learned:{folders['repaired']}")
    found = rollout(dynamics, path, policy, np.random.default_rng(0)).reward
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), found)


# ---------------------------------------------------------------------- elsewhere


def test_networks_of_another_size_or_at_other_places_are_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    name = f"learned:{folders['repaired']}"
    with pytest.raises(
        InstanceError, match=r"trained for inference-queue with 3 users; these instances are .* with 4 users"
    ):
        policy_of(QueueDynamics(users=4), name)
    moved = QueueDynamics(users=USERS, positions=12)
    message = (
        r"with devices at other places: device \d observed an SNR of .* per watt in the mean of 44 blocks, and has one of"
    )
    with pytest.raises(InstanceError, match=message):
        policy_of(moved, name)
    with pytest.raises(InstanceError, match=message):
        roll_out(moved, [name], out=tmp_path, slots=4, lanes=1, jobs=1)
    assert not (tmp_path / "results.parquet").exists()
    policy: Any = load_policy(folders["repaired"])
    with pytest.raises(
        InstanceError, match="trained in a network of 3 inference queues; this is inference-queue with 4 dev"
    ):
        policy.acting_in(QueueDynamics(users=4))
    policy_of(QueueDynamics(users=USERS, arrival_probability=0.2, discount=0.9), name)


def test_a_rollout_says_which_settings_of_the_network_were_others_in_the_training(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    other, names = QueueDynamics(users=USERS, arrival_probability=0.2, discount=0.9), [f"learned:{folders['repaired']}"]
    found = roll_out(other, names, out=tmp_path / "other", slots=4, lanes=1, jobs=1)
    assert f"{names[0]}: arrival_probability was 0.4 in its training and is 0.2 here" in found.provenance["notes"]
    assert f"{names[0]}: discount was 0.95 in its training and is 0.9 here" in found.provenance["notes"]
    same = roll_out(QueueDynamics(users=USERS), names, out=tmp_path / "same", slots=4, lanes=1, jobs=1)
    assert not [note for note in same.provenance["notes"] if "training" in note]
    policy: Any = load_policy(folders["printed"])
    assert policy.differences_along(QueueDynamics(users=USERS, arrivals="causal")) == [
        "arrivals was known in its training and is causal here"
    ]


def test_values_for_other_arrivals_are_refused_and_powers_look_at_none(folders: dict[str, Path]) -> None:
    for plan, knows, other in (("repaired", "known", "causal"), ("semi-gradient", "causal", "known")):
        with pytest.raises(InstanceError, match=f"arrivals that are '{knows}' when devices decide; here they are '{other}'"):
            policy_of(QueueDynamics(users=USERS, arrivals=other), f"learned:{folders[plan]}")
    policy_of(QueueDynamics(users=USERS, arrivals="causal"), f"learned:{folders['printed']}")


def test_one_device_in_a_hundred_million_is_taken_for_another_that_is_none() -> None:
    """At twice its mean over 200 blocks nobody is believed to be where it was, within a quarter everybody."""
    dynamics = QueueDynamics(users=3, mean_snr=[1.0, 100.0, 0.0])
    means = np.array([1.0, 100.0, 0.0])
    assert not elsewhere(dynamics, means * 1.25, 200).any()
    assert not elsewhere(dynamics, means * 0.8, 200).any()
    assert elsewhere(dynamics, means * 2.0, 200).tolist() == [True, True, False]
    assert elsewhere(dynamics, np.array([0.5, 100.0, 1e-9]), 200).tolist() == [True, False, True]
    one = np.random.default_rng(0).exponential(1.0, (2000, 3, 50)).mean(axis=-1)
    alike = QueueDynamics(users=3, mean_snr=1.0)
    assert not any(elsewhere(alike, mean, 50).any() for mean in one)
    assert DOUBT * 6000 < 1e-5


def test_streams_by_another_law_have_no_best_to_be_compared_with(tmp_path: Path) -> None:
    dynamics = QueueDynamics(users=USERS)
    path = dynamics.stream(np.random.default_rng(0), 200, 1)
    assert is_path_of(dynamics, path)
    assert not is_path_of(QueueDynamics(users=USERS, positions=5), path)
    assert not is_path_of(QueueDynamics(users=USERS, arrival_probability=0.8), path)
    assert not is_path_of(dynamics, path._with({**path.__dict__, "arrivals": np.zeros_like(path.arrivals)}))
    settings = ParametricQSettings(cells=16)
    slots = InferenceQueue.sample(np.random.default_rng(0), (30,), users=USERS)
    policy = LEARNER.train(slots, settings, 0, tmp_path, {})
    assert policy.card["reached"]["gap"] is None
    assert "more than at best" not in " ".join(policy.report())


def test_a_network_whose_constants_change_is_refused(tmp_path: Path) -> None:
    settings = ParametricQSettings()
    path = stream_of(settings)
    weight = np.array(path.energy_weight)
    weight[7:, 0, 1] = 3.0
    changed = path._with({**path.__dict__, "energy_weight": weight})
    with pytest.raises(InstanceError, match=r"energy_weight is \[8. 8. 8.\] in the first block and \[8. 3. 8.\] in block 7"):
        LEARNER.train(changed, settings, 0, tmp_path, {})
    assert not (tmp_path / "card.json").exists()


def test_other_problems_and_literal_queues_are_refused(tmp_path: Path) -> None:
    settings = ParametricQSettings()
    other = BinaryOffloading.sample(np.random.default_rng(0), (5,))
    with pytest.raises(
        InstanceError, match="learns in networks of inference-queue; binary-offloading has no queues like these"
    ):
        LEARNER.train(other, settings, 0, tmp_path, {})
    literal = InferenceQueue.sample(np.random.default_rng(0), (5,), users=USERS, queue="literal")
    with pytest.raises(InstanceError, match="queue is 'literal', whose backlogs are none; allowed: 'conserved'"):
        LEARNER.train(literal, settings, 0, tmp_path, {})
    with pytest.raises(InstanceError, match="3 blocks are too few; allowed: 4 or more, one for each lane"):
        LEARNER.stream(InferenceQueue, np.random.default_rng(0), 3, "paper", {}, ParametricQSettings(lanes=4))


def test_constants_of_the_stream_are_those_of_the_network(folders: dict[str, Path], tmp_path: Path) -> None:
    """A device that pays four times as much for energy learns another value, and its policy remembers the weight."""
    settings = ParametricQSettings.of(PLANS["repaired"])
    policy = LEARNER.train(stream_of(settings, energy_weight=32.0), settings, 4, tmp_path, {"preset": "paper"})
    assert (policy.dynamics.one.energy_weight == 32.0).all()
    other: ParametricQ = load_policy(folders["repaired"])
    assert (other.dynamics.one.energy_weight == 8.0).all()
    assert (policy.actor.arrays()["worth"][:, 5] > other.actor.arrays()["worth"][:, 5]).all()
    assert other.differences(InferenceQueue.sample(np.random.default_rng(0), users=USERS, energy_weight=32.0))


# ---------------------------------------------------------------------- damaged folders, settings


def with_arrays(folder: Path, change: Callable[[dict[str, Array]], Any]) -> None:
    arrays = load((folder / "weights.safetensors").read_bytes())
    change(arrays)
    content = save(arrays)
    (folder / "weights.safetensors").write_bytes(content)
    with_card(folder, sha256=hashlib.sha256(content).hexdigest())


def with_card(folder: Path, **change: Any) -> None:
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(with_seal({**card, **change})))


def _without(name: str, arrays: dict[str, Array]) -> None:
    del arrays[name]


@pytest.mark.parametrize("plan", PLANS)
def test_other_arrays_than_the_card_says_are_refused(plan: str, folders: dict[str, Path], tmp_path: Path) -> None:
    names = [n for n in load((folders[plan] / "weights.safetensors").read_bytes()) if not n.startswith("input")]
    assert {"seen_snr", "server_work"} < set(names)
    for name in names:
        again = Path(shutil.copytree(folders[plan], tmp_path / name))
        with_arrays(again, partial(_without, name))
        with pytest.raises(InstanceError, match=f"the trained policy is damaged: {name} is missing"):
            load_policy(again)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("seen_blocks", np.zeros(1), "make no sense"),
        ("server_waits", np.zeros(400), "make no sense"),
        ("server_work", -np.ones(400), "make no sense"),
        ("worth", np.zeros((2, 41)), "worth is of shape"),
        ("worth", np.zeros((3, 1)), "worth is of shape"),
        ("worth", np.zeros(3), "worth is of shape"),
        ("price", -np.ones(3), "a price below 0"),
        ("price", np.ones(1), "price is of shape"),
        ("seen_snr", -np.ones(3), "make no sense"),
    ],
)
def test_arrays_that_make_no_sense_are_refused(name: str, value: Array, message: str, copied: Path) -> None:
    with_arrays(copied, lambda arrays: arrays.update({name: value}))
    with pytest.raises(InstanceError, match=message):
        load_policy(copied)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"settings": {"devices": "nobody"}}, "setting devices is 'nobody'"),
        ({"settings": {"devices": "printed"}}, "power is missing"),
        ({"settings": 3}, "settings is 3"),
        ({"users": 4}, "is of shape"),
        ({"problem": "binary-offloading"}, "unknown field of binary-offloading"),
    ],
    ids=str,
)
def test_a_card_of_something_else_is_refused(change: dict[str, Any], message: str, copied: Path) -> None:
    with_card(copied, **change)
    with pytest.raises(InstanceError, match=message):
        load_policy(copied)


def test_a_damaged_log_is_refused(copied: Path) -> None:
    (copied / "training.parquet").write_bytes(b"PAR1")
    with pytest.raises(InstanceError, match=r"training.parquet has no seal: it is damaged"):
        record.read(copied / "training.parquet")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"devices": "other"}, "setting devices is 'other'; allowed: repaired, semi-gradient, signed, printed"),
        ({"server": "repaired"}, "setting server is 'repaired'; allowed: empirical, drain, signed, printed"),
        ({"price": "mine"}, "setting price is 'mine'"),
        ({"price": "broadcast", "devices": "printed"}, "allowed with devices=printed, whose powers no price moves: none"),
        ({"scaling": "log"}, "setting scaling"),
        ({"arrivals": "unknown"}, "setting arrivals"),
        ({"memory": 0}, "setting memory is 0"),
        ({"lanes": 201}, "setting lanes is 201; allowed: at most memory, 200"),
        ({"checks": -1}, "setting checks is -1"),
        ({"discount": 1.0}, "setting discount is 1.0"),
        ({"step": 0.0}, "setting step is 0.0; allowed: a finite number > 0"),
        ({"step_blocks": float("inf")}, "setting step_blocks is inf"),
        ({"tolerance": -1.0}, "setting tolerance is -1.0; allowed: a finite number >= 0"),
        ({"start_rate": 1.5}, "setting start_rate is 1.5; allowed: a part, from 0 to 1"),
    ],
    ids=str,
)
def test_settings_that_make_no_sense_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InstanceError, match=message):
        ParametricQSettings.of(given)


def test_settings_without_effect_are_told() -> None:
    for given, names in (
        (
            {},
            {"rate", "rate_blocks", "features", "scaling", "step", "step_blocks", "tolerance", "start_power", "start_rate"},
        ),
        ({"devices": "semi-gradient"}, {"sweeps", "features", "start_power"}),
        ({"devices": "printed"}, {"sweeps", "slope", "rate", "start_rate"}),
        ({"devices": "printed", "server": "printed"}, {"sweeps", "slope", "rate", "memory", "interval"}),
        ({"mean_snr": (1.0,)}, {"positions"}),
    ):
        idle = ParametricQSettings.of(given).without_effect()
        assert names <= set(idle)
    with pytest.raises(InstanceError, match="setting step has no effect with devices=repaired and server=empirical"):
        ParametricQSettings().require_effect(["step"])


def test_variants_are_the_ways_of_learning() -> None:
    found = {name: LEARNER.configured(name) for name in ("default", "repaired", "semi-gradient", "signed", "printed")}
    assert {name: (one.devices, one.server) for name, one in found.items()} == {
        "default": ("repaired", "empirical"),
        "repaired": ("repaired", "empirical"),
        "semi-gradient": ("semi-gradient", "empirical"),
        "signed": ("signed", "signed"),
        "printed": ("printed", "printed"),
    }
