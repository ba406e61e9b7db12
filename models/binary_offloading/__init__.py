"""Binary offloading to one edge server (paper 003)."""

from mecopt.models.binary_offloading.problem import BinaryOffloading
from mecopt.models.binary_offloading.variables import CapacityPrice, ServerRate

__all__ = ["BinaryOffloading", "CapacityPrice", "ServerRate"]
