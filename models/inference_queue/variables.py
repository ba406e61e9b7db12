"""The allocation and the price of a block."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from mecopt.contract.fields import Variables, variable

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class TaskAllocation(Variables):
    """How the work that leaves each queue is divided; all slots of a block are alike."""

    local_work: Array = variable("1", "work computed by the device in the block, in tasks", per="user")
    offloaded: Array = variable("1", "part of one task that the server gets at the end of the block", per="user")
    transmit_power: Array = variable("W", "power in the slot that offloads it", per="user")
    cpu_rate: Array = variable("cycle/s", "speed of the device's processor in each slot of the block", per="user")
    server_work: Array = variable("1", "work processed by the server in the block, in its tasks", per="instance")
    server_rate: Array = variable("cycle/s", "speed of the server in each slot of the block", per="instance")


@dataclass(frozen=True, eq=False)
class WorkPrice(Variables):
    """What a task more would cost that leaves the queue; any number bounds from below."""

    work_price: Array = variable("1", "price of the work that leaves, per task", per="user")
