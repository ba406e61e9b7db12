"""What rollouts say: the proved bracket first, then per policy mean, error, paired difference, and what is physical."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.units import behind, titled
from mecopt.dynamic.estimates import Estimate, estimate, paired
from mecopt.dynamic.results import INFORMATION, Results
from mecopt.show.numbers import counted
from mecopt.show.page import Column, Grid, Line, Page

Array = NDArray[Any]

ABOVE, PLAIN, BRACKET, ENDED = "above the bound", "± plain", "of the bracket", "ended"

MEASURED = "measured, means over all slots:"
"""Above the second table."""

NARROW = 11
"""Columns at which titles of columns are broken."""

REST = 0.01
"""What a cost after the last slot may still count of itself where discounted sums are put beside a bound on all slots."""


@dataclass(frozen=True)
class Row:
    """One policy."""

    policy: str
    reward: Estimate
    """What counts: the mean of a slot, or the discounted sum; of costs as costs."""
    difference: Estimate | None
    """To the first policy, paired; None for that one itself."""
    reached: tuple[float, float] | None
    """Mean reward over the upper and over the lower end of the bracket; None where there is none, or it is not above 0."""
    beyond: float | None
    """By which part a cost exceeds what is proved that none is below; None where there is no such bound, it is not above 0,
    or the slots are so few that a sum lacks what the bound has."""
    measures: dict[str, Estimate]
    ended: int
    plain: Estimate | None = None
    """What counts as it was simulated, where luck was taken off; see `mecopt.dynamic.control_variates`."""
    tail: float = 0.0
    """What costs after the last slot may add, as a part of what is proved."""
    scattered: bool = False
    """Whether luck was left in, since without it sums scatter more."""


@dataclass(frozen=True)
class Summary:
    """All policies, what is proved, and the findings in words."""

    title: str
    proved: list[str]
    """What is proved, a sentence each; the first lines of whatever is shown."""
    rows: list[Row]
    findings: list[str]
    headers: list[str]
    """Of what counts."""
    measured: list[str]
    """Of what is measured besides."""
    counts: str = "reward"
    """What the rows' figures are called."""

    def cells(self, row: Row) -> list[str]:
        """Return a row's cells of what counts, in the order of the headers."""
        shown = [row.policy, _number(row.reward.mean, row.reward.error), _error(row.reward.error)]
        if PLAIN in self.headers:
            shown.append("-" if row.plain is None else _error(row.plain.error))
        if len(self.rows) > 1:
            shown += ["-", "-"] if row.difference is None else [f"{row.difference.mean:+.4g}", _error(row.difference.error)]
        if BRACKET in self.headers:
            shown.append("-" if row.reached is None else f"{100 * row.reached[0]:.1f} to {100 * row.reached[1]:.1f} %")
        if ABOVE in self.headers:
            above = row.beyond if row.beyond is None or _is_beyond(row) else max(row.beyond, 0.0)
            shown.append("-" if above is None else f"{100 * above:.{2 if row.plain is None else 3}f} %")
        return shown

    def measured_cells(self, row: Row) -> list[str]:
        """Return a row's cells of what is measured, in the order of its headers."""
        shown = [row.policy, *(_number(one.mean) for one in row.measures.values())]
        return [*shown, str(row.ended)] if ENDED in self.measured else shown

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers, fit for JSON; what is not known is None."""

        def plain(one: Estimate | None) -> dict[str, float | None] | None:
            if one is None:
                return None
            told = {"mean": one.mean, "error": one.error, "error_by_lane": one.error_by_lane}
            return {name: value if np.isfinite(value) else None for name, value in told.items()}

        return {
            row.policy: {
                self.counts: plain(row.reward),
                "plain": plain(row.plain),
                "difference": plain(row.difference),
                "reached": None if row.reached is None else list(row.reached),
                "above_the_bound": row.beyond,
                "measures": {name: plain(one) for name, one in row.measures.items()},
                "ended": row.ended,
            }
            for row in self.rows
        }


def summarise(found: Results) -> Summary:
    """Summarise every policy against what is proved, and against the first policy."""
    origin, bounds = found.provenance, found.provenance["bounds"]
    name, unit = origin["reward"]
    sign = -1.0 if origin["costs"] else 1.0
    bracket, first = bounds.get("long-run"), found.policies[0]
    discounted = origin["discount"] is not None
    least = bounds.get("discounted" if discounted else "long-run", [0.0])[0] if origin["costs"] else 0.0
    rows = []
    for policy in found.policies:
        values, slots, simulated = _counted(found, policy, sign)
        own, plain = estimate(values, slots), None if simulated is None else estimate(simulated, slots)
        scattered = False
        if plain is not None and plain.error < own.error:
            own, plain, scattered = plain, None, True
        measures = {
            measure: estimate(found.column(policy, measure), found.column(policy, f"{measure}_slots"))
            for measure in origin["measures"]
        }
        difference = None if policy == first else _apart(found, policy, first, sign)
        earns = not (origin["costs"] or discounted) and bracket is not None and bracket[0] > 0.0
        reached = (own.mean / bracket[1], own.mean / bracket[0]) if earns else None
        beyond = own.mean / least - 1.0 if least > 0.0 and _rest(origin) <= REST else None
        ended = int(found.column(policy, "ended").sum())
        tail = _tail(found, policy, sign) / least if least > 0.0 and discounted else 0.0
        rows.append(Row(policy, own, difference, reached, beyond, measures, ended, plain, tail, scattered))
    counts = f"{'mean' if origin['discount'] is None else 'discounted'} {name if origin['costs'] else ''}".strip()
    headers = ["policy", titled(counts, unit), "± error", *([PLAIN] if any(row.plain for row in rows) else [])]
    headers += [f"minus {first}", "± paired"] if len(rows) > 1 else []
    headers += [BRACKET] if any(row.reached for row in rows) else []
    headers += [ABOVE] if any(row.beyond is not None for row in rows) else []
    measured = ["policy", *(titled(measure.replace("_", " "), of) for measure, of in origin["measures"].items())]
    measured += [ENDED] if any(row.ended for row in rows) else []
    length = f"{counted(origin['lanes'], 'lanes')} of {counted(origin['slots'], 'slots')}"
    title = f"{origin['dynamics']}: {length}, preset {origin['preset']}, seed {origin['seed']}"
    told = name if origin["costs"] else "reward"
    return Summary(title, _proved(origin, name, unit), rows, _findings(rows, first, origin), headers, measured, told)


def _counted(found: Results, policy: str, sign: float) -> tuple[Array, Array, Array | None]:
    """Return what counts by blocks and lanes, of how many slots it is the mean, and what it is where luck stays in it.

    A discounted sum is one per lane.
    """

    def of(column: str) -> Array:
        values = sign * found.column(policy, column)
        return values if discount is None else np.asarray(values.sum(axis=0, keepdims=True))

    discount = found.provenance["discount"]
    earned, by_chance = ("reward", "luck") if discount is None else ("discounted", "discounted_luck")
    plain = of(earned)
    slots = found.column(policy, "slots") if discount is None else np.ones(plain.shape)
    if not found.provenance["control_variate"] or by_chance not in found.table.column_names:
        return plain, slots, None
    return plain - of(by_chance), slots, plain


def _apart(found: Results, policy: str, first: str, sign: float) -> Estimate:
    """Return the paired difference to the first policy, less luck or with it, whichever scatters less."""
    one, slots, simulated = _counted(found, policy, sign)
    other, _, of_other = _counted(found, first, sign)
    lucky = paired(one, other, slots)
    if simulated is None or of_other is None:
        return lucky
    plain = paired(simulated, of_other, slots)
    return plain if plain.error < lucky.error else lucky


def _tail(found: Results, policy: str, sign: float) -> float:
    """Return twice what slots after the last count if all cost what the last ones did: queues that grow cost more."""
    discount = float(found.provenance["discount"])
    last = sign * float(found.column(policy, "reward")[-1].mean())
    return 2.0 * _rest(found.provenance) * max(last, 0.0) / (1.0 - discount)


def _rest(origin: dict[str, Any]) -> float:
    """Return what a cost after the last slot counts of itself: the discount to the power of the slots; of means nothing."""
    return 0.0 if origin["discount"] is None else float(origin["discount"] ** origin["slots"])


def _proved(origin: dict[str, Any], name: str, unit: str) -> list[str]:
    said, bounds, of = [], origin["bounds"], behind(unit)
    if "long-run" in bounds:
        low, high = bounds["long-run"]
        said.append(f"proved: the best long-run {name} lies in [{low:.6g}, {high:.6g}]{of} a slot, whatever the policy")
    elif "discounted" not in bounds:
        said.append(f"nothing is proved of the long run: {origin['unproved']}")
    if "discounted" in bounds:
        (most,) = bounds["discounted"]
        never = f"costs less than {most:.6g}" if origin["costs"] else f"earns more than {most:.6g}"
        said.append(f"proved: no policy {never}{of} in the mean, discounted by {origin['discount']:g} a slot")
    if INFORMATION in bounds:
        low, high = bounds[INFORMATION]
        does = "pay" if origin["costs"] else "earn"
        said.append(f"proved: who knew this whole path would {does} between {low:.6g} and {high:.6g}{of} a slot on it")
    return said


def _findings(rows: list[Row], first: str, origin: dict[str, Any]) -> list[str]:
    found, of = [], behind(origin["reward"][1])
    for row in rows[1:]:
        apart = row.difference
        if apart is None or not np.isfinite(apart.error):
            continue
        if abs(apart.mean) <= apart.half_width():
            told = f"{apart.mean:+.3g} ± {apart.error:.2g}{of}"
            found.append(f"{row.policy} and {first} cannot be told apart on this path: {told}, paired.")
        else:
            word, does = "more" if apart.mean > 0.0 else "less", "costs" if origin["costs"] else "earns"
            told = f"{abs(apart.mean):.4g} ± {apart.error:.2g}{of}"
            found.append(f"{row.policy} {does} {told} {word} than {first} (paired).")
    if rows and not np.isfinite(rows[0].reward.error):
        found.append("The path is too short for standard errors.")
    if why := origin["chart"].get("why"):
        found.append(f"No map of the policies is drawn: {why}.")
    found += [f"No map of {policy} is drawn: {why}" for policy, why in origin["unmapped"].items()]
    found += origin["notes"]
    if origin["discount"] is not None:
        found.append(_truncated(origin))
    found += [_beyond(row, origin) for row in rows if _is_beyond(row)]
    found += [f"Of {row.policy} luck is left in: less it the sums would scatter more." for row in rows if row.scattered]
    if any(row.plain for row in rows):
        found.append(
            "Luck whose mean is 0, whatever the policy, is taken off what was simulated (a control variate); ± plain is the "
            "error of the means with it."
        )
    by = "blocks of slots" if origin["discount"] is None else "lanes"
    found.append(f"Every policy met the same path (digest {origin['path']}); errors are by {by}.")
    return found


def _truncated(origin: dict[str, Any]) -> str:
    """Say where discounted sums end, and what the slots after it would count."""
    rest, (name, _) = _rest(origin), origin["reward"]
    said = f"Sums end after slot {origin['slots']}; a later {name} would count at most {rest:.2g} of itself."
    if rest <= REST or not origin["costs"] or "discounted" not in origin["bounds"]:
        return said
    slots = int(np.ceil(np.log(REST) / np.log(origin["discount"])))
    return f"{said} What is proved is of all slots, so these sums cannot be put beside it: --slots {slots} or more can."


def _is_beyond(row: Row) -> bool:
    return (row.beyond is not None and row.beyond < -row.tail) or (row.reached is not None and row.reached[0] > 1.0)


def _beyond(row: Row, origin: dict[str, Any]) -> str:
    """Say of a mean beyond what is proved that it is one of this path, and a sum one that ends."""
    error = f", and this one's has an error of {row.reward.error:.2g}" if np.isfinite(row.reward.error) else ""
    ends = (
        f"; and of all slots, and sums end where a cost counts {_rest(origin):.2g} of itself" if origin["discount"] else ""
    )
    return f"{row.policy} lies beyond what is proved: that is of the mean over all paths{error}{ends}."


def tables(summary: Summary) -> list[Line | Grid]:
    """Return the table of what counts, and below it that of what is measured, where anything is."""
    counted = _grid(summary.headers, [summary.cells(row) for row in summary.rows])
    if len(summary.measured) == 1:
        return [counted]
    return [counted, Line(MEASURED), _grid(summary.measured, [summary.measured_cells(row) for row in summary.rows])]


def _grid(headers: list[str], cells: list[list[str]]) -> Grid:
    """Return a table with narrow titles."""
    titles = [textwrap.fill(title, NARROW, break_long_words=False, break_on_hyphens=False) for title in headers]
    return Grid([Column(title, [row[i] for row in cells], right=i > 0) for i, title in enumerate(titles)])


def page(found: Results) -> Page:
    """Return what is proved, the tables of policies and the findings."""
    summary = summarise(found)
    lines = [Line(text) for text in summary.proved]
    return Page(summary.title, (*lines, *tables(summary), *(Line(text) for text in summary.findings)))


def _number(value: float, error: float = np.nan) -> str:
    """Return a number of five digits, and of more where its error is less than they tell."""
    if np.isnan(value):
        return "-"
    known = 5 if not 0.0 < error < abs(value) else int(np.ceil(np.log10(abs(value) / error))) + 1
    return f"{value:.{min(max(known, 5), 9)}g}"


def _error(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.2g}"
