"""Gymnasium and PettingZoo over any `SlotWorld`: shells that keep a state, a generator, the count of slots, nothing else.

A model derives its environment from `SlotEnv` (one lane), `SlotVectorEnv` (many lanes in one call) or `ParallelSlotEnv`
(several who act at once), and hands over its world, which `world_of` makes from an environment's keywords. They end with
what the dynamics says (terminated) and are cut after so many slots (truncated).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.errors import BackendUnavailable, InstanceError
from mecopt.contract.limits import Limit
from mecopt.dynamic.dynamics import Dynamics
from mecopt.dynamic.worlds import Choices, Numbers, SlotWorld, State

try:
    import gymnasium
    from gymnasium.spaces import Box, Discrete
    from gymnasium.utils.seeding import np_random
    from gymnasium.vector.utils import batch_space
except ModuleNotFoundError as error:
    raise BackendUnavailable("environments need gymnasium; install it by: pip install 'mecopt[learn]'") from error

__all__ = ["ParallelSlotEnv", "SlotEnv", "SlotVectorEnv", "filled_up", "space_of", "whole", "world_of"]

Array = NDArray[Any]

WorldT = TypeVar("WorldT", bound=SlotWorld)

RESET = "the episode has not begun, or is over: call reset first"


def whole(name: str, value: Any) -> int:
    """Return a whole number of at least 1, or say what is wrong with it."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise InstanceError(f"{name} is {value!r}; allowed: a whole number of at least 1")
    return int(value)


def space_of(what: Numbers | Choices) -> Any:
    """Return the space of what can be seen or done: a `Box` of single precision, or a `Discrete` one."""
    return Discrete(what.count) if isinstance(what, Choices) else Box(what.low, what.high, what.shape, np.float32)


def world_of(kind: Callable[..., WorldT], dynamics: type[Dynamics[Any]], given: Mapping[str, Any], **fixed: Any) -> WorldT:
    """Return the world that an environment's keywords describe.

    Parameters
    ----------
    kind
        class of the world, a dataclass whose fields beside `dynamics` are keywords of the environment.
    dynamics
        class of the dynamics, to which all other keywords belong; sizes that are None are the preset's.
    given
        the keywords; `limits` among them are limits of one's own, a `mecopt.Limit` or several, that every slot has.
    **fixed
        fields of the world that are no keywords of the environment, or have another name there.
    """
    limits, given = given.get("limits", ()), {name: value for name, value in given.items() if name != "limits"}
    own = {f.name for f in dataclasses.fields(kind)} - {"dynamics", *fixed}  # type: ignore[arg-type]
    sizes = dynamics.problem.size_names()
    others = {name: value for name, value in given.items() if name not in own and (value is not None or name not in sizes)}
    world = {name: value for name, value in given.items() if name in own}
    acted_in = dynamics(**others)
    if limits:
        acted_in = acted_in.limited(*([limits] if isinstance(limits, Limit) else limits))
    return kind(dynamics=acted_in, **fixed, **world)


