"""Beams for backscatter users: what policies that learn nothing earn in the two environments of paper 001.

Needs Gymnasium and PettingZoo: pip install 'mecopt[learn]'.
"""

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np

from mecopt.models.backscatter_frame.dynamics.users_environment import BackscatterUsersEnv

EPISODES, FRAMES = 4, 50


def row(name: str, rewards: list[list[float]], outages: list[float]) -> str:
    """Write the mean reward of the episodes with its standard error, and the outage."""
    episodes = np.mean(rewards, axis=-1)
    error = episodes.std(ddof=1) / np.sqrt(len(episodes))
    return f"{name:40}{episodes.mean():8.1f} +- {error:4.1f}{np.mean(outages):9.3f}"


def access_point(beams: str, act: Callable[[gymnasium.Env[Any, Any]], Any]) -> tuple[list[list[float]], list[float]]:
    env = gymnasium.make("mecopt.environments:mecopt/BackscatterFrame-v0", beams=beams, frames=FRAMES)
    env.action_space.seed(0)
    rewards: list[list[float]] = []
    outages: list[float] = []
    for episode in range(EPISODES):  # equal seeds: all policies meet the same channels and work
        env.reset(seed=episode)
        rewards.append([])
        over = False
        while not over:
            _, _, _, over, info = env.step(act(env))
            rewards[-1].append(info["reward"])
            outages.append(info["outage"])
    return rewards, outages


def users(reply: Callable[[Any], Any]) -> tuple[list[list[float]], list[float]]:
    env = BackscatterUsersEnv(beams="weights", frames=FRAMES)
    for number, agent in enumerate(env.possible_agents):
        env.action_space(agent).seed(number)
    rewards: list[list[float]] = []
    outages: list[float] = []
    for episode in range(EPISODES):
        env.reset(seed=episode)
        rewards.append([])
        while env.agents:
            *_, infos = env.step({agent: reply(env.action_space(agent)) for agent in env.agents})
            rewards[-1].append(infos["user_0"]["reward"])
            outages.append(infos["user_0"]["outage"])
    return rewards, outages


own, others = np.eye(3, dtype=np.float32).ravel(), 1.0 - np.eye(3, dtype=np.float32).ravel()
print(f"{'beams; what users do':40}{'kbit/J':>16}{'outage':>9}")
print(row("random antennas' weights; best", *access_point("raw", lambda env: env.action_space.sample())))
print(row("matched to the slot's user; best", *access_point("weights", lambda env: own)))
print(row("random weights of users; best", *access_point("weights", lambda env: env.action_space.sample())))
print(row("all other users alike; best", *access_point("weights", lambda env: others)))
print(row("all other users alike; random", *users(lambda space: space.sample())))
print(row("all other users alike; compute all", *users(lambda space: np.array([0.0, 0.0, 1.0], dtype=np.float32))))
