"""A run of benches as a document of plain data, and a file of such documents, one a line.

The file grows by whole lines or not at all, several processes may add to it, and what is read back is checked: every line
says its version and has a seal (`mecopt.storage.sealed`). `SCHEMA` states the form of a document.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mecopt
from mecopt.compare.bench.rows import Measurement
from mecopt.compare.bench.turns import Timing, threads
from mecopt.contract.errors import InstanceError
from mecopt.storage.atomic import require_file, write_whole
from mecopt.storage.sealed import Unusable, with_seal
from mecopt.storage.versions import versions

KIND, VERSION = "mecopt bench", 1

BUSY = 1.1
"""Wall time over processor time above which other work has disturbed what was measured."""

_SECONDS = {"type": "number", "minimum": 0}
_TIMING = {
    "type": "object",
    "required": ["samples", "processor_seconds", "processor_quartiles", "wall_seconds", "wall_quartiles"],
    "properties": {
        "samples": {"type": "integer", "minimum": 1},
        "processor_seconds": _SECONDS,
        "wall_seconds": _SECONDS,
        **{
            f"{name}_quartiles": {"type": "array", "items": _SECONDS, "minItems": 2, "maxItems": 2}
            for name in ("processor", "wall")
        },
    },
    "additionalProperties": False,
}
_ROW = {
    "type": "object",
    "required": ["key", "group", "task", "units", "subject", "rival", "ratio", "apart", "agrees", "remark"],
    "properties": {
        "key": {"type": "string"},
        "group": {"type": "string"},
        "task": {"type": "string"},
        "units": {"type": "integer", "minimum": 1},
        "subject": {
            "type": "object",
            "required": ["name", "timing", "waited_seconds"],
            "properties": {"name": {"type": "string"}, "timing": _TIMING, "waited_seconds": _SECONDS},
            "additionalProperties": False,
        },
        "rival": {
            "type": ["object", "null"],
            "required": ["name", "timing", "waited_seconds"],
            "properties": {
                "name": {"type": "string"},
                "timing": {"anyOf": [_TIMING, {"type": "null"}]},
                "waited_seconds": {"type": ["number", "null"], "minimum": 0},
            },
            "additionalProperties": False,
        },
        "ratio": {"type": ["number", "null"], "exclusiveMinimum": 0},
        "apart": {"type": ["number", "null"]},
        "agrees": {"type": "boolean"},
        "remark": {"type": "string"},
    },
    "additionalProperties": False,
}
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A run of mecopt bench",
    "type": "object",
    "required": ["kind", "version", "began", "seed", "quick", "machine", "versions", "commit", "problems"],
    "properties": {
        "kind": {"const": KIND},
        "version": {"const": VERSION},
        "began": {"type": "string", "format": "date-time"},
        "seed": {"type": "integer", "minimum": 0},
        "quick": {"type": "boolean"},
        "machine": {
            "type": "object",
            "required": ["processor", "cores", "system", "python", "load", "threads"],
            "properties": {
                "processor": {"type": "string"},
                "cores": {"type": "integer", "minimum": 1},
                "system": {"type": "string"},
                "python": {"type": "string"},
                "load": {"type": ["number", "null"], "minimum": 0},
                "threads": {"type": "object", "additionalProperties": {"type": "integer"}},
            },
            "additionalProperties": False,
        },
        "versions": {"type": "object", "additionalProperties": {"type": "string"}},
        "commit": {"type": ["string", "null"]},
        "problems": {"type": "object", "additionalProperties": {"type": "array", "items": _ROW}},
        "seal": {"type": "string"},
    },
    "additionalProperties": False,
}


# ---------------------------------------------------------------------- what a run is


def machine() -> dict[str, Any]:
    """Return what the figures depend on beside the code: the processor, its load, and threads that would be used."""
    load = None
    with contextlib.suppress(OSError, AttributeError):  # not everywhere
        load = round(os.getloadavg()[0], 2)
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load": load,
        "threads": threads(),
    }


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"


def commit() -> str | None:
    """Return the commit of the clone that runs, "+" behind it where the tree has changed since; None outside a clone."""
    folder = Path(mecopt.__file__).resolve().parents[1]
    if not (folder / ".git").exists():
        return None
    try:
        found = subprocess.run(
            ["git", "-C", str(folder), "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()


def document(
    rows: Mapping[str, Sequence[Measurement]], *, seed: int, quick: bool, before: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a run as plain data; `before` is what `machine` said when it began."""
    return {
        "kind": KIND,
        "version": VERSION,
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": seed,
        "quick": quick,
        "machine": dict(before),
        "versions": versions(),
        "commit": commit(),
        "problems": {name: [row.as_dict() for row in found] for name, found in rows.items()},
    }


def disturbed(rows: Sequence[Measurement]) -> int:
    """Return in how many rows somebody waited over `BUSY` times the processor time, as where other work runs beside."""

    def late(timing: Timing | None) -> bool:
        return timing is not None and timing.waited > BUSY * timing.seconds

    return sum(late(row.timing) or late(row.rival_timing) for row in rows)


# ---------------------------------------------------------------------- the history


def append(path: Path, found: Mapping[str, Any]) -> None:
    """Add a run to a history, which is made where there is none.

    Raises
    ------
    Unusable
        where the file is no history, or damaged; nothing is written then.
    """
    from filelock import FileLock

    path = Path(path)
    require_file(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f"{path.name}.lock")):
        before = path.read_bytes() if path.exists() else b""
        if before:
            history(path)
        write_whole(path, before + (json.dumps(with_seal(found)) + "\n").encode())


def history(path: Path) -> list[dict[str, Any]]:
    """Return the runs of a history, the first one first.

    Raises
    ------
    Unusable
        naming the line that is not what was written.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"{path} cannot be read as a history of benches: {error}") from None
    return [_run(f"line {number} of {path}", line) for number, line in enumerate(lines, 1)]


def _run(where: str, line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        raise Unusable(f"{where} is no JSON, or cut off") from None
    if not isinstance(found, dict) or found.get("kind") != KIND:
        raise Unusable(f"{where} is no run of `mecopt bench`")
    if found.get("version") != VERSION:
        raise Unusable(f"{where} is of version {found.get('version')!r}; allowed: {VERSION}")
    if not line.endswith("\n") or found.get("seal") != with_seal(found)["seal"]:
        raise Unusable(f"{where} is damaged: it is not what was written")
    return found


def rows_of(found: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the rows of a run by problem and key."""
    return {f"{name} | {row['key']}": row for name, rows in found["problems"].items() for row in rows}


def require_history(path: Path) -> None:
    """Raise before anything is measured where no run could be added to a file."""
    require_file(Path(path))
    if Path(path).exists():
        try:
            history(path)
        except Unusable as error:
            raise InstanceError(f"{error}; name another file for the history") from None
