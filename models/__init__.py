"""The problems: one folder each, installed as `mecopt.models`."""

if __name__ != "mecopt.models":
    raise ImportError(f"this package is installed as `mecopt.models`; import it by that name, not as `{__name__}`")

from mecopt.models.backscatter_frame import BackscatterFrame
from mecopt.models.bandwidth_power import BandwidthPower
from mecopt.models.binary_offloading import BinaryOffloading
from mecopt.models.computation_rate import ComputationRate
from mecopt.models.hybrid_slot import HybridSlot
from mecopt.models.inference_queue import InferenceQueue
from mecopt.models.multi_server_offloading import MultiServerOffloading
from mecopt.models.priced_power import PricedPower

__all__ = [
    "BackscatterFrame",
    "BandwidthPower",
    "BinaryOffloading",
    "ComputationRate",
    "HybridSlot",
    "InferenceQueue",
    "MultiServerOffloading",
    "PricedPower",
]
