"""What a comparison says: per method the ratio to the optimum (or to the proved bound), proof, calls and seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.compare.hosts import mean, timed
from mecopt.compare.results import STORED, Results
from mecopt.contract.certificate import CONTRADICTION, may_be_better
from mecopt.contract.limits import CHANGED
from mecopt.show.numbers import counted

Array = NDArray[Any]

ZERO = 1e-6
"""Part of `Problem.negligible` that both sides of a ratio are given, so that 0 over 0 is 1."""

NEGLIGIBLE = 1e-4
"""Mean loss below which a method that needs no training leaves nothing to learn."""


@dataclass(frozen=True)
class Line:
    """One method's summary; ratios are at most 1, whatever the sense."""

    method: str
    ratio_mean: float
    ratio_percentile_1: float
    ratio_least: float
    proved: float
    violation: float
    failed: int
    limited: int
    solver_calls: float
    model_seconds: float
    solve_seconds: float
    predict_seconds: float
    loss: Array
    """One minus the ratio, per instance; nan where the method has no answer."""

    @property
    def counted(self) -> int:
        """The number of instances behind the ratios."""
        return int((~np.isnan(self.loss)).sum())

    @property
    def label(self) -> str:
        """The method, with how many instances its figures are from where these are not all."""
        return self.method if self.counted == self.loss.size else f"{self.method} ({self.counted} of {self.loss.size})"

    @property
    def optimal(self) -> float:
        """The share of instances whose answer is the reference's, to rounding; proved or not."""
        return float(np.mean(self.loss <= CONTRADICTION))

    @property
    def seconds(self) -> float:
        """All seconds per instance."""
        return self.model_seconds + self.solve_seconds + self.predict_seconds


@dataclass(frozen=True)
class Summary:
    """All methods, what their ratios refer to, and the findings in words."""

    title: str
    lines: list[Line]
    reference: str
    findings: list[str]
    unanswered: int
    """Instances to which no method has an answer, those proved to have none among them."""

    @property
    def shown(self) -> list[Line]:
        """The methods that have something to be drawn, the best first."""
        return sorted((line for line in self.lines if line.counted), key=lambda line: -line.ratio_mean)


