r"""Encoder, network, search and memory of paper 004 in its two alternating stages (Algorithm 3).

1. The network decides: from the inputs, compressed by the encoder if there is one, its own decision
   (`mecopt.learners.ojrs.head`). This is what the paper plays, and the column `own` of the log.
2. A search starts from it (`mecopt.learners.ojrs.labels`); the decision found is remembered
   (`mecopt.learners.ojrs.replay`). It is the only candidate, and the column `played`. Every phi instances steps of Adam
   lower (25), the cross entropy between the network and decisions drawn from the memory, plus
   :math:`\lambda/2\,\|\theta\|^2`.

Read differently from the print: (25) adds the entropies of a and of 1 - a over 30 outputs; with a softmax per user it is the
entropy of the choice found. The paper trains "until the loss is below a threshold" it does not name: `loss_threshold`, or
`updates` steps at the latest. What the memory holds is compressed anew when it is drawn, so that a fit of the encoder leaves
no old codes.
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

from mecopt.contract.decision import OneOf
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.learners import network, training
from mecopt.learners.inputs import Inputs
from mecopt.learners.log import report
from mecopt.learners.ojrs import autoencoder
from mecopt.learners.ojrs.head import log_probabilities, most_probable, own_decision
from mecopt.learners.ojrs.labels import guide, searched, steps_ahead
from mecopt.learners.ojrs.replay import Replay
from mecopt.learners.ojrs.settings import PAPER, SANE, OjrsSettings
from mecopt.learners.proposer import Learner, Proposer, Training, shipped_with_mecopt
from mecopt.storage.trained import Trained

Array = NDArray[Any]

NAME = "ojrs"


@dataclass(frozen=True, eq=False)
class Ojrs(Proposer):
    """Encoder and network, on numpy alone."""

    learner: ClassVar[str] = NAME
    settings: OjrsSettings
    encoder: network.Layers = field(repr=False)
    """Empty where the network sees the inputs themselves."""
    layers: network.Layers = field(repr=False)

    @property
    def candidates(self) -> int:  # type: ignore[override]
        """K of its settings, or how many decisions there are."""
        choices = len(self.layers[-1][1]) // self.users
        return min(self.settings.candidates, choices**self.users)

    def log_probabilities(self, problem: Problem) -> Array:
        """Return the logarithm of each choice's probability, ``(instances, users, choices)``."""
        self.require(problem)
        rows = self.inputs(problem)
        if self.encoder:
            rows = autoencoder.code(self.encoder, rows, self.settings.activation)
        return log_probabilities(network.forward(self.layers, rows), self.users)

    def propose(self, problem: Problem, k: int, rng: Generator) -> Array:
        """Propose the k most probable decisions, the own one first."""
        logs = self.log_probabilities(problem)
        found = own_decision(logs)[:, None, :] if k == 1 else most_probable(logs, k)
        return found.reshape(*problem.batch_shape, k, self.users)

    def reported(self) -> list[str]:
        """Say how close the decisions found and the own ones came to the optimum."""
        seen = len(self.inputs.offset)
        plain = [f"no encoder: {seen} inputs are no more than its code, {self.settings.code}"]
        return [*report(self.card["reached"]), *(plain if self.settings.encoder != "none" and not self.encoder else [])]

    def weights(self) -> dict[str, Array]:
        """Return the layers by name."""
        return {**network.as_arrays(self.layers), **network.as_arrays(self.encoder, "encoder_")}

    @classmethod
    def from_trained(cls, stored: Trained, inputs: Inputs) -> Self:
        """Rebuild encoder and network from a saved policy."""
        settings, sizes = OjrsSettings.of(stored.entry("settings", dict)), stored.sizes()
        seen, outputs = inputs.size_of(stored), sizes["users"] * stored.entry("choices", int)
        compressed = settings.encoder_sizes(seen)
        encoder = network.from_trained(stored, compressed, "encoder_") if compressed else []
        widths = (compressed[-1] if compressed else seen, *settings.hidden, outputs)
        layers = network.from_trained(stored, widths)
        return cls(stored.card, stored.card["problem"], sizes, inputs, settings, encoder, layers)


