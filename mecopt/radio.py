"""Radio: path loss and fading, on arrays, in linear units unless a name says otherwise."""

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

LIGHT_SPEED = 3e8
"""Metres per second, rounded as the papers do, so that their instances are reproduced."""


def path_gain(distance: ArrayLike, frequency: float, exponent: float, antenna_gain: float = 1.0) -> NDArray[np.float64]:
    """Return the average power gain ``G (c / (4 pi f d))^n``.

    Parameters
    ----------
    distance
        in metres.
    frequency
        carrier frequency in Hz.
    exponent
        path-loss exponent; 2 is free space.
    antenna_gain
        product of the antenna gains.

    Examples
    --------
    >>> float(path_gain(1.0, 3e8 / (4 * np.pi), 2.0))
    1.0
    """
    distances = np.asarray(distance, dtype=float)
    return np.asarray(antenna_gain * (LIGHT_SPEED / (4.0 * np.pi * frequency * distances)) ** exponent)


def rayleigh_power(rng: Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Draw the power gain of Rayleigh fading: exponential with mean 1."""
    return rng.exponential(1.0, shape)


def reference_gain(distance: ArrayLike, gain: float, exponent: float = 2.0, closest: float = 1.0) -> NDArray[np.float64]:
    """Return the average power gain ``gain / max(d, closest)^n``, where `gain` is that at 1 m.

    Parameters
    ----------
    distance
        in metres.
    gain
        power gain at a distance of 1 m.
    exponent
        path-loss exponent; 2 is free space.
    closest
        distance in metres below which the law no longer holds and the gain grows no more.

    Examples
    --------
    >>> reference_gain([0.1, 1.0, 10.0], 1e-3).tolist()
    [0.001, 0.001, 1e-05]
    """
    return np.asarray(gain / np.maximum(np.asarray(distance, dtype=float), closest) ** exponent)


def rayleigh_amplitude(rng: Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Draw the amplitude of Rayleigh fading whose power gain has mean 1."""
    return rng.rayleigh(np.sqrt(0.5), shape)
