"""Claims of paper 004 on the network in training: what it sees, adaptive T, and what it remembers (figures 8 to 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.learners import figures
from mecopt.learners.figures import Spread, spread
from mecopt.learners.paper_004 import measures
from mecopt.learners.paper_004.trainings import FIXED, PAPER_NAME, RAW, RISE, SANE_NAME, SIZE, SLOTS, UNIFORM, varied
from mecopt.learners.verdicts import about, agreed, clearly_above, settling, verdict
from mecopt.reproduction import Claim

if TYPE_CHECKING:
    from mecopt.learners.log import Log
    from mecopt.learners.paper_004.evaluation import Measured

Array = NDArray[Any]

STABLE = 0.01
"""A reward is stable while its means stay within this part of its end."""
MOSTLY = 0.5
"""Part of the last 30 % of the slots in which T must be 1 to have fallen to it."""


def judged(m: Measured) -> list[Claim]:
    """Judge what concerns training."""
    return [_state_space(m), _falls(m), _for_free(m), _stable(m), _lower(m), _better(m)]


def _level(m: Measured, base: str, change: str = "") -> Spread:
    return m.level(varied(base, change))


def _state_space(m: Measured) -> Claim:
    """Holds if the sane settings reach clearly more with 2r-SAE than with the inputs as they are."""
    coded, plain = _level(m, SANE_NAME), _level(m, SANE_NAME, RAW)
    reached = [[measures.learned(log) for log in m.changed(SANE_NAME, change)] for change in ("", RAW)]
    return Claim(
        "section I",
        "2r-SAE reduces the state space and enhances the learning efficiency of the DRL",
        verdict(clearly_above(coded, plain)),
        f"with 2r-SAE {coded}, with the inputs as they are {plain}; NRR of 0.95 reached at {figures.instances(reached[0])} "
        f"and {figures.instances(reached[1])}",
    )


# ---------------------------------------------------------------------- figure 8


def _ones(logs: list[Log]) -> Spread:
    """Return in what part of the last 30 % of the slots T is 1."""
    return spread([float((log.more["steps"][round(0.7 * log.own.size) :] == 1).mean()) for log in logs])


def _falls(m: Measured) -> Claim:
    """Holds if T is 1 in most of the last 30 % of the slots: with the paper's settings, and by both readings of (30).

    Both readings are tried from the sane settings; see `mecopt.learners.paper_004.trainings.QUICK_CHANGED_ALONE`.
    """
    tried = {
        "the paper's settings, by the rise of the loss as printed": m.changed(PAPER_NAME),
        "sane settings, by its rise": m.changed(SANE_NAME, RISE),
        "sane settings, by the size of its change": m.changed(SANE_NAME, SIZE),
    }
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
    """Holds if a fixed T is not clearly above an adaptive one: the paper's, and both readings from the sane settings."""
    pairs = (
        ("the paper's settings, as printed", _level(m, PAPER_NAME), _level(m, PAPER_NAME, FIXED)),
        ("sane settings, as printed", _level(m, SANE_NAME, RISE), _level(m, SANE_NAME)),
        ("sane settings, by size", _level(m, SANE_NAME, SIZE), _level(m, SANE_NAME)),
    )
    return Claim(
        "section I",
        "adaptive T saves time without compromising performance",
        agreed([not clearly_above(fixed, adaptive) for _, adaptive, fixed in pairs]),
        "; ".join(f"{name}: {adaptive}, with T fixed {fixed}" for name, adaptive, fixed in pairs),
    )


# ---------------------------------------------------------------------- figures 9 and 10


def _settles(m: Measured, base: str, change: str) -> tuple[list[float], str]:
    rewards = [measures.reward(log) for log in m.changed(base, change)]
    end = float(np.mean([r[-max(1, round(0.3 * r.size)) :].mean() for r in rewards]))
    return settling(rewards, STABLE * end)


def _stable(m: Measured) -> Claim:
    """Holds if the reward is stable from about 2,500 slots on with 2p-ER and from about 7,000 with uniform replay.

    Stable: means over a tenth and over a twentieth of the stream stay within 1 % of the end; where the width decides it
    cannot be tested.
    """
    scale = m.changed(PAPER_NAME)[0].own.size / SLOTS
    (both, said), (uniform, other) = (_settles(m, PAPER_NAME, change) for change in ("", UNIFORM))
    sane = [" and ".join(f"{at:.0f}" for at in _settles(m, SANE_NAME, change)[0]) for change in ("", UNIFORM)]
    pairs = zip(both, uniform, strict=True)
    return Claim(
        "figures 9 and 10",
        "the reward is stable after about 2,500 epochs with 2p-ER, after about 7,000 with traditional replay",
        agreed([about(one, 2500 * scale) and about(two, 7000 * scale) for one, two in pairs]),
        f"within 1 % of the end with 2p-ER: {said}; uniform: {other}. With the sane settings from {sane[0]} on with 2p-ER, "
        f"from {sane[1]} on uniform",
    )


def _lower(m: Measured) -> Claim:
    """Holds if the loss is lower with 2p-ER in every tenth of the stream, means over seeds."""

    def loss(base: str, change: str) -> Array:
        return np.mean([measures.tenths(log.loss) for log in m.changed(base, change)], axis=0)

    paper, sane = ((loss(base, ""), loss(base, UNIFORM)) for base in (PAPER_NAME, SANE_NAME))
    return Claim(
        "figures 9 and 10",
        "the loss with 2p-ER is always lower than with traditional replay",
        verdict(bool((paper[0] < paper[1]).all())),
        f"lower in {int((paper[0] < paper[1]).sum())} of ten tenths of the stream (sane settings: "
        f"{int((sane[0] < sane[1]).sum())}); in the last {paper[0][-1]:.3f} against {paper[1][-1]:.3f} (sane: "
        f"{sane[0][-1]:.3f} against {sane[1][-1]:.3f})",
    )


def _better(m: Measured) -> Claim:
    """Holds if the level with 2p-ER is clearly above that with uniform replay, from the paper's settings."""
    levels = {base: (_level(m, base), _level(m, base, UNIFORM)) for base in (PAPER_NAME, SANE_NAME)}
    return Claim(
        "section V-C",
        "2p-ER improves the performance of the DRL",
        verdict(clearly_above(*levels[PAPER_NAME])),
        "; ".join(
            f"{base}: NRR {both} with 2p-ER, {uniform} with uniform replay" for base, (both, uniform) in levels.items()
        ),
    )
