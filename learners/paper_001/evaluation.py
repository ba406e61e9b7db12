"""Running the evaluation of paper 001: sweeps, trainings, comparisons; then tables, pictures and verdicts."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

from mecopt.evaluation.reproduction import Findings, Progress, Reproduction
from mecopt.learners.paper_001 import comparison, pictures, sweeps
from mecopt.learners.paper_001.claims import judged
from mecopt.learners.paper_001.comparison import Compared
from mecopt.learners.paper_001.measures import Size
from mecopt.learners.paper_001.sweeps import Swept
from mecopt.learners.paper_001.tables import tables
from mecopt.learners.paper_001.trainings import FRAMES, QUICK_FRAMES
from mecopt.learners.training import versions
from mecopt.show.numbers import counted


@dataclass(frozen=True)
class Measured:
    """Everything that was measured, for verdicts, tables and pictures."""

    swept: Swept
    """Figures 3 and 4."""
    compared: Compared
    """Figure 2."""


class Paper001(Reproduction):
    """Zhou, Long, Zhang, Xu, Gong: Hierarchical Multi-Agent DRL for Backscatter-aided Data Offloading."""

    paper = "001"
    title = "Results of paper 001: backscatter-aided offloading, H-MADDPG"
    seeds = 3

    def run(self, out: Path, *, seeds: int, quick: bool, progress: Progress) -> Findings:
        """Sweep, train, compare, judge."""
        count = QUICK_FRAMES if quick else FRAMES
        measured = measure(out, seeds, quick, count, progress)
        swept, common, compared = (
            (sweeps.QUICK_SIZE, sweeps.QUICK_COMMON, comparison.QUICK_SIZE)
            if quick
            else (sweeps.SIZE, sweeps.COMMON, comparison.SIZE)
        )
        return Findings(
            title=self.title,
            settings={
                "seeds": seeds,
                "frames of a training": count,
                "frames of a rollout of figures 3 and 4": _said(swept),
                "common frames of figure 4b": f"{common} per seed and distance",
                "frames on which policies are compared": _said(compared),
                "constants": "preset `paper`; searched for so that the paper's claims can hold, see docs/papers/001.md",
                "quick": quick,
                "versions": ", ".join(f"{k} {v}" for k, v in versions().items()),
                "machine": f"{counted(os.cpu_count() or 1, 'cores')}, {platform.machine()}, Python "
                f"{platform.python_version()}",
                "command": f"mecopt reproduce 001 -o FOLDER --seeds {seeds}{' --quick' if quick else ''}",
                "spread": "mean ± standard deviation over seeds",
            },
            claims=judged(measured),
            tables=tables(measured),
            pictures=pictures.drawn(measured),
        )


def _said(size: Size) -> str:
    return f"{counted(size.lanes, 'lanes')} of {size.length} per seed, the first {size.skipped} of each left out"


def measure(out: Path, seeds: int, quick: bool, count: int, progress: Progress) -> Measured:
    """Run everything; finished trainings are not run again."""
    swept = sweeps.measure(seeds, quick, progress)
    return Measured(swept, comparison.measure(out, seeds, quick, count, progress))


REPRODUCTION = Paper001()
