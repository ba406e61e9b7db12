"""Offloading of many users to many servers (paper 004)."""

from mecopt.models.multi_server_offloading.problem import MultiServerOffloading
from mecopt.models.multi_server_offloading.variables import ServerPrices, SpeedAndPower

__all__ = ["MultiServerOffloading", "ServerPrices", "SpeedAndPower"]
