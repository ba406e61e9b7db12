r"""The full model of a slot, for solvers that know nothing of its structure: SCIP, and SLSQP from many starts.

Both get every user's slot with the workload and the energy at hand as units, in rates: the radio's :math:`l_a = r t_s` and
:math:`\beta = N (e^{r/b} - 1)`. Two traps lie in it. A solver that may make a time negative by its tolerance, 1e-9 say,
gains infinitely by an unbounded power. So the rate is bounded by the larger of the thriftiest rate and the workload in a
slot, which no optimum exceeds, and times have bounds of their own. And the price has no upper bound as the time of
offloading vanishes: it is bounded by what an optimum can pay, that of the thriftiest slot being known.

Of an answer two numbers are kept, the local part and the time of offloading; who sends in it follows from the lower hull, at
no more energy than the solver's own, and the time is cut to what the energy allows, which takes the solver's tolerance off
again. Strict slots are kept as they are.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import default_rng
from numpy.typing import NDArray

from mecopt.backends.one_by_one import OneByOne, Single
from mecopt.contract.certificate import NOTHING
from mecopt.contract.fields import declared
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.kernels.arrays import plain
from mecopt.models.hybrid_slot.allocation import division as allocation
from mecopt.models.hybrid_slot.terms import harvested, rows
from mecopt.models.hybrid_slot.variables import RewardCeiling, SlotAllocation
from mecopt.running import clock

if TYPE_CHECKING:
    from mecopt.models.hybrid_slot.compiled.slot import Slot
    from mecopt.models.hybrid_slot.problem import HybridSlot

Array = NDArray[Any]

STARTS = 12
"""Of SLSQP for each user."""
FEASIBILITY = 1e-9
"""SCIP's default of 1e-6 lets it overspend by as much."""
LONGEST = 1e20
"""Seconds; SCIP takes no greater time limit."""


@dataclass(frozen=True)
class Scaled:
    """One user's slot in units of its workload and of the energy at hand."""

    slot: Slot
    fastest: float
    """A rate that no optimum exceeds."""
    dearest: float
    """An offloading rate, work over time, that no optimum exceeds; infinite where it has no price."""
    least: float
    """An energy that no way to serve undercuts, the floor included."""
    strict: bool


@dataclass
class Found:
    """An outside solver's answer: shares of the slot in the order of `SlotAllocation`, in the scaled units."""

    shares: Array
    iterations: int
    limit: bool = False
    message: str = ""
    value: float = np.nan
    """What the solver says that it is worth, in the scaled unit."""
    bound: float = np.nan
    """What it claims that nothing exceeds."""


def scaled(row: Array, reach: float) -> Scaled:
    """Return a user's slot in units of its workload and of the energy at hand."""
    from mecopt.models.hybrid_slot.compiled.bound import least_energy
    from mecopt.models.hybrid_slot.compiled.search import thriftiest_slot
    from mecopt.models.hybrid_slot.compiled.slot import lower_hull, slot_of, thrift

    work, whole = row[0], reach
    powers = np.array([0.0, whole, whole / work, work, work, whole, whole, work, whole, whole, 1 / whole, 1 / whole, 1.0])
    powers[0] = work
    slot = slot_of(plain(row / powers, np.float64))
    hull = lower_hull(slot)
    best = thrift(slot, hull)
    least = least_energy(slot, hull)
    gain = 1.0 / least - thriftiest_slot(slot, hull, best).value
    dearest = gain / slot.channel_price if slot.channel_price > 0.0 else np.inf
    return Scaled(slot, max(best.rate, 1.0), dearest, least, bool(row[12] > 0.0))


class Outside(OneByOne):
    """A solver of the full model, one user after the other."""

    @abstractmethod
    def answered(self, given: Scaled, tol: float, seconds: float | None) -> Found:
        """Answer one user's slot; may raise."""

    def allocate_one(
        self, problem: Problem, decision: Array, *, start: Solution | None, tol: float, time_limit: float | None
    ) -> Single:
        """Answer each user who serves; who skips, or has nothing to serve, needs no solver."""
        single = _by_user(problem, decision, lambda given, left: self.answered(given, tol, left), time_limit)  # type: ignore[arg-type]
        left = _unproved(problem, decision, single)  # type: ignore[arg-type]
        if left > self.proves and not single.message:
            single.message = f"{self.name}: what it found is {left:.2g} (relative) below what is proved"
        return single


