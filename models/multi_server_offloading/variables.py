"""The allocation and dual of offloading to many servers."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from mecopt.contract.fields import Variables, variable

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class SpeedAndPower(Variables):
    """A server's speed for each user and the user's transmit power, both 0 for local users, and the task's latency."""

    server_speed: Array = variable("cycle/s", "the chosen server's speed for the user; 0 for local users", per="user")
    transmit_power: Array = variable("W", "power the user sends with; 0 for local users", per="user")
    latency: Array = variable("s", "how long the user's task takes", per="user")


@dataclass(frozen=True, eq=False)
class ServerPrices(Variables):
    """What one more cycle/s of a server's speed would save, and what one more place on it would."""

    speed_price: Array = variable("s^2/cycle", "what one more cycle/s of the server's speed saves", per="server")
    place_price: Array = variable("s", "what one more place on the server saves", per="server")
