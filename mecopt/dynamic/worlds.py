"""A dynamics as somebody meets it who acts slot by slot: what is seen, what an action means, what it earns; pure functions.

A model says what is seen of a slot and how an action becomes decision and allocation; slots are drawn from the generator
that is handed in, and from nothing else. Whoever else draws (a rule, an answer) draws from generators spawned from it, so
that equal seeds meet equal slots, whatever is done. All functions take a single lane or a batch of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from mecopt.contract.errors import InstanceError
from mecopt.dynamic.limits import require_kept
from mecopt.dynamic.outcome import Outcome

Array = NDArray[Any]


class State(NamedTuple):
    """A slot, and what came of the one before it."""

    problem: Any
    prepared: Any = None
    """What is decided before anybody acts; see `SlotWorld.prepared`."""
    before: Outcome | None = None


@dataclass(frozen=True)
class Numbers:
    """Numbers between two limits, of one lane."""

    low: float
    high: float
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Choices:
    """One of so many choices, by its number."""

    count: int


class SlotWorld(ABC):
    """A `mecopt.contract.world.World` over a dynamics; a model derives one for each way of acting in it."""

    dynamics: Any
    """The `mecopt.dynamic.Dynamics` that is acted in."""
    reward_scale: float = 1.0

    # ------------------------------------------------------------------ what a model says

    @abstractmethod
    def seen(self, state: State) -> Array:
        """Return what is seen of a slot, ``(*batch, ...)``."""

    @property
    @abstractmethod
    def observed(self) -> Numbers:
        """What can be seen of a slot."""

    @property
    @abstractmethod
    def acted(self) -> Numbers | Choices:
        """What an action may be."""

    @abstractmethod
    def answered(self, state: State, action: Array, rng: Generator) -> tuple[Array, Any]:
        """Return the decision and the allocation that an action stands for; refuse one that stands for none.

        It draws, if it must, from generators spawned from `rng`.
        """

    def prepared(self, problem: Any, rng: Generator) -> Any:
        """Return what is decided before anybody acts, from generators spawned from `rng`; by default nothing."""
        return None

    def earned(self, outcome: Outcome) -> Array:
        """Return what an outcome earns, unscaled; by default its reward, ``(*batch)``."""
        return outcome.reward

    def told(self, outcome: Outcome) -> dict[str, Any]:
        """Return what else is known of an outcome; by default its reward and what is measured."""
        return {"reward": outcome.reward, **outcome.measures}

    # ------------------------------------------------------------------ what follows

    def initial(self, rng: Generator, lanes: tuple[int, ...] = ()) -> State:
        """Draw a first slot."""
        problem = self.dynamics.draw(rng, None, lanes)
        return State(problem, self.prepared(problem, rng))

    def transition(self, state: State, action: Array, rng: Generator) -> State:
        """Carry out what an action stands for, and draw the next slot."""
        decision, allocation = self.answered(state, action, rng)
        require_kept(state.problem, decision, allocation)
        outcome = self.dynamics.outcome(state.problem, decision, allocation)
        following = self.dynamics.followed_by(self.dynamics.draw(rng, state.problem), outcome)
        return State(following, self.prepared(following, rng), outcome)

    def observation(self, state: State) -> Array:
        """Return what is seen of a state."""
        return self.seen(state)

    def reward(self, state: State, action: Array, following: State) -> Array:
        """Return what a transition earned, scaled."""
        return np.asarray(self.reward_scale * self.earned(before(following)))

    def info(self, following: State) -> dict[str, Any]:
        """Return what is told of a transition; arrays of the caller's own, plain numbers of a single lane."""
        told = {name: np.array(value) for name, value in self.told(before(following)).items()}
        return {name: value if value.ndim else value.item() for name, value in told.items()}

    def ended(self, following: State) -> Array:
        """Return whether a transition ended the lane, ``(*batch)``."""
        outcome = before(following)
        return np.zeros(np.shape(outcome.reward), dtype=bool) if outcome.ended is None else np.asarray(outcome.ended)


def before(state: State) -> Outcome:
    """Return what led to a state."""
    if state.before is None:
        raise InstanceError("no slot came before a first state; allowed: a state that a transition led to")
    return state.before


def checked_scale(scale: Any) -> float:
    """Return a scale of rewards, or say what is wrong with it."""
    known = isinstance(scale, int | float | np.integer | np.floating) and not isinstance(scale, bool)
    if not known or not 0.0 < scale < np.inf:
        raise InstanceError(f"reward_scale is {scale!r}; allowed: a finite number > 0")
    return float(scale)


def checked_numbers(action: ArrayLike, shape: tuple[int, ...], low: float = -1.0, high: float = 1.0) -> Array:
    """Return the numbers of an action in double precision, or say which one is none between the limits.

    Raises
    ------
    InstanceError
    """
    given, allowed = np.asarray(action), f"numbers from {low:g} to {high:g}"
    if given.shape != shape or given.dtype.kind not in "fiu":
        raise InstanceError(f"action has shape {given.shape}, {given.dtype}; allowed: {shape}, {allowed}")
    wrong = ~((given >= low) & (given <= high))
    if wrong.any():
        index = tuple(int(k) for k in np.argwhere(wrong)[0])
        raise InstanceError(f"action{list(index)} is {given[index]}; allowed: {allowed}")
    return given.astype(float)


def checked_choices(action: ArrayLike, shape: tuple[int, ...], count: int) -> Array:
    """Return the numbers of choices of an action, or say which one is none of so many.

    Raises
    ------
    InstanceError
    """
    given = np.asarray(action)
    if given.shape != shape or given.dtype.kind not in "iu":
        raise InstanceError(f"action has shape {given.shape}, {given.dtype}; allowed: {shape}, whole numbers")
    wrong = (given < 0) | (given >= count)
    if np.any(wrong):
        index = tuple(int(k) for k in np.argwhere(wrong)[0])
        raise InstanceError(f"action{list(index) or ''} is {given[index]}; allowed: 0 to {count - 1}")
    return given
