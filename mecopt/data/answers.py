"""Answers as files: the long table of `mecopt.show.rows`, or JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mecopt.contract.errors import InstanceError
from mecopt.contract.solution import Solution
from mecopt.data.long import SUFFIXES, table_bytes
from mecopt.show.rows import Names, answer_columns, fitting
from mecopt.storage.atomic import require_file, write_whole

ANSWERS = (*SUFFIXES, ".json")
PICTURES = (".png", ".svg", ".pdf")


def require_answer_suffix(path: Path) -> None:
    """Refuse a file that answers are not written to, before they are computed."""
    if path.suffix.lower() not in ANSWERS:
        raise InstanceError(f"{path} has suffix {path.suffix!r}; allowed for answers: {', '.join(ANSWERS)}")
    if path.is_dir():
        raise InstanceError(f"{path} is a folder; allowed: a file for the answers")


def answer_dict(solution: Solution, names: Names) -> dict[str, Any]:
    """Return an answer as JSON holds it, with the names that a file has for its users, servers and instances."""
    known = fitting(names, solution.problem)
    return solution.to_dict() | ({"names": {axis: list(labels) for axis, labels in known.items()}} if known else {})


def write_answer(path: Path, solution: Solution, names: Names | None = None) -> None:
    """Write an answer to a .csv, .tsv, .txt, .parquet or .json file, whole or not at all; every digit survives."""
    require_answer_suffix(path)
    suffix = path.suffix.lower()
    if suffix == ".json":
        write_whole(path, (json.dumps(answer_dict(solution, names or {}), indent=1) + "\n").encode())
    else:
        write_whole(path, table_bytes(suffix, answer_columns(solution, names)))


def require_picture(path: Path) -> None:
    """Refuse a file that no picture is written to, before there is one."""
    if path.suffix.lower() not in PICTURES:
        raise InstanceError(f"{path} has suffix {path.suffix!r}; allowed for pictures: {', '.join(PICTURES)}")
    require_file(path)


def write_picture(path: Path, solution: Solution) -> None:
    """Draw an answer into a .png, .svg or .pdf file, whole or not at all."""
    from mecopt.show.answer import pictured
    from mecopt.show.drawn import picture

    write_whole(path, picture(pictured(solution), path.suffix.lower()[1:]))
