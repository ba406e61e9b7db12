"""The checks of the lesson on many servers that are about the decision fixed: program, errata, power, square-root rule.

`lesson_ratios`, `lesson_prices` and `lesson_slots` have the others. Every check takes the formula it examines as an
argument, by default the one the package computes with, and measures it against an oracle that does not share code with it.
A wrong formula must make it fail.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.lesson import Outcome, all_of, deviation, excess, scientific
from mecopt.models.multi_server_offloading.problem import MultiServerOffloading
from mecopt.models.multi_server_offloading.variables import ServerPrices, SpeedAndPower
from mecopt.solve import solve

Array = NDArray[Any]

ROUNDING = 1e-12
SOLVER = 1e-7
"""Relative error that a conic solver at its own tolerance may leave."""


def differing(rng: Generator, count: int, users: int = 6, servers: int = 2, **fields: Any) -> MultiServerOffloading:
    """Draw instances whose users and servers differ in everything."""
    return MultiServerOffloading.sample(rng, (count,), preset="heterogeneous", users=users, servers=servers, **fields)


def offloading(rng: Generator, problem: MultiServerOffloading) -> Array:
    """Draw decisions in which every server has a user, and user 0 is local."""
    decision = problem.decision_space.sample(rng, problem.batch_shape)
    decision[..., : problem.servers + 1] = np.arange(problem.servers + 1)
    return decision


def on_server(problem: MultiServerOffloading, decision: Array) -> Array:
    """Return who is on which server, ``(..., users, servers)``."""
    return np.asarray(decision[..., None] == np.arange(1, problem.servers + 1))


def split(rng: Generator, problem: MultiServerOffloading, decision: Array) -> Array:
    """Draw speeds that use the whole of every server."""
    held = on_server(problem, decision)
    part = rng.exponential(size=decision.shape)[..., None] * held
    total = np.where(held.any(axis=-2), part.sum(axis=-2), 1.0)
    return np.asarray((part * (problem.server_speed / total)[..., None, :]).sum(axis=-1))


def at(problem: MultiServerOffloading, decision: Array, speed: Array, part: Array | float = 1.0) -> SpeedAndPower:
    """Return an allocation of speeds and parts of the greatest powers."""
    power = np.where(decision > 0, part * problem.max_power, 0.0)
    return SpeedAndPower(speed, power, np.zeros_like(speed))


# ---------------------------------------------------------------------- 1: the program

Cost = Callable[[MultiServerOffloading, Array, Array], Array]
Choices = Callable[[MultiServerOffloading], Array]


def cost_by_terms(problem: MultiServerOffloading, decision: Array, speed: Array) -> Array:
    """Return the sum of b over the choices and of w F / f over who offloads."""
    chosen = np.take_along_axis(problem.choice_costs(), decision[..., None].astype(int), axis=-1)[..., 0]
    away = decision > 0
    return np.asarray((chosen + away * problem.weight * problem.workload / np.where(away, speed, 1.0)).sum(axis=-1))


def printed_choices(problem: MultiServerOffloading) -> Array:
    """Return the costs of one user's choices as the paper's (2) has them: the last one is no place at all."""
    cost = problem.choice_costs()
    return np.concatenate([cost, np.zeros_like(cost[..., :1])], axis=-1)


def check_program(
    rng: Generator, cost: Cost = cost_by_terms, choices: Choices = printed_choices, solver: str = "exact"
) -> Outcome:
    """The terms are the paper's latencies; as printed, computing nothing is best."""
    problem = differing(rng, 200)
    decision = offloading(rng, problem)
    speed = split(rng, problem, decision)
    apart = deviation(cost(problem, decision, speed), problem.objective(decision, at(problem, decision, speed)))
    few = differing(rng, 10, users=4)
    printed = np.array([_least(instance, choices(instance)) for instance in few])
    meant = np.array([_least(instance, instance.choice_costs()) for instance in few])
    wrong = deviation(solve(few, solver=solver).objective, meant)
    return all_of(
        Outcome(
            apart,
            ROUNDING,
            f"b and wF/f against latencies and Shannon's rate spelled out, 200 instances: differ by {scientific(apart)}",
        ),
        Outcome(
            float((printed / meant).max()),
            0.0,
            f"10 instances of 4 users: the least cost under (2) as printed is {printed.max():g} s, "
            f"with one place per task {meant.mean():.2f} s on average",
            limit="0 as printed",
        ),
        Outcome(
            wrong, ROUNDING, f"the exact solver against 81 decisions of each, one by one: differ by {scientific(wrong)}"
        ),
    )


def _least(problem: MultiServerOffloading, cost: Array) -> float:
    """Return the least cost over all choices of the users, each server's speed shared by the Cauchy-Schwarz minimum."""
    users, choices = cost.shape
    grid = np.array(np.meshgrid(*[np.arange(choices)] * users)).reshape(users, -1).T
    total = sum(cost[i, grid[:, i]] for i in range(users))
    root = np.sqrt(problem.weight * problem.workload)
    for j, capacity in enumerate(problem.server_speed, 1):
        total = total + ((grid == j) @ root) ** 2 / capacity
    return float(np.min(total))


