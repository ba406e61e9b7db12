r"""The decision is open: slot assignment where all users weigh alike, price-and-fix otherwise, and the baselines.

Slots: where all :math:`s_i = s`, the k-th user of server j raises its cost by :math:`s^2 (2k - 1)/F_j`, whoever it is. These
increments grow with k, so filling slots in order costs what V says, and V is least where the assignment of users to slots
(or to local computing) is.

It is proved by prices :math:`\pi_j` of the servers' places: for any of them no decision costs less than
:math:`\sum_i \min(b_{i0}, \min_j b_{ij} + \pi_j) - \sum_j \sum_{k \le m_j} \max(0, \pi_j - s^2 (2k-1)/F_j)`. At the optimum
the prices that nobody has a reason to leave form a system of differences over the servers, which shortest paths solve.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.backends.highs import Highs
from mecopt.backends.scip import Scip
from mecopt.contract.backend import Feature
from mecopt.contract.errors import InstanceError
from mecopt.contract.problem import Problem
from mecopt.contract.solver import Search, Solver
from mecopt.search.annealing import Annealing
from mecopt.search.descent import CoordinateDescent
from mecopt.search.enumeration import Enumeration
from mecopt.search.exact import PriceAndFix, TheoremFirst
from mecopt.search.particle_swarm import ParticleSwarm
from mecopt.search.server_choice import (
    ROUNDING,
    MoveSearch,
    chosen,
    compiled_data,
    cost_unit,
    first_prices,
    one_instance,
    place,
    product_model,
    pyomo_model,
)
from mecopt.search.server_enumeration import near_best
from mecopt.search.simple import BestOfRandom, Constant

if TYPE_CHECKING:
    from mecopt.kernels.servers import Servers

Array = NDArray[Any]

ALIKE = 1e-13
"""Relative difference of square-root workloads up to which users count as alike."""

ROUNDED = 1e-12
"""Relative difference by which the cost of a decision may fall short of that of the only place in it, by rounding."""

MOST_SLOTS = 4_000_000
"""Entries of the assignment problem beyond which price-and-fix is faster than it."""


def slots_apply(servers: Servers) -> Array:
    """Whether all users of each instance weigh alike and no speed is bounded."""
    spread = servers.root.max(axis=1) - servers.root.min(axis=1)
    return np.asarray((spread <= ALIKE * servers.root.max(axis=1)) & ~servers.bounded)


def assign(servers: Servers) -> tuple[Array, float]:
    """Return the best decision of one instance whose users weigh alike, and the bound that proves it."""
    from scipy.optimize import linear_sum_assignment

    from mecopt.kernels.servers import costs
    from mecopt.search.server_moves import POLISHING, polish

    cost = servers.cost[0]
    users, count = cost.shape[0], cost.shape[1] - 1
    root, capacity = float(servers.root[0].min()), servers.capacity[0]  # the least, so that the bound is one for all users
    places = np.full(count, users)
    if servers.limited[0]:
        places = np.minimum(servers.admission[0], users).astype(int)
    rises = [_rises(root, f, n) for f, n in zip(capacity, places, strict=True)]
    with np.errstate(invalid="ignore"):
        saved = np.nan_to_num(cost[:, :1] - cost[:, 1:], nan=-np.inf, posinf=np.inf).max(axis=0)
    # A place that costs more than any user could save stays empty.
    useful = [rise[: int(np.searchsorted(rise, best, "right"))] for rise, best in zip(rises, saved, strict=True)]
    server = np.repeat(np.arange(count), [rise.size for rise in useful])
    local = np.broadcast_to(cost[:, :1], (users, users))
    table = np.concatenate([cost[:, 1 + server] + np.concatenate(useful), local], axis=1)
    # What alone costs more than a whole decision is in no better one, and would take the digits of the rest along.
    known = cost.argmin(axis=1).astype(np.int8)
    polish(servers, known, POLISHING)
    most = float(costs(servers, known[None, None])[0, 0])
    possible = np.isfinite(table) & (table <= most * (1.0 + ROUNDED))
    impossible = 2.0 * users * np.max(table, where=possible, initial=1.0)
    _, column = linear_sum_assignment(np.where(possible, table, impossible))
    decision = np.where(column < server.size, 1 + np.append(server, np.zeros(users, dtype=int))[column], 0).astype(np.int8)
    if not np.isfinite(cost[np.arange(users), decision]).all():
        return decision, np.inf
    return decision, place_bound(cost, rises, place_prices(cost, rises, decision))


def _rises(root: float, capacity: float, places: int) -> Array:
    """Return what each further place of a server costs."""
    return root * root / capacity * (2.0 * np.arange(1, places + 1) - 1.0)


def place_prices(cost: Array, rises: list[Array], decision: Array) -> Array:
    """Return prices of places at which nobody would change: shortest paths over local computing and the servers.

    The price of server j lies between the cost of its last taken and of its first empty place, and a user at j saves no
    more by going to k than the prices differ. Of all such prices these are the least: what a place of a full server costs
    beyond what others would pay is subtracted again, and a large number would take the digits along.
    """
    choices = cost.shape[1]
    most = np.full((choices, choices), np.inf)  # of price[j] - price[k]
    for j in range(choices):
        mine = cost[decision == j]
        if mine.size:
            with np.errstate(invalid="ignore"):
                most[j] = (mine - mine[:, j : j + 1]).min(axis=0)
    for j in range(1, choices):
        taken = int((decision == j).sum())
        if taken < rises[j - 1].size:
            most[j, 0] = min(most[j, 0], rises[j - 1][taken])
        if taken:
            most[0, j] = min(most[0, j], -rises[j - 1][taken - 1])
    price = np.zeros(choices)
    for _ in range(choices):
        price[1:] = np.maximum(price[1:], (price[:, None] - most).max(axis=0)[1:])
    return np.where([rise.size for rise in rises], price[1:], np.inf)


def place_bound(cost: Array, rises: list[Array], price: Array) -> float:
    """Return the bound of all decisions at prices of places."""
    finite = np.where(np.isfinite(price), price, 0.0)
    least = np.minimum(cost[:, 0], (cost[:, 1:] + np.where(np.isfinite(price), price, np.inf)).min(axis=1))
    earned = sum(float(np.maximum(p - rise, 0.0).sum()) for p, rise in zip(finite, rises, strict=True))
    return float(least.sum() - earned)


class Slots(Solver):
    """Assignment of users to slots: exact in polynomial time where all users weigh alike."""

    name = "slots"
    summary = "assignment of users to servers' slots, proved optimal where all weighted workloads are equal; refuses others"
    features = Feature.INTEGER

    def search(
        self, problem: Problem, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        """Assign instance by instance."""
        terms = problem.server_terms()  # type: ignore[attr-defined]
        broken = np.flatnonzero(~slots_apply(terms))
        if broken.size:
            raise InstanceError(
                f"slots needs equal weighted workloads and no bounds on speeds, which fails in instance {broken[0]}. "
                "Use the solver 'exact'"
            )
        found = [assign(one_instance(terms, k)) for k in range(problem.instances)]
        shape = problem.batch_shape
        return Search(
            np.reshape([decision for decision, _ in found], (*shape, problem.users)),
            bound=np.reshape([bound for _, bound in found], shape),
            solver_calls=1,
        )


class Exact(TheoremFirst):
    """Slots where they apply and the assignment problem is small, price-and-fix elsewhere."""

    def theorem(self, flat: Any, gap: float | None) -> tuple[Array, Array, Array, int]:
        """Assign the instances whose users weigh alike."""
        terms, users = flat.server_terms(), flat.users
        holds = slots_apply(terms) & (users * users * (terms.capacity.shape[1] + 1) <= MOST_SLOTS)
        decision, bound = np.zeros((flat.instances, users), dtype=np.int8), np.full(flat.instances, -np.inf)
        for k in np.flatnonzero(holds).tolist():
            decision[k], bound[k] = assign(one_instance(terms, k))
        return holds, decision, bound, 1


class OneServer(Solver):
    """Everyone offloads to the server that is worth most to it; users that a server cannot admit compute locally."""

    @abstractmethod
    def worth(self, flat: Any) -> Array:
        """Return what each server is worth to each user, ``(batch, users, servers)``; 0 or less: not to be offloaded to."""

    def search(
        self, problem: Problem, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        """Decide the whole batch at once; places go to the smallest tasks first, as in the paper."""
        flat = problem.flat()
        worth, data = self.worth(flat), flat.data()
        decision = np.where(worth.max(axis=-1) > 0, worth.argmax(axis=-1) + 1, 0)
        order = np.argsort(data["workload"], axis=-1, kind="stable")
        for j in range(data["server_speed"].shape[-1]):
            sorted_here = np.take_along_axis(decision == j + 1, order, axis=-1)
            late = sorted_here & (np.cumsum(sorted_here, axis=-1) > data["admission"][:, j : j + 1])
            over = np.zeros_like(late)
            np.put_along_axis(over, order, late, axis=-1)
            decision[over] = 0
        return Search(decision.astype(np.int8).reshape((*problem.batch_shape, problem.users)), solver_calls=1)


class StrongestServer(OneServer):
    """Everyone offloads to the server with the best channel."""

    name = "greedy"
    summary = "everyone to the server with the best channel, the largest tasks local where places are short"

    def worth(self, flat: Any) -> Array:
        """Return the gain over the noise, 0 where a server is off."""
        return np.where(flat.server_speed[:, None, :] > 0, flat.channel_gain / flat.noise_power[:, None, :], 0.0)


class NearestServer(OneServer):
    """Everyone offloads to the nearest server: paper 004's Greedy."""

    name = "nearest-server"
    summary = "everyone to the nearest server, the paper's Greedy; needs the field distance"

    def worth(self, flat: Any) -> Array:
        """Return ``1/(1 + R)`` of the servers that are on and linked, 0 of the others.

        Raises
        ------
        InstanceError
            where a distance is not known.
        """
        unknown = np.argwhere(np.isinf(flat.distance))
        if unknown.size:
            instance, user, server = unknown[0].tolist()
            raise InstanceError(
                f"nearest-server needs the field distance, which is not given for user {user} and server {server + 1}"
                f"{f' of instance {instance}' if flat.instances > 1 else ''}; allowed: metres, one per user and server. "
                "'greedy' goes by the channels instead"
            )
        there = (flat.server_speed[:, None, :] > 0) & (flat.channel_gain > 0)
        return np.where(there, 1.0 / (1.0 + flat.distance), 0.0)


