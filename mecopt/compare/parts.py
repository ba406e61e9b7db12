"""What runs in parts share: names of their files, and where results are from."""

from __future__ import annotations

import re

from mecopt.contract.errors import InstanceError
from mecopt.search.proposed import Proposed
from mecopt.storage.atomic import class_digest
from mecopt.storage.sealed import digest_of

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
