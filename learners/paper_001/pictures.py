"""The pictures of paper 001's evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.evaluation.reproduction import Picture
from mecopt.learners.curves import COLOURS, png
from mecopt.learners.paper_001.claims_sharing import PARTS, SEARCHED
from mecopt.learners.paper_001.policies import COMPLETED, EVEN, EXACT, MATCHED, MODES, PRICES, priced
from mecopt.learners.paper_001.sweeps import MEAN_REWARD, RATIO_OF_SUMS, WAYS
from mecopt.learners.paper_001.trainings import BEAMS, FIGURE, KINDS
from mecopt.learners.paper_001.worlds import LOADS, NOMINAL, POWERS, SCALES, World
from mecopt.learners.plans import Plan

if TYPE_CHECKING:
    from mecopt.learners.paper_001.comparison import Compared
    from mecopt.learners.paper_001.evaluation import Measured
    from mecopt.learners.paper_001.sweeps import Swept

Array = NDArray[Any]

INK, GREY = "#1d2530", "#8a8f98"

BEYOND = 100.0
"""Ratio of energies at which the picture of all policies ends."""

WINDOW = 20
"""A curve of figure 2 is the mean over this part of the training, its last frames."""

LEVELS = {EVEN: "--", MATCHED: ":", EXACT: "-.", priced(PRICES[1]): (0, (5, 1, 1, 1, 1, 1)), COMPLETED: (0, (1, 3))}
"""Policies without learning that figure 2 shows, and how."""


def drawn(m: Measured) -> list[Picture]:
    """Draw every figure of the paper, the optimum and what needs no learning in each, and all policies."""
    c, s = m.compared, m.swept
    searched = f"Mean over seeds, bars: deviation. {SEARCHED}."
    return [
        Picture(
            "Figure 2",
            "Reward and outage in training, noise included: each point is the mean of the last frames before it, a "
            "twentieth of the training; lines: mean over seeds, shade: least and greatest seed. Grey: policies without "
            "learning on fresh frames, all with the optimiser but random actions.",
            learning(c),
        ),
        Picture(
            "Policies",
            "Reward on fresh frames in the long run; small dots: seeds, blue: learned, "
            f"dashed: {EVEN}, dash-dotted: {EXACT}. "
            "Energy beside the exact optimum at the same states, ratio of sums, where it was measured; "
            f">: {BEYOND:g} or more. The optimum of each frame is 1 there by definition, and not the best in the long run.",
            policies(c),
        ),
        Picture(
            "Figure 3a", f"Who does which work as the carrier grows. {searched}", sharing(s, POWERS, "power", "carrier, mW")
        ),
        Picture(
            "Figure 3b", f"The same as the work grows. {searched}", sharing(s, LOADS, "load", "mean work of a user, kbit")
        ),
        Picture(
            "Figure 4a",
            f"The same as the users move away. {searched}",
            sharing(s, SCALES, "scale", "distances over the paper's"),
        ),
        Picture(
            "Figure 4b",
            "Efficiency of the schemes: above on common frames that all of them serve, ratio of sums, with three kinds of "
            f"beams; below in rollouts of each scheme's own. {searched}",
            schemes(s),
        ),
    ]


def _figure(rows: int, columns: int, size: tuple[float, float], **more: Any) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **more)
    for one in axes.flat:
        one.grid(alpha=0.25)
        one.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _logarithmic(set_scale: Any, axis: Any) -> None:
    """Make a scale logarithmic, with ticks at round numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    set_scale("log")
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _smoothed(curves: Sequence[Array]) -> tuple[Array, Array]:
    """Return frames and sliding means ``(seeds, frames)``."""
    width = max(1, curves[0].size // WINDOW)
    windows = [np.lib.stride_tricks.sliding_window_view(curve, width).mean(axis=-1) for curve in curves]
    return np.arange(width, curves[0].size + 1), np.array(windows)


def learning(c: Compared) -> bytes:
    """Draw reward and outage in training, for both meanings of the access point's action."""
    figure, panels = _figure(2, len(BEAMS), (10.4, 7.0), sharex=True, sharey="row")
    for column, beams in enumerate(BEAMS):
        for row, name in enumerate(("reward", "outage")):
            axes = panels[row, column]
            for kind, colour in zip(KINDS, COLOURS, strict=False):
                at, found = _smoothed([one[name] for one in c.curves[FIGURE[kind, beams]]])
                axes.fill_between(at, found.min(axis=0), found.max(axis=0), color=colour, alpha=0.15, lw=0)
                axes.plot(at, found.mean(axis=0), color=colour, lw=1.6, label=kind)
            for policy, style in LEVELS.items():
                level = (c.reward if name == "reward" else c.outage)(policy).mean
                axes.axhline(level, color=GREY, lw=1.2, ls=style, label=policy)
        panels[0, column].set_title(
            f"access point says {'antenna weights (raw)' if beams == 'raw' else 'weights of users'}", fontsize=10, loc="left"
        )
        panels[1, column].set_xlabel("frame")
    panels[0, 0].set_ylabel("reward (11), kbit/J")
    panels[1, 0].set_ylabel("outage")
    for axes in panels[:, 0]:
        axes.set_ylim(bottom=0.0)
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return png(figure)


def policies(c: Compared) -> bytes:
    """Draw reward and regret of every policy."""
    shown = c.policies
    figure, ((left, right),) = _figure(1, 2, (10.4, 1.4 + 0.26 * len(shown)), sharey=True, width_ratios=(1.6, 1))
    for row, policy in enumerate(shown):
        colour = COLOURS[0] if isinstance(policy, Plan) else INK
        found = c.reward(policy)
        left.plot(found.values, [row] * len(found.values), ".", ms=4, color=colour, alpha=0.6)
        left.plot(found.mean, row, "o", ms=6, color=colour)
        if all(one.regret is not None for one in c.followed(policy)):
            ratio = c.regret(policy).of_sums
            right.plot(min(ratio, BEYOND), row, "o" if ratio < BEYOND else ">", ms=6, color=colour)
    left.set_yticks(range(len(shown)), [one.name if isinstance(one, Plan) else one for one in shown], fontsize=8)
    left.invert_yaxis()
    left.axvline(c.reward(EVEN).mean, color=GREY, lw=1.0, ls="--")
    left.axvline(c.reward(EXACT).mean, color=GREY, lw=1.0, ls="-.")
    left.set_xlabel("reward (11), kbit/J")
    right.axvline(1.0, color=GREY, lw=1.0, ls="-.")
    _logarithmic(right.set_xscale, right.xaxis)
    right.set_xlabel("energy over the optimum's")
    return png(figure)


def sharing(s: Swept, worlds: Sequence[World], field: str, axis: str) -> bytes:
    """Draw parts of the work, times and outage along an axis, for beams of each origin."""
    figure, panels = _figure(3, len(WAYS), (10.4, 7.6), sharex=True, sharey="row")
    at = np.array([getattr(world, field) for world in worlds])
    for column, way in enumerate(WAYS):
        for row, name in enumerate(("shares", "times")):
            values = np.array([[getattr(one, name) for one in s.worlds[world, way]] for world in worlds])
            for k, (part, colour) in enumerate(zip(PARTS, COLOURS, strict=False)):
                _points(panels[row, column], at, values[..., k], colour, part)
        outages = np.array([[one.outage for one in s.worlds[world, way]] for world in worlds])
        _points(panels[2, column], at, outages, INK, "outage")
        for axes in panels[:, column]:
            axes.axvline(getattr(NOMINAL, field), color=GREY, lw=0.8, ls=":")
        panels[0, column].set_title(way, fontsize=10, loc="left")
        panels[2, column].set_xlabel(axis)
    for axes, label in zip(panels[:, 0], ("part of the work served", "time per user, s", "outage"), strict=True):
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0.0)
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return png(figure)


