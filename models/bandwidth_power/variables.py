"""The allocation and dual of joint bandwidth and power."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from mecopt.contract.fields import Variables, variable

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Transmission(Variables):
    """On which part of the band, and with which power, each offloading user sends."""

    band: Array = variable("Hz", "part of the band that the user has; 0 for local users", per="user")
    power: Array = variable("W", "power the user sends with; 0 for local users", per="user")


@dataclass(frozen=True, eq=False)
class BandwidthPrice(Variables):
    """What one more hertz would take off the weighted latency."""

    bandwidth_price: Array = variable("s/Hz", "what one more hertz takes off the weighted latency", per="instance")
