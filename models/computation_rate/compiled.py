r"""Time prices of the computation rate, compiled: one mode at a time, and the relaxation for price-and-fix.

At a time price :math:`\nu` an offloading user earns :math:`C_i(\nu) = w_i e\, g_i e^{-u_i}` per unit of harvesting time,
with :math:`u_i` from `mecopt.kernels.lambert` at :math:`q = \nu/(w_i e)`, and transmits for :math:`g_i/z_i` of it, where
:math:`z_i = e^{u_i}-1`.

For a fixed mode the price is the root of
:math:`\psi(\nu) = \tfrac13 A\, a^{-2/3} + \sum_{x_i=1} C_i(\nu) - \nu`, where
:math:`a = 1/(1 + \sum_{x_i=1} g_i/z_i)` and :math:`A = \sum_{x_i=0} A_i`. Over all modes
:math:`L(\nu) = \max_{0\le a\le1} \nu(1-a) + \sum_i \max(A_i a^{1/3}, C_i(\nu) a)` is convex in :math:`\nu` and bounds
every rate; user i offloads iff :math:`a \ge (A_i/C_i)^{3/2}`, so sorted by that threshold only the N + 1 prefixes compete.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled
from mecopt.kernels.lambert import log_ratio
from mecopt.search.price_and_fix import attach

Floats = NDArray[np.float64]
Bits = NDArray[np.int8]
Flags = NDArray[np.bool_]


class RateData(NamedTuple):
    """One instance: local rate coefficient A, energy-to-noise gain g, worth w e of offloading, and identical users."""

    local: Floats
    gain: Floats
    worth: Floats
    earlier: NDArray[np.int64]
    later: NDArray[np.int64]


@compiled
def mode_price(local: Floats, gain: Floats, worth: Floats, decision: Bits) -> tuple[float, float, float]:
    """Return rate, time price and harvesting time of a fixed mode; users with g = 0 earn nothing by offloading.

    Newton on the decreasing function psi inside a bracket: the rate is of degree 1/3 to 1 in the frame length, so the
    price lies between a third of any attainable rate and any bound on the rate.
    """
    users = decision.size
    kept, most, offloading = 0.0, 0.0, 0
    for i in range(users):
        if decision[i] != 1:
            kept += local[i]
        elif gain[i] > 0.0:
            most += worth[i] * np.log1p(gain[i])
            offloading += 1
    if offloading == 0:
        return kept, kept / 3.0, 1.0
    attainable = kept * 0.5 ** (1.0 / 3.0)
    for i in range(users):
        if decision[i] == 1 and gain[i] > 0.0:
            attainable += worth[i] * 0.5 / offloading * np.log1p(offloading * gain[i])
    low, high = attainable / 3.0, kept + most
    price = np.sqrt(low) * np.sqrt(high)
    time, earned = 1.0, 0.0
    for _ in range(200):
        spent, earned, bend = 0.0, 0.0, 0.0
        for i in range(users):
            if decision[i] == 1 and gain[i] > 0.0:
                u = log_ratio(price / worth[i])
                shrunk, rest = np.exp(-u), -np.expm1(-u)
                received = gain[i] * shrunk
                earned += worth[i] * received
                if rest > 0.0:
                    spent += received / rest
                    bend += received / (rest * rest * rest * worth[i])
                else:
                    spent = np.inf
        time = 1.0 / (1.0 + spent)
        third = kept * time ** (-2.0 / 3.0) / 3.0
        excess = third + earned - price
        if excess > 0.0:
            low = price
        else:
            high = price
        slope = -2.0 / 3.0 * third * time * bend - spent - 1.0
        step = price - excess / slope
        if not low < step < high:
            step = np.sqrt(low) * np.sqrt(high)
        done = abs(step - price) <= 4e-16 * price or high <= low * (1.0 + 4e-16)
        price = step
        if done:
            break
    return time * earned + time * spent * price + kept * time ** (1.0 / 3.0), price, time


@compiled
def mode_rates(local: Floats, gain: Floats, worth: Floats, decisions: Bits) -> Floats:
    """Return the best rate of decisions ``(instances, candidates, users)``."""
    instances, candidates, _ = decisions.shape
    result = np.empty((instances, candidates))
    for b in range(instances):
        for k in range(candidates):
            result[b, k] = mode_price(local[b], gain[b], worth[b], decisions[b, k])[0]
    return result


@compiled
def mode_allocations(local: Floats, gain: Floats, worth: Floats, decisions: Bits) -> tuple[Floats, Floats, Floats]:
    """Return harvesting time, offloading times and time price of decisions ``(instances, candidates, users)``."""
    instances, candidates, users = decisions.shape
    harvest, prices = np.empty((instances, candidates)), np.empty((instances, candidates))
    offload = np.zeros((instances, candidates, users))
    for b in range(instances):
        for k in range(candidates):
            _, price, _ = mode_price(local[b], gain[b], worth[b], decisions[b, k])
            total = 1.0
            for i in range(users):
                if decisions[b, k, i] == 1 and gain[b, i] > 0.0:
                    offload[b, k, i] = gain[b, i] / np.expm1(log_ratio(price / worth[b, i]))
                    total += offload[b, k, i]
            for i in range(users):
                offload[b, k, i] /= total
            harvest[b, k], prices[b, k] = 1.0 / total, price
    return harvest, offload, prices


@compiled
def _peak(local: float, earned: float, price: float) -> tuple[float, float]:
    """Return the maximum over a in [0, 1] of ``price (1 - a) + local a^(1/3) + earned a``, and where it is."""
    net = price - earned
    if net <= 0.0 or local >= 3.0 * net:
        return local + earned, 1.0
    root = np.sqrt(local / (3.0 * net))
    return price + 2.0 / 3.0 * local * root, root * root * root


@compiled
def _lagrangian(
    data: RateData,
    state: Bits,
    price: float,
    earning: Floats,
    spending: Floats,
    thresholds: Floats,
    free: NDArray[np.int64],
    peaks: Floats,
) -> tuple[float, int, float, int]:
    """Return the bound at a price, its best prefix, its slope, and the number of free users.

    Fills what every user earns and spends at this price, the free users sorted by threshold, and the N + 1 peaks.
    """
    local, earned, spent, count = 0.0, 0.0, 0.0, 0
    for i in range(state.size):
        if state[i] != 0 and data.gain[i] > 0.0:
            u = log_ratio(price / data.worth[i])
            shrunk, rest = np.exp(-u), -np.expm1(-u)
            received = data.gain[i] * shrunk
            earning[i] = data.worth[i] * received
            spending[i] = received / rest if rest > 0.0 else np.inf
        if state[i] == 0:
            local += data.local[i]
        elif state[i] == 1:
            earned += earning[i]
            spent += spending[i]
        else:
            local += data.local[i]
            ratio = data.local[i] / earning[i] if earning[i] > 0.0 else np.inf
            thresholds[count] = ratio
            free[count] = i
            count += 1
    order = np.argsort(thresholds[:count])
    free[:count] = free[:count][order]
    best, where = _peak(local, earned, price)
    peaks[0] = best
    prefix, total, chosen_spent = 0, local, spent
    for k in range(count):
        i = free[k]
        total -= data.local[i]
        earned += earning[i]
        spent += spending[i]
        # The last prefix leaves only fixed users local; their sum is recomputed where cancellation would leave dust.
        if k == count - 1:
            total = 0.0
            for j in range(state.size):
                if state[j] == 0:
                    total += data.local[j]
        value, at = _peak(max(total, 0.0), earned, price)
        peaks[k + 1] = value
        if not value <= best:  # a nan must win: it is no bound, and must not hide among those that are
            best, where, prefix, chosen_spent = value, at, k + 1, spent
    slope = 1.0 - where * (1.0 + chosen_spent) if where > 0.0 else 1.0
    return best, prefix, slope, count


@compiled
def first_price(data: RateData) -> float:
    """Return a price to start from: the rate when all are local, or what one user's offloading says that the price exceeds.

    Half the frame earns any one user half of ``worth log(1 + g)``, and the price is at least a third of any rate. Local
    rates alone may be too small for a float, or 0, where offloading earns much.
    """
    price = data.local.sum()
    for i in range(data.gain.size):
        if data.gain[i] > 0.0:
            price = max(price, data.worth[i] * np.log1p(data.gain[i]) / 6.0)
    return price


@compiled
def relax(data: RateData, state: Bits, allowed: Flags, price: Floats, cutoff: float, relaxed: Bits) -> float:
    """Minimise the Lagrangian over prices; return the bound with its sign turned, and leave the best price.

    The minimum of a convex function of one variable is bracketed by slopes of both signs; the next price is where the
    two tangents meet (exact at a kink, where two modes tie) or where the chord of the slopes vanishes (fast where the
    function is smooth), by turns.
    """
    users = state.size
    earning, spending = np.zeros(users), np.zeros(users)
    thresholds, peaks = np.empty(users), np.empty(users + 1)
    free = np.empty(users, np.int64)
    if data.local.max() == 0.0 and data.gain.max() == 0.0:  # nobody has any energy or weight: every rate is 0
        for i in range(users):
            relaxed[i] = max(state[i], 0)
        price[0] = 0.0
        return 0.0
    if state.min() >= 0:  # one mode: its own price is best
        price[0] = mode_price(data.local, data.gain, data.worth, state)[1]
        relaxed[:] = state
        return -_lagrangian(data, state, price[0], earning, spending, thresholds, free, peaks)[0]
    enough = -cutoff  # a bound this low closes the node
    left, right = 0.0, np.inf
    left_value, right_value, left_slope, right_slope = np.inf, np.inf, -1.0, 1.0
    trial, best_price, best_value = price[0], price[0], np.inf
    for turn in range(100):
        value, prefix, slope, _ = _lagrangian(data, state, trial, earning, spending, thresholds, free, peaks)
        if not np.isfinite(value):  # beyond what floats hold nothing is proved, and the engine is told so
            for i in range(users):
                relaxed[i] = max(state[i], 0)
            return np.nan
        if value < best_value:
            best_value, best_price = value, trial
        if value <= enough or slope == 0.0:
            break
        if slope < 0.0:
            left, left_value, left_slope = trial, value, slope
        else:
            right, right_value, right_slope = trial, value, slope
        if left == 0.0:
            trial = 0.25 * right
            continue
        if right == np.inf:
            trial = 4.0 * left
            continue
        meet = (left_value - right_value + right_slope * right - left_slope * left) / (right_slope - left_slope)
        floor = left_value + left_slope * (meet - left)
        # Once no price can close the node, a bound that is exact to a part of what is missing fixes as many users.
        missing = floor - enough if np.isfinite(enough) else 0.0
        if best_value - floor <= max(2e-14 * best_value, 0.01 * missing) or right - left <= 1e-15 * right:
            break
        if turn % 3 == 0:
            trial = meet
        elif turn % 3 == 1 and np.isfinite(left_slope):
            trial = left - left_slope * (right - left) / (right_slope - left_slope)
        else:
            trial = np.sqrt(left) * np.sqrt(right)
        if not left < trial < right:
            trial = np.sqrt(left) * np.sqrt(right)
            if not left < trial < right:
                break
    # At a kink the modes on its two sides tie in the bound but not in their rates: keep the one that earns more.
    earns_most = -np.inf
    candidate = relaxed.copy()
    for side in (best_price, left, right):
        if side == 0.0 or side == np.inf or (side == best_price and earns_most > -np.inf):
            continue
        _, prefix, _, _ = _lagrangian(data, state, side, earning, spending, thresholds, free, peaks)
        for i in range(users):
            candidate[i] = state[i] if state[i] >= 0 else 0
        for k in range(prefix):
            candidate[free[k]] = 1
        if earns_most > -np.inf and (candidate == relaxed).all():
            continue
        rate = mode_price(data.local, data.gain, data.worth, candidate)[0]
        if rate > earns_most:
            earns_most = rate
            relaxed[:] = candidate
        if best_value <= enough:
            break
    price[0] = best_price
    return -best_value


@compiled
def slacks(
    data: RateData,
    state: Bits,
    allowed: Flags,
    price: Floats,
    bound: float,
    cutoff: float,
    relaxed: Bits,
    slack: Floats,
) -> None:
    """Fill how much the bound falls when a free user is forced to its other side at the same price.

    Only prefixes whose own peak beats the incumbent can matter. The best forced choice is attained at some harvesting
    time, where it differs in one user from the prefix that is best there, so that prefix's own peak is no lower; every
    other prefix stays within what is enough to fix the user.
    """
    users = state.size
    earning, spending = np.zeros(users), np.zeros(users)
    thresholds, peaks = np.empty(users), np.empty(users + 1)
    free = np.empty(users, np.int64)
    _, _, _, count = _lagrangian(data, state, price[0], earning, spending, thresholds, free, peaks)
    local, earned = 0.0, 0.0
    for i in range(users):
        if state[i] == 1:
            earned += earning[i]
        else:
            local += data.local[i]
    forced = np.full(count, -cutoff)
    for k in range(count + 1):
        if k > 0:
            local -= data.local[free[k - 1]]
            earned += earning[free[k - 1]]
        if peaks[k] <= -cutoff:
            continue
        for j in range(count):
            i = free[j]
            offloads = j < k
            if offloads != (relaxed[i] == 1):
                peak = peaks[k]
            elif offloads:
                peak = _peak(local + data.local[i], earned - earning[i], price[0])[0]
            else:
                peak = _peak(max(local - data.local[i], 0.0), earned + earning[i], price[0])[0]
            forced[j] = max(forced[j], peak)
    for j in range(count):
        slack[free[j], 1 - relaxed[free[j]]] = -bound - forced[j]


@compiled
def evaluate(data: RateData, decision: Bits) -> float:
    """Return the best rate of a mode with its sign turned."""
    return -mode_price(data.local, data.gain, data.worth, decision)[0]


@compiled
def relaxed_prices(local: Floats, gain: Floats, worth: Floats) -> Floats:
    """Return the time price of the relaxation of every instance, all users free."""
    instances, users = local.shape
    result = np.empty(instances)
    state = np.full(users, np.int8(-1))
    relaxed, nobody = np.empty(users, np.int8), np.full(users, -1)
    allowed = np.ones((users, 2), np.bool_)
    price = np.empty(1)
    for b in range(instances):
        data = RateData(local[b], gain[b], worth[b], nobody, nobody)
        price[0] = first_price(data)
        relax(data, state, allowed, price, np.inf, relaxed)
        result[b] = price[0]
    return result


attach(RateData, model_relax=relax, model_slacks=slacks, model_evaluate=evaluate)
