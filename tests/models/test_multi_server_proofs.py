"""What proves answers about many servers at the edges: full servers, prices that leave digits, batches, no answer at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import mecopt
from mecopt import Status
from mecopt.models import MultiServerOffloading

Array = NDArray[Any]

PROVERS = ["exact", "price-and-fix"]


# ---------------------------------------------------------------------- items of a batch


@pytest.mark.parametrize(("users", "servers"), [(12, 2), (20, 3)])
def test_a_least_speed_in_one_item_says_nothing_about_the_others(users: int, servers: int) -> None:
    """Users who weigh alike are assigned to slots, whatever stands beside them."""
    gain = 1e-8 * (1.0 + 1e-3 * np.random.default_rng(users).standard_normal((users, servers)))
    alone = MultiServerOffloading(
        channel_gain=gain, server_speed=np.full(servers, 2.5e8 * users), local_speed=3e8, data_size=4e5
    )
    least = np.zeros((2, users))
    least[1, 0] = 1.0
    data = {name: np.stack([value, value]) for name, value in alone.data().items()}
    beside = MultiServerOffloading(
        **{**data, "least_speed": least, "local_speed": np.stack([alone.local_speed, 1e10 * alone.workload])}
    )
    one, two = mecopt.solve(alone), mecopt.solve(beside)
    assert two.statuses() == {"OPTIMAL": 2}
    assert two.decision[0].tolist() == one.decision.tolist()
    for name in ("objective", "bound", "gap", "violation"):
        assert getattr(two, name)[0] == getattr(one, name), name


# ---------------------------------------------------------------------- full servers


@pytest.mark.parametrize("solver", PROVERS)
@pytest.mark.parametrize("parts", [(0.5, 0.5), (0.25, 0.5, 0.25), (1.0,)])
def test_least_speeds_that_fill_a_server_leave_nothing_for_another_user(parts: tuple[float, ...], solver: str) -> None:
    """Beside users whose least speeds take all of a server somebody without one would wait forever."""
    speed, users = 1e10, len(parts) + 1
    problem = MultiServerOffloading(
        channel_gain=np.full((users, 1), 1e-8),
        server_speed=[speed],
        least_speed=[*(speed * part for part in parts), 0.0],
        workload=1e9 * (1.0 + 0.15 * np.arange(users)),
        local_speed=1e8,
    )
    assert problem.infeasible(np.ones(users, dtype=np.int8))
    answer, best = mecopt.solve(problem, solver=solver), mecopt.solve(problem, solver="enumerate")
    assert answer.status is Status.OPTIMAL
    assert answer.objective == pytest.approx(float(best.objective), rel=1e-12)
    assert answer.gap <= 1e-12
    if parts == (
        0.5,
        0.5,
    ):  # the first alone for 10 s; the others upload for 0.8 s each, and compute on halves for .23 s and .26 s
        assert answer.objective == pytest.approx(12.09, rel=1e-12)


# ---------------------------------------------------------------------- prices that leave digits


@pytest.mark.parametrize("solver", PROVERS)
@pytest.mark.parametrize("users", [1, 2, 5])
@pytest.mark.parametrize("speed", [1e3, 1.0, 1e-3, 1e-9])
def test_a_processor_that_is_next_to_none_takes_no_digits_from_the_proof(speed: float, users: int, solver: str) -> None:
    problem = MultiServerOffloading(
        channel_gain=np.full((users, 1), 2e-8), data_size=167.0, local_speed=speed, server_speed=[3.4e10]
    )
    expected = users * 167.0 / (1e6 * np.log2(3.0)) + users**2 * 1e9 / 3.4e10
    answer = mecopt.solve(problem, solver=solver)
    assert answer.objective == pytest.approx(expected, rel=1e-12)
    assert answer.status is Status.OPTIMAL
    assert answer.gap <= 1e-11
    assert answer.bound <= answer.objective * (1.0 + 1e-12)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), places=st.sampled_from([np.inf, 2.0]), scale=st.sampled_from([1e-6, 1.0, 1e6]))
def test_slots_are_proved_however_far_apart_the_choices_are(seed: int, places: float, scale: float) -> None:
    rng = np.random.default_rng(seed)
    problem = MultiServerOffloading(
        channel_gain=1e-8 * 10.0 ** rng.uniform(-2.0, 2.0, (6, 2)),
        local_speed=1e9 * 10.0 ** rng.uniform(-12.0, 1.0, 6),
        data_size=8e5 * 10.0 ** rng.uniform(-6.0, 1.0, 6),
        weight=scale,
        admission=places,
    )
    slots, enumerated = mecopt.solve(problem, solver="slots"), mecopt.solve(problem, solver="enumerate")
    assert slots.status is Status.OPTIMAL
    assert slots.objective == pytest.approx(float(enumerated.objective), rel=1e-12)
    assert slots.gap <= 1e-11


# ---------------------------------------------------------------------- no answer


@pytest.mark.parametrize("solver", PROVERS)
@pytest.mark.parametrize(("users", "servers"), [(4, 1), (12, 3), (40, 10)])
def test_least_speeds_above_all_that_there_is_are_refuted_at_the_root(users: int, servers: int, solver: str) -> None:
    """Nobody is in time alone, and together they need a millionth more than all servers have."""
    rng = np.random.default_rng(users)
    need = rng.uniform(0.9, 1.1, users)
    problem = MultiServerOffloading(
        channel_gain=1e-8 * 10.0 ** rng.uniform(-0.2, 0.2, (users, servers)),
        workload=1e9 * rng.uniform(0.5, 1.5, users),
        server_speed=np.full(servers, 1e10),
        least_speed=1e10 * servers * (1.0 + 1e-6) * need / need.sum(),
        local_speed=1e6,
        deadline=10.0,
    )
    answer = mecopt.solve(problem, solver=solver, throw=False)
    assert answer.status is Status.INFEASIBLE
    assert answer.stats.iterations == 1
    assert answer.bound == np.inf
    assert f"{users} users cannot compute in time alone and need" in answer.stats.messages[0]
    roomier = replace(problem, least_speed=problem.least_speed * 0.5)
    assert mecopt.solve(roomier, solver=solver, gap=0.1, time_limit=5.0, throw=False).status is not Status.INFEASIBLE


def test_what_a_deadline_leaves_of_a_server_is_proved_only_as_far_as_its_digits_go() -> None:
    """A deadline takes all of a server but a few units in the last place of its speed: the other cost is their inverse."""
    import mpmath

    mpmath.mp.dps = 60
    fields: dict[str, Any] = {
        "channel_gain": [[0.7150717577328745], [0.6250076336936401]],
        "workload": [920511536.4564525, 920511536.4564565],
        "data_size": [540132.5322288133, 995456.7957621336],
        "weight": [0.8082294635607554, 1.3260814650494497],
        "bandwidth": 1e6,
        "max_power": 2.9351140391046047e-09,
        "noise_power": 1e-8,
        "local_speed": 0.0,
        "server_speed": [8321859257.076673],
        "deadline": [2.075689450902349, np.inf],
    }
    problem = MultiServerOffloading(**fields)
    exact = {name: [mpmath.mpf(float(v)) for v in np.ravel(getattr(problem, name))] for name in fields}
    snr = [p * h / exact["noise_power"][0] for p, h in zip(exact["max_power"], exact["channel_gain"], strict=True)]
    rate = [b * mpmath.log(1 + s, 2) for b, s in zip(exact["bandwidth"], snr, strict=True)]
    up = [d / r for d, r in zip(exact["data_size"], rate, strict=True)]
    left = exact["server_speed"][0] - exact["workload"][0] / (exact["deadline"][0] - up[0])
    assert 0 < left < 1e-5
    right = exact["weight"][0] * exact["deadline"][0] + exact["weight"][1] * (up[1] + exact["workload"][1] / left)
    for answer in (
        *(mecopt.solve(problem, solver=name, throw=False) for name in ("exact", "price-and-fix", "enumerate")),
        mecopt.allocate(problem, [1, 1], throw=False),
    ):
        assert answer.decision.tolist() == [1, 1]
        assert float(answer.bound) <= right
        assert answer.status is mecopt.Status.FEASIBLE
    roomy = mecopt.solve(replace(problem, deadline=[2.1, np.inf]))
    assert roomy.status is mecopt.Status.OPTIMAL


@pytest.mark.parametrize("solver", ["exact", "slots"])
def test_the_only_place_of_a_decision_is_not_above_its_cost_by_rounding(solver: str) -> None:
    """What a user costs alone is summed in two ways, which differ in a last digit in one draw of some hundreds."""
    rng = np.random.default_rng(38)
    gain = 1e-8 * 10.0 ** rng.uniform(-1.0, 1.0, (3000, 1, 3))
    weight = 1.0 + 1e-7 * rng.uniform(-1.0, 1.0, (3000, 1))
    problem = MultiServerOffloading(channel_gain=gain, weight=weight, data_size=13669.0, server_speed=[5e10] * 3)
    answer = mecopt.solve(problem, solver=solver)
    assert answer.is_optimal.all()
    alone = [problem.objective(np.full((3000, 1), k), problem.closed_form(np.full((3000, 1), k))[0]) for k in range(4)]
    np.testing.assert_allclose(answer.objective, np.min(alone, axis=0), rtol=1e-12)


# ---------------------------------------------------------------------- local search


@pytest.mark.parametrize("preset", ["paper", "heterogeneous", "power-limited", "limited"])
def test_no_move_and_no_exchange_of_two_betters_what_local_search_leaves(preset: str) -> None:
    """Shares have bounds and places are limited in the last preset; moves and exchanges are costed by the problem itself."""
    batch = MultiServerOffloading.sample(np.random.default_rng(51), (6,), preset=preset, users=12)
    start = batch.decision_space.sample(np.random.default_rng(52), (6,))
    decision = mecopt.solve(batch, solver="local-search", start=start, throw=False).decision
    choices, users = len(batch.choices.labels), batch.users
    near = [decision]
    for i in range(users):
        for j in range(choices):
            moved = decision.copy()
            moved[:, i] = j
            near.append(moved)
        for k in range(i):
            exchanged = decision.copy()
            exchanged[:, i], exchanged[:, k] = decision[:, k], decision[:, i]
            near.append(exchanged)
    cost = batch.optimal_value(np.stack(near, axis=1))
    fits = np.isfinite(cost[:, 0])
    assert fits.sum() > 2
    assert (cost[fits].min(axis=1) >= cost[fits, 0] * (1.0 - 1e-12)).all()
    assert (cost[fits, 0] < batch.optimal_value(start)[fits]).any()
