"""What `parametric-q` leaves: devices and a server that have learned, on numpy alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.contract.problem import Problem
from mecopt.dynamic.dynamics import Dynamics, Policy
from mecopt.learners.inputs import Inputs
from mecopt.learners.parametric_q import record
from mecopt.learners.parametric_q.actors import Actor, Powered, Processed, Valued
from mecopt.learners.parametric_q.laws import elsewhere
from mecopt.learners.parametric_q.settings import RESIDUAL, ParametricQSettings
from mecopt.learners.proposer import Proposer, changed_settings
from mecopt.models.inference_queue import terms
from mecopt.models.inference_queue.dynamics.policies import completed
from mecopt.models.inference_queue.dynamics.steps import ALONE, CAUSAL, KNOWN, QueueDynamics
from mecopt.models.inference_queue.problem import InferenceQueue
from mecopt.show.numbers import counted
from mecopt.storage.trained import Trained

Array = NDArray[Any]

NAME = "parametric-q"
DRAWN = ("snr_per_watt", "arrivals")
"""Fields that come anyhow."""


def network_of(users: int, fields: Mapping[str, Any], settings: ParametricQSettings) -> QueueDynamics:
    """Return the network of a training: its constants, and what the settings say of it."""
    return QueueDynamics(None, users=users, **settings.network(), **fields)


def acting(dynamics: QueueDynamics, actor: Actor, rule: Processed) -> Policy:
    """Return devices and a server as a policy of `mecopt.dynamic.rollout`."""

    def devices(slot: InferenceQueue, rng: Generator) -> tuple[Array, Array, Array]:
        arrivals = 0.0 if dynamics.causal else slot.arrivals
        return actor(dynamics.rows, slot.snr_per_watt, slot.backlog, arrivals)

    return completed(dynamics, devices, rule)


@dataclass(frozen=True, eq=False)
class ParametricQ(Proposer):
    """Devices, each with a value of its queue or a power, and a server with a rule."""

    learner: ClassVar[str] = NAME
    candidates: ClassVar[int] = 1  # type: ignore[misc]
    settings: ParametricQSettings
    actor: Actor = field(repr=False)
    rule: Processed = field(repr=False)
    seen_snr: Array = field(repr=False)
    """Mean SNR per watt that each device observed, ``(users,)``: where it stood."""
    seen_blocks: int
    """In so many blocks."""

    @cached_property
    def dynamics(self) -> QueueDynamics:
        """The network of its training."""
        skipped = (*ALONE, *DRAWN, *QueueDynamics.carried)
        constants = {name: value for name, value in self.inputs.constants.items() if name not in skipped}
        return network_of(self.users, constants, self.settings)

    def require(self, problem: Problem) -> None:
        """Raise `InstanceError` for other problems and sizes, and for queues that are no whole numbers."""
        super().require(problem)
        assert isinstance(problem, InferenceQueue)
        if (terms.per_user(problem, "queue") == terms.LITERAL).any():
            raise InstanceError("queue is 'literal'; allowed for what parametric-q learned: 'conserved'")

    def acting_in(self, dynamics: Dynamics[Any]) -> Policy:
        """Return what its devices and its server do in a network.

        Raises
        ------
        InstanceError
            where the network has another size, its devices stand elsewhere or know other arrivals, or it is none at all.
        """
        if not isinstance(dynamics, QueueDynamics) or dynamics.one.users != self.users:
            users = f" with {counted(dynamics.one.users, 'devices')}" if isinstance(dynamics, QueueDynamics) else ""
            raise InstanceError(
                f"the policy was trained in a network of {self.users} inference queues; this is {dynamics.name}{users}"
            )
        if isinstance(self.actor, Valued) and dynamics.causal != self.dynamics.causal:
            learned, here = (CAUSAL if one.causal else KNOWN for one in (self.dynamics, dynamics))
            raise InstanceError(
                f"the policy has values for arrivals that are {learned!r} when devices decide; here they are {here!r}"
            )
        if dynamics.fades:
            moved = np.flatnonzero(elsewhere(dynamics, self.seen_snr, self.seen_blocks))
            if moved.size:
                k = int(moved[0])
                raise InstanceError(
                    f"the policy was trained with devices at other places: device {k} observed an SNR of "
                    f"{self.seen_snr[k]:.4g} per watt in the mean of {counted(self.seen_blocks, 'blocks')}, and has one of "
                    f"{dynamics.mean_snr[k]:.4g} here. Train one there: mecopt train {self.problem} --learner {NAME}"
                )
        return acting(dynamics, self.actor, self.rule)

    def differences_along(self, dynamics: Dynamics[Any]) -> list[str]:
        """Say which settings of a network were others in the training; `acting_in` refuses other places."""
        known = {name: value for name, value in self.dynamics.settings().items() if name != "mean_snr"}
        return changed_settings(known, dynamics.settings())

    def act(self, problem: InferenceQueue, rng: Generator) -> tuple[Array, Any]:
        """Return decision and allocation of blocks of the network of its training; nothing in it is random."""
        self.require(problem)
        decision, allocation = acting(self.dynamics, self.actor, self.rule)(problem, rng)
        return decision, allocation

    def propose(self, problem: Problem, k: int, rng: Generator) -> Array:
        """Propose how many tasks leave each queue, ``(*batch, k, users)``; all k are the same."""
        if k < 1:
            raise InstanceError(f"k is {k}; allowed: at least 1")
        self.require(problem)
        assert isinstance(problem, InferenceQueue)
        arrivals = 0.0 if self.dynamics.causal else problem.arrivals
        done = self.actor(self.dynamics.rows, problem.snr_per_watt, problem.backlog, arrivals)
        return np.repeat(np.rint(done.leaving).astype(int)[..., None, :], k, axis=-2)

    def reported(self) -> list[str]:
        """Say what was paid at the end of the training, and how far devices are from the best."""
        return record.report(self.card["reached"])

    def usage(self, folder: Any) -> str:
        """Say how to put it beside other policies."""
        changed = {
            name: value for name, value in self.settings.network().items() if value != ParametricQSettings().network()[name]
        }
        more = [f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in changed.items()]
        return self.rolled_out(folder, ["decomposed"], more)

    def weights(self) -> dict[str, Array]:
        """Return values or powers, the server's rule, and where the devices stood, by name."""
        seen = {"seen_snr": self.seen_snr, "seen_blocks": np.array([float(self.seen_blocks)])}
        return {**self.actor.arrays(), **self.rule.arrays(), **seen}

    @classmethod
    def from_trained(cls, stored: Trained, inputs: Inputs) -> Self:
        """Rebuild devices and server from a saved policy."""
        settings, sizes = ParametricQSettings.of(stored.entry("settings", dict)), stored.sizes()
        if stored.card["problem"] != InferenceQueue.name:
            raise InstanceError(f"the trained policy is damaged: it is for {stored.card['problem']}")
        users = sizes["users"]
        seen, blocks = stored.array("seen_snr", (users,)), int(stored.array("seen_blocks", (1,))[0])
        points = _points(stored, "server_waits")
        rule = Processed(points, stored.array("server_work", points.shape))
        if (
            blocks < 1
            or (seen < 0.0).any()
            or points[0] != 0.0
            or not (np.diff(points) > 0.0).all()
            or (rule.work < 0.0).any()
        ):
            raise InstanceError("the trained policy is damaged: places or the server's rule make no sense")
        return cls(
            stored.card, stored.card["problem"], sizes, inputs, settings, _actor(stored, settings, users), rule, seen, blocks
        )


def _actor(stored: Trained, settings: ParametricQSettings, users: int) -> Actor:
    if settings.devices in RESIDUAL:
        power, scale = stored.array("power", (users,)), stored.array("scale", (users,))
        if (power < 0.0).any() or (scale < 0.0).any():
            raise InstanceError("the trained policy is damaged: powers below 0")
        return Powered(power, scale)
    worth = stored.array("worth", (users, _width(stored, "worth")))
    price = stored.array("price", (users,))
    if (price < 0.0).any():
        raise InstanceError("the trained policy is damaged: a price below 0")
    return Valued(worth, price)


def _width(stored: Trained, name: str) -> int:
    """Return the length of the last axis of an array, at least 2."""
    found = stored.weights.get(name)
    return max(found.shape[-1], 2) if found is not None and found.ndim else 2


def _points(stored: Trained, name: str) -> Array:
    return stored.array(name, (_width(stored, name),))
