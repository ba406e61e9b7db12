"""The checks of the lesson on backscatter frames that are about its form: program, perspective, exponential cone.

`lesson_service`, `lesson_mixtures` and `lesson_prices` have the others; the oracle of most is `lesson_program`, a frame
spelled out anew for a conic solver. Every check takes the formula it examines as an argument, by default the one the package
computes with. A wrong formula must make it fail.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.kernels.slsqp import slsqp
from mecopt.lesson import Outcome, all_of, deviation, scientific
from mecopt.models.backscatter_frame.exact import beams as rules
from mecopt.models.backscatter_frame.lesson.program import (
    Sending,
    answer,
    apart,
    exponential_cone,
    logarithm,
    spelled_out,
)
from mecopt.models.backscatter_frame.problem import BackscatterFrame
from mecopt.models.backscatter_frame.terms import sending_energy
from mecopt.models.backscatter_frame.variables import FrameAllocation

Array = NDArray[Any]
Value = Callable[[BackscatterFrame, Array], Array]

ROUNDING = 1e-12
SOLVER = 1e-6
"""Relative difference that a conic solver at its own tolerance may leave."""
PAIRS = 4000


def drawn(rng: Generator, count: int, **given: Any) -> tuple[BackscatterFrame, Array]:
    """Draw frames and random beams."""
    frames = BackscatterFrame.sample(rng, (count,), **given)
    return frames, frames.decision_space.sample(rng, (count,))


# ---------------------------------------------------------------------- 1: the program

Cost = Callable[[BackscatterFrame, Array, FrameAllocation], Array]
RECEPTIONS = 40_000


def ratio_of_rate(problem: BackscatterFrame, beams: Array) -> Array:
    """Return the signal-to-noise ratio of passive transmission that the package's rate stands for."""
    return np.asarray(np.expm1(np.log(2.0) * problem.links(beams).rate / problem.bandwidth[..., None]))


def literal(problem: BackscatterFrame) -> BackscatterFrame:
    """Return the frames with (6) as printed."""
    return replace(problem, passive_noise="literal")


def _received(rng: Generator, frame: BackscatterFrame, beams: Array) -> Array:
    """Return powers of signal over noise of simulated receptions, combined by the channel made unit."""
    found = []
    for h, w, reflection in zip(frame.channel, beams, frame.reflection, strict=True):
        combiner = h / np.linalg.norm(h)
        real, imaginary = rng.standard_normal((2, RECEPTIONS, h.size)) * np.sqrt(frame.noise_power / 2.0)
        noise = (real + 1j * imaginary) @ combiner.conj()
        signal = np.sqrt(frame.carrier_power) * reflection * np.vdot(combiner, h) * np.vdot(h, w)
        found.append(abs(signal) ** 2 / np.mean(np.abs(noise) ** 2))
    return np.array(found)


def _by_loops(frame: BackscatterFrame, a: FrameAllocation) -> float:
    total = 0.0
    for i in range(frame.users):
        carrier = float(frame.carrier_power + frame.passive_receive_power) * a.passive_time[i]
        server = float(frame.server_energy) * (a.active_bits[i] + a.passive_bits[i])
        total += carrier + float(frame.active_receive_power) * a.active_time[i] + server
        total += float(frame.unserved_price) * a.unserved_bits[i] - float(frame.battery_price[i]) * a.kept_energy[i]
    return total


def check_program(
    rng: Generator,
    cost: Cost = BackscatterFrame.objective,
    ratio: Value = ratio_of_rate,
    printed: Callable[[BackscatterFrame], BackscatterFrame] = literal,
) -> Outcome:
    """The objective is the sum of its parts; (6) with a unit combiner is what receptions show, and as printed it is not."""
    frames, beams = drawn(rng, 40, battery_price=1500.0)
    allocation = frames.respond(beams, frames.random_dual(rng, (40,)))
    summed = [_by_loops(one, FrameAllocation(**_part(allocation, k))) for k, one in enumerate(frames)]
    differs = apart(frames, cost(frames, beams, allocation), summed)
    few, chosen = drawn(rng, 3)
    simulated = np.array([_received(rng, one, w) for one, w in zip(few, chosen, strict=True)])
    missed = deviation(ratio(few, chosen), simulated)
    many = BackscatterFrame.sample(rng, (100,))
    matched = rules.matched(many)
    other = printed(many)
    louder = float(np.median(ratio_of_rate(other, matched) / ratio_of_rate(many, matched)))
    energy = float(other.optimal_value(matched).sum() / many.optimal_value(matched).sum())
    return all_of(
        Outcome(differs, ROUNDING, f"the objective of 40 allocations, user by user: differs by {scientific(differs)}"),
        Outcome(
            missed,
            0.05,
            f"signal over noise of passive transmission, 9 users, {RECEPTIONS} simulated receptions each: differs by "
            f"{missed:.1%}",
            limit="5%",
        ),
        Outcome(
            energy,
            0.8,
            f"(6) as printed, 100 frames: {10.0 * np.log10(louder):.0f} dB more signal in the median, and "
            f"{energy:.0%} of the energy",
            limit="at most 80%: it matters",
        ),
    )


