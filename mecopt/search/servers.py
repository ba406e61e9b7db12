r"""The relaxation of offloading to servers of shared capacity, compiled for price-and-fix.

With prices :math:`\lambda_j = 2\sqrt{\mu_j}` of the servers' capacity and :math:`\nu_j` of their places, user i pays
:math:`c_{ij} = b_{ij} + \varphi_{ij}(\lambda_j) + \nu_j` for server j, where

.. math:: \varphi_{ij}(\lambda) = \min_{l_{ij} \le f \le h_{ij}} s_i^2/f + \tfrac{\lambda^2}{4} f ,

which is :math:`\lambda s_i` while no bound binds. For ANY prices no decision costs less than

.. math:: D(\lambda, \nu) = \sum_i \min_j c_{ij} - \sum_j F_j \lambda_j^2/4 - \sum_j m_j \nu_j .

Without bounds and limits

.. math:: V(a) = D(\lambda) + \sum_i (c_{i,a_i} - \min_j c_{ij}) + \sum_j (S_j - F_j\lambda_j/2)^2/F_j

holds exactly: the first sum is what price-and-fix fixes choices by, the second is what rounding costs.

The best prices of one server are found by sorting (`mecopt.search.one_server`). For several, D is the limit of smooth
functions, each minimum over choices replaced by :math:`-\tau \ln \sum_j e^{-c_{ij}/\tau}` and the sign of
:math:`\nu` kept by :math:`\tau \ln \nu_j`; Newton's method follows their maxima as :math:`\tau` falls. At a maximum the
smooth bound less its terms :math:`\tau \ln \nu_j`, plus :math:`\tau (\sum_i \ln C_i + M)`, bounds the greatest D from above:
every minimum over :math:`C_i` choices lost :math:`\tau \ln C_i` at most, and the slopes :math:`-\tau/\nu_j` left there gain
:math:`\tau` each at most. That tells when nothing more can be gained.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled
from mecopt.kernels.servers import ROUNDING, Servers, of_one, server_value
from mecopt.search.price_and_fix import FREE, attach
from mecopt.search.server_moves import POLISHING, polish

Array = NDArray[np.float64]
Floats = NDArray[np.float64]
Bits = NDArray[np.int8]
Flags = NDArray[np.bool_]

EXACT = 1e-13
"""Relative precision of the best prices where it decides whether a node closes."""
ENOUGH = 1e-10
"""Relative precision while there is no incumbent to compare with."""
ROUNDING_NOISE = 1e-15
"""Relative gain below which a step cannot be told from rounding."""
FAR = 45.0
"""How many tau a choice may be behind the best one and still count: beyond it its weight is below rounding."""
PIVOT = 1e-14
"""Smallest pivot of the scaled Hessian."""


class ServersData(NamedTuple):
    """One instance: `Servers` with one row, and identical users."""

    servers: Servers
    first: Floats
    """Prices to begin with: of capacity, as if users spread evenly over the servers, and none of places."""
    polish: bool
    """Whether rounded decisions are bettered by local search."""
    earlier: NDArray[np.int64]
    later: NDArray[np.int64]


@compiled
def _shared(servers: Servers, i: int, j: int, price: float) -> tuple[float, float, float]:
    """Return phi at a price of server j (from 0), and its first two derivatives."""
    root = servers.root[0, i]
    if not servers.bounded[0]:
        return price * root, root, 0.0
    lower, upper = servers.lower[0, i, j], servers.upper[0, i, j]
    wanted = 2.0 * root
    if root > 0.0 and lower * price < wanted < upper * price:
        return price * root, root, 0.0
    share = upper if root > 0.0 and wanted >= upper * price else lower
    computing = root * (root / share) if root > 0.0 else 0.0
    return computing + 0.25 * price * price * share, 0.5 * price * share, 0.5 * share


@compiled
def choice_costs(servers: Servers, allowed: Flags, price: Floats, cost: Floats) -> float:
    """Fill c at these prices, infinite for choices not allowed; return the bound D."""
    users, choices = cost.shape
    count = choices - 1
    bound = 0.0
    for i in range(users):
        least = np.inf
        for j in range(choices):
            cost[i, j] = np.inf
            if allowed[i, j] and servers.cost[0, i, j] < np.inf:
                cost[i, j] = servers.cost[0, i, j]
                if j > 0:
                    cost[i, j] += _shared(servers, i, j - 1, price[j - 1])[0] + price[count + j - 1]
                least = min(least, cost[i, j])
        bound += least
    for j in range(count):
        bound -= 0.25 * servers.capacity[0, j] * price[j] * price[j]
        if price[count + j] > 0.0:
            bound -= servers.admission[0, j] * price[count + j]
    return bound


@compiled
def _smooth(
    servers: Servers, allowed: Flags, price: Floats, tau: float, cost: Floats, slope: Floats, bend: Floats
) -> tuple[float, float]:
    """Return the smooth bound and D itself at these prices; fill gradient and (modified) Hessian of the smooth one.

    The Hessian is kept negative definite: where shares at their bounds bend phi upwards, that part is cut.
    """
    users, choices = cost.shape
    count = choices - 1
    bound = choice_costs(servers, allowed, price, cost)
    smooth = bound
    slope[:], bend[:] = 0.0, 0.0
    own = np.zeros(count)
    weight, rise = np.empty(choices), np.zeros(choices)
    for i in range(users):
        least = cost[i].min()
        total = 0.0
        for j in range(choices):
            behind = (cost[i, j] - least) / tau
            weight[j] = np.exp(-behind) if behind < FAR else 0.0
            total += weight[j]
        if total > 1.0:
            smooth -= tau * np.log(total)
        for j in range(1, choices):
            weight[j] /= total
            if weight[j] == 0.0:
                continue
            _, rise[j], curve = _shared(servers, i, j - 1, price[j - 1])
            slope[j - 1] += weight[j] * rise[j]
            own[j - 1] += weight[j] * curve
            slope[count + j - 1] += weight[j]
            if weight[j] < 1.0:
                spread = weight[j] * (1.0 - weight[j]) / tau
                bend[j - 1, j - 1] -= rise[j] * rise[j] * spread
                bend[j - 1, count + j - 1] -= rise[j] * spread
                bend[count + j - 1, count + j - 1] -= spread
                for k in range(1, j):
                    if weight[k] > 0.0:
                        both = weight[j] * weight[k] / tau
                        bend[k - 1, j - 1] += rise[k] * rise[j] * both
                        bend[k - 1, count + j - 1] += rise[k] * both
                        bend[j - 1, count + k - 1] += rise[j] * both
                        bend[count + k - 1, count + j - 1] += both
    for j in range(count):
        half = 0.5 * servers.capacity[0, j]
        slope[j] -= half * price[j]
        bend[j, j] += min(own[j] - half, -1e-3 * half)
        if servers.admission[0, j] < users:
            nu = price[count + j]
            smooth += tau * np.log(nu)
            slope[count + j] += tau / nu - servers.admission[0, j]
            bend[count + j, count + j] -= tau / (nu * nu)
        else:
            slope[count + j] = 0.0
            bend[:, count + j], bend[count + j, :] = 0.0, 0.0
            bend[count + j, count + j] = -1.0
    for j in range(2 * count):
        for k in range(j):
            bend[j, k] = bend[k, j]
    return smooth, bound


@compiled
def _ascent(bend: Floats, slope: Floats) -> Floats:
    """Return Newton's step by Cholesky's factors of the scaled negative Hessian; pivots are kept away from 0."""
    size = slope.size
    scale = np.empty(size)
    for j in range(size):
        scale[j] = 1.0 / np.sqrt(max(-bend[j, j], 1e-300))
    factor = np.zeros((size, size))
    step = np.empty(size)
    for j in range(size):
        for k in range(j + 1):
            value = -bend[j, k] * scale[j] * scale[k]
            for m in range(k):
                value -= factor[j, m] * factor[k, m]
            factor[j, k] = np.sqrt(max(value, PIVOT)) if j == k else value / factor[k, k]
    for j in range(size):
        step[j] = slope[j] * scale[j]
        for m in range(j):
            step[j] -= factor[j, m] * step[m]
        step[j] /= factor[j, j]
    for j in range(size - 1, -1, -1):
        for m in range(j + 1, size):
            step[j] -= factor[m, j] * step[m]
        step[j] /= factor[j, j]
    return step * scale


@compiled
def _several_prices(data: ServersData, allowed: Flags, price: Floats, cutoff: float) -> float:
    """Follow the maxima of the smooth bounds; return the best bound D and leave its prices."""
    servers = data.servers
    users, choices = allowed.shape
    size = price.size
    count = choices - 1
    cost, slope, bend = np.empty((users, choices)), np.empty(size), np.empty((size, size))
    logs = float(count)
    for i in range(users):
        left = 0
        for j in range(choices):
            left += allowed[i, j] and servers.cost[0, i, j] < np.inf
        logs += np.log(left)
    if _nothing_fits(servers, allowed, price):
        return np.inf
    best = choice_costs(servers, allowed, price, cost)
    best_price = price.copy()
    at, trial = price.copy(), np.empty(size)
    # A place dearer than any choice is as good as none; where a server is full of users held there its price is idle, and
    # the logarithm would drive it so high that its cancelling terms lose their digits.
    scale, dearest = 0.0, 0.0
    for i in range(users):
        scale += cost[i].min() / users
        for j in range(choices):
            if cost[i, j] < np.inf:
                dearest = max(dearest, cost[i, j])
    for j in range(count):
        if servers.admission[0, j] < users:
            at[count + j] = max(at[count + j], 1e-3 * scale)
    tau = 0.01 * scale
    for _ in range(60):
        value, bound = _smooth(servers, allowed, at, tau, cost, slope, bend)
        decrement = 0.0
        for _ in range(40):
            if bound > best:
                best, best_price[:] = bound, at
            if best >= cutoff:
                price[:] = best_price
                return best
            step = _ascent(bend, slope)
            decrement = (slope * step).sum()
            if not decrement > max(0.05 * tau, ROUNDING_NOISE * abs(value)):
                break
            length, moved = 1.0, False
            for _ in range(20):
                for k in range(size):
                    trial[k] = max(at[k] + length * step[k], 0.1 * at[k])
                    if k >= count:
                        trial[k] = min(trial[k], dearest)
                reached = _smooth_value(servers, allowed, trial, tau, cost)
                if reached >= value + 1e-4 * length * decrement:
                    moved = True
                    break
                length *= 0.5
            if not moved:
                break
            at[:] = trial
            value, bound = _smooth(servers, allowed, at, tau, cost, slope, bend)
        if _nothing_fits(servers, allowed, at):
            return np.inf
        ceiling = value + max(decrement, 0.0) + tau * logs
        for j in range(count):
            if servers.admission[0, j] < users:
                ceiling -= tau * np.log(at[count + j])
        if cutoff < np.inf and ceiling < cutoff:
            enough = 0.01 * (cutoff - ceiling)
        else:
            enough = (ENOUGH if cutoff == np.inf else EXACT) * abs(best)
        if ceiling - best <= enough:
            break
        tau *= 0.2
    price[:] = best_price
    return best


@compiled
def _smooth_value(servers: Servers, allowed: Flags, price: Floats, tau: float, cost: Floats) -> float:
    users, choices = cost.shape
    count = choices - 1
    smooth = choice_costs(servers, allowed, price, cost)
    for i in range(users):
        least = cost[i].min()
        total = 0.0
        for j in range(choices):
            behind = (cost[i, j] - least) / tau
            if behind < FAR:
                total += np.exp(-behind)
        if total > 1.0:
            smooth -= tau * np.log(total)
    for j in range(count):
        if servers.admission[0, j] < users:
            smooth += tau * np.log(price[count + j])
    return smooth


@compiled
def _hopeless(servers: Servers, state: Bits, allowed: Flags) -> bool:
    """Whether some user has no possible choice left, or the users held at a server leave nothing for one of them."""
    users, choices = allowed.shape
    for i in range(users):
        possible = False
        for j in range(choices):
            possible = possible or (allowed[i, j] and servers.cost[0, i, j] < np.inf)
        if not possible:
            return True
    if servers.bounded[0] or servers.limited[0]:
        share = np.empty(users)
        for j in range(choices - 1):
            if server_value(servers, 0, state, j, share)[0] == np.inf:
                return True
    return False


@compiled
def _nothing_fits(servers: Servers, allowed: Flags, price: Floats) -> bool:
    """Whether these prices prove that least shares and places exceed what there is.

    With mu = (lambda/2)^2 no decision has an allocation where the least that users can take,
    ``sum_i min_j l_ij mu_j + nu_j``, is more than the servers have, ``sum_j F_j mu_j + m_j nu_j``: a decision with one would
    take no more of each at any prices (Farkas).
    """
    users, choices = allowed.shape
    count = choices - 1
    taken, there = 0.0, 0.0
    for i in range(users):
        least = np.inf
        for j in range(choices):
            if allowed[i, j] and servers.cost[0, i, j] < np.inf:
                paid = 0.0
                if j > 0:
                    paid = price[count + j - 1]
                    if servers.bounded[0]:
                        paid += 0.25 * price[j - 1] * price[j - 1] * servers.lower[0, i, j - 1]
                least = min(least, paid)
        taken += least
    for j in range(count):
        there += 0.25 * price[j] * price[j] * servers.capacity[0, j]
        if price[count + j] > 0.0:
            there += servers.admission[0, j] * price[count + j]
    return taken > there * (1.0 + 10.0 * ROUNDING)


@compiled
def relax(data: ServersData, state: Bits, allowed: Flags, price: Floats, cutoff: float, relaxed: Bits) -> float:
    """Return the bound at the best prices and leave them; fill the relaxed decision."""
    if _hopeless(data.servers, state, allowed):
        for i in range(state.size):
            relaxed[i] = np.argmax(allowed[i])
        return np.inf
    cost = np.empty(allowed.shape)
    if state.min() >= 0:  # one decision: each server's own shadow price is best
        relaxed[:], price[:] = state, 0.0
        share = np.empty(state.size)
        for j in range(allowed.shape[1] - 1):
            price[j] = 2.0 * np.sqrt(server_value(data.servers, 0, state, j, share)[1])
        return choice_costs(data.servers, allowed, price, cost)
    bound = _several_prices(data, allowed, price, cutoff)
    choice_costs(data.servers, allowed, price, cost)
    for i in range(state.size):
        relaxed[i] = np.argmin(cost[i])
    return bound


@compiled
def root_prices(servers: Servers) -> Floats:
    """Return the best prices of every instance, all users free: ``(instances, 2 servers)``."""
    instances, users, choices = servers.cost.shape
    result = np.empty((instances, 2 * choices - 2))
    state, relaxed = np.full(users, np.int8(FREE)), np.empty(users, np.int8)
    allowed, nobody = np.ones((users, choices), np.bool_), np.full(users, -1)
    for b in range(instances):
        result[b] = 0.0
        result[b, : choices - 1] = 2.0 * servers.root[b].sum() / servers.capacity[b].sum()
        data = ServersData(of_one(servers, b), result[b], False, nobody, nobody)
        relax(data, state, allowed, result[b], np.inf, relaxed)
    return result


@compiled
def slacks(
    data: ServersData,
    state: Bits,
    allowed: Flags,
    price: Floats,
    bound: float,
    cutoff: float,
    relaxed: Bits,
    slack: Floats,
) -> None:
    """Fill how much more each choice costs than the relaxed one at the prices: its reduced cost."""
    choice_costs(data.servers, allowed, price, slack)
    for i in range(state.size):
        least = slack[i, relaxed[i]]
        for j in range(allowed.shape[1]):
            slack[i, j] -= least


@compiled
def evaluate(data: ServersData, decision: Bits) -> float:
    """Return the least cost of a decision, after a local search where the data ask for one."""
    servers = data.servers
    count = servers.capacity.shape[1]
    if data.polish:
        polish(servers, decision, POLISHING)
    share = np.empty(decision.size)
    total = 0.0
    for i in range(decision.size):
        total += servers.cost[0, i, decision[i]]
    for j in range(count):
        total += server_value(servers, 0, decision, j, share)[0]
    return total


attach(ServersData, model_relax=relax, model_slacks=slacks, model_evaluate=evaluate)
