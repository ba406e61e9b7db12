"""The checks of the lesson on backscatter frames that are about open beams: mixtures, one slope, and switching."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.lesson import Outcome, all_of, deviation, excess, scientific
from mecopt.models.backscatter_frame.allocation.prices import scaled
from mecopt.models.backscatter_frame.exact import beams as rules
from mecopt.models.backscatter_frame.exact import switching
from mecopt.models.backscatter_frame.exact.relaxation import best_beams
from mecopt.models.backscatter_frame.lesson.checks import SOLVER
from mecopt.models.backscatter_frame.lesson.program import LN2, Found, above, answer, apart
from mecopt.models.backscatter_frame.problem import BackscatterFrame
from mecopt.models.backscatter_frame.variables import FramePrices
from mecopt.running.concurrency import MODELLING, unheard
from mecopt.solve import solve

Array = NDArray[Any]

FRAMES = 5
CARRIED = 1e-3
"""Part of a slot below which a mixture is a matrix of rounding."""
ALMOST = 1e-4
"""What an interior-point solver leaves where a matrix is of lower rank, or a condition holds."""


Program = Callable[[BackscatterFrame], Found]


def _carried(found: list[Found]) -> list[tuple[int, int]]:
    """Return frame and user of every slot with carrier."""
    time = np.array([np.trace(one.mixtures, axis1=-2, axis2=-1).real for one in found])
    return [(int(k), int(i)) for k, i in np.argwhere(time > CARRIED)]


# ---------------------------------------------------------------------- 7: mixtures of beams

Rule = Callable[[BackscatterFrame], Array]


def solved(problem: BackscatterFrame) -> Array:
    """Return the least energy over all beams that the exact solver finds."""
    return np.asarray(solve(problem, throw=False).objective)


def check_mixtures(rng: Generator, value: Rule = solved, simple: Rule = rules.matched) -> Outcome:
    """The semidefinite program has the value of the exact solver, no beams do better, and simple ones do far worse."""
    frames = BackscatterFrame.sample(rng, (FRAMES,))
    relaxed = np.array([answer(one).value for one in frames])
    found = value(frames)
    differs = apart(frames, found, relaxed)
    trials = frames.optimal_value(frames.decision_space.sample(rng, (FRAMES, 200)))
    near = solve(frames).decision[:, None] + 0.1 * frames.decision_space.sample(rng, (FRAMES, 200))
    near = near / np.linalg.norm(near, axis=-1, keepdims=True)
    trials = np.concatenate([trials, frames.optimal_value(near)], axis=-1)
    beaten = above(frames, np.broadcast_to(found[:, None], trials.shape), trials)
    many = BackscatterFrame.sample(rng, (30,))
    most, least = many.optimal_value(simple(many)).sum(), value(many).sum()
    return all_of(
        Outcome(
            differs,
            SOLVER,
            f"beam generation on {FRAMES} frames against the semidefinite program by Clarabel: differ by "
            f"{scientific(differs)}",
        ),
        Outcome(
            beaten, SOLVER, f"{trials.size} random sets of beams, half of them near the best: better by {scientific(beaten)}"
        ),
        Outcome(
            float(least / most),
            0.9,
            f"30 frames: beams matched to the slot's own user cost {most / least:.1f} times the least energy",
            limit="at least 1.1 times",
        ),
    )


# ---------------------------------------------------------------------- 8: one slope, and the form of the best beams

Slope = Callable[[Array, Array, float, float], float]
Least = Callable[[BackscatterFrame, FramePrices], Array]
Combination = Callable[[BackscatterFrame, Found, int], Array]


def at_slope(charged: Array, own: Array, gain: float, slope: float) -> float:
    """Return f: the largest eigenvalue with the logarithm replaced by its tangent of this slope; powers in mW."""
    largest = np.linalg.eigvalsh(charged + slope * own)[-1]
    return float(largest + gain / LN2 * (np.log(gain / (slope * LN2)) - 1.0) + slope)


def least_cost(problem: BackscatterFrame, dual: FramePrices) -> Array:
    """Return what a second of carrier costs at least over all mixtures, in every slot, mW."""
    terms = problem.terms(rules.matched(problem))
    cost = best_beams(problem, terms, scaled(dual, terms)).reflected
    return np.asarray(cost * terms.cost_unit / terms.time_unit)


def combination(frame: BackscatterFrame, found: Found, i: int) -> Array:
    """Return the matrix whose principal eigenvectors make up the mixture of user i's slot."""
    charged, own, gain = forms(frame, found.prices, i)
    time = np.trace(found.mixtures[i]).real
    ratio = np.trace(own @ found.mixtures[i]).real / time
    return np.asarray(charged + gain / LN2 / (1.0 + ratio) * own)


