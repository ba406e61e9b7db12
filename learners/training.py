"""The loop of training: instances in their order, candidates scored in one call, the winner told; killed, it goes on.

All randomness of a block of instances comes from a generator seeded with the seed and the block's number, so a checkpoint
needs no generator's state, and a run that was killed and goes on ends with the same weights as one that was not.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.arguments import checked_seed
from mecopt.contract.certified import Status
from mecopt.contract.errors import InstanceError
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.contract.solver import GAP
from mecopt.data import digest
from mecopt.data.stream import distinct
from mecopt.learners.checkpoint import CHECKPOINT, resume, write_checkpoint
from mecopt.learners.curves import curves
from mecopt.learners.log import LOG, Log, reached, read_columns, write_log
from mecopt.learners.network import one_thread
from mecopt.learners.proposer import Training
from mecopt.optima import digest_of_known
from mecopt.search.candidates import best_of, scores
from mecopt.show.numbers import counted
from mecopt.solve import allocate, solve
from mecopt.storage import sealed as stored
from mecopt.storage.atomic import code_digest, to_myself, write_whole
from mecopt.storage.trained import CARD, read, read_card

Array = NDArray[Any]

CHECKPOINT_BLOCKS = 50
"""Blocks (of the learner's interval) between two checkpoints."""

REFERENCE_SECONDS = 300.0
"""Time for the exact optima that the figures refer to; beyond it the proved bound stands in, which flatters nobody."""

ANOTHER = "{} holds another trained policy (of other settings, data, seed or code); choose another folder, or delete it"

PLAYED = ("played", "own", "loss")
"""The columns that every training logs."""

Progress = Callable[[int, int], None]

Begin = Callable[[], Training]


def run(
    begin: Begin, stream: Problem, seed: int, optimum: Array, progress: Progress = lambda done, total: None
) -> tuple[Training, Log]:
    """Train in memory, without files; see `train`."""
    flat = stream.flat()
    with one_thread():
        training = begin()
        columns = _columns(flat.instances, training)
        _play(training, flat, seed, 0, columns, lambda done: progress(done, flat.instances))
    return training, _log(columns, optimum)


def train(
    begin: Begin,
    stream: Problem,
    seed: int,
    out: str | Path,
    provenance: Mapping[str, Any],
    progress: Progress = lambda done, total: None,
    changes: Sequence[tuple[int, str]] = (),
) -> None:
    """Train a policy and write it to a folder: card, weights, `training.parquet` and `training.png`.

    A run that was interrupted or killed goes on from its last checkpoint when the same call is made again; a finished one
    is left as it is.

    Raises
    ------
    InstanceError
        if the folder holds another run, or another process is training there.
    MecoptError
        if something played is better than the proved optimum.
    """
    folder, flat, seed = Path(out), stream.flat(), checked_seed(seed)
    with to_myself(folder), one_thread():
        training = begin()
        columns = _columns(flat.instances, training)
        key = run_key(type(training).__name__, training.describe(), flat, seed)
        checkpoint = folder / CHECKPOINT
        if finished(folder, key, LOG):
            checkpoint.unlink(missing_ok=True)
            return
        first = resume(checkpoint, key, training.restore, columns)

        def after(done: int) -> None:
            progress(done, flat.instances)
            if done % (CHECKPOINT_BLOCKS * training.interval) == 0 and done < flat.instances:
                write_checkpoint(checkpoint, key, done, training.state(), columns)

        progress(first, flat.instances)
        _play(training, flat, seed, first, columns, after)
        optimum, proved = reference(flat)
        log = _log(columns, optimum)
        log.require_no_better_than_optimum(flat.sign)
        figures = reached(log, distinct(flat).instances, proved, training.played)
        origin = {"run": key, "seed": seed, "instances": flat.instances, "versions": versions(), "reached": figures}
        write_log(folder / LOG, log, key)
        write_whole(
            folder / "training.png",
            curves(log, f"{flat.name}, {counted(flat.users, 'users')}, seed {seed}", changes),
        )
        training.policy({**provenance, **origin}).save(folder)
        checkpoint.unlink(missing_ok=True)


def marks(provenance: Mapping[str, Any]) -> list[tuple[int, str]]:
    """Return the changes along a stream that its provenance tells of, for the picture."""
    return [(int(at), what) for at, _, what in (text.partition(":") for text in provenance.get("changes", ()))]


def reference(stream: Problem) -> tuple[Array, Array]:
    """Return the optimum of every instance, and whether it is proved; where time runs out the proved bound stands in."""
    solution = solve(stream, throw=False, time_limit=REFERENCE_SECONDS)
    proved = np.asarray(solution.gap <= GAP)
    return np.where(proved, solution.objective, solution.bound), proved


def _columns(count: int, training: Training) -> dict[str, Array]:
    return {name: np.full(count, np.nan) for name in (*PLAYED, *training.noted)}


def _log(columns: Mapping[str, Array], optimum: Array) -> Log:
    more = {name: values for name, values in columns.items() if name not in PLAYED}
    return Log(**{name: columns[name] for name in PLAYED}, optimum=optimum, more=more)


def _play(
    training: Training, stream: Problem, seed: int, first: int, columns: dict[str, Array], after: Callable[[int], None]
) -> None:
    if first == 0:
        training.prepare(stream, np.random.default_rng((seed, 5)))
    for start in range(first, stream.instances, training.interval):
        rows = slice(start, min(start + training.interval, stream.instances))
        block, rng = stream[rows], np.random.default_rng((seed, 1, start))
        proposed, own = training.propose(block, rng), training.own(block)[:, None, :]
        if block.limits:
            proposed, own = block.mended(proposed), block.mended(own)
        values = scores(block, np.concatenate([own, proposed], axis=1))
        best = best_of(values[:, 1:], proposed)
        winners = _allocated(block, np.take_along_axis(proposed, best[:, None, None], axis=1)[:, 0])
        columns["played"][rows] = np.where(np.isnan(winners.objective), block.sign * np.inf, winners.objective)
        columns["own"][rows] = block.sign * values[:, 0]
        for name, found in training.notes(block).items():
            columns[name][rows] = found
        columns["loss"][rows.stop - 1] = training.learn(winners, rng)
        after(rows.stop)


def _allocated(block: Problem, decision: Array) -> Solution:
    """Allocate the winners; only that a decision has no allocation is no failure."""
    winners = allocate(block, decision, throw=False)
    return allocate(block, decision) if Status.FAILED in winners.status.ravel() else winners


# ---------------------------------------------------------------------- files


def finished(folder: Path, key: str, log: str | None = None) -> bool:
    """Whether a folder holds the policy of this very run, and its log, as they were written.

    What is damaged is trained anew, which is told.

    Raises
    ------
    InstanceError
        if it holds the policy of another run.
    """
    if not (folder / CARD).is_file():
        return False
    try:
        if read_card(folder).get("run") != key:
            raise InstanceError(ANOTHER.format(folder))
        read(folder)
        if log is not None:
            read_columns(folder / log, key=key)
    except stored.Unusable as error:
        stored.tell([str(error)])
        return False
    return True


def run_key(name: str, described: Mapping[str, Any], stream: Problem, seed: int) -> str:
    """Name everything the weights depend on, the code among it."""
    what = [name, described, seed, digest(stream), versions(), code_digest()]
    what += [labels] if (labels := digest_of_known()) else []
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]


def versions() -> dict[str, str]:
    """Return the versions that weights depend on."""
    found = {}
    for name in ("mecopt", "numpy", "torch"):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
