r"""The decision is fixed: the price of bandwidth, SLSQP, and the exponential-cone program, all on scaled data.

Bands count in parts of the whole band and powers in parts of their caps, because in hertz and watts generic solvers fail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.backends.conic import ConicModel, Program
from mecopt.backends.slsqp import SmoothProgram
from mecopt.contract.backend import ClosedForm
from mecopt.contract.derived import of_data, shared
from mecopt.contract.errors import InstanceError
from mecopt.contract.fields import Variables
from mecopt.contract.scaling import characteristic
from mecopt.kernels.arrays import plain
from mecopt.models.bandwidth_power.variables import BandwidthPrice, Transmission

if TYPE_CHECKING:
    from mecopt.models.bandwidth_power.problem import BandwidthPower

Array = NDArray[Any]

Allocated = tuple[Transmission, BandwidthPrice]

LEAST_PRICE = 1e-200
"""Price, relative to one that all users together could pay, that stands for 0, at which bands would be infinite."""

LARGEST_EXPONENT = 700.0
"""Efficiency that stands for all larger ones: an SNR beyond floats is no limit."""

NEAR_KNEE = 1e-3
"""Relative distance within which a band counts as one where power cap and energy budget bind together."""


# ---------------------------------------------------------------------- the price of bandwidth


@of_data
def rows(problem: BandwidthPower) -> tuple[Array, ...]:
    """Return c, g and u^E, shape ``(instances, users)``, and the whole band, for compiled code."""
    terms, shape = shared(problem.terms), (problem.instances, problem.users)
    columns = (plain(part.reshape(shape), np.float64) for part in (terms.work, terms.reach, terms.ceiling))
    return (*columns, plain(problem.bandwidth.reshape(problem.instances), np.float64))


def blocks(problem: BandwidthPower, decision: Array) -> tuple[Array, ...]:
    """Return `rows` and the decisions, shape ``(instances, candidates, users)``, for compiled code."""
    return (*shared(rows, problem), plain(decision.reshape(problem.instances, -1, problem.users), np.int8))


def price_kernel() -> Callable[..., tuple[Array, ...]]:
    """Return the compiled price search."""
    from mecopt.models.bandwidth_power.compiled import shares

    return shares


def price_outputs(problem: BandwidthPower, decision: Array, raw: tuple[Array, ...]) -> Allocated:
    """Return bands with their powers, and prices; nan where a decision has no allocation."""
    times, prices, band = raw
    shape = decision.shape[:-1]
    hopeless = np.isinf(times.reshape(shape))
    best = transmission(problem, decision, band.reshape(decision.shape))
    return (
        Transmission(*(np.where(hopeless[..., None], np.nan, part) for part in (best.band, best.power))),
        BandwidthPrice(bandwidth_price=np.where(hopeless, np.nan, prices.reshape(shape))),
    )


CLOSED_FORM = ClosedForm(
    blocks, price_kernel, price_outputs, "bandwidth price by Newton, power eliminated, batched", threads=True
)


@of_data
def power_per_band(problem: BandwidthPower) -> Array:
    """Return the power in W/Hz at which the energy budget binds: as much SNR as it can afford."""
    with np.errstate(
        over="ignore", divide="ignore", invalid="ignore"
    ):  # an unlimited budget affords any; who sends nothing, none
        return np.asarray(np.expm1(problem.terms().ceiling) * problem.noise_density[..., None] / problem.channel_gain)


def transmission(problem: BandwidthPower, decision: Array, band: Array) -> Transmission:
    """Give every offloading user its best power on its band: all that power cap and energy budget allow."""
    band = np.where(decision == 1, band, 0.0)
    with np.errstate(invalid="ignore"):  # an unlimited budget on no band at all
        affordable = np.where(band > 0, problem.aligned(shared(power_per_band, problem), decision) * band, 0.0)
    return Transmission(band=band, power=np.minimum(problem.aligned("max_power", decision), affordable))


def within_band(problem: BandwidthPower, decision: Array, band: Array) -> Transmission:
    """Scale bands to fill the whole band, and give them their best powers."""
    band = np.where(decision == 1, np.maximum(band, 0.0), 0.0)
    total = band.sum(axis=-1, keepdims=True)
    whole = problem.aligned("bandwidth", decision)[..., None]
    return transmission(problem, decision, band * (whole / np.where(total > 0, total, 1.0)))


def demanded(problem: BandwidthPower, decision: Array, price: Array) -> Array:
    """Return the bands in Hz that users would take at a price if they offloaded; negative prices count as 0."""
    from mecopt.models.bandwidth_power.upload import bands

    terms = shared(problem.terms)
    whole = np.where(problem.bandwidth > 0, problem.bandwidth, 1.0)[..., None]
    dear = (terms.work / whole / whole).max(axis=-1)
    price = np.maximum(price, LEAST_PRICE * problem.aligned(dear, decision))
    work, reach, ceiling = (problem.aligned(part, decision) for part in (terms.work, terms.reach, terms.ceiling))
    return np.asarray(bands(work, reach, ceiling, price[..., None]))


def response(problem: BandwidthPower, decision: Array, price: Array) -> Transmission:
    """Return the bands taken at a price, scaled to fill the whole band; at the decision's own price they are the best."""
    return within_band(problem, decision, demanded(problem, decision, price))


