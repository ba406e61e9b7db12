"""Offloading with priced and limited energy under shared interference (a generalisation of paper 004)."""

from mecopt.models.priced_power.problem import PricedPower
from mecopt.models.priced_power.variables import InterferencePrice, TransmitPower

__all__ = ["InterferencePrice", "PricedPower", "TransmitPower"]
