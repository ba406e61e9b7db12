"""The allocation and dual of a backscatter frame."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from mecopt.contract.fields import Variables, variable

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class FrameAllocation(Variables):
    """How each user's slot, work and energy are divided."""

    active_time: Array = variable("s", "time in which the user sends by itself, with the carrier off", per="user")
    passive_time: Array = variable("s", "time in which the user reflects the carrier, and the others harvest it", per="user")
    active_bits: Array = variable("kbit", "work that the user sends by itself", per="user")
    passive_bits: Array = variable("kbit", "work that the user sends by reflecting the carrier", per="user")
    local_bits: Array = variable("kbit", "work that the user computes", per="user")
    unserved_bits: Array = variable("kbit", "work that nobody computes", per="user")
    spent_energy: Array = variable("mJ", "energy that the user spends on sending and computing", per="user")
    harvested_energy: Array = variable("mJ", "energy that the user harvests in the others' slots", per="user")
    kept_energy: Array = variable("mJ", "energy left in the battery as the frame ends", per="user")


@dataclass(frozen=True, eq=False)
class FramePrices(Variables):
    """What a little more would change the cost by: work to do, energy in the battery, capacity of the battery."""

    work_price: Array = variable("mJ/kbit", "what one more kbit of work costs", per="user")
    energy_price: Array = variable("1", "what one more mJ in the battery saves", per="user")
    capacity_price: Array = variable("1", "what one more mJ of the battery's capacity saves", per="user")
