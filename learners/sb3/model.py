"""Stable-Baselines3 as it is, and its state as plain arrays: weights, moments, memory and counts, no pickle.

All randomness of a block of slots comes from the seed and the block's number, and every block begins with lanes that begin
anew. So a state needs no generator, and a training that goes on from it ends with the same weights as one that never
stopped.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import BackendUnavailable
from mecopt.dynamic.worlds import SlotWorld
from mecopt.learners.network import Layers, torch_or_error
from mecopt.learners.sb3.policy import layers_of
from mecopt.learners.sb3.settings import Sb3Settings

Array = NDArray[Any]

REMEMBERED = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
COUNTS = ("num_timesteps", "_n_updates", "_n_calls", "_episode_num")


_drawing = threading.RLock()


def _nobody_draws() -> None:
    global _drawing
    _drawing = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_nobody_draws)


@contextmanager
def own_randomness() -> Iterator[None]:
    """Have the generators of the process, which Stable-Baselines3 seeds and draws from, and leave them as they were.

    Trainings in threads of one process wait for each other: from common generators none would draw what it draws alone.
    """
    torch = torch_or_error()
    with _drawing:
        before = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
        try:
            yield
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])  # noqa: NPY002
            torch.set_rng_state(before[2])


class Model:
    """An algorithm of Stable-Baselines3 on the lanes of a stream."""

    def __init__(self, world: SlotWorld, stream: Any, settings: Sb3Settings, seed: int, total: int) -> None:
        torch = torch_or_error()
        try:
            from stable_baselines3 import DDPG, DQN, TD3
            from stable_baselines3.common.logger import Logger
            from stable_baselines3.common.noise import NormalActionNoise

            from mecopt.learners.sb3.lanes import Lanes
        except ModuleNotFoundError:
            raise BackendUnavailable("sb3 needs stable-baselines3; install it by: pip install 'mecopt[learn]'") from None
        s, self.seed, self.total = settings, seed, total
        self.lanes = Lanes(world, stream, s.episode, seed)
        common = {
            "learning_rate": s.learning_rate,
            "buffer_size": s.memory,
            "learning_starts": s.warm_up,
            "batch_size": s.batch,
            "gamma": s.discount,
            "train_freq": 1,
            "gradient_steps": s.updates,
            "policy_kwargs": {
                "net_arch": list(s.hidden),
                "activation_fn": {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh, "sigmoid": torch.nn.Sigmoid}[s.activation],
            },
            "seed": seed,
            "device": "cpu",
        }
        if s.algorithm == "dqn":
            self.model: Any = DQN("MlpPolicy", self.lanes, target_update_interval=s.target_interval, **common)
            self.model.exploration_schedule = lambda _: self._share_of_random(settings)
        else:
            size = int(np.prod(self.lanes.action_space.shape or ()))
            noise = NormalActionNoise(np.zeros(size), np.full(size, s.noise)) if s.noise else None
            kind = DDPG if s.algorithm == "ddpg" else TD3
            self.model = kind("MlpPolicy", self.lanes, tau=s.smoothing, action_noise=noise, **common)
        self.model.set_logger(Logger(None, []))

    def _share_of_random(self, s: Sb3Settings) -> float:
        done = self.model.num_timesteps / self.total
        return 1.0 + (s.exploration_end - 1.0) * min(done / max(s.exploration, 1e-12), 1.0)

    def learn(self, block: int, slots: int) -> float:
        """Act and learn for a block of slots of every lane; return the mean reward of its slots, with exploration."""
        self.model.set_random_seed(int(np.random.default_rng((self.seed, 6, block)).integers(2**31)))
        self.model._last_obs = None
        if hasattr(self.model, "exploration_rate"):  # else the first action of a block would remember what is in no state
            self.model.exploration_rate = self.model.exploration_schedule(None)
        self.lanes.go_to(block * slots)
        self.lanes.earned.clear()
        self.model.learn(slots * self.lanes.num_envs, reset_num_timesteps=self.model.num_timesteps == 0, log_interval=None)
        return float(np.mean(self.lanes.earned))

    def network(self) -> Layers:
        """Return the layers of what acts."""
        net = self.model.q_net.q_net if hasattr(self.model, "q_net") else self.model.actor.mu
        linear = [part for part in net if hasattr(part, "weight")]
        return layers_of([(part.weight.detach().numpy(), part.bias.detach().numpy()) for part in linear])

    # ------------------------------------------------------------------ the state

    def _optimisers(self) -> Iterator[tuple[str, Any]]:
        for name in ("actor", "critic"):
            if hasattr(self.model, name):
                yield name, getattr(self.model, name).optimizer
        if hasattr(self.model, "q_net"):
            yield "q_net", self.model.policy.optimizer

    def state(self) -> dict[str, Array]:
        """Return everything that a later `restore` needs."""
        found = {f"net.{name}": value.numpy().copy() for name, value in self.model.policy.state_dict().items()}
        for name, optimiser in self._optimisers():
            for number, moments in optimiser.state_dict()["state"].items():
                found |= {f"adam.{name}.{number}.{key}": value.numpy().copy() for key, value in moments.items()}
        memory = self.model.replay_buffer
        filled = memory.buffer_size if memory.full else memory.pos
        found |= {f"memory.{name}": getattr(memory, name)[:filled].copy() for name in REMEMBERED}
        found["memory.at"] = np.array([memory.pos, memory.full], dtype=np.int64)
        found["counts"] = np.array([getattr(self.model, name, 0) for name in COUNTS], dtype=np.int64)
        return found

    def restore(self, state: Mapping[str, Array]) -> None:
        """Go on from a state."""
        torch = torch_or_error()
        nets = {name[4:]: torch.from_numpy(value.copy()) for name, value in state.items() if name.startswith("net.")}
        self.model.policy.load_state_dict(nets)
        for name, optimiser in self._optimisers():
            whole, prefix = optimiser.state_dict(), f"adam.{name}."
            whole["state"] = {}
            for key, value in state.items():
                if key.startswith(prefix):
                    number, kind = key[len(prefix) :].split(".")
                    whole["state"].setdefault(int(number), {})[kind] = torch.from_numpy(value.copy())
            optimiser.load_state_dict(whole)
        memory = self.model.replay_buffer
        for name in REMEMBERED:
            values = state[f"memory.{name}"]
            getattr(memory, name)[: len(values)] = values
        memory.pos, memory.full = int(state["memory.at"][0]), bool(state["memory.at"][1])
        for name, value in zip(COUNTS, state["counts"], strict=True):
            setattr(self.model, name, int(value))
