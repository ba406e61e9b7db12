r"""The encoder of paper 004 (IV-B): a stacked autoencoder that is trained to give back the channels it was shown.

It sees standardised inputs. Its loss (23) is taken on h, the same numbers mapped to [0, 1], field by field, by their least
and greatest values in the first instances: logarithms of channel gains there, since (23) divides by the best server's and a
standardised input may be 0 or negative. Over N users and M servers

.. math::
    \frac{1}{NM} \sum_{ij} (h_{ij} - \hat h_{ij})^2
    + \frac{\gamma_1}{2} \sum_{ij} \Big(\frac{h_{ij}}{\max_k h_{ik}} - \frac{\hat h_{ij}}{\max_k \hat h_{ik}}\Big)^2
    + \frac{\gamma_2}{2} \|\theta\|^2 .

The first term is a mean, the other two are sums, as printed. With :math:`\gamma_2 = 0.08` the sum over some 8,000 parameters
leaves nothing but the mean of h; the setting `averaged` takes means of all three. The relative term concerns fields per user
and server; other fields have the absolute term alone.

Algorithm 1: inputs whose error exceeds a threshold enter a memory, the oldest leave, and from time to time `encoder_steps`
steps of Adam on it are taken. Only then does the encoder that the network looks through change.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.fields import axes, declared
from mecopt.contract.problem import Problem
from mecopt.learners import network
from mecopt.learners.inputs import LOOKED_AT, Inputs
from mecopt.learners.ojrs.settings import OjrsSettings

Array = NDArray[Any]

LEAST = 0.05
"""Least divisor of the relative term: values of h close to 0, or below, must not let it explode."""


@dataclass(frozen=True, eq=False)
class UnitScale:
    """Maps standardised inputs to h in [0, 1], and knows which of them belong to one user's servers."""

    factor: Array
    shift: Array
    blocks: tuple[tuple[int, int, int], ...]
    """First input, users and servers of every field per user and server."""

    @classmethod
    def fit(cls, inputs: Inputs, stream: Problem) -> UnitScale:
        """Take the range of each field in the first instances."""
        rows = inputs(stream.flat()[:LOOKED_AT]).astype(float)
        entries = rows * inputs.spread + inputs.offset
        factor, shift = np.empty(rows.shape[1]), np.empty(rows.shape[1])
        blocks, first = [], 0
        fields = {f.name: axes(f) for f in declared(type(stream))}
        for name in inputs.names:
            shape = tuple(stream.sizes[axis] for axis in fields[name])
            part = slice(first, first + math.prod(shape))
            least, greatest = entries[:, part].min(), entries[:, part].max()
            extent = greatest - least if greatest > least else 1.0
            factor[part] = np.broadcast_to(inputs.spread, factor.shape)[part] / extent
            shift[part] = (np.broadcast_to(inputs.offset, shift.shape)[part] - least) / extent
            if len(shape) == 2:
                blocks.append((first, *shape))
            first = part.stop
        return cls(factor.astype(np.float32), shift.astype(np.float32), tuple(blocks))

    def __call__(self, rows: Array) -> Array:
        """Return h of standardised inputs."""
        return np.asarray(rows * self.factor + self.shift)


def loss(shown: Any, given: Any, scale: UnitScale, square: Any, parameters: int, settings: OjrsSettings) -> Any:
    """Return (23) of h and its reconstruction, tensors ``(batch, inputs)``; `square` is that of all parameters."""
    total = (shown - given).square().mean()
    if settings.encoder != "2r-sae":
        return total
    for first, users, servers in scale.blocks:
        one, other = (_relative(values[:, first : first + users * servers], servers) for values in (shown, given))
        apart = (one - other).square()
        relative = apart.mean() if settings.averaged else apart.sum() / len(apart)
        total = total + 0.5 * settings.relative_weight * relative
    return total + 0.5 * settings.weight_decay * (square / parameters if settings.averaged else square)


