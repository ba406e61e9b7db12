"""Claims of paper 004 on the network in training: what it sees, adaptive T, and what it remembers (figures 8 to 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.learners import figures
from mecopt.learners.figures import Spread, spread
from mecopt.learners.paper_004 import measures
from mecopt.learners.paper_004.readings import by_settings, changing
from mecopt.learners.paper_004.trainings import (
    FIXED,
    PAPER_NAME,
    PROPOSED,
    RAW,
    RISE,
    SANE_NAME,
    SIZE,
    SLOTS,
    UNIFORM,
    varied,
)
from mecopt.learners.verdicts import Reading, about, agreed, at_most, clearly_more, every, settling
from mecopt.reproduction import Claim

if TYPE_CHECKING:
    from mecopt.learners.log import Log
    from mecopt.learners.paper_004.evaluation import Measured

Array = NDArray[Any]

STABLE = 0.01
"""A reward is stable while its means stay within this part of its end."""
MOSTLY = 0.5
"""Part of the last 30 % of the slots in which T must be 1 to have fallen to it."""
LOST = 0.005
"""NRR that may be lost where performance is not compromised: a quarter of what OJRS loses against ASA in table II."""
PARTS = 9
"""Parts of the stream after the memory is full over which losses are compared: about 1,000 slots each."""

ADAPTIVE = {
    "paper, by the rise of the loss as printed": ((PAPER_NAME, ""), (PAPER_NAME, FIXED)),
    "paper, by the size of its change": ((PAPER_NAME, SIZE), (PAPER_NAME, FIXED)),
    "sane, by its rise": ((SANE_NAME, RISE), (SANE_NAME, "")),
    "sane, by the size of its change": ((SANE_NAME, SIZE), (SANE_NAME, "")),
}
"""Both readings of (30) from both settings, each with an adaptive T, and with T = 20 fixed and nothing else changed."""


def judged(m: Measured) -> list[Claim]:
    """Judge what concerns training."""
    return [_state_space(m), _steps_fall(m), _for_free(m), _increases(m), _stable(m), _lower(m), _better(m)]


def _level(m: Measured, base: str, change: str = "") -> Spread:
    return m.level(varied(base, change))


def _state_space(m: Measured) -> Claim:
    """Holds if the level with 2r-SAE is clearly above that with the inputs as they are."""
    pairs = {base: (_level(m, base), _level(m, base, RAW)) for base in PROPOSED}
    reached = {
        base: [figures.instances([measures.learned(log) for log in m.changed(base, change)]) for change in ("", RAW)]
        for base in PROPOSED
    }
    said = {
        base: f"with 2r-SAE {coded}, with the inputs as they are {plain}; NRR of {measures.LEVEL} reached at "
        f"{reached[base][0]} and {reached[base][1]}"
        for base, (coded, plain) in pairs.items()
    }
    return Claim(
        "section I",
        "2r-SAE reduces the state space and enhances the learning efficiency of the DRL",
        agreed([clearly_more(coded.values, plain.values) for coded, plain in pairs.values()]),
        f"{by_settings(said)}; {changing(m)}",
    )


# ---------------------------------------------------------------------- figure 8


def _ones(logs: list[Log]) -> Spread:
    """Return in what part of the last 30 % of the slots T is 1."""
    return spread([float((log.more["steps"][round(0.7 * log.own.size) :] == 1).mean()) for log in logs])


def _mean_steps(logs: list[Log]) -> float:
    """Return the mean T over the whole stream: what searching costs."""
    return float(np.mean([log.more["steps"].mean() for log in logs]))


def _steps_fall(m: Measured) -> Claim:
    """Holds if T is 1 in most of the last 30 % of the slots, by both readings of (30) from both settings."""
    tried = {name: m.changed(*adaptive) for name, (adaptive, _) in ADAPTIVE.items()}
    said = [
        f"{name}: 1 in {100.0 * _ones(logs).mean:.0f} % of the last slots, in the end "
        f"{np.mean([log.more['steps'][-1] for log in logs]):.0f}"
        for name, logs in tried.items()
    ]
    return Claim(
        "figure 8",
        "the number of steps of ASA decreases to 1",
        agreed([_ones(logs).mean >= MOSTLY for logs in tried.values()]),
        "; ".join(said),
    )


def _for_free(m: Measured) -> Claim:
    """Holds if an adaptive T is smaller on average over the whole stream and at most `LOST` of NRR goes with it.

    Judged by both readings of (30) from both settings. Losses are taken seed by seed; where they scatter by more than
    `LOST`, and are not clearly above it, they cannot be told.
    """
    readings, said = [], []
    for name, (adaptive, fixed) in ADAPTIVE.items():
        steps = [_mean_steps(m.changed(*one)) for one in (adaptive, fixed)]
        lost = spread(np.subtract(_level(m, *fixed).values, _level(m, *adaptive).values).tolist())
        readings.append(every([steps[0] < steps[1], at_most(lost.values, LOST)]))
        said.append(f"{name}: mean T {steps[0]:.1f} instead of {steps[1]:.0f}, NRR lost {lost}")
    return Claim("section I", "adaptive T saves time without compromising performance", agreed(readings), "; ".join(said))


# ---------------------------------------------------------------------- figures 9 and 10


def _ends(logs: list[Log]) -> tuple[Spread, Spread]:
    """Return the mean reward over the first and the last tenth."""
    tenths = [measures.parts(measures.reward(log), 10) for log in logs]
    return spread([one[0] for one in tenths]), spread([one[-1] for one in tenths])


def _increases(m: Measured) -> Claim:
    """Holds if the reward of the last tenth is clearly above that of the first, with 2p-ER and with uniform replay."""
    ends = {base: [_ends(m.changed(base, change)) for change in ("", UNIFORM)] for base in PROPOSED}
    said = {
        base: f"first and last tenth {both[0].mean:.5f} and {both[1].mean:.5f} with 2p-ER, {one[0].mean:.5f} and "
        f"{one[1].mean:.5f} uniform"
        for base, (both, one) in ends.items()
    }
    return Claim(
        "figures 9 and 10",
        "the reward increases with the epochs, with 2p-ER and with traditional replay",
        agreed([every([clearly_more(last.values, first.values) for first, last in ends[base]]) for base in PROPOSED]),
        by_settings(said),
    )


def _settles(m: Measured, base: str, change: str) -> tuple[list[float], str]:
    rewards = [measures.reward(log) for log in m.changed(base, change)]
    end = float(np.mean([r[-max(1, round(0.3 * r.size)) :].mean() for r in rewards]))
    return settling(rewards, STABLE * end)


def _stable(m: Measured) -> Claim:
    """Holds if the reward is stable from about 2,500 slots on with 2p-ER and from about 7,000 with uniform replay.

    Stable: means over a tenth and over a twentieth of the stream stay within 1 % of the end.
    """
    scale = m.changed(PAPER_NAME)[0].own.size / SLOTS
    readings: list[Reading] = []
    said = {}
    for base in PROPOSED:
        (both, words), (uniform, other) = (_settles(m, base, change) for change in ("", UNIFORM))
        readings += [about(one, 2500 * scale) and about(two, 7000 * scale) for one, two in zip(both, uniform, strict=True)]
        said[base] = f"within 1 % of the end with 2p-ER: {words}; uniform: {other}"
    return Claim(
        "figures 9 and 10",
        "the reward is stable after about 2,500 epochs with 2p-ER, after about 7,000 with traditional replay",
        agreed(readings),
        by_settings(said),
    )


def _losses(m: Measured, base: str, change: str) -> Array:
    """Return the loss in `PARTS` of the stream after the memory is full, a row per seed."""
    return np.array([measures.parts(log.loss[measures.filled(log.loss.size) :], PARTS) for log in m.changed(base, change)])


def _lower(m: Measured) -> Claim:
    """Holds if the loss is clearly lower with 2p-ER in each of `PARTS` of the stream after the memory is full."""
    lower, said = {}, {}
    for base in PROPOSED:
        both, uniform = _losses(m, base, ""), _losses(m, base, UNIFORM)
        lower[base] = [clearly_more(uniform[:, k], both[:, k]) for k in range(PARTS)]
        said[base] = (
            f"clearly lower in {sum(one is True for one in lower[base])} of {PARTS} parts of the stream, in the last "
            f"{both[:, -1].mean():.3f} against {uniform[:, -1].mean():.3f}"
        )
    first = measures.filled(m.changed(PAPER_NAME)[0].own.size)
    return Claim(
        "figures 9 and 10",
        "the loss with 2p-ER is always lower than with traditional replay",
        agreed([every(lower[base]) for base in PROPOSED]),
        f"from slot {first:,} on, when the memory is full; {by_settings(said)}. The loss is the cross entropy of what was "
        f"drawn: '{PAPER_NAME}' sums it over the users and adds the L2 term, '{SANE_NAME}' has its mean alone",
    )


def _better(m: Measured) -> Claim:
    """Holds if the level with 2p-ER is clearly above that with uniform replay."""
    levels = {base: (_level(m, base), _level(m, base, UNIFORM)) for base in PROPOSED}
    said = {base: f"NRR {both} with 2p-ER, {uniform} with uniform replay" for base, (both, uniform) in levels.items()}
    return Claim(
        "section V-C",
        "2p-ER improves the performance of the DRL",
        agreed([clearly_more(both.values, uniform.values) for both, uniform in levels.values()]),
        f"{by_settings(said)}; {changing(m)}",
    )
