"""Trainings in a folder of the worker's own, from what stood in it elsewhere to the end, or to a later checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from mecopt.running.pauses import Paused, pausing
from mecopt.storage.folders import packed, unpack
from mecopt.storage.store import Store

CHECKPOINT_SECONDS = 120.0
"""Seconds of a training elsewhere after which its next checkpoint comes back, or goes to its store."""

DONE, GOES_ON = b"\x01", b"\x00"
"""First byte of what comes back from a training."""


def advanced(
    train: Callable[[Path], None], before: bytes, seconds: float, store: Store | None = None, name: str = ""
) -> bytes:
    """Train from what stood in a folder; return whether that was all, and the folder.

    Parameters
    ----------
    train
        trains in a folder, and goes on from a checkpoint there.
    before
        the folder as it was, packed.
    seconds
        after so many of them the next checkpoint is put where it survives this process: it is returned to whoever asked,
        or, where there is a store, written there, and the training goes on.
    store, name
        where checkpoints live, and how this training's is called; one that stands there is gone on from.
    """
    kept = None if store is None else store.read(name)
    with TemporaryDirectory(prefix="mecopt-") as place:
        folder = Path(place)
        unpack(before if kept is None else kept, folder)
        while True:
            try:
                with pausing(seconds):
                    train(folder)
                return DONE + packed(folder)
            except Paused:
                if store is None:
                    return GOES_ON + packed(folder)
                store.write(name, packed(folder))
