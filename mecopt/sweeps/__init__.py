"""Methods side by side over a grid of settings and seeds, whose instances are drawn where they are solved."""

from mecopt.sweeps.result import Sweep
from mecopt.sweeps.run import sweep

__all__ = ["Sweep", "sweep"]
