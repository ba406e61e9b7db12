"""A network that learns along a path: devices act, the server processes, and all learn from what they saw themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.dynamic.outcome import Outcome
from mecopt.learners.parametric_q.actors import Actor, Processed
from mecopt.learners.parametric_q.evaluation import best_costs, gap
from mecopt.learners.parametric_q.learning import Block, LearningDevices, LearningServer
from mecopt.learners.parametric_q.printed import PrintedDevices, PrintedServer
from mecopt.learners.parametric_q.servers import DrainingServer, EmpiricalServer
from mecopt.learners.parametric_q.settings import (
    DRAIN,
    EMPIRICAL,
    PRINTED,
    REPAIRED,
    SEMI_GRADIENT,
    SIGNED,
    ParametricQSettings,
)
from mecopt.learners.parametric_q.values import Repaired, SemiGradient, price_of
from mecopt.models.inference_queue.allocation.splits import spelled_out
from mecopt.models.inference_queue.dynamics.steps import QueueDynamics
from mecopt.models.inference_queue.problem import InferenceQueue
from mecopt.show.numbers import counted

Array = NDArray[Any]

OF_DEVICES: Mapping[str, Callable[[QueueDynamics, ParametricQSettings, int], LearningDevices]] = {
    REPAIRED: Repaired,
    SEMI_GRADIENT: SemiGradient,
    SIGNED: PrintedDevices,
    PRINTED: PrintedDevices,
}
OF_SERVERS: Mapping[str, Callable[[QueueDynamics, ParametricQSettings, int], LearningServer]] = {
    EMPIRICAL: EmpiricalServer,
    DRAIN: DrainingServer,
    SIGNED: PrintedServer,
    PRINTED: PrintedServer,
}

MEASURED = ("waiting", "server_waiting", "computed", "offloaded")
"""What an outcome measures, of which the log has the mean over lanes."""
NOTED = ("power", "learning", "server_rate", "server_learning")
"""Columns of the ways of learning that move powers and rates; nan elsewhere."""
COLUMNS = ("cost", *MEASURED, "gap", *NOTED)
"""Of the log, a row per block: the cost of a block, and how much more devices cost than at best where that was evaluated."""


class ParametricQTraining:
    """One pass along a path ``(blocks, lanes)``, block by block.

    All randomness of a block comes from the seed and the block's number, so that a state needs no generator.

    Parameters
    ----------
    dynamics
        of the network.
    stream
        its path; of what is carried only the first block's counts.
    settings
        how devices and server learn.
    seed
        of what they draw.

    Raises
    ------
    InstanceError
        for a path of another network, or of more lanes than memories hold.
    """

    def __init__(self, dynamics: QueueDynamics, stream: InferenceQueue, settings: ParametricQSettings, seed: int) -> None:
        if len(stream.batch_shape) != 2 or 0 in stream.batch_shape or stream.users != dynamics.one.users:
            raise InstanceError(
                f"the stream has a batch of shape {stream.batch_shape} and {counted(stream.users, 'users')}; "
                "allowed: blocks and lanes, "
                f"one at least, of the dynamics' {dynamics.one.users}"
            )
        if stream.batch_shape[1] > settings.memory:
            raise InstanceError(
                f"the stream has {counted(stream.batch_shape[1], 'lanes')}; allowed: at most the setting "
                f"memory, {settings.memory}"
            )
        self.dynamics, self.stream, self.settings = dynamics, stream, settings
        self.data = stream.data()
        self.devices = OF_DEVICES[settings.devices](dynamics, settings, seed)
        self.server = OF_SERVERS[settings.server](dynamics, settings, seed)
        self.carried = {name: np.array(self.data[name][0]) for name in dynamics.carried}
        self.met = {name: np.array([values.min(), values.max()]) for name, values in self.carried.items()}
        """Least and greatest of what was carried."""
        self._best: Array | None = None

    def step(self, number: int) -> dict[str, float]:
        """Carry out a block and learn from it; return the row of the log.

        Raises
        ------
        MecoptError
            where parameters are no longer finite.
        """
        dynamics, slot = self.dynamics, self._slot(number, self.carried)
        done = self.devices.actor()(dynamics.rows, slot.snr_per_watt, slot.backlog, self.known(slot))
        processed = self.server.rule()(slot.server_backlog)
        allocation = spelled_out(dynamics.one, slot, done.local, done.offloaded, processed)
        outcome = dynamics.outcome(slot, done.leaving, allocation)
        following = self._followed(number, outcome)
        block = Block(number, slot, done, processed, (done.offloaded * dynamics.shares).sum(axis=-1), following)
        self.devices.learn(block)
        self.server.learn(block)
        row = {"cost": -float(outcome.reward.mean()), **{name: float(outcome.measures[name].mean()) for name in MEASURED}}
        return {**row, **self.devices.notes(), **self.server.notes()}

    def known(self, slot: InferenceQueue) -> Any:
        """Return the arrivals that devices know when they decide."""
        return 0.0 if self.dynamics.causal else slot.arrivals

    def actor(self) -> Actor:
        """Return what devices do now."""
        return self.devices.actor()

    def rule(self) -> Processed:
        """Return what the server does now."""
        return self.server.rule()

    def gap(self) -> float:
        """Return how much more devices cost than at best, exactly, as they are now."""
        price, cells = price_of(self.dynamics, self.settings), self.settings.cells
        if self._best is None:
            self._best = best_costs(self.dynamics, cells, price)
        return gap(self.dynamics, self.actor(), self._best, cells=cells, price=price)

    def _slot(self, number: int, carried: Mapping[str, Array]) -> InferenceQueue:
        drawn = {name: values[number] for name, values in self.data.items()}
        return self.stream._with({**drawn, **carried})

    def _followed(self, number: int, outcome: Outcome) -> InferenceQueue | None:
        if number + 1 == len(self.stream):
            return None
        following = self.dynamics.followed_by(self._slot(number + 1, {}), outcome)
        self.carried = {name: np.asarray(getattr(following, name)) for name in self.dynamics.carried}
        for name, values in self.carried.items():
            least, most = self.met[name]
            self.met[name] = np.array([min(least, values.min()), max(most, values.max())])
        return following

    def state(self) -> dict[str, Array]:
        """Return everything that a later `restore` needs to go on as if nothing had happened."""
        parts = (("carried", self.carried), ("met", self.met), *((n, one.state()) for n, one in self._learning()))
        return {f"{part}.{name}": array for part, held in parts for name, array in held.items()}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Go on from a state."""
        self.carried, self.met = ({n: np.array(array) for n, array in _of(state, p).items()} for p in ("carried", "met"))
        for part, one in self._learning():
            one.restore(_of(state, part))

    def _learning(self) -> tuple[tuple[str, LearningDevices | LearningServer], ...]:
        return ("devices", self.devices), ("server", self.server)


def _of(state: Mapping[str, Array], part: str) -> dict[str, Array]:
    return {name.removeprefix(f"{part}."): array for name, array in state.items() if name.startswith(f"{part}.")}
