"""Joint bandwidth and power: uploads over one shared band, under power caps and energy budgets."""

from mecopt.models.bandwidth_power.problem import BandwidthPower
from mecopt.models.bandwidth_power.variables import BandwidthPrice, Transmission

__all__ = ["BandwidthPower", "BandwidthPrice", "Transmission"]