def summarise(comparison: Results) -> Summary:
    """Summarise every method against the proved optimum, or the best proved bound where none is proved."""
    maximise = comparison.provenance["sense"] == "maximise"
    sign = -1.0 if maximise else 1.0
    methods = comparison.methods
    objective = {m: comparison.column(m, "objective") for m in methods}
    status = {m: comparison.column(m, "status") for m in methods}
    usable = {m: comparison.answered(m) for m in methods}
    bound = np.max([np.where(usable[m], sign * comparison.column(m, "bound"), -np.inf) for m in methods], axis=0)
    named = "negligible" in comparison.table.column_names
    negligible = comparison.column(methods[0], "negligible") if named else np.zeros(len(bound))
    better = {m: _better(sign * objective[m], bound, negligible, usable[m]) for m in methods}
    overrun = {m: comparison.column(m, "violation") for m in methods}
    contradicted = np.any([better[m] > may_be_better(overrun[m]) for m in methods], axis=0)
    # What beats the bound by its overrun alone reaches the bound; it is no better answer.
    reached = {m: np.where(better[m] > CONTRADICTION, bound, sign * objective[m]) for m in methods}
    best = np.min([np.where(usable[m], reached[m], np.inf) for m in methods], axis=0)
    optimal = np.any([status[m] == "OPTIMAL" for m in methods], axis=0) & ~contradicted
    reference = sign * np.where(optimal, best, bound)
    reference = np.where(contradicted | ~np.isfinite(reference), np.nan, reference)
    count = len(reference)
    impossible = np.any([status[m] == "INFEASIBLE" for m in methods], axis=0) & ~np.isfinite(best)
    if (optimal | impossible).all():
        meaning = "the proved optimum"
    else:
        meaning = (
            f"the proved optimum in {int(optimal.sum())} of {counted(count, 'instances')}, the best proved bound "
            "in the others"
        )
    added, said = _added(objective, usable, reference, negligible)
    told, of_host = timed(comparison)
    lines = []
    for m in methods:
        ratio = _ratio(objective[m], reference, maximise, added)
        ratio = np.where(usable[m], ratio, np.nan)
        some = not np.isnan(ratio).all()
        lines.append(
            Line(
                method=m,
                ratio_mean=float(np.nanmean(ratio)) if some else np.nan,
                ratio_percentile_1=float(np.nanpercentile(ratio, 1)) if some else np.nan,
                ratio_least=float(np.nanmin(ratio)) if some else np.nan,
                proved=float(np.mean(status[m] == "OPTIMAL")),
                violation=_worst(overrun[m][~impossible]),
                failed=int((~usable[m] & ~impossible).sum()),
                limited=int((status[m] == "LIMIT").sum()),
                solver_calls=float(np.mean(comparison.column(m, "solver_calls"))),
                model_seconds=mean(comparison.column(m, "model_seconds"), told[m]),
                solve_seconds=mean(comparison.column(m, "solve_seconds"), told[m]),
                predict_seconds=mean(comparison.column(m, "predict_seconds"), told[m]),
                loss=np.maximum(1.0 - ratio, 0.0),
            )
        )
    origin = comparison.provenance
    sizes = ", ".join(f"{size} {name}" for name, size in origin["sizes"].items())
    title = f"{origin['problem']}: {counted(origin['instances'], 'instances')} of {sizes}"
    findings = [*_findings(lines, optimal, comparison), *([of_host] if of_host else [])]
    for m in methods:
        pays = (better[m] > CONTRADICTION) & ~contradicted
        if pays.any():
            gain, most = better[m][pays].max(), overrun[m][pays].max()
            findings.append(
                f"{m} beats the proved bound in {counted(int(pays.sum()), 'instances')} by {gain:.2g} at "
                "most, about what its overrun "
                f"of the constraints, {most:.2g} at most, can buy; it counts as reaching the bound, not as proved."
            )
    if contradicted.any():
        findings.insert(
            0,
            f"CONTRADICTION in {counted(int(contradicted.sum()), 'instances')} (first: "
            f"{int(np.flatnonzero(contradicted)[0])}): an "
            "answer is better than a bound that another method claims as proved. They are left out; please report them.",
        )
    if impossible.any():
        findings.insert(
            0,
            f"{counted(int(impossible.sum()), 'instances', 'are')} proved to have no feasible decision, "
            "and left out of all ratios.",
        )
    unbounded = int((np.isnan(reference) & ~contradicted & ~impossible).sum())
    if unbounded:
        findings.append(
            f"{counted(unbounded, 'instances', 'have')} neither a proved optimum nor a bound; they are left "
            "out of all ratios."
        )
    mistaken = mistaken_labels(comparison)
    if mistaken is not None:
        findings.insert(0, mistaken)
    if not any(line.counted for line in lines):
        findings.append("No method has a ratio to show, so there are no pictures.")
    return Summary(title, lines, meaning + said, findings, int((~np.isfinite(best)).sum()))


