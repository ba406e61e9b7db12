"""Batteries for environments: what must hold of any shell over a `mecopt.contract.world.World`.

`check_env` takes the id of an environment that is registered under ``mecopt.environments``, `check_parallel_env` a function
that makes one for PettingZoo. They run the official checkers, with their warnings as errors, and state what these leave out:
that a shell adds nothing to its world's pure dynamics, that equal seeds and actions give bitwise equal episodes and others
do not, that no step changes what was handed out before, and that a refused action leaves no trace. Actions are numbers
(`Box`), a choice (`Discrete`) or several choices at once (`MultiDiscrete`).
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np

from mecopt.contract.errors import BackendUnavailable, InstanceError
from mecopt.dynamic.environments import filled_up
from mecopt.environments import register
from mecopt.testing.statements import holds, refuses

try:
    import gymnasium
    from gymnasium.spaces import Box, Discrete, MultiDiscrete
    from gymnasium.utils.env_checker import check_env as check_official
    from gymnasium.utils.env_checker import data_equivalence
    from gymnasium.utils.seeding import np_random
    from pettingzoo.test import parallel_api_test, parallel_seed_test
except ModuleNotFoundError as error:
    raise BackendUnavailable("environments need gymnasium and pettingzoo; install: pip install 'mecopt[learn]'") from error

STEPS, SEED = 12, 5

Make = Callable[[], Any]
"""Makes an environment."""

EnvCheck = Callable[[Make], None]


def check_env(name: str, **arguments: Any) -> None:
    """Run every check on a registered environment.

    Parameters
    ----------
    name
        its id.
    **arguments
        what it is made with.

    Raises
    ------
    AssertionError
        with what failed.
    """
    for check in ENV_CHECKS:
        check(made(name, **arguments))
    check_vectorised(name, **arguments)


def check_parallel_env(make: Make) -> None:
    """Run every check on an environment for PettingZoo; see `check_env`."""
    for check in PARALLEL_CHECKS:
        check(make)


def made(name: str, **arguments: Any) -> Make:
    """Return a function that makes a registered environment, without wrappers."""
    register()
    return lambda: gymnasium.make(name, **arguments).unwrapped


# ---------------------------------------------------------------------- what differs between the toolkits


def _parallel(env: Any) -> bool:
    return hasattr(env, "possible_agents")


def _spaces(env: Any) -> dict[Any, tuple[Any, Any]]:
    if _parallel(env):
        return {agent: (env.observation_space(agent), env.action_space(agent)) for agent in env.possible_agents}
    return {None: (env.observation_space, env.action_space)}


def _actions(env: Any, count: int, seed: int = 0) -> Iterator[Any]:
    """Yield actions: the lowest, the middle, the highest, then drawn ones; with another seed than 0 all are drawn."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        action = {}
        for agent, (_, space) in _spaces(env).items():
            action[agent] = _action(space, number / 2 if number <= 2 and seed == 0 else rng.random(space.shape))
        yield action if _parallel(env) else action[None]


def _action(space: Any, part: Any) -> Any:
    """Return an action so far from the lowest to the highest, `part` a number or one for each entry."""
    if isinstance(space, Box):
        return (space.low + part * (space.high - space.low)).astype(space.dtype)
    start, count = _choices(space)
    number = np.asarray(start + np.minimum(np.floor(part * count), count - 1)).astype(space.dtype)
    return number if number.ndim else number[()]


def _choices(space: Any) -> tuple[Any, Any]:
    """Return the least numbers of choices, and how many there are."""
    if isinstance(space, Discrete):
        return space.start, space.n
    if isinstance(space, MultiDiscrete):
        return space.start, space.nvec
    raise InstanceError(f"the action space is {space}; allowed: a Box, Discrete or MultiDiscrete")


def _faults(space: Any) -> Iterator[tuple[Any, str]]:
    """Yield actions that have to be refused, wrong in the last entry alone, and what they are."""
    if isinstance(space, Box):
        low, numbers = space.low, (np.nan, np.inf, -np.inf, space.high.flat[-1] + 0.5, space.low.flat[-1] - 0.5)
    else:
        start, count = (np.asarray(value) for value in _choices(space))
        low = _action(space, 0.0)
        numbers = (np.nan, np.inf, start.flat[-1] + 0.5, start.flat[-1] + count.flat[-1], start.flat[-1] - 1)
    for number in numbers:
        kind = np.result_type(space.dtype, np.int8 if float(number).is_integer() else np.float32)
        action = np.array(low, dtype=kind)
        action[(-1,) * action.ndim] = number
        yield action if action.ndim else action[()], f"an action with the number {number}"
    yield np.repeat(np.atleast_1d(low), 2, axis=0), "an action of twice the size"


