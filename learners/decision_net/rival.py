"""DROO slot by slot, network, candidates, allocation and training, written anew from the paper: an opponent in benches.

In every slot the network's outputs for the channel gains give K = N decisions that keep their order, bisection values each
(`mecopt.models.computation_rate.rivals`), the best is played and remembered, and in every tenth slot Adam takes a step on
128 of the 1,024 remembered. Hidden layers of 120 and 80, sigmoid outputs, cross entropy. Beside it stands `decision-net`
with the same sizes, which decides ten slots at once, between two steps.

Reference: Huang, Bi and Zhang, IEEE Trans. Mobile Comput. 19(11), 2020, algorithm 1 and section VI.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.compare.bench.rivals import Prepared, Rival
from mecopt.contract.problem import Problem
from mecopt.learners import training
from mecopt.learners.decision_net.learner import DecisionNetTraining
from mecopt.learners.decision_net.settings import DecisionNetSettings
from mecopt.models.computation_rate.rivals import numbers, rate

Array = NDArray[Any]

INTERVAL, BATCH, MEMORY, HIDDEN, RATE = 10, 128, 1024, (120, 80), 0.01


def order_preserving(outputs: Array) -> Array:
    """Return as many decisions as users, ``(users, users)``: thresholds at one half, then at the outputs nearest to it."""
    users = outputs.size
    found = [outputs > 0.5]
    for user in np.argsort(np.abs(outputs - 0.5))[: users - 1]:
        threshold = outputs[user]
        found.append(outputs >= threshold if threshold <= 0.5 else outputs > threshold)
    return np.array(found, dtype=np.int8)


def played(stream: Any, seed: int = 0) -> Array:
    """Return the rate of every slot of a stream of instances."""
    import torch

    torch.manual_seed(seed)
    users, rng = stream.users, np.random.default_rng(seed)
    sizes = (users, *HIDDEN, users)
    layers: list[Any] = []
    for before, after in itertools.pairwise(sizes):
        layers += [torch.nn.Linear(before, after), torch.nn.ReLU()]
    net = torch.nn.Sequential(*layers[:-1], torch.nn.Sigmoid())
    adam = torch.optim.Adam(net.parameters(), lr=RATE, betas=(0.9, 0.999), weight_decay=1e-4)
    inputs = (stream.channel_gain / stream.channel_gain.mean()).astype(np.float32)
    labels, rates = np.zeros((len(inputs), users), dtype=np.float32), np.zeros(len(inputs))
    for slot, gains in enumerate(inputs):
        with torch.no_grad():
            outputs = net(torch.from_numpy(gains)).numpy()
        given, proposed = numbers(stream[slot]), order_preserving(outputs)
        values = [rate(*given, mode) for mode in proposed]
        best = int(np.argmax(values))
        rates[slot], labels[slot] = values[best], proposed[best]
        if (slot + 1) % INTERVAL == 0:
            places = max(0, slot + 1 - MEMORY) + rng.integers(min(slot + 1, MEMORY), size=BATCH)
            adam.zero_grad()
            seen, won = torch.from_numpy(inputs[places]), torch.from_numpy(labels[places])
            loss = torch.nn.functional.binary_cross_entropy(net(seen), won)
            loss.backward()
            adam.step()
    return rates


class Droo(Rival):
    """The whole loop."""

    name = "DROO, slot by slot"
    summary = "the authors' network, order-preserving candidates, bisection and training"
    problem = "computation-rate"
    answers = "slots"
    beside = "decision-net, training included"
    package = "torch"
    extra = "learn"
    imports = ("torch",)

    def prepared(self, problem: Problem, decision: Array | None) -> Prepared:
        """Take the stream."""
        return Prepared(lambda: played(problem), np.mean)

    def subject(self, problem: Problem) -> Prepared:
        """Return a training of `decision-net` of the same sizes, in memory."""
        settings = DecisionNetSettings(
            candidates=problem.users,
            scheme="order-preserving",
            memory=MEMORY,
            batch=BATCH,
            interval=INTERVAL,
            hidden=HIDDEN,
            learning_rate=RATE,
        )
        unknown = np.full(problem.instances, np.nan)

        def trained() -> Array:
            _, log = training.run(lambda: DecisionNetTraining(problem, settings, 0), problem, 0, unknown)
            return log.played

        return Prepared(trained, np.mean)


DROO = Droo()
