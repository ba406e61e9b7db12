"""The network and loop of paper 003, for any problem with a binary decision: learner `decision-net`."""

from mecopt.learners.decision_net.learner import LEARNER, DecisionNet, DecisionNetLearner
from mecopt.learners.decision_net.settings import DecisionNetSettings

__all__ = ["LEARNER", "DecisionNet", "DecisionNetLearner", "DecisionNetSettings"]
