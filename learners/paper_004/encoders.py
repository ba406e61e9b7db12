r"""Figures 3 to 6 and the accuracies of table III: encoders trained by themselves, beside the mean and linear components.

The paper does not say what an episode is. Figure 3 and the tables take one pass over the training slots, 8 steps of Adam on
128 of 1,024; for figure 4 it is a single update, too, as in algorithm 1, which has 500 of them.

Everything is measured on the channel feature z of `mecopt.learners.ojrs.compression`, a logarithm from -20 dB to 40 dB of
signal-to-noise ratio. The paper's h, on whose scale its losses and accuracies stand, is not given; accuracies are measured
on that of (23), too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.learners.inputs import LOOKED_AT, Inputs
from mecopt.learners.network import one_thread
from mecopt.learners.ojrs.autoencoder import LEAST, Autoencoder, UnitScale
from mecopt.learners.ojrs.compression import Kept, by_components, by_mean, channel_feature
from mecopt.learners.ojrs.settings import OjrsSettings
from mecopt.learners.paper_004.trainings import ACTIVATIONS, SERVERS, STEADY, WALKING, stream
from mecopt.models.multi_server_offloading import MultiServerOffloading

Array = NDArray[Any]

TRAINING, TESTING = 1024, 1024
PLENTY, PLENTY_EPISODES = 8192, 50
"""Slots that are enough to learn from, and passes over them; the paper does not say how many it had."""
EPISODES, QUICK_EPISODES = 200, 20
"""Passes over the training slots."""
SELDOM = 4
"""Parts of a training in which losses are looked at, where they are not told along it."""
UPDATES, QUICK_UPDATES = 500, 50
"""Single updates: T_SAE of algorithm 1."""

SUMS, MEANS = "sums as printed", "means"
"""How (23) is read."""
AE, SAE = "AE 60-30", "SAE 60-45-30"
PRINTED, AVERAGED = f"2r-SAE, {SUMS}", f"2r-SAE, {MEANS}"
RELATED = {of: f"SAE and the relative term, {of}" for of in (SUMS, MEANS)}
REGULARISED = {of: f"SAE and the L2 term, {of}" for of in (SUMS, MEANS)}
ENCODERS: dict[str, dict[str, Any]] = {
    AE: {"encoder": "ae"},
    SAE: {"encoder": "sae"},
    **{f"2r-SAE, {of}": {"encoder": "2r-sae", "averaged": of == MEANS} for of in (SUMS, MEANS)},
    **{RELATED[of]: {"encoder": "2r-sae", "averaged": of == MEANS, "weight_decay": 0.0} for of in (SUMS, MEANS)},
    **{REGULARISED[of]: {"encoder": "2r-sae", "averaged": of == MEANS, "relative_weight": 0.0} for of in (SUMS, MEANS)},
}
"""The encoders of figures 3 to 6, and each term of (23) that the paper adds alone."""
SHOWN = (AE, SAE, PRINTED, AVERAGED)
"""Encoders of the paper's figures, whose losses are looked at after each episode."""
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
    relative: float
    """Mean size in testing of what the relative term of (23) squares: how far ratios between a user's servers are off."""
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


def ratios(values: Array, servers: int) -> Array:
    """Divide what each user has of h by its greatest, ``(slots, users, servers)``."""
    rows = values.reshape(len(values), -1, servers)
    return np.asarray(rows / np.maximum(rows.max(axis=-1, keepdims=True), LEAST))


def reconstruction(
    pairs: Sequence[tuple[Array, Array]], servers: int, losses: Sequence[Any] = (), accuracy: Sequence[float] = ()
) -> Reconstruction:
    """Measure what is given for what was shown, in training and testing."""
    training, testing = (Kept.of(shown, given, servers) for shown, given in pairs)
    seen = pairs[0][0]
    mapped = [unit(seen, values) for values in pairs[1]]
    one, other = (ratios(values, servers) for values in mapped)
    first, second = (shares(np.abs(shown - given)) for shown, given in pairs)
    columns = np.array(losses).reshape(-1, 2).T
    return Reconstruction(
        training,
        testing,
        Kept.of(mapped[0], mapped[1], servers).accuracy,
        float(np.abs(one - other).mean()),
        (first, second),
        (columns[0], columns[1]),
        np.array(accuracy),
    )


