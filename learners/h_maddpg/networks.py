r"""Networks of several agents side by side: every array has a leading axis of agents, and no agent touches another's part.

With the logistic function :math:`\sigma` and an activation :math:`f`, as in Table I of paper 001,

.. math::
    \mu_k(s) = \sigma\big(W_3 f(W_2 f(W_1 s + b_1) + b_2) + b_3\big), \qquad
    Q_k(s, a) = v^\top \max(0, W_s s + W_a a + b) + c .

All numbers of a kind of network lie in one vector, which numpy and torch share: numpy runs the current weights, Adam and the
target networks move a single tensor.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.learners.network import ACTIVATIONS, sigmoid, torch_or_error

Array = NDArray[Any]


def actor_shapes(agents: int, widths: Sequence[int]) -> list[tuple[int, ...]]:
    """Return the shapes of weights and offsets by turns, for layers of these widths."""
    pairs = itertools.pairwise(widths)
    return [shape for into, out in pairs for shape in ((agents, into, out), (agents, 1, out))]


def initial_actors(agents: int, widths: Sequence[int], rng: Generator) -> list[Array]:
    """Draw weights and offsets by turns."""
    shapes = actor_shapes(agents, widths)
    return [_drawn(shape, into, rng) for shape, into in zip(shapes, np.repeat(widths[:-1], 2), strict=True)]


def initial_critics(agents: int, inputs: int, numbers: int, hidden: int, rng: Generator) -> list[Array]:
    """Draw W_s, W_a, b, v and c."""
    return [
        _drawn((agents, inputs, hidden), inputs, rng),
        _drawn((agents, numbers, hidden), numbers, rng),
        _drawn((agents, 1, hidden), inputs, rng),
        _drawn((agents, hidden, 1), hidden, rng),
        _drawn((agents, 1, 1), hidden, rng),
    ]


def _drawn(shape: tuple[int, ...], inputs: int, rng: Generator) -> Array:
    """Draw uniformly within ``1/sqrt(inputs of the layer)``: torch's own law."""
    limit = 1.0 / math.sqrt(inputs)
    return rng.uniform(-limit, limit, shape).astype(np.float32)


def act(layers: Sequence[Array], seen: Array, activation: str) -> Array:
    """Return the agents' actions on numpy, of what they see ``(..., agents, inputs)``: ``(..., agents, numbers)``."""
    values = seen[..., None, :]
    for weight, offset in zip(layers[:-2:2], layers[1:-2:2], strict=True):
        values = ACTIVATIONS[activation](values @ weight + offset)
    return sigmoid(values @ layers[-2] + layers[-1])[..., 0, :]


def actions(layers: Sequence[Any], seen: Any, activation: str) -> Any:
    """Return the agents' actions on torch, of what they see ``(agents, rows, inputs)``: ``(agents, rows, numbers)``."""
    torch = torch_or_error()
    values = seen
    for number in range(0, len(layers) - 2, 2):
        values = getattr(torch, activation)(torch.baddbmm(layers[number + 1], values, layers[number]))
    return torch.sigmoid(torch.baddbmm(layers[-1], values, layers[-2]))


def values(layers: Sequence[Any], seen: Any, action: Any) -> Any:
    """Return what the critics say on torch, of ``(agents, rows, inputs)`` and ``(agents, rows, numbers)``: all rows."""
    torch = torch_or_error()
    by_seen, by_action, offset, last, constant = layers
    hidden = torch.relu(torch.baddbmm(torch.baddbmm(offset, seen, by_seen), action, by_action))
    return torch.baddbmm(constant, hidden, last)[..., 0]


class Networks:
    """Networks in training by Adam, and their targets, which follow slowly."""

    def __init__(self, arrays: Sequence[Array], learning_rate: float) -> None:
        torch = torch_or_error()
        self.shapes = tuple(array.shape for array in arrays)
        self.sizes = [array.size for array in arrays]
        self.vector = torch.from_numpy(np.concatenate([array.ravel() for array in arrays])).requires_grad_()
        self.target = self.vector.detach().clone()
        self.optimiser = torch.optim.Adam([self.vector], lr=learning_rate, foreach=False)

    def layers(self, vector: Any) -> list[Any]:
        """Return the arrays that lie in a vector: that of the networks, their target, or either without gradients."""
        return [part.view(shape) for part, shape in zip(vector.split(self.sizes), self.shapes, strict=True)]

    @property
    def arrays(self) -> list[Array]:
        """The current weights, for numpy; not a copy."""
        return [part.numpy() for part in self.layers(self.vector.detach())]

    def descend(self, loss: Any, name: str) -> float:
        """Take one step of Adam; return the loss before it.

        Raises
        ------
        InstanceError
            where the loss is no longer finite: the settings make the training diverge.
        """
        torch = torch_or_error()
        before = float(loss.detach())
        if not math.isfinite(before):
            raise InstanceError(f"the loss of the {name} became {before}: training diverged; try smaller rates")
        (self.vector.grad,) = torch.autograd.grad(loss, self.vector)
        self.optimiser.step()
        return before

    def follow(self, smoothing: float) -> None:
        """Move the targets a part of the way to the networks."""
        self.target.lerp_(self.vector.detach(), smoothing)

    def state(self) -> dict[str, Array]:
        """Return weights, targets and Adam's moments."""
        moments = self.optimiser.state.get(self.vector) or {}
        found = {"vector": self.vector.detach().numpy().copy(), "target": self.target.numpy().copy()}
        return found | {f"adam_{key}": value.numpy().copy() for key, value in moments.items()}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Take weights, targets and moments from a state."""
        torch = torch_or_error()
        with torch.no_grad():
            self.vector.copy_(torch.from_numpy(np.array(state["vector"])))
        self.target.copy_(torch.from_numpy(np.array(state["target"])))
        moments = {key.removeprefix("adam_"): value for key, value in state.items() if key.startswith("adam_")}
        if moments:
            self.optimiser.state[self.vector] = {k: torch.from_numpy(np.array(v)) for k, v in moments.items()}
