"""Paper 004's evaluation, run again beside the proved optimum: `mecopt reproduce 004`."""

from mecopt.learners.paper_004.study import REPRODUCTION

__all__ = ["REPRODUCTION"]
