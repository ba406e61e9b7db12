r"""A network that predicts the prices of a decision, from which a solver of the allocation can start: learner `price-net`.

Every allocation problem here hides prices (of capacity, of time, of each user's work). The network sees the varying fields
and what a decision brings, and predicts the logarithms of its prices; `mecopt.contract.warmstart.from_dual` turns them into
an allocation with its true gap. It is trained by least squares on optimal decisions and on others (choices a few flips away;
beams of simple rules, or random ones), whose prices the closed form gives: plain supervised learning, since the labels are
exact and cost microseconds. That they do is also why such a start cannot pay where a closed form exists;
`mecopt bench --warm-starts` says so with numbers.

A price that is 0 has no logarithm. Where an instance has one price, such instances are left out: nobody waits for the
resource, and there is nothing to start. Where every user has its own, some are 0 nearly always; all below a small part of
the mean price count as that.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.decision import OneOf
from mecopt.contract.errors import InstanceError
from mecopt.contract.fields import Variables, axes, declared
from mecopt.contract.problem import Problem
from mecopt.contract.warmstart import from_dual
from mecopt.data.stream import distinct
from mecopt.learners import network
from mecopt.learners.candidates import candidates
from mecopt.learners.inputs import SCALINGS, Inputs
from mecopt.learners.proposer import Learner, WarmStarter, shipped_with_mecopt
from mecopt.learners.settings import Settings
from mecopt.learners.training import finished, run_key, versions
from mecopt.optima import optimal_decisions
from mecopt.show.numbers import counted
from mecopt.solve import solve
from mecopt.storage.atomic import to_myself
from mecopt.storage.trained import Trained

Array = NDArray[Any]

NAME = "price-net"
HELD_OUT = 0.1
"""Part of the different instances, the last, on which the figures of the card are measured."""
LARGEST_LOG = 700.0
"""Beyond this an exponential leaves the range of numbers."""
NEGLIGIBLE = 1e-4
"""Part of the mean of a user's price below which it counts as this."""
LEAST = 1e-300
"""The price of what is free in all of the training."""
LEARNED = ("instance", "user")
"""Whose prices can be learned."""
RULES = ("matched", "weights")
"""Solvers by whose decisions the optimal ones are varied, where decisions are no choices and these are there."""


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
    """Decisions an instance: the optimal one, and others."""
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
        """Predict the prices of each decision."""
        self.require(problem)
        decisions = problem.decision_space.validate(decision, problem.batch_shape)
        seen = _seen(self.inputs, *problem.paired(decisions))
        logs = network.forward(self.layers, seen).astype(float) * self.spread + self.offset
        prices = np.exp(np.clip(logs, -LARGEST_LOG, LARGEST_LOG))
        lead, found, first = problem.decision_space.lead(decisions), {}, 0
        own_dual = problem.unlimited.Dual
        for f, size in zip(declared(own_dual), _entries(own_dual, problem.sizes), strict=True):  # type: ignore[arg-type]
            own = tuple(problem.sizes[axis] for axis in axes(f))
            found[f.name] = np.ascontiguousarray(prices[:, first : first + size]).reshape((*lead, *own))
            first += size
        return problem.Dual.completed(own_dual(**found))

    def weights(self) -> dict[str, Array]:
        """Return layers and scale by name."""
        return {**network.as_arrays(self.layers), "price_offset": self.offset, "price_spread": self.spread}

    @classmethod
    def from_trained(cls, stored: Trained, inputs: Inputs) -> Self:
        """Rebuild the network from a saved policy."""
        from mecopt.registry import find_problem

        settings, sizes = PriceNetSettings.of(stored.entry("settings", dict)), stored.sizes()
        problem = find_problem(stored.card["problem"])
        given: dict[str, Any] = dict(sizes)
        prices, one = sum(_entries(problem.Dual, sizes)), problem.sample(np.random.default_rng(0), **given)
        decision = one.decision_space.sample(np.random.default_rng(0))
        seen = inputs.size_of(stored) + one.decision_features(decision).size
        layers = network.from_trained(stored, (seen, *settings.hidden, prices))
        scale = (stored.array("price_offset", (prices,)), stored.array("price_spread", (prices,)))
        return cls(stored.card, stored.card["problem"], sizes, inputs, layers, *scale)

    def reported(self) -> list[str]:
        """Say how far predicted prices are off, and what they prove."""
        r = self.card["reached"]
        return [
            f"over {r['over']}:",
            f"relative error of the {r.get('price', 'price')}: mean {r['price_error']['mean']:.2g}, 99th percentile "
            f"{r['price_error']['percentile_99']:.2g}",
            f"proved gap of the answer to it: mean {r['gap']['mean']:.2g}, greatest {r['gap']['greatest']:.2g}",
        ]


def _entries(dual: type[Variables], sizes: Mapping[str, int]) -> list[int]:
    """Return how many prices each variable of a dual holds."""
    return [math.prod(sizes[axis] for axis in axes(f)) for f in declared(dual)]  # type: ignore[arg-type]


def _seen(inputs: Inputs, problem: Problem, decision: Array) -> Array:
    return np.concatenate([inputs(problem), problem.decision_features(decision).astype(np.float32)], axis=-1)


