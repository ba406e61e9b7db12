"""The allocation and dual of computation-rate maximisation."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from mecopt.contract.fields import Variables, variable

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class FrameTimes(Variables):
    """How the frame is shared: the access point's broadcast, then each offloading user's own fraction."""

    harvest_time: Array = variable("of the frame", "the broadcast, in which all users harvest", per="instance")
    offload_time: Array = variable("of the frame", "the part in which the user sends; 0 for local users", per="user")


@dataclass(frozen=True, eq=False)
class TimePrice(Variables):
    """What more time to harvest and send would add to the rate, per frame length; the CPUs run as long as before."""

    time_price: Array = variable("bit/s", "what more time to harvest and send adds to the rate", per="instance")