class SlotEnv(gymnasium.Env[Any, Any]):
    """One lane for Gymnasium.

    Parameters
    ----------
    world
        what is seen, done and earned.
    slots
        of an episode.
    render_mode
        taken because toolkits hand it in; there are no pictures.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}  # type: ignore[misc]

    def __init__(self, world: SlotWorld, slots: int, render_mode: str | None = None) -> None:
        self.world, self.slots, self.render_mode = world, whole("slots", slots), render_mode
        self.observation_space, self.action_space = space_of(world.observed), space_of(world.acted)
        self._state: State | None = None
        self._slot = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Draw a first slot."""
        super().reset(seed=seed)
        self._state, self._slot = self.world.initial(self.np_random), 0
        return self.world.observation(self._state), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Carry out a slot with what an action stands for."""
        if self._state is None:
            raise gymnasium.error.ResetNeeded(RESET)
        state, following = self._state, self.world.transition(self._state, action, self.np_random)
        reward = self.world.reward(state, action, following).item()
        self._slot += 1
        ended, cut = bool(self.world.ended(following)), self._slot >= self.slots
        self._state = None if ended or cut else following
        return self.world.observation(following), reward, ended, cut, self.world.info(following)


class SlotVectorEnv(gymnasium.vector.VectorEnv[Any, Any, Any]):
    """Many lanes of one world side by side, drawn and carried out in one call each; for Gymnasium from 1.1 on.

    Lanes that end, and all lanes after `slots`, begin anew within the same step: what was seen last is
    ``infos["final_obs"]``.

    Parameters
    ----------
    world, slots
        as for `SlotEnv`.
    lanes
        how many.
    """

    metadata: ClassVar[dict[str, Any]] = {}  # type: ignore[misc]

    def __init__(self, world: SlotWorld, slots: int, lanes: int) -> None:
        self.world, self.slots, self.num_envs = world, whole("slots", slots), whole("lanes", lanes)
        self.single_observation_space, self.single_action_space = space_of(world.observed), space_of(world.acted)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.metadata = {"autoreset_mode": gymnasium.vector.AutoresetMode.SAME_STEP}  # type: ignore[misc]
        self._state: State | None = None
        self._slot = np.zeros(self.num_envs, dtype=int)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Draw first slots of all lanes from one generator."""
        if isinstance(seed, list):
            raise InstanceError("lanes share one generator; allowed: one seed, or None")
        super().reset(seed=seed)
        self._state, self._slot[:] = self.world.initial(self.np_random, (self.num_envs,)), 0
        return self.world.observation(self._state), {}

    def step(self, actions: Any) -> tuple[Any, Array, Array, Array, dict[str, Any]]:
        """Carry out a slot of every lane."""
        if self._state is None:
            raise gymnasium.error.ResetNeeded(RESET)
        state, following = self._state, self.world.transition(self._state, actions, self.np_random)
        rewards, seen = self.world.reward(state, actions, following), self.world.observation(following)
        infos = self.world.info(following)
        self._slot += 1
        ended, cut = self.world.ended(following), self._slot >= self.slots
        over = ended | cut
        if over.any():
            infos.update(final_obs=seen, _final_obs=over.copy())
            fresh = self.world.initial(self.np_random, (self.num_envs,))
            following = _chosen(over, fresh, following)
            seen = self.world.observation(following)
            self._slot[over] = 0
        self._state = following
        return seen, rewards, ended, cut, infos


def _chosen(where: Array, one: State, other: State) -> State:
    """Return the lanes of one state where it is said, and those of another elsewhere."""

    def lanes(first: Array, second: Array) -> Array:
        return np.where(where.reshape(where.shape + (1,) * (first.ndim - 1)), first, second)

    values = {name: lanes(value, getattr(other.problem, name)) for name, value in one.problem.data().items()}
    for value in values.values():
        value.flags.writeable = False
    prepared = None if one.prepared is None else lanes(one.prepared, other.prepared)
    return State(one.problem._with(values), prepared, other.before)


try:
    from pettingzoo import ParallelEnv
except ModuleNotFoundError:
    ParallelSlotEnv: Any = None