def forms(frame: BackscatterFrame, dual: FramePrices, i: int) -> tuple[Array, Array, float]:
    """Return Lambda, c h h^H and g B of the slot of user i."""
    h, power = frame.channel, float(frame.carrier_power)
    charged = np.zeros((h.shape[-1],) * 2, dtype=complex)
    for j in range(frame.users):
        if j != i:
            charged += dual.energy_price[j] * frame.harvesting_efficiency[j] * power * np.outer(h[j], h[j].conj())
    ratio = power * frame.reflection[i] ** 2 * np.vdot(h[i], h[i]).real / float(frame.noise_power)
    gain = max(float(dual.work_price[i]) - float(frame.server_energy), 0.0) * float(frame.bandwidth)
    return charged, ratio * np.outer(h[i], h[i].conj()), gain


def _draw_prices(rng: Generator, frames: BackscatterFrame) -> FramePrices:
    """Draw prices over two decades, at which neither bits nor energy are all that counts."""
    work, energy = (10.0 ** rng.uniform(-1.0, 1.0, frames.workload.shape) for _ in range(2))
    return FramePrices(50.0 * work, 1000.0 * energy, 0.0 * work)


def _most(charged: Array, own: Array, gain: float) -> float:
    """Return what a second of carrier earns at most, by a semidefinite program."""
    import cvxpy as cp

    unit = float(np.linalg.norm(charged, 2)) + gain
    mixture = cp.Variable(charged.shape, hermitian=True)
    bits = cp.log1p(cp.real(cp.trace(own @ mixture))) / LN2
    earned = cp.real(cp.trace((charged / unit) @ mixture)) + gain / unit * bits
    program = cp.Problem(cp.Maximize(earned), [mixture >> 0, cp.real(cp.trace(mixture)) <= 1.0])
    with MODELLING, unheard():
        program.solve(solver="CLARABEL", tol_gap_abs=1e-9, tol_gap_rel=1e-9, tol_feas=1e-9)
    return float(program.value) * unit


def _near_the_best(rng: Generator, charged: Array, own: Array, width: float) -> Array:
    """Draw a mixture of trace 1 and any rank, the nearer to a beam that weights both uses the smaller the width."""
    size = len(own)
    weight = 10.0 ** rng.uniform(-3.0, 3.0) * np.trace(charged).real / np.trace(own).real
    beam = rules.principal(charged + weight * own)
    real, imaginary = rng.standard_normal((2, size, int(rng.integers(1, size + 1))))
    root = real + 1j * imaginary
    other = root @ root.conj().T
    return np.asarray((1.0 - width) * np.outer(beam, beam.conj()) + width * other / np.trace(other).real)


def check_slope(
    rng: Generator, slope: Slope = at_slope, least: Least = least_cost, form: Combination = combination
) -> Outcome:
    """Every slope bounds what any mixture earns, the best one is attained, and best beams are principal eigenvectors."""
    frames = BackscatterFrame.sample(rng, (FRAMES,))
    dual = _draw_prices(rng, frames)
    over, most = 0.0, np.zeros((FRAMES, frames.users))
    for k, frame in enumerate(frames):
        prices = FramePrices(**{name: value[k] for name, value in dual.as_dict().items()})
        for i in range(frame.users):
            charged, own, gain = forms(frame, prices, i)
            most[k, i] = _most(charged, own, gain)
            for width in np.linspace(0.0, 1.0, 100):
                mixture = _near_the_best(rng, charged, own, width)
                heard = np.trace(own @ mixture).real
                earned = np.trace(charged @ mixture).real + gain * np.log2(1.0 + heard)
                touching = gain / LN2 / (1.0 + heard)
                over = max(over, excess(earned, slope(charged, own, gain, touching * 10.0 ** rng.uniform(-width, width))))
    carrier = (frames.carrier_power + frames.passive_receive_power)[:, None]
    differs = deviation(carrier - least(frames, dual), most)
    found = [answer(one) for one in frames]
    missed, slots = 0.0, _carried(found)
    for k, i in slots:
        matrix, mixture = form(frames[k], found[k], i), found[k].mixtures[i]
        reached = np.trace(matrix @ mixture).real / np.trace(mixture).real
        missed = max(missed, 1.0 - reached / np.linalg.eigvalsh(matrix)[-1])
    return all_of(
        Outcome(
            over, 1e-12, f"{100 * most.size} mixtures of any rank, slopes around: earn more than f by {scientific(over)}"
        ),
        Outcome(
            differs,
            SOLVER,
            f"the least f in {most.size} slots against a semidefinite program: differ by {scientific(differs)}",
        ),
        Outcome(
            missed,
            ALMOST,
            f"{len(slots)} mixtures of the whole program, weighed by its own prices: below the largest eigenvalue by "
            f"{scientific(missed)}",
        ),
    )


