"""Hierarchical DDPG of paper 001 for backscatter frames, Algorithm 1 and its model-free rival: learner `h-maddpg`."""

from mecopt.learners.h_maddpg.learner import LEARNER, HMaddpgLearner
from mecopt.learners.h_maddpg.policy import HMaddpg
from mecopt.learners.h_maddpg.settings import HMaddpgSettings

__all__ = ["LEARNER", "HMaddpg", "HMaddpgLearner", "HMaddpgSettings"]
