"""Proofs hold where data are at their limits, and where a part of the machinery is wrong on purpose."""

from typing import Any, NamedTuple

import numpy as np
import pytest
from numba import njit

import mecopt
from mecopt import Status
from mecopt.contract.certificate import certify, judge
from mecopt.models import BinaryOffloading, MultiServerOffloading, PricedPower
from mecopt.testing.statements import certified


def _tight(rng: np.random.Generator, count: int, users: int, servers: int) -> MultiServerOffloading:
    """Users who must offload, with little or nothing to upload, to servers with few places and late enough deadlines."""
    work = rng.uniform(0.5e9, 2e9, (count, users))
    speed = rng.uniform(3e9, 1e10, (count, servers))
    return MultiServerOffloading(
        channel_gain=np.full((count, users, servers), 1e-7),
        data_size=np.where(rng.random((count, users)) < 0.5, 0.0, 1.0),
        workload=work,
        weight=rng.uniform(0.2, 2.0, (count, users)),
        server_speed=speed,
        admission=rng.integers(1, users + 1, (count, servers)),
        deadline=work / speed.mean() * rng.uniform(0.8, 4.0, (count, users)),
        local_speed=1e8,
    )


def test_exact_search_proves_what_enumeration_finds_where_few_decisions_fit() -> None:
    rng = np.random.default_rng(31)
    statuses: list[Status] = []
    for users, servers in ((3, 2), (4, 2), (4, 3)):
        batch = _tight(rng, 150, users, servers)
        exact, oracle = (mecopt.solve(batch, solver=name, throw=False) for name in ("price-and-fix", "enumerate"))
        assert list(exact.status) == list(oracle.status)
        some = np.isfinite(oracle.objective)
        assert np.allclose(exact.objective[some], oracle.objective[some], rtol=1e-10)
        statuses += list(exact.status)
    assert {Status.OPTIMAL, Status.INFEASIBLE} == set(statuses)
    assert min(statuses.count(status) for status in set(statuses)) > 40


def test_local_search_never_loses_an_allocation_and_never_costs() -> None:
    rng = np.random.default_rng(32)
    batch = _tight(rng, 3000, 4, 2)
    start = batch.decision_space.sample(rng, (3000,))
    before = batch.optimal_value(start)
    after = batch.optimal_value(mecopt.solve(batch, solver="local-search", start=start, throw=False).decision)
    assert np.isfinite(before).sum() > 20
    assert (after <= before * (1 + 1e-12)).all()
    assert (np.isfinite(after) & ~np.isfinite(before)).sum() > 10  # and it repairs some


class LyingData(NamedTuple):
    """The data of one server, for which `evaluate` calls every decision but one dear."""

    servers: Any
    order: Any


def test_a_value_that_lies_costs_the_gap_and_not_the_proof() -> None:
    from mecopt.search import count_tree, one_server

    def dear(data: Any, decision: Any) -> float:
        return float(10.0 * one_server.evaluate(data, decision))

    def instance(data: LyingData, b: int) -> LyingData:
        return LyingData(data.servers, data.order[b])

    count_tree.attach(
        LyingData,
        model_relax=one_server.relax,
        model_slacks=one_server.slacks,
        model_evaluate=njit(dear),
        model_uses=one_server.uses,
        model_instance=njit(instance),
    )
    for problem in BinaryOffloading.sample(np.random.default_rng(33), (5,), preset="heterogeneous", users=6):
        data = BinaryOffloading.solvers["exact"].data_of_one(problem)  # type: ignore[attr-defined]
        tree = count_tree.CountTree(LyingData(*data), 6, 2, np.ones(1), None)
        tree.descend(1e-12, 1000)
        assert tree.done
        assert tree.bound <= float(mecopt.solve(problem).objective) * (1 + 1e-12)


def test_a_bound_that_denies_an_answer_contradicts_it() -> None:
    problem = BinaryOffloading(data_size=[12.0, 7.5])
    answer = mecopt.solve(problem)
    status, contradiction = judge(certify(problem, answer.decision, answer.allocation, np.array(np.inf)), 1e-6, False, False)
    assert contradiction
    assert status is Status.FAILED


