"""A frame spelled out anew from the paper's symbols: the oracle of the lesson's checks, by cvxpy and Clarabel.

Nothing here calls `terms`, `prices` or the solvers. Times count in slots, bits in B T, a user's energy in its battery's
capacity, costs in the energy of a carrier kept on for a slot.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.models.backscatter_frame.problem import BackscatterFrame
from mecopt.models.backscatter_frame.variables import FramePrices
from mecopt.running.concurrency import MODELLING, unheard

Array = NDArray[Any]

LN2 = float(np.log(2.0))

Sending = Callable[[Any, Any, Any], list[Any]]
"""From bits, time and radiated energy over that of a slot at 1 bit/s/Hz to constraints of cvxpy."""


def exponential_cone(bits: Any, time: Any, power: Any) -> list[Any]:
    """Return ``time exp(ln 2 bits / time) <= time + power`` as a cone."""
    import cvxpy as cp

    return [cp.ExpCone(LN2 * bits, time, time + power)]


def logarithm(bits: Any, time: Any, power: Any) -> list[Any]:
    """Return ``bits <= time log2(1 + power / time)``, concave."""
    import cvxpy as cp

    return [LN2 * bits <= -cp.rel_entr(time, time + power)]


class Links(NamedTuple):
    """What the paper calls r, G and kappa, of one frame and its beams, by loops."""

    rate: Array
    """kbit/s"""
    harvest: Array
    """``[j, i]``: power that user j harvests in the slot of user i, mW."""
    noise: Array
    """mW; infinite for a user that is not heard."""


def spelled_out(frame: BackscatterFrame, beams: Array) -> Links:
    """Return r, G and kappa of one frame, user by user."""
    users, h = frame.users, frame.channel
    rate, harvest, noise = np.zeros(users), np.zeros((users, users)), np.full(users, np.inf)
    for i in range(users):
        strength = np.vdot(h[i], h[i]).real
        if strength > 0.0:
            noise[i] = frame.noise_power / strength
        ratio = frame.carrier_power * frame.reflection[i] ** 2 * strength * abs(np.vdot(h[i], beams[i])) ** 2
        rate[i] = frame.bandwidth * np.log2(1.0 + ratio / frame.noise_power) * (frame.mode == 0.0)
        for j in range(users):
            if j != i:
                received = frame.carrier_power * abs(np.vdot(h[j], beams[i])) ** 2
                harvest[j, i] = frame.harvesting_efficiency[j] * received
    return Links(rate, harvest, noise)


class Found(NamedTuple):
    """The answer of a program of one frame."""

    value: float
    """mJ; infinite where nothing is feasible."""
    prices: FramePrices
    mixtures: Array
    """S of every slot over T, ``(users, antennas, antennas)``; empty for fixed beams."""


def answer(
    frame: BackscatterFrame, beams: Array | None = None, *, sending: Sending = exponential_cone, in_full: bool = False
) -> Found:
    """Solve one frame: with these beams, or, where there are none, over all mixtures of beams; all work served if asked."""
    import cvxpy as cp

    users, slot, band = frame.users, float(frame.slot), float(frame.bandwidth)
    unit, bits, capacity = float(frame.carrier_power) * slot, band * slot, frame.battery_capacity
    names = ("active", "passive", "sent", "reflected", "local", "unserved", "kept", "radiated")
    v = {name: cp.Variable(users, nonneg=True, name=name) for name in names}
    strength = (np.abs(frame.channel) ** 2).sum(axis=-1)
    heard = np.flatnonzero(strength > 0.0)
    silent = np.flatnonzero(strength == 0.0)
    fed, carried, mixtures = _fixed(frame, beams, v) if beams is not None else _mixed(frame, v)
    spent = v["radiated"] + cp.multiply(frame.circuit_power * slot / capacity, v["active"])
    spent = spent + cp.multiply(frame.compute_energy * bits / capacity, v["local"])
    power = cp.multiply(capacity[heard] * strength[heard] / (float(frame.noise_power) * slot), v["radiated"][heard])
    work = v["sent"] + v["reflected"] + v["local"] + v["unserved"] >= frame.workload / bits
    battery = spent + v["kept"] <= frame.battery / capacity + fed
    full = spent <= 1.0
    rows = [work, battery, full, v["kept"] <= 1.0, v["active"] + v["passive"] <= 1.0, *carried]
    rows += [v["local"] <= frame.compute_rate * slot / bits, *sending(v["sent"][heard], v["active"][heard], power)]
    if silent.size:
        rows += [v["sent"][silent] == 0.0, v["active"][silent] == 0.0]
    if in_full:
        rows.append(v["unserved"] == 0.0)
    total = float(frame.carrier_power + frame.passive_receive_power) * slot / unit * cp.sum(v["passive"])
    total += float(frame.active_receive_power) * slot / unit * cp.sum(v["active"])
    total += float(frame.server_energy) * bits / unit * cp.sum(v["sent"] + v["reflected"])
    total += float(frame.unserved_price) * bits / unit * cp.sum(v["unserved"])
    program = cp.Problem(cp.Minimize(total - (frame.battery_price * capacity / unit) @ v["kept"]), rows)
    with MODELLING, unheard():
        program.solve(solver="CLARABEL", tol_gap_abs=1e-9, tol_gap_rel=1e-9, tol_feas=1e-9)
    found = program.value if program.status in ("optimal", "optimal_inaccurate") else np.inf
    price = [np.zeros(users) if row.dual_value is None else np.maximum(row.dual_value, 0.0) for row in (work, battery, full)]
    dual = FramePrices(price[0] * unit / bits, price[1] * unit / capacity, price[2] * unit / capacity)
    return Found(float(found) * unit, dual, np.array([mixture.value for mixture in mixtures]))


def _fixed(frame: BackscatterFrame, beams: Array, v: dict[str, Any]) -> tuple[Any, list[Any], list[Any]]:
    """Return what users harvest over their batteries' capacity, and the rows of passive transmission."""
    import cvxpy as cp

    rate, harvest, _ = spelled_out(frame, beams)
    fed = (harvest * float(frame.slot) / frame.battery_capacity[:, None]) @ v["passive"]
    return fed, [v["reflected"] <= cp.multiply(rate / float(frame.bandwidth), v["passive"])], []


