"""Figures of speed in README and docs beside what a run of `mecopt bench` measured.

    python tools/figures.py [FILE]      the last run of a history (out/bench.jsonl); without one, where the figures stand

A run is named by its line. `docs/figures.toml` says which row measures which figure.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def stands(figure: Mapping[str, Any]) -> tuple[int, str]:
    """Return the line of a figure, and what it says; there is one such place."""
    text = (ROOT / figure["file"]).read_text(encoding="utf-8")
    found = list(re.finditer(figure["text"], text))
    if len(found) != 1:
        raise LookupError(f"{figure['file']} has {figure['text']!r} {len(found)} times; allowed: once")
    return text.count("\n", 0, found[0].start(1)) + 1, found[0][1]


def measured(figure: Mapping[str, Any], rows: list[Mapping[str, Any]]) -> float | None:
    """Return what the rows of a problem say, in the figure's unit; None where there is no such row, or it failed."""
    whole = figure["row"].endswith(" | ")
    row = next(
        (row for row in rows if row["key"] == figure["row"] or (whole and row["key"].startswith(figure["row"]))), None
    )
    if row is None:
        return None
    if figure["of"] == "ratio":
        return row["ratio"]
    timing = row["subject"]["timing"]
    seconds = timing["processor_seconds"] or timing["wall_seconds"]  # a coarse clock of the processor sees nothing
    return 1.0 / seconds if figure["of"] == "per_second" else seconds / figure.get("unit", 1.0)


def main(arguments: list[str]) -> int:
    """Print a line per figure."""
    sys.path.insert(0, str(ROOT))
    from mecopt.compare.bench.record import history

    figures = tomllib.loads((ROOT / "docs" / "figures.toml").read_text(encoding="utf-8"))["figure"]
    run = history(Path(arguments[0]))[-1] if arguments else None
    if run is not None:
        machine = run["machine"]
        print(f"{run['began']}, commit {run['commit']}, {machine['processor']}, load {machine['load']}")
    for figure in figures:
        line, told = stands(figure)
        found = None if run is None else measured(figure, run["problems"].get(figure["problem"], []))
        now = "not measured" if found is None else f"{found:.3g}"
        print(
            f"{figure['file']}:{line}: {told} in the text, {now}; {figure['problem']}, {figure['row'].removesuffix(' | ')}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
