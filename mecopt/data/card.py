"""The data card that stands beside a written file: what it holds, and how its labels were made."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.contract.units import titled
from mecopt.data.stream import distinct
from mecopt.show.numbers import counted


def card(path: Path, problem: Problem, labels: Solution | None, provenance: dict[str, Any]) -> str:
    """Return the text of the card."""
    lines = [
        f"# {path.name}",
        "",
        f"{counted(problem.instances, 'instances')} of {problem.name} with {counted(problem.users, 'users')}: "
        f"{problem.summary}.",
        "",
        "| field | symbol | unit | least | greatest |",
        "|---|---|---|---|---|",
    ]
    for f in dataclasses.fields(problem):
        value = getattr(problem, f.name)
        size = np.abs(value) if f.metadata["complex"] else value
        lines.append(f"| {f.name} | {f.metadata['symbol']} | {f.metadata['unit']} | {size.min():.6g} | {size.max():.6g} |")
    lines += ["", "How the instances were made:", ""]
    lines += [f"- {key}: {value}" for key, value in provenance.items()]
    different = distinct(problem).instances
    if different < problem.instances:
        lines += ["", f"{problem.instances - different} of the instances have the data of an earlier one."]
    lines += ["", "Labels:", ""]
    if labels is None:
        lines.append("none.")
    else:
        counts = ", ".join(f"{count} {name}" for name, count in labels.statuses().items())
        lines.append(
            f"made by the solver {labels.stats.method!r}: {counts}; largest proved gap {np.max(labels.gap):.2g}, "
            f"{titled('objective', problem.objective_unit)}, {problem.sense}d."
        )
    return "\n".join(lines) + "\n"