# ---------------------------------------------------------------------- 3: the epigraph form

Epigraph = Callable[[MultiServerOffloading, Array], float]


def one_per_user(problem: MultiServerOffloading, decision: Array) -> float:
    """Solve P2.1 with one latency per user."""
    return _epigraph(problem, decision, np.zeros(problem.servers))


def one_per_pair(problem: MultiServerOffloading, decision: Array) -> float:
    """Solve P2.1 as printed: a latency per user and server, each with the user's local time in it."""
    return _epigraph(problem, decision, np.ones(problem.servers))


def _epigraph(problem: MultiServerOffloading, decision: Array, repeats: Array) -> float:
    """Minimise the weighted latencies of one instance by cones; `repeats` says which other servers count local time, too."""
    import cvxpy as cp

    tau = cp.Variable((problem.users, problem.servers), nonneg=True)
    speed = cp.Variable(problem.users, nonneg=True)
    local = problem.workload / problem.local_speed
    upload, constraints = problem.upload_time(), []
    for i, choice in enumerate(decision):
        if choice == 0:
            constraints += [tau[i, j] >= local[i] for j in range(problem.servers) if j == 0 or repeats[j]]
            continue
        work = problem.workload[i] / problem.server_speed[choice - 1]
        constraints.append(tau[i, choice - 1] >= upload[i, choice - 1] + work * cp.inv_pos(speed[i]))
    constraints += [cp.sum(speed[decision == j]) <= 1.0 for j in range(1, problem.servers + 1) if (decision == j).any()]
    program = cp.Problem(cp.Minimize(problem.weight @ cp.sum(tau, axis=1)), constraints)
    return float(program.solve(solver="CLARABEL"))


def in_set(problem: MultiServerOffloading, power: Array, latency: Array, speed: Array) -> Array:
    """Return D/r(p) + F/f - tau on server 1: a point is in the set where this is not positive."""
    return np.asarray(problem.data_size / _rate(problem, power) + problem.workload / speed - latency)


def printed_side(problem: MultiServerOffloading, power: Array, latency: Array, speed: Array) -> Array:
    """Return the left side of (16) on server 1, of a user that offloads: D - r(p) (tau - F/f)."""
    return np.asarray(problem.data_size - _rate(problem, power) * (latency - problem.workload / speed))


def _rate(problem: MultiServerOffloading, power: Array) -> Array:
    gain = problem.channel_gain[..., 0] / problem.noise_power[..., :1]
    return np.asarray(problem.bandwidth * np.log2(1.0 + power * gain))


def check_epigraph(
    rng: Generator,
    mended: Epigraph = one_per_user,
    printed: Epigraph = one_per_pair,
    member: Callable[..., Array] = in_set,
    side: Callable[..., Array] = printed_side,
) -> Outcome:
    """One latency per user gives the closed form; as printed local time counts M times, and (16) is not convex."""
    problem = differing(rng, 6, servers=3)
    decision = offloading(rng, problem)
    value = problem.optimal_value(decision)
    apart = deviation([mended(p, a) for p, a in zip(problem, decision, strict=True)], value)
    local = np.where(decision == 0, problem.weight * problem.workload / problem.local_speed, 0.0).sum(axis=-1)
    more = np.array([printed(p, a) for p, a in zip(problem, decision, strict=True)]) - value
    repeated = deviation(value + more, value + (problem.servers - 1) * local)

    wide = differing(rng, 500)
    shape = wide.workload.shape
    points = []
    for _ in range(2):  # within one and three times the least latency
        power = wide.max_power * 10.0 ** rng.uniform(-3.0, 0.0, shape)
        speed = wide.server_speed[..., :1] * rng.uniform(0.02, 1.0, shape)
        least = in_set(wide, power, np.zeros(shape), speed)
        points.append(np.array([power, least * rng.uniform(1.0, 3.0, shape), speed]))
    middle = 0.5 * (points[0] + points[1])
    outside = float((member(wide, *middle) > ROUNDING).mean())
    power, latency, speed = points[0]
    more_of_both = np.array([power * rng.uniform(1.0, 1.2, shape), latency * rng.uniform(1.5, 3.0, shape), speed])
    chord = 0.5 * (side(wide, *points[0]) + side(wide, *more_of_both))
    bulge = side(wide, *(0.5 * (points[0] + more_of_both))) - chord
    above = float((bulge > ROUNDING * wide.data_size).mean())
    return all_of(
        Outcome(apart, SOLVER, f"P2.1 mended, by a conic solver, against the closed form: differ by {scientific(apart)}"),
        Outcome(
            repeated,
            SOLVER,
            f"P2.1 as printed on 3 servers costs {(more / value).mean():.0%} more; less twice the local times it differs by "
            f"{scientific(repeated)}",
        ),
        Outcome(outside, 0.0, f"midpoints of 3000 pairs in the set (p, τ, f): outside in {outside:.1%}", limit="none"),
        Outcome(
            1.0 - above,
            0.1,
            f"the left side of (16) between 3000 points in it and others of more power and time: above its chord in "
            f"{above:.0%}",
            limit="in at least 90%: not convex",
        ),
    )


