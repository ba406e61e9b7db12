"""What the mathematics needs of a hybrid slot: a row of numbers a user, per slot of unit length, in kbit and nJ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.derived import of_data
from mecopt.contract.scaling import quotient

if TYPE_CHECKING:
    from mecopt.models.hybrid_slot.problem import HybridSlot

Array = NDArray[Any]

NANO = 1e6
"""nW in a mW."""
KILO = 1e-3
"""Mcycle/kbit in a cycle/bit."""
STRICT, LITERAL, MUST = 1.0, 1.0, 1.0
"""Numbers of the second words of the choices."""


def by_user(problem: HybridSlot, name: str) -> Array:
    """Return a field with an entry per user, whatever it is given per: ``(*batch, users)``, or an axis of length 1."""
    value: Array = getattr(problem, name)
    return value if value.ndim == problem.workload.ndim else value[..., None]


@of_data
def harvested(problem: HybridSlot) -> Array:
    """Return H, what a whole slot's harvest adds to the battery, in nJ, ``(*batch, users)``."""
    with np.errstate(over="ignore"):
        power = problem.harvesting_efficiency * by_user(problem, "carrier_power") * NANO * problem.downlink_gain
        return np.asarray(power * by_user(problem, "slot"))


@of_data
def passive_rates(problem: HybridSlot) -> Array:
    r"""Return r_p in kbit/s.

    .. math:: r_p = B \log_2\left(1 + \frac{p_0 |\alpha g h|^2}{\sigma^2}\right)

    without the carrier's power :math:`p_0`, but for its watts, where the print is taken by its letter.
    """
    literal = by_user(problem, "passive_rate") == LITERAL
    carrier = np.where(literal, 1e9, by_user(problem, "carrier_power") * NANO)
    with np.errstate(over="ignore", invalid="ignore"):
        gain = problem.reflection**2 * problem.uplink_gain * problem.downlink_gain
        ratio = gain * carrier / by_user(problem, "noise_power")
        return np.asarray(by_user(problem, "bandwidth") * np.log1p(ratio) / np.log(2.0))


@of_data
def local_rates(problem: HybridSlot) -> Array:
    """Return r_l = f / phi in kbit/s."""
    return np.asarray(problem.cpu_speed / (KILO * problem.cycles_per_bit))


@of_data
def rows(problem: HybridSlot) -> Array:
    """Return the numbers of every user, ``(instances, users, 13)``, in the order of `compiled.Slot`.

    A processor whose energy is beyond floats computes nothing.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return _rows(problem)


def _rows(problem: HybridSlot) -> Array:
    slot, band = by_user(problem, "slot"), by_user(problem, "bandwidth") / np.log(2.0)
    weight = by_user(problem, "price_weight")
    local_energy = problem.energy_coefficient * problem.cpu_speed**2 * KILO * problem.cycles_per_bit
    computes = np.isfinite(local_energy)
    columns = (
        problem.workload,
        harvested(problem),
        np.where(computes, local_energy, 0.0),
        np.where(computes, local_rates(problem) * slot, 0.0),
        passive_rates(problem) * slot,
        problem.backscatter_power * slot,
        quotient(by_user(problem, "noise_power") * slot, problem.uplink_gain),
        band * slot,
        problem.circuit_power * slot,
        problem.energy_floor,
        weight * by_user(problem, "channel_price") / slot,
        weight * by_user(problem, "computing_price"),
        by_user(problem, "pacing") == STRICT,
    )
    shape = (*problem.batch_shape, problem.users)
    whole = np.empty((*shape, len(columns)))
    for k, column in enumerate(columns):
        whole[..., k] = column
    return whole.reshape(problem.instances, problem.users, len(columns))
