r"""A network that predicts the price of a decision, from which a solver of the allocation can start: learner `price-net`.

Every allocation problem here hides one price per instance (of capacity, of time). The network sees the varying fields and a
decision and predicts the logarithm of that price; `mecopt.warmstart.from_dual` turns it into an allocation with its true
gap. It is trained by least squares on optimal decisions and on random ones up to a few flips away, whose prices the closed
form gives: plain supervised learning, since the labels are exact and cost microseconds. That they do is also why such a
start cannot pay where a closed form exists; `mecopt bench --warm-starts` says so with numbers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from mecopt.fields import Variables, declared
from mecopt.learners import network
from mecopt.learners.candidates import candidates
from mecopt.learners.inputs import SCALINGS, Inputs
from mecopt.learners.proposer import Learner, Settings, WarmStarter, shipped_with_mecopt
from mecopt.learners.training import alone, finished, run_key, versions
from mecopt.problem import Problem
from mecopt.solution import InstanceError
from mecopt.solve import solve
from mecopt.stream import distinct
from mecopt.trained import Trained
from mecopt.warmstart import from_dual

Array = NDArray[Any]

NAME = "price-net"
HELD_OUT = 0.1
"""Part of the different instances, the last, on which the figures of the card are measured."""
LARGEST_LOG = 700.0
"""Beyond this an exponential leaves the range of numbers."""


@dataclass(frozen=True, kw_only=True)
class PriceNetSettings(Settings):
    """How the network is built and trained; all ours."""

    hidden: tuple[int, ...] = (64, 64)
    passes: int = 40
    """Times that every pair of instance and decision is seen."""
    batch: int = 256
    learning_rate: float = 0.003
    """At the beginning; it falls linearly to 0."""
    variants_per_instance: int = 2
    """Decisions an instance: the optimal one, and others a few flips away."""
    inputs: tuple[str, ...] = ()
    scaling: str = "standard"

    def __post_init__(self) -> None:
        self.require_at_least_one("passes", "batch", "variants_per_instance", "hidden")
        self.require_fraction("learning_rate")
        self.require_one_of("scaling", SCALINGS)


@dataclass(frozen=True, eq=False)
class PriceNet(WarmStarter):
    """The trained network, on numpy alone."""

    learner: ClassVar[str] = NAME
    layers: network.Layers = field(repr=False)
    offset: Array
    spread: Array
    """Mean and spread of the logarithms of the prices in training, by which the network's values are scaled back."""

    def predict(self, problem: Problem, decision: Array) -> Variables:
        """Predict the price of each decision."""
        self.require(problem)
        decisions = problem.decision_space.validate(decision, problem.batch_shape)
        seen = _seen(self.inputs, *problem.paired(decisions))
        logs = network.forward(self.layers, seen).astype(float) * self.spread + self.offset
        prices = np.exp(np.clip(logs, -LARGEST_LOG, LARGEST_LOG)).reshape(*decisions.shape[:-1], -1)
        names = [f.name for f in declared(problem.Dual)]  # type: ignore[arg-type]
        return problem.Dual(**{name: np.asarray(prices[..., i]) for i, name in enumerate(names)})

    def weights(self) -> dict[str, Array]:
        """Return layers and scale by name."""
        return {**network.as_arrays(self.layers), "price_offset": self.offset, "price_spread": self.spread}

    @classmethod
    def from_trained(cls, stored: Trained, inputs: Inputs) -> Self:
        """Rebuild the network from a saved policy."""
        from mecopt.registry import find_problem

        settings, sizes = PriceNetSettings.of(stored.entry("settings", dict)), stored.sizes()
        prices = len(declared(find_problem(stored.card["problem"]).Dual))  # type: ignore[arg-type]
        seen = inputs.size_of(stored) + sizes["users"]
        layers = network.from_trained(stored, (seen, *settings.hidden, prices))
        scale = (stored.array("price_offset", (prices,)), stored.array("price_spread", (prices,)))
        return cls(stored.card, stored.card["problem"], sizes, inputs, layers, *scale)

    def reported(self) -> list[str]:
        """Say how far predicted prices are off, and what they prove."""
        r = self.card["reached"]
        return [
            f"over {r['over']}:",
            f"relative error of the price: mean {r['price_error']['mean']:.2g}, 99th percentile "
            f"{r['price_error']['percentile_99']:.2g}",
            f"proved gap of the answer to it: mean {r['gap']['mean']:.2g}, greatest {r['gap']['greatest']:.2g}",
        ]


def _seen(inputs: Inputs, problem: Problem, decision: Array) -> Array:
    return np.concatenate([inputs(problem), decision.astype(np.float32)], axis=-1)