# ---------------------------------------------------------------------- 4: full power

Rule = Callable[[MultiServerOffloading, Array], tuple[SpeedAndPower, ServerPrices]]
Rescaled = Callable[[MultiServerOffloading, float, float], MultiServerOffloading]
WrittenOut = Callable[[MultiServerOffloading, Array], Any]


def same_ratio(problem: MultiServerOffloading, power: float, noise: float) -> MultiServerOffloading:
    """Return the instance with other powers and noise, and gains that keep the ratios of signal to noise."""
    return replace(
        problem,
        max_power=problem.max_power * power,
        noise_power=problem.noise_power * noise,
        channel_gain=problem.channel_gain * noise / power,
    )


def check_full_power(
    rng: Generator,
    rule: Rule = MultiServerOffloading.closed_form,
    written: WrittenOut = MultiServerOffloading.to_cvxpy,
    rescaled: Rescaled = same_ratio,
) -> Outcome:
    """No powers do better than full ones, jointly with the speeds; only the ratio at full power matters."""
    problem = differing(rng, 6)
    decision = offloading(rng, problem)
    value = problem.objective(decision, rule(problem, decision)[0])
    apart, used = 0.0, 1.0
    for one, choice, best in zip(problem, decision, value, strict=True):
        program = written(one, choice)
        apart = max(apart, deviation(program.solve(solver="CLARABEL"), best))
        fraction = next(variable for variable in program.variables() if variable.name() == "power_fraction")
        used = min(used, float(fraction.value[choice > 0].min()))
    speed, beaten = problem.closed_form(decision)[0].server_speed, 0.0
    for _ in range(200):
        part = 10.0 ** rng.uniform(-2.0, 0.0, decision.shape)
        beaten = max(beaten, excess(value, problem.objective(decision, at(problem, decision, speed, part))))
    moved = deviation(rescaled(problem, 0.2, 1e-3).optimal_value(decision), value)
    return all_of(
        Outcome(
            apart, SOLVER, f"P2 in powers and speeds by a conic solver against full power: differ by {scientific(apart)}"
        ),
        Outcome(1.0 - used, 1e-3, f"the powers that this solver takes: {used:.6f} of the greatest at least", limit="0.999"),
        Outcome(beaten, ROUNDING, f"1200 lower powers at the best speeds: better by {scientific(beaten)}"),
        Outcome(
            moved, ROUNDING, f"a fifth of the power, 30 dB less noise, the same Γ: the cost moves by {scientific(moved)}"
        ),
    )


# ---------------------------------------------------------------------- 5: the square-root rule


def check_square_root_rule(
    rng: Generator,
    rule: Rule = MultiServerOffloading.closed_form,
    value: Callable[[MultiServerOffloading, Array], Array] = MultiServerOffloading.optimal_value,
) -> Outcome:
    """Marginal costs are equal on each server, and the derivative in its speed; no split is better; V is the cost."""
    problem = differing(rng, 50)
    decision = offloading(rng, problem)
    found, price = rule(problem, decision)
    away, own = decision > 0, np.maximum(decision, 1).astype(int) - 1
    marginal = problem.weight * problem.workload / np.where(away, found.server_speed, 1.0) ** 2
    spread = deviation(marginal[away], np.take_along_axis(price.speed_price, own, axis=-1)[away])

    def cost(server: int, factor: float) -> Array:
        speed = problem.server_speed.copy()
        speed[:, server] *= factor
        changed = replace(problem, server_speed=speed)
        return changed.objective(decision, rule(changed, decision)[0])

    step, missed = 1e-5, 0.0
    for j in range(problem.servers):
        slope = (cost(j, 1.0 - step) - cost(j, 1.0 + step)) / (2.0 * step * problem.server_speed[:, j])
        missed = max(missed, deviation(price.speed_price[:, j], slope))
    best, beaten = problem.objective(decision, found), 0.0
    for width in 10.0 ** rng.uniform(-4.0, 0.0, 40):
        near = (1.0 - width) * found.server_speed + width * split(rng, problem, decision)
        beaten = max(beaten, excess(best, problem.objective(decision, at(problem, decision, near))))
    apart = deviation(value(problem, decision), best)
    return all_of(
        Outcome(spread, ROUNDING, f"wF/f² against its server's μ, 50 instances: differ by {scientific(spread)}"),
        Outcome(missed, 1e-6, f"−dV/dF by finite differences against μ, server by server: differ by {scientific(missed)}"),
        Outcome(beaten, ROUNDING, f"2000 random splits: better by {scientific(beaten)}"),
        Outcome(apart, ROUNDING, f"V against the cost at the rule's speeds: differ by {scientific(apart)}"),
    )
