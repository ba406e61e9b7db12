"""The problems: one folder each, installed as `mecopt.models`."""

if __name__ != "mecopt.models":
    raise ImportError(f"this package is installed as `mecopt.models`; import it by that name, not as `{__name__}`")

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mecopt.models.backscatter_frame import BackscatterFrame
    from mecopt.models.bandwidth_power import BandwidthPower
    from mecopt.models.binary_offloading import BinaryOffloading
    from mecopt.models.computation_rate import ComputationRate
    from mecopt.models.hybrid_slot import HybridSlot
    from mecopt.models.inference_queue import InferenceQueue
    from mecopt.models.multi_server_offloading import MultiServerOffloading
    from mecopt.models.priced_power import PricedPower

_FOLDERS = {
    "BackscatterFrame": "backscatter_frame",
    "BandwidthPower": "bandwidth_power",
    "BinaryOffloading": "binary_offloading",
    "ComputationRate": "computation_rate",
    "HybridSlot": "hybrid_slot",
    "InferenceQueue": "inference_queue",
    "MultiServerOffloading": "multi_server_offloading",
    "PricedPower": "priced_power",
}

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


def __getattr__(name: str) -> Any:
    """Import a problem when it is asked for: none loads what another one needs."""
    if name not in _FOLDERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_FOLDERS[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
