r"""Prices of interference, compiled: the best power of one user, one decision, and the relaxation for branching on counts.

Everything is a function of the spectral efficiency :math:`u = \ln(1 + g p)` in nats. In units of its work
:math:`\omega = w D \ln 2/B` and at a price :math:`\lambda` of the whole limit a user's cost is

.. math:: \varphi(u) = \frac{1 + c\,(e^u - 1)}{u} + m\,(e^u - 1), \qquad c = \frac{\alpha}{g}, \quad
   m = \frac{\lambda}{\omega} \frac{G}{g I}

on :math:`0 < u \le U`. All three terms are convex (power series of :math:`(e^u-1)/u` and :math:`e^u - 1` have positive
coefficients), and :math:`u^2 e^{-u} \varphi'(u) = c\,q(u) + m u^2 - e^{-u}` with :math:`q(u) = u + e^{-u} - 1`. So the
minimum is U or the root of

.. math:: \theta(u) = u + \ln\left(c\,q(u) + m u^2\right) = 0 ,

where nothing overflows, whatever the data: Newton on an increasing function that is nearly :math:`2 \ln u` for small u and
nearly linear for large ones.

The users' parts of the limit, :math:`\sum G p/I`, fall in the price, so a decision's price is the root of a monotone
function, and the relaxation's bound is concave in the price with the parts less 1 as its slope.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled, compiled_freely, compiled_inside, vectorised
from mecopt.search.count_tree import attach
from mecopt.search.families import FREE, Family, everyone
from mecopt.search.limited_data import attach_charged_offer
from mecopt.search.one_price import attach_offer, best_price, offered_uses

Floats = NDArray[np.float64]
Bits = NDArray[np.int8]

SMALL = 0.05
"""Below it q(u) is summed by its series, because the difference cancels."""

HURRIED = 60
"""Turns of Newton's method after which the bracket is halved instead."""
DEAREST = 1e300
"""Relative price that stands for all that are higher: it leaves a power that is still a number."""


class PowerData(NamedTuple):
    """What users cost, the parts of the limit they take, and their greatest efficiency; of one instance, or of several."""

    local: Floats
    """Cost of computing locally, s."""
    fixed: Floats
    """Cost of offloading that no power changes, s."""
    work: Floats
    """Cost of uploading at one nat per second and hertz without a price of energy, s; 0 where nothing is uploaded."""
    energy: Floats
    """c: energy price over the signal-to-noise ratio per watt."""
    part: Floats
    """Part of the interference limit per unit of signal-to-noise ratio; 0 where there is no limit."""
    cap: Floats
    """U: greatest efficiency that power and energy budget allow; 0 where the budget cannot carry the task."""


@compiled_inside
def instance(batch: PowerData, b: int) -> PowerData:
    """Return the data of one instance."""
    return PowerData(batch.local[b], batch.fixed[b], batch.work[b], batch.energy[b], batch.part[b], batch.cap[b])


@compiled
def best_efficiency(energy: float, price: float, cap: float) -> float:
    """Return the minimiser u of ``(1 + c (e^u - 1)) / u + m (e^u - 1)`` over ``0 < u <= cap``; 0 for a cap of 0."""
    if cap <= 0.0:
        return 0.0
    price = min(price, DEAREST)
    curvature = 0.5 * energy + price
    if curvature == 0.0:
        return cap
    # The root is within a factor of 1.5 of 2 W(y/2), since q is between u^2/2 e^(-u/3) and u^2/2; W by Iacono and Boyd.
    level = np.log1p(0.5 / np.sqrt(curvature))
    u = min(2.0 * level * (1.0 - np.log1p(level) / (2.0 + level)), cap)
    for _ in range(60):
        bend = -np.expm1(-u)
        if u < SMALL:
            q = u * u * (1 / 2 - u * (1 / 6 - u * (1 / 24 - u * (1 / 120 - u * (1 / 720 - u / 5040)))))
        else:
            q = u - bend
        inner = energy * q + price * u * u
        step = (u + np.log(inner)) / (1.0 + (energy * bend + 2.0 * price * u) / inner)
        before = u
        u = min(max(u - step, 0.25 * u), cap)
        if abs(u - before) <= 1e-10 * u:
            break
    return float(u)


