"""The allocation and dual of offloading at priced power."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from mecopt.contract.fields import Variables, variable

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class TransmitPower(Variables):
    """The power each offloading user transmits with; 0 for local users."""

    transmit_power: Array = variable("W", "power the user sends with; 0 for local users", per="user")


@dataclass(frozen=True, eq=False)
class InterferencePrice(Variables):
    """What one more watt of tolerated interference would save, in seconds of cost."""

    interference_price: Array = variable("s/W", "what one more watt of tolerated interference saves", per="instance")
