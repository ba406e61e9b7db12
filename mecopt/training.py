"""A training as a task: where its instances are known, or on a worker, whose checkpoints survive it.

Checkpoints come back as bytes at intervals, so that another worker goes on from the last of them; or they live in a store
that workers reach (`mecopt.storage.store`), which outlives the process that asked as well. The weights are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mecopt.contract.problem import Problem
from mecopt.data import digest
from mecopt.optima import Known, at_hand, digest_of_known
from mecopt.parallel import Task, at_work
from mecopt.parallel.advance import CHECKPOINT_SECONDS, DONE, advanced
from mecopt.registry import find_learner
from mecopt.storage.atomic import code_digest, to_myself
from mecopt.storage.folders import packed, unpack
from mecopt.storage.sealed import digest_of
from mecopt.storage.store import Store
from mecopt.storage.versions import versions

FUNCTION = f"{__name__}.trained"
"""Dotted name of what trains."""


def train_elsewhere(
    learner: Any,
    stream: Problem,
    settings: Any,
    seed: int,
    out: Path,
    provenance: Mapping[str, Any],
    *,
    known: Known,
    store: Store | None = None,
    came_back: Callable[[bool], None] = lambda ended: None,
) -> Any:
    """Train by a task, wherever `mecopt.parallel.where` says, and return the policy, which stands in `out` then.

    Parameters
    ----------
    learner, stream, settings, seed, out, provenance
        as `mecopt.learners.proposer.Learner.train` takes them.
    known
        proved optima of instances, see `mecopt.optima`.
    store
        where checkpoints live; None lets them come back into `out`.
    came_back
        called whenever a worker returns something, with whether that was all.
    """
    with at_hand(known):
        labels = digest_of_known()
    whole = [learner.name, asdict(settings), seed, digest(stream), labels, dict(provenance), versions(), code_digest()]
    name = f"{learner.name}-{digest_of(whole)[:24]}"

    def task() -> Task:
        before = packed(out)

        def written(result: bytes) -> Task | None:
            unpack(result[1:], out)
            return None if result[:1] == DONE else task()

        told = learner.name, stream, settings, seed, dict(provenance), dict(known), before, CHECKPOINT_SECONDS, store, name
        return Task(digest_of([name, before.hex(), None if store is None else store.url]), FUNCTION, told, written)

    with to_myself(out):
        with at_work([task()], alone=1) as running:
            for _, ended in running:
                came_back(ended)
        if store is not None:
            store.remove(name)
    return learner.load(out)


def trained(
    learner: str,
    stream: Problem,
    settings: Any,
    seed: int,
    provenance: Mapping[str, Any],
    known: Known,
    before: bytes,
    seconds: float,
    store: Store | None,
    name: str,
) -> bytes:
    """Train from what stood in a folder or stands in a store, see `mecopt.parallel.advance.advanced`."""

    def train(folder: Path) -> None:
        with at_hand(known):
            find_learner(learner).train(stream, settings, seed, folder, provenance)

    return advanced(train, before, seconds, store, name)
