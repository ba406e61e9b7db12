r"""The decision is fixed: the square-root rule per server, P2.1 as a cone program, P2 in (p, f) jointly, and SLSQP.

Paper 004 calls the problem of (p, f) a non-convex sum of ratios. Its terms are :math:`D/r(p)` and :math:`F/f`: constants
over positive concave functions, so convex. The programs here are

- P2.1, the epigraph form: with :math:`p = P` a latency :math:`\tau \ge D/r + F/f` is the hyperbola
  :math:`(\tau - D/r) f \ge F`. The paper's (15)-(17) put the local time into every :math:`\tau_{ij}`, which counts it M
  times, and (16) divides by :math:`a_{ij}`; one :math:`\tau_i` per user mends both.
- P2 itself: :math:`\rho \le \ln(1 + g \pi)` is an exponential cone in the part :math:`\pi` of the power, and
  :math:`1/\rho` and :math:`1/f` are hyperbolas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.backends.conic import Program
from mecopt.backends.sharing import SharingModel, fitted, scaled
from mecopt.backends.slsqp import SmoothProgram
from mecopt.contract.backend import ClosedForm
from mecopt.contract.certificate import some
from mecopt.contract.derived import shared
from mecopt.contract.errors import InstanceError
from mecopt.contract.fields import Variables
from mecopt.kernels.arrays import plain
from mecopt.models.multi_server_offloading import terms
from mecopt.models.multi_server_offloading.variables import ServerPrices, SpeedAndPower

if TYPE_CHECKING:
    from mecopt.models.multi_server_offloading.problem import MultiServerOffloading

Array = NDArray[Any]

DOUBT = 1e-9
"""Part of a bound that rounding may have added to it."""

LEAST_FRACTION = 1e-9
"""Smallest part of a power or speed that SLSQP may try."""


# ---------------------------------------------------------------------- closed form and bounds


def rule_inputs(problem: MultiServerOffloading, decision: Array) -> tuple[Any, Array]:
    """Return the terms of the servers and the decisions for the compiled rule."""
    return shared(problem.server_terms), plain(decision.reshape(problem.instances, -1, problem.users), np.int8)


def rule_kernel() -> Callable[..., tuple[Array, ...]]:
    """Return the compiled square-root rule."""
    from mecopt.kernels.servers import shares

    return shares


def rule_outputs(
    problem: MultiServerOffloading, decision: Array, raw: tuple[Array, ...]
) -> tuple[SpeedAndPower, ServerPrices]:
    """Give what the rule returns the shapes of the decisions, and add full powers and latencies."""
    share, price = raw
    price = price.reshape((*decision.shape[:-1], problem.servers))
    return at_full_power(problem, decision, share.reshape(decision.shape)), ServerPrices(price, np.zeros_like(price))


def at_full_power(problem: MultiServerOffloading, decision: Array, speed: Array) -> SpeedAndPower:
    """Complete speeds by full powers and the latencies they give; nan where a decision has no allocation."""
    power = np.where(decision > 0, problem.aligned("max_power", decision), 0.0)
    found = SpeedAndPower(speed, np.where(np.isnan(speed), np.nan, power), np.empty(0))
    return SpeedAndPower(speed, found.transmit_power, np.where(np.isnan(speed), np.nan, problem.latency(decision, found)))


CLOSED_FORM = ClosedForm(rule_inputs, rule_kernel, rule_outputs, "the square-root rule per server at full power, batched")


def shared_cost(problem: MultiServerOffloading, price: Array, candidates: int = 0) -> Array:
    r"""Return :math:`\varphi_{ij}(\mu_j)` for prices ``(*batch, *candidates, servers)``: ``(..., users, servers)``."""
    price = price[..., None, :]

    def spread(values: Array) -> Array:
        batch = len(problem.batch_shape)
        return values.reshape(values.shape[:batch] + (1,) * candidates + values.shape[batch:])

    root = spread(np.sqrt(problem.weight * problem.workload)[..., None])
    free = 2.0 * root * np.sqrt(price)
    if not some(problem.bounded):
        return free
    lower, upper = (spread(bound) for bound in shared(terms.speed_bounds, problem))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.clip(np.where(root > 0, root / np.sqrt(price), 0.0), lower, upper)
        within = np.where(root > 0, root * (root / share), 0.0) + price * share
    return np.where(spread(problem.bounded[..., None, None]), within, free)


def fixed_bound(problem: MultiServerOffloading, decision: Array, price: Array) -> Array:
    """Return the bound of decisions at speed prices ``(*batch, *candidates, servers)``; infinite for impossible choices."""
    candidates = decision.ndim - 1 - len(problem.batch_shape)
    batch = len(problem.batch_shape)
    cost = shared(terms.choice_costs, problem)
    cost = cost.reshape(cost.shape[:batch] + (1,) * candidates + cost.shape[batch:])
    dear = shared_cost(problem, price, candidates)
    dear = np.where(np.isnan(dear), np.inf, dear)
    whole = cost + np.concatenate([np.zeros((*dear.shape[:-1], 1)), dear], axis=-1)
    if decision.ndim == 1:
        chosen = whole[np.arange(problem.users), decision]
    else:
        chosen = np.take_along_axis(whole, decision[..., None].astype(int), axis=-1)[..., 0]
    found = chosen.sum(axis=-1) - (price * problem.aligned("server_speed", decision[..., :1])).sum(axis=-1)
    return within_rounding(problem, found, price)


def relaxed_bound(problem: MultiServerOffloading, price: Array, place_price: Array) -> Array:
    """Return the bound of all decisions at prices of speed and of places."""
    cost = shared(terms.choice_costs, problem)
    remote = cost[..., 1:] + shared_cost(problem, price) + place_price[..., None, :]
    least = np.fmin(cost[..., 0], np.where(np.isnan(remote), np.inf, remote).min(axis=-1)).sum(axis=-1)
    places = place_price * np.where(place_price > 0, problem.admission, 0.0)
    with np.errstate(invalid="ignore"):  # where prices and costs are both infinite nothing is proved
        found = least - (price * problem.server_speed + places).sum(axis=-1)
    return within_rounding(problem, found, price)


def within_rounding(problem: MultiServerOffloading, bound: Array, price: Array) -> Array:
    r"""Return bounds at prices ``(*batch, *candidates, servers)``, less what rounding may have added.

    Where least speeds leave next to nothing of a server, its price times its speed is subtracted from as much again. Sums
    of n speeds are right to n units in the last place; the least speed by a deadline T beside an upload t to
    :math:`(T + t)/(T - t)` of them.
    """
    if not some(problem.bounded):
        return np.asarray(bound)
    upload, deadline = shared(terms.upload_time, problem), problem.deadline[..., None]
    with np.errstate(all="ignore"):
        lower = np.nan_to_num(shared(terms.speed_bounds, problem)[0])
        units = np.where((deadline < np.inf) & (deadline > upload), (deadline + upload) / (deadline - upload), 1.0)
        speeds = (problem.users + 2.0) * problem.server_speed + (lower * units).sum(axis=-2)
        missing = price.ndim - 1 - len(problem.batch_shape)
        batch = speeds.shape[:-1]
        spread = speeds.reshape(*batch, *(1,) * missing, problem.servers)
        doubt = np.finfo(float).eps * (price * spread).sum(axis=-1)
        doubtful = (doubt > DOUBT * np.abs(bound)) & np.isfinite(doubt)
        return np.asarray(np.where(doubtful, bound - doubt, bound))


def respond(problem: MultiServerOffloading, decision: Array, price: Array) -> SpeedAndPower:
    """Return the speeds that answer a price, made to fit; see `MultiServerOffloading.respond`."""
    best, _ = CLOSED_FORM(problem, decision)
    if not problem.bounded.any():
        return best
    flat, decisions = problem.paired(decision)
    prices = price.reshape(-1, problem.servers)
    speeds = best.server_speed.reshape(decisions.shape).copy()
    for k in np.flatnonzero(flat.bounded):
        own = np.maximum(decisions[k].astype(int), 1) - 1
        with np.errstate(divide="ignore"):
            wanted = np.sqrt(flat[k].weight * flat[k].workload) / np.sqrt(prices[k][own])
        speeds[k] = fitted(flat[k], decisions[k], np.nan_to_num(wanted, nan=0.0, posinf=np.inf))
    speed = np.where(np.isnan(best.server_speed), np.nan, speeds.reshape(decision.shape))
    return at_full_power(problem, decision, speed)


# ---------------------------------------------------------------------- P2.1: powers are full


def _unpack(
    problem: MultiServerOffloading, decision: Array, speed: Array, price: Array
) -> tuple[SpeedAndPower, ServerPrices]:
    return at_full_power(problem, decision, speed), ServerPrices(price, np.zeros_like(price))


class _Epigraph(SharingModel):
    """P2.1; the constant :math:`D/r` is subtracted from every latency."""

    summary = "P2.1: latencies as epigraphs at full power"

    def __init__(self) -> None:
        super().__init__(lambda allocation: allocation.server_speed, _unpack, lambda dual: dual.speed_price)


EPIGRAPH = _Epigraph()


# ---------------------------------------------------------------------- P2: powers and speeds


def _transmitting(problem: MultiServerOffloading, decision: Array) -> Array:
    """Return the indices of those who offload and have data to upload."""
    return np.flatnonzero((decision > 0) & (problem.data_size > 0) & (problem.weight > 0))


def _ratio(problem: MultiServerOffloading, decision: Array, users: Array) -> Array:
    """Return g, the signal-to-noise ratio at full power on the chosen server."""
    server = decision[users].astype(int) - 1
    return np.asarray(problem.max_power[users] * problem.channel_gain[users, server] / problem.noise_power[server])


class _Joint(SharingModel):
    r"""P2: the sharing program beside ``minimise upload . slowness`` under ``slowness rate >= 1`` and Shannon's law.

    A rate :math:`\rho` counts in that at full power, :math:`R = \ln(1+g)`, and a power :math:`\pi` in the greatest one:
    :math:`e^{R(\rho - 1)} \le \frac{1}{1+g} + \frac{g}{1+g} \pi`. Deadlines are in the bounds on shares, which hold at full
    power; nothing else couples power and speed.
    """

    summary = "P2 in powers and speeds jointly"
    takes_start = False

    def __init__(self) -> None:
        super().__init__(lambda allocation: allocation.server_speed, _unpack, lambda dual: dual.speed_price)

    def shape(self, problem: MultiServerOffloading, decision: Array) -> Any:
        shared = super().shape(problem, decision)
        return None if shared is None else (shared, int(_transmitting(problem, decision).size))

    def build(self, shape: Any) -> Program:
        import cvxpy as cp

        shared, users = shape
        program = super().build(shared)
        if not users:
            return program
        upload = cp.Parameter(users, nonneg=True, name="upload")
        log, noise = cp.Parameter(users, nonneg=True, name="log"), cp.Parameter(users, nonneg=True, name="noise")
        power, rate = cp.Variable(users, name="power"), cp.Variable(users, name="rate")
        slowness = cp.Variable(users, name="slowness")
        # The exponential cone's first and third entries are affine; a Parameter times a Variable keeps the program DPP.
        constraints = {
            **program.constraints,
            "full_power": power <= 1.0,
            "shannon": cp.ExpCone(cp.multiply(log, rate - 1.0), np.ones(users), noise + cp.multiply(1.0 - noise, power)),
            "rate_hyperbola": cp.SOC(slowness + rate, cp.vstack([np.full(users, 2.0), slowness - rate])),
        }
        objective = cp.Minimize(program.problem.objective.expr + upload @ slowness)
        return Program(
            cp.Problem(objective, list(constraints.values())),
            {**program.parameters, "upload": upload, "log": log, "noise": noise},
            {**program.variables, "power": power, "rate": rate, "slowness": slowness},
            constraints,
        )

    def numbers(self, problem: MultiServerOffloading, decision: Array) -> dict[str, Any]:
        users = _transmitting(problem, decision)
        found = super().numbers(problem, decision)
        if users.size:
            ratio = _ratio(problem, decision, users)
            upload = problem.choice_costs()[users, decision[users]] / scaled(problem, decision).unit
            found |= {"upload": upload, "log": np.log1p(ratio), "noise": 1.0 / (1.0 + ratio)}
        return found

    def read(
        self, problem: MultiServerOffloading, decision: Array, values: Mapping[str, Any], multipliers: Mapping[str, Any]
    ) -> tuple[Variables, Variables]:
        found, dual = super().read(problem, decision, values, multipliers)
        assert isinstance(found, SpeedAndPower)
        fraction = np.ones(problem.users)
        if "power" in values:
            fraction[_transmitting(problem, decision)] = np.clip(values["power"], 0.0, 1.0)
        return _with_power(problem, decision, found, fraction), dual


def _with_power(problem: MultiServerOffloading, decision: Array, found: SpeedAndPower, fraction: Array) -> SpeedAndPower:
    """Return the allocation with these parts of the greatest powers, and the latencies they give."""
    changed = SpeedAndPower(found.server_speed, found.transmit_power * fraction, found.latency)
    return SpeedAndPower(changed.server_speed, changed.transmit_power, problem.latency(decision, changed))


JOINT = _Joint()


def smooth_program(problem: MultiServerOffloading, decision: Array) -> SmoothProgram:
    """Write one instance for SLSQP, in scaled shares and parts of the greatest powers side by side."""
    s, senders = scaled(problem, decision), _transmitting(problem, decision)
    sharing, count = s.users.size, s.users.size + senders.size
    ratio = _ratio(problem, decision, senders)
    unit = max(s.unit * max(sharing, 1), float(problem.choice_costs()[senders, decision[senders]].sum()))
    weight = s.weight * s.unit / unit
    upload = problem.choice_costs()[senders, decision[senders]] / unit * np.log1p(ratio)
    used = s.matrix.any(axis=1)

    def function(y: Array) -> float:
        return float((weight / y[:sharing]).sum() + (upload / np.log1p(ratio * y[sharing:])).sum())

    def gradient(y: Array) -> Array:
        log = np.log1p(ratio * y[sharing:])
        return np.concatenate([-weight / y[:sharing] ** 2, -upload * ratio / ((1.0 + ratio * y[sharing:]) * log**2)])

    def pack(allocation: Variables) -> Array:
        given = allocation.as_dict()
        fraction = given["transmit_power"][senders] / problem.max_power[senders]
        return np.concatenate([given["server_speed"][s.users] / s.part, fraction])

    def unpack(y: Array) -> tuple[Variables, Variables]:
        speed, fraction = np.zeros(problem.users), np.ones(problem.users)
        speed[s.users], fraction[senders] = y[:sharing] * s.part, y[sharing:]
        found = at_full_power(problem, decision, fitted(problem, decision, speed))
        return _with_power(problem, decision, found, fraction), _suggested(problem, decision, found.server_speed)

    matrix = np.zeros((int(used.sum()), count))
    matrix[:, :sharing] = s.matrix[used]
    return SmoothProgram(
        function=function,
        gradient=gradient,
        matrix=matrix,
        limit=s.limit[used],
        lower=np.concatenate([np.maximum(s.lower, LEAST_FRACTION), np.full(senders.size, LEAST_FRACTION)]),
        upper=np.concatenate([np.minimum(s.upper, 1.0 / LEAST_FRACTION), np.ones(senders.size)]),
        default_start=np.concatenate([np.clip(np.ones(sharing), s.lower, s.upper), np.full(senders.size, 0.5)]),
        pack=pack,
        unpack=unpack,
    )


def _suggested(problem: MultiServerOffloading, decision: Array, speed: Array) -> ServerPrices:
    """Derive speed prices from speeds: the mean of ``s^2/f^2``, weighted by f, over users away from their bounds."""
    root = np.sqrt(problem.weight * problem.workload)
    lower, upper = problem.speed_bounds()
    price = np.zeros(problem.servers)
    for j in range(problem.servers):
        mine = (decision == j + 1) & (root > 0)
        with np.errstate(invalid="ignore"):
            inside = mine & (speed > lower[:, j] * (1 + 1e-6)) & (speed < upper[:, j] * (1 - 1e-6))
        if inside.any():
            price[j] = (root[inside] ** 2 / speed[inside]).sum() / speed[inside].sum()
        elif mine.any() and speed[mine].sum() >= problem.server_speed[j] * (1 - 1e-9):
            price[j] = (root[mine] / speed[mine]).max() ** 2
    return ServerPrices(price, np.zeros_like(price))


def cvxpy_problem(problem: MultiServerOffloading, decision: Array) -> Any:
    """Write the inner problem of one instance as disciplined convex programming takes it, the cost in s."""
    import cvxpy as cp

    if problem.batch_shape or decision.ndim != 1:
        raise InstanceError("to_cvxpy takes a single instance and a single decision; index the batch first")
    if problem.infeasible(decision):
        raise InstanceError("this decision has no allocation: a server has too many users, or a task is late at any speed")
    power = cp.Variable(problem.users, nonneg=True, name="power_fraction")
    speed = cp.Variable(problem.users, nonneg=True, name="speed_fraction")
    constraints = [power <= 1.0]
    cost = cp.Constant(float((problem.weight * problem.workload / problem.own_speed())[decision == 0].sum()))
    _, upper = problem.speed_bounds()
    for i in range(problem.users):
        if decision[i] == 0:
            constraints += [power[i] == 0.0, speed[i] == 0.0]
            continue
        j = int(decision[i]) - 1
        ratio = float(problem.max_power[i] * problem.channel_gain[i, j] / problem.noise_power[j])
        latency = []
        if problem.data_size[i] > 0:
            time = float(problem.data_size[i] * np.log(2.0) / problem.bandwidth[i])
            latency.append(time * cp.inv_pos(cp.log1p(ratio * power[i])))
        if problem.workload[i] > 0:
            latency.append(float(problem.workload[i] / problem.server_speed[j]) * cp.inv_pos(speed[i]))
        if latency:
            cost = cost + float(problem.weight[i]) * cp.sum(cp.hstack(latency))
            if problem.deadline[i] < np.inf:
                constraints.append(cp.sum(cp.hstack(latency)) <= float(problem.deadline[i]))
        if problem.bounded:
            constraints += [
                speed[i] >= float(problem.least_speed[i] / problem.server_speed[j]),
                speed[i] <= float(upper[i, j] / problem.server_speed[j]),
            ]
    for j in range(problem.servers):
        mine = np.flatnonzero(decision == j + 1)
        if mine.size:
            constraints.append(cp.sum(speed[mine]) <= 1.0)
    return cp.Problem(cp.Minimize(cost), constraints)


def paper_variables(problem: MultiServerOffloading, decision: Array, program: Any) -> dict[str, Any]:
    """Return speeds and powers, of which a program has the parts; see `cvxpy_problem`."""
    power, speed = (program.var_dict[name] for name in ("power_fraction", "speed_fraction"))
    own = problem.server_speed[np.maximum(decision, 1).astype(int) - 1]
    return {"server_speed": np.diag(own) @ speed, "transmit_power": np.diag(problem.max_power) @ power}
