"""Paper 001's evaluation, run again beside the optimum of every frame: `mecopt reproduce 001`."""

from mecopt.learners.paper_001.study import REPRODUCTION

__all__ = ["REPRODUCTION"]
