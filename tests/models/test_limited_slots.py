"""Limits of one's own on what hybrid users keep: proofs, rollouts, ways of acting, and the command line."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import mecopt
from mecopt import InstanceError, Limit, Status
from mecopt.cli.main import main
from mecopt.contract.decision import SKIP
from mecopt.contract.limits import limits_of, without_limits
from mecopt.data import digest, load, save
from mecopt.dynamic import Record, Rollout, policy_of, rollout
from mecopt.dynamic.worlds import State
from mecopt.models import HybridSlot
from mecopt.models.hybrid_slot.dynamics.steps import HybridDynamics

RESERVE = Limit("a reserve", {"kept": 1}, least=12.0)
LOOSE = Limit("no matter", {"kept": 1}, least=0.0, most=1e4)
POLICIES = ("exact", "serve", "solver:random", "best-of-random", "greedy-must", "greedy-optout", "shadow-price", "learned")


def drawn(count: int, seed: int = 0) -> HybridSlot:
    """Draw slots of three users."""
    return HybridSlot.sample(np.random.default_rng(seed), (count,), users=3)


def windows(slots: HybridSlot, seed: int) -> list[Limit]:
    """Draw limits on what each of three users keeps, other numbers for each instance."""
    rng, shape = np.random.default_rng(seed), slots.batch_shape
    return [
        Limit("first", {"kept": rng.uniform(0.5, 2.0)}, least=rng.uniform(0.0, 40.0, shape), users=[0]),
        Limit("second", {"kept": -1.0}, least=-rng.uniform(5.0, 60.0, shape), users=[1]),
        Limit("third", {"kept": 1000.0}, least=8000.0, most=rng.uniform(9e3, 3e4, shape), unit="pJ", users=[2]),
    ]


def test_exact_is_the_best_of_all_quantities_that_limits_allow() -> None:
    slots = drawn(40)
    limited: Any = slots.limited(*windows(slots, 1))
    solution = mecopt.solve(limited)
    assert (solution.status == Status.OPTIMAL).all()
    assert (solution.violation <= 1e-9).all()
    first, second, third = (getattr(limited, f"limit_{name}_kept") for name in ("first", "second", "third"))
    least, most = np.zeros((40, 3)), np.full((40, 3), np.inf)
    least[:, 0] = limited.limit_first_least / first[:, 0]
    most[:, 1] = limited.limit_second_least / second[:, 1]
    least[:, 2] = limited.limit_third_least / third[:, 2] / 1000.0
    most[:, 2] = limited.limit_third_most / third[:, 2] / 1000.0
    own = np.full((40, 3), -np.inf)
    for part in np.linspace(0.0, 1.0, 9):
        kept = least + part * (np.minimum(most, 60.0) - least)
        for user in range(3):
            one = np.full((40, 3), SKIP)
            one[:, user] = np.maximum(kept[:, user], least[:, user])
            value = slots.per_user(one, slots.closed_form(one)[0])["reward"][:, user]
            own[:, user] = np.fmax(own[:, user], np.where(slots.infeasible(one), -np.inf, value))
    skipped = np.where(slots.workload > 0.0, -slots.outage_penalty, 0.0)
    best = np.maximum(own, skipped).sum(axis=-1)
    assert np.abs(solution.objective - best).max() <= 1e-9 * (1.0 + np.abs(best).max())


def test_decisions_outside_of_limits_have_no_allocation_and_say_which_user_breaks_them() -> None:
    slots = drawn(1)[0]
    limited = slots.limited(Limit("some", {"kept": 1}, least=5.0, most=9.0, users=[1]))
    assert limited.infeasible(np.array([SKIP, 4.0, SKIP]))
    assert limited.infeasible(np.array([SKIP, 9.5, SKIP]))
    assert not limited.infeasible(np.array([SKIP, SKIP, SKIP]))
    answer = mecopt.allocate(limited, [SKIP, 4.0, SKIP], throw=False)
    assert answer.status == Status.INFEASIBLE
    assert "user 1 keeps 4 nJ; allowed by limits: at least 5 nJ" in answer.stats.messages[0]
    allocation = slots.closed_form(np.array([SKIP, SKIP, SKIP]))[0]
    assert limited.violations(np.array([0.0, 4.0, 0.0]), allocation)["some"] == pytest.approx(0.2)
    assert limited.violations(np.array([0.0, 7.0, 0.0]), allocation)["some"] == 0.0


def test_weak_duality_and_monotony_in_the_reserve() -> None:
    slots = drawn(20, seed=3)
    values = []
    for least in (0.0, 10.0, 20.0, 40.0):
        limited = slots.limited(*(Limit(f"user {u}", {"kept": 1}, least=least, users=[u]) for u in range(3)))
        solution = mecopt.solve(limited)
        claims = limited.random_dual(np.random.default_rng(5), (20,))
        assert (limited.relaxed_bound(claims) >= solution.objective - 1e-9).all()
        values.append(solution.objective)
    assert (np.diff(values, axis=0) <= 1e-9).all()
    assert (values[-1] < values[0] - 1e-3).any()


def test_no_door_loses_a_limit(tmp_path: Path) -> None:
    limited = drawn(4).limited(RESERVE_OF_FIRST := Limit("first", {"kept": 1}, least=12.0, unit="nJ", users=[0]))
    assert limits_of(limited)[0].name == RESERVE_OF_FIRST.name
    assert not without_limits(limited).limits
    for again in (copy.deepcopy(limited), pickle.loads(pickle.dumps(limited)), limited[:][0:4]):
        assert digest(again) == digest(limited)
    for name in ("slots.json", "slots.npz"):
        save(tmp_path / name, limited)
        read = load(tmp_path / name).problem
        assert digest(read) == digest(limited)
        assert (mecopt.solve(read).decision[:, 0] != 0.0).all()
    assert digest(without_limits(limited)) != digest(limited)


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (Limit("x", {"offload": 1}, most=1), "unknown quantity"),
        (Limit("x", {"kept": 1}, least=5.0), "what 3 users decide together"),
        (Limit("x", {"kept": 1}, least=5.0, unit="kbit", users=[0]), "a unit that measures it"),
        (Limit("x", group=[1, 1, 0]), "decides no choices"),
        (Limit("x", {"kept": 1}, least=5.0, most=3.0, users=[0]), "less than least"),
        (Limit("x", allocation={"harvest_time": 1}, most=0.5), "no limit on allocations of hybrid-slot is proved"),
    ],
)
def test_what_is_no_limit_of_slots_is_refused(limit: Limit, words: str) -> None:
    with pytest.raises(InstanceError, match=words):
        drawn(2).limited(limit)


# ---------------------------------------------------------------------- slot after slot


def carried_out(dynamics: HybridDynamics, name: str, slots: int = 24) -> tuple[Rollout, Record, HybridSlot]:
    """Roll a policy out on the path of seed 1; return what every slot was, too."""
    stream, record, seen = dynamics.stream(np.random.default_rng(1), slots, 3), Record(), []

    def watch(number: int, slot: HybridSlot, *answer: object) -> None:
        seen.append(slot)
        record(number, slot, *answer)  # type: ignore[arg-type]

    found = rollout(dynamics, stream, policy_of(dynamics, name), np.random.default_rng(2), watch=watch)
    whole = {key: np.stack([one.data()[key] for one in seen]) for key in seen[0].data()}
    return found, record, type(seen[0])(**whole)


@pytest.mark.parametrize("name", POLICIES)
def test_every_slot_of_a_limited_rollout_keeps_its_limits(name: str) -> None:
    dynamics = HybridDynamics(step=2.0).limited(RESERVE)
    _, record, slots = carried_out(dynamics, name)
    broken = slots.violations(record.decision, record.allocation)
    assert broken["a reserve"].max() == 0.0
    assert max(value.max() for value in broken.values()) <= 1e-9
    serves = record.decision != SKIP
    assert serves.any()
    assert record.decision[serves].min() >= 12.0


@pytest.mark.parametrize("name", POLICIES)
def test_a_limit_that_cannot_bind_changes_no_digit_of_a_rollout(name: str) -> None:
    free, record, _ = carried_out(HybridDynamics(step=2.0), name)
    limited, other, _ = carried_out(HybridDynamics(step=2.0).limited(LOOSE), name)
    assert np.array_equal(free.reward, limited.reward)
    assert np.array_equal(record.decision, other.decision)


def test_a_limit_may_differ_from_slot_to_slot() -> None:
    dynamics, least = HybridDynamics(step=2.0), np.linspace(0.0, 20.0, 24)[:, None]
    stream = dynamics.stream(np.random.default_rng(1), 24, 3).limited(Limit("more and more", {"kept": 1}, least=least))
    record = Record()
    rollout(dynamics, stream, policy_of(dynamics, "exact"), np.random.default_rng(0), watch=record)
    serves = record.decision[..., 0] != SKIP
    assert np.array_equal(record.decision[..., 0][serves], np.broadcast_to(least, serves.shape)[serves])


def test_what_breaks_a_limit_is_refused_by_name() -> None:
    dynamics = HybridDynamics(step=2.0).limited(RESERVE)
    with pytest.raises(
        InstanceError, match="'a reserve' is on what is kept; allowed: the actions solver and solver-choices"
    ):
        policy_of(dynamics, "random")
    stream = dynamics.stream(np.random.default_rng(1), 2, 1)

    def greedy(slot: HybridSlot, rng: np.random.Generator) -> tuple[NDArray[np.float64], object]:
        nothing = np.zeros(slot.battery.shape)
        return nothing, without_limits(slot).closed_form(nothing)[0]

    with pytest.raises(InstanceError, match=r"slot 0: lane \[0\]: the answer breaks the limit 'a reserve'"):
        rollout(dynamics, stream, greedy, np.random.default_rng(0))


def test_nothing_is_proved_of_the_long_run_under_limits() -> None:
    dynamics = HybridDynamics(step=2.0).limited(RESERVE)
    assert dynamics.grids() is None
    assert dynamics.bracket() is None
    assert "'a reserve' is one" in str(dynamics.why_unproved())
    assert HybridDynamics(step=2.0).why_unproved() is None


@pytest.mark.parametrize("actions", ["solver", "solver-choices"])
def test_whatever_is_done_in_a_limited_world_keeps_the_limits(actions: str) -> None:
    world = HybridDynamics(step=2.0).limited(RESERVE).world(actions)
    rng = np.random.default_rng(4)
    state = world.initial(rng, (16,))
    for _ in range(6):
        given = rng.uniform(-1.0, 1.0, (16, 1)) if actions == "solver" else rng.integers(0, 12, 16)
        slot: HybridSlot = state.problem
        decision, allocation = world.answered(State(slot), given, rng)
        assert max(value.max() for value in slot.violations(decision, allocation).values()) <= 1e-9
        state = world.transition(state, given, rng)
    with pytest.raises(InstanceError, match="promise to keep nothing"):
        HybridDynamics(step=2.0).limited(RESERVE).world("raw")


def test_environments_take_limits() -> None:
    gymnasium = pytest.importorskip("gymnasium")
    import mecopt.environments

    name = next(one for one in mecopt.environments.environment_ids() if "HybridSlot" in one)
    for limits in (RESERVE, [RESERVE]):
        one = gymnasium.make(name, limits=limits)
        one.reset(seed=0)
        for action in (0.9, 0.1, -1.0):
            one.step(np.array([action], dtype=np.float32))
        assert one.unwrapped.world.dynamics.limited_slot.limits[0].name == "a reserve"
    many = gymnasium.make_vec(name, num_envs=3, limits=RESERVE)
    many.reset(seed=0)
    assert np.isfinite(many.step(many.action_space.sample())[1]).all()


def test_the_command_rolls_out_under_limits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "limits.json"
    file.write_text(json.dumps([{"name": "a reserve", "decision": {"kept": 1}, "least": "12000 pJ", "unit": "nJ"}]))
    told = {}
    for name, more in (("free", []), ("limited", ["--limit", str(file)])):
        words = [
            "rollout",
            "hybrid-slot",
            "--policies",
            "exact",
            "--slots",
            "64",
            "--lanes",
            "2",
            "--set",
            "step=2",
            "--json",
        ]
        with pytest.raises(SystemExit, match=r"^0$"):
            main([*words, "-o", str(tmp_path / name), *more])
        told[name] = json.loads(capsys.readouterr().out)
    assert told["limited"]["path"] != told["free"]["path"]
    assert "a reserve" in told["limited"]["unproved"]
    assert "every slot keeps the limit" in (tmp_path / "limited" / "report.html").read_text()