def _mixed(frame: BackscatterFrame, v: dict[str, Any]) -> tuple[Any, list[Any], list[Any]]:
    """Return the same for mixtures of beams, and these, Hermitian matrices of the carrier's time as trace."""
    import cvxpy as cp

    users, antennas = frame.channel.shape
    strength = (np.abs(frame.channel) ** 2).sum(axis=-1)
    unit = [np.outer(h, h.conj()) / max(s, 1e-300) for h, s in zip(frame.channel, strength, strict=True)]
    mixtures = [cp.Variable((antennas, antennas), hermitian=True) for _ in range(users)]
    received = [[cp.real(cp.trace(form @ mixture)) for form in unit] for mixture in mixtures]
    power = float(frame.carrier_power) * frame.harvesting_efficiency * strength * float(frame.slot) / frame.battery_capacity
    fed = cp.hstack([power[j] * sum(received[i][j] for i in range(users) if i != j) for j in range(users)])
    ratio = float(frame.carrier_power) * frame.reflection**2 * strength**2 / float(frame.noise_power)
    rows = []
    for i, mixture in enumerate(mixtures):
        rows += [mixture >> 0, cp.real(cp.trace(mixture)) <= v["passive"][i]]
        if ratio[i] > 0.0 and frame.mode == 0.0:
            rows += exponential_cone(v["reflected"][i], v["passive"][i], ratio[i] * received[i][i])
        else:
            rows.append(v["reflected"][i] == 0.0)
    return fed, rows, mixtures


def apart(problem: BackscatterFrame, value: Any, reference: Any) -> float:
    """Return the largest difference of energies relative to their size and a carrier kept on for a slot; they may be 0."""
    value, reference = np.asarray(value, dtype=float), np.asarray(reference, dtype=float)
    return float(np.max(np.abs(value - reference) / (np.abs(reference) + problem.negligible)))


def above(problem: BackscatterFrame, value: Any, limit: Any) -> float:
    """Return by how much energies exceed their limit at most, on the same scale."""
    value, limit = np.asarray(value, dtype=float), np.asarray(limit, dtype=float)
    scale = problem.negligible.reshape(problem.negligible.shape + (1,) * (value.ndim - problem.negligible.ndim))
    return float(np.max(np.maximum(value - limit, 0.0) / (np.abs(limit) + scale)))
