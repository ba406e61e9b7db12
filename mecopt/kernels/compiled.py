"""The decorator of compiled code: numba without the interpreter, cached on disk.

numba notices when the file of a compiled function changes, but not when a function that it calls from another file does.
So, once per process and before anything compiled is loaded, every cache older than any source of compiled code goes.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from numba import njit

compiled = njit(cache=True)


def discard_stale(root: Path) -> int:
    """Delete the compiled caches below `root` if a source they may come from is newer; return how many went."""
    caches: list[Path] = []
    for folder, _, files in os.walk(root, followlinks=True):
        if os.path.basename(folder) == "__pycache__":
            caches += [Path(folder, name) for name in files if name.endswith(".nbi")]
    sources = {cache.parent.parent / (cache.name.split(".")[0] + ".py") for cache in caches}
    with contextlib.suppress(OSError):
        newest = max((source.stat().st_mtime for source in sources if source.exists()), default=0.0)
        if any(cache.stat().st_mtime < newest for cache in caches):
            for cache in caches:
                cache.unlink(missing_ok=True)
            return len(caches)
    return 0


discard_stale(Path(__file__).parents[1])
