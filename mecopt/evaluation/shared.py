"""Trainings and measurements of a study as tasks: in their folders here, or by bytes on machines that see other disks.

A training elsewhere is a chain of tasks. Each begins with what stands in the training's folder, its last checkpoint among
it, and ends with a later checkpoint or with the policy, which come back as the bytes of a folder and are written here: a
worker that is lost costs what came after the last checkpoint, no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mecopt.parallel import Task, is_elsewhere
from mecopt.parallel.advance import CHECKPOINT_SECONDS, DONE, advanced
from mecopt.storage.atomic import write_whole
from mecopt.storage.folders import packed, unpack
from mecopt.storage.sealed import digest_of


def training(study: Any, plan: Any, seed: int, folder: Path, quick: bool, number: int) -> Task:
    """Return the task of a training; what stands finished in its folder is left there, what was interrupted goes on."""
    key, ended = digest_of([folder.parts[-2:], seed]), folder.with_name(f"{folder.name}.done")
    if not is_elsewhere():
        here = study, plan, seed, folder, quick
        return Task(key, f"{__name__}.trained_here", here, lambda _: ended.touch(), number, ended.exists)
    before = packed(folder)

    def written(result: bytes) -> Task | None:
        unpack(result[1:], folder)
        if result[:1] != DONE:
            return training(study, plan, seed, folder, quick, number)
        ended.touch()
        return None

    arguments = study, plan, seed, before, quick, CHECKPOINT_SECONDS
    return Task(digest_of([key, before.hex()]), f"{__name__}.trained_elsewhere", arguments, written, number)


def trained_here(study: Any, plan: Any, seed: int, folder: Path, quick: bool) -> bytes:
    """Train in a folder that this process sees."""
    study.train(plan, seed, folder, quick)
    return DONE


def trained_elsewhere(study: Any, plan: Any, seed: int, before: bytes, quick: bool, seconds: float) -> bytes:
    """Train from what stood in a folder, to the end or to the first checkpoint after so many seconds."""
    return advanced(lambda folder: study.train(plan, seed, folder, quick), before, seconds)


def measuring(part: Any, number: int) -> Task:
    """Return the task of a measurement."""
    name, written = f"{__name__}.measured_here", partial(write_whole, part.file)
    if not is_elsewhere():
        return Task(part.key, name, (part,), written, number)
    folders = {method: packed(folder) for method, folder in part.trained.items()}
    return Task(part.key, f"{__name__}.measured_elsewhere", (part, folders), written, number)


def measured_here(part: Any) -> bytes:
    """Measure with what was trained into folders that this process sees."""
    content: bytes = part.content(part.trained)
    return content


def measured_elsewhere(part: Any, folders: Mapping[str, bytes]) -> bytes:
    """Measure with what was trained, sent as bytes."""
    with TemporaryDirectory(prefix="mecopt-") as place:
        trained = {method: Path(place) / str(k) for k, method in enumerate(folders)}
        for method, content in folders.items():
            unpack(content, trained[method])
        found: bytes = part.content(trained)
        return found
