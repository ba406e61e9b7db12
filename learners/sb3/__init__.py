"""Learner `sb3`: textbook reinforcement learning by Stable-Baselines3, for every problem that repeats slot after slot."""

from mecopt.learners.sb3.learner import LEARNER
from mecopt.learners.sb3.policy import Sb3Policy

__all__ = ["LEARNER", "Sb3Policy"]
