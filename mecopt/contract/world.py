"""The contract of sequential problems: pure dynamics, on which environments of any toolkit are thin shells.

These are the functions of Gymnasium's functional environments: everything that happens is a function of a state, an action
and a generator. A shell keeps the state, the generator and the count of steps, and nothing else.
"""

from __future__ import annotations

from typing import Any, Protocol

from numpy.random import Generator


class World(Protocol):
    """Where a sequential problem begins, what follows, what is seen of it and what it earns."""

    def initial(self, rng: Generator) -> Any:
        """Draw a first state."""

    def transition(self, state: Any, action: Any, rng: Generator) -> Any:
        """Return the state that follows; what an action does and what is drawn is all told by it."""

    def observation(self, state: Any) -> Any:
        """Return what is seen of a state."""

    def reward(self, state: Any, action: Any, following: Any) -> Any:
        """Return what a transition earns."""

    def info(self, following: Any) -> dict[str, Any]:
        """Return what else is known of the transition that led to a state."""
