"""The allocation and the claim of a hybrid slot."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from mecopt.contract.fields import Variables, variable

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class SlotAllocation(Variables):
    """How each user's slot and workload are divided; a user who skips harvests all of it."""

    harvest_time: Array = variable("s", "time in which the user harvests", per="user")
    active_time: Array = variable("s", "time that is the radio's", per="user")
    sending_time: Array = variable("s", "part of it in which the radio is on", per="user")
    passive_time: Array = variable("s", "time that is the backscatter's", per="user")
    local_time: Array = variable("s", "time in which the processor computes, beside all others", per="user")
    active_bits: Array = variable("kbit", "work sent by the radio", per="user")
    passive_bits: Array = variable("kbit", "work sent by backscatter", per="user")
    local_bits: Array = variable("kbit", "work computed by the user", per="user")


@dataclass(frozen=True, eq=False)
class RewardCeiling(Variables):
    """What is claimed that no allocation of a user's slot earns more than; the bound checks it."""

    ceiling: Array = variable("kbit/nJ", "claimed upper bound on the user's reward", per="user")
