"""Trained policies on disk: a folder with `weights.safetensors` and `card.json`, numbers and text, nothing executable.

The card says which learner made the weights, for which problem, from which data, seed, settings and versions, and what it
reached. It also holds the weights' SHA-256 and a seal of its own (`mecopt.storage.sealed`), so that weights and card that do
not belong together, and a card that is not what was written, are refused.
"""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.registry import find_problem
from mecopt.storage import sealed as stored
from mecopt.storage.atomic import write_whole
from mecopt.storage.unchanged import Unchanged

Array = NDArray[Any]

CARD, WEIGHTS = "card.json", "weights.safetensors"
FORMAT = 2
_OPTIONAL = {"trained_on": dict, "servers": int, "antennas": int}
_REQUIRED = {"format": int, "learner": str, "problem": str, "users": int, "sha256": str}


@dataclass(frozen=True)
class Trained:
    """What stands in a folder: the card and the named arrays."""

    card: dict[str, Any]
    weights: dict[str, Array]

    def array(self, name: str, shape: tuple[int, ...]) -> Array:
        """Return an array of the shape that the card implies, or say that the folder is damaged."""
        if name not in self.weights or self.weights[name].shape != shape:
            found = "missing" if name not in self.weights else f"of shape {self.weights[name].shape}"
            raise InstanceError(f"the trained policy is damaged: {name} is {found}; allowed: {shape}")
        return self.weights[name]

    def sizes(self) -> dict[str, int]:
        """Return the sizes of the instances of its training, by name: users, and servers where the problem has any."""
        found: dict[str, int] = {name: self.entry(name, int) for name in find_problem(self.card["problem"]).size_names()}
        for name, size in found.items():
            if size < 1:
                raise InstanceError(f"the trained policy is damaged: {name} is {size}; allowed: at least 1")
        return found

    def entry(self, name: str, kind: type) -> Any:
        """Return an entry of the card, or say that it is missing or of another kind."""
        return _entry(self.card, name, kind, CARD)


def write(folder: str | Path, card: dict[str, Any], weights: dict[str, Array]) -> None:
    """Write a policy's card and weights; the card, which makes the folder valid, comes last."""
    from safetensors.numpy import save

    content = save({name: np.ascontiguousarray(value) for name, value in weights.items()})
    whole = {"format": FORMAT, **card, "mecopt": version("mecopt"), "sha256": hashlib.sha256(content).hexdigest()}
    write_whole(Path(folder) / WEIGHTS, content)
    write_whole(Path(folder) / CARD, (json.dumps(stored.with_seal(whole), indent=1) + "\n").encode())


def read_card(folder: str | Path) -> dict[str, Any]:
    """Read the card of a trained policy.

    Raises
    ------
    InstanceError
        if the folder holds no trained policy, or one of another format.
    """
    return copy.deepcopy(known_card(folder))


def _read_card(folder: str | Path) -> dict[str, Any]:
    path = Path(folder) / CARD
    if not path.is_file():
        raise InstanceError(f"{folder} holds no trained policy (no {CARD}); `mecopt train ... -o {folder}` writes one")
    card = stored.object_of(path)
    if card.get("format") == 1 and "seal" not in card:
        raise InstanceError(f"{path} has format 1, of an earlier version; this version of mecopt reads format {FORMAT}")
    for name, kind in (*_REQUIRED.items(), *((n, k) for n, k in _OPTIONAL.items() if n in card)):
        _entry(card, name, kind, str(path))
    if card["format"] != FORMAT:
        raise stored.Unusable(f"{path} has format {card['format']}; this version of mecopt reads format {FORMAT}")
    return stored.unsealed(path, card)


known_card = Unchanged(_read_card, CARD)
"""The card of a trained policy as `read_card` returns it, read again only where the file has changed, and shared."""


def read(folder: str | Path) -> Trained:
    """Read a trained policy; nothing in it is executed.

    Raises
    ------
    InstanceError
        if it is missing, foreign, damaged, or its weights are not those of its card.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    card, path = read_card(folder), Path(folder) / WEIGHTS
    if not path.is_file():
        raise stored.Unusable(f"{folder} holds a {CARD} but no {WEIGHTS}")
    content = stored.content_of(path)
    if hashlib.sha256(content).hexdigest() != card["sha256"]:
        raise stored.Unusable(f"{path} is damaged, or not the file that its {CARD} describes: their SHA-256 differ")
    try:
        weights = load(content)
    except (SafetensorError, KeyError, ValueError) as error:
        raise stored.Unusable(f"{path} is no safetensors file of numbers: {error}") from None
    for name, value in weights.items():
        if value.dtype.kind != "f" or not np.isfinite(value).all():
            raise stored.Unusable(f"{path}: {name} holds something else than finite numbers")
        value.flags.writeable = False  # a policy is shared by all who load it
    return Trained(card, weights)


def _entry(card: dict[str, Any], name: str, kind: type, where: str) -> Any:
    value = card.get(name)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise stored.Unusable(f"{where}: {name} is {value!r}; allowed: a value of type {kind.__name__}")
    return value
