"""Slots of users who harvest, send by radio or by backscatter, and compute (paper 000)."""

from mecopt.models.hybrid_slot.problem import HybridSlot
from mecopt.models.hybrid_slot.variables import RewardCeiling, SlotAllocation

__all__ = ["HybridSlot", "RewardCeiling", "SlotAllocation"]
