"""Files that are written completely or not at all, and the name of the code that wrote them."""

import hashlib
import os
import tempfile
from functools import cache
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write a file completely or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


@cache
def code_digest() -> str:
    """Name mecopt's own code: what other code computed is not taken for a finished part of a run."""
    digest = hashlib.sha256()
    for folder, folders, files in os.walk(Path(__file__).parent, followlinks=True):
        folders.sort()
        for name in sorted(files):
            if name.endswith(".py"):
                digest.update(name.encode() + Path(folder, name).read_bytes())
    return digest.hexdigest()[:16]
