"""What agents remember: the last transitions, each with what every agent saw, did, got, and saw next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.learners import memory

Array = NDArray[Any]


class Transitions(NamedTuple):
    """Transitions of agents; the leading axes are those of a place in the memory, or of draws."""

    seen: Array
    """``(..., agents, inputs)``"""
    action: Array
    """``(..., agents, numbers)``"""
    reward: Array
    """``(..., agents)``"""
    following: Array
    """What is seen next, ``(..., agents, inputs)``. There is no end: a stream that is cut into episodes goes on for ever."""


class Memory:
    """A ring of transitions in single precision: when it is full the oldest one leaves."""

    def __init__(self, capacity: int, agents: int, inputs: int, numbers: int) -> None:
        shapes = ((agents, inputs), (agents, numbers), (agents,), (agents, inputs))
        self.ring = memory.Memory(capacity, {n: (s, np.float32) for n, s in zip(Transitions._fields, shapes, strict=True)})
        self.kept = Transitions(**self.ring.kept)

    @property
    def filled(self) -> int:
        """How many transitions there are."""
        return self.ring.filled

    def add(self, seen: Array, action: Array, reward: Array, following: Array) -> None:
        """Take one transition in."""
        self.ring.add(seen=seen[None], action=action[None], reward=reward[None], following=following[None])

    def draw(self, count: int, rng: Generator) -> Transitions:
        """Draw transitions with replacement, for every agent its own ones: the result has axes of agents, draws, agents.

        What agent k draws is ``[k]``, with what all agents saw and did there.
        """
        agents = self.kept.reward.shape[-1]
        places = rng.integers(0, self.filled, (agents, count))
        return Transitions(*(kept[places] for kept in self.kept))

    def state(self) -> dict[str, Array]:
        """Return everything that is remembered."""
        return self.ring.state("")

    def restore(self, state: Mapping[str, Array]) -> None:
        """Remember what a state says."""
        self.ring.restore(state, "")
