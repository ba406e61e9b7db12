"""The allocation and dual of offloading to many servers."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from mecopt.fields import Variables, variable

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class SpeedAndPower(Variables):
    """A server's speed for each user and the user's transmit power, both 0 for local users, and the task's latency."""

    server_speed: Array = variable("cycle/s", per="user")
    transmit_power: Array = variable("W", per="user")
    latency: Array = variable("s", per="user")


@dataclass(frozen=True, eq=False)
class ServerPrices(Variables):
    """What one more cycle/s of a server's speed would save, and what one more place on it would."""

    speed_price: Array = variable("s^2/cycle", per="server")
    place_price: Array = variable("s", per="server")
