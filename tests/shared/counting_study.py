"""A study whose training counts to `STEPS`, with a checkpoint after each step, and says each as it is begun."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from mecopt.evaluation.measurements import Row
from mecopt.evaluation.study import Plan, Study
from mecopt.learners.checkpoint import CHECKPOINT, resume, write_checkpoint

STEPS = 5


class Counting(Study):
    paper, title, seeds = "998", "Counting", 2
    settings = ("near", "far")
    claims = ()
    timed = ("near",)

    def plans(self, quick: bool) -> Sequence[Plan]:
        return [Plan("counted", setting, "counting", {}) for setting in self.settings]

    def train(self, plan: Plan, seed: int, folder: Path, quick: bool) -> None:
        total, columns = np.zeros(1), {"drawn": np.full(STEPS, np.nan)}
        if (folder / "total.json").exists():
            return
        first = resume(folder / CHECKPOINT, "counting", lambda state: total.__setitem__(0, state["total"][0]), columns)
        for step in range(first, STEPS):
            print(f"begun: {plan.setting}-{seed}-{step}", flush=True)
            columns["drawn"][step] = np.random.default_rng((seed, step)).normal()
            total[0] += columns["drawn"][step]
            write_checkpoint(folder / CHECKPOINT, "counting", step + 1, {"total": total}, columns)
        (folder / "total.json").write_text(repr(float(total[0])))
        (folder / CHECKPOINT).unlink()

    def measure(self, setting: str, seed: int, trained: Mapping[str, Path], quick: bool) -> Iterable[Row]:
        yield Row("total", float((trained["counted"] / "total.json").read_text()), "counted", setting, seed, None)

    def measure_times(self, setting: str, seed: int, trained: Mapping[str, Path], quick: bool) -> Iterable[Row]:
        yield Row("files", float(len(list(trained["counted"].iterdir()))), "counted", setting, seed, None)
