"""What the pictures of the problem pages are drawn with: phones, servers, masts, arrows, and bars that are labelled."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Rectangle, Wedge
from matplotlib.pyplot import figure

SEND, LOCAL, ENERGY, SERVER, INK = "#1f5f8b", "#8a8f98", "#d9822b", "#3b7d4f", "#22262b"
"""Offloading, computing locally, energy and carriers, the server's work, and lines."""

SHADES = ["#1f5f8b", "#4c8cb8", "#7fb2d4", "#2f7f86", "#5fa8a0", "#93c9bd", "#3d4f8a", "#6f80bd", "#a2aede"]
"""Of users, in their order."""


def canvas(width: float, height: float) -> Axes:
    """Return an empty drawing of so many units, equal both ways, without axes."""
    axes = figure(figsize=(0.8 * width, 0.8 * height), layout="constrained").add_subplot()
    axes.set_xlim(0, width)
    axes.set_ylim(0, height)
    axes.set_aspect("equal")
    axes.axis("off")
    return axes


def charts(*widths: float, height: float = 3.2) -> tuple[Figure, list[Axes]]:
    """Return a figure with charts side by side, as wide as told beside each other."""
    drawn = figure(figsize=(8.8, height), layout="constrained")
    parts = list(drawn.subplots(1, len(widths), width_ratios=widths, squeeze=False)[0])
    for axes in parts:
        axes.spines[["top", "right"]].set_visible(False)
    return drawn, parts


def text(axes: Axes, x: float, y: float, words: str, size: float = 9, colour: str = INK, **more: object) -> None:
    """Write words, centred unless told otherwise."""
    axes.text(x, y, words, fontsize=size, color=colour, **{"ha": "center", "va": "center", **more})  # type: ignore[arg-type]


def phone(axes: Axes, x: float, y: float, label: str = "", *, computes: bool = False) -> None:
    """Draw a user at its middle; one that computes itself has a filled screen."""
    box = FancyBboxPatch((x - 0.22, y - 0.4), 0.44, 0.8, "round,pad=0.02,rounding_size=0.08", fc="white", ec=INK, lw=1.3)
    axes.add_patch(box)
    axes.add_patch(Rectangle((x - 0.16, y - 0.24), 0.32, 0.54, fc=LOCAL if computes else "#e8eef3", ec="none"))
    axes.add_patch(Circle((x, y - 0.33), 0.035, fc=INK, ec="none"))
    if label:
        text(axes, x, y - 0.65, label)


def server(axes: Axes, x: float, y: float, label: str = "") -> None:
    """Draw a server at its middle."""
    for level in (-0.42, 0.0, 0.42):
        axes.add_patch(Rectangle((x - 0.55, y + level - 0.18), 1.1, 0.36, fc="white", ec=SERVER, lw=1.5))
        axes.add_patch(Circle((x - 0.36, y + level), 0.06, fc=SERVER, ec="none"))
        axes.plot([x - 0.1, x + 0.4], [y + level] * 2, color=SERVER, lw=1.3)
    if label:
        text(axes, x, y - 0.85, label, colour=SERVER)


def mast(axes: Axes, x: float, y: float, label: str = "") -> None:
    """Draw an access point by the foot of its mast."""
    for foot in (-0.3, 0.3):
        axes.plot([x + foot, x], [y, y + 1.1], color=INK, lw=1.5)
    for part in (0.25, 0.55):
        axes.plot([x - 0.3 * (1 - part), x + 0.3 * (1 - part)], [y + 1.1 * part] * 2, color=INK, lw=1.1)
    for radius in (0.2, 0.34):
        for middle in (0, 180):
            axes.add_patch(Wedge((x, y + 1.1), radius, middle - 35, middle + 35, width=0.025, fc=INK, ec="none"))
    axes.add_patch(Circle((x, y + 1.1), 0.06, fc=INK, ec="none"))
    if label:
        text(axes, x, y - 0.25, label)


def arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = SEND, style: str = "-", bend: float = 0.0
) -> None:
    """Draw an arrow from point to point."""
    axes.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            mutation_scale=13,
            color=colour,
            linestyle=style,
            lw=1.6,
            connectionstyle=f"arc3,rad={bend}",
        )
    )


def block(
    axes: Axes, x: float, y: float, width: float, height: float, colour: str, words: str = "", size: float = 9
) -> None:
    """Draw a block of a frame or of a shared thing, with words in it."""
    axes.add_patch(Rectangle((x, y), width, height, fc=colour, ec="white", lw=1.2))
    text(axes, x + width / 2, y + height / 2, words, size, "white")
