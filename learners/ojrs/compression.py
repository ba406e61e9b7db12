r"""What an encoder keeps of channel states: the paper's accuracy, and measures that tell it from knowing the mean alone.

Paper 004 reports the accuracy of reconstruction, 92.7 %, and does not define it. Here it is
:math:`1 - \|h - \hat h\|_1 / \|h\|_1` on the channel feature z = (log10 of the signal-to-noise ratio + 2) / 6. A constant,
the mean, then scores 90 % already and the linear projection on as many principal components 93 %. Beside it stand

- the part of the variance explained, :math:`1 - \mathrm{MSE}/\mathrm{Var}`, 0 for the mean,
- how often a user's best server is still its best: what a decision needs most.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def channel_feature(signal_to_noise: Array) -> Array:
    """Return z of signal-to-noise ratios (linear): 0 at -20 dB, 1 at 40 dB."""
    return np.asarray((np.log10(signal_to_noise) + 2.0) / 6.0)


@dataclass(frozen=True)
class Kept:
    """What is left of channel states after compression, means over instances."""

    accuracy: float
    explained: float
    best_server: float

    @classmethod
    def of(cls, shown: Array, given: Array, servers: int) -> Kept:
        """Measure reconstructions of features ``(instances, users servers)``, the servers of a user side by side."""
        off = np.abs(shown - given).sum(axis=-1) / np.abs(shown).sum(axis=-1)
        variance = shown.var(axis=0).mean()
        best, still = (values.reshape(len(values), -1, servers).argmax(axis=-1) for values in (shown, given))
        explained = 1.0 - np.square(shown - given).mean() / variance
        return cls(float(1.0 - off.mean()), float(explained), float((best == still).mean()))


def by_mean(seen: Array, shown: Array) -> Array:
    """Reconstruct features by the mean of those seen before."""
    return np.broadcast_to(seen.mean(axis=0), shown.shape)


def by_components(seen: Array, shown: Array, size: int) -> Array:
    """Reconstruct features by the `size` principal components of those seen before: the best linear code."""
    mean = seen.mean(axis=0)
    _, _, axes = np.linalg.svd(seen - mean, full_matrices=False)
    kept = axes[:size]
    return np.asarray(mean + (shown - mean) @ kept.T @ kept)
