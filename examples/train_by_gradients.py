"""Two ways to train a network that says who offloads: by gradients of the expected cost, and on the best of its candidates.

Both see the same slots with the same network, take a step of Adam every 10 slots, and call the solver 7 times a slot. By
gradients a step lowers the expected cost of bits that are drawn with the network's probabilities: the relaxed decision's
value, `mecopt.torch.allocate`, and the variance on top. decision-net plays the best of 7 candidates and learns to repeat it.

Needs the extra `learn`. Seconds as it is; minutes with ``python examples/train_by_gradients.py --slots 10000 --seeds 5``.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

import mecopt
import mecopt.torch
from mecopt.learners import network, training
from mecopt.learners.candidates import candidates, own_decision
from mecopt.learners.decision_net import DecisionNetSettings
from mecopt.learners.decision_net.learner import DecisionNetTraining
from mecopt.learners.inputs import Inputs
from mecopt.models import BinaryOffloading

SETTINGS = DecisionNetSettings()

Outputs = Callable[[BinaryOffloading], Any]
"""From slots to numbers between 0 and 1, one per user."""


def expected_cost(slots: BinaryOffloading, part: Any) -> Any:
    """Return the mean cost of bits drawn with probabilities `part`, each slot's beside what it costs to stay local."""
    terms = slots.terms()
    value = mecopt.torch.allocate(slots, part).value
    variance = (part * (1.0 - part) * torch.tensor(terms.compute)).sum(dim=-1) / torch.tensor(slots.capacity)
    return ((value + variance) / torch.tensor(terms.local.sum(axis=-1))).mean()


def by_gradients(stream: BinaryOffloading, seed: int) -> Outputs:
    """Train on the expected cost of slots among the last ones seen, as many at a step as decision-net scores decisions."""
    s, rng = SETTINGS, np.random.default_rng((seed, 1))
    seen = Inputs.fit(stream, s.inputs, s.scaling)
    sizes = (seen.size(stream), *s.hidden, stream.users)
    net = network.AdamNetwork(network.initial(sizes, np.random.default_rng((seed, 0))), s.learning_rate)
    for done in range(s.interval, stream.instances + 1, s.interval):
        slots = stream[rng.integers(max(done - s.memory, 0), done, s.interval * s.candidates)]
        part = torch.sigmoid(net(seen(slots)).double())
        net.descend(expected_cost(slots, part), s.learning_rate)
    return lambda slots: network.sigmoid(network.forward(net.layers, seen(slots)))


def by_winners(stream: BinaryOffloading, seed: int) -> Outputs:
    """Train decision-net."""
    net = DecisionNetTraining(stream, SETTINGS, seed)
    training.run(lambda: net, stream, seed, np.zeros(stream.instances))
    return net.outputs


def ratios(outputs: Outputs, slots: BinaryOffloading, optimum: Any) -> tuple[float, float]:
    """Return mean cost over the optimum: of the network's own decisions, and of the best of 7 around them."""
    m, s = outputs(slots), SETTINGS
    many = candidates(m, s.candidates, s.scheme, s.flips, s.own_included, np.random.default_rng(0))
    own = mecopt.allocate(slots, own_decision(m)).objective
    best = mecopt.allocate(slots, many).objective.min(axis=-1)
    return float((own / optimum).mean()), float((best / optimum).mean())


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--slots", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=2)
    given, _ = parser.parse_known_args(arguments)  # a test that runs this file has words of its own
    for preset in ("paper", "heterogeneous"):
        fresh = BinaryOffloading.sample(np.random.default_rng(999), (1000,), preset=preset)
        optimum = mecopt.solve(fresh).objective
        found: dict[str, list[tuple[float, float]]] = {"by gradients": [], "decision-net": []}
        for seed in range(given.seeds):
            stream = BinaryOffloading.sample(np.random.default_rng(seed), (given.slots,), preset=preset)
            found["by gradients"].append(ratios(by_gradients(stream, seed), fresh, optimum))
            found["decision-net"].append(ratios(by_winners(stream, seed), fresh, optimum))
        print(f"{preset}: cost over the optimum on 1,000 fresh slots, after {given.slots} slots; mean, least, most of seeds")
        for name, rows in found.items():
            for which, column in zip(("own decision", "best of 7"), np.array(rows).T, strict=True):
                print(f"  {name:<13} {which:<13} {column.mean():.5f}  {column.min():.5f}  {column.max():.5f}")


if __name__ == "__main__":
    main(sys.argv[1:])