@pytest.mark.parametrize("servers", [1, 2])
def test_slots_are_proved_where_full_servers_leave_nobody_a_choice(servers: int) -> None:
    problem = MultiServerOffloading(channel_gain=np.full((4, servers), 1e-7), local_speed=1e-300, admission=4 // servers)
    answer, oracle = mecopt.solve(problem, solver="slots"), mecopt.solve(problem, solver="enumerate")
    assert answer.status is Status.OPTIMAL
    assert float(answer.objective) == pytest.approx(float(oracle.objective), rel=1e-12)


def test_a_user_of_no_weight_may_wait_forever() -> None:
    for solver in ("exact", "price-and-fix", "greedy", "enumerate"):
        problem = MultiServerOffloading(channel_gain=np.full((2, 2), 1e-7), weight=[0.0, 1.0])
        assert mecopt.solve(problem, solver=solver).violation == 0.0


def test_a_deadline_exactly_met_is_met() -> None:
    rng = np.random.default_rng(34)
    problem = MultiServerOffloading.sample(rng, (200,), users=1, servers=1, local_speed=1.0)
    just = problem.upload_time()[..., 0] + problem.workload / problem.server_speed
    late = MultiServerOffloading(**{**problem.data(), "deadline": just})
    assert mecopt.solve(late).statuses() == {"OPTIMAL": 200}
    never = MultiServerOffloading(**{**problem.data(), "deadline": just * (1 - 1e-6)})
    assert mecopt.solve(never, throw=False).statuses() == {"INFEASIBLE": 200}


def test_one_price_settles_powers_that_are_nearly_all_at_their_caps() -> None:
    problem = PricedPower(
        channel_gain=[6e-7, 1.2e-11, 4.3e-6],
        data_size=[2.5e4, 1.6e9, 3.7e5],
        weight=[0.015, 0.32, 3600.0],
        energy_price=0.0,
        interference_gain=[1.9e-8, 2.5e-10, 1e-11],
        interference_limit=3.8e-10,
        local_cost=1e9,
    )
    price, cone = mecopt.allocate(problem, [1, 1, 1]), mecopt.allocate(problem, [1, 1, 1], backend="clarabel")
    assert price.status is Status.OPTIMAL
    certified(price, cone, PricedPower.backends["clarabel"].proves, "clarabel")


def test_what_is_proved_impossible_is_said_so_without_an_objective() -> None:
    problem = MultiServerOffloading(channel_gain=[[1e-7]], deadline=1e-3)
    answer = mecopt.solve(problem, throw=False)
    assert answer.status is Status.INFEASIBLE
    assert np.isnan(answer.objective)
    assert "server 1" not in str(answer)
    why = "no decision has an allocation that satisfies the constraints: user 0 has no place: alone it takes 1 s"
    assert " ".join(str(answer).split()).count(why) == 1
    assert str(answer).count("constraints") == 1
    with pytest.raises(mecopt.SolveFailed, match=why):
        mecopt.solve(problem)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"deadline": [9.0, 1e-3, 1e-3]}, r"user 1 has no place: .* deadline is 0.001 s, .*one of 2 such users"),
        ({"deadline": 0.5, "admission": 1.0}, "3 users cannot compute in time alone, and the servers admit 2 in all"),
    ],
)
def test_the_limit_that_leaves_no_decision_is_named(fields: dict[str, Any], why: str) -> None:
    problem = MultiServerOffloading(channel_gain=np.full((3, 2), 1e-7), **fields)
    with pytest.raises(mecopt.SolveFailed, match=why):
        mecopt.solve(problem)


