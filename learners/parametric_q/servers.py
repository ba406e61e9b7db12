"""Servers that need no gradient: one that processes what it can, and one that is best for what came lately."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.learners.memory import Memory
from mecopt.learners.parametric_q.actors import Processed
from mecopt.learners.parametric_q.learning import Block, LearningServer
from mecopt.learners.parametric_q.settings import ParametricQSettings
from mecopt.models.inference_queue.dynamics.policies import server_rule
from mecopt.models.inference_queue.dynamics.steps import QueueDynamics

Array = NDArray[Any]


class DrainingServer(LearningServer):
    """Processes what it can, and learns nothing."""

    def rule(self) -> Processed:
        """Process whatever waits."""
        return Processed.at_most(self.dynamics.server_most)

    def learn(self, block: Block) -> None:
        """Learn nothing."""

    def state(self) -> dict[str, Array]:
        """Return nothing."""
        return {}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Take nothing."""


class EmpiricalServer(LearningServer):
    """Takes what came in the last blocks for what will come, each amount as likely, and follows the rule best for that.

    See `mecopt.models.inference_queue.dynamics.server`; until the first rule it processes what it can.
    """

    def __init__(self, dynamics: QueueDynamics, settings: ParametricQSettings, seed: int) -> None:
        super().__init__(dynamics, settings, seed)
        self.memory = Memory(settings.memory, {"came": ((), float)})
        self.found = Processed.at_most(dynamics.server_most)

    def rule(self) -> Processed:
        """Follow the last rule that was found."""
        return self.found

    def learn(self, block: Block) -> None:
        """Remember what came, and look for a new rule every few blocks."""
        self.memory.add(came=block.arriving)
        if (block.number + 1) % self.settings.interval == 0:
            best = server_rule(self.dynamics, self.memory["came"][: self.memory.filled])
            self.found = Processed(best.waits, best.work)

    def state(self) -> dict[str, Array]:
        """Return memory and rule."""
        return {**self.memory.state(), **self.found.arrays()}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Take memory and rule."""
        self.memory.restore(state)
        self.found = Processed(np.array(state["server_waits"]), np.array(state["server_work"]))