# ---------------------------------------------------------------------- scaled programs


class Scaled(NamedTuple):
    """The offloading users of one instance who have something to upload, band and rate each in a unit near its optimum."""

    users: Array
    band: Array
    """Unit of the band of each, Hz; they add up to the whole band."""
    reach: Array
    """g in units of the band."""
    ceiling: Array
    """u^E."""
    efficiency: Array
    """Nats per second and hertz on the unit of band; times that unit, it is the unit of the rate."""
    weight: Array
    """Time at the unit of the rate, over the unit of time."""
    time: float
    """Unit of time, s."""


def senders(problem: BandwidthPower, decision: Array) -> Array:
    """Return the offloading users who have something to upload, of any weight."""
    return np.flatnonzero((decision == 1) & (problem.terms().work > 0))


def scaled(problem: BandwidthPower, decision: Array) -> Scaled:
    """Scale one instance: bands as the square-root rule shares them at the efficiencies of equal shares."""
    users, terms = senders(problem, decision), problem.terms()
    work, reach, ceiling = terms.work[users], terms.reach[users], terms.ceiling[users]
    root = np.sqrt(work / np.minimum(np.log1p(reach * max(users.size, 1) / problem.bandwidth), ceiling))
    band = problem.bandwidth * (root / root.sum()) if users.size else root
    reach = reach / band
    efficiency = np.minimum(np.log1p(reach), ceiling)
    time = work / (band * efficiency)
    unit = characteristic(time)
    return Scaled(users, band, reach, ceiling, efficiency, time / unit, unit)


def implied_price(problem: BandwidthPower, band: Array) -> BandwidthPrice:
    """Return the price that bands suggest: the weighted median of what users would pay for more, and save by less.

    Between the two lies every price at which a user takes its band. They differ only where power cap and energy budget
    bind together; that a band is such a one cannot be told from rounding, so near it both are looked at.
    """
    users = np.flatnonzero(band > 0)
    terms = problem.terms()
    work, reach, ceiling = terms.work[users], terms.reach[users], terms.ceiling[users]
    band = band[users]
    if not users.size:
        return BandwidthPrice(bandwidth_price=np.asarray(0.0))
    snr = reach / band
    full = np.log1p(snr)
    knee = np.expm1(np.minimum(ceiling, LARGEST_EXPONENT))
    at_power = work / (band * full) ** 2 * (full - snr / (1.0 + snr))
    at_energy = work / (ceiling * band**2)
    more = np.where(snr <= knee * (1.0 + NEAR_KNEE), at_power, at_energy)
    less = np.where(snr >= knee * (1.0 - NEAR_KNEE), at_energy, at_power)
    ends, weights = np.concatenate([more, less]), np.concatenate([band, band])
    order = np.argsort(ends)
    middle = np.searchsorted(np.cumsum(weights[order]), 0.5 * weights.sum())
    return BandwidthPrice(bandwidth_price=np.asarray(ends[order][middle]))


