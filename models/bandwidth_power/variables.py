"""The allocation and dual of joint bandwidth and power."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from mecopt.fields import Variables, variable

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Transmission(Variables):
    """On which part of the band, and with which power, each offloading user sends."""

    band: Array = variable("Hz", per="user")
    power: Array = variable("W", per="user")


@dataclass(frozen=True, eq=False)
class BandwidthPrice(Variables):
    """What one more hertz would take off the weighted latency."""

    bandwidth_price: Array = variable("s/Hz", per="instance")
