"""The allocation and dual of binary offloading."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from mecopt.contract.fields import Variables, variable

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class ServerRate(Variables):
    """The server's processing rate for each user; 0 for users that compute locally."""

    server_rate: Array = variable("MB/s", "the server's processing rate for the user; 0 for local users", per="user")


@dataclass(frozen=True, eq=False)
class CapacityPrice(Variables):
    """What one more MB/s of server capacity would save."""

    capacity_price: Array = variable("s^2/MB", "what one more MB/s of server capacity saves", per="instance")
