"""Backscatter frames: active, passive and local computing with beamforming (paper 001)."""

from mecopt.models.backscatter_frame.problem import BackscatterFrame
from mecopt.models.backscatter_frame.variables import FrameAllocation, FramePrices

__all__ = ["BackscatterFrame", "FrameAllocation", "FramePrices"]