def _points(axes: Any, at: Array, values: Array, colour: str, label: str, style: str = "o-") -> None:
    """Draw means ``(points, seeds)`` with their deviations."""
    deviation = values.std(axis=-1, ddof=1) if values.shape[-1] > 1 else None
    axes.errorbar(at, values.mean(axis=-1), deviation, fmt=style, ms=4, color=colour, capsize=2, lw=1.4, label=label)


def schemes(s: Swept) -> bytes:
    """Draw figure 4b on common frames with beams of each origin, and in rollouts by two readings."""
    panels: list[tuple[str, Array]] = [(f"common frames, {way}", s.efficiency(way, RATIO_OF_SUMS)) for way in WAYS]
    panels += [(f"rollouts, {MATCHED}, {read}", s.dynamic(MATCHED, read)) for read in (MEAN_REWARD, RATIO_OF_SUMS)]
    panels += [(f"rollouts, {EVEN}, {MEAN_REWARD}", s.dynamic(EVEN, MEAN_REWARD))]
    figure, drawn_on = _figure(2, 3, (10.4, 6.4), sharex=True, sharey=True)
    at = np.array([world.scale for world in SCALES])
    for axes, (title, values) in zip(drawn_on.flat, panels, strict=True):
        for k, (name, colour) in enumerate(zip(MODES, COLOURS, strict=False)):
            _points(axes, at, values[..., k].T, colour, name)
        axes.set_title(title, fontsize=9, loc="left")
        _logarithmic(axes.set_yscale, axes.yaxis)
    for axes in drawn_on[-1]:
        axes.set_xlabel("distances over the paper's")
    for axes in drawn_on[:, 0]:
        axes.set_ylabel("efficiency, kbit/J")
    figure.legend(
        *drawn_on[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, fontsize=8
    )
    return png(figure)
