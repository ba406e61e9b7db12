"""Algorithms 1 and 2 along a path: a power per device, and a rate per slot of the server, moved block after block.

What is printed is printed: an action that looks at no queue, the same in a block and in the next one, features drawn once,
and a stop as soon as parameters hardly change. Numbers that the paper leaves out are settings. Of the arrivals of a block
the features see in which slots they came; the model counts them alone, and every order is as likely, so one is drawn.

Ours: powers end at `MOST_POWER`, and a device acts with p_max at most.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.errors import MecoptError
from mecopt.learners.parametric_q.actors import Powered, Processed
from mecopt.learners.parametric_q.learning import Block, Learning, LearningDevices, LearningServer, watt_cost
from mecopt.learners.parametric_q.residual import (
    along_action,
    along_parameters,
    difference,
    saved_by_sending,
    sigmoids,
)
from mecopt.learners.parametric_q.settings import RAW, SIGNED, ParametricQSettings
from mecopt.models.inference_queue.dynamics.steps import QueueDynamics
from mecopt.models.inference_queue.problem import InferenceQueue

Array = NDArray[Any]

MOST_POWER = 1e6
"""Watts at which an iterate ends that runs away; ours."""
DEVICES, SERVER, PLACED = 11, 12, 13
"""Parts of the seeds of what devices, the server, and blocks draw."""


class Residual(Learning):
    """Parameters of sigmoids that are moved until they hardly change."""

    weight: Array
    """mu or nu, ``(..., features, inputs)``."""
    parameters: Array
    """theta or eta, ``(..., features)``."""
    learning: Array
    """Whether it still learns, ``(...)``."""
    sign: float

    def draw(self, rng: Generator, inputs: int) -> tuple[Array, Array]:
        """Draw weights and first parameters, all of them standard normal."""
        count = self.settings.features
        return rng.standard_normal((count, inputs)), rng.standard_normal(count)

    def moved(self, block: Block, along: Array) -> tuple[Array, Array]:
        """Return parameters a step on, and whether they still change; those that have stopped stay.

        Parameters
        ----------
        along
            delta times what it grows with each parameter, in the mean of the lanes.
        """
        with np.errstate(all="ignore"):
            following = np.where(self.learning[..., None], self.parameters - self.step(block) * along, self.parameters)
            change = np.sqrt(((following - self.parameters) ** 2).sum(axis=-1))
        if not np.isfinite(change).all():
            raise MecoptError(
                f"block {block.number}: the parameters are no longer finite numbers; a step below {self.settings.step:g} "
                "may help"
            )
        size = np.sqrt((self.parameters**2).sum(axis=-1))
        goes_on = change > self.settings.tolerance * size if self.settings.tolerance > 0.0 else np.ones_like(self.learning)
        return following, self.learning & goes_on

    def step(self, block: Block) -> float:
        """Return the step size of a block."""
        return self.settings.step / (1.0 + block.number / self.settings.step_blocks)


class PrintedDevices(Residual, LearningDevices):
    """Algorithm 1, by each device for itself."""

    def __init__(self, dynamics: QueueDynamics, settings: ParametricQSettings, seed: int) -> None:
        super().__init__(dynamics, settings, seed)
        users = dynamics.one.users
        drawn = [self.draw(np.random.default_rng((seed, DEVICES, user)), dynamics.block_slots + 3) for user in range(users)]
        self.weight, self.parameters = (np.stack(one) for one in zip(*drawn, strict=True))
        self.most = np.array(np.broadcast_to(dynamics.one.max_power, (users,)))
        self.power = np.full(users, settings.start_power)
        self.learning = np.ones(users, dtype=bool)
        self.signed = settings.devices == SIGNED

    def actor(self) -> Powered:
        """Act with the powers."""
        return Powered(self.power, self.most)

    def units(self) -> tuple[Array, Array]:
        """Return the units in which features see a power, in W, and a queue, in tasks, ``(users,)`` each."""
        if self.settings.scaling == RAW:
            return np.ones_like(self.most), 1.0 / np.broadcast_to(self.dynamics.one.work, self.most.shape)
        return np.where(self.most > 0.0, self.most, 1.0), np.ones_like(self.most)

    def seen(self, slot: InferenceQueue, number: int) -> Array:
        """Return what the features see, ``(lanes, users, n + 3)``: power, queue, channel, and the slots of arrivals."""
        snr, rows = slot.snr_per_watt, self.dynamics.rows
        watt, task = self.units()
        channel = snr if self.settings.scaling == RAW else np.log1p(snr * rows[:, 4]) / rows[:, 2]
        place = np.random.default_rng((self.seed, PLACED, number)).random((*snr.shape, self.dynamics.block_slots))
        came = place.argsort(axis=-1).argsort(axis=-1) < slot.arrivals[..., None]
        own = np.stack([np.broadcast_to(self.power / watt, snr.shape), slot.backlog / task, channel], axis=-1)
        return np.concatenate([own, came.astype(float)], axis=-1)

    def learn(self, block: Block) -> None:
        """Move powers and parameters along (26)-(28), in the mean of the lanes."""
        if block.following is None or not self.learning.any():
            return
        dynamics, rows, local = self.dynamics, self.dynamics.rows, block.done.local
        now = sigmoids(self.weight, self.seen(block.slot, block.number))
        then = sigmoids(self.weight, self.seen(block.following, block.number + 1))
        per_watt = watt_cost(dynamics)
        cost = dynamics.waiting_weight * block.slot.backlog + rows[:, 0] * local**3 + per_watt * self.power
        error = difference(cost, self.parameters, now, then, dynamics.discount)
        along = (error[..., None] * along_parameters(now, then, dynamics.discount)).mean(axis=0)
        slope = np.broadcast_to(per_watt, error.shape)
        if self.signed:
            part = np.divide(self.power, self.most, out=np.zeros_like(self.power), where=self.most > 0.0)
            snr = block.slot.snr_per_watt
            slope = slope - saved_by_sending(rows, snr, local, block.done.offloaded, part, self.most)
        weight = self.weight[..., 0] / self.units()[0][:, None]
        sign = 1.0 if self.signed else -1.0
        action = along_action(slope, self.parameters, weight, now, then, dynamics.discount, sign)
        power = np.clip(self.power - self.step(block) * (error * action).mean(axis=0), 0.0, MOST_POWER)
        parameters, learning = self.moved(block, along)
        self.power, self.parameters = np.where(self.learning, power, self.power), parameters
        self.learning = learning

    def notes(self) -> dict[str, float]:
        """Return the mean power, and the part of the devices that still learn."""
        return {"power": float(self.power.mean()), "learning": float(self.learning.mean())}

    def state(self) -> dict[str, Array]:
        """Return powers, parameters, and who still learns."""
        return {"power": self.power, "parameters": self.parameters, "learning": self.learning.astype(float)}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Take powers, parameters, and who still learns."""
        self.power, self.parameters = np.array(state["power"]), np.array(state["parameters"])
        self.learning = state["learning"] > 0.0


