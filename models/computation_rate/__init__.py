"""Computation-rate maximisation in wireless-powered edge computing (reference [9] of paper 003)."""

from mecopt.models.computation_rate.problem import ComputationRate
from mecopt.models.computation_rate.variables import FrameTimes, TimePrice

__all__ = ["ComputationRate", "FrameTimes", "TimePrice"]