def _better(objective: Array, bound: Array, negligible: Array, usable: Array) -> Array:
    """Return by how much, relatively, answers are better than the bound; minus infinity where there is none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (bound - objective) / (np.abs(bound) + negligible)
    return np.where(usable & np.isfinite(bound) & ~np.isnan(found), found, -np.inf)


def _worst(violation: Array) -> float:
    """Return the greatest violation; nan where there is no instance that could have an answer."""
    return float(violation.max()) if violation.size else np.nan


def _added(objective: dict[str, Array], usable: dict[str, Array], reference: Array, negligible: Array) -> tuple[Array, str]:
    """Return what both sides of a ratio are given, and say so where it is more than rounding.

    Objectives that may be 0 are given a millionth of what is negligible beside them; negative ones, of which there is no
    ratio, all of it.
    """
    little = ZERO * negligible
    least = [np.where(usable[m], objective[m], np.inf) for m in objective]
    negative = np.min([*least, np.where(np.isnan(reference), np.inf, reference)], axis=0) < -little
    if not (negative & (negligible > 0.0)).any():
        return little, ""
    return negligible, f", with up to {negligible.max():.6g} added to both sides, since some objectives are negative"


def _ratio(objective: Array, reference: Array, maximise: bool, added: Array) -> Array:
    """Return the ratio to the reference, something added to both."""
    objective, reference = objective + added, reference + added
    above, below = (objective, reference) if maximise else (reference, objective)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(above == below, 1.0, above / below)


def _findings(lines: list[Line], optimal: Array, comparison: Results) -> list[str]:
    found = [f"{int(optimal.sum())} of {counted(len(optimal), 'instances', 'are')} solved to proved optimality."]
    proving = {STORED, *comparison.provenance.get("exact_methods", ())}
    judged = [*comparison.provenance.get("policies", ()), *comparison.provenance.get("own_methods", ())]
    proving |= set(judged)
    searches = [line for line in lines if line.method not in proving and not line.failed and not np.isnan(line.ratio_mean)]
    simple = [line for line in searches if 1.0 - line.ratio_mean < NEGLIGIBLE]
    if optimal.all() and simple:
        least = min(simple, key=lambda line: line.solver_calls)
        found.append(
            f"No learning is needed here: {least.method}, which needs no training, reaches {least.ratio_mean:.6f} of the "
            f"optimum on average (least {least.ratio_least:.6f}) in {_effort(least)} an instance."
        )
    elif searches and optimal.all():
        best = max(searches, key=lambda line: line.ratio_mean)
        found.append(
            f"The best method without proof, {best.method}, loses {1.0 - best.ratio_mean:.2g} on average and "
            f"{1.0 - best.ratio_least:.2g} at worst: this is what a learned method has to beat."
        )
    for name in judged:
        found += _learned_finding(next(line for line in lines if line.method == name), searches)
    found += comparison.provenance.get("notes", ())
    stored = next((line for line in lines if line.method == STORED), None)
    if stored is not None and not np.isnan(stored.ratio_mean):
        agreeing = int((stored.loss <= 2e-7).sum())
        found.append(
            f"The stored answers, evaluated anew, are within 2e-7 of the reference in {agreeing} of {len(optimal)} "
            f"instances (largest loss {np.nanmax(stored.loss):.2g}){_recorded(comparison)}."
        )
    for line in lines:
        if line.failed:
            found.append(
                f"{line.method} has no answer in {counted(line.failed, 'instances')}, left out of its ratios"
                f"{_first_reason(comparison, line.method)}."
            )
        changed = int((_messages(comparison, line.method) == CHANGED).sum())
        if changed:
            found.append(f"What {line.method} decides was {CHANGED} in {counted(changed, 'instances')}.")
        if line.limited:
            found.append(f"{line.method} was cut short by a limit in {counted(line.limited, 'instances')}.")
    return found


def _recorded(comparison: Results) -> str:
    """Say by how much recorded objectives differ from the recomputed ones, where the file records any."""
    difference = comparison.provenance.get("stored_difference")
    if difference is None:
        return ""
    return f"; their recorded objective differs from the recomputed one by at most {difference:.2g} (relative)"


def mistaken_labels(comparison: Results) -> str | None:
    """Say that labels are of another problem, where the objectives they record are not those of their answers."""
    origin = comparison.provenance
    if not origin.get("stored_wrong"):
        return None
    recorded, recomputed = origin["stored_values"]
    return (
        f"The file's labels were made with other data: in {origin['stored_wrong']} of "
        f"{counted(origin['instances'], 'instances')} the "
        f"objective they record is not that of their answer. Largest difference in instance {origin['stored_worst']}: "
        f"recorded {recorded:.9g}, recomputed {recomputed:.9g}, {100 * origin['stored_difference']:.2g} % off. If a field "
        "that the file lacks had another value, say which: --set NAME=VALUE, for example --set weight=1.5."
    )


def _first_reason(comparison: Results, method: str) -> str:
    """Say of the first instance that a method has no answer to why that is, where it is known."""
    failed = np.flatnonzero(comparison.column(method, "status") == "FAILED")
    messages = _messages(comparison, method)
    said = [(k, messages[k]) for k in failed[:1]]
    return "".join(f"; instance {k}: {text.rstrip('.')}" for k, text in said if text)


def _messages(comparison: Results, method: str) -> Array:
    """Return what is told of a method's answers, nothing where a table has no place for it."""
    if "message" in comparison.table.column_names:
        return comparison.column(method, "message")
    return np.full(comparison.column(method, "status").size, "", dtype=object)