def features(problem: MultiServerOffloading, gain: Array) -> Array:
    """Return z of channel gains ``(slots, users, servers)``: ``(slots, users servers)``."""
    ratio = problem.max_power[..., None] / problem.noise_power[..., None, :]
    return channel_feature(ratio * gain).reshape(problem.instances, -1)


def untrained(seed: int, servers: int, law: str = STEADY) -> dict[str, Reconstruction]:
    """Measure the mean and the best linear code of as many numbers."""
    problem = stream(law, seed, TRAINING + TESTING, servers)
    shown = features(problem, problem.channel_gain)
    parts = shown[:TRAINING], shown[TRAINING:]
    code = OjrsSettings().code
    ways = {
        MEAN: [(part, by_mean(parts[0], part)) for part in parts],
        COMPONENTS: [(part, by_components(parts[0], part, code)) for part in parts],
    }
    return {name: reconstruction(pairs, servers) for name, pairs in ways.items()}


def trained(
    name: str,
    seed: int,
    servers: int = SERVERS,
    episodes: int = EPISODES,
    steps: int | None = None,
    training: int = TRAINING,
    activation: str = ACTIVATIONS[0],
    law: str = STEADY,
) -> Reconstruction:
    """Train one of `ENCODERS` on so many slots; needs more inputs than the code has numbers.

    An episode has so many steps of Adam; by default those of a pass over the training.
    """
    settings = OjrsSettings(**ENCODERS[name], error_threshold=0.0, encoder_memory=training, activation=activation)
    settings = dataclasses.replace(settings, encoder_steps=training // settings.batch if steps is None else steps)
    problem = stream(law, seed, training + TESTING, servers)
    inputs = Inputs.fit(problem[:training], ("channel_gain",), "log")
    rows, shown = inputs(problem), features(problem, problem.channel_gain)
    sizes = settings.encoder_sizes(rows.shape[1])
    if sizes is None:
        raise ValueError(f"{servers} servers give no more inputs than the code has numbers: nothing to compress")
    losses, accuracy = [], []
    with one_thread():
        rng = np.random.default_rng((seed, 6, 4))
        encoder = Autoencoder(sizes, UnitScale.fit(inputs, problem), settings, rng)
        encoder.remember(rows[:training])
        for _ in range(episodes):
            encoder.fit(rng)
            given = rebuilt(encoder, inputs, problem)
            pairs = [(shown[:training], given[:training]), (shown[training:], given[training:])]
            losses.append([np.square(one - other).mean() for one, other in pairs])
            accuracy.append(Kept.of(*pairs[1], servers).accuracy)
    return reconstruction(pairs, servers, losses, accuracy)


def rebuilt(encoder: Autoencoder, inputs: Inputs, problem: MultiServerOffloading) -> Array:
    """Return the features that encoder and decoder make of slots."""
    gain = np.exp(encoder.rebuilt(inputs(problem)) * inputs.spread + inputs.offset)
    return features(problem, gain.reshape(problem.channel_gain.shape))


REFITTED, ONCE = "incremental", "offline stage alone"


def tracked(name: str, seed: int, slots: int) -> dict[str, Reconstruction]:
    """Return what is left of channels while users walk, over the last tenth: with incremental learning and without.

    Both encoders are fitted to the first tenth; one of them goes on at the end of each further tenth, see Algorithm 1, so
    what it is measured on it has not seen; the other one takes as many fits, all to the first tenth.
    """
    problem, tenth = stream(WALKING, seed, slots), slots // 10
    settings = OjrsSettings(**ENCODERS[name])
    inputs = Inputs.fit(problem[:tenth], ("channel_gain",), "log")
    sizes = settings.encoder_sizes(inputs.size(problem))
    assert sizes is not None
    scale, last, found = UnitScale.fit(inputs, problem), problem[-tenth:], {}
    with one_thread():
        for how, on in ((ONCE, 0), (REFITTED, tenth)):
            rng = np.random.default_rng((seed, 13, 4))
            encoder = Autoencoder(sizes, scale, settings, rng)
            for begin in range(0, 9 * tenth, tenth):
                if on or not begin:
                    encoder.remember(inputs(problem[begin : begin + tenth]))
                encoder.fit(rng)
            parts = (problem[:tenth], last)
            pairs = [(features(one, one.channel_gain), rebuilt(encoder, inputs, one)) for one in parts]
            found[how] = reconstruction(pairs, SERVERS)
    return found
