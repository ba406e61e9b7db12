"""Rollouts as pictures, and as one HTML file that needs nothing else."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.compare.figures import png
from mecopt.compare.pages import details, html_page, html_table, images
from mecopt.contract.units import titled
from mecopt.dynamic.rollouts import Rollouts
from mecopt.dynamic.segments import SAMPLED
from mecopt.dynamic.summary import ABOVE, BRACKET, MEASURED, Summary, summarise
from mecopt.show.printable import encoded
from mecopt.storage.atomic import to_myself, write_whole

Array = NDArray[Any]

BINS = 40

LINES = 10
"""Entries of a carried field that are drawn each in a colour of its own; more of them are one grey, with their mean."""

NAMED = 8
"""Drawn values of a map that stand side by side, each by its name; more of them make an axis."""


def write_report(found: Rollouts, out: str | Path) -> Summary:
    """Write ``report.html`` and its pictures into a folder; return what they say."""
    out, summary = Path(out), summarise(found)
    pictures = {name: PICTURES[name](found, summary) for name in pictures_of(found)}
    with to_myself(out):
        for name in PICTURES.keys() - pictures:
            (out / name).unlink(missing_ok=True)
        for name, content in pictures.items():
            write_whole(out / name, content)
        write_whole(out / "report.html", encoded(_page(found, summary, pictures)))
    return summary


def _page(found: Rollouts, summary: Summary, pictures: dict[str, bytes]) -> str:
    said = "".join(f"<li>{html.escape(text)}</li>" for text in (*summary.proved, *summary.findings))
    measured = html_table(summary.measured, [summary.measured_cells(row) for row in summary.rows])
    return html_page(
        summary.title,
        f"""<ul>{said}</ul>
<h2>Policies</h2>
<p>{_meaning(found, summary)}</p>
{html_table(summary.headers, [summary.cells(row) for row in summary.rows])}
{f"<p>{html.escape(MEASURED)}</p>{measured}" if len(summary.measured) > 1 else ""}
<h2>Pictures</h2>{images(pictures)}
<h2>Provenance</h2>{details(_origin(found))}""",
    )


def _meaning(found: Rollouts, summary: Summary) -> str:
    """Return what the columns of the first table are, those that there are."""
    first, discounted = html.escape(found.policies[0]), found.provenance["discount"] is not None
    counts = "Discounted sums from the first slot on" if discounted else "Means over all slots and lanes"
    told = [f"{counts}, with the standard errors of means over {'lanes' if discounted else 'blocks of slots'}."]
    if len(summary.rows) > 1:
        told.append(
            f'"Minus {first}" is the difference to that policy, paired: both met the same slots of the same path; below 0 a '
            f"policy {'costs' if found.provenance['costs'] else 'earns'} less."
        )
    if BRACKET in summary.headers:
        told.append('"Of the bracket" is the mean over the upper and over the lower end of what is proved.')
    if ABOVE in summary.headers:
        told.append('"Above the bound" is by how much a cost exceeds what is proved that none is below.')
    return " ".join(told)


TOLD = {"costs", "chart", "bounds", "unproved", "unmapped", "notes", "reward", "discount", "measures", "carried"}
"""Of the provenance what a page says in words, above its list."""


def _origin(found: Rollouts) -> dict[str, Any]:
    """Return where rollouts are from, as a reader's list."""
    origin = found.provenance
    counts, of = titled(*origin["reward"]), origin["discount"]
    return {
        "dynamics": origin["dynamics"],
        "what counts": f"{counts}, {'mean of a slot' if of is None else f'the sum, discounted by {of:g} a slot'}",
        **{name: value for name, value in origin.items() if name not in TOLD and name != "dynamics"},
    }


# ---------------------------------------------------------------------- pictures

COLOURS, STYLES = 10, ("-", "--", ":", "-.")
"""Colours that are told apart, and the lines in which they come again."""


def trajectory_figure(found: Rollouts, summary: Summary) -> bytes:
    """Draw the carried fields of the first lane, slot by slot from the beginning, every policy below the other."""
    from matplotlib.figure import Figure

    carried, policies = found.provenance["carried"], found.policies
    figure = Figure(figsize=(9.0, 1.0 + 1.5 * len(policies)), layout="constrained")
    axes = figure.subplots(len(policies), len(carried), squeeze=False, sharex=True, sharey="col")
    for row, policy in enumerate(policies):
        for column, (name, unit) in enumerate(carried.items()):
            values = _values(found, policy, f"trace_{name}")
            entries = _entries(found, policy, name)
            draw_lines(axes[row, column], values.reshape(-1, entries), name)
            axes[row, column].set_title(policy, fontsize=9, loc="left")
            axes[row, column].set_ylabel(_with_unit(name, unit), fontsize=8)
            axes[row, column].grid(alpha=0.25)
    for one in axes[-1]:
        one.set_xlabel("slot of lane 0")
    for one, name in zip(axes[0], carried, strict=True):
        if _entries(found, policies[0], name) > 1:
            one.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    figure.suptitle(f"{summary.title}\nwhat is carried, from the first slot on", fontsize=10, x=0.01, ha="left")
    return png(figure)


def draw_lines(axes: Any, values: Array, name: str) -> None:
    """Draw a line for each entry of a carried field over the slots: all in grey below their mean where they are many."""
    entries = values.shape[-1]
    if entries <= LINES:
        axes.plot(values, lw=0.9, label=[f"{name}[{i}]" for i in range(entries)] if entries > 1 else [name])
        return
    axes.plot(values, lw=0.5, color="0.75", label=[f"each of {entries}", *[None] * (entries - 1)])
    axes.plot(values.mean(axis=-1), lw=1.5, label="their mean")