def smooth_program(problem: BandwidthPower, decision: Array) -> SmoothProgram:
    """Write one decision for SLSQP: bands and powers in units near their optimum, the weighted times summed.

    The energy budget is a cap on the SNR, and so a linear constraint: ``power <= power_per_band * band``.
    """
    users, unit, reach, ceiling, efficiency, weight, _ = scaled(problem, decision)
    count, each = users.size, np.arange(users.size)
    # the SNR on the unit of band at the best power there, which is the unit of power, and in it at full power
    snr = np.minimum(reach, np.expm1(np.minimum(ceiling, LARGEST_EXPONENT)))
    full = reach / snr
    matrix, limit = np.zeros((count + 1, 2 * count)), np.zeros(count + 1)
    matrix[0, :count], limit[0] = unit / problem.bandwidth, 1.0
    matrix[each + 1, each], matrix[each + 1, count + each] = -1.0, snr / np.expm1(np.minimum(ceiling, LARGEST_EXPONENT))

    def rates(y: Array) -> tuple[Array, Array, Array]:
        band, power = y[:count], y[count:]
        reached = snr * power / band
        return band, reached, band * np.log1p(reached) / efficiency

    def function(y: Array) -> float:
        return float((weight / rates(y)[2]).sum())

    def gradient(y: Array) -> Array:
        _, reached, rate = rates(y)
        marginal = -weight / rate**2 / efficiency
        along_band = marginal * (np.log1p(reached) - reached / (1.0 + reached))
        return np.concatenate([along_band, marginal * snr / (1.0 + reached)])

    def pack(allocation: Variables) -> Array:
        sent = allocation.as_dict()
        return np.concatenate([sent["band"][users] / unit, sent["power"][users] / problem.max_power[users] * full])

    def unpack(y: Array) -> Allocated:
        band = np.zeros(problem.users)
        band[users] = y[:count] * unit
        sent = within_band(problem, decision, band)
        return sent, implied_price(problem, sent.band)

    return SmoothProgram(
        function=function,
        gradient=gradient,
        matrix=matrix,
        limit=limit,
        lower=np.full(2 * count, 1e-9),
        upper=np.concatenate([problem.bandwidth / unit, full]),
        default_start=np.ones(2 * count),
        pack=pack,
        unpack=unpack,
    )


class _Conic(ConicModel):
    r"""``minimise weight . time`` under ``time rate >= 1``: one program per number of offloading users.

    Powers are eliminated: a rate is attained on a band if it is within the energy budget, ``rate <= u^E band``, and within
    full power, ``rate <= band ln(1 + g/band)``. The first is linear, the second an exponential cone, the hyperbola a
    second-order cone. Units are those of `Scaled`. The cone holds ``rate - band ln(1 + g)``, what full power brings beyond
    the efficiency on the unit of band, so that no coefficient grows with a strong gain; it is scaled so that a weak one
    stands for one half in each of its entries.

    At any price the bands and rates that answer it have multipliers in closed form: of full power
    :math:`\pi = (\rho/e - \mu/u^E)/(1 - m/u^E)`, of the budget :math:`\mu - \pi m`, where :math:`\rho` is what the rate
    is worth, e the efficiency on the unit of band, :math:`\mu` the price of that unit, and m the slope of
    ``band ln(1 + g/band)``. The dual objective there is `BandwidthPower.bound`.
    """

    def shape(self, problem: BandwidthPower, decision: Array) -> int | None:
        return int(senders(problem, decision).size) or None

    def build(self, shape: int) -> Program:
        import cvxpy as cp

        names = ("share", "weight", "spent", "gained", "given", "kept", "grown", "constant")
        share, weight, spent, gained, given, kept, grown, constant = (
            cp.Parameter(shape, nonneg=True, name=name) for name in names
        )
        band, rate, time = (cp.Variable(shape, name=name) for name in ("band", "rate", "time"))
        constraints = {
            "whole": share @ band <= shape,
            "budget": cp.multiply(spent, rate) - band <= 0,
            "hyperbola": cp.SOC(time + rate, cp.vstack([np.full(shape, 2.0), time - rate])),
            "shannon": cp.ExpCone(
                cp.multiply(gained, rate) - cp.multiply(given, band),
                cp.multiply(kept, band),
                cp.multiply(grown, band) + constant,
            ),
        }
        problem = cp.Problem(cp.Minimize(weight @ time), list(constraints.values()))
        parameters = dict(zip(names, (share, weight, spent, gained, given, kept, grown, constant), strict=True))
        return Program(problem, parameters, {"band": band, "rate": rate, "time": time}, constraints)

    def numbers(self, problem: BandwidthPower, decision: Array) -> dict[str, Any]:
        users, unit, reach, ceiling, efficiency, weight, _ = scaled(problem, decision)
        full = np.log1p(reach)
        size = self._size(full)
        return {
            "share": users.size * unit / problem.bandwidth,
            "weight": weight / weight.mean(),
            "spent": efficiency / ceiling,
            "gained": size * efficiency,
            "given": size * full,
            "kept": size,
            "grown": size / (1.0 + reach),
            "constant": size * reach / (1.0 + reach),
        }

    def read(
        self, problem: BandwidthPower, decision: Array, values: Mapping[str, Any], multipliers: Mapping[str, Any]
    ) -> Allocated:
        units = scaled(problem, decision)
        band = np.zeros(problem.users)
        band[units.users] = units.band * values["band"]
        price = float(np.squeeze(multipliers["whole"])) * self._price_unit(problem, units)
        return within_band(problem, decision, band), BandwidthPrice(bandwidth_price=np.asarray(price))

    def point(self, problem: BandwidthPower, decision: Array, allocation: Transmission) -> dict[str, Array]:
        users, unit, reach, ceiling, efficiency, _, _ = scaled(problem, decision)
        band = allocation.band[users] / unit
        rate = band * np.minimum(ceiling, np.log1p(reach / band)) / efficiency
        return {"band": band, "rate": rate, "time": 1.0 / rate}

    def multipliers(self, problem: BandwidthPower, decision: Array, dual: BandwidthPrice) -> dict[str, Array]:
        units = scaled(problem, decision)
        users, unit, reach, ceiling, efficiency, weight, _ = units
        weight = weight / weight.mean()
        price = float(dual.bandwidth_price)
        band = demanded(problem, decision, np.asarray(price))[users] / unit
        rate = band * np.minimum(ceiling, np.log1p(reach / band)) / efficiency
        worth = weight / rate**2
        charged = price / self._price_unit(problem, units) * users.size * unit / problem.bandwidth
        snr = reach / band
        slope = np.log1p(snr) - snr / (1.0 + snr)
        full = np.maximum((worth / efficiency - charged / ceiling) / (1.0 - slope / ceiling), 0.0)
        log_ratio = np.log1p(snr) - np.log1p(reach)
        cone = np.stack([-np.ones_like(band), log_ratio - 1.0, (1.0 + reach) / (1.0 + snr)], axis=-1)
        root = np.sqrt(weight * worth)
        return {
            "whole": np.asarray(price / self._price_unit(problem, units)),
            "budget": np.maximum(charged - full * slope, 0.0),
            "hyperbola": np.stack([0.5 * (weight + worth), -root, 0.5 * (weight - worth)], axis=-1),
            "shannon": (full / self._size(np.log1p(reach)))[:, None] * cone,
        }

    def trivial(self, problem: BandwidthPower, decision: Array) -> Allocated:
        sent, price = CLOSED_FORM(problem, decision)
        return sent, price

    @staticmethod
    def _size(full: Array) -> Array:
        """Return what the entries of the exponential cone are scaled by: the root of a weak efficiency's inverse."""
        return 1.0 / np.sqrt(np.minimum(full, 1.0))

    @staticmethod
    def _price_unit(problem: BandwidthPower, units: Scaled) -> float:
        """Return the price in s/Hz that counts as 1."""
        return float(units.time * units.weight.mean() * units.users.size / problem.bandwidth)


