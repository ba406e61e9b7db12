"""Paper 002's evaluation, run again beside exact values, a price and a bound on every policy: `mecopt reproduce 002`."""

from mecopt.learners.paper_002.study import REPRODUCTION

__all__ = ["REPRODUCTION"]
