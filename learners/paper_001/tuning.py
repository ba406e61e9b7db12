"""How each method was tuned: the same tries for all, on seeds that the evaluation never meets.

    python -m mecopt.learners.paper_001.tuning FOLDER
    python -m mecopt.learners.paper_001.tuning FOLDER finalists

The first trains every try of every method and prints what it earned on fresh frames. Two seeds cannot tell tries apart,
so the second trains the best three of each method, and two beyond the edge of what was tried, on five other seeds; `BEST`
are what earned most there. A run that was stopped goes on. All tries leave Table I where it is unusual: hidden layers are of
ReLU, the memory holds 20,000 transitions, users learn from the reward (11) that all share, and the coin of lines 16 to 19
falls.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mecopt.evaluation.intervals import standard_error
from mecopt.learners.h_maddpg import LEARNER, HMaddpg
from mecopt.learners.paper_001.measures import Size, follow
from mecopt.learners.paper_001.worlds import NOMINAL, stream, training
from mecopt.parallel import Task, at_work

SEEDS = (1000, 1001)
"""Of the tries; those of the evaluation are others."""
OTHER_SEEDS = (1002, 1003, 1004, 1005, 1006)
"""Of the finalists: what they earned on the first ones is why they are finalists."""
FRAMES = 4000
"""Of a training."""
FOLLOWED = Size(40, 20, 60)
"""Fresh frames by which a try is judged."""

METHODS = ("optimisation-driven", "model-free", "flat")
"""Algorithm 1, its rival, and one agent without hierarchy, by the setting `users`."""
LEARN = ("optimisation-driven", "model-free")
"""Those with agents of users."""
SANE: Mapping[str, Any] = {
    "activation": "relu",
    "memory": 20_000,
    "user_reward": "team",
    "told": "beams",
    "beams": "weights",
    "discount": 0.9,
}
TRIES: Mapping[str, Mapping[str, Any]] = {
    "as said": {},
    "tau 0.01": {"smoothing": 0.01},
    "tau 0.01, rates 0.0003": {"smoothing": 0.01, "actor_rate": 0.0003, "critic_rate": 0.0003},
    "tau 0.01, gamma 0.5": {"smoothing": 0.01, "discount": 0.5},
    "tau 0.01, antenna weights": {"smoothing": 0.01, "beams": "raw"},
    "tau 0.01, batches of 256": {"smoothing": 0.01, "batch": 256},
    "tau 0.01, batches of 256, gamma 0.5": {"smoothing": 0.01, "batch": 256, "discount": 0.5},
    "tau 0.01, batches of 256, noise 0.4 to 0.1": {"smoothing": 0.01, "batch": 256, "noise": 0.4, "noise_end": 0.1},
    "tau 0.01, batches of 256, twice the neurons": {
        "smoothing": 0.01,
        "batch": 256,
        "hidden": (256, 128),
        "critic_hidden": 256,
    },
    "tau 0.005, batches of 256, actors' rate 0.0003": {"smoothing": 0.005, "batch": 256, "actor_rate": 0.0003},
}
"""What each try changes of `SANE`."""

BEYOND: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "optimisation-driven": {
        "tau 0.01, gamma 0.2": {"smoothing": 0.01, "discount": 0.2},
        "tau 0.01, gamma 0": {"smoothing": 0.01, "discount": 0.0},
    },
    "model-free": {
        "tau 0.002, batches of 256, actors' rate 0.0003": {"smoothing": 0.002, "batch": 256, "actor_rate": 0.0003},
        "tau 0.005, batches of 256, actors' rate 0.0001": {"smoothing": 0.005, "batch": 256, "actor_rate": 0.0001},
    },
    "flat": {
        "tau 0.01, batches of 256, four times the neurons": {
            "smoothing": 0.01,
            "batch": 256,
            "hidden": (512, 256),
            "critic_hidden": 512,
        },
        "tau 0.01, batches of 512, twice the neurons": {
            "smoothing": 0.01,
            "batch": 512,
            "hidden": (256, 128),
            "critic_hidden": 256,
        },
    },
}
"""What tries beyond the edge change of it, where the best of the first ones lie there."""
FINALISTS: Mapping[str, tuple[str, ...]] = {
    "optimisation-driven": ("tau 0.01, gamma 0.5", "as said", "tau 0.005, batches of 256, actors' rate 0.0003"),
    "model-free": (
        "tau 0.005, batches of 256, actors' rate 0.0003",
        "tau 0.01, batches of 256",
        "tau 0.01, batches of 256, twice the neurons",
    ),
    "flat": ("tau 0.01, batches of 256, twice the neurons", "tau 0.01, batches of 256", "tau 0.01"),
}
"""The best three of each method on the first seeds."""

BEST: Mapping[str, str] = {
    "optimisation-driven": "tau 0.01, gamma 0",
    "model-free": "tau 0.01, batches of 256, twice the neurons",
    "flat": "tau 0.01, batches of 512, twice the neurons",
}
"""The try of each method that earned most on fresh frames, by the mean of the five other seeds."""


def settings_of(method: str, name: str, users: str | None = None) -> Mapping[str, Any]:
    """Return the settings of a try of a method, with its own `users` or others.

    What is said of users' agents is left out where there are none.
    """
    users = method if users is None else users
    found = {**SANE, **{**TRIES, **BEYOND[method]}[name], "users": users}
    return found if users in LEARN else {key: value for key, value in found.items() if key not in ("user_reward", "told")}


TRIED = "mecopt.learners.paper_001.tuning.tried"


def tried(out: Path, method: str, name: str, seed: int) -> bytes:
    """Train one try; return as JSON what it earns on fresh frames without noise, and its outage there."""
    folder = out / f"{method} {name} {seed}".replace(" ", "-").replace(",", "")
    settings = LEARNER.configured("default", settings_of(method, name))
    LEARNER.train(training(NOMINAL, seed, FRAMES), settings, seed, folder, {"try": name})
    frames = stream(NOMINAL, seed, FOLLOWED.length, FOLLOWED.lanes)
    means = follow(frames, HMaddpg.load(folder).act, seed, FOLLOWED.skipped).means
    return json.dumps([method, name, means.reward, means.outage]).encode()


Runs = Mapping[str, tuple[str, ...]]
"""Tries by method."""

STAGES: Mapping[str, tuple[Runs, tuple[int, ...]]] = {
    "first": (dict.fromkeys(METHODS, tuple(TRIES)), SEEDS),
    "finalists": ({method: (*FINALISTS[method], *BEYOND[method]) for method in METHODS}, OTHER_SEEDS),
}
"""What is trained, and on which seeds."""


def main(out: Path, stage: str = "first") -> None:
    """Print the tries of all methods as a table."""
    runs, seeds = STAGES[stage]
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}

    def told(result: bytes) -> None:
        method, name, reward, outage = json.loads(result)
        found.setdefault((method, name), []).append((reward, outage))

    tries = [(out, method, name, seed) for seed in seeds for method in METHODS for name in runs[method]]
    with at_work([Task("-".join(map(str, one[1:])), TRIED, one, told) for one in tries]) as finished:
        for _ in finished:
            pass
    sys.stdout.write("| method | try | reward (11), kbit/J | outage |\n|---|---|---|---|\n")
    for (method, name), values in found.items():
        rewards, outages = np.array(values).T
        each, error = ", ".join(f"{reward:.1f}" for reward in rewards), standard_error(rewards.tolist())
        sys.stdout.write(f"| {method} | {name} | {rewards.mean():.1f} ± {error:.1f} ({each}) | {outages.mean():.3f} |\n")


if __name__ == "__main__":
    from mecopt.learners.paper_001.tuning import main as run  # by its name, so that other processes find it

    run(Path(sys.argv[1]), *sys.argv[2:3])