class PriceNetLearner(Learner):
    """Learner `price-net`."""

    name = NAME
    summary = "predicts the prices of a decision, from which SLSQP, SCS or path following can start"
    role = "warm-starter"
    checkpoints = False
    settings = PriceNetSettings
    policy = PriceNet

    def refusal(self, problem: Problem) -> str | None:
        """Refuse claims, which are no prices, and prices that are neither per instance nor per user."""
        if not problem.convex:
            return f"{NAME} predicts prices from which solvers start; {problem.name} has none: its program is not convex"
        if problem.own_limits:
            return f"{NAME} predicts prices of given decisions, and none of limits of one's own: train it without them"
        others = sorted({f.metadata["per"] for f in declared(problem.Dual)} - set(LEARNED))  # type: ignore[arg-type]
        if not others:
            return None
        return (
            f"{NAME} predicts prices per {' or '.join(LEARNED)}; those of {problem.name} are per {' and per '.join(others)}"
        )

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
        with to_myself(folder), network.one_thread():
            if not finished(folder, key):
                policy = _fit(different[:-kept], settings, seed, progress)
                origin = {"run": key, "seed": seed, "instances": different.instances, "settings": described}
                figures = {"versions": versions(), "reached": _reached(policy, different[-kept:])}
                dataclasses.replace(policy, card={**provenance, **origin, **figures}).save(folder)
        return PriceNet.load(folder)

    def shipped(self) -> list[Path]:
        """Return the folders of the networks that ship with mecopt."""
        return shipped_with_mecopt(NAME)


def _varied(flat: Problem, best: Array, count: int, rng: Generator) -> Iterator[Array]:
    """Yield decisions of every instance: the best ones, then others."""
    if isinstance(flat.decision_space, OneOf):
        others = candidates(best.astype(float), count, "perturb-up-to", 4, True, rng)
        yield from (others[:, k] for k in range(count))
        return
    yield best
    rules = [solve(flat, solver=name).decision for name in RULES if name in flat.solvers]
    for _ in range(count - 1):
        kinds = [*rules, flat.mended(flat.decision_space.sample(rng, flat.batch_shape))]
        which = rng.integers(len(kinds), size=flat.instances)
        yield np.stack(kinds)[which, np.arange(flat.instances)]


def _prices(dual: Variables, rows: int) -> Array:
    """Return all prices side by side, ``(rows, prices)``."""
    return np.concatenate([value.reshape(rows, -1) for value in dual.as_dict().values()], axis=-1)


def _logs(flat: Problem, prices: Array) -> tuple[Array, Array]:
    """Return which rows can be learned from, and the logarithms of their prices."""
    if all(f.metadata["per"] == "instance" for f in declared(flat.Dual)):  # type: ignore[arg-type]
        positive = (prices > 0).all(axis=-1)  # at a price of 0 nobody waits for the resource: there is nothing to start
        return np.asarray(positive), np.log(prices[positive])
    priced = np.isfinite(prices).all(axis=-1)  # who has no allocation has no prices
    floor = np.maximum(NEGLIGIBLE * prices[priced].mean(axis=0), LEAST)
    return np.asarray(priced), np.log(np.maximum(prices[priced], floor))


def _fit(flat: Problem, settings: PriceNetSettings, seed: int, progress: Callable[[int, int], None]) -> PriceNet:
    inputs = Inputs.fit(flat, settings.inputs, settings.scaling)
    rng = np.random.default_rng((seed, 3))
    seen, targets = [], []
    for decision in _varied(flat, optimal_decisions(flat)[0], settings.variants_per_instance, rng):
        seen.append(_seen(inputs, flat, decision))
        targets.append(_prices(flat.closed_form(decision)[1], flat.instances))
    rows, (learned, logs) = np.concatenate(seen), _logs(flat, np.concatenate(targets))
    rows = rows[learned]
    if not len(rows):
        raise InstanceError("the price is 0 in every instance, so there is nothing to learn")
    offset, spread = logs.mean(axis=0), np.maximum(logs.std(axis=0), 1e-12)
    scaled = ((logs - offset) / spread).astype(np.float32)
    sizes = (rows.shape[-1], *settings.hidden, logs.shape[-1])
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
    first = declared(held_out.Dual)[0]  # type: ignore[arg-type]
    true, per_user = optimum.dual.as_dict()[first.name], first.metadata["per"] != "instance"
    counts = true > (NEGLIGIBLE * true.mean() if per_user else 0.0)
    if not counts.any():
        raise InstanceError("the price is 0 at the optimum of every instance kept back, so there is nothing to measure")
    error = np.abs(predicted.as_dict()[first.name] / np.where(counts, true, 1.0) - 1.0)[counts]
    named = {"price": first.name.replace("_", " ")} if per_user else {}
    return {
        "over": f"{counted(held_out.instances, 'instances')} kept back from training, at their optimal decisions",
        **named,
        "price_error": {"mean": float(error.mean()), "percentile_99": float(np.percentile(error, 99))},
        "gap": {"mean": float(start.gap.mean()), "greatest": float(start.gap.max())},
    }


LEARNER = PriceNetLearner()