CONIC = _Conic()


def cvxpy_problem(problem: BandwidthPower, decision: Array) -> Any:
    """Write the inner problem of one decision in s, with a part of the band and of the power cap for every user."""
    import cvxpy as cp

    if problem.batch_shape or decision.ndim != 1:
        raise InstanceError("to_cvxpy takes a single instance and a single decision; index the batch first")
    if problem.infeasible(decision):
        raise InstanceError(f"this decision has no allocation: {problem.why_infeasible(decision)}")
    users, terms = senders(problem, decision), problem.terms()
    idle = np.setdiff1d(np.arange(problem.users), users)
    band, power = (cp.Variable(problem.users, nonneg=True, name=name) for name in ("band", "power"))
    cost = float(np.where(decision == 1, terms.server, terms.local).sum())
    constraints = [cp.sum(band) <= 1.0, power <= 1.0]
    if idle.size:
        constraints += [band[idle] == 0, power[idle] == 0]
    if users.size:
        # nats in units of what full power carries on the whole band
        reach = terms.reach[users] / problem.bandwidth
        unit = np.log1p(reach)
        rate = cp.multiply(1.0 / unit, -cp.rel_entr(band[users], band[users] + cp.multiply(reach, power[users])))
        cost = cost + (terms.work[users] / (problem.bandwidth * unit)) @ cp.inv_pos(rate)
        limited = np.flatnonzero(np.isfinite(problem.energy_budget[users]))
        if limited.size:
            who = users[limited]
            whole = problem.max_power[who] * problem.data_size[who] * np.log(2.0) / (problem.bandwidth * unit[limited])
            constraints.append(cp.multiply(whole / problem.energy_budget[who], power[who]) <= rate[limited])
    return cp.Problem(cp.Minimize(cost), constraints)