else:

    class ParallelSlotEnv(ParallelEnv[str, Any, Any]):  # type: ignore[no-redef]
        """Several who act at once, for PettingZoo: rows of actions, observations and rewards are theirs in order.

        Parameters
        ----------
        world
            of which an action has a row for each agent, and so have what is seen and what is earned.
        agents
            their names.
        slots
            of an episode.
        render_mode
            taken because toolkits hand it in; there are no pictures.
        each
            what each agent may do, where that is not the same for all: as many numbers as there are in the longest row or
            fewer, in which rows are filled up with zeros.
        """

        metadata: ClassVar[dict[str, Any]] = {"name": "slots_v0", "render_modes": [], "is_parallelizable": True}

        def __init__(
            self,
            world: SlotWorld,
            agents: Sequence[str],
            slots: int,
            render_mode: str | None = None,
            each: Sequence[Numbers] | None = None,
        ) -> None:
            self.world, self.slots, self.render_mode = world, whole("slots", slots), render_mode
            self.possible_agents = list(agents)
            self.agents: list[str] = []
            self.observation_spaces = {agent: space_of(_row(world.observed)) for agent in agents}
            allowed = [_row(world.acted)] * len(self.possible_agents) if each is None else each
            self.action_spaces = {agent: space_of(what) for agent, what in zip(agents, allowed, strict=True)}
            self._rng: Generator | None = None
            self._state: State | None = None
            self._slot = 0

        def observation_space(self, agent: str) -> Any:
            """Return the space of what an agent sees."""
            return self.observation_spaces[agent]

        def action_space(self, agent: str) -> Any:
            """Return the space of what an agent may do."""
            return self.action_spaces[agent]

        def reset(
            self, seed: int | None = None, options: dict[str, Any] | None = None
        ) -> tuple[dict[str, Array], dict[str, dict[str, Any]]]:
            """Draw a first slot."""
            if seed is not None or self._rng is None:
                self._rng, _ = np_random(seed)
            self.agents = list(self.possible_agents)
            self._state, self._slot = self.world.initial(self._rng), 0
            return self._by_agent(self.world.observation(self._state)), {agent: {} for agent in self.agents}

        def step(
            self, actions: Mapping[str, Array]
        ) -> tuple[dict[str, Array], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
            """Carry out a slot with what all do; of what is told of each agent, an agent is told its own entry."""
            if self._rng is None or self._state is None or not self.agents:
                raise gymnasium.error.ResetNeeded(RESET)
            for agent in (*self.agents, *actions):
                if agent not in actions or agent not in self.agents:
                    given = ", ".join(actions) or "nobody"
                    raise InstanceError(f"actions are of {given}; allowed: of {', '.join(self.agents)}")
            action = self._rows(actions)
            following = self.world.transition(self._state, action, self._rng)
            rewards = self.world.reward(self._state, action, following)
            self._state = following
            self._slot += 1
            ended, cut = bool(self.world.ended(following)), self._slot >= self.slots
            told, each = self.world.info(following), (len(self.agents),)
            infos = {
                agent: {name: value[i].item() if np.shape(value) == each else value for name, value in told.items()}
                for i, agent in enumerate(self.agents)
            }
            seen = self._by_agent(self.world.observation(following))
            earned = {agent: float(rewards[i]) for i, agent in enumerate(self.agents)}
            over, cut_all = dict.fromkeys(self.agents, ended), dict.fromkeys(self.agents, cut)
            if ended or cut:
                self.agents = []
            return seen, earned, over, cut_all, infos

        def state(self) -> Array:
            """Return what all agents see, one after the other, for critics that know everything."""
            if self._state is None:
                raise gymnasium.error.ResetNeeded("the episode has not begun: call reset first")
            return self.world.observation(self._state).ravel()

        def _by_agent(self, rows: Array) -> dict[str, Array]:
            return {agent: rows[i].copy() for i, agent in enumerate(self.agents)}

        def _rows(self, actions: Mapping[str, Array]) -> Array:
            rows = []
            for agent in self.agents:
                space = self.action_space(agent)
                row = np.asarray(actions[agent], dtype=float if isinstance(space, Box) else None)
                if row.shape != space.shape:
                    raise InstanceError(f"the action of {agent} has shape {row.shape}; allowed: {space.shape}")
                rows.append(row)
            return filled_up(rows)


def filled_up(rows: Sequence[Array]) -> Array:
    """Return rows as one array, those with fewer numbers than the longest filled up with zeros."""
    longest: tuple[int, ...] = max(row.shape for row in rows)
    whole = np.zeros((len(rows), *longest), dtype=np.result_type(*{row.dtype for row in rows}))
    for number, row in enumerate(rows):
        whole[number, ...][tuple(slice(size) for size in row.shape)] = row
    return whole


def _row(what: Numbers | Choices) -> Numbers | Choices:
    """Return what one of several agents sees or does."""
    return what if isinstance(what, Choices) else Numbers(what.low, what.high, what.shape[1:])