def _relative(values: Any, servers: int) -> Any:
    """Divide the values of each user by the greatest of its servers: ``(batch, users, servers)``."""
    rows = values.reshape(len(values), -1, servers)
    return rows / rows.amax(dim=-1, keepdim=True).clamp(min=LEAST)


def code(layers: network.Layers, rows: Array, activation: str) -> Array:
    """Return what the encoder makes of standardised inputs; numpy alone."""
    return network.ACTIVATIONS[activation](network.forward(layers, rows, activation))


class Autoencoder:
    """Encoder and decoder in training, the memory they learn from, and the encoder as the network sees it.

    Parameters
    ----------
    sizes
        of the encoder's layers, inputs and code among them; the decoder mirrors them.
    """

    def __init__(self, sizes: tuple[int, ...], scale: UnitScale, settings: OjrsSettings, rng: Generator) -> None:
        self.scale, self.settings, self.depth = scale, settings, len(sizes) - 1
        layers = network.initial((*sizes, *sizes[-2::-1]), rng)
        self.network = network.AdamNetwork(layers, settings.encoder_rate, settings.activation)
        self.rows = np.zeros((settings.encoder_memory, sizes[0]), dtype=np.float32)
        self.count = 0
        self.synchronised = self._encoder()

    def _encoder(self) -> network.Layers:
        return [(weight.copy(), offset.copy()) for weight, offset in self.network.layers[: self.depth]]

    def __call__(self, rows: Array) -> Array:
        """Return the code of standardised inputs by the encoder of the last fit."""
        return code(self.synchronised, rows, self.settings.activation)

    def rebuilt(self, rows: Array) -> Array:
        """Return the standardised inputs that the decoder makes of the code."""
        return network.forward(self.network.layers, rows, self.settings.activation)

    def errors(self, rows: Array) -> Array:
        r"""Return :math:`\|h - \hat h\|_1 / \|h\|_1` of each input, ``(instances,)``."""
        shown, given = self.scale(rows), self.scale(self.rebuilt(rows))
        return np.asarray(np.abs(shown - given).sum(axis=-1) / np.maximum(np.abs(shown).sum(axis=-1), LEAST))

    def remember(self, rows: Array) -> None:
        """Take those inputs into the memory whose error exceeds the threshold."""
        new = rows[self.errors(rows) > self.settings.error_threshold][-len(self.rows) :]
        self.rows[(self.count + np.arange(len(new))) % len(self.rows)] = new
        self.count += len(new)

    def fit(self, rng: Generator) -> None:
        """Take the steps of a fit on the memory, and hand the encoder over; nothing happens while the memory is empty."""
        torch = network.torch_or_error()
        filled = min(self.count, len(self.rows))
        factor, shift = torch.from_numpy(self.scale.factor), torch.from_numpy(self.scale.shift)
        for _ in range(self.settings.encoder_steps if filled else 0):
            rows = self.rows[rng.integers(0, filled, min(self.settings.batch, filled))]
            shown, given = torch.from_numpy(rows) * factor + shift, self.network(rows) * factor + shift
            square, parameters = self.network.square(), self.network.parameters()
            value = loss(shown, given, self.scale, square, parameters, self.settings)
            self.network.descend(value, self.settings.encoder_rate)
        self.synchronised = self._encoder()

    def state(self) -> dict[str, Array]:
        """Return weights, moments, memory, and the encoder handed over."""
        trained = {f"encoder_{name}": value for name, value in self.network.state().items()}
        handed = network.as_arrays(self.synchronised, "synchronised_")
        return {**trained, **handed, "encoder_rows": self.rows, "encoder_count": np.array([self.count])}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Go on from a state."""
        prefix = "encoder_"
        self.network.restore({name.removeprefix(prefix): v for name, v in state.items() if name.startswith(prefix)})
        for n, (weight, offset) in enumerate(self.synchronised):
            weight[...], offset[...] = state[f"synchronised_weight_{n}"], state[f"synchronised_offset_{n}"]
        self.rows[...] = state["encoder_rows"]
        self.count = int(state["encoder_count"][0])
