"""A path of slots as Stable-Baselines3 meets it: many lanes in one call, the slots those of a stream in their order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from mecopt.dynamic.environments import space_of
from mecopt.dynamic.worlds import SlotWorld, State

Array = NDArray[Any]


class Lanes(VecEnv):
    """The lanes of a stream ``(slots, lanes)``, each an environment; after the last slot the first follows.

    What is carried follows from what is done. Every `episode` slots all lanes begin anew, with what the stream says they
    carry then: a cut, no end. Nothing is drawn here but by worlds that draw, from a generator of the slot's number.

    Parameters
    ----------
    world
        what is seen, done and earned.
    stream
        the slots.
    episode
        slots after which lanes begin anew.
    seed
        of what worlds draw.
    """

    def __init__(self, world: SlotWorld, stream: Any, episode: int, seed: int) -> None:
        self.world, self.stream, self.episode, self.seed_ = world, stream, episode, seed
        self.render_mode = None
        super().__init__(stream.batch_shape[1], space_of(world.observed), space_of(world.acted))
        self.earned: list[float] = []
        """Mean unscaled reward of the lanes in every slot since it was last emptied."""
        self.slot = 0
        self._actions: Array | None = None
        self._state = self._begun(0)

    def _rng(self, number: int) -> np.random.Generator:
        return np.random.default_rng((self.seed_, 7, number))

    def _begun(self, number: int) -> State:
        problem = self.stream[number % len(self.stream)]
        return State(problem, self.world.prepared(problem, self._rng(number)))

    def go_to(self, slot: int) -> None:
        """Let all lanes begin anew at a slot of the stream, counted over its repetitions."""
        self.slot, self._state = slot, self._begun(slot)

    def reset(self) -> Array:
        """Let all lanes begin anew at the present slot."""
        self._state = self._begun(self.slot)
        return self.world.observation(self._state)

    def step_async(self, actions: Array) -> None:
        """Take the actions of a slot."""
        self._actions = actions

    def step_wait(self) -> tuple[Array, Array, Array, list[dict[str, Any]]]:
        """Carry out the slot."""
        world, rng = self.world, self._rng(self.slot + 1)
        assert self._actions is not None
        decision, allocation = world.answered(self._state, self._actions, rng)
        outcome = world.dynamics.outcome(self._state.problem, decision, allocation)
        self.earned.append(float(np.mean(world.earned(outcome))))
        self.slot += 1
        drawn = self.stream[self.slot % len(self.stream)]
        problem = world.dynamics.followed_by(drawn, outcome)
        following = State(problem, world.prepared(problem, rng), outcome)
        reward = np.asarray(world.reward(self._state, self._actions, following), dtype=np.float32)
        seen, ended = world.observation(following), world.ended(following)
        cut = self.slot % self.episode == 0
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if cut:
            for lane, info in enumerate(infos):
                info["terminal_observation"] = seen[lane]
                info["TimeLimit.truncated"] = not bool(ended[lane])
            following = self._begun(self.slot)
            seen = world.observation(following)
        else:
            for lane in np.flatnonzero(ended).tolist():
                infos[lane]["terminal_observation"] = seen[lane]
        self._state = following
        return seen, reward, ended | cut, infos

    def close(self) -> None:
        """Let nothing go: there is nothing."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute, the same for all lanes."""
        return [getattr(self, attr_name)] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Refuse: lanes have no attributes of their own."""
        raise AttributeError(f"lanes have no attribute {attr_name} of their own")

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        """Refuse: lanes have no methods of their own."""
        raise AttributeError(f"lanes have no method {method_name} of their own")

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """No lane is wrapped."""
        return [False] * self.num_envs