def _part(allocation: FrameAllocation, k: int) -> dict[str, Array]:
    return {name: value[k] for name, value in allocation.as_dict().items()}


# ---------------------------------------------------------------------- 2: the perspective

Coordinates = tuple[Callable[[Array, Array], Array], Callable[[Array, Array], Array]]
"""From time and bits to the second variable, and from time and that back to bits."""

IN_BITS: Coordinates = (lambda time, bits: bits, lambda time, bits: bits)
IN_RATES: Coordinates = (lambda time, bits: bits / time, lambda time, rate: rate * time)


def _one_user(frame: BackscatterFrame) -> tuple[Callable[[Array, Array], Array], float]:
    """Return what the first user spends for an active time and active bits, the others computed, and its work."""
    work, noise = float(frame.workload[0]), float(spelled_out(frame, rules.matched(frame)).noise[0])

    def spent(time: Array, bits: Array) -> Array:
        return noise * time * np.expm1(np.log(2.0) * bits / (float(frame.bandwidth) * time)) + frame.circuit_power[0] * time

    return spent, work


def _midpoints(rng: Generator, frame: BackscatterFrame, coordinates: Coordinates) -> tuple[float, float]:
    """Return how often the energy is above its chord, and how often the midpoint of two answers is none."""
    forth, back = coordinates
    spent, work = _one_user(frame)
    time = rng.uniform(0.05, 1.0, (2, PAIRS))
    bits = rng.uniform(0.0, 1.0, (2, PAIRS)) * np.minimum(work, 60.0 * time)
    energy, local, other = spent(time, bits), work - bits, forth(time, bits)
    middle = time.mean(axis=0)
    sent = back(middle, other.mean(axis=0))
    bulge = spent(middle, sent) - energy.mean(axis=0)
    over = bulge > ROUNDING * energy.max(axis=0)
    missing = work - local.mean(axis=0) - sent > ROUNDING * work
    return float(over.mean()), float((over | missing).mean())


def _slsqp(rng: Generator, frame: BackscatterFrame, beams: Array, starts: int) -> float:
    """Return the least energy that SLSQP finds in the paper's own variables t_a, r_a, t_b, l_b, l_c, from some starts."""
    users, slot, band = frame.users, float(frame.slot), float(frame.bandwidth)
    rate, harvest, noise = spelled_out(frame, beams)
    capacity, work, scale = frame.battery_capacity, frame.workload, float(frame.carrier_power) * slot

    def energy(y: Array) -> float:
        t, r, b, reflected, _ = y.reshape(5, users)
        total = float(frame.carrier_power + frame.passive_receive_power) * b + float(frame.active_receive_power) * t
        return float((slot * total + float(frame.server_energy) * (slot * band * t * r + work * reflected)).sum()) / scale

    def room(y: Array) -> Array:
        t, r, b, reflected, local = y.reshape(5, users)
        spent = noise * slot * t * (2.0**r - 1.0) + frame.circuit_power * slot * t + frame.compute_energy * work * local
        rows = (
            t * r * slot * band / work + reflected + local - 1.0,
            1.0 - t - b,
            rate * slot * b / work - reflected,
            (frame.battery + harvest @ b * slot - spent) / capacity,
            1.0 - spent / capacity,
            frame.compute_rate * slot / work - local,
        )
        return np.concatenate(rows)

    bounds = [(1e-6, 1.0)] * users + [(0.0, 12.0)] * users + [(0.0, 1.0)] * 3 * users
    best = np.inf
    for _ in range(starts):
        drawn_start = [rng.uniform(0.05, 0.5, users), rng.uniform(0.5, 6.0, users), rng.uniform(0.0, 0.5, 3 * users)]
        constraint = {"type": "ineq", "fun": room}
        options = {"maxiter": 300, "ftol": 1e-12}
        with np.errstate(all="ignore"):
            found = slsqp(energy, np.concatenate(drawn_start), bounds=bounds, constraints=constraint, options=options)
        if found.success and room(found.x).min() >= -1e-9:
            best = min(best, float(found.fun) * scale)
    return best


