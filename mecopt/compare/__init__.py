"""Methods side by side on the same instances, with the same random numbers and the same budget."""

from mecopt.compare.comparison import Comparison
from mecopt.compare.run import compare, default_methods

__all__ = ["Comparison", "compare", "default_methods"]
