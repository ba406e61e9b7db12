"""The agents of `h-maddpg`: they reach optima that are known, and an update is what its formulas say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mecopt import InstanceError
from mecopt.learners.h_maddpg.agents import Agents
from mecopt.learners.h_maddpg.memory import Memory, Transitions
from mecopt.learners.h_maddpg.networks import Networks, act, actions, initial_actors
from mecopt.learners.h_maddpg.settings import HMaddpgSettings

Array = NDArray[Any]

QUICK: dict[str, Any] = {
    "hidden": (32, 32),
    "critic_hidden": 64,
    "actor_rate": 0.003,
    "critic_rate": 0.01,
    "memory": 500,
    "smoothing": 0.05,
}

STATES = np.linspace(0.0, 1.0, 21)


def taught(agents: Agents, draw: Callable[[Any, Array], tuple[Array, Array]], frames: int) -> Agents:
    """Let agents play, ever less at random: `draw` gives, from what is seen and done, the rewards and what is seen next."""
    random = rng(8)
    seen, shape = random.random(agents.memory.kept.seen.shape[1:]), agents.memory.kept.action.shape[1:]
    for number in range(frames):
        noise = 0.05 + 0.5 * (1.0 - number / frames)
        action = np.clip(agents.act(seen) + noise * random.standard_normal(shape), 0.0, 1.0)
        reward, following = draw(random, np.concatenate([seen, action], axis=-1))
        agents.memory.add(seen, action, reward, following)
        agents.learn(random)
        seen = following
    return agents


def made(count: int, central: bool, inputs: int = 1, numbers: int = 1, **more: Any) -> Agents:
    return Agents(count, inputs, numbers, central, HMaddpgSettings(**{**QUICK, **more}), np.random.default_rng(4))


# ---------------------------------------------------------------------- toys


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_ddpg_finds_the_best_action_of_a_quadratic(activation: str) -> None:
    def draw(random: Any, played: Array) -> tuple[Array, Array]:
        seen, action = played.T
        return -np.square(action - 0.2 - 0.6 * seen), random.random((1, 1))

    agents = taught(made(1, False, activation=activation), draw, 800)
    lost = np.square(agents.act(STATES[:, None, None])[:, 0, 0] - 0.2 - 0.6 * STATES)
    assert lost.mean() < 0.006  # the best action that does not look at the state loses 0.03


@pytest.mark.parametrize("discount", [0.0, 0.5, 0.8])
def test_ddpg_looks_as_far_ahead_as_it_discounts(discount: float) -> None:
    # What is done is seen next and earns then what it cost now: the best of gamma a - a^2 / 2 is a = gamma.
    def draw(random: Any, played: Array) -> tuple[Array, Array]:
        seen, action = played.T
        return seen - np.square(action) / 2.0, action[:, None]

    agents = taught(made(1, False, discount=discount), draw, 800)
    np.testing.assert_allclose(agents.act(STATES[:, None, None]).mean(), discount, atol=0.1)


def test_maddpg_cooperates_as_well_as_can_be() -> None:
    # The first agent has to say s, the second 1 less what the first says; both earn the same, at most 1.
    def draw(random: Any, played: Array) -> tuple[Array, Array]:
        seen, action = played.T
        reward = 1.0 - np.square(action[0] - seen[0]) - np.square(action.sum() - 1.0)
        return np.full(2, reward), np.full((2, 1), random.random())

    agents = taught(made(2, True), draw, 1500)
    first, second = agents.act(np.broadcast_to(STATES[:, None, None], (21, 2, 1)))[..., 0].T
    earned = 1.0 - np.square(first - STATES) - np.square(first + second - 1.0)
    assert earned.mean() > 0.98  # agents that do not look at the state earn 0.92 at most


def test_agents_of_their_own_reward_learn_side_by_side() -> None:
    wanted = np.array([0.2, 0.5, 0.8])

    def draw(random: Any, played: Array) -> tuple[Array, Array]:
        return -np.square(played[:, 1] - wanted), random.random((3, 1))

    agents = taught(made(3, False), draw, 800)
    np.testing.assert_allclose(agents.act(np.full((3, 1), 0.5))[:, 0], wanted, atol=0.1)


def test_actors_of_table_i_can_do_what_the_state_asks_for() -> None:
    # Told what to do, of two kinds at once: whatever a critic makes of them, sigmoids alone do not keep them from it.
    torch, random = pytest.importorskip("torch"), rng(3)
    settings = HMaddpgSettings()
    networks = Networks(initial_actors(2, (9, *settings.hidden, 3), rng(0)), settings.actor_rate)
    signs = np.array([1.0, -1.0])[:, None, None]

    def wanted(seen: Array) -> Array:
        return np.repeat(0.5 + 0.4 * signs * np.tanh(1.5 * seen[..., 2:3]), 3, axis=-1).astype(np.float32)

    for _ in range(1200):
        seen = random.standard_normal((2, 64, 9)).astype(np.float32)
        done = actions(networks.layers(networks.vector), torch.from_numpy(seen), settings.activation)
        networks.descend((done - torch.from_numpy(wanted(seen))).square().mean(), "actors")
    seen = random.standard_normal((2, 500, 9)).astype(np.float32)
    found = act(networks.arrays, seen.swapaxes(0, 1), settings.activation).swapaxes(0, 1)
    assert np.square(found - wanted(seen)).mean() < 0.05 * wanted(seen).var(axis=1).mean()


# ---------------------------------------------------------------------- one update, by hand


def actor(arrays: list[Array], k: int, seen: Array) -> Array:
    """Return what actor k does, layer by layer in double precision."""
    values = seen.astype(float)
    for n in range(0, len(arrays), 2):
        values = values @ arrays[n][k].astype(float) + arrays[n + 1][k, 0]
        values = 1.0 / (1.0 + np.exp(-values))
    return values


def critic(arrays: list[Array], k: int, seen: Array, action: Array) -> Array:
    """Return what critic k says, in double precision."""
    by_seen, by_action, offset, last, constant = (array[k].astype(float) for array in arrays)
    hidden = np.maximum(seen.astype(float) @ by_seen + action.astype(float) @ by_action + offset[0], 0.0)
    return np.asarray((hidden @ last)[:, 0] + constant[0, 0])


def heard(central: bool, k: int, part: Array) -> Array:
    """Return what critic k sees of what it drew, ``(draws, agents, ...)``."""
    return part.reshape(len(part), -1) if central else part[:, k]


def losses(central: bool, arrays: dict[str, list[Array]], drawn: Transitions, discount: float) -> list[float]:
    """Return the mean squared error of each critic, from the formula."""
    found = []
    for k, (seen, action, reward, following) in enumerate(zip(*drawn, strict=True)):
        later = np.stack([actor(arrays["later_actors"], j, following[:, j]) for j in range(seen.shape[1])], axis=1)
        best = critic(arrays["later_critics"], k, heard(central, k, following), heard(central, k, later))
        wanted = reward[:, k] + discount * best
        said = critic(arrays["critics"], k, heard(central, k, seen), heard(central, k, action))
        found.append(float(np.square(said - wanted).mean()))
    return found


def expected(central: bool, arrays: dict[str, list[Array]], drawn: Transitions) -> list[float]:
    """Return what each critic expects where its own agent does as its actor says, and the others what they did."""
    found = []
    for k, (seen, action) in enumerate(zip(drawn.seen, drawn.action, strict=True)):
        acted = action.astype(float)
        acted[:, k] = actor(arrays["actors"], k, seen[:, k])
        found.append(float(critic(arrays["critics"], k, heard(central, k, seen), heard(central, k, acted)).mean()))
    return found


def arrays_of(agents: Agents) -> dict[str, list[Array]]:
    parts = {"actors": agents.actors, "critics": agents.critics}
    now = {name: [a.copy() for a in held.arrays] for name, held in parts.items()}
    later = {f"later_{name}": [a.numpy().copy() for a in held.layers(held.target)] for name, held in parts.items()}
    return {**now, **later}


@pytest.fixture(params=[False, True], ids=["ddpg", "maddpg"])
def example(request: pytest.FixtureRequest) -> tuple[Agents, Transitions]:
    """Agents after a few updates, so that the targets lag behind, and what they draw next."""
    agents = Agents(3, 4, 2, request.param, HMaddpgSettings(hidden=(7, 5), activation="sigmoid", batch=16), rng(0))
    for _ in range(40):
        agents.memory.add(rng(_).random((3, 4)), rng(_ + 1).random((3, 2)), rng(_ + 2).random(3), rng(_ + 3).random((3, 4)))
    for number in range(5):
        agents.learn(rng(number))
    return agents, agents.memory.draw(16, rng(99))


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_loss_and_value_are_those_of_the_formulas(example: tuple[Agents, Transitions]) -> None:
    agents, drawn = example
    before = arrays_of(agents)
    said = agents.update(drawn)
    assert said.loss == pytest.approx(np.mean(losses(agents.central, before, drawn, 0.5)), rel=1e-4)
    then = {**before, "critics": arrays_of(agents)["critics"]}
    assert said.value == pytest.approx(np.mean(expected(agents.central, then, drawn)), rel=1e-4)


def test_the_first_step_goes_down_the_loss_and_up_the_value(example: tuple[Agents, Transitions]) -> None:
    # Adam's first step is the learning rate against the sign of the derivative, here by finite differences.
    agents, drawn = example
    for held in (agents.actors, agents.critics):
        held.optimiser.state.clear()
    before = arrays_of(agents)
    agents.update(drawn)
    after = arrays_of(agents)
    then = {**before, "critics": after["critics"]}

    def slope(name: str, array: int, index: tuple[int, ...]) -> float:
        ends = []
        for step in (1e-4, -1e-4):
            moved = dict(before if name == "critics" else then)
            moved[name] = [a.astype(float) for a in moved[name]]
            moved[name][array][index] += step
            loss = losses(agents.central, moved, drawn, 0.5) if name == "critics" else expected(agents.central, moved, drawn)
            ends.append(float(np.sum(loss)))
        return (ends[0] - ends[1]) / 2e-4 * (1.0 if name == "critics" else -1.0)

    tried = 0
    for name in ("critics", "actors"):
        for array, old in enumerate(before[name]):
            for number in rng(array).permutation(old.size)[:4]:
                index = tuple(int(i) for i in np.unravel_index(number, old.shape))
                found = slope(name, array, index)
                if abs(found) > 1e-4:
                    assert after[name][array][index] - old[index] == pytest.approx(-0.001 * np.sign(found), rel=0.02)
                    tried += 1
    assert tried > 20


def test_targets_follow_by_a_part_of_the_way(example: tuple[Agents, Transitions]) -> None:
    agents, drawn = example
    before = arrays_of(agents)
    agents.update(drawn)
    after = arrays_of(agents)
    for name in ("actors", "critics"):
        for target, old, now in zip(after[f"later_{name}"], before[f"later_{name}"], after[name], strict=True):
            np.testing.assert_allclose(target, 0.9 * old + 0.1 * now, rtol=1e-5, atol=1e-7)


def test_nobody_learns_before_there_is_a_batch() -> None:
    agents = made(1, False, batch=5)
    first = agents.state()
    for number in range(4):
        agents.memory.add(np.ones((1, 1)), np.ones((1, 1)), np.ones(1), np.ones((1, 1)))
        assert np.isnan(agents.learn(rng(number))).all()
    np.testing.assert_array_equal(agents.state()["actors_vector"], first["actors_vector"])
    agents.memory.add(np.ones((1, 1)), np.ones((1, 1)), np.ones(1), np.ones((1, 1)))
    assert np.isfinite(agents.learn(rng(0))).all()


def test_a_training_that_diverges_says_so() -> None:
    agents = made(1, False, batch=1)
    agents.memory.add(np.ones((1, 1)), np.ones((1, 1)), np.full(1, np.inf), np.ones((1, 1)))
    with pytest.raises(InstanceError, match="the loss of the critics became inf: training diverged"):
        agents.learn(rng(0))


# ---------------------------------------------------------------------- who sees what


@pytest.mark.parametrize("central", [False, True])
def test_an_actor_sees_nothing_of_the_others(central: bool) -> None:
    agents = made(3, central, inputs=4, numbers=2)
    seen = rng(0).random((3, 4))
    before = agents.act(seen)
    for k in range(3):
        other = np.where(np.arange(3)[:, None] == k, seen, rng(1).random((3, 4)))
        np.testing.assert_array_equal(agents.act(other)[k], before[k])
        assert (agents.act(other)[np.arange(3) != k] != before[np.arange(3) != k]).all()


@pytest.mark.parametrize("central", [False, True])
def test_a_critic_hears_of_the_others_in_maddpg_alone(central: bool) -> None:
    one, two = (made(3, central, inputs=4, numbers=2, batch=8) for _ in range(2))
    shapes = ((3, 8, 3, 4), (3, 8, 3, 2), (3, 8, 3), (3, 8, 3, 4))
    drawn = Transitions(*(rng(n).random(shape).astype(np.float32) for n, shape in enumerate(shapes)))
    action = drawn.action.copy()
    action[0, :, 1:] = 1.0 - action[0, :, 1:]  # what the others did in the transitions that the first agent drew
    one.update(drawn)
    two.update(drawn._replace(action=action))
    same = [np.array_equal(a[0], b[0]) for a, b in zip(one.critics.arrays, two.critics.arrays, strict=True)]
    assert all(same) is not central


def test_actions_are_between_0_and_1() -> None:
    agents = made(2, False, inputs=3, numbers=4)
    acted = agents.act(1e4 * rng(0).standard_normal((50, 2, 3)))
    assert ((acted >= 0.0) & (acted <= 1.0)).all()


# ---------------------------------------------------------------------- the memory


def filled(capacity: int, count: int) -> Memory:
    memory = Memory(capacity, 2, 3, 1)
    for number in range(count):
        memory.add(np.full((2, 3), number), np.full((2, 1), number), np.full(2, number), np.full((2, 3), number + 1))
    return memory


@pytest.mark.parametrize("count", [0, 3, 5, 6, 13])
def test_the_last_transitions_are_kept(count: int) -> None:
    memory = filled(5, count)
    assert memory.filled == min(count, 5)
    kept = memory.kept.reward[: memory.filled, 0]
    assert sorted(kept.tolist()) == list(range(max(count - 5, 0), count))


def test_draws_are_of_what_is_there_alike_and_whole() -> None:
    memory = filled(1000, 10)
    drawn = memory.draw(20_000, rng(0))
    assert [part.shape for part in drawn] == [(2, 20_000, 2, 3), (2, 20_000, 2, 1), (2, 20_000, 2), (2, 20_000, 2, 3)]
    often = np.bincount(drawn.reward[0, :, 0].astype(int), minlength=10)
    np.testing.assert_allclose(often, 2000, atol=6 * np.sqrt(2000 * 0.9))
    np.testing.assert_array_equal(drawn.seen[..., 0], drawn.reward)
    np.testing.assert_array_equal(drawn.action[..., 0], drawn.reward)
    np.testing.assert_array_equal(drawn.following[..., 0], drawn.reward + 1)
    assert not np.array_equal(drawn.reward[0], drawn.reward[1])  # every agent draws its own


def test_state_and_restore_lose_nothing() -> None:
    one, two = (Agents(2, 3, 1, True, HMaddpgSettings(**{**QUICK, "batch": 4, "memory": 9}), rng(seed)) for seed in (0, 1))
    for number in range(12):
        one.memory.add(rng(number).random((2, 3)), rng(number).random((2, 1)), rng(number).random(2), np.ones((2, 3)))
        one.learn(rng(number))
    two.restore(one.state())
    for number in range(3):
        assert one.learn(rng(number)) == two.learn(rng(number))
    for name, value in one.state().items():
        np.testing.assert_array_equal(value, two.state()[name])
