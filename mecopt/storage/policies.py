"""Trained policies: those in a folder of one's own, and those that ship with the installed learners."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from mecopt.contract.errors import InstanceError
from mecopt.contract.problem import Problem
from mecopt.registry import find_learner, learner_names
from mecopt.storage.trained import CARD, WEIGHTS, known_card
from mecopt.storage.unchanged import Unchanged

Role = Literal["proposer", "warm-starter"]


def load_policy(folder: str | Path) -> Any:
    """Load a trained policy, whichever installed learner made it; nothing in the folder is executed.

    A folder whose files have not changed is not read again, and its policy is shared.

    Raises
    ------
    InstanceError
        if the folder holds no valid policy, or one of a learner that is not installed.
    """
    return _policies(folder)


def _loaded(folder: str | Path) -> Any:
    card = known_card(folder)
    if card["learner"] not in learner_names():
        raise InstanceError(
            f"{folder} was made by the learner {card['learner']!r}; installed: {', '.join(learner_names()) or 'none'}"
        )
    return find_learner(card["learner"]).load(folder)


_policies = Unchanged(_loaded, CARD, WEIGHTS)


def shipped(problem: Problem, role: Role = "proposer") -> Any | None:
    """Return the policy that ships for instances like these, or None.

    A policy is one for these instances if it was trained on the same problem and number of users, and every field that was
    constant in training has that value here. Of several the most special one is taken: the one with fewest inputs.
    """
    fitting = [policy for policy in all_shipped(problem.name, role) if policy.is_for(problem)]
    return min(fitting, key=lambda policy: len(policy.inputs.names), default=None)


def all_shipped(problem: str, role: Role) -> list[Any]:
    """Return every policy that ships for a problem."""
    folders = [
        folder
        for name in learner_names()
        if (learner := find_learner(name)).role == role
        for folder in learner.shipped()
        if known_card(folder)["problem"] == problem
    ]
    return [load_policy(folder) for folder in folders]
