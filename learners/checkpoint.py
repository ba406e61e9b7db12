"""Checkpoints of trainings: the state of what learns and its log so far, in a file that is whole and checked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.files import write_whole
from mecopt.solution import InstanceError

Array = NDArray[Any]

CHECKPOINT = "checkpoint.safetensors"
LOGGED = "log_"
"""Begins the names of the log's columns in a checkpoint."""


def write_checkpoint(path: Path, key: str, done: int, state: Mapping[str, Array], columns: Mapping[str, Array]) -> None:
    """Write how far a run has come.

    Parameters
    ----------
    path
        the file; written completely or not at all.
    key
        the run's name, see `mecopt.learners.training.run_key`.
    done
        how many instances are done.
    state
        everything that is needed to go on, by name.
    columns
        the log so far, by name.
    """
    from safetensors.numpy import save

    named = {**state, **{f"{LOGGED}{name}": values for name, values in columns.items()}}
    arrays = {name: np.ascontiguousarray(array) for name, array in named.items()}
    origin = {"run": key, "done": str(done), "sha256": checksum(key, done, arrays)}
    write_whole(path, save(arrays, origin))


def checksum(key: str, done: int, arrays: Mapping[str, Array]) -> str:
    """Return a digest of whose state it is, how far it has come, and names, kinds, shapes and numbers of its arrays."""
    found = hashlib.sha256(f"{key} {done}".encode())
    for name in sorted(arrays):
        array = arrays[name]
        found.update(f"{name} {array.dtype} {array.shape}".encode() + array.tobytes())
    return found.hexdigest()


def resume(path: Path, key: str, restore: Callable[[Mapping[str, Array]], None], columns: Mapping[str, Array]) -> int:
    """Take a checkpoint up, if there is one; return how many instances are done.

    Parameters
    ----------
    path, key
        as in `write_checkpoint`.
    restore
        called with the state.
    columns
        filled with the log so far.

    Raises
    ------
    InstanceError
        if the file is damaged, or of another run.
    """
    if not path.is_file():
        return 0
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            origin = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InstanceError(f"{path} is damaged: {error}; delete it to begin anew") from None
    if origin.get("run") != key:
        raise InstanceError(f"{path} belongs to another run; choose another folder, or delete it")
    done = origin.get("done", "")
    if not done.isdecimal() or origin.get("sha256") != checksum(key, int(done), arrays):
        raise InstanceError(f"{path} is damaged: its numbers are not those that were written; delete it to begin anew")
    restore({name: array for name, array in arrays.items() if not name.startswith(LOGGED)})
    for name, values in columns.items():
        values[...] = arrays[f"{LOGGED}{name}"]
    return int(done)