@pytest.mark.parametrize(
    ("decision", "why"),
    [
        ([1, 1, 0], "server 1 holds 2 users and admits 1"),
        ([2, 2, 0], r"the users of server 2 need 4e\+10 cycle/s, and it has 3e\+10"),
        ([0, 3, 1], "user 1, server 3, has no speed within its limits that keeps its deadline of 9 s"),
        ([0, 1, 0], None),
    ],
)
def test_the_limit_that_leaves_a_decision_no_allocation_is_named(decision: list[int], why: str | None) -> None:
    problem = MultiServerOffloading(
        channel_gain=np.full((3, 3), 1e-7),
        admission=[1.0, 2.0, 3.0],
        server_speed=[3e10, 3e10, 1e10],
        least_speed=2e10,
        deadline=9.0,
    )
    if why is None:
        assert mecopt.allocate(problem, decision).status is Status.OPTIMAL
        return
    with pytest.raises(mecopt.SolveFailed, match=why):
        mecopt.allocate(problem, decision)
    batch = mecopt.allocate(problem, [decision, [0, 0, 0]], throw=False)
    assert batch.statuses() == {"OPTIMAL": 1, "INFEASIBLE": 1}
    assert list(batch.stats.messages) == [0]


def test_of_limits_that_leave_nothing_only_together_none_is_named() -> None:
    problem = MultiServerOffloading(
        channel_gain=np.full((3, 2), 1e-7), server_speed=3e10, least_speed=2e10, deadline=0.5, workload=1e9
    )
    answer = mecopt.solve(problem, throw=False)
    assert answer.status is Status.INFEASIBLE
    assert answer.stats.messages == {0: "no decision has an allocation that satisfies the constraints"}


def test_limits_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(mecopt.MecoptError, match=r"least_speed\[1\] is 5.0; allowed: at most most_speed, which is 4.0"):
        MultiServerOffloading(channel_gain=np.full((2, 1), 1e-7), least_speed=[1.0, 5.0], most_speed=4.0)
    with pytest.raises(mecopt.MecoptError, match=r"admission\[0\] is 1.5; allowed: whole numbers"):
        MultiServerOffloading(channel_gain=np.full((2, 1), 1e-7), admission=1.5)


def test_an_infeasible_decision_is_not_handed_out() -> None:
    problem = MultiServerOffloading(channel_gain=np.full((2, 1), 1e-7), admission=1.0)
    with pytest.raises(mecopt.MecoptError, match="this decision has no allocation"):
        problem.to_cvxpy([1, 1])


def test_enumeration_proves_every_decision_and_believes_no_score() -> None:
    """Were the score of the best decision too high, it would be passed over; its bound says so."""

    class Passing(BinaryOffloading):
        def optimal_value(self, decision: Any) -> Any:
            return super().optimal_value(decision) * np.where((decision == best).all(axis=-1), 3.0, 1.0)

    for instance in BinaryOffloading.sample(np.random.default_rng(34), (5,), preset="heterogeneous", users=5):
        right = mecopt.solve(instance, solver="enumerate")
        assert right.status is Status.OPTIMAL
        best = right.decision
        passed = mecopt.solve(Passing(**instance.data()), solver="enumerate")
        assert (passed.decision != best).any()
        assert passed.status is Status.FEASIBLE
        assert float(passed.bound) <= float(right.objective) * (1.0 + 1e-12)
        assert float(passed.gap) >= 1.0 - float(right.objective / passed.objective) - 1e-12


def test_of_decisions_that_are_equally_good_the_same_is_found_in_a_batch_and_alone() -> None:
    """A theorem says something of the second item and nothing of the first, whose two answers differ by a last digit."""
    tied = BinaryOffloading(
        data_size=[[45793962.666666664, 42560066.666666664], [10.0, 10.0]],
        local_rate=[[4.999246011400307, 4.999217894572188], [3.0, 3.000001]],
        capacity=[24417.0, 30.0],
    )
    for batch in (tied, BinaryOffloading.sample(np.random.default_rng(0), 30, preset="subset-sum", users=7)):
        whole = mecopt.solve(batch)
        for k, one in enumerate(batch):
            alone = mecopt.solve(one)
            np.testing.assert_array_equal(whole.decision[k], alone.decision)
            assert (whole.objective[k], whole.bound[k]) == (alone.objective, alone.bound)