@vectorised("float64(float64, float64, float64)")
def best_efficiencies(energy: float, price: float, cap: float) -> float:
    """Return `best_efficiency` of every entry."""
    return best_efficiency(energy, price, cap)


@compiled
def _first_price(data: PowerData, decision: Bits) -> float:
    """Return the price at which all offloading users fill the limit where powers are low and energy is free."""
    total = 0.0
    for i in range(decision.size):
        if decision[i] != 0 and data.cap[i] > 0.0:
            total += np.sqrt(data.work[i]) * np.sqrt(data.part[i])
    return total * total


@compiled
def settle(data: PowerData, decision: Bits, efficiency: Floats) -> tuple[float, float]:
    """Fill the best efficiencies of a fixed decision; return its cost and price, infinite and nan where it is infeasible.

    Newton on the logarithm of the parts taken, as a function of the logarithm of the price, inside a bracket.
    """
    users = decision.size
    for i in range(users):
        efficiency[i] = 0.0
        if decision[i] == 1 and data.cap[i] <= 0.0:
            return np.inf, np.nan
    price, low, high = 0.0, 0.0, np.inf
    taken = 0.0
    for turn in range(200):
        taken, fall = 0.0, 0.0
        for i in range(users):
            if decision[i] == 1 and data.work[i] > 0.0:
                m = price * data.part[i] / data.work[i]
                u = best_efficiency(data.energy[i], m, data.cap[i])
                efficiency[i] = u
                part = data.part[i] * np.expm1(u)
                taken += part
                if u < data.cap[i] and m < DEAREST:
                    fall += (part + data.part[i]) * u * m / (data.energy[i] + m * (2.0 + u))
        if turn == 0:
            if taken <= 1.0:
                break
            price = _first_price(data, decision)
            continue
        excess = np.log(taken)
        if excess > 0.0:
            low = price
        else:
            high = price
        if abs(excess) <= 1e-15 or high <= low * (1.0 + 4e-16):
            break
        step = price * np.exp(min(max(excess * taken / fall, -5.0), 5.0)) if fall > 0.0 else 16.0 * price
        if turn > HURRIED and low > 0.0 and high < np.inf:
            step = np.sqrt(low) * np.sqrt(high)
        if not low < step < high:
            if low > 0.0 and high < np.inf:
                step = np.sqrt(low) * np.sqrt(high)
            else:
                step = 0.01 * high if high < np.inf else 16.0 * low
        if abs(step - price) <= 4e-16 * price:
            break
        price = step
    else:
        return np.nan, np.nan
    cost = 0.0
    for i in range(users):
        if decision[i] == 1 and data.work[i] <= 0.0:
            cost += data.fixed[i]
        elif decision[i] == 1:
            ratio = np.expm1(efficiency[i]) / max(taken, 1.0)
            efficiency[i] = np.log1p(ratio)
            cost += data.fixed[i] + data.work[i] * (1.0 + data.energy[i] * ratio) / efficiency[i]
        else:
            cost += data.local[i]
    return cost, price


@compiled
def decision_costs(
    local: Floats, fixed: Floats, work: Floats, energy: Floats, part: Floats, cap: Floats, decisions: Bits
) -> Floats:
    """Return the least cost of decisions ``(instances, candidates, users)``."""
    instances, candidates, users = decisions.shape
    costs, efficiency = np.empty((instances, candidates)), np.empty(users)
    for b in range(instances):
        data = PowerData(local[b], fixed[b], work[b], energy[b], part[b], cap[b])
        for k in range(candidates):
            costs[b, k] = settle(data, decisions[b, k], efficiency)[0]
    return costs