def _learned_finding(learned: Line, searches: list[Line]) -> list[str]:
    """Say what a trained policy adds to the best untrained method that makes do with as many solves, or with its time."""
    if learned.failed or np.isnan(learned.ratio_mean):
        return []
    what = (
        f"{learned.method} loses {1.0 - learned.ratio_mean:.2g} on average and {1.0 - learned.ratio_least:.2g} at worst in "
        f"{_effort(learned)}"
    )
    if not searches:
        return [f"{what}; no method without training and proof that answers every instance is here to compare it with."]
    rivals = [line for line in searches if line.solver_calls <= learned.solver_calls or line.seconds <= learned.seconds]
    if not rivals:
        return [f"{what}; every method here that needs neither training nor proof takes more solves and more time."]
    best = max(rivals, key=lambda line: line.ratio_mean)
    verdict = "better" if learned.ratio_mean > best.ratio_mean else "no better"
    strongest = max(searches, key=lambda line: line.ratio_mean)
    outdone = verdict == "better" and strongest.ratio_mean >= learned.ratio_mean
    more = f" With more of both, {_effort(strongest)}, {strongest.method} loses {1.0 - strongest.ratio_mean:.2g}."
    return [
        f"{what}: {verdict} than {best.method}, which needs no training and loses {1.0 - best.ratio_mean:.2g} and "
        f"{1.0 - best.ratio_least:.2g} in {_effort(best)}. It finds the optimum in {100 * learned.optimal:.1f} % of "
        f"the instances, {best.method} in {100 * best.optimal:.1f} %.{more if outdone else ''}"
    ]


def _effort(line: Line) -> str:
    """Say how many solves an instance takes, and how long."""
    calls = f"{line.solver_calls:.1f}".removesuffix(".0")
    return f"{calls} {'solve' if calls == '1' else 'solves'} ({duration(line.seconds)})"


def duration(seconds: float) -> str:
    """Write seconds with a fitting unit; none, and those that were not measured, as a dash.

    >>> duration(0.00012), duration(0.0), duration(2.5)
    ('120 us', '-', '2.5 s')
    """
    if not seconds > 0.0:
        return "-"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


HEADERS = (
    "method",
    "mean ratio",
    "1st percentile",
    "least",
    "proved",
    "violation",
    "calls",
    "model",
    "solve",
    "predict",
)


MEANINGS = {
    "mean ratio": "the ratio to the reference named above, averaged over the instances; at most 1, whatever the sense",
    "1st percentile": "the ratio that 99 of 100 instances reach",
    "least": "the ratio of the worst instance",
    "proved": "the part of the instances whose answer the method's own bound proves optimal; it may be so more often",
    "violation": "the worst violation of a constraint by any answer, relative to the constraint",
    "calls": "decisions whose best allocation was computed, per instance; for exact search, nodes of its tree",
    "model": "seconds per instance to write the problem for a solver",
    "solve": "seconds per instance to solve it",
    "predict": "seconds per instance to run a network",
    "never changes": "the part of the users who make the same choice in every instance",
}
"""What the titles of a report mean."""


def cells(line: Line) -> list[str]:
    """Return a line's cells in the order of `HEADERS`."""
    ratios = (line.ratio_mean, line.ratio_percentile_1, line.ratio_least)
    return [
        line.label,
        *("-" if np.isnan(ratio) else f"{ratio:.6f}" for ratio in ratios),
        f"{100 * line.proved:.1f} %",
        "-" if np.isnan(line.violation) else f"{line.violation:.1g}",
        f"{line.solver_calls:.1f}",
        duration(line.model_seconds),
        duration(line.solve_seconds),
        duration(line.predict_seconds),
    ]
