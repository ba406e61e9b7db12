r"""The conic program that shares servers' capacity among the users who chose them, for every problem with such servers.

``minimise weight . time`` under ``matrix @ share <= limit`` and ``time share >= 1``, one program per number of users and
servers. With :math:`q_i = s_i` over its mean on the user's server, a share counts in :math:`q_i F_j/n_j` and a time in its
inverse. That puts half of the orders of magnitude of the work in the objective and half in the capacity, and treats all
users alike: in equal parts of the capacity solvers fail on tasks of 1 B beside tasks of 25 MB.

The hyperbola is the cone :math:`\|(2, t - y)\| \le t + y`. At a share y its multiplier
:math:`\tfrac{v}{2} (1 + y^{-2}, -2/y, 1 - y^{-2})`, v being the weight, is feasible and answers the price
:math:`v/y^2`; what a bound on the share adds to the server's price, or takes from it, is the bound's own multiplier. At any
price the dual objective of these is the problem's own bound.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.backends.conic import ConicModel, Program
from mecopt.contract.fields import Variables

Array = NDArray[Any]


@dataclass(frozen=True)
class Scaled:
    """One instance and decision in the program's units."""

    users: Array
    """Who shares: offloaded, with something to compute."""
    server: Array
    """The server of each, from 0."""
    part: Array
    """q F / n, the capacity that a share of 1 stands for."""
    matrix: Array
    """q of each user in the row of its server."""
    limit: Array
    weight: Array
    price_unit: Array
    """The shadow price of capacity that a multiplier of 1 stands for, per server."""
    lower: Array
    upper: Array
    unit: float
    """The cost that counts as 1."""


def scaled(problem: Any, decision: Array) -> Scaled:
    """Return the numbers of a single instance and decision."""
    terms = problem.server_terms()
    root, capacity = terms.root[0], terms.capacity[0]
    users = np.flatnonzero((decision > 0) & (root > 0))
    server = decision[users].astype(int) - 1
    count = capacity.size
    room, lower, upper = capacity.copy(), np.zeros(users.size), np.full(users.size, np.inf)
    if terms.bounded[0]:
        lower, upper = terms.lower[0, users, server], terms.upper[0, users, server]
        for i in np.flatnonzero((decision > 0) & (root == 0)):
            room[decision[i] - 1] -= terms.lower[0, i, decision[i] - 1]
    held = np.bincount(server, minlength=count)
    mean = np.bincount(server, root[users], minlength=count) / np.maximum(held, 1)
    q = root[users] / mean[server]
    part = room[server] * q / held[server]
    cost = np.divide(mean**2 * held, room, out=np.zeros(count), where=held > 0)
    unit = float(cost.max(initial=0.0)) or 1.0
    matrix = np.zeros((count, users.size))
    matrix[server, np.arange(users.size)] = q
    return Scaled(
        users=users,
        server=server,
        part=part,
        matrix=matrix,
        limit=np.maximum(held, 1).astype(float),
        weight=cost[server] * q / unit,
        price_unit=np.divide(held * unit, room, out=np.zeros(count), where=held > 0),
        lower=lower / part,
        upper=upper / part,
        unit=unit,
    )


def fitted(problem: Any, decision: Array, share: Array) -> Array:
    """Move shares ``(users,)`` into their bounds, and towards the lower ones until every server's capacity holds them."""
    terms = problem.server_terms()
    own = np.maximum(decision.astype(int), 1)[:, None] - 1
    lower, upper = np.zeros(decision.size), np.full(decision.size, np.inf)
    if terms.bounded[0]:
        lower, upper = (np.take_along_axis(bound[0], own, axis=-1)[:, 0] for bound in (terms.lower, terms.upper))
    share = np.where(decision > 0, np.clip(share, lower, upper), 0.0)
    for j, capacity in enumerate(terms.capacity[0]):
        mine = decision == j + 1
        least, total = lower[mine].sum(), share[mine].sum()
        if total > capacity:
            part = max(capacity - least, 0.0) / (total - least) if total > least else 0.0
            share[mine] = lower[mine] + (share[mine] - lower[mine]) * part
    return share


