"""The convex form against the paper's own: rates and times as variables, by SLSQP from several starts; and a dense grid."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

import mecopt
from mecopt.models.backscatter_frame import BackscatterFrame

Array = NDArray[Any]

STARTS = 3


def original(frame: BackscatterFrame, beams: Array, rng: np.random.Generator) -> float:
    """Return the least energy that SLSQP finds with variables t_a, r, t_b, l_b, l_c; everything spelled out anew."""
    h, users = frame.channel, frame.users
    slot, band, sigma = float(frame.slot), float(frame.bandwidth), float(frame.noise_power)
    power, capacity = float(frame.carrier_power), frame.battery_capacity
    kappa = np.array([sigma / np.vdot(h[j], h[j]).real for j in range(users)])
    backscattered = np.zeros(users)
    fed = np.zeros((users, users))
    for i in range(users):
        for j in range(users):
            received = abs(np.vdot(h[j], beams[i])) ** 2
            if i == j:
                ratio = power * frame.reflection[i] ** 2 * np.vdot(h[i], h[i]).real * received / sigma
                backscattered[i] = band * np.log2(1.0 + ratio)
            else:
                fed[j, i] = frame.harvesting_efficiency[j] * power * received

    def parts(y: Array) -> tuple[Array, ...]:
        t, r, b, lb, lc = y.reshape(5, users)
        return slot * t, band * r, slot * b, frame.workload * lb, frame.workload * lc

    def energy(y: Array) -> float:
        t, r, b, lb, _ = parts(y)
        total = (power + frame.passive_receive_power) * b + frame.active_receive_power * t
        return float((total + frame.server_energy * (t * r + lb)).sum())

    def room(y: Array) -> Array:
        t, r, b, lb, lc = parts(y)
        spent = kappa * t * (2.0 ** (r / band) - 1.0) + frame.circuit_power * t + frame.compute_energy * lc
        return np.concatenate(
            [
                (t * r + lb + lc - frame.workload) / frame.workload,
                (slot - t - b) / slot,
                (backscattered * b - lb) / frame.workload,
                (frame.battery + fed @ b - spent) / capacity,
                (capacity - spent) / capacity,
                (frame.compute_rate * slot - lc) / frame.workload,
            ]
        )

    best, scale = np.inf, power * slot
    bounds = [(1e-6, 1.0)] * users + [(0.0, 12.0)] * users + [(0.0, 1.0)] * 3 * users
    for _ in range(STARTS):
        start = np.concatenate(
            [rng.uniform(0.05, 0.5, users), rng.uniform(0.5, 6.0, users), rng.uniform(0.0, 0.5, 3 * users)]
        )
        found = minimize(
            lambda y: energy(y) / scale,
            start,
            method="SLSQP",
            bounds=bounds,
            constraints={"type": "ineq", "fun": room},
            options={"maxiter": 500, "ftol": 1e-12},
        )
        if found.success and room(found.x).min() >= -1e-9:
            best = min(best, energy(found.x))
    return best


def test_the_papers_own_form_has_the_same_optimum() -> None:
    rng = np.random.default_rng(4)
    frames = BackscatterFrame.sample(rng, (8,))
    beams = frames.decision_space.sample(rng, (8,))
    convex = mecopt.allocate(frames, beams)
    served = (convex.allocation.unserved_bits <= 1e-9).all(axis=-1)
    found = np.array([original(frames[int(k)], beams[k], rng) for k in np.flatnonzero(served)])
    reached = np.isfinite(found)
    assert reached.sum() >= 5
    scale = convex.objective[served][reached] + frames.negligible[served][reached]
    difference = (found[reached] - convex.objective[served][reached]) / scale
    assert difference.min() >= -1e-6  # nothing beats the convex optimum
    assert np.median(difference) <= 1e-6
    assert (difference <= 1e-6).sum() >= 0.75 * reached.sum()


@pytest.mark.parametrize("seed", range(2))
def test_no_point_of_a_dense_grid_is_better(seed: int) -> None:
    """Two users: over a grid of both carrier times everything else has a closed answer."""
    rng = np.random.default_rng(seed)
    frame = BackscatterFrame.sample(rng, (), users=2)
    beams = frame.decision_space.sample(rng)
    links = frame.links(beams)
    times = np.linspace(0.0, 1.0, 41)
    best = np.inf
    for first in times:
        for second in times:
            total = 0.0
            for j, (own, other) in enumerate(((first, second), (second, first))):
                harvested = float(links.harvest[j, 1 - j]) * other
                room = min(float(frame.battery[j]) + harvested, float(frame.battery_capacity[j]))
                total += user_cost(frame, j, own, room, float(links.rate[j]), float(links.noise[j]))
            best = min(best, total)
    optimum = float(mecopt.allocate(frame, beams).objective)
    assert optimum <= best + 1e-6 * (best + float(frame.negligible))
    assert best <= optimum + 0.05 * (optimum + float(frame.negligible))


def user_cost(frame: BackscatterFrame, j: int, own: float, room: float, rate: float, noise: float) -> float:
    """Return the least cost of a user whose carrier time and energy are given, over a grid of its active time."""
    carrier = float(frame.carrier_power + frame.passive_receive_power) * own
    work, band = float(frame.workload[j]), float(frame.bandwidth)
    t = np.linspace(0.0, 1.0 - own, 201)[:, None]
    spent = np.linspace(0.0, 1.0, 201)[None, :] * room  # on sending; the rest on computing
    radiated = np.maximum(spent - float(frame.circuit_power[j]) * t, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        sent = np.where(t > 0.0, band * t * np.log2(1.0 + radiated / (noise * np.where(t > 0.0, t, 1.0))), 0.0)
    local = np.minimum((room - spent) / float(frame.compute_energy[j]), float(frame.compute_rate[j]))
    local = np.minimum(local, work)
    sent = np.minimum(sent, work - local)
    reflected = np.minimum(rate * own, work - local - sent)
    unserved = work - local - sent - reflected
    cost = float(frame.active_receive_power) * t + float(frame.server_energy) * (sent + reflected)
    return float((carrier + cost + float(frame.unserved_price) * unserved).min())