def histogram_figure(found: Rollouts, summary: Summary) -> bytes:
    """Draw how often the carried fields have which values, all lanes and slots (a sample of each block)."""
    from matplotlib.figure import Figure

    carried = found.provenance["carried"]
    figure = Figure(figsize=(9.0, 3.6), layout="constrained")
    axes = figure.subplots(1, len(carried), squeeze=False)[0]
    for one, (name, unit) in zip(axes, carried.items(), strict=True):
        samples = {policy: _values(found, policy, f"carried_{name}") for policy in found.policies}
        edges = bins(list(samples.values()))
        for number, (policy, values) in enumerate(samples.items()):
            counts = np.histogram(values, edges)[0] / values.size
            lap, colour = divmod(number, COLOURS)
            one.stairs(counts, edges, lw=1.5, label=policy, color=f"C{colour}", ls=STYLES[lap % len(STYLES)])
        one.set_xlabel(_with_unit(name, unit))
        one.set_ylabel("part of the slots")
        one.grid(alpha=0.25)
    handles = axes[0].get_legend_handles_labels()
    figure.legend(*handles, fontsize=8, frameon=False, loc="outside right upper")
    figure.suptitle(f"{summary.title}\nwhat is carried, as slots begin", fontsize=10, x=0.01, ha="left")
    return png(figure)


def bins(samples: Sequence[Array]) -> Array:
    """Return the edges of bins: one around each number where all are whole ones and not too many."""
    low, high = min(float(one.min()) for one in samples), max(float(one.max()) for one in samples)
    if high - low < BINS and all((one == np.rint(one)).all() for one in samples):
        return np.arange(low - 0.5, high + 1.0)
    return np.linspace(low, high if high > low else low + 1.0, BINS + 1)


def _values(found: Rollouts, policy: str, column: str) -> Any:
    return np.asarray(found.rows(policy)[column].combine_chunks().flatten().to_numpy(zero_copy_only=False))


def _entries(found: Rollouts, policy: str, name: str) -> int:
    """Return how many numbers a carried field has in a lane."""
    rows = found.rows(policy)
    slots = min(int(rows["slots"][0].as_py()), SAMPLED)
    return max(len(rows[f"carried_{name}"][0]) // slots, 1)


def map_figure(found: Rollouts, summary: Summary) -> bytes:
    """Draw what each policy does over the state: a row per policy, a panel per what else is drawn, one scale of colours."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    chart, policies = found.provenance["chart"], found.policies
    blank: dict[str, Any] = {"facecolor": "0.93", "edgecolor": "0.6", "hatch": "/////", "linewidth": 0.0}
    maps = {policy: found.map_of(policy) for policy in policies}
    known = np.concatenate([values[~np.isnan(values)] for _, _, values in maps.values()])
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    figure = Figure(figsize=(2.6 + 2.2 * max(len(chart["panels"]), 2), 1.7 + 1.6 * len(policies)), layout="constrained")
    axes = figure.subplots(len(policies), len(chart["panels"]), squeeze=False, sharex=True, sharey=True)
    for policy, row in zip(policies, axes, strict=True):
        right, up, values = maps[policy]
        few = len(right) <= NAMED
        borders = np.arange(len(right) + 1) - 0.5 if few else _edges(right)
        row[0].set_ylabel(_with_unit(*chart["carried"]), fontsize=9)
        beside = {"xycoords": "axes fraction", "rotation": 270, "va": "center", "ma": "center", "fontsize": 9}
        row[-1].annotate(textwrap.fill(policy, 20), (1.04, 0.5), fontweight="bold", **beside)
        for one, panel in zip(row, values, strict=True):
            if not values.size:
                one.text(0.5, 0.5, "no map", transform=one.transAxes, ha="center", va="center", fontsize=9)
                continue
            one.patch.set(**blank)
            if few:
                one.set_xticks(range(len(right)), [f"{value:.4g}" for value in right])
            cells = one.pcolormesh(borders, _edges(up), panel.T, vmin=low, vmax=high, cmap="viridis")
    for one, panel in zip(axes[0], chart["panels"], strict=True):
        one.set_title(re.sub(r"([\d.]+)e([-+]\d+)", _typeset, panel), fontsize=9)
    for one in axes[-1]:
        one.set_xlabel(_with_unit(*chart["drawn"]), fontsize=9)
    if known.size:
        figure.colorbar(cells, ax=axes, label=_with_unit(*chart["quantity"]), aspect=30, pad=0.02)
    if known.size < sum(values.size for _, _, values in maps.values()):
        key = Patch(label=chart["otherwise"], **blank)
        figure.legend(handles=[key], loc="outside lower left", frameon=False, fontsize=9)
    figure.suptitle(f"{summary.title}\nwhat each policy does, by the state", fontsize=10, x=0.01, ha="left")
    return png(figure)


def _typeset(number: re.Match[str]) -> str:
    """Return a number with a power of ten as it is printed."""
    return rf"${number[1]} \times 10^{{{int(number[2])}}}$"


def _with_unit(name: str, unit: str) -> str:
    return titled(name.replace("_", " "), unit)


def _edges(values: Any) -> Any:
    """Return the borders of cells around values that rise."""
    middle = 0.5 * (values[1:] + values[:-1])
    first, last = (middle[0], middle[-1]) if len(middle) else (values[0] - 0.5, values[0] + 0.5)
    return np.array([2.0 * values[0] - first, *middle, 2.0 * values[-1] - last])


PICTURES = {"trajectory.png": trajectory_figure, "histogram.png": histogram_figure, "map.png": map_figure}


def pictures_of(found: Rollouts) -> list[str]:
    """Return the names of the pictures that are drawn: the map where the dynamics has a chart."""
    return [name for name in PICTURES if name != "map.png" or found.maps is not None]