# ---------------------------------------------------------------------- 9: rank one, and switching

Beams = Callable[[Array], Array]
Divided = Callable[[Array, Array, int], Array]
Crowd = Callable[[Generator], BackscatterFrame]
TRIALS, ROUNDS = 720, 8


def around_the_sphere(rng: Generator) -> BackscatterFrame:
    """Draw a frame of a silent user and six in the six directions of two antennas that are farthest apart, turned."""
    root = np.sqrt(0.5)
    directions = [[0, 0], [1, 0], [0, 1], [root, root], [root, -root], [root, 1j * root], [root, -1j * root]]
    turned = np.linalg.qr(rng.standard_normal((2, 2)) + 1j * rng.standard_normal((2, 2)))[0]
    return BackscatterFrame(
        channel=0.03 * np.array(directions) @ turned,
        workload=rng.uniform(50.0, 60.0) * np.array([0, 1, 1, 1, 1, 1, 1]),
        battery=0.0,
        mode="active-enabled",
        compute_rate=0.0,
        active_receive_power=0.0,
        circuit_power=0.0,
    )


def _best_single(rng: Generator, frame: BackscatterFrame) -> float:
    """Return the least energy with one beam per slot that a random search around the best so far finds."""
    draws = TRIALS // (ROUNDS + 1)
    beams = frame.decision_space.sample(rng, (draws,))
    values = frame.optimal_value(beams)
    best, least = beams[values.argmin()], float(values.min())
    for width in 0.5 ** np.arange(1, ROUNDS + 1):
        near = best + width * frame.decision_space.sample(rng, (draws,))
        near = near / np.linalg.norm(near, axis=-1, keepdims=True)
        values = frame.optimal_value(near)
        if values.min() < least:
            best, least = near[values.argmin()], float(values.min())
    return least


def check_rank(
    rng: Generator,
    program: Program = answer,
    beam: Beams = rules.principal,
    divided: Divided = switching.decomposed,
    crowd: Crowd = around_the_sphere,
    value: Rule = solved,
) -> Outcome:
    """Mixtures of drawn frames are single beams; where they are not, a few beams in turn attain them."""
    frames = BackscatterFrame.sample(rng, (FRAMES,))
    found = [program(one) for one in frames]
    slots = _carried(found)
    values = [np.linalg.eigvalsh(found[k].mixtures[i]) for k, i in slots]
    second = max((float(one[-2] / one[-1]) for one in values), default=0.0)
    single = np.array([beam(one.mixtures) for one in found])
    differs = apart(frames, frames.optimal_value(single), [one.value for one in found])
    uneven = 0.0
    for _ in range(100):
        antennas = int(rng.integers(2, 6))
        parts = int(rng.integers(2, antennas + 1))
        root = rng.standard_normal((antennas, parts)) + 1j * rng.standard_normal((antennas, parts))
        channel = rng.standard_normal(antennas) + 1j * rng.standard_normal(antennas)
        mixture = root @ root.conj().T / np.linalg.norm(root) ** 2
        each = divided(mixture, channel, parts)
        received = np.abs(each @ channel.conj()) ** 2
        whole = np.einsum("ka,kb->ab", each, each.conj()) / parts
        uneven = max(uneven, deviation(received, received.mean()), float(np.abs(whole - mixture).max()))
    frame = crowd(rng)
    relaxed, reached, alone = answer(frame).value, float(value(frame)), _best_single(rng, frame)
    missed = apart(frame, reached, relaxed)
    return all_of(
        Outcome(second, ALMOST, f"{len(slots)} mixtures: second eigenvalue over the first at most {scientific(second)}"),
        Outcome(
            differs,
            SOLVER,
            f"their principal eigenvectors as beams of {FRAMES} frames, against the program's value: differ by "
            f"{scientific(differs)}",
        ),
        Outcome(
            uneven,
            1e-9,
            f"100 mixtures of rank 2 to 5 as beams in equal parts: sum and equal reception missed by {scientific(uneven)}",
        ),
        Outcome(
            missed,
            SOLVER,
            f"six users around the sphere of beams, by switching, against the program: differ by {scientific(missed)}",
        ),
        Outcome(
            relaxed / alone,
            0.97,
            f"the best of {TRIALS} trials of one beam per slot costs them {alone / relaxed - 1.0:.1%} more",
            limit="at least 3%",
        ),
    )
