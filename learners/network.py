"""A fully connected network with ReLU, or another function, between its layers: numpy to run it, torch to train it."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.errors import BackendUnavailable, InstanceError
from mecopt.running.concurrency import Rank, new_lock
from mecopt.storage.trained import Trained

Array = NDArray[Any]
Layers = list[tuple[Array, Array]]

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": lambda values: np.maximum(values, 0.0),
    "tanh": lambda values: np.asarray(np.tanh(values)),
    "sigmoid": lambda values: sigmoid(values),
}
"""By the names that torch gives them."""


def initial(sizes: Sequence[int], rng: Generator) -> Layers:
    """Draw weights and offsets uniformly within ``1/sqrt(inputs of the layer)``, single precision (torch's own law)."""
    layers = []
    for fan_in, fan_out in itertools.pairwise(sizes):
        limit = 1.0 / np.sqrt(fan_in)
        weight = rng.uniform(-limit, limit, (fan_out, fan_in)).astype(np.float32)
        layers.append((weight, rng.uniform(-limit, limit, fan_out).astype(np.float32)))
    return layers


def forward(layers: Layers, inputs: Array, activation: str = "relu") -> Array:
    """Return the last layer's values, before any final function, of inputs ``(instances, inputs)``."""
    values = inputs
    for number, (weight, offset) in enumerate(layers):
        values = values @ weight.T + offset
        if number < len(layers) - 1:
            values = ACTIVATIONS[activation](values)
    return values


def sigmoid(values: Array) -> Array:
    """Return ``1 / (1 + exp(-v))`` without overflow."""
    small = np.exp(-np.abs(values))
    return np.asarray(np.where(values >= 0, 1.0, small) / (1.0 + small))


def as_arrays(layers: Layers, prefix: str = "") -> dict[str, Array]:
    """Name the layers' arrays."""
    return {
        f"{prefix}{kind}_{n}": array
        for n, layer in enumerate(layers)
        for kind, array in zip(("weight", "offset"), layer, strict=True)
    }


def from_trained(stored: Trained, sizes: Sequence[int], prefix: str = "") -> Layers:
    """Read the layers of a network of these sizes; other shapes are refused."""
    if not all(isinstance(size, int) and size > 0 for size in sizes):
        raise InstanceError(f"the trained policy is damaged: the sizes of its layers are {list(sizes)}")
    return [
        (stored.array(f"{prefix}weight_{n}", (fan_out, fan_in)), stored.array(f"{prefix}offset_{n}", (fan_out,)))
        for n, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes))
    ]


def torch_or_error() -> Any:
    """Import torch, or say which extra brings it."""
    try:
        import torch
    except ImportError:
        raise BackendUnavailable(
            "training needs torch; install it by: pip install 'mecopt[learn]' (in a clone: '.[learn]')"
        ) from None
    return torch


@dataclass
class _Alone:
    """Who asked that torch use one thread, and how many it used before."""

    inside: int = 0
    before: int = 1
    lock: Any = field(default_factory=partial(new_lock, Rank.BRIEF))


_alone = _Alone()


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread: small networks gain nothing from more, and sums keep their order.

    Of several threads that train at once the last one gives torch its threads back.
    """
    torch = torch_or_error()
    with _alone.lock:
        if not _alone.inside:
            _alone.before = torch.get_num_threads()
        _alone.inside += 1
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _alone.lock:
            _alone.inside -= 1
            if not _alone.inside:
                torch.set_num_threads(_alone.before)


class AdamNetwork:
    """A network in training by Adam; `layers` shares memory with torch, so numpy always runs the current weights."""

    def __init__(self, layers: Layers, learning_rate: float, activation: str = "relu") -> None:
        torch = torch_or_error()
        self.activation = activation
        self.layers = [(weight.copy(), offset.copy()) for weight, offset in layers]
        self.tensors = [torch.from_numpy(array).requires_grad_() for layer in self.layers for array in layer]
        self.optimiser = torch.optim.Adam(self.tensors, lr=learning_rate)

    def __call__(self, inputs: Array) -> Any:
        """Return torch's last values of these inputs, with gradients."""
        torch = torch_or_error()
        values = torch.from_numpy(np.ascontiguousarray(inputs))
        pairs = zip(self.tensors[::2], self.tensors[1::2], strict=True)
        for number, (weight, offset) in enumerate(pairs):
            values = torch.nn.functional.linear(values, weight, offset)
            if number < len(self.layers) - 1:
                values = getattr(torch, self.activation)(values)
        return values

    def descend(self, loss: Any, learning_rate: float) -> float:
        """Take one step of Adam; return the loss before it.

        Raises
        ------
        InstanceError
            where the loss is no longer finite: the settings make the training diverge.
        """
        before = float(loss.detach())
        if not np.isfinite(before):
            raise InstanceError(f"the loss became {before}: training diverged; try smaller rates and weights of its terms")
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        return before

    def square(self) -> Any:
        """Return the sum of squares of all parameters, with gradients."""
        return sum(tensor.square().sum() for tensor in self.tensors)

    def parameters(self) -> int:
        """Return how many numbers there are to learn."""
        return sum(array.size for layer in self.layers for array in layer)

    def state(self) -> dict[str, Array]:
        """Return weights and Adam's moments."""
        found = as_arrays([(w.copy(), b.copy()) for w, b in self.layers])
        for n, tensor in enumerate(self.tensors):
            moments = self.optimiser.state.get(tensor)
            if moments:
                found |= {f"adam_{n}_{key}": value.numpy().copy() for key, value in moments.items()}
        return found

    def restore(self, state: Mapping[str, Array]) -> None:
        """Take weights and moments from a state."""
        torch = torch_or_error()
        for n, (weight, offset) in enumerate(self.layers):
            weight[...], offset[...] = state[f"weight_{n}"], state[f"offset_{n}"]
        for n, tensor in enumerate(self.tensors):
            prefix = f"adam_{n}_"
            moments = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
            if moments:
                self.optimiser.state[tensor] = {key: torch.from_numpy(np.array(value)) for key, value in moments.items()}
