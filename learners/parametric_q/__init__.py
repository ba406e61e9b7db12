"""Learner `parametric-q`: paper 002's online Q-learning as printed, with its gradient mended, and repaired."""

from mecopt.learners.parametric_q.learner import LEARNER, ParametricQLearner
from mecopt.learners.parametric_q.policy import ParametricQ
from mecopt.learners.parametric_q.settings import ParametricQSettings
from mecopt.learners.parametric_q.training import ParametricQTraining

__all__ = ["LEARNER", "ParametricQ", "ParametricQLearner", "ParametricQSettings", "ParametricQTraining"]
