"""From a frame and beams to what the mathematics needs: rates, harvested powers, and everything in the solver's units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mecopt.models.backscatter_frame.problem import BackscatterFrame

Array = NDArray[Any]

LN2 = float(np.log(2.0))

FAINT = 1e-6
"""Rate or energy, in the solver's units, below which a network sees no difference."""


ORTHOGONAL = (4.0 * np.finfo(float).eps) ** 2
"""Part of its channel's strength below which what a user receives of a unit beam is what rounding leaves of nothing."""


class Links(NamedTuple):
    """What beams bring, leading axes those of batch and candidates."""

    rate: Array
    """r, of the passive slot, kbit/s ``(..., users)``; 0 without passive transmission."""
    harvest: Array
    """G ``[..., j, i]``, power that user j harvests in user i's slot, mW."""
    noise: Array
    """kappa, power at which a user sends at 1 bit/s/Hz, mW; infinite without active transmission."""


class Terms(NamedTuple):
    """Entries of `mecopt.models.backscatter_frame.allocation.frame.Frame` for many frames, and the units they count in."""

    work: Array
    rate: Array
    harvest: Array
    noise: Array
    energy: Array
    fastest: Array
    circuit: Array
    cpu: Array
    kept: Array
    costs: Array
    """Active, bit, passive and unserved cost, last axis."""
    time_unit: Array
    """T, s; this and the next two have an axis of length 1 for users."""
    bit_unit: Array
    """B T, kbit."""
    cost_unit: Array
    """Energy of a carrier and its receiver kept on for a slot, mJ."""
    energy_unit: Array
    """E_max of each user, mJ."""


def gains(problem: BackscatterFrame, decision: Array) -> Array:
    """Return ``|h_j^H w_i|^2`` as ``[..., j, i, k]`` for every beam k of user i's slot; 0 where it is all rounding."""
    channel = problem.aligned("channel", decision)
    antennas = channel.shape[-1]
    beams = decision.reshape(*decision.shape[:-1], -1, antennas)
    found = np.abs(np.einsum("...ja,...ika->...jik", channel.conj(), beams)) ** 2
    return np.where(found > ORTHOGONAL * strength(problem, decision)[..., None, None], found, 0.0)


def strength(problem: BackscatterFrame, decision: Array) -> Array:
    """Return ``||h||^2``."""
    channel = problem.aligned("channel", decision)
    return np.asarray((np.abs(channel) ** 2).sum(axis=-1))


def passive_gain(problem: BackscatterFrame, decision: Array) -> Array:
    """Return what ``|h^H w|^2`` is multiplied by in the signal-to-noise ratio of passive transmission (6)."""
    reflected = problem.aligned("carrier_power", decision)[..., None] * problem.aligned("reflection", decision) ** 2
    literal = problem.aligned("passive_noise", decision)[..., None] == 1.0
    received = np.where(literal, 1.0, strength(problem, decision))
    return np.asarray(reflected * received / problem.aligned("noise_power", decision)[..., None])


def links(problem: BackscatterFrame, decision: Array) -> Links:
    """Return what beams bring to every user."""
    found = gains(problem, decision)
    users = found.shape[-2]
    own = np.einsum("...iik->...ik", found)
    mode = problem.aligned("mode", decision)[..., None]
    shannon = np.log1p(passive_gain(problem, decision)[..., None] * own).mean(axis=-1) / LN2
    rate = np.where(mode == 0.0, problem.aligned("bandwidth", decision)[..., None] * shannon, 0.0)
    efficiency = problem.aligned("harvesting_efficiency", decision)[..., None]
    carrier = problem.aligned("carrier_power", decision)[..., None, None]
    earlier = np.tri(users, users, -1, dtype=bool) | (problem.aligned("harvesting", decision)[..., None, None] == 0.0)
    other = earlier & ~np.eye(users, dtype=bool)
    harvest = np.where(other, efficiency * carrier * found.mean(axis=-1), 0.0)
    with np.errstate(divide="ignore"):
        noise = problem.aligned("noise_power", decision)[..., None] / strength(problem, decision)
    noise = np.broadcast_to(np.where(mode == 2.0, np.inf, noise), rate.shape)
    return Links(rate, harvest, noise)


def terms(problem: BackscatterFrame, decision: Array) -> Terms:
    """Return the frames in the solver's units."""

    def field(name: str) -> Array:
        value = problem.aligned(name, decision)
        return value if value.ndim == decision.ndim - 1 else value[..., None]

    found = links(problem, decision)
    time, battery = field("slot"), field("battery_capacity")
    bits = field("bandwidth") * time
    cost = (field("carrier_power") + field("passive_receive_power")) * time
    costs = (field("active_receive_power") * time, field("server_energy") * bits, cost, field("unserved_price") * bits)
    shape = found.rate.shape

    def full(value: Array) -> Array:
        return np.broadcast_to(value, shape)

    return Terms(
        work=full(field("workload") / bits),
        rate=full(found.rate / field("bandwidth")),
        harvest=found.harvest * (time / battery)[..., None],
        noise=full(found.noise * time / battery),
        energy=full(field("battery") / battery),
        fastest=full(field("compute_rate") / field("bandwidth")),
        circuit=full(field("circuit_power") * time / battery),
        cpu=full(field("compute_energy") * bits / battery),
        kept=full(field("battery_price") * battery / cost),
        costs=np.broadcast_to(np.concatenate(costs, axis=-1) / cost, (*shape[:-1], 4)),
        time_unit=time,
        bit_unit=bits,
        cost_unit=cost,
        energy_unit=full(battery),
    )


def features(problem: BackscatterFrame, decision: Array) -> Array:
    """Return decimal logarithms of rates, harvested energies and noise energies in the solver's units, ``(..., entries)``.

    A phase of a channel or a beam changes none of them, and the best allocation depends on beams by nothing else.
    """
    found = terms(problem, decision)
    others = ~np.eye(problem.users, dtype=bool)
    parts = (found.rate, found.harvest[..., others], np.where(np.isfinite(found.noise), found.noise, 0.0))
    return np.asarray(np.log10(np.maximum(np.concatenate(parts, axis=-1), FAINT)))


def sending_energy(time: Array, bits: Array, bandwidth: Array, noise: Array) -> Array:
    r"""Return :math:`\kappa t (2^{l/(Bt)} - 1)`, 0 where nothing is sent; infinite for bits in no time."""
    used = time > 0
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        sent = noise * np.where(used, time, 0.0) * np.expm1(LN2 * bits / (bandwidth * np.where(used, time, 1.0)))
    silent = np.where(bits > 0, np.inf, 0.0)
    found = np.where(used & (bits > 0), sent, silent)
    return np.where(np.isnan(time) | np.isnan(bits), np.nan, found)
