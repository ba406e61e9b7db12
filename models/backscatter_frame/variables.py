"""The allocation and dual of a backscatter frame."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from mecopt.fields import Variables, variable

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class FrameAllocation(Variables):
    """How each user's slot, work and energy are divided."""

    active_time: Array = variable("s", per="user")
    passive_time: Array = variable("s", per="user")
    active_bits: Array = variable("kbit", per="user")
    passive_bits: Array = variable("kbit", per="user")
    local_bits: Array = variable("kbit", per="user")
    unserved_bits: Array = variable("kbit", per="user")
    spent_energy: Array = variable("mJ", per="user")
    harvested_energy: Array = variable("mJ", per="user")
    kept_energy: Array = variable("mJ", per="user")


@dataclass(frozen=True, eq=False)
class FramePrices(Variables):
    """What a little more would change the cost by: work to do, energy in the battery, capacity of the battery."""

    work_price: Array = variable("mJ/kbit", per="user")
    energy_price: Array = variable("1", per="user")
    capacity_price: Array = variable("1", per="user")