def _episode(env: Any, seed: int, actions: int = 0) -> list[Any]:
    """Return everything that an episode hands out, up to its end."""
    handed: list[Any] = [env.reset(seed=seed)]
    for action in _actions(env, STEPS, actions):
        handed.append(env.step(action))
        if _over(handed[-1]):
            break
    return handed


def _over(step: Any) -> bool:
    ended, cut = (value.values() if isinstance(value, dict) else (value,) for value in step[2:4])
    return any(ended) or any(cut)


def _rows(env: Any, value: Any) -> Any:
    """Return what a shell hands out as its world would: one array for all agents."""
    return filled_up([np.asarray(value[agent]) for agent in env.possible_agents]) if _parallel(env) else value


def _same_infos(env: Any, told: Any, info: dict[str, Any]) -> bool:
    """Return whether a shell tells what its world does; of what concerns each agent, an agent is told its own entry."""
    if not _parallel(env):
        return bool(data_equivalence(told, info, exact=True))
    each = len(env.possible_agents)
    return all(
        told[agent].keys() == info.keys()
        and all(
            np.array_equal(told[agent][name], value[i] if np.shape(value) == (each,) else value)
            for name, value in info.items()
        )
        for i, agent in enumerate(env.possible_agents)
    )


# ---------------------------------------------------------------------- the checks


def check_official_env(make: Make) -> None:
    """Gymnasium's own checker has nothing to say."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_official(make(), skip_render_check=True)


def check_official_parallel_env(make: Make) -> None:
    """PettingZoo's own tests of the interface and of seeds have nothing to say."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("error")
        parallel_api_test(make(), num_cycles=2 * STEPS)
        parallel_seed_test(make, num_cycles=STEPS)


def check_observations_are_in_their_space(make: Make) -> None:
    """Whatever is done, what is seen is in the space, finite, and rewards are."""
    env = make()
    for handed in _episode(env, SEED):
        for agent, (space, _) in _spaces(env).items():
            seen = handed[0] if agent is None else handed[0][agent]
            holds(space.contains(seen), f"an observation is not in {space}")
            holds(np.isfinite(seen), "an observation is not finite")
        if len(handed) > 2:
            holds(np.isfinite(_rows(env, handed[1])), "a reward is not finite")


def check_copies_do_the_same(make: Make) -> None:
    """Two copies with equal seeds and actions hand out bitwise the same, twice; another seed or other actions do not."""
    one, two = make(), make()
    first = _episode(one, SEED)
    holds(data_equivalence(first, _episode(two, SEED), exact=True), "equal seeds and actions, different episodes")
    holds(data_equivalence(first, _episode(one, SEED), exact=True), "an episode depends on the one before")
    holds(not data_equivalence(first[0], one.reset(seed=SEED + 1)), "another seed begins with the same")
    holds(not data_equivalence(first, _episode(two, SEED, actions=1)), "actions make no difference")


def check_episodes_without_a_seed_go_on(make: Make) -> None:
    """Resetting without a seed goes on with the generator: another episode, the same one for both copies."""
    one, two = make(), make()
    first, _ = [env.reset(seed=SEED)[0] for env in (one, two)]
    second, other = [env.reset()[0] for env in (one, two)]
    holds(data_equivalence(second, other, exact=True), "second episodes of copies differ")
    holds(not data_equivalence(first, second), "the second episode begins like the first")


def check_no_step_changes_the_past(make: Make) -> None:
    """What was handed out and what was handed in stay as they were."""
    env = make()
    handed = [env.reset(seed=SEED)]
    copies = deepcopy(handed)
    for action in _actions(env, STEPS):
        before = deepcopy(action)
        handed.append(env.step(action))
        copies.append(deepcopy(handed[-1]))
        holds(data_equivalence(action, before, exact=True), "a step changes its action")
        if _over(handed[-1]):
            break
    holds(data_equivalence(handed, copies, exact=True), "a step changes what was handed out before")


