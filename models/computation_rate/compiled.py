r"""Time prices of the computation rate over many modes, compiled: the relaxation for branching on counts.

At a time price :math:`\nu` an offloading user earns :math:`C_i(\nu) = w_i e\, g_i e^{-u_i}` per unit of harvesting time,
with :math:`u_i` from `mecopt.kernels.lambert` at :math:`q = \nu/(w_i e)`, and transmits for :math:`g_i/z_i` of it, where
:math:`z_i = e^{u_i}-1`.

For a fixed mode see `mecopt.models.computation_rate.fixed_mode`. Over all modes
:math:`L(\nu) = \max_{0\le a\le1} \nu(1-a) + \sum_i \max(A_i a^{1/3}, C_i(\nu) a)` is convex in :math:`\nu` and bounds
every rate; user i offloads iff :math:`a \ge (A_i/C_i)^{3/2}`, so sorted by that threshold only the N + 1 prefixes compete.

Over a family F of modes with limits on counts (`mecopt.search.families`) the same is, with :math:`t = a^{2/3}`,

.. math:: L(\nu) = \max_{0 \le a \le 1} \nu(1-a) + a^{1/3} v(t), \qquad
   v(t) = \max_{S \in F} \Big( \sum_{i \notin S} A_i + t \sum_{i \in S} C_i \Big) .

Sorting the gains :math:`C_i t - A_i` finds v and its line at any t. As a maximum of lines v is convex, so between two such t
it is at most its chord :math:`\alpha + \beta t`, and :math:`\nu(1-a) + \alpha a^{1/3} + \beta a` has its maximum in closed
form (:math:`\alpha \ge 0`, since the lines at the two ends meet between them). The interval of the highest such bound is
divided where they meet, until a mode attains the bound: each division finds a new line or proves that there is none (Eisner
and Severance 1976), and the highest bound is valid whenever one stops.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled, compiled_inside
from mecopt.kernels.lambert import decay, log_ratio
from mecopt.models.computation_rate.fixed_mode import mode_price
from mecopt.search.count_tree import attach
from mecopt.search.families import FREE, Family, best_set, everyone, free_users
from mecopt.search.groups import sort_users
from mecopt.search.one_price import attach_dual, best_price, dual

Floats = NDArray[np.float64]
Bits = NDArray[np.int8]
Whole = NDArray[np.int64]

DIVISIONS = 100
"""Most intervals of the harvesting time; a bound that they leave inexact is still a bound."""
ENOUGH = 2e-14
"""Relative precision of the maximum over harvesting times."""
PART = 1e-3
"""Part of what a bound is above one that is enough to which it is exact."""


class RateData(NamedTuple):
    """Local rate coefficient A, energy-to-noise gain g, and worth w e of offloading; of one instance, or of several."""

    local: Floats
    gain: Floats
    worth: Floats


@compiled
def _peak(local: float, earned: float, price: float) -> tuple[float, float]:
    """Return the maximum over a in [0, 1] of ``price (1 - a) + local a^(1/3) + earned a``, and where it is."""
    net = price - earned
    if net <= 0.0 or local >= 3.0 * net:
        return local + earned, 1.0
    root = np.sqrt(local / (3.0 * net))
    return price + 2.0 / 3.0 * local * root, root * root * root


@compiled_inside
def _peak_between(local: float, earned: float, price: float, low: float, high: float) -> float:
    """Return the maximum over a in [low, high] of ``price (1 - a) + local a^(1/3) + earned a``."""
    net, at = price - earned, high
    if net > 0.0:
        root = np.sqrt(local / (3.0 * net))
        at = min(max(root * root * root, low), high)
    return float(price * (1.0 - at) + local * np.cbrt(at) + earned * at)


@compiled_inside
def offers(data: RateData, state: Bits, price: float, earning: Floats, spending: Floats) -> None:
    """Fill in what every user that may offload earns and spends per unit of harvesting time at a price."""
    for i in range(state.size):
        earning[i], spending[i] = 0.0, 0.0
        if state[i] != 0 and data.gain[i] > 0.0:
            shrunk, rest = decay(log_ratio(price / data.worth[i]))
            received = data.gain[i] * shrunk
            earning[i] = data.worth[i] * received
            spending[i] = received / rest if rest > 0.0 else np.inf


@compiled_inside
def _prefixes(
    data: RateData, state: Bits, price: float, earning: Floats, spending: Floats, users: Whole, free: int, peaks: Floats
) -> tuple[float, int, float]:
    """Return the bound at a price over all modes, its best prefix, and its slope.

    Sorts the free users by threshold, and fills in the N + 1 peaks.
    """
    local, earned, spent, fixed = 0.0, 0.0, 0.0, 0.0
    threshold = np.empty(state.size)
    for i in range(state.size):
        if state[i] == 1:
            earned += earning[i]
            spent += spending[i]
        else:
            local += data.local[i]
            fixed += data.local[i] if state[i] == 0 else 0.0
            threshold[i] = data.local[i] / earning[i] if earning[i] > 0.0 else np.inf
    sort_users(threshold, users[:free])
    best, where, prefix, chosen_spent = -np.inf, 0.0, 0, 0.0
    for k in range(free + 1):
        if k > 0:
            i = users[k - 1]
            local -= data.local[i]
            earned += earning[i]
            spent += spending[i]
        # The last prefix leaves only fixed users local, where their difference would leave dust.
        value, at = _peak(max(local, 0.0) if k < free else fixed, earned, price)
        peaks[k] = value
        if not value <= best:  # a nan must win: it is no bound, and must not hide among those that are
            best, where, prefix, chosen_spent = value, at, k, spent
    return best, prefix, 1.0 - where * (1.0 + chosen_spent) if where > 0.0 else 1.0


@compiled_inside
def _intervals(
    data: RateData,
    family: Family,
    price: float,
    enough: float,
    earning: Floats,
    spending: Floats,
    users: Whole,
    free: int,
    chosen: Bits,
) -> tuple[float, float]:
    """Return the bound at a price over the modes of a family, and its slope; fill in a mode that attains it.

    A bound of `enough` or less need not be exact. It is infinite downwards where the family is empty.
    """
    size = family.state.size
    gain = np.empty(size)
    t, earned, local, upper = np.empty(DIVISIONS), np.empty(DIVISIONS), np.empty(DIVISIONS), np.empty(DIVISIONS)
    best, best_at, where, best_spent, top = -np.inf, 0.0, 0.0, 0.0, np.inf
    trial, ends = 0.0, 0
    while ends < DIVISIONS:
        for i in range(size):
            gain[i] = earning[i] * trial - data.local[i]
        if not best_set(family, gain, users, free, chosen):
            return -np.inf, 0.0
        k = ends
        while k > 0 and t[k - 1] > trial:
            t[k], earned[k], local[k], upper[k] = t[k - 1], earned[k - 1], local[k - 1], upper[k - 1]
            k -= 1
        t[k], earned[k], local[k], spent = trial, 0.0, 0.0, 0.0
        for i in range(size):
            if chosen[i] == 1:
                earned[k] += earning[i]
                spent += spending[i]
            else:
                local[k] += data.local[i]
        ends += 1
        value, at = _peak(local[k], earned[k], price)
        if not value <= best:
            best, best_at, where, best_spent = value, trial, at, spent
        if ends == 1:
            trial = 1.0
            continue
        for j in range(max(k - 1, 0), min(k + 1, ends - 1)):
            left, right = local[j] + earned[j] * t[j], local[j + 1] + earned[j + 1] * t[j + 1]
            rise = (right - left) / (t[j + 1] - t[j])
            upper[j] = _peak_between(max(left - rise * t[j], 0.0), rise, price, t[j] ** 1.5, t[j + 1] ** 1.5)
        top, j = best, -1
        for k in range(ends - 1):
            if not upper[k] <= top:
                top, j = upper[k], k
        exact = top - best <= ENOUGH * best or (enough > -np.inf and top - best <= PART * (best - enough))
        if j < 0 or top <= enough or exact:
            break
        trial = 0.5 * (t[j] + t[j + 1])
        if ends > 3:
            meet = (local[j] - local[j + 1]) / (earned[j + 1] - earned[j])
            trial = meet if t[j] < meet < t[j + 1] else trial
        if not t[j] < trial < t[j + 1]:
            break
    for i in range(size):
        gain[i] = earning[i] * best_at - data.local[i]
    best_set(family, gain, users, free, chosen)
    return top, 1.0 - where * (1.0 + best_spent) if where > 0.0 else 1.0


@compiled
def lagrangian(
    data: RateData, family: Family, price: float, cutoff: float, users: Whole, free: int, chosen: Bits
) -> tuple[float, float]:
    """Return the bound at a price with its sign turned, and its slope, and fill in a mode that attains it."""
    size = family.state.size
    earning, spending = np.empty(size), np.empty(size)
    offers(data, family.state, price, earning, spending)
    if family.limited == 0:
        bound, prefix, left_over = _prefixes(data, family.state, price, earning, spending, users, free, np.empty(free + 1))
        for i in range(size):
            chosen[i] = family.state[i]
        for k in range(free):
            chosen[users[k]] = 1 if k < prefix else 0
    else:
        bound, left_over = _intervals(data, family, price, -cutoff, earning, spending, users, free, chosen)
    if bound == np.inf:  # beyond what floats hold nothing is proved
        return np.nan, 0.0
    return -bound, -left_over


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


@compiled_inside
def instance(batch: RateData, b: int) -> RateData:
    """Return the data of one instance."""
    return RateData(batch.local[b], batch.gain[b], batch.worth[b])


@compiled
def first_prices(batch: RateData) -> Floats:
    """Return `first_price` of every instance."""
    prices = np.empty(len(batch.local))
    for b in range(prices.size):
        prices[b] = first_price(instance(batch, b))
    return prices


@compiled
def relax(data: RateData, family: Family, price: Floats, cutoff: float, more: Bits, less: Bits, slope: Floats) -> float:
    """Minimise the Lagrangian over prices; return the bound with its sign turned, and leave the best price."""
    state, some = family.state, False
    for i in range(state.size):
        more[i] = less[i] = max(state[i], 0)
        some = some or data.local[i] > 0.0 or data.gain[i] > 0.0
    if not some:  # nobody has any energy or weight: every rate is 0
        price[0] = 0.0
        return 0.0
    users = np.empty(state.size, np.int64)
    free = free_users(state, users)
    if free == 0:  # one mode: its own price is best
        price[0] = mode_price(data.local, data.gain, data.worth, state)[1]
        slope[0] = slope[1] = 0.0
        return float(dual(data, family, price[0], cutoff, users, free, more)[0])
    return float(best_price(data, family, price, cutoff, more, less, slope))


@compiled
def slacks(data: RateData, state: Bits, price: float, bound: float, cutoff: float, slack: Floats) -> None:
    """Fill how much the bound falls when a free user is forced to a side at the same price.

    Only prefixes whose own peak beats the incumbent can matter. The best forced choice is attained at some harvesting
    time, where it differs in one user from the prefix that is best there, so that prefix's own peak is no lower; every
    other prefix stays within what is enough to fix the user.
    """
    size = state.size
    earning, spending, peaks, users = np.empty(size), np.empty(size), np.empty(size + 1), np.empty(size, np.int64)
    free = free_users(state, users)
    offers(data, state, price, earning, spending)
    _prefixes(data, state, price, earning, spending, users, free, peaks)
    local, earned = 0.0, 0.0
    for i in range(size):
        if state[i] == 1:
            earned += earning[i]
        else:
            local += data.local[i]
        slack[i, 0] = slack[i, 1] = cutoff - bound
    for k in range(free + 1):
        if k > 0:
            local -= data.local[users[k - 1]]
            earned += earning[users[k - 1]]
        if peaks[k] <= -cutoff:
            continue
        for j in range(free):
            i = users[j]
            if j < k:
                other = _peak(local + data.local[i], earned - earning[i], price)[0]
                slack[i, 1] = min(slack[i, 1], -bound - peaks[k])
                slack[i, 0] = min(slack[i, 0], -bound - other)
            else:
                other = _peak(max(local - data.local[i], 0.0), earned + earning[i], price)[0]
                slack[i, 0] = min(slack[i, 0], -bound - peaks[k])
                slack[i, 1] = min(slack[i, 1], -bound - other)


@compiled
def evaluate(data: RateData, decision: Bits) -> float:
    """Return the best rate of a mode with its sign turned."""
    return -mode_price(data.local, data.gain, data.worth, decision)[0]


@compiled
def uses(data: RateData, price: float, used: Floats) -> None:
    """Fill in the time that every user would spend per unit of harvesting time."""
    offers(data, np.ones(used.size, np.int8), price, np.empty(used.size), used)


@compiled
def relaxed_prices(local: Floats, gain: Floats, worth: Floats) -> Floats:
    """Return the time price of the relaxation of every instance, all users free."""
    instances, users = local.shape
    result, price, slope = np.empty(instances), np.empty(1), np.empty(2)
    state, more, less = np.full(users, np.int8(FREE)), np.empty(users, np.int8), np.empty(users, np.int8)
    for b in range(instances):
        data = RateData(local[b], gain[b], worth[b])
        price[0] = first_price(data)
        relax(data, everyone(state), price, np.inf, more, less, slope)
        result[b] = price[0]
    return result


attach_dual(RateData, lagrangian)
attach(RateData, model_relax=relax, model_slacks=slacks, model_evaluate=evaluate, model_uses=uses, model_instance=instance)