class OjrsTraining(Training):
    """Encoder and network in training, the memory, and what (30)-(32) count."""

    played = "found by the search in training"
    noted = ("steps", "encoder_error")

    def __init__(self, stream: Problem, settings: OjrsSettings, seed: int) -> None:
        self.settings, self.interval = settings, settings.interval
        self.problem, self.sizes = stream.name, stream.sizes
        self.choices = len(stream.choices.labels)
        guide(stream, settings.guidance)  # a field that does not exist is refused now, not at the first search
        self.inputs = Inputs.fit(stream, settings.inputs, settings.scaling)
        seen = self.inputs.size(stream)
        self.autoencoder = self._encoder(stream, seen, seed)
        width = settings.code if self.autoencoder else seen
        widths = (width, *settings.hidden, stream.users * self.choices)
        layers = network.initial(widths, np.random.default_rng((seed, 0)))
        self.network = network.AdamNetwork(layers, settings.learning_rate)
        self.replay = Replay(
            settings.replay,
            settings.memory,
            seen,
            stream.users,
            greatest_ratio=settings.greatest_ratio,
            priority_power=settings.priority_power,
            least_priority=settings.least_priority,
        )
        self.count, self.steps = 0, settings.steps
        self.loss = self.change = np.nan

    def _encoder(self, stream: Problem, seen: int, seed: int) -> autoencoder.Autoencoder | None:
        """Return the encoder, where there is one, before it has learned anything."""
        sizes = self.settings.encoder_sizes(seen)
        if sizes is None:
            return None
        scale = autoencoder.UnitScale.fit(self.inputs, stream)
        return autoencoder.Autoencoder(sizes, scale, self.settings, np.random.default_rng((seed, 4)))

    def prepare(self, stream: Problem, rng: Generator) -> None:
        """Train the encoder on the first inputs of the stream: the paper's offline stage."""
        if self.autoencoder:
            self.autoencoder.remember(self.inputs(stream[: self.settings.offline]))
            self.autoencoder.fit(rng)

    def _seen(self, rows: Array) -> Array:
        return self.autoencoder(rows) if self.autoencoder else rows

    def _square(self) -> float:
        """Return the squared norm of the network's parameters."""
        return float(sum(np.square(array, dtype=float).sum() for layer in self.network.layers for array in layer))

    def _ahead(self, count: int) -> Array:
        return steps_ahead(self.steps, self.loss, self.change, count, self.settings)

    def own(self, problem: Problem) -> Array:
        """Return the most probable decision."""
        values = network.forward(self.network.layers, self._seen(self.inputs(problem)))
        return own_decision(log_probabilities(values, problem.users))

    def propose(self, problem: Problem, rng: Generator) -> Array:
        """Return the decision that a search finds from the own one."""
        steps = self._ahead(problem.instances)
        return searched(problem, self.own(problem), steps, self.settings, rng)[:, None, :]

    def notes(self, problem: Problem) -> Mapping[str, Array]:
        """Return T_SA of each instance, nan without annealing, and the encoder's error, nan without one."""
        missing = np.full(problem.instances, np.nan)
        return {
            "steps": self._ahead(problem.instances) if self.settings.labels == "annealing" else missing,
            "encoder_error": self.autoencoder.errors(self.inputs(problem)) if self.autoencoder else missing,
        }

    def learn(self, solution: Solution, rng: Generator) -> float:
        """Remember what was found, where it is feasible; after a whole interval take the steps of an update."""
        rows, new = self.inputs(solution.problem), solution.problem.instances
        feasible = np.isfinite(solution.objective)
        square = np.full(int(feasible.sum()), self._square())
        self.replay.add(seen=rows[feasible], found=solution.decision[feasible], square=square)
        self.steps = int(self._ahead(new)[-1])
        before, self.count = self.count, self.count + new
        if self.autoencoder:
            self.autoencoder.remember(rows)
            if self.settings.refit and self.count // self.settings.refit > before // self.settings.refit:
                self.autoencoder.fit(rng)
        if self.count % self.interval or not self.replay.filled:
            return float("nan")
        return self._update(rng)

    def _update(self, rng: Generator) -> float:
        latest = self._several(rng) if self.settings.redrawn else self._one(rng)
        self.loss, self.change = latest, latest - self.loss
        return latest

    def _several(self, rng: Generator) -> float:
        """Draw a batch for each step, and judge all by how the loss differs from that of the last update; return it."""
        drawn = []
        for _ in range(self.settings.updates):
            drawn.append(self.replay.draw(self.settings.batch, rng))
            latest = self._step(drawn[-1])
            if latest < self.settings.loss_threshold:
                break
        if not np.isnan(self.loss):
            self.replay.judge(np.concatenate(drawn), latest - self.loss)
        return latest

    def _one(self, rng: Generator) -> float:
        """Draw one batch, take all steps on it, and judge it by its own decrease; return its loss before them."""
        places = self.replay.draw(self.settings.batch, rng)
        before = self._step(places)
        for _ in range(1, self.settings.updates):
            if self._step(places) < self.settings.loss_threshold:
                break
        self.replay.judge(places, before - float(self._loss(places).detach()))
        return before

    def _step(self, places: Array) -> float:
        """Take a step of Adam on what was drawn; return the loss before it."""
        return self.network.descend(self._loss(places), self.settings.learning_rate)

    def _loss(self, places: Array) -> Any:
        """Return (25) of what was seen and the decisions found for it, at these places of the memory."""
        torch = network.torch_or_error()
        rows, found = self.replay["seen"][places], self.replay["found"][places]
        values = self.network(self._seen(rows)).reshape(-1, self.choices)
        target = torch.from_numpy(found.astype(np.int64).ravel())
        entropy = torch.nn.functional.cross_entropy(values, target)
        if self.settings.cross_entropy == "sum":
            entropy = entropy * found.shape[1]
        return entropy + 0.5 * self.settings.l2 * self.network.square() if self.settings.l2 else entropy

    def state(self) -> dict[str, Array]:
        """Return weights, moments, memory and counters, of the encoder too."""
        counters = {"counters": np.array([self.count, self.steps, self.loss, self.change])}
        encoder = self.autoencoder.state() if self.autoencoder else {}
        return {**self.network.state(), **self.replay.state("replay_"), **encoder, **counters}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Go on from a state."""
        self.network.restore(state)
        self.replay.restore(state, "replay_")
        if self.autoencoder:
            self.autoencoder.restore(state)
        count, steps, self.loss, self.change = (float(value) for value in state["counters"])
        self.count, self.steps = int(count), int(steps)

    def describe(self) -> dict[str, Any]:
        """Return the settings."""
        return dataclasses.asdict(self.settings)

    def policy(self, card: Mapping[str, Any]) -> Ojrs:
        """Return encoder and network as they are now."""
        layers = [(weight.copy(), offset.copy()) for weight, offset in self.network.layers]
        encoder = self.autoencoder.synchronised if self.autoencoder else []
        whole = {**card, "settings": self.describe(), "choices": self.choices}
        return Ojrs(whole, self.problem, self.sizes, self.inputs, self.settings, encoder, layers)


class OjrsLearner(Learner):
    """Learner `ojrs`."""

    name = NAME
    summary = "encoder, network, annealing and memory of paper 004, for any choice per user"
    role = "proposer"
    settings = OjrsSettings
    policy = Ojrs
    variants: ClassVar = {"default": {}, "paper": PAPER, "sane": SANE}

    def refusal(self, problem: Problem) -> str | None:
        """Refuse decisions other than one of several choices per user."""
        if isinstance(problem.decision_space, OneOf):
            return None
        return f"{NAME} learns one of several choices per user; the decisions of {problem.name} are others"

    def train(
        self,
        stream: Problem,
        settings: OjrsSettings,
        seed: int,
        out: str | Path,
        provenance: Mapping[str, Any],
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Ojrs:
        """Train on a stream of instances; see `mecopt.learners.training.train`."""
        self.require(stream)
        begin = partial(OjrsTraining, stream.flat(), settings, seed)
        training.train(begin, stream, seed, out, provenance, progress, training.marks(provenance))
        return Ojrs.load(out)

    def shipped(self) -> list[Path]:
        """Return the folders of the policies that ship with mecopt."""
        return shipped_with_mecopt(NAME)


LEARNER = OjrsLearner()
