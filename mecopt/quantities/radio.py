"""Radio: path loss and fading, on arrays, in linear units unless a name says otherwise; and what physics rules out."""

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from mecopt.quantities.doubts import Plausible

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


def _gain_meant(entry: float) -> str:
    level = 10.0 * np.log10(entry)
    written = f", or '{-entry:g} dB' where {entry:g} was in decibels" if entry <= 300.0 else ""
    return f"a path loss is a gain below 0 dB: '{-level:.4g} dB'{written}"


def _part_meant(entry: float) -> str:
    return f"if it is in percent, write '{entry:g} %'" if entry <= 100.0 else ""


POWER_GAIN = Plausible("a power gain above 1: more power would arrive than is sent", most=1.0, meant=_gain_meant)
"""Of a channel whose noise is given beside it."""

AMPLITUDE_GAIN = Plausible("an amplitude gain above 1: more power would arrive than is sent", most=1.0)

PART = Plausible("a part above 1: more would be harvested than is received", most=1.0, meant=_part_meant)

THERMAL_NOISE = 1.380649e-23
"""Thermal noise power per hertz at one kelvin, in J, below that of any receiver; at 290 K it is -174 dBm/Hz."""

THERMAL_DENSITY = Plausible(
    f"less than the thermal noise of anything warmer than 1 K ({THERMAL_NOISE:.3g} J, that is W/Hz)", least=THERMAL_NOISE
)

THERMAL_POWER = Plausible(
    f"over the bandwidth less than the thermal noise of anything warmer than 1 K ({THERMAL_NOISE:.3g} W/Hz); "
    "noise per hertz has to be multiplied by the bandwidth",
    least=THERMAL_NOISE,
    over="bandwidth",
)
