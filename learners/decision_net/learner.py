r"""A network proposes, a solver decides, the network learns from the winner (paper 003, section 3; Huang, Bi, Zhang 2020).

For every instance the network's outputs :math:`m \in [0,1]^N` give K candidate decisions
(`mecopt.learners.candidates`), the problem's own solver scores all of them in one batched call, and the best is played and
remembered with the instance. Every delta instances a step of Adam lowers the mean binary cross entropy between outputs and
remembered winners on a batch drawn from the memory. The labels are the network's own best finds, never the optimum
(unless the setting `labels` asks for it, to see what that would bring). Batches are drawn alike, or by priority
(`mecopt.learners.memory`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.decision import Binary
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.learners import network, training
from mecopt.learners.candidates import candidates, own_decision
from mecopt.learners.decision_net.settings import LITERAL, PAPER, DecisionNetSettings
from mecopt.learners.inputs import Inputs
from mecopt.learners.log import report
from mecopt.learners.memory import Memory
from mecopt.learners.proposer import Learner, Proposer, Training, shipped_with_mecopt
from mecopt.optima import optimal_decisions
from mecopt.storage.trained import Trained

Array = NDArray[Any]

NAME = "decision-net"


@dataclass(frozen=True, eq=False)
class DecisionNet(Proposer):
    """The trained network, on numpy alone."""

    learner: ClassVar[str] = NAME
    settings: DecisionNetSettings
    layers: network.Layers = field(repr=False)

    @property
    def candidates(self) -> int:  # type: ignore[override]
        """K of its training."""
        return self.settings.candidates

    def outputs(self, problem: Problem) -> Array:
        """Return m of every instance, shape ``(instances, users)``."""
        self.require(problem)
        return network.sigmoid(network.forward(self.layers, self.inputs(problem)))

    def propose(self, problem: Problem, k: int, rng: Generator) -> Array:
        """Propose k decisions an instance by the scheme of the training."""
        s = self.settings
        found = candidates(self.outputs(problem), k, s.scheme, s.flips, s.own_included, rng)
        return found.reshape(*problem.batch_shape, k, self.users)

    def reported(self) -> list[str]:
        """Say how close played and own decisions came to the optimum."""
        return report(self.card["reached"])

    def weights(self) -> dict[str, Array]:
        """Return the layers by name."""
        return network.as_arrays(self.layers)

    @classmethod
    def from_trained(cls, stored: Trained, inputs: Inputs) -> Self:
        """Rebuild the network from a saved policy."""
        settings = DecisionNetSettings.of(stored.entry("settings", dict))
        sizes = stored.sizes()
        layers = network.from_trained(stored, (inputs.size_of(stored), *settings.hidden, sizes["users"]))
        return cls(stored.card, stored.card["problem"], sizes, inputs, settings, layers)


class DecisionNetTraining(Training):
    """The network in training: a memory of winners, Adam, and the current weights."""

    def __init__(self, stream: Problem, settings: DecisionNetSettings, seed: int) -> None:
        self.settings, self.interval = settings, settings.interval
        self.problem, self.sizes, self.total = stream.name, stream.sizes, stream.instances
        self.inputs = Inputs.fit(stream, settings.inputs, settings.scaling)
        sizes = (self.inputs.size(stream), *settings.hidden, stream.users)
        self.network = network.AdamNetwork(network.initial(sizes, np.random.default_rng((seed, 0))), settings.learning_rate)
        self.memory = Memory(
            settings.memory,
            {"seen": ((sizes[0],), np.float32), "won": ((stream.users,), np.float32)},
            priority_power=settings.priority_power if settings.replay == "prioritised" else None,
            least_priority=settings.least_priority,
        )

    def outputs(self, problem: Problem) -> Array:
        """Return the current outputs of every instance."""
        return network.sigmoid(network.forward(self.network.layers, self.inputs(problem)))

    def own(self, problem: Problem) -> Array:
        """Return the decision that the outputs say."""
        return own_decision(self.outputs(problem))

    def propose(self, problem: Problem, rng: Generator) -> Array:
        """Return K candidates by the scheme of the settings, or the optimum alone where that is the label."""
        s = self.settings
        if s.labels == "optimum":
            return optimal_decisions(problem)[0][:, None, :]
        return candidates(self.outputs(problem), s.candidates, s.scheme, s.flips, s.own_included, rng)

    def learn(self, solution: Solution, rng: Generator) -> float:
        """Remember the winners; after a whole interval take one step on a batch of the memory."""
        self.memory.add(seen=self.inputs(solution.problem), won=solution.decision)
        if self.memory.count % self.settings.interval:
            return float("nan")
        places = self.memory.draw(self.settings.batch, rng)
        return self.network.descend(self._loss(places), self._learning_rate())

    def _loss(self, places: Array) -> Any:
        """Return the mean cross entropy of remembered winners; with priorities, weighted as if all were drawn alike."""
        torch = network.torch_or_error()
        values, won = self.network(self.memory["seen"][places]), torch.from_numpy(self.memory["won"][places])
        if self.settings.replay == "uniform":
            return torch.nn.functional.binary_cross_entropy_with_logits(values, won)
        each = torch.nn.functional.binary_cross_entropy_with_logits(values, won, reduction="none").mean(dim=-1)
        first = self.settings.importance_power
        weight = self.memory.importance(places, first + (1.0 - first) * min(self.memory.count / self.total, 1.0))
        self.memory.judge(places, each.detach().numpy())
        return (torch.from_numpy(weight.astype(np.float32)) * each).mean()

    def _learning_rate(self) -> float:
        s = self.settings
        left = 1.0 - self.memory.count / self.total if s.rate_schedule == "linear" else 1.0
        return s.learning_rate * left

    def state(self) -> dict[str, Array]:
        """Return weights, moments and memory."""
        return {**self.network.state(), **self.memory.state()}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Go on from a state."""
        self.network.restore(state)
        self.memory.restore(state)

    def describe(self) -> dict[str, Any]:
        """Return the settings."""
        return dataclasses.asdict(self.settings)

    def policy(self, card: Mapping[str, Any]) -> DecisionNet:
        """Return the network as it is now."""
        layers = [(weight.copy(), offset.copy()) for weight, offset in self.network.layers]
        whole = {**card, "settings": self.describe()}
        return DecisionNet(whole, self.problem, self.sizes, self.inputs, self.settings, layers)


class DecisionNetLearner(Learner):
    """Learner `decision-net`."""

    name = NAME
    summary = "network and self-labelled loop of paper 003, for any binary decision"
    role = "proposer"
    settings = DecisionNetSettings
    policy = DecisionNet
    variants: ClassVar = {"default": {}, "paper": PAPER, "literal": LITERAL}

    def refusal(self, problem: Problem) -> str | None:
        """Refuse decisions that are not binary."""
        if isinstance(problem.decision_space, Binary):
            return None
        return f"{NAME} learns binary decisions; those of {problem.name} are others"

    def train(
        self,
        stream: Problem,
        settings: DecisionNetSettings,
        seed: int,
        out: str | Path,
        provenance: Mapping[str, Any],
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> DecisionNet:
        """Train on a stream of instances; see `mecopt.learners.training.train`."""
        self.require(stream)
        begin = partial(DecisionNetTraining, stream.flat(), settings, seed)
        training.train(begin, stream, seed, out, provenance, progress, training.marks(provenance))
        return DecisionNet.load(out)

    def shipped(self) -> list[Path]:
        """Return the folders of the networks that ship with mecopt."""
        return shipped_with_mecopt(NAME)


LEARNER = DecisionNetLearner()