def check_perspective(
    rng: Generator,
    changed: Coordinates = IN_BITS,
    paper: Coordinates = IN_RATES,
    value: Value = BackscatterFrame.optimal_value,
) -> Outcome:
    """In times and bits nothing bends the wrong way; in times and rates it does; the least energy is the same."""
    frame = BackscatterFrame.sample(rng)
    bent, outside = _midpoints(rng, frame, changed)
    bent_before, outside_before = _midpoints(rng, frame, paper)
    scarce = {"workload": rng.uniform(5.0, 40.0, (12, 2)), "battery": rng.uniform(0.0, 0.02, (12, 2))}
    frames, beams = drawn(rng, 12, users=2, **scarce)
    convex = value(frames, beams)
    free = np.flatnonzero(frames.closed_form(beams)[0].unserved_bits.max(axis=-1) <= 1e-9)[:6]
    found = np.array([_slsqp(rng, frames[int(k)], beams[k], 3) for k in free])
    reached = np.isfinite(found)
    scale = np.abs(convex[free]) + frames.negligible[free]
    below = float(np.max(np.maximum(convex[free] - found, 0.0)[reached] / scale[reached], initial=0.0))
    same = int((found - convex[free] <= SOLVER * scale)[reached].sum())
    text = f"{PAIRS} pairs of answers of one user"
    return all_of(
        Outcome(bent, 0.0, f"{text} in times and bits: energy at the midpoint above its chord in {bent:.0%}", limit="none"),
        Outcome(outside, 0.0, f"the same: midpoint no answer in {outside:.0%}", limit="none"),
        Outcome(
            1.0 - bent_before,
            0.9,
            f"{text} in times and rates: energy above its chord in {bent_before:.0%}",
            limit="in at least 10%: not convex",
        ),
        Outcome(
            1.0 - outside_before,
            0.9,
            f"the same: midpoint no answer in {outside_before:.0%}",
            limit="in at least 10%: not convex",
        ),
        Outcome(
            below,
            SOLVER,
            f"the paper's variables by SLSQP, 3 starts on each of {free.size} frames: below the convex optimum by "
            f"{scientific(below)}",
        ),
        Outcome(
            float(free.size - same),
            free.size / 2.0,
            f"SLSQP ends at the convex optimum on {same} of these {free.size}",
            limit="at least half",
        ),
    )


# ---------------------------------------------------------------------- 3: the exponential cone

Bits = Callable[[Array, Array, Array, Array], Array]


def bits_of_energy(time: Array, energy: Array, bandwidth: Array, noise: Array) -> Array:
    """Return what is sent in a time with an energy."""
    return np.asarray(bandwidth * time * np.log2(1.0 + energy / (noise * time)))


def check_cone(
    rng: Generator,
    cone: Sending = exponential_cone,
    log: Sending = logarithm,
    bits: Bits = bits_of_energy,
    value: Value = BackscatterFrame.optimal_value,
) -> Outcome:
    """One cone per user, or one logarithm per user and linear rows: both have the value of the specialised solver."""
    frames, beams = drawn(rng, 6)
    solved = value(frames, beams)
    by = [[answer(one, w, sending=form).value for one, w in zip(frames, beams, strict=True)] for form in (cone, log)]
    first, second = (apart(frames, solved, values) for values in by)
    time, sent = rng.uniform(0.01, 1.0, PAIRS), rng.uniform(0.1, 40.0, PAIRS)
    noise, band = 10.0 ** rng.uniform(-4.0, -1.0, PAIRS), np.full(PAIRS, 10.0)
    sent = np.minimum(sent, 30.0 * band * time)
    back = deviation(bits(time, sending_energy(time, sent, band, noise), band, noise), sent)
    twice = deviation(bits(2.0 * time, 2.0 * noise, band, noise), 2.0 * bits(time, noise, band, noise))
    return all_of(
        Outcome(first, SOLVER, f"6 frames as exponential cones by Clarabel: differ by {scientific(first)}"),
        Outcome(second, SOLVER, f"the same with logarithms and linear energy rows: differ by {scientific(second)}"),
        Outcome(
            back,
            1e-9,
            f"energy of bits, bits of that energy, {PAIRS} times: differ by {scientific(back)}",
        ),
        Outcome(twice, ROUNDING, f"twice the time and energy send twice the bits: differ by {scientific(twice)}"),
    )
