"""What is left of an exception that nobody foresaw: a line for the reader, and a file for whoever mends it."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

LONGEST = 300
"""Characters of an exception's own words in the line."""


def kept(error: BaseException) -> str:
    """Write a file with the traceback of an exception, and return a line that says what happened and where it stands."""
    words = " ".join(str(error).split())[:LONGEST]
    what = f"{type(error).__name__}: {words}" if words else type(error).__name__
    path = _written(_report(error))
    told = f"{path} has its traceback" if path else "its traceback could not be written to any folder"
    return f"this should not have happened, {what}; please report it, {told}"


def _report(error: BaseException) -> str:
    from mecopt.storage.versions import versions

    head = {
        "command": " ".join(map(repr, sys.argv)),
        "Python": f"{platform.python_version()} on {platform.platform()}",
        "versions": ", ".join(f"{name} {version}" for name, version in versions().items()),
    }
    lines = [f"{name}: {value}" for name, value in head.items()]
    return "\n".join([*lines, "", "".join(traceback.format_exception(error))])


def _written(text: str) -> Path | None:
    """Write a text to the first folder that takes it."""
    name = f"mecopt-error-{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.getpid()}.txt"
    for folder in (Path(tempfile.gettempdir()), Path.home(), Path.cwd()):
        try:
            (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError:
            continue
        return folder / name
    return None