@compiled_freely
def decision_efficiencies(
    local: Floats, fixed: Floats, work: Floats, energy: Floats, part: Floats, cap: Floats, decisions: Bits
) -> tuple[Floats, Floats]:
    """Return efficiencies and price of decisions ``(instances, candidates, users)``; nan where one is infeasible."""
    instances, candidates, _ = decisions.shape
    efficiency, prices = np.empty(decisions.shape), np.empty((instances, candidates))
    for b in range(instances):
        data = PowerData(local[b], fixed[b], work[b], energy[b], part[b], cap[b])
        for k in range(candidates):
            cost, prices[b, k] = settle(data, decisions[b, k], efficiency[b, k])
            if cost == np.inf and np.isnan(prices[b, k]):
                efficiency[b, k] = np.nan
    return efficiency, prices


@compiled
def offer(data: PowerData, state: Bits, price: float, kept: Floats, paid: Floats, used: Floats) -> tuple[float, float]:
    """Fill in what users cost local and offloaded at a price, and their parts of the limit; return its price, and 1."""
    for i in range(state.size):
        kept[i], paid[i], used[i] = data.local[i], np.inf, 0.0
        if state[i] != 0 and data.cap[i] > 0.0 and data.work[i] <= 0.0:
            paid[i] = data.fixed[i]
        elif state[i] != 0 and data.cap[i] > 0.0:
            m = price * data.part[i] / data.work[i]
            if m < DEAREST:
                u = best_efficiency(data.energy[i], m, data.cap[i])
                ratio = np.expm1(u)
                used[i] = data.part[i] * ratio
                paid[i] = data.fixed[i] + data.work[i] * (1.0 + data.energy[i] * ratio) / u + price * used[i]
            else:  # the least of 1/u + m u, below what any efficiency costs and near the least of it where u is this small
                used[i] = np.sqrt(data.work[i]) * np.sqrt(data.part[i]) / np.sqrt(price)
                paid[i] = data.fixed[i] + 2.0 * np.sqrt(data.work[i]) * np.sqrt(data.part[i]) * np.sqrt(price)
    return price, 1.0


@compiled
def relax(data: PowerData, family: Family, price: Floats, cutoff: float, more: Bits, less: Bits, slope: Floats) -> float:
    """Maximise the Lagrangian over prices; return the bound and leave the best price and the decisions that tie there."""
    return float(best_price(data, family, price, cutoff, more, less, slope))


@compiled
def slacks(data: PowerData, state: Bits, price: float, bound: float, cutoff: float, slack: Floats) -> None:
    """Fill how much the bound rises when a free user is forced to a side at the same price."""
    kept, paid = np.empty(state.size), np.empty(state.size)
    offer(data, state, price, kept, paid, np.empty(state.size))
    for i in range(state.size):
        least = min(kept[i], paid[i])
        slack[i, 0], slack[i, 1] = kept[i] - least, paid[i] - least


@compiled
def evaluate(data: PowerData, decision: Bits) -> float:
    """Return the least cost of a decision, infinite where it is infeasible."""
    return settle(data, decision, np.empty(decision.size))[0]


@compiled
def relaxed_prices(local: Floats, fixed: Floats, work: Floats, energy: Floats, part: Floats, cap: Floats) -> Floats:
    """Return the price of the relaxation of every instance, all users free."""
    instances, users = local.shape
    result, price, slope = np.empty(instances), np.empty(1), np.empty(2)
    state, more, less = np.full(users, np.int8(FREE)), np.empty(users, np.int8), np.empty(users, np.int8)
    for b in range(instances):
        data = PowerData(local[b], fixed[b], work[b], energy[b], part[b], cap[b])
        price[0] = _first_price(data, np.ones(users, np.int8))
        relax(data, everyone(state), price, np.inf, more, less, slope)
        result[b] = price[0]
    return result


attach_offer(PowerData, offer)
attach_charged_offer(PowerData)
attach(
    PowerData,
    model_relax=relax,
    model_slacks=slacks,
    model_evaluate=evaluate,
    model_uses=offered_uses,
    model_instance=instance,
)
