"""What runs in parts share: their files, what stands of them, who computes the rest, and where results are from."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from mecopt.contract.errors import InstanceError
from mecopt.parallel import Task, at_work
from mecopt.running.cores import cores
from mecopt.search.proposed import Proposed
from mecopt.storage import sealed as stored
from mecopt.storage.atomic import class_digest
from mecopt.storage.sealed import digest_of

if TYPE_CHECKING:
    import pyarrow as pa

TABLE = "table of results"
"""Kind of the table that a run leaves, see `mecopt.storage.sealed`."""


def origin_of(solver: Proposed) -> str:
    """Say where a policy is from, and name its weights."""
    card = solver.policy.card
    data = card.get("trained_on", {}).get("file") or f"preset {card.get('preset')}"
    return (
        f"({card['learner']}, {data}, seed {card.get('seed')}, {card.get('instances')} instances, sha256 {card['sha256']})"
    )


def name_of(solver: Proposed) -> str:
    """Name a policy by all that its proposals depend on: its whole card, which names its weights, and its code."""
    return digest_of([dict(solver.policy.card), class_digest(type(solver.policy))])


def require_text(kind: str, name: str) -> None:
    """Raise `InstanceError` where the name of a method or policy, as of a folder, is no text: no table could hold it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise InstanceError(f"the {kind} {name!r} is no text in UTF-8; allowed: text, as by a link to the folder") from None


def file_name(method: str) -> str:
    """Return a name as part of a file's."""
    return re.sub(r"[^\w.-]+", "-", method)[:40]  # what tells methods apart is the key behind it


def key_of(origin: Mapping[str, Any], method: str, code: Sequence[str], number: int, data: Any) -> str:
    """Name everything that the content of a part depends on, its data in plain numbers and words."""
    of = ("versions", "code", "seed", "time_limit", "chunk")
    return digest_of([method, code, number, data, *(origin[name] for name in of)])


@dataclass(frozen=True)
class Part:
    """A file of a method's answers to some instances, and what it is to hold."""

    path: Path
    kind: str
    key: str
    method: str
    first: int
    count: int
    anew: bool = False
    """Whether it is computed in any case, since its key does not name all of its code."""

    def read(self) -> pa.Table:
        """Return the rows; raises `mecopt.storage.sealed.Unusable` where they are not those of this part."""
        table = stored.read_table(self.path, self.kind, self.key, dict.fromkeys(("instance_id", "method", "status")))
        numbers = np.arange(self.first, self.first + self.count)
        if not np.array_equal(table["instance_id"].to_numpy(), numbers) or set(table["method"].to_pylist()) != {self.method}:
            raise stored.Unusable(f"{self.path} holds other rows than those of {self.method}, {numbers[0]} to {numbers[-1]}")
        return table


class Written(Protocol):
    """What parts of every kind have in common."""

    @property
    def anew(self) -> bool:
        """Whether it is computed in any case."""

    def read(self) -> Any:
        """Return what the file holds; raises `mecopt.storage.sealed.Unusable` where it is not that of this part."""


def standing(parts: Sequence[Written]) -> list[bool]:
    """Return which parts stand; what is unusable is told, and stands no more."""
    unusable: list[str] = []
    found = [not part.anew and stored.standing(part.read, unusable) is not None for part in parts]
    stored.tell(unusable)
    return found


def compute(
    parts: Sequence[Written], tasks: Sequence[Task], jobs: int | None, progress: Callable[[int, int], None] = lambda *_: None
) -> None:
    """Do the tasks of those parts that do not stand, wherever `mecopt.parallel.where` says."""
    stand = standing(parts)
    missing = [task for task, stands in zip(tasks, stand, strict=True) if not stands]
    done = sum(stand)
    progress(done, len(parts))
    with at_work(missing, jobs, alone=2 * cores()) as running:
        for _ in running:
            done += 1
            progress(done, len(parts))