def _unproved(problem: HybridSlot, decision: Array, single: Single) -> float:
    """Return by how much an answer is below what its claims, checked, leave possible."""
    bound = problem.bound(decision, single.dual)  # type: ignore[arg-type]
    value = problem.objective(decision, single.allocation)  # type: ignore[arg-type]
    return float((bound - value) / (np.abs(value) + NOTHING * problem.negligible or 1.0))


def _by_user(
    problem: HybridSlot, decision: Array, answer: Callable[[Scaled, float | None], Found], time_limit: float | None
) -> Single:
    began, spent, iterations, cut, messages = clock.now(), 0.0, 0, False, []
    best, _ = allocation.outputs(problem, decision, _trivial(problem, decision))
    columns = {name: np.array(value) for name, value in best.as_dict().items()}
    numbers, fed = rows(problem)[0], harvested(problem)
    for u in np.flatnonzero((decision >= 0.0) & (problem.workload > 0.0)).tolist():
        reach = float(problem.battery[u] + fed[u] - decision[u])
        given = scaled(numbers[u], reach)
        left = None if time_limit is None else max(time_limit - (clock.now() - began), 0.0)
        asked = clock.now()
        found = answer(given, left)
        spent += clock.now() - asked
        iterations, cut = iterations + found.iterations, cut or found.limit
        messages += [f"user {u}: {found.message}"] if found.message else []
        for k, f in enumerate(declared(SlotAllocation)):
            unit = float(problem.slot) if f.metadata["unit"] == "s" else problem.workload[u]
            columns[f.name][u] = unit * found.shares[k]
    answered = SlotAllocation(**columns)
    rewards = problem.per_user(decision, answered)["reward"]
    modelled = clock.now() - began - spent
    claim = RewardCeiling(ceiling=rewards + 1e-10 * (np.abs(rewards) + allocation.limits(problem)[2]))
    message = "; ".join(messages)
    return Single(answered, claim, iterations, modelled, spent, start_used=False, limit=cut, message=message)


def _trivial(problem: HybridSlot, decision: Array) -> tuple[Array, ...]:
    """Return what stands for all users before a solver is asked: a slot of harvesting."""
    shares = np.zeros((*decision.shape, 8))
    shares[..., 0] = 1.0
    return np.zeros(decision.shape), np.zeros(decision.shape), shares


def read_out(given: Scaled, local: float, time: float) -> Array | None:
    """Return the shares of a slot with such a local part and time of offloading, cut to what the energy allows."""
    from mecopt.models.hybrid_slot.compiled.batch import divided
    from mecopt.models.hybrid_slot.compiled.search import best_time
    from mecopt.models.hybrid_slot.compiled.slot import lower_hull

    slot, hull = given.slot, lower_hull(given.slot)
    local = min(max(local, 0.0), slot.local_most, 1.0)
    longest = best_time(slot, hull, 1.0, local)
    if longest <= 0.0 or (time <= 0.0 and local < 1.0):
        return None
    shares = np.zeros(8)
    divided(slot, hull, local, min(time, longest) if local < 1.0 else longest, shares)
    return shares


class FullScip(Outside):
    """SCIP on the full model."""

    name = "scip"
    summary = "SCIP on the full model in rates, certified by our own proof"
    package = "pyscipopt"
    extra = "scip"
    imports = ("pyscipopt",)

    def answered(self, given: Scaled, tol: float, seconds: float | None) -> Found:
        """Run SCIP to a gap of its own."""
        model, parts = scip_model(given)
        model.setParam("limits/gap", max(tol, 1e-9))
        if seconds is not None:
            model.setParam("limits/time", min(seconds, LONGEST))
        model.optimize()
        status = model.getStatus()
        if model.getNSols() == 0:
            raise ArithmeticError(f"no answer: {status}")
        local, time = model.getVal(parts["local"]), model.getVal(parts["time"])
        if given.strict:
            active, passive, sent = (model.getVal(parts[name]) for name in ("active", "passive", "sent"))
            shares = strict_shares(given, active, passive, sent)
        else:
            found = read_out(given, local, time)
            if found is None:
                raise ArithmeticError(f"its answer overspends: local part {local:.6g}, time {time:.6g}")
            shares = found
        done = status in ("optimal", "gaplimit")
        return Found(
            shares,
            int(model.getNTotalNodes()),
            limit=not done,
            message="" if done else f"scip: {status}",
            value=float(model.getObjVal()),
            bound=float(model.getDualbound()),
        )