class PrintedServer(Residual, LearningServer):
    """Algorithm 2: a rate for each slot of a block, whatever waits."""

    def __init__(self, dynamics: QueueDynamics, settings: ParametricQSettings, seed: int) -> None:
        super().__init__(dynamics, settings, seed)
        slots, users = dynamics.block_slots, dynamics.one.users
        self.weight, self.parameters = self.draw(np.random.default_rng((seed, SERVER)), slots + users + 1)
        one, raw = dynamics.one, settings.scaling == RAW
        self.unit = float(one.slots * one.slot / one.server_task) if raw else 1.0
        """Tasks that a block processes at a rate of 1."""
        self.rates = np.full(slots, settings.start_rate * dynamics.server_most / self.unit)
        self.learning = np.ones((), dtype=bool)
        self.sign = 1.0 if settings.server == SIGNED else -1.0

    def rule(self) -> Processed:
        """Process at the rates, as long as there is something."""
        return Processed.at_most(float(self.rates.mean()) * self.unit)

    def seen(self, slot: InferenceQueue) -> Array:
        """Return what the features see, ``(lanes, n + users + 1)``: rates, what waits here, what waits at each device."""
        waits = np.concatenate([slot.server_backlog[..., None], slot.backlog], axis=-1)
        if self.settings.scaling == RAW:
            one = self.dynamics.one
            waits = waits * np.concatenate([np.atleast_1d(one.server_task), np.broadcast_to(one.work, (one.users,))])
        return np.concatenate([np.broadcast_to(self.rates, (len(waits), len(self.rates))), waits], axis=-1)

    def learn(self, block: Block) -> None:
        """Move rates and parameters along (33)-(35), in the mean of the lanes."""
        if block.following is None or not self.learning:
            return
        dynamics, slots = self.dynamics, len(self.rates)
        now, then = sigmoids(self.weight, self.seen(block.slot)), sigmoids(self.weight, self.seen(block.following))
        work, cube = self.rates * self.unit, dynamics.server_cube / slots
        cost = dynamics.server_waiting_weight * block.slot.server_backlog + cube * (work**3).sum()
        error = difference(cost, self.parameters, now, then, dynamics.discount)
        along = (error[..., None] * along_parameters(now, then, dynamics.discount)).mean(axis=0)
        slope = 3.0 * cube * work**2 * self.unit
        each = (now[:, None, :], then[:, None, :])
        action = along_action(slope, self.parameters, self.weight[:, :slots].T, *each, dynamics.discount, self.sign)
        rates = self.rates - self.step(block) * (error[:, None] * action).mean(axis=0)
        self.parameters, self.learning = self.moved(block, along)
        self.rates = np.clip(rates, 0.0, dynamics.server_most / self.unit)

    def notes(self) -> dict[str, float]:
        """Return what the server processes at most, and whether it still learns."""
        return {"server_rate": float(self.rates.mean()) * self.unit, "server_learning": float(self.learning)}

    def state(self) -> dict[str, Array]:
        """Return rates, parameters, and whether it still learns."""
        return {"rates": self.rates, "parameters": self.parameters, "learning": np.array([float(self.learning)])}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Take rates, parameters, and whether it still learns."""
        self.rates, self.parameters = np.array(state["rates"]), np.array(state["parameters"])
        self.learning = state["learning"][0] > 0.0
