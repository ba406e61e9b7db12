"""Paper 000's evaluation, run again between proved bounds on the long run: `mecopt reproduce 000`."""

from mecopt.learners.paper_000.study import REPRODUCTION

__all__ = ["REPRODUCTION"]
