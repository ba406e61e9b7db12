"""What is trained for paper 002: Algorithms 1 and 2 as printed, the repaired learner, and baselines that learn values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecopt.evaluation.study import Plan
from mecopt.learners.log import LOG
from mecopt.learners.paper_002.names import (
    BINARY_TD,
    EVEN_TD,
    FIGURE_6,
    FIGURE_7,
    LEARNED,
    PRINTED,
    REPAIRED,
    SCHEDULES,
    SYSTEMS,
    TD,
)
from mecopt.learners.parametric_q import LEARNER, ParametricQSettings, ParametricQTraining, record
from mecopt.learners.parametric_q.actors import Done, Valued
from mecopt.learners.parametric_q.values import SemiGradient
from mecopt.learners.training import run_key
from mecopt.models.inference_queue.allocation.fixed import fixed_pieces
from mecopt.models.inference_queue.dynamics.steps import QueueDynamics
from mecopt.storage import sealed as stored

Array = NDArray[Any]

BASELINE = "baseline"
"""The learner of plans that are no `parametric-q`."""
OFFERED: Mapping[str, Mapping[str, Any]] = {
    BINARY_TD: {"parts": [0.0, 1.0], "whole": True},
    EVEN_TD: {"parts": [0.5], "whole": False},
}
"""Parts of a task that a device may offload, and whether one that the radio does not carry is not offered or cut."""
VARIANTS: Mapping[str, str] = {PRINTED: "printed", REPAIRED: "repaired", TD: "semi-gradient"}


def plans() -> Sequence[Plan]:
    """Return who learns where."""
    found = [Plan(name, FIGURE_6, "parametric-q", {"variant": "printed", **steps}) for name, steps in SCHEDULES.items()]
    found += [Plan(name, FIGURE_7, "parametric-q", {"variant": variant}) for name, variant in VARIANTS.items()]
    found += [Plan(name, FIGURE_7, BASELINE, offered) for name, offered in OFFERED.items()]
    for setting, learned in LEARNED.items():
        system = {name: value for name, value in SYSTEMS[setting].items() if name != "users"}
        found += [Plan(name, setting, "parametric-q", {"variant": VARIANTS[name], **system}) for name in learned]
    return found


def train(plan: Plan, dynamics: QueueDynamics, path: Any, positions: int, seed: int, folder: Path) -> None:
    """Train along a path of one lane, unless that was done."""
    given = {name: value for name, value in plan.settings.items() if name not in ("variant", "parts", "whole")}
    settings = LEARNER.configured(plan.settings.get("variant", "semi-gradient"), {"positions": positions, **given})
    if plan.learner != BASELINE:
        LEARNER.train(path, settings, seed, folder, {"preset": dynamics.preset, "plan": plan.method})
        return
    key, unusable = run_key(BASELINE, {**asdict(settings), **plan.settings}, path, seed), list[str]()
    if stored.standing(partial(record.read, folder / LOG, key), unusable) is None:
        stored.tell(unusable)
        training = of_parts(dynamics, path, settings, seed, plan.settings["parts"], plan.settings["whole"])
        columns = record.empty(len(path))
        for number in range(len(path)):
            for name, value in training.step(number).items():
                columns[name][number] = value
        record.write(folder / LOG, columns, key)


def of_parts(
    dynamics: QueueDynamics, path: Any, settings: ParametricQSettings, seed: int, parts: Sequence[float], whole: bool
) -> ParametricQTraining:
    """Return a training of devices that learn their values by temporal differences, and offload given parts alone."""
    training = ParametricQTraining(dynamics, path, settings, seed)
    training.devices = OfParts(dynamics, settings, seed, parts, whole)
    return training


@dataclass(frozen=True, eq=False)
class Parts(Valued):
    """Devices that know what tasks are worth that remain, and offload one of some parts of a task."""

    parts: tuple[float, ...] = ()
    whole: bool = False

    def __call__(self, rows: Array, snr: Array, backlog: Array, arrivals: ArrayLike) -> Done:
        """Take the best of the parts."""
        parts = np.broadcast_to(self.parts, (*snr.shape, len(self.parts)))
        return Done(*fixed_pieces(rows, snr, backlog, self.worth, parts, arrivals=arrivals, whole=self.whole))

    def of(self, user: int) -> Parts:
        """Return one of them."""
        return Parts(self.worth[user : user + 1], self.price, self.parts, self.whole)


class OfParts(SemiGradient):
    """Devices that learn by temporal differences what their queues are worth if they offload given parts."""

    def __init__(
        self, dynamics: QueueDynamics, settings: ParametricQSettings, seed: int, parts: Sequence[float], whole: bool
    ) -> None:
        super().__init__(dynamics, settings, seed)
        self.parts, self.whole = tuple(parts), whole

    def actor(self) -> Parts:
        """Act by the values."""
        return Parts(super().actor().worth, self.price, self.parts, self.whole)


def stops(log: Mapping[str, Array]) -> tuple[float, float, float]:
    """Return in which block devices stop in the mean, the last of them, and the server; infinite where one never does."""
    devices, server = log["learning"], log["server_learning"]
    mean, last = (np.inf, np.inf) if devices[-1] > 0.0 else (1.0 + devices.sum(), 1.0 + (devices > 0.0).sum())
    return float(mean), float(last), np.inf if server[-1] > 0.0 else float(1.0 + (server > 0.0).sum())