class PriceNetLearner(Learner):
    """Learner `price-net`."""

    name = NAME
    summary = "predicts the price of a decision, from which SLSQP or SCS can start"
    role = "warm-starter"
    settings = PriceNetSettings
    policy = PriceNet

    def refusal(self, problem: Problem) -> str | None:
        """Refuse prices that are not one number per instance."""
        others = sorted({f.metadata["per"] for f in declared(problem.Dual)} - {"instance"})  # type: ignore[arg-type]
        if not others:
            return None
        return f"{NAME} predicts prices per instance; those of {problem.name} are per {' and per '.join(others)}"

    def train(
        self,
        stream: Problem,
        settings: PriceNetSettings,
        seed: int,
        out: str | Path,
        provenance: Mapping[str, Any],
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> PriceNet:
        """Train on a set of instances; a run that was killed begins anew, and ends with the same weights."""
        self.require(stream)
        different, folder, described = distinct(stream), Path(out), dataclasses.asdict(settings)
        key = run_key(NAME, described, different, seed)
        kept = max(1, round(HELD_OUT * different.instances))
        if different.instances < 2:
            raise InstanceError("all instances are the same, so there is nothing to learn from; allowed: some that vary")
        with alone(folder), network.one_thread():
            if not finished(folder, key):
                policy = _fit(different[:-kept], settings, seed, progress)
                origin = {"run": key, "seed": seed, "instances": different.instances, "settings": described}
                figures = {"versions": versions(), "reached": _reached(policy, different[-kept:])}
                dataclasses.replace(policy, card={**provenance, **origin, **figures}).save(folder)
        return PriceNet.load(folder)

    def shipped(self) -> list[Path]:
        """Return the folders of the networks that ship with mecopt."""
        return shipped_with_mecopt(NAME)


def _fit(flat: Problem, settings: PriceNetSettings, seed: int, progress: Callable[[int, int], None]) -> PriceNet:
    fields = declared(flat.Dual)  # type: ignore[arg-type]
    inputs = Inputs.fit(flat, settings.inputs, settings.scaling)
    rng = np.random.default_rng((seed, 3))
    best = solve(flat).decision
    others = candidates(best.astype(float), settings.variants_per_instance, "perturb-up-to", 4, True, rng)
    seen, targets = [], []
    for k in range(settings.variants_per_instance):
        dual = flat.closed_form(others[:, k])[1].as_dict()
        seen.append(_seen(inputs, flat, others[:, k]))
        targets.append(np.stack([dual[f.name] for f in fields], axis=-1))
    rows, prices = np.concatenate(seen), np.concatenate(targets)
    positive = (prices > 0).all(axis=-1)  # at a price of 0 nobody waits for the resource: there is nothing to start
    rows, logs = rows[positive], np.log(prices[positive])
    if not len(rows):
        raise InstanceError("the price is 0 in every instance, so there is nothing to learn")
    offset, spread = logs.mean(axis=0), np.maximum(logs.std(axis=0), 1e-12)
    scaled = ((logs - offset) / spread).astype(np.float32)
    sizes = (rows.shape[-1], *settings.hidden, len(fields))
    trained = network.AdamNetwork(network.initial(sizes, rng), settings.learning_rate)
    torch = network.torch_or_error()
    for number in range(settings.passes):
        progress(number, settings.passes)
        order = rng.permutation(len(rows))
        for first in range(0, len(order), settings.batch):
            part = order[first : first + settings.batch]
            loss = torch.nn.functional.mse_loss(trained(rows[part]), torch.from_numpy(scaled[part]))
            left = 1.0 - (number + first / len(order)) / settings.passes
            trained.descend(loss, settings.learning_rate * left)
    progress(settings.passes, settings.passes)
    return PriceNet({}, flat.name, flat.sizes, inputs, trained.layers, offset, spread)


def _reached(policy: PriceNet, held_out: Problem) -> dict[str, Any]:
    optimum = solve(held_out)
    predicted = policy.predict(held_out, optimum.decision)
    start = from_dual(held_out, optimum.decision, predicted)
    name = declared(held_out.Dual)[0].name  # type: ignore[arg-type]
    true = optimum.dual.as_dict()[name]
    if not (true > 0).any():
        raise InstanceError("the price is 0 at the optimum of every instance kept back, so there is nothing to measure")
    error = np.abs(predicted.as_dict()[name] / np.where(true > 0, true, 1.0) - 1.0)[true > 0]
    return {
        "over": f"{held_out.instances} instances kept back from training, at their optimal decisions",
        "price_error": {"mean": float(error.mean()), "percentile_99": float(np.percentile(error, 99))},
        "gap": {"mean": float(start.gap.mean()), "greatest": float(start.gap.max())},
    }


LEARNER = PriceNetLearner()
