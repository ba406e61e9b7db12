"""What powers answer to charges of one's own limits: the price of interference, each user with its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.charged.responses import ROUNDING, Column, Part, Responses
from mecopt.contract.derived import shared
from mecopt.contract.errors import InstanceError
from mecopt.contract.limits.rule import MOST
from mecopt.models.priced_power import allocation
from mecopt.models.priced_power.variables import InterferencePrice, TransmitPower

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mecopt.contract.limits import AmountRule
    from mecopt.models.priced_power.problem import PricedPower

Array = NDArray[Any]


class Pricing(Part):
    """Parts of the greatest powers: ``work (1 + energy r) / log1p(r)`` at the signal-to-noise ratio ``r = greatest y``."""

    def __init__(self, users: Array, unit: Array, work: Array, energy: Array, cap: Array) -> None:
        count = users.size
        self.columns = (Column("transmit_power", users, unit, np.zeros(count), np.ones(count), np.ones(count, dtype=bool)),)
        self.work, self.energy, self.cap, self.greatest = work, energy, cap, np.expm1(cap)

    def respond(self, charge: Array) -> Array:
        """Return the powers that answer charges, which are not negative."""
        from mecopt.models.priced_power.compiled import best_efficiencies

        u = best_efficiencies(self.energy, np.maximum(charge, 0.0) / self.greatest / self.work, self.cap)
        return np.where(u < self.cap, np.expm1(u) / self.greatest, 1.0)

    def costs(self, y: Array) -> Array:
        """Return what uploading costs."""
        ratio = self.greatest * y
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.work * (1.0 + self.energy * ratio) / np.log1p(ratio))

    def cost(self, y: Array) -> float:
        """Return the sum of what uploading costs."""
        return float(self.costs(y).sum())

    def least(self, charge: Array) -> float:
        r"""Return no more than the least cost plus charges, whatever `respond` says.

        Cost and charge are convex in the time :math:`t = 1/\ln(1 + r)`. A residual of the derivative in it is paid for by
        times from the least one to that whose cost alone is all of the answer's. Who is paid has full power at most.
        """
        earned, charge = np.minimum(charge, 0.0), np.maximum(charge, 0.0)
        y = np.clip(np.nan_to_num(self.respond(charge)), 1e-300, 1.0)
        ratio = self.greatest * y
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            u = np.log1p(ratio)
            value = self.costs(y) + charge * y
            least, most = 1.0 / self.cap, value * (1.0 + 1e-12) / self.work
            terms = np.array([np.ones_like(u), self.energy * ratio, -self.energy * (1.0 + ratio) * u]) * self.work
            by_charge = -charge * (1.0 + ratio) * u * u / self.greatest
            residual, size = terms.sum(axis=0) + by_charge, np.abs(terms).sum(axis=0) + np.abs(by_charge)
            value = value + np.minimum(residual * (least - 1.0 / u), residual * (most - 1.0 / u))
            value = value - ROUNDING * (size * most + self.costs(y) + charge * y)
        return float(np.where(np.isfinite(value), np.maximum(value, 0.0), 0.0).sum() + earned.sum())

    def slopes(self, charge: Array, y: Array, directions: Array) -> Array:
        """Return the changes of powers below the greatest, by the second derivative in the efficiency."""
        inside = (y < 1.0) & (y > 0.0)
        u = np.where(inside, np.log1p(self.greatest * y), 1.0)
        grown, dear = np.exp(u), np.maximum(charge, 0.0) / self.greatest / self.work
        ratio = np.expm1(u)
        bend = 2.0 * (1.0 + self.energy * ratio) / u**3 - 2.0 * self.energy * grown / u**2 + (self.energy / u + dear) * grown
        change = -(grown**2) / bend / (self.greatest**2 * self.work)
        return np.where(inside, change, 0.0)[:, None] * directions


def responses(problem: PricedPower, decision: Array) -> Responses:
    """Return what one instance and decision answers to charges; columns are parts of the greatest powers."""
    users, c = allocation.offloading(problem, decision), shared(problem.coefficients)
    cap, work, energy = c.cap[users], c.work[users], c.energy[users]
    greatest = np.expm1(cap)
    unit = float((work * (1.0 + energy * greatest) / np.where(cap > 0.0, cap, 1.0)).sum()) or 1.0
    limit = float(problem.interference_limit)
    whole = limit if 0.0 < limit < np.inf else 1.0

    def with_powers(entries: Mapping[str, Array]) -> TransmitPower:
        return TransmitPower(transmit_power=entries["transmit_power"])

    return Responses(
        parts=[Pricing(users, greatest / c.snr[users], work / unit, energy, cap)],
        matrix=(c.part[users] * greatest)[None, :],
        limit=np.ones(1),
        constant=float(np.where(decision == 1, c.fixed, c.local).sum()),
        unit=unit,
        prices=lambda dual: np.atleast_1d(allocation.whole_price(problem, decision, dual)) / unit,
        dual=lambda prices: InterferencePrice(
            interference_price=np.asarray(prices[0] * unit / whole if limit < np.inf else 0.0)
        ),
        allocation=with_powers,
    )


def require_limitable(rule: AmountRule, numbers: Mapping[str, Array]) -> None:
    """Refuse limits that ask for more power: cost and power together are convex in the time only where less is asked."""
    where = f"limit {rule.name!r}"
    if rule.bounds != (MOST,):
        raise InstanceError(f"{where} on transmit_power has {rule.bounds[0]}; allowed: most, since no least power is convex")
    weight = numbers[rule.field("transmit_power")]
    for index in np.argwhere(weight < 0.0)[:1]:
        place = tuple(index.tolist())
        raise InstanceError(
            f"{where}: the weight of transmit_power{list(place) or ''} is {weight[place]:g}; allowed: >= 0, since no least "
            "power is convex"
        )
