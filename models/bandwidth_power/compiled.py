r"""Prices of bandwidth, compiled: of one decision, and the relaxation for branching on counts.

What single users do at a price is in `mecopt.models.bandwidth_power.upload`. The band that the users of a decision take
together falls with the price, and the best price is where it is the whole band. Over all decisions
:math:`\sum_i \min(L_i, S_i + v_i(\beta)) - \beta B` is concave in the price and bounds every cost from below: each user
has a critical price, above which it stays local, and between neighbouring critical prices the decision is fixed. Where
counts are limited the users are sorted at every price (`mecopt.search.one_price`).
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled, compiled_freely, compiled_inside
from mecopt.models.bandwidth_power.upload import answer, limits
from mecopt.search.count_tree import attach
from mecopt.search.families import FREE, Family, everyone
from mecopt.search.groups import sort_users
from mecopt.search.limited_data import attach_charged_offer
from mecopt.search.one_price import attach_offer, best_price, offered_uses

Floats = NDArray[np.float64]
Bits = NDArray[np.int8]
Whole = NDArray[np.int64]


# ---------------------------------------------------------------------- one decision


class Uploads(NamedTuple):
    """The users of one instance, or of several: work c, reach g, ceiling u^E, and what `answer` needs of them."""

    work: Floats
    reach: Floats
    ceiling: Floats
    log_reach: Floats
    shift: Floats
    knee: Floats
    lower: Floats
    upper: Floats
    band: Any
    """The whole band, a number for each instance."""


@compiled
def uploads(work: Floats, reach: Floats, ceiling: Floats, band: float) -> Uploads:
    """Prepare the users of one instance."""
    log_reach = np.log(reach)
    knee, lower, upper = np.empty(work.size), np.empty(work.size), np.empty(work.size)
    for i in range(work.size):
        knee[i], lower[i], upper[i] = limits(ceiling[i])
    return Uploads(work, reach, ceiling, log_reach, 2.0 * log_reach - np.log(work), knee, lower, upper, band)


@compiled
def _band(users: Uploads, i: int, log_price: float) -> tuple[float, float]:
    """Return the band that a user takes, and minus its slope in the logarithm of the price."""
    log_snr, slope = answer(log_price + users.shift[i], users.ceiling[i], users.knee[i], users.lower[i], users.upper[i])
    band = np.exp(users.log_reach[i] - log_snr)
    return band, slope * band


@compiled
def _demand(users: Uploads, sending: Whole, count: int, log_price: float) -> tuple[float, float]:
    """Return the band that the first `count` of these users take together, and minus its slope."""
    total, slope = 0.0, 0.0
    for k in range(count):
        band, fall = _band(users, sending[k], log_price)
        total += band
        slope += fall
    return total, slope


@compiled
def _time(users: Uploads, i: int, band: float) -> float:
    """Return the weighted time c / R(b) of an upload."""
    return users.work[i] / (band * min(users.ceiling[i], np.log1p(users.reach[i] / band)))


@compiled
def _inside(low: float, trial: float, high: float) -> float:
    """Return the next point of a bracketed Newton iteration: the trial, or the middle where it leaves the bracket."""
    return trial if low <= trial <= high else 0.5 * (low + high)


@compiled
def market_price(users: Uploads, sending: Whole, count: int) -> float:
    """Return the logarithm of the price at which the first `count` of these users take the whole band.

    Newton on the logarithm of the demand, which falls with slopes between 0 (where all are held by both limits) and -0.56
    (at full power), inside a bracket. The first price is that of the square-root rule at the efficiencies of equal shares.
    """
    roots = 0.0
    for k in range(count):
        i = sending[k]
        spectral = min(users.ceiling[i], np.log1p(users.reach[i] * count / users.band))
        roots += np.sqrt(users.work[i] / spectral)
    log_price = 2.0 * np.log(roots / users.band)
    low, high = -np.inf, np.inf
    for _ in range(200):
        total, slope = _demand(users, sending, count, log_price)
        over = np.log(total / users.band)
        if over == 0.0:
            break
        if over > 0.0:
            low = log_price
        else:
            high = log_price
        step = over * total / slope if slope > 0.0 else np.copysign(np.inf, over)
        step = min(max(step, -5.0), 5.0)
        trial = _inside(low, log_price + step, high)
        done = abs(trial - log_price) <= 1e-15 * max(1.0, abs(log_price))
        log_price = trial
        if done:
            break
    return log_price


@compiled
def share(users: Uploads, decision: Bits, band: Floats) -> tuple[float, float]:
    """Write the best bands of a decision; return the time of all uploads and the price, infinite where there are none.

    Uploads without work, of no data or no weight, take no band.
    """
    sending, count = np.empty(decision.size, np.int64), np.int64(0)  # a literal 0 would have callees compiled once more
    band[:] = 0.0
    for i in range(decision.size):
        if decision[i] == 1:
            if users.ceiling[i] <= 0.0:
                return np.inf, np.inf
            if users.work[i] > 0.0:
                sending[count] = i
                count += 1
    if count == 0:
        return 0.0, 0.0
    log_price = market_price(users, sending, count)
    total, _ = _demand(users, sending, count, log_price)
    time = 0.0
    for k in range(count):
        i = sending[k]
        band[i] = _band(users, i, log_price)[0] * (users.band / total)
        time += _time(users, i, band[i])
    return time, np.exp(log_price)


@compiled_freely
def shares(work: Floats, reach: Floats, ceiling: Floats, band: Floats, decisions: Bits) -> tuple[Floats, Floats, Floats]:
    """Return upload times, prices and bands of decisions ``(instances, candidates, users)``."""
    instances, candidates, count = decisions.shape
    times, prices = np.empty((instances, candidates)), np.empty((instances, candidates))
    result = np.empty((instances, candidates, count))
    for b in range(instances):
        users = uploads(work[b], reach[b], ceiling[b], band[b])
        for k in range(candidates):
            times[b, k], prices[b, k] = share(users, decisions[b, k], result[b, k])
    return times, prices, result


# ---------------------------------------------------------------------- all decisions


class OffloadingData(NamedTuple):
    """Costs of computing locally and of the server's part, and the uploads; of one instance, or of several.

    `critical` is the logarithm of the price at which offloading stops paying, -inf where it never pays; `order` sorts by it,
    the highest first.
    """

    local: Floats
    server: Floats
    users: Uploads
    critical: Floats
    order: Whole


@compiled_inside
def instance(batch: OffloadingData, b: int) -> OffloadingData:
    """Return the data of one instance."""
    users = batch.users
    one = Uploads(
        users.work[b],
        users.reach[b],
        users.ceiling[b],
        users.log_reach[b],
        users.shift[b],
        users.knee[b],
        users.lower[b],
        users.upper[b],
        users.band[b],
    )
    return OffloadingData(batch.local[b], batch.server[b], one, batch.critical[b], batch.order[b])


@compiled
def _upload_cost(users: Uploads, i: int, price: float) -> float:
    """Return `upload_costs` of a prepared user."""
    if users.ceiling[i] <= 0.0:
        return np.inf
    if users.work[i] <= 0.0:
        return 0.0
    if price <= 0.0:
        return users.work[i] / users.reach[i]
    band, _ = _band(users, i, np.log(price))
    return _time(users, i, band) + price * band


@compiled
def critical_prices(users: Uploads, saving: Floats) -> Floats:
    """Return the logarithms of the prices at which uploads cost what offloading saves; -inf where none is low enough.

    Infinite where there is nothing to upload, and offloading saves.

    Newton on ``ln(v - c/g)``, which rises with a slope near 1/2 in the logarithm of the price, from 0 at a price of 0.
    """
    result = np.full(saving.size, -np.inf)
    for i in range(saving.size):
        if users.ceiling[i] <= 0.0:
            continue
        if users.work[i] <= 0.0:
            result[i] = np.inf if saving[i] > 0.0 else -np.inf
            continue
        least = users.work[i] / users.reach[i]
        wanted = saving[i] - least
        if not wanted > 0.0:
            continue
        log_price = 2.0 * np.log(wanted) - np.log(users.work[i])
        low, high = -np.inf, np.inf
        for _ in range(200):
            band, _ = _band(users, i, log_price)
            paid = np.exp(log_price) * band
            above = _time(users, i, band) - least + paid
            if above < wanted:
                low = log_price
            else:
                high = log_price
            step = np.log(wanted / above) * above / paid if above > 0.0 else 5.0
            step = min(max(step, -5.0), 5.0)
            trial = _inside(low, log_price + step, high)
            done = abs(trial - log_price) <= 1e-15 * max(1.0, abs(log_price))
            log_price = trial
            if done:
                break
        result[i] = log_price
    return result


@compiled
def offloading(local: Floats, server: Floats, work: Floats, reach: Floats, ceiling: Floats, band: Floats) -> OffloadingData:
    """Prepare instances."""
    instances, count = local.shape
    log_reach, shift, knee = np.empty((instances, count)), np.empty((instances, count)), np.empty((instances, count))
    lower, upper, prices = np.empty((instances, count)), np.empty((instances, count)), np.empty((instances, count))
    order = np.empty((instances, count), np.int64)
    for b in range(instances):
        one = uploads(work[b], reach[b], ceiling[b], band[b])
        highest = critical_prices(one, local[b] - server[b])
        for i in range(count):
            log_reach[b, i], shift[b, i], knee[b, i] = one.log_reach[i], one.shift[i], one.knee[i]
            lower[b, i], upper[b, i], prices[b, i], order[b, i] = one.lower[i], one.upper[i], -highest[i], i
        sort_users(prices[b], order[b])
        for i in range(count):
            prices[b, i] = highest[i]
    users = Uploads(work, reach, ceiling, log_reach, shift, knee, lower, upper, band)
    return OffloadingData(local, server, users, prices, order)


@compiled
def critical(local: Floats, server: Floats, work: Floats, reach: Floats, ceiling: Floats, band: Floats) -> Floats:
    """Return `critical_prices` of every instance."""
    result = np.empty(local.shape)
    for b in range(len(local)):
        result[b] = critical_prices(uploads(work[b], reach[b], ceiling[b], band[b]), local[b] - server[b])
    return result


@compiled
def offer(data: OffloadingData, state: Bits, price: float, kept: Floats, paid: Floats, used: Floats) -> tuple[float, float]:
    """Fill in what users cost local and offloaded at a price, and their bands; return what all bands cost, and the band."""
    users = data.users
    for i in range(state.size):
        kept[i], paid[i], used[i] = data.local[i], np.inf, 0.0
        if state[i] == 0 or users.ceiling[i] <= 0.0:
            continue
        if users.work[i] <= 0.0:
            paid[i] = data.server[i]
        elif price <= 0.0:
            paid[i], used[i] = data.server[i] + users.work[i] / users.reach[i], np.inf
        else:
            used[i], _ = _band(users, i, np.log(price))
            paid[i] = data.server[i] + (_time(users, i, used[i]) + price * used[i])
    return price * users.band, users.band


@compiled
def relax(
    data: OffloadingData, family: Family, price: Floats, cutoff: float, more: Bits, less: Bits, slope: Floats
) -> float:
    """Maximise the Lagrangian over prices; return the bound, and leave the best price and the decisions that tie there.

    The demand of those who offload at a price falls with it, and jumps where a free user leaves, at its critical price. So
    the best price is found among these by bisection, then either it is one of them, where the demand jumps across the
    band, or the market price of the users that stay.
    """
    if family.limited > 0:
        return float(best_price(data, family, price, cutoff, more, less, slope))
    state, count = family.state, 0
    sending = np.empty(state.size, np.int64)
    for i in range(state.size):
        more[i] = max(state[i], 0)
        if state[i] == 1:
            if data.users.ceiling[i] <= 0.0:
                return np.inf
            if data.users.work[i] > 0.0:
                sending[count] = i
                count += 1
    held = count
    for i in data.order:
        if state[i] == FREE and data.critical[i] == np.inf:
            more[i] = 1
        elif state[i] == FREE and data.critical[i] > -np.inf:
            sending[count] = i
            count += 1
    # the most users that stay while all before the last of them fit into the band at its critical price
    first, last = held, count
    while first < last:
        middle = (first + last + 1) // 2
        if _demand(data.users, sending, middle - 1, data.critical[sending[middle - 1]])[0] <= data.users.band:
            first = middle
        else:
            last = middle - 1
    staying, slope[0], slope[1] = first, 0.0, 0.0
    if staying > held:
        log_price = data.critical[sending[staying - 1]]
        slope[0] = max(_demand(data.users, sending, staying, log_price)[0] - data.users.band, 0.0)
        slope[1] = slope[0] - _band(data.users, sending[staying - 1], log_price)[0]
    tied = slope[0] > 0.0
    if not tied:
        slope[1] = 0.0
        log_price = market_price(data.users, sending, staying) if staying > 0 else -np.inf
    price[0] = np.exp(log_price)
    bound = -price[0] * data.users.band
    for i in range(state.size):
        upload = data.server[i] + _upload_cost(data.users, i, price[0])
        if state[i] == 0:
            bound += data.local[i]
        elif state[i] == 1:
            bound += upload
        else:
            bound += min(data.local[i], upload)
    for k in range(held, staying):
        more[sending[k]] = 1
    for i in range(state.size):
        less[i] = more[i]
    if tied:
        less[sending[staying - 1]] = 0
    return bound


@compiled
def slacks(data: OffloadingData, state: Bits, price: float, bound: float, cutoff: float, slack: Floats) -> None:
    """Fill how much the bound rises when a free user is forced to a side at the same price."""
    for i in range(state.size):
        rise = data.server[i] + _upload_cost(data.users, i, price) - data.local[i]
        slack[i, 0], slack[i, 1] = max(-rise, 0.0), max(rise, 0.0)


@compiled
def evaluate(data: OffloadingData, decision: Bits) -> float:
    """Return the least cost of a decision."""
    cost = 0.0
    for i in range(decision.size):
        cost += data.server[i] if decision[i] == 1 else data.local[i]
    return cost + share(data.users, decision, np.empty(decision.size))[0]


@compiled
def relaxed_prices(local: Floats, server: Floats, work: Floats, reach: Floats, ceiling: Floats, band: Floats) -> Floats:
    """Return the price of the relaxation of every instance, all users free."""
    instances, users = local.shape
    result, price, slope = np.empty(instances), np.empty(1), np.empty(2)
    state, more, less = np.full(users, np.int8(FREE)), np.empty(users, np.int8), np.empty(users, np.int8)
    batch = offloading(local, server, work, reach, ceiling, band)
    for b in range(instances):
        data = instance(batch, b)
        relax(data, everyone(state), price, -np.inf, more, less, slope)
        result[b] = price[0]
    return result


attach_offer(OffloadingData, offer)
attach_charged_offer(OffloadingData)
attach(
    OffloadingData,
    model_relax=relax,
    model_slacks=slacks,
    model_evaluate=evaluate,
    model_uses=offered_uses,
    model_instance=instance,
)
