"""The battery for environments: it passes what is right for every kind of action, and finds what is planted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest

pytest.importorskip("gymnasium", reason="environments need the extra `learn`")

import gymnasium
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt import InstanceError
from mecopt.dynamic import Choices, Numbers
from mecopt.dynamic.environments import ParallelSlotEnv, SlotEnv, space_of
from mecopt.testing.environments import ENV_CHECKS, PARALLEL_CHECKS, EnvCheck, check_env, made

Array = NDArray[Any]

SPACES: dict[str, Any] = {
    "numbers": Box(-1.0, 1.0, (2,), np.float32),
    "a table of numbers": Box(0.0, 1.0, (2, 3), np.float32),
    "a choice": Discrete(5),
    "a choice from 3 on": Discrete(4, start=3),
    "choices": MultiDiscrete([3, 4]),
    "a table of choices": MultiDiscrete(np.array([[2, 3], [4, 2]])),
}


class Place(NamedTuple):
    """Where a walk stands, and what the step before was."""

    at: Array
    step: float = 0.0


class Walk:
    """A walk between -1 and 1: a step is drawn, and what is done pulls it."""

    observed = Numbers(-1.0, 1.0, (2,))

    def __init__(self, space: Any, agents: int = 0) -> None:
        self.space, self.agents = space, agents
        self.shape = (agents, *space.shape) if agents else space.shape
        self.acted = Choices(int(space.n)) if isinstance(space, Discrete) else Numbers(0.0, 1.0, self.shape)
        if agents:
            self.observed = Numbers(-1.0, 1.0, (agents, 2))

    def checked(self, action: Any) -> Array:
        given = np.asarray(action)
        if given.shape != self.shape or given.dtype.kind not in ("iu" if not isinstance(self.space, Box) else "fiu"):
            raise InstanceError(f"action is {action!r}; allowed: of {self.space}")
        for one in given if self.agents else (given,):
            if not self.space.contains(one.astype(self.space.dtype)[()]):
                raise InstanceError(f"action is {action!r}; allowed: of {self.space}")
        return given

    def initial(self, rng: Generator) -> Place:
        return Place(rng.uniform(-1.0, 1.0, self.observed.shape))

    def transition(self, state: Place, action: Any, rng: Generator) -> Place:
        pull = self.checked(action).astype(float).mean()
        return Place(np.clip(0.5 * state.at + 0.05 * pull + rng.normal(0.0, 0.1, state.at.shape), -1.0, 1.0), float(pull))

    def observation(self, state: Place) -> Array:
        return state.at.astype(np.float32)

    def reward(self, state: Place, action: Any, following: Place) -> Array:
        return np.asarray(following.at[..., 0] - state.at[..., 0])

    def ended(self, following: Place) -> bool:
        return False

    def info(self, following: Place) -> dict[str, Any]:
        return {"pull": following.step}


def shell(world: Any, slots: int = 30) -> SlotEnv:
    env = SlotEnv(world, slots)
    env.action_space = world.space
    return env


# ---------------------------------------------------------------------- what is planted


class Clipping(Walk):
    """Takes what is out of range for the nearest that is not."""

    def checked(self, action: Any) -> Array:
        if isinstance(self.space, Box):
            action = np.clip(action, self.space.low, self.space.high)
        elif np.asarray(action).dtype.kind in "iu":
            least, count = self.space.start, getattr(self.space, "n", None) or self.space.nvec
            action = np.clip(action, least, least + count - 1)
        return super().checked(action)


class Truncating(Walk):
    """Takes 1.5 for the choice 1."""

    def checked(self, action: Any) -> Array:
        with np.errstate(invalid="ignore"):
            whole = np.nan_to_num(np.asarray(action, dtype=float), nan=-1.0, posinf=-1.0, neginf=-1.0).astype(int)
        return super().checked(whole)


class Hasty(Walk):
    """Looks at the first entry alone."""

    def checked(self, action: Any) -> Array:
        first = np.asarray(action).flat[0]
        whole = np.full(self.shape, first)
        super().checked(whole if whole.ndim else whole[()])
        return np.asarray(np.nan_to_num(np.asarray(action, dtype=float)))


class Drawing(Walk):
    """Draws before it refuses."""

    def transition(self, state: Place, action: Any, rng: Generator) -> Place:
        rng.random()
        return super().transition(state, action, rng)


class Deaf(Walk):
    """Does the same whatever is done."""

    def transition(self, state: Place, action: Any, rng: Generator) -> Place:
        self.checked(action)
        return Place(np.clip(0.5 * state.at + rng.normal(0.0, 0.1, state.at.shape), -1.0, 1.0))


class Generous(SlotEnv):
    """Earns what its world does not."""

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        seen, reward, *rest = super().step(action)
        return seen, reward + 1e-9, *rest


FAULTS: dict[str, tuple[type[Walk], str, tuple[str, ...]]] = {
    "clips": (Clipping, "an action with the number", tuple(SPACES)),
    "truncates": (Truncating, "an action with the number", tuple(name for name in SPACES if "choice" in name)),
    "looks at the first alone": (Hasty, "an action with the number", ("numbers", "choices", "a table of choices")),
    "draws before it refuses": (Drawing, "a refused action left a trace", tuple(SPACES)),
    "is deaf": (Deaf, "actions make no difference", tuple(SPACES)),
}


def failed(env: Callable[[], Any], checks: tuple[EnvCheck, ...] = ENV_CHECKS) -> list[str]:
    """Return what the battery says, check by check."""
    said = []
    for check in checks:
        try:
            check(env)
        except AssertionError as error:
            said.append(str(error))
    return said


@pytest.mark.parametrize("space", SPACES.values(), ids=list(SPACES))
def test_what_is_right_passes_for_every_kind_of_action(space: Any) -> None:
    assert not failed(lambda: shell(Walk(space)))


@pytest.mark.parametrize(("fault", "kind"), [(name, kind) for name, (_, _, kinds) in FAULTS.items() for kind in kinds])
def test_what_is_planted_is_found(fault: str, kind: str) -> None:
    world, says, _ = FAULTS[fault]
    said = failed(lambda: shell(world(SPACES[kind])))
    assert said
    assert all(says in text for text in said)


@pytest.mark.parametrize("kind", ["numbers", "a choice"])
def test_a_shell_that_adds_something_is_found(kind: str) -> None:
    def generous() -> SlotEnv:
        env = Generous(Walk(SPACES[kind]), 30)  # type: ignore[arg-type]
        env.action_space = SPACES[kind]
        return env

    assert failed(generous) == ["a reward is not the world's"]


@pytest.fixture
def registered() -> Iterator[Callable[[Callable[[], Any]], str]]:
    name = "toys/Walk-v0"

    def register(make: Callable[[], Any]) -> str:
        gymnasium.register(id=name, entry_point=lambda **given: make())
        return name

    yield register
    gymnasium.registry.pop(name, None)


@pytest.mark.parametrize("kind", ["numbers", "a choice from 3 on", "a table of choices"])
def test_registered_environments_are_checked_side_by_side_too(
    kind: str, registered: Callable[[Callable[[], Any]], str]
) -> None:
    name = registered(lambda: shell(Walk(SPACES[kind])))
    assert made(name)().action_space is SPACES[kind]
    check_env(name)


@pytest.mark.parametrize("kind", ["a choice", "a table of numbers"])
def test_several_who_act_at_once(kind: str) -> None:
    if ParallelSlotEnv is None:
        pytest.skip("pettingzoo is not installed")
    space = SPACES[kind] if kind == "a choice" else space_of(Numbers(0.0, 1.0, (3,)))

    def env(world: type[Walk]) -> Any:
        found = ParallelSlotEnv(world(space, agents=2), ["a", "b"], 30)
        assert found.action_space("a") == space
        return found

    assert not failed(partial(env, Walk), PARALLEL_CHECKS)
    assert failed(partial(env, Drawing), PARALLEL_CHECKS) == ["a refused action left a trace"]
    if kind == "a choice":
        assert failed(partial(env, Truncating), PARALLEL_CHECKS) == ["an action with the number 0.5: expected InstanceError"]


def test_other_spaces_are_refused_by_name() -> None:
    world: Any = Walk(SPACES["numbers"])
    world.space = MultiBinary(3)
    with pytest.raises(InstanceError, match=r"is MultiBinary\(3\); allowed: a Box, Discrete or MultiDiscrete"):
        ENV_CHECKS[1](lambda: shell(world))