class SharingModel(ConicModel):
    """The program for one kind of problem.

    Parameters
    ----------
    pack
        from an allocation to the shares of the users.
    unpack
        from an instance, a decision, shares that fit and prices per server to allocation and dual.
    prices
        from a dual to the prices per server.
    """

    def __init__(
        self,
        pack: Callable[[Any], Array],
        unpack: Callable[[Any, Array, Array, Array], tuple[Variables, Variables]],
        prices: Callable[[Any], Array],
    ) -> None:
        super().__init__()
        self.pack, self.unpack, self.prices = pack, unpack, prices

    def shape(self, problem: Any, decision: Array) -> Any:
        """Return the numbers of sharing users and servers, and whether shares are bounded."""
        terms = problem.server_terms()
        users = int(((decision > 0) & (terms.root[0] > 0)).sum())
        return (users, terms.capacity.shape[1], bool(terms.bounded[0])) if users else None

    def build(self, shape: tuple[int, int, bool]) -> Program:
        """Write the program of a shape."""
        import cvxpy as cp

        users, servers, bounded = shape
        matrix = cp.Parameter((servers, users), nonneg=True, name="matrix")
        limit = cp.Parameter(servers, nonneg=True, name="limit")
        weight = cp.Parameter(users, nonneg=True, name="weight")
        parameters = {"matrix": matrix, "limit": limit, "weight": weight}
        share, time = cp.Variable(users, name="share"), cp.Variable(users, name="time")
        constraints: dict[str, Any] = {
            "capacity": matrix @ share <= limit,
            "hyperbola": cp.SOC(time + share, cp.vstack([np.full(users, 2.0), time - share])),
        }
        if bounded:
            parameters |= {name: cp.Parameter(users, nonneg=True, name=name) for name in ("lower", "upper")}
            constraints |= {"lower": share >= parameters["lower"], "upper": share <= parameters["upper"]}
        problem = cp.Problem(cp.Minimize(weight @ time), list(constraints.values()))
        return Program(problem, parameters, {"share": share, "time": time}, constraints)

    def numbers(self, problem: Any, decision: Array) -> dict[str, Any]:
        """Return matrix, limits, weights, and bounds where there are any."""
        s = scaled(problem, decision)
        found = {"matrix": s.matrix, "limit": s.limit, "weight": s.weight}
        return found | ({"lower": s.lower, "upper": s.upper} if problem.server_terms().bounded[0] else {})

    def read(
        self, problem: Any, decision: Array, values: Mapping[str, Any], multipliers: Mapping[str, Any]
    ) -> tuple[Variables, Variables]:
        """Return shares that fit, and the prices."""
        s = scaled(problem, decision)
        share = np.zeros(problem.users)
        share[s.users] = s.part * values["share"]
        return self.unpack(
            problem, decision, fitted(problem, decision, share), np.atleast_1d(multipliers["capacity"]) * s.price_unit
        )

    def point(self, problem: Any, decision: Array, allocation: Any) -> dict[str, Array]:
        """Return scaled shares and times."""
        s = scaled(problem, decision)
        share = self.pack(allocation)[s.users] / s.part
        return {"share": share, "time": 1.0 / share}

    def multipliers(self, problem: Any, decision: Array, dual: Any) -> dict[str, Array]:
        """Return the multipliers at the share that answers each price."""
        s = scaled(problem, decision)
        prices = np.maximum(np.atleast_1d(self.prices(dual)), 0.0)
        price = np.where(s.price_unit > 0, prices / np.where(s.price_unit > 0, s.price_unit, 1.0), 0.0)
        charged = s.matrix.sum(axis=0) * price[s.server]
        with np.errstate(divide="ignore"):
            inverse = np.clip(np.sqrt(charged / s.weight), 1.0 / s.upper, 1.0 / s.lower)
        cone = np.stack([0.5 * (1.0 + inverse**2), -inverse, 0.5 * (1.0 - inverse**2)])
        found = {"capacity": price, "hyperbola": s.weight[:, None] * cone.T}
        if problem.server_terms().bounded[0]:
            left = s.weight * inverse**2 - charged
            found |= {"lower": np.maximum(-left, 0.0), "upper": np.maximum(left, 0.0)}
        return found

    def trivial(self, problem: Any, decision: Array) -> tuple[Variables, Variables]:
        """Answer a decision where nothing is shared."""
        allocation, dual = problem.closed_form(decision)
        return allocation, dual
