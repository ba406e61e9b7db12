"""Folders as bytes: their files' names and contents, nothing else, so that they can be sent to another machine and back."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path, PurePosixPath

from mecopt.contract.errors import InstanceError
from mecopt.storage.atomic import LOCK, write_whole
from mecopt.storage.trained import CARD

PREFIX = LOCK.removesuffix("lock")
"""Names of what a run writes for itself begin with it."""

FIRST_DAY = (1980, 1, 1, 0, 0, 0)


def packed(folder: Path) -> bytes:
    """Return the files of a folder as bytes, the same bytes for the same files; those of no folder are none.

    A card comes last: it is what makes a folder valid.
    """
    content = io.BytesIO()
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(PREFIX)]
    with zipfile.ZipFile(content, "w") as archive:
        for path in sorted(files, key=lambda path: (path.name == CARD, path.relative_to(folder).as_posix())):
            archive.writestr(zipfile.ZipInfo(path.relative_to(folder).as_posix(), FIRST_DAY), path.read_bytes())
    return content.getvalue()


def unpack(content: bytes, folder: Path) -> None:
    """Make a folder hold the files that were packed, each written whole; others in it are removed.

    Raises
    ------
    InstanceError
        where a file would stand outside of the folder.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        for name in names:
            parts = PurePosixPath(name)
            if parts.is_absolute() or ".." in parts.parts or "\\" in name or ":" in name:
                raise InstanceError(f"a folder that was sent holds a file {name!r}; allowed: names within the folder")
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            write_whole(folder / name, archive.read(name))
    for path in folder.rglob("*"):
        if path.is_file() and not path.name.startswith(PREFIX) and path.relative_to(folder).as_posix() not in names:
            path.unlink()
