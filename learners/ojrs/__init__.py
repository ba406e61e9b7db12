"""Online joint resource scheduling of paper 004, for any problem with one of several choices per user: learner `ojrs`."""

from mecopt.learners.ojrs.learner import LEARNER, Ojrs, OjrsLearner
from mecopt.learners.ojrs.settings import OjrsSettings

__all__ = ["LEARNER", "Ojrs", "OjrsLearner", "OjrsSettings"]
