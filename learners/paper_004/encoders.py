r"""Figures 3 to 6 and the accuracies of table III: encoders trained by themselves, beside the mean and linear components.

The paper does not say what an episode is. Figure 3 and the tables take one pass over the training slots, 8 steps of Adam on
128 of 1,024; for figure 4 it is a single update, too, as in algorithm 1, which has 500 of them.

Everything is measured on the channel feature z of `mecopt.learners.ojrs.compression`, a logarithm from -20 dB to 40 dB of
signal-to-noise ratio. The paper's h, on whose scale its losses and accuracies stand, is not given; accuracies are measured
on that of (23), too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.learners.inputs import LOOKED_AT, Inputs
from mecopt.learners.network import one_thread
from mecopt.learners.ojrs.autoencoder import Autoencoder, UnitScale
from mecopt.learners.ojrs.compression import Kept, by_components, by_mean, channel_feature
from mecopt.learners.ojrs.settings import OjrsSettings
from mecopt.learners.paper_004.trainings import SERVERS, STEADY, stream
from mecopt.models.multi_server_offloading import MultiServerOffloading

Array = NDArray[Any]

TRAINING, TESTING = 1024, 1024
EPISODES, QUICK_EPISODES = 200, 20
"""Passes over the training slots."""
UPDATES, QUICK_UPDATES = 500, 50
"""Single updates: T_SAE of algorithm 1."""

AE, SAE, PRINTED, AVERAGED = "AE 60-30", "SAE 60-45-30", "2r-SAE, sums as printed", "2r-SAE, means"
ENCODERS: dict[str, dict[str, Any]] = {
    AE: {"encoder": "ae"},
    SAE: {"encoder": "sae"},
    PRINTED: {"encoder": "2r-sae", "averaged": False},
    AVERAGED: {"encoder": "2r-sae", "averaged": True},
}
MEAN, COMPONENTS = "mean of the training", "30 principal components"

BARS = np.linspace(0.0, 0.3, 13)
"""Edges of the bars of figures 5 and 6, in z."""


@dataclass(frozen=True)
class Reconstruction:
    """What one way of compressing left of channels, in training and testing."""

    training: Kept
    testing: Kept
    accuracy_unit_scale: float
    """Accuracy in testing if the feature is mapped to [0, 1] as (23) has it: an affine scale changes an accuracy."""
    errors: tuple[Array, Array]
    """Shares of the absolute errors in training and testing that fall into `BARS`; the last one takes what is beyond."""
    losses: tuple[Array, Array]
    """Mean squared error after each episode, in training and testing; empty for what is not trained."""
    accuracy: Array
    """Accuracy in testing after each episode."""


def shares(errors: Array) -> Array:
    """Return the share of errors in each of `BARS`."""
    return np.histogram(np.minimum(errors, BARS[-1]), BARS)[0] / errors.size


def unit(seen: Array, feature: Array) -> Array:
    """Map features to h of (23): 0 and 1 are the least and the greatest one in the first slots seen."""
    least, greatest = seen[:LOOKED_AT].min(), seen[:LOOKED_AT].max()
    return np.asarray((feature - least) / (greatest - least))


def reconstruction(
    pairs: Sequence[tuple[Array, Array]], servers: int, losses: Sequence[Any] = (), accuracy: Sequence[float] = ()
) -> Reconstruction:
    """Measure what is given for what was shown, in training and testing."""
    training, testing = (Kept.of(shown, given, servers) for shown, given in pairs)
    seen = pairs[0][0]
    scaled = Kept.of(unit(seen, pairs[1][0]), unit(seen, pairs[1][1]), servers).accuracy
    first, second = (shares(np.abs(shown - given)) for shown, given in pairs)
    columns = np.array(losses).reshape(-1, 2).T
    return Reconstruction(training, testing, scaled, (first, second), (columns[0], columns[1]), np.array(accuracy))


def features(problem: MultiServerOffloading, gain: Array) -> Array:
    """Return z of channel gains ``(slots, users, servers)``: ``(slots, users servers)``."""
    ratio = problem.max_power[..., None] / problem.noise_power[..., None, :]
    return channel_feature(ratio * gain).reshape(problem.instances, -1)


def untrained(seed: int, servers: int) -> dict[str, Reconstruction]:
    """Measure the mean and the best linear code of as many numbers."""
    problem = stream(STEADY, seed, TRAINING + TESTING, servers)
    shown = features(problem, problem.channel_gain)
    parts = shown[:TRAINING], shown[TRAINING:]
    code = OjrsSettings().code
    ways = {
        MEAN: [(part, by_mean(parts[0], part)) for part in parts],
        COMPONENTS: [(part, by_components(parts[0], part, code)) for part in parts],
    }
    return {name: reconstruction(pairs, servers) for name, pairs in ways.items()}


def trained(
    name: str, seed: int, servers: int = SERVERS, episodes: int = EPISODES, steps: int = TRAINING // OjrsSettings().batch
) -> Reconstruction:
    """Train one of `ENCODERS`, so many steps of Adam an episode; needs more inputs than the code has numbers."""
    settings = OjrsSettings(**ENCODERS[name], error_threshold=0.0, encoder_memory=TRAINING, encoder_steps=steps)
    problem = stream(STEADY, seed, TRAINING + TESTING, servers)
    inputs = Inputs.fit(problem[:TRAINING], ("channel_gain",), "log")
    rows, shown = inputs(problem), features(problem, problem.channel_gain)
    sizes = settings.encoder_sizes(rows.shape[1])
    if sizes is None:
        raise ValueError(f"{servers} servers give no more inputs than the code has numbers: nothing to compress")
    losses, accuracy = [], []
    with one_thread():
        rng = np.random.default_rng((seed, 6, 4))
        encoder = Autoencoder(sizes, UnitScale.fit(inputs, problem), settings, rng)
        encoder.remember(rows[:TRAINING])
        for _ in range(episodes):
            encoder.fit(rng)
            gain = np.exp(encoder.rebuilt(rows) * inputs.spread + inputs.offset)
            given = features(problem, gain.reshape(problem.channel_gain.shape))
            pairs = [(shown[:TRAINING], given[:TRAINING]), (shown[TRAINING:], given[TRAINING:])]
            losses.append([np.square(one - other).mean() for one, other in pairs])
            accuracy.append(Kept.of(*pairs[1], servers).accuracy)
    return reconstruction(pairs, servers, losses, accuracy)
