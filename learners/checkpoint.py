"""Checkpoints of trainings: the state of what learns and its log so far, in a file that is whole and what was written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.running.pauses import checkpointed
from mecopt.storage import sealed as stored

Array = NDArray[Any]

CHECKPOINT = "checkpoint.safetensors"
KIND = "checkpoint of a training"
"""Kind of the file, see `mecopt.storage.sealed`."""

LOGGED = "log_"
"""Begins the names of the log's columns in a checkpoint."""


def write_checkpoint(path: Path, key: str, done: int, state: Mapping[str, Array], columns: Mapping[str, Array]) -> None:
    """Write how far a run has come; where it is asked to pause, it ends here (`mecopt.running.pauses`).

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
    named = {**state, **{f"{LOGGED}{name}": values for name, values in columns.items()}}
    stored.write_arrays(path, named, KIND, key, {"done": str(done)})
    checkpointed()


def resume(path: Path, key: str, restore: Callable[[Mapping[str, Array]], None], columns: Mapping[str, Array]) -> int:
    """Take a checkpoint up, if there is one; return how many instances are done.

    One that is damaged counts for nothing: the run begins anew, which is told.

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
        if the file is of another run.
    """
    unusable: list[str] = []
    found = stored.standing(partial(stored.read_arrays, path, KIND), unusable)
    stored.tell(unusable)
    if found is None:
        return 0
    arrays, words, whose = found
    if whose != key:
        raise InstanceError(f"{path} belongs to another run; choose another folder, or delete it")
    restore({name: array for name, array in arrays.items() if not name.startswith(LOGGED)})
    for name, values in columns.items():
        values[...] = arrays[f"{LOGGED}{name}"]
    return int(words["done"])
