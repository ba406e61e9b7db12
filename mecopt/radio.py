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
