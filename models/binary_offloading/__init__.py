"""Binary offloading to one edge server (paper 003)."""

from mecopt.models.binary_offloading.problem import BinaryOffloading, CapacityPrice, ServerRate

__all__ = ["BinaryOffloading", "CapacityPrice", "ServerRate"]
