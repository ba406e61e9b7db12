"""The pictures of paper 004's evaluation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.learners.curves import COLOURS, EVERY, RECORDS, png, windowed
from mecopt.learners.figures import spread
from mecopt.learners.log import Log
from mecopt.learners.paper_004 import measures, searches
from mecopt.learners.paper_004.encoders import AE, AVERAGED, BARS, COMPONENTS, MEAN, PRINTED, SAE
from mecopt.learners.paper_004.measures import halves
from mecopt.learners.paper_004.tables import PRINTED_III
from mecopt.learners.paper_004.trainings import (
    BASES,
    CHANGED,
    DYNAMIC_BASES,
    MOST_SERVERS,
    PAPER_NAME,
    RISE,
    SANE_NAME,
    SERVERS,
    SIZE,
    UNIFORM,
    varied,
)
from mecopt.reproduction import Picture

if TYPE_CHECKING:
    from mecopt.learners.paper_004.evaluation import Measured

Array = NDArray[Any]

INK, GREY = "#1d2530", "#8a8f98"

REPLAY_CAPTION = (
    f"Reward of the own decision and loss with 2p-ER and with uniform replay: means of the last {RECORDS} records, of which "
    f"there is one every {EVERY} slots; mean over seeds, shade: least and greatest seed."
)


def drawn(m: Measured) -> list[Picture]:
    """Draw every figure of the paper, the optimum in each, the ablation and table III."""
    last = measures.last_slots(next(iter(m.logs.values()))[0].own.size)
    found = (
        ("Figures 3 and 4", "Encoders of the channels of two servers, means over seeds.", encoders),
        ("Figures 5 and 6", "Absolute errors of the channel feature, in training and testing.", errors),
        ("Figure 7", "Best decision met by search from random starts, mean over slots and seeds; shade: seeds.", search),
        ("Figure 8", "Steps of the search by rule (30), by both readings; one line per seed, means over 1 %.", steps),
        ("Figures 9 and 10", REPLAY_CAPTION, replay),
        (
            "The ablation",
            f"NRR of the own decision over the last {last:,} slots, one component changed at a time.",
            ablation,
        ),
        ("Table III as a picture", "Average NRR before and after the weights change, mean ± deviation over seeds.", servers),
    )
    return [Picture(name, caption, draw(m)) for name, caption, draw in found]


def _figure(rows: int, columns: int, size: tuple[float, float], **more: Any) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **more)
    for one in axes.flat:
        one.grid(alpha=0.25)
        one.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _logarithmic(axes: Any) -> None:
    """Make the scale of what has been drawn logarithmic, where it spans so much, with ticks at round numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axes.get_ylim()
    drawn = np.concatenate([line.get_ydata() for line in axes.get_lines()])
    low = max(low, float(drawn[drawn > 0].min(initial=high)))
    if not 0 < 5.0 * low < high:
        return
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 1e3 * low else (1.0,)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def encoders(m: Measured) -> bytes:
    """Draw accuracy and loss over episodes."""
    figure, ((left, right),) = _figure(1, 2, (9.6, 4.2))
    for name, colour in zip((AE, SAE, PRINTED, AVERAGED), COLOURS, strict=False):
        found = m.encoders[name, SERVERS]
        episodes = np.arange(1, found[0].accuracy.size + 1)
        left.plot(episodes, 100.0 * np.mean([one.accuracy for one in found], axis=0), color=colour, lw=1.6, label=name)
        for k, style in ((0, ":"), (1, "-")):
            right.plot(episodes, np.mean([one.losses[k] for one in found], axis=0), color=colour, lw=1.6, ls=style)
    for name, style in ((COMPONENTS, "--"), (MEAN, "-.")):
        level = 100.0 * np.mean([one.testing.accuracy for one in m.encoders[name, SERVERS]])
        left.axhline(level, color=INK, lw=1.0, ls=style, label=name)
    accuracies = [one.accuracy for name in (AE, SAE) for one in m.encoders[name, SERVERS]]
    seen = 100.0 * np.concatenate([a[a.size // 40 :] for a in accuracies])
    left.set_ylim(max(80.0, float(seen.min()) - 2.0), max(94.0, float(seen.max()) + 1.0))
    left.set_ylabel("accuracy, %")
    _logarithmic(right)
    right.set_ylabel("mean squared error of the channel feature")
    for axes in (left, right):
        axes.set_xlabel("episode (pass over 1,024 slots)")
    right.plot([], [], color=INK, lw=1.6, label="testing")
    right.plot([], [], color=INK, lw=1.6, ls=":", label="training")
    right.legend(frameon=False, fontsize=8)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return png(figure)


def errors(m: Measured) -> bytes:
    """Draw the distribution of absolute errors."""
    figure, (panels,) = _figure(1, 2, (9.6, 3.8), sharey=True)
    ways = (SAE, PRINTED, AVERAGED, MEAN)
    width = np.diff(BARS)[0] / (len(ways) + 1)
    for k, (axes, where) in enumerate(zip(panels, ("training", "testing"), strict=True)):
        for number, (name, colour) in enumerate(zip(ways, (*COLOURS[1:4], GREY), strict=True)):
            share = 100.0 * np.mean([one.errors[k] for one in m.encoders[name, SERVERS]], axis=0)
            axes.bar(BARS[:-1] + (number + 1.0) * width, share, width, color=colour, label=name)
        axes.set_title(where, fontsize=10, loc="left")
        axes.set_xlabel("absolute error (the last bar: and more)")
    panels[0].set_ylabel("share of all errors, %")
    panels[1].legend(frameon=False, fontsize=8)
    return png(figure)


def search(m: Measured) -> bytes:
    """Draw the best NRR met against evaluations."""
    figure, ((axes,),) = _figure(1, 1, (7.2, 4.4))
    at = np.array(m.evaluations)
    for name, colour in zip(searches.NEIGHBOURS, COLOURS, strict=False):
        found = np.array(m.searches[name])
        axes.fill_between(at, found.min(axis=0), found.max(axis=0), color=colour, alpha=0.15, lw=0)
        axes.plot(at, found.mean(axis=0), "o-", ms=3, color=colour, label=name)
    level = float(np.mean(m.searches[searches.LOCAL_SEARCH]))
    axes.axhline(1.0, color=INK, lw=1.0, ls="--", label="proved optimum")
    axes.axhline(level, color=GREY, lw=1.0, label=f"local search from the same starts: {level:.5f}")
    axes.axvline(20, color=GREY, lw=0.8, ls=":")
    axes.text(20, 0.02, " T of the paper", transform=axes.get_xaxis_transform(), fontsize=8)
    axes.set_xscale("symlog", linthresh=1.0)
    axes.set_xlim(0, at[-1])
    axes.set_xticks(at, [f"{value:,}" for value in at])
    axes.set_xlabel("evaluations")
    axes.set_ylabel("mean NRR of the best decision met")
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(0.0, 0.97))
    return png(figure)


def steps(m: Measured) -> bytes:
    """Draw T along the stream, means over its hundredths."""
    figure, (panels,) = _figure(1, 2, (9.6, 3.8), sharey=True)
    shown = {
        PAPER_NAME: {"rise of the loss, as printed": "", "size of its change": SIZE},
        SANE_NAME: {"rise of the loss, as printed": RISE, "size of its change": SIZE},
    }
    for axes, (base, readings) in zip(panels, shown.items(), strict=True):
        for (label, change), colour in zip(readings.items(), COLOURS, strict=False):
            for number, log in enumerate(m.changed(base, change)):
                parts = np.array_split(log.more["steps"], 100)
                at = (np.arange(100) + 0.5) * log.own.size / 100.0
                axes.plot(
                    at,
                    [part.mean() for part in parts],
                    color=colour,
                    lw=1.0,
                    alpha=0.8,
                    label=label if number == 0 else None,
                )
        _logarithmic(axes)
        axes.set_title(f"from '{base}'", fontsize=10, loc="left")
        axes.set_xlabel("slot")
    panels[0].set_ylabel("T, steps of the search")
    figure.legend(*panels[1].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return png(figure)


def replay(m: Measured) -> bytes:
    """Draw reward and loss with both memories, from the paper's settings and from the sane ones."""
    figure, panels = _figure(2, 2, (9.6, 6.0), sharex=True)
    for column, base in enumerate((PAPER_NAME, SANE_NAME)):
        for (label, change), colour in zip((("2p-ER", ""), ("uniform", UNIFORM)), COLOURS, strict=False):
            logs = m.changed(base, change)
            _curve(panels[0, column], logs, measures.reward, colour, label)
            _curve(panels[1, column], logs, lambda log: log.loss, colour, label)
        optimum = np.mean([(1.0 / log.optimum).mean() for log in m.changed(base)])
        panels[0, column].axhline(optimum, color=INK, lw=1.0, ls="--", label="proved optimum, mean")
        panels[0, column].set_title(f"from '{base}'", fontsize=10, loc="left")
        _logarithmic(panels[1, column])
        panels[1, column].set_xlabel("slot")
    panels[0, 0].set_ylabel("reward of the own decision, 1/s")
    panels[1, 0].set_ylabel("loss")
    panels[0, 1].legend(frameon=False, fontsize=8, loc="lower right")
    return png(figure)


def _curve(axes: Any, logs: Sequence[Log], values: Callable[[Log], Array], colour: str, label: str) -> None:
    found = [windowed(values(log)) for log in logs]
    at, means = found[0][0], np.array([one[1] for one in found])
    axes.fill_between(at, means.min(axis=0), means.max(axis=0), color=colour, alpha=0.15, lw=0)
    axes.plot(at, means.mean(axis=0), color=colour, lw=1.4, label=label)


def ablation(m: Measured) -> bytes:
    """Draw a dot for each training of the ablation, each seed a small one."""
    plans = [plan for plan in m.logs if plan.stream != CHANGED]
    figure, ((axes,),) = _figure(1, 1, (8.2, 1.2 + 0.24 * len(plans)))
    colours = dict(zip(BASES, COLOURS, strict=False))
    for row, plan in enumerate(plans):
        level, colour = m.level(plan), colours[plan.name.split(",")[0]]
        axes.plot(level.values, [row] * len(level.values), ".", ms=4, color=colour)
        axes.plot(level.mean, row, "o", ms=6, color=colour, mfc="none" if "," in plan.name else colour)
    for base, colour in colours.items():
        axes.axvline(m.level(varied(base)).mean, color=colour, lw=0.8, ls=":")
    axes.set_yticks(range(len(plans)), [plan.name for plan in plans], fontsize=8)
    axes.invert_yaxis()
    axes.axvline(1.0, color=INK, lw=1.0, ls="--")
    axes.axvline(m.nrr(searches.CONSTANT).mean, color=GREY, lw=1.0)
    axes.set_xlabel(
        "NRR of the own decision (full: unchanged; dashed: proved optimum; grey: one decision for all slots)",
        fontsize=8,
    )
    return png(figure)


def servers(m: Measured) -> bytes:
    """Draw the averages of table III."""
    figure, (panels,) = _figure(1, 2, (9.6, 3.8), sharey=True)
    at = range(1, MOST_SERVERS + 1)
    for half, (axes, column, title) in enumerate(zip(panels, (2, 4), ("before (F-Avg)", "after (S-Avg)"), strict=True)):
        for base, colour in zip(DYNAMIC_BASES, COLOURS, strict=False):
            found = [spread([halves(log)[half].average for log in m.logs[varied(base, "", CHANGED, n)]]) for n in at]
            means, deviations = [one.mean for one in found], [one.deviation for one in found]
            axes.errorbar(at, means, deviations, fmt="o-", color=colour, capsize=3, label=base)
        axes.plot(at, [float(PRINTED_III[n][column]) for n in at], "s--", color=GREY, label="the paper (ratio to PSO)")
        axes.axhline(1.0, color=INK, lw=1.0, ls="--")
        axes.set_title(title, fontsize=10, loc="left")
        axes.set_xticks(at)
        axes.set_xlabel("servers")
    panels[0].set_ylabel("average NRR of the own decision")
    panels[0].legend(frameon=False, fontsize=8)
    return png(figure)