def check_what_is_handed_out_is_the_callers(make: Make) -> None:
    """Whoever writes into observations and infos changes nothing in the environment."""
    one, two = make(), make()
    _overwrite(one.reset(seed=SEED))
    two.reset(seed=SEED)
    for action in _actions(one, STEPS):
        step = one.step(deepcopy(action))
        holds(data_equivalence(step, two.step(action), exact=True), "writing into what was handed out changes what follows")
        if _over(step):
            break
        _overwrite(step)


def _overwrite(value: Any) -> None:
    if isinstance(value, np.ndarray):
        value[...] = 0
    elif isinstance(value, dict | tuple | list):
        for part in value.values() if isinstance(value, dict) else value:
            _overwrite(part)


def check_a_shell_adds_nothing(make: Make) -> None:
    """Observations, rewards and infos are those of the world's pure dynamics, states and generator handed in."""
    env, rng = make(), np_random(SEED)[0]
    world, state = env.world, env.world.initial(rng)
    seen, _ = env.reset(seed=SEED)
    holds(np.array_equal(_rows(env, seen), world.observation(state)), "the first observation is not the world's")
    for action in _actions(env, STEPS):
        step = env.step(action)
        rows = _rows(env, action)
        following = world.transition(state, rows, rng)
        holds(np.array_equal(_rows(env, step[0]), world.observation(following)), "an observation is not the world's")
        earned = np.asarray(world.reward(state, rows, following), dtype=float)
        holds(np.array_equal(_rows(env, step[1]), earned), "a reward is not the world's")
        holds(_same_infos(env, step[4], world.info(following)), "an info is not the world's")
        if _over(step):
            break
        state = following


def check_refused_actions_leave_no_trace(make: Make) -> None:
    """Actions that are not finite, outside of their space, between choices or of another shape leave no trace: refused."""
    one, two = make(), make()
    action = next(_actions(one, 1))
    one.reset(seed=SEED)
    two.reset(seed=SEED)
    agent, (_, space) = list(_spaces(one).items())[-1]
    for fault, what in _faults(space):
        refuses(partial(one.step, _with(action, agent, fault)), InstanceError, what)
    holds(data_equivalence(one.step(action), two.step(action), exact=True), "a refused action left a trace")


def _with(action: Any, agent: Any, part: Any) -> Any:
    return part if agent is None else {**action, agent: part}


def check_missing_and_unknown_agents_are_refused(make: Make) -> None:
    """Every agent acts, and no other."""
    env = make()
    env.reset(seed=SEED)
    action = next(_actions(env, 1))
    first = env.possible_agents[0]
    refuses(lambda: env.step({a: v for a, v in action.items() if a != first}), InstanceError, "a missing agent")
    refuses(lambda: env.step({**action, "nobody": action[first]}), InstanceError, "an unknown agent")


def check_steps_belong_to_an_episode(make: Make) -> None:
    """No step before the first reset."""
    env = make()
    action = next(_actions(env, 1))
    refuses(lambda: env.step(action), gymnasium.error.ResetNeeded, "a step before the first reset")


def check_vectorised(name: str, **arguments: Any) -> None:
    """Copies side by side do what each does alone."""
    register()
    copies = gymnasium.make_vec(name, num_envs=2, vectorization_mode="sync", **arguments)
    alone = [made(name, **arguments)() for _ in range(2)]
    seeds = [SEED, SEED + 1]
    seen, _ = copies.reset(seed=seeds)  # type: ignore[arg-type]
    holds(
        np.array_equal(seen, [env.reset(seed=seed)[0] for env, seed in zip(alone, seeds, strict=True)]), "first observations"
    )
    for action in _actions(alone[0], 3):
        seen, earned, *_ = copies.step(np.stack([action, action]))
        single = [env.step(action) for env in alone]
        holds(np.array_equal(seen, [step[0] for step in single]), "observations side by side differ from those alone")
        holds(np.array_equal(earned, [step[1] for step in single]), "rewards side by side differ from those alone")
    copies.close()


_COMMON: tuple[EnvCheck, ...] = (
    check_observations_are_in_their_space,
    check_copies_do_the_same,
    check_episodes_without_a_seed_go_on,
    check_no_step_changes_the_past,
    check_what_is_handed_out_is_the_callers,
    check_a_shell_adds_nothing,
    check_refused_actions_leave_no_trace,
    check_steps_belong_to_an_episode,
)

ENV_CHECKS: tuple[EnvCheck, ...] = (check_official_env, *_COMMON)

PARALLEL_CHECKS: tuple[EnvCheck, ...] = (
    check_official_parallel_env,
    *_COMMON,
    check_missing_and_unknown_agents_are_refused,
)