def channels(problem: Problem) -> Array:
    """Return what each server is worth to each user by paper 004's (28): its channel gain, ``(*batch, users, servers)``."""
    return np.asarray(problem.data()["channel_gain"])


EXACT = Exact(compiled_data, first_prices)
PRICE_AND_FIX = PriceAndFix(compiled_data, first_prices, name="price-and-fix")

SOLVERS: dict[str, Solver] = {
    solver.name: solver
    for solver in (
        EXACT,
        Slots(),
        PRICE_AND_FIX,
        Enumeration(near_best),
        Scip(product_model, cost_unit, place, EXACT, chosen),
        Highs(pyomo_model, cost_unit, place, EXACT, chosen),
        MoveSearch(),
        CoordinateDescent(),
        CoordinateDescent("cd-random", "steepest single move from a random decision until none improves", begin="random"),
        Annealing("annealing", 500, "simulated annealing by single users"),
        Annealing("annealing-guided", 500, "simulated annealing, single users drawn by channel", "guided", channels),
        Annealing("annealing-literal", 500, "the paper's ASA, h-mutation to the letter", "literal", channels),
        ParticleSwarm(),
        ROUNDING,
        StrongestServer(),
        NearestServer(),
        BestOfRandom("random", 1),
        BestOfRandom("best-of-random", 10),
        Constant("all-local", 0, "everyone computes locally"),
    )
}
