r"""What speeds and powers answer to charges of one's own limits: the square-root rule, and Lambert's W.

At a charge q on the part y of its greatest power a user minimises :math:`A/\ln(1 + \gamma y) + q y`. With
:math:`u = \ln(1 + \gamma y)` that is where :math:`e^u u^2 = A \gamma/q`, so that :math:`u = 2 W(\sqrt{A\gamma/q}/2)`, or at
full power.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.charged.hyperbola import Hyperbola
from mecopt.charged.responses import Column, ConvexPart, Responses
from mecopt.contract.derived import shared
from mecopt.contract.errors import InstanceError
from mecopt.models.multi_server_offloading import terms
from mecopt.models.multi_server_offloading.variables import ServerPrices, SpeedAndPower

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mecopt.contract.limits import AmountRule
    from mecopt.models.multi_server_offloading.problem import MultiServerOffloading

Array = NDArray[Any]

LN2 = float(np.log(2.0))


class Sending(ConvexPart):
    """Parts of the greatest powers of users: the weighted nats over the rate, ``work / log1p(ratio y)``."""

    def __init__(self, users: Array, unit: Array, work: Array, ratio: Array) -> None:
        count = users.size
        self.columns = (Column("transmit_power", users, unit, np.zeros(count), np.ones(count), work > 0.0),)
        self.work, self.ratio, self.some = work, ratio, work > 0.0

    def respond(self, charge: Array) -> Array:
        """Return the powers that answer charges."""
        from mecopt.kernels.lambert import lambert_of_exponential

        full = np.log1p(self.ratio)
        paying = self.some & (charge > 0.0)
        with np.errstate(divide="ignore"):
            level = 0.5 * np.log(self.work * self.ratio / np.where(paying, charge, 1.0)) - LN2
        u = np.array([2.0 * lambert_of_exponential(k) if one else 0.0 for k, one in zip(level, paying, strict=True)])
        some = np.where(u < full, np.expm1(np.minimum(u, full)) / np.where(self.ratio > 0.0, self.ratio, 1.0), 1.0)
        return np.where(paying, some, np.where(charge > 0.0, 0.0, 1.0))

    def costs(self, y: Array) -> Array:
        """Return work over rate."""
        with np.errstate(divide="ignore"):
            rate = np.log1p(self.ratio * y)
            return np.where(self.some, self.work / np.where(self.some, rate, 1.0), 0.0)

    def gradient(self, y: Array) -> Array:
        """Return the derivatives of work over rate."""
        ratio, rate = self.ratio * y, np.log1p(self.ratio * y)
        return -self.costs(y) * self.ratio / (1.0 + ratio) / np.where(rate > 0.0, rate, 1.0)

    def slopes(self, charge: Array, y: Array, directions: Array) -> Array:
        """Return the changes of powers below the greatest: charge times (1 + 2/u) is their cost's curvature."""
        inside = self.some & (charge > 0.0) & (y < 1.0) & (y > 0.0)
        u = np.log1p(np.where(inside, self.ratio * y, 1.0))
        curvature = np.where(inside, charge, 1.0) * (1.0 + 2.0 / u) * self.ratio / (1.0 + self.ratio * y)
        return np.where(inside, -1.0 / curvature, 0.0)[:, None] * directions


def responses(problem: MultiServerOffloading, decision: Array) -> Responses:
    """Return what one instance and decision answers to charges; columns are parts of servers' speeds and of powers."""
    users = np.flatnonzero(decision > 0)
    server, count = decision[users].astype(int) - 1, users.size
    speed = problem.server_speed[server]
    lower, upper = (np.nan_to_num(bound)[users, server] for bound in shared(terms.speed_bounds, problem))
    work = problem.weight[users] * problem.workload[users] / speed
    nats = problem.weight[users] * problem.data_size[users] * LN2 / problem.bandwidth[users]
    ratio = problem.max_power[users] * shared(terms.snr_per_watt, problem)[users, server]
    upload = np.where(nats > 0.0, nats / np.where(nats > 0.0, np.log1p(ratio), 1.0), 0.0)
    unit = float(work.sum() + upload.sum()) or 1.0
    matrix = np.zeros((problem.servers, 2 * count))
    matrix[server, np.arange(count)] = 1.0
    used = np.where(problem.server_speed > 0.0, problem.server_speed, 1.0)

    def allocation(entries: Mapping[str, Array]) -> SpeedAndPower:
        found = SpeedAndPower(entries["server_speed"], entries["transmit_power"], np.empty(0))
        return SpeedAndPower(found.server_speed, found.transmit_power, problem.latency(decision, found))

    return Responses(
        parts=[
            Hyperbola("server_speed", users, speed, work / unit, lower / speed, np.minimum(upper / speed, 1.0)),
            Sending(users, problem.max_power[users], nats / unit, ratio),
        ],
        matrix=matrix,
        limit=np.ones(problem.servers),
        constant=float(shared(terms.local_costs, problem)[decision == 0].sum()),
        unit=unit,
        prices=lambda dual: np.maximum(dual.speed_price, 0.0) * used / unit,
        dual=lambda prices: ServerPrices(prices * unit / used, np.zeros(problem.servers)),
        allocation=allocation,
    )


def require_limitable(problem: MultiServerOffloading, rule: AmountRule) -> None:
    """Refuse limits on powers beside deadlines: how fast a server has to be then depends on the power."""
    late = np.argwhere(problem.deadline < np.inf)
    if "transmit_power" in rule.weights and late.size:
        place = tuple(late[0].tolist())
        raise InstanceError(
            f"limit {rule.name!r} is on transmit_power, and deadline{list(place)} is {problem.deadline[place]:g} s; "
            "allowed: limits on powers without deadlines, or limits on server_speed"
        )