def strict_shares(given: Scaled, active: float, passive: float, sent: float) -> Array:
    """Return the shares of a strict slot: bits follow from times, so that equations hold exactly."""
    slot = given.slot
    reflected = slot.passive_rate * passive
    local = max(1.0 - sent - reflected, 0.0)
    busy = local / slot.local_most if local > 0.0 else 0.0
    return np.array([max(1.0 - active - passive, 0.0), active, active, passive, busy, sent, reflected, local])


def scip_model(given: Scaled) -> tuple[Any, dict[str, Any]]:
    """Return SCIP's model of one slot, and its variables by name."""
    from pyscipopt import Model, exp

    slot = given.slot
    radio = np.isfinite(slot.noise)
    model = Model("hybrid-slot")
    model.hideOutput()
    model.setParam("numerics/feastol", FEASIBILITY)

    def part(name: str, most: float = 1.0) -> Any:
        return model.addVar(name, lb=0.0, ub=most)

    local = part("local", min(1.0, slot.local_most))
    reflected, sent = part("reflected", 1.0 if slot.passive_rate > 0.0 else 0.0), part("sent", 1.0 if radio else 0.0)
    active, passive, time = part("active"), part("passive"), part("time")
    spent = slot.local_energy * local
    if radio:
        rate, on = part("rate", given.fastest), active if given.strict else part("on")
        power = part("power", float(slot.noise * np.expm1(given.fastest / slot.band)))
        radiated = part("radiated")
        model.addCons(sent == rate * on)
        model.addCons(power >= slot.noise * (exp(rate / slot.band) - 1.0))
        model.addCons(radiated >= (power + slot.circuit) * on)
        model.addCons(on <= active)
        spent = spent + radiated
    if slot.passive_rate > 0.0:
        spent = spent + slot.passive_power / slot.passive_rate * reflected
        if given.strict:
            model.addCons(reflected == slot.passive_rate * passive)
        else:
            model.addCons(reflected <= slot.passive_rate * passive)
    # where equations are strict it may pay to serve more than the workload: time of reflecting lowers the rate's price
    served = local + reflected + sent
    model.addCons(served >= 1.0) if given.strict else model.addCons(served == 1.0)
    model.addCons(time == active + passive)
    model.addCons(spent + slot.harvest * time <= 1.0)
    inverse = model.addVar("inverse", lb=0.0, ub=1.0 / given.least)
    model.addCons(inverse * (spent + slot.floor) <= 1.0)
    offloaded = reflected + sent
    reward = inverse - slot.computing_price * offloaded
    if slot.channel_price > 0.0:
        paced = model.addVar("offloading_rate", lb=0.0, ub=given.dearest)
        model.addCons(paced * time >= offloaded)
        reward = reward - slot.channel_price * paced
    model.setObjective(reward, "maximize")
    parts = {"local": local, "time": time, "active": active, "passive": passive, "sent": sent}
    return model, parts


class ManyStarts(Outside):
    """SLSQP on the full model, from many starts."""

    name = "slsqp"
    summary = f"scipy SLSQP on the full model in rates, the best of {STARTS} random starts"
    imports = ("scipy.optimize",)

    def answered(self, given: Scaled, tol: float, seconds: float | None) -> Found:
        """Run SLSQP from every start, the same ones for the same slot; keep the best answer that can be carried out."""
        from mecopt.kernels.slsqp import slsqp
        from mecopt.models.hybrid_slot.compiled.search import reward
        from mecopt.models.hybrid_slot.compiled.slot import lower_hull

        began, rng, program = clock.now(), default_rng(0), Smooth(given)
        hull, iterations, best, value = lower_hull(given.slot), 0, None, -np.inf
        for number in range(STARTS):
            if seconds is not None and number and clock.now() - began > seconds:
                return Found(best if best is not None else np.full(8, np.nan), iterations, True, "slsqp: out of time")
            with np.errstate(all="ignore"):
                result = slsqp(
                    program.loss,
                    program.start(rng),
                    jac=program.loss_gradient,
                    bounds=program.bounds,
                    constraints=program.constraints,
                    options={"ftol": 1e-3 * tol, "maxiter": 300},
                )
            iterations += int(result.nit)
            shares = read_out(given, float(result.x[0]), float(result.x[4])) if np.isfinite(result.x).all() else None
            if shares is None:
                continue
            reached = reward(given.slot, hull, float(shares[7]), float(1.0 - shares[0]) or 1.0)
            if reached > value:
                best, value = shares, reached
        if best is None:
            raise ArithmeticError(f"none of {STARTS} starts ends in an answer that can be carried out")
        return Found(best, iterations, value=value)


