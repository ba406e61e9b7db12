"""Paper 003's evaluation, run again beside the proved optimum: `mecopt reproduce 003`."""

from mecopt.learners.paper_003.study import REPRODUCTION

__all__ = ["REPRODUCTION"]
