r"""What bands and powers answer to charges of one's own limits.

At a charge :math:`\beta` on its band and q on its power a user minimises :math:`c/(b u) + \beta b + q p`, u being its
efficiency and :math:`p = b (e^u - 1)/s` its power, :math:`s = h/N_0`. Given u the band is :math:`\sqrt{c/(u \kappa)}`, with
:math:`\kappa = \beta + q (e^u - 1)/s`, and the cost :math:`2 \sqrt{c \kappa/u}` is least where
:math:`(u - 1) e^u + 1 = \beta s/q`, a value of Lambert's W. The energy budget caps u; where the power would exceed its cap
it is the cap, and the band that of `mecopt.models.bandwidth_power.upload`; no band exceeds the whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.charged.idle import Idle
from mecopt.charged.responses import Column, ConvexPart, Responses
from mecopt.contract.derived import shared
from mecopt.models.bandwidth_power import allocation
from mecopt.models.bandwidth_power.variables import BandwidthPrice, Transmission

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mecopt.models.bandwidth_power.problem import BandwidthPower

Array = NDArray[Any]

LARGEST = 700.0
"""Efficiency whose exponential floats hold."""

STEP = 1e-6
"""Change of charges, beside their size, of which slopes are differences."""


class Uploading(ConvexPart):
    """Parts of the whole band, then parts of the greatest powers, of the same users."""

    def __init__(self, users: Array, whole: float, power: Array, work: Array, reach: Array, ceiling: Array) -> None:
        """Take work c, reach ``g`` in units of the whole band, and the ceiling of the efficiency."""
        count = users.size
        zero, one, needed = np.zeros(count), np.ones(count), np.ones(count, dtype=bool)
        self.columns = (
            Column("band", users, np.full(count, whole), zero, one, needed),
            Column("power", users, power, zero, one, needed),
        )
        self.count, self.work, self.reach, self.ceiling = count, work, reach, ceiling
        with np.errstate(divide="ignore", over="ignore"):
            self.snr = np.expm1(np.minimum(ceiling, LARGEST))
            self.knee = reach / self.snr

    def respond(self, charge: Array) -> Array:
        """Return bands and powers that answer charges."""
        beta, q = charge[: self.count], charge[self.count :]
        band = np.where(q > 0.0, self._saving(beta, q), self._spending(beta, q))
        power = np.minimum(band / self.knee, 1.0)
        saving = q > 0.0
        efficiency = np.where(saving, self._efficiency(beta, q, band), 0.0)
        power = np.where(saving, np.minimum(power, band * np.expm1(np.minimum(efficiency, LARGEST)) / self.reach), power)
        return np.concatenate([band, power])

    def _at_full_power(self, beta: Array) -> Array:
        """Return the bands at full power, not below those on which the budget binds as well."""
        from mecopt.models.bandwidth_power.upload import bands

        paid = beta > 0.0
        found = bands(self.work, self.reach, np.inf, np.where(paid, beta, 1.0))
        return np.minimum(np.where(paid, np.maximum(found, self.knee), 1.0), 1.0)

    def _saving(self, beta: Array, q: Array) -> Array:
        """Return bands where power has a charge."""
        kappa, u = self._rate_of_charge(beta, q)
        with np.errstate(divide="ignore", invalid="ignore"):
            band = np.sqrt(self.work / (u * kappa))
            power = band * np.expm1(np.minimum(u, LARGEST)) / self.reach
        wide = (beta <= 0.0) | ~(band < 1.0)
        return np.where(wide, self._whole_or_full(beta, q), np.where(power > 1.0, self._at_full_power(beta), band))

    def _whole_or_full(self, beta: Array, q: Array) -> Array:
        """Return the whole band, or less where power is at its cap there and the band costs something."""
        full = np.log1p(self.reach)
        capped = self._efficiency_on_all(q) >= full
        return np.where(capped & (beta > 0.0), self._at_full_power(beta), 1.0)

    def _rate_of_charge(self, beta: Array, q: Array) -> tuple[Array, Array]:
        """Return kappa and the efficiency where neither power cap nor band bind."""
        from mecopt.kernels.lambert import tangent

        some = (q > 0.0) & (beta > 0.0)
        ratio = np.where(some, beta * self.reach / np.where(some, q, 1.0), 1.0)
        u = np.minimum(np.array([tangent(d) for d in ratio]), self.ceiling)
        return np.where(some, beta + q * np.expm1(np.minimum(u, LARGEST)) / self.reach, 1.0), u

    def _efficiency_on_all(self, q: Array) -> Array:
        """Return the efficiency on the whole band at a charge on power, the power cap apart."""
        from mecopt.kernels.lambert import lambert_of_exponential

        level = 0.5 * np.log(self.work * self.reach / np.where(q > 0.0, q, 1.0)) - np.log(2.0)
        return np.minimum(np.array([2.0 * lambert_of_exponential(k) for k in level]), self.ceiling)

    def _efficiency(self, beta: Array, q: Array, band: Array) -> Array:
        """Return the efficiency on bands that answer charges, the power cap apart."""
        _, u = self._rate_of_charge(beta, q)
        return np.where(band < 1.0, u, self._efficiency_on_all(q))

    def _spending(self, beta: Array, q: Array) -> Array:
        """Return bands where power costs nothing, or is asked for."""
        with np.errstate(divide="ignore", invalid="ignore"):
            kappa = beta + q / self.knee
            band = np.sqrt(self.work / (self.ceiling * np.where(kappa > 0.0, kappa, 1.0)))
        narrow = (self.ceiling < np.inf) & (kappa > 0.0) & (band < self.knee)
        return np.minimum(np.where(narrow, band, self._at_full_power(beta)), 1.0)

    def costs(self, y: Array) -> Array:
        """Return work over rate."""
        band, power = y[: self.count], y[self.count :]
        with np.errstate(divide="ignore", invalid="ignore"):
            rate = band * np.minimum(np.log1p(self.reach * power / band), self.ceiling)
            return self.work / np.where(band > 0.0, rate, 0.0)

    def gradient(self, y: Array) -> Array:
        """Return the derivatives of work over the rate that is the less one; of equal ones over that of the power."""
        band, power = y[: self.count], y[self.count :]
        sending = np.log1p(self.reach * power / np.where(band > 0.0, band, 1.0)) <= self.ceiling
        return next(self._tangents(y, (np.where(sending, 1.0, 0.0),)))[1]

    def tangents(self, charge: Array, y: Array) -> Iterator[tuple[Array, Array]]:
        """Yield planes below the cost of mixtures of the rates by power and by budget, neither of which is below the rate.

        At a point where both are the rate a mixture makes one of the residuals vanish.
        """
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            of_power, by_band, by_power = self._sending(y)
            rate = np.minimum(of_power, y[: self.count] * self.ceiling)
            unit = rate * rate / self.work
            none = (
                charge[self.count :] * unit / by_power,
                (charge[: self.count] * unit - self.ceiling) / (by_band - self.ceiling),
            )
        yield from self._tangents(y, (0.0, 1.0, *none))

    def _sending(self, y: Array) -> tuple[Array, Array, Array]:
        """Return the rate by power, budgets apart, and its derivatives in band and power."""
        band, power = y[: self.count], y[self.count :]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            snr = self.reach * power / band
            return band * np.log1p(snr), np.log1p(snr) - snr / (1.0 + snr), self.reach / (1.0 + snr)

    def _tangents(self, y: Array, parts: Sequence[Any]) -> Iterator[tuple[Array, Array]]:
        """Yield costs and gradients of work over mixtures that hold a part of the rate by power."""
        budget = self.ceiling < np.inf
        ceiling = np.where(budget, self.ceiling, 0.0)
        of_power, by_band, by_power = self._sending(y)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            for part in parts:
                mixed = np.where(budget, np.clip(np.nan_to_num(part), 0.0, 1.0), 1.0)
                cost = self.work / (mixed * of_power + (1.0 - mixed) * y[: self.count] * ceiling)
                along = -cost * cost / self.work
                yield (
                    cost,
                    np.concatenate([along * (mixed * by_band + (1.0 - mixed) * ceiling), along * mixed * by_power]),
                )

    def slopes(self, charge: Array, y: Array, directions: Array) -> Array:
        """Return the changes of bands and powers, by differences."""
        found = np.zeros_like(directions)
        for k in range(directions.shape[1]):
            along = directions[:, k]
            size = np.where(along != 0.0, np.abs(charge) / np.where(along != 0.0, np.abs(along), 1.0), 0.0)
            step = STEP * float(size.max(initial=0.0)) or STEP
            ahead, behind = self.respond(charge + step * along), self.respond(charge - step * along)
            found[:, k] = (ahead - behind) / (2.0 * step)
        return found


def responses(problem: BandwidthPower, decision: Array) -> Responses:
    """Return what one instance and decision answers to charges; columns are parts of the band and of greatest powers."""
    terms, whole = shared(problem.terms), float(problem.bandwidth) if problem.bandwidth > 0 else 1.0
    users = allocation.senders(problem, decision)
    idle = np.setdiff1d(np.flatnonzero(decision == 1), users)
    reach, ceiling = terms.reach[users] / whole, terms.ceiling[users]
    work = terms.work[users] / whole
    unit = float((work / np.minimum(np.log1p(reach), ceiling)).sum()) or 1.0
    uploading = Uploading(users, whole, problem.max_power[users], work / unit, reach, ceiling)
    count, more = users.size, idle.size
    matrix = np.zeros((1, 2 * (count + more)))
    matrix[0, :count] = matrix[0, 2 * count : 2 * count + more] = 1.0
    capped = np.flatnonzero(ceiling < np.inf)
    budgets = np.zeros((capped.size, matrix.shape[1]))
    budgets[np.arange(capped.size), capped], budgets[np.arange(capped.size), count + capped] = -1.0, uploading.knee[capped]
    return Responses(
        parts=[
            uploading,
            Idle(("band", idle, np.full(more, whole)), ("power", idle, problem.max_power[idle])),
        ],
        matrix=matrix,
        limit=np.ones(1),
        constant=float(np.where(decision == 1, terms.server, terms.local).sum()),
        unit=unit,
        prices=lambda dual: np.atleast_1d(np.maximum(dual.bandwidth_price, 0.0)) * whole / unit,
        dual=lambda prices: BandwidthPrice(bandwidth_price=np.asarray(prices[0] * unit / whole)),
        allocation=_sent,
        within=(budgets, np.zeros(capped.size)),
    )


def _sent(entries: Mapping[str, Array]) -> Transmission:
    return Transmission(band=entries["band"], power=entries["power"])
