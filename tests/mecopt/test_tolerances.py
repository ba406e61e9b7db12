"""What counts as feasible, as proved, and as a contradiction, and that failures say what is wrong."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mecopt
from mecopt.backends.one_by_one import OneByOne, Single
from mecopt.contract.certificate import BOUGHT, CONTRADICTION, VIOLATION, certify, distance, judge, may_be_better, reasons
from mecopt.contract.certified import Status
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.contract.solver import GAP
from mecopt.models import BinaryOffloading, ComputationRate, PricedPower


def frames(count: int = 5) -> ComputationRate:
    return ComputationRate.sample(np.random.default_rng(0), (count,), users=4)


def grown(best: Solution, factor: float) -> Any:
    """Let an allocation of times overrun its frame: the rate is of degree one in them, so it gains just as much."""
    return dataclasses.replace(
        best.allocation, **{name: value * factor for name, value in best.allocation.as_dict().items()}
    )


@pytest.mark.parametrize(
    ("overrun", "status"),
    [
        (0.0, Status.OPTIMAL),
        (1e-13, Status.OPTIMAL),
        (0.5 * CONTRADICTION, Status.OPTIMAL),
        (2.0 * CONTRADICTION, Status.FEASIBLE),
        (4e-9, Status.FEASIBLE),
        (0.99 * VIOLATION, Status.FEASIBLE),
        (2.0 * VIOLATION, Status.FAILED),
        (1e-3, Status.FAILED),
    ],
)
def test_an_overrun_frame_gains_what_it_overruns_and_is_judged_by_that(overrun: float, status: Status) -> None:
    problem = frames()
    best = mecopt.solve(problem)
    allocation = grown(best, 1.0 + overrun)
    certificate = certify(problem, best.decision, allocation, best.bound)
    gained = -certificate.gap * (1.0 + overrun)
    assert (gained <= overrun + 1e-11).all()  # offloading gains as much, local computing its cube root
    assert (gained >= overrun / 3.0 - 1e-11).all()
    given, contradiction = judge(certificate, GAP, False, False)
    assert set(given) == {status}
    assert not contradiction.any()
    said = reasons(problem, best.decision, allocation, certificate, np.array([one is Status.FAILED for one in given]))
    if status is Status.OPTIMAL:
        assert not said
    elif status is Status.FEASIBLE:
        assert said[0].startswith(f"beats the proved bound by {gained[0]:.2g} (relative), about what overrunning 'frame' by")
        np.testing.assert_allclose(distance(certificate), gained)
    else:
        assert said[0] == f"the answer violates the constraint 'frame' by {overrun:.2g} of its limit"


def judged(objective: float, bound: float, size: float, tolerance: float = GAP) -> Status:
    """Return the status of an exact allocation whose objective and bound are these, beside a negligible objective."""
    problem = MadeUp.sample(np.random.default_rng(0), users=2, preset="paper", data_size=[objective, size])
    allocation = mecopt.allocate(BinaryOffloading(data_size=[1.0, 1.0]), [0, 0]).allocation
    return judge(certify(problem, np.zeros(2, np.int8), allocation, np.asarray(bound)), tolerance, False, False)[0]  # type: ignore[no-any-return]


class MadeUp(BinaryOffloading):
    """An objective that is a datum, and so is what is negligible."""

    def objective(self, decision: Any, allocation: Any) -> Any:
        return np.asarray(self.data_size[0])

    def violations(self, decision: Any, allocation: Any) -> dict[str, Any]:
        return {"none": np.zeros(())}

    @property
    def negligible(self) -> Any:
        return np.asarray(self.data_size[1])


@pytest.mark.parametrize(
    ("objective", "bound", "size", "status"),
    [
        (1.0, 1.0 - 9e-7, 0.0, Status.OPTIMAL),
        (1.0, 1.0 - 2e-6, 0.0, Status.FEASIBLE),
        (1.0, 1.0 - 2e-6, 1e6, Status.FEASIBLE),  # the gap is nothing beside a million, and not proved
        (1e-3, 0.92e-3, 6e3, Status.FEASIBLE),
        (1e-3, 1e-3 * (1.0 - 9e-7), 6e3, Status.OPTIMAL),
        (1e-3, 1.08e-3, 6e6, Status.FEASIBLE),  # better than the bound, by no more than rounding of six million
        (1e-3, 1e-3 + 1e-10, 6e6, Status.OPTIMAL),
        (1e-3, 1.08e-3, 0.0, Status.FAILED),
        (0.0, 0.0, 0.0, Status.OPTIMAL),
        (0.0, -1e-13, 1e3, Status.OPTIMAL),  # 0 but for the rounding of a thousand
        (0.0, -1e-3, 1e3, Status.FEASIBLE),
        (0.0, -1e-300, 0.0, Status.FEASIBLE),
    ],
)
def test_a_gap_counts_beside_the_objective_and_rounding_beside_what_it_is_made_of(
    objective: float, bound: float, size: float, status: Status
) -> None:
    assert judged(objective, bound, size) is status


def test_the_tolerances_agree() -> None:
    """The greatest admissible overrun buys what a proof may leave open, and no overrun buys nothing but rounding."""
    assert may_be_better(np.array(0.0)) == CONTRADICTION
    assert may_be_better(np.array(VIOLATION)) == pytest.approx(GAP, rel=2e-3)
    assert may_be_better(np.array(1.0)) == may_be_better(np.array(VIOLATION))
    assert pytest.approx(GAP) == BOUGHT * VIOLATION


@pytest.mark.parametrize(
    ("overrun", "said"),
    [(0.0, "contradict each other"), (1e-15, "please report"), (4e-9, "by 4e-09, which may buy more than the tolerance")],
)
def test_better_than_an_overrun_should_make_it_is_no_answer(overrun: float, said: str) -> None:
    problem = frames()
    best = mecopt.solve(problem)
    allocation = grown(best, 1.0 + overrun)
    certificate = certify(problem, best.decision, allocation, best.bound * (1.0 - 1e-4))  # a rate: a bound too low
    status, contradiction = judge(certificate, GAP, False, False)
    assert contradiction.all()
    assert set(status) == {Status.FAILED}
    assert said in reasons(problem, best.decision, allocation, certificate, contradiction)[0]


def test_where_a_limit_leaves_no_room_an_overrun_is_not_called_a_contradiction() -> None:
    """With x = g p the energy is proportional to x/ln(1 + x), about 1 + x/2: a thousandth of a tiny x costs next to none."""
    room = 1e-6
    least = 8e5 * np.log(2.0) / 1e6  # J: data over bandwidth, at a power that tends to 0
    problem = PricedPower(channel_gain=[1e-8], energy_budget=least * (1.0 + room), local_cost=1e9)
    best = mecopt.solve(problem)
    assert best.status is Status.OPTIMAL
    assert float(best.allocation.transmit_power[0]) == pytest.approx(2.0 * room, rel=1e-3)
    allocation = grown(best, 1.001)
    certificate = certify(problem, best.decision, allocation, best.bound)
    assert float(certificate.violation) == pytest.approx(1e-3 * room, rel=1e-2)
    assert float(-certificate.gap) == pytest.approx(1e-3, rel=1e-2)
    assert judge(certificate, GAP, False, False)[0] is Status.FAILED
    said = reasons(problem, best.decision, allocation, certificate, np.array(True))[0]
    assert said.startswith("the answer overruns the constraint 'energy' by 1e-09, which may buy more than the tolerance")
    assert "report" not in said


class Spoiling(OneByOne):
    """The closed form, one item of which is spoiled."""

    name = "spoiling"

    def __init__(self, spoil: Callable[[Any], Any], size: float) -> None:
        self.spoil, self.size = spoil, size

    def allocate_one(
        self, problem: Problem, decision: Any, *, start: Solution | None, tol: float, time_limit: float | None
    ) -> Single:
        allocation, dual = problem.closed_form(decision)
        if problem.data()["data_size"][0] == self.size:
            allocation = self.spoil(allocation)
        return Single(allocation, dual, 1, 0.0, 0.0, False, message="it said so itself" if self.size < 0 else "")


def nan_of_user_2(allocation: Any) -> Any:
    rate = allocation.server_rate.copy()
    rate[2] = np.nan
    return dataclasses.replace(allocation, server_rate=rate)


def too_much(allocation: Any) -> Any:
    return dataclasses.replace(allocation, server_rate=1.25 * allocation.server_rate)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (nan_of_user_2, "the answer is not finite: server_rate[2] is nan"),
        (too_much, "the answer violates the constraint 'capacity' by 0.25 of its limit"),
    ],
)
def test_a_failure_names_what_is_wrong_and_the_others_stand(
    spoil: Callable[[Any], Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = BinaryOffloading.sample(np.random.default_rng(0), (4,), users=4)
    backend = Spoiling(spoil, float(batch.data_size[1, 0]))
    monkeypatch.setattr(BinaryOffloading, "backends", {"spoiling": backend, **BinaryOffloading.backends})
    answer = mecopt.allocate(batch, [1, 1, 1, 0], throw=False)
    assert [one.name for one in answer.status] == ["OPTIMAL", "FAILED", "OPTIMAL", "OPTIMAL"]
    assert answer.stats.messages == {1: said}
    with pytest.raises(mecopt.SolveFailed, match=r"1 of 4 items have no answer; item 1: the answer"):
        mecopt.allocate(batch, [1, 1, 1, 0])