class Smooth:
    """The full model for SLSQP in local and reflected part, the radio's time, its rate over the band, offloading time."""

    def __init__(self, given: Scaled) -> None:
        slot = given.slot
        self.slot, self.fastest = slot, given.fastest / slot.band if slot.band > 0.0 else 0.0
        self.radio = bool(np.isfinite(slot.noise))
        self.noise = slot.noise if self.radio else 0.0
        passive = slot.passive_rate > 0.0
        self.per_bit = 1.0 / slot.passive_rate if passive else 0.0
        most = [min(1.0, slot.local_most), 1.0 if passive else 0.0, 1.0 if self.radio else 0.0, self.fastest, 1.0]
        self.bounds = [(0.0, most[0]), (0.0, most[1]), (0.0, most[2]), (0.0, most[3]), (1e-9, most[4])]
        self.constraints = (
            {"type": "eq", "fun": self.served, "jac": self.served_gradient},
            {"type": "ineq", "fun": self.spare_time, "jac": self.spare_time_gradient},
            {"type": "ineq", "fun": self.spare_energy, "jac": self.spare_energy_gradient},
        )

    def start(self, rng: np.random.Generator) -> Array:
        """Draw a point within the bounds."""
        return np.array([rng.uniform(low, high) for low, high in self.bounds])

    def energy(self, y: Array) -> float:
        """Return what is spent."""
        radiated = y[2] * (self.noise * np.expm1(y[3]) + self.slot.circuit)
        return float(self.slot.local_energy * y[0] + self.slot.passive_power * self.per_bit * y[1] + radiated)

    def energy_gradient(self, y: Array) -> Array:
        """Return its gradient."""
        power = self.noise * np.expm1(y[3]) + self.slot.circuit
        slope = y[2] * self.noise * np.exp(y[3])
        return np.array([self.slot.local_energy, self.slot.passive_power * self.per_bit, power, slope, 0.0])

    def loss(self, y: Array) -> float:
        """Return the price of offloading less the workload over the energy."""
        price = (1.0 - y[0]) * (self.slot.channel_price / y[4] + self.slot.computing_price)
        return float(price - 1.0 / (self.energy(y) + self.slot.floor))

    def loss_gradient(self, y: Array) -> Array:
        """Return its gradient."""
        found = self.energy_gradient(y) / (self.energy(y) + self.slot.floor) ** 2
        found[0] -= self.slot.channel_price / y[4] + self.slot.computing_price
        found[4] -= (1.0 - y[0]) * self.slot.channel_price / y[4] ** 2
        return np.asarray(found)

    def served(self, y: Array) -> float:
        """Return by how much more than the workload is served."""
        return float(y[0] + y[1] + self.slot.band * y[3] * y[2] - 1.0)

    def served_gradient(self, y: Array) -> Array:
        """Return its gradient."""
        return np.array([1.0, 1.0, self.slot.band * y[3], self.slot.band * y[2], 0.0])

    def spare_time(self, y: Array) -> float:
        """Return what neither radio nor backscatter takes of the time of offloading."""
        return float(y[4] - y[2] - self.per_bit * y[1])

    def spare_time_gradient(self, y: Array) -> Array:
        """Return its gradient."""
        return np.array([0.0, -self.per_bit, -1.0, 0.0, 1.0])

    def spare_energy(self, y: Array) -> float:
        """Return what is not spent of budget and harvest."""
        return float(1.0 - self.energy(y) - self.slot.harvest * y[4])

    def spare_energy_gradient(self, y: Array) -> Array:
        """Return its gradient."""
        found = -self.energy_gradient(y)
        found[4] -= self.slot.harvest
        return found
