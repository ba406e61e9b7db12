"""The decorator of compiled code: numba without the interpreter, cached on disk.

numba notices when the file of a compiled function changes, but not when a function that it calls from another file does.
So, once per process and before anything compiled is loaded, the sources of all compiled code are hashed; if they are not
those that the caches were built from, the caches go.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

from numba import njit

compiled = njit(cache=True, error_model="numpy")

STAMP = "compiled.sha256"


def discard_stale(root: Path) -> int:
    """Delete the compiled caches below `root` unless they were built from the sources there; return how many went."""
    sources, caches = [], []
    for folder, _, files in os.walk(root, followlinks=True):
        cached = os.path.basename(folder) == "__pycache__"
        for name in files:
            if cached and name.endswith((".nbi", ".nbc")):
                caches.append(Path(folder, name))
            elif name.endswith(".py"):
                content = Path(folder, name).read_bytes()
                if b"numba" in content or b"compiled" in content:
                    sources.append((name, content))
    digest = hashlib.sha256(repr(sorted(sources)).encode()).hexdigest()
    stamp = root / "__pycache__" / STAMP
    if stamp.exists() and stamp.read_text() == digest:
        return 0
    for cache in caches:
        cache.unlink(missing_ok=True)
    stamp.parent.mkdir(exist_ok=True)
    stamp.write_text(digest)
    return len(caches)


with contextlib.suppress(OSError):  # an installation that nobody may write to does not change either
    discard_stale(Path(__file__).parents[1])
