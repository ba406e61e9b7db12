"""A lesson as one HTML page: words, formulas, checks, figures with sliders and exercises; no network, no server."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from mecopt.contract.figure import Figure, Slider
from mecopt.contract.lesson import Exercise, Lesson, Outcome, Step, is_display, paragraphs, words
from mecopt.teach.formulas import mathml
from mecopt.teach.grids import gridded, single

Data = Callable[[Figure], dict[str, Any]]


@cache
def asset(name: str) -> str:
    """Return the text of a file beside this one: ``page.css``, ``page.js``."""
    return files("mecopt.teach").joinpath(name).read_text(encoding="utf-8")


def page(lesson: Lesson, outcomes: Sequence[Outcome], seed: int = 0, live: str | None = None) -> str:
    """Return the page.

    Parameters
    ----------
    outcomes
        of the steps' checks, as `Lesson.run` returns them.
    seed
        by which they were run.
    live
        address that answers for values between the sliders' grids, where the page is served; without it the page carries
        every view of the grids.
    """
    held = sum(outcome.passed for outcome in outcomes)
    contents = "".join(
        f'<li><a href="#step-{number}">{html.escape(step.title)}</a></li>' for number, step in enumerate(lesson.steps, 1)
    )
    told = "".join(
        _step(number, step, outcome, live)
        for number, (step, outcome) in enumerate(zip(lesson.steps, outcomes, strict=True), 1)
    )
    asked = "".join(_exercise(number, one) for number, one in enumerate(lesson.exercises, 1))
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">
<title>{html.escape(lesson.title)}</title><style>{asset("page.css")}</style></head>
<body class="mecopt-lesson">
<header><h1>{html.escape(lesson.title)}</h1></header>
<main>
{_words(lesson.introduction)}
<nav aria-label="Steps"><ol>{contents}</ol></nav>
{told}
{'<h2 id="exercises">Exercises</h2>' + asked if asked else ""}
</main>
<footer><p>{held} of {len(outcomes)} checks passed (seed {seed}) when this page was made by
<code>mecopt explain {html.escape(lesson.problem)}</code>.</p></footer>
<script>{asset("page.js")}</script>
</body></html>
"""


def fragment(figure: Figure, live: str | None = None) -> str:
    """Return a figure as a part of a page that has ``page.css`` and ``page.js``."""
    data = gridded(figure) if live is None else single(figure, {one.name: one.values[one.start] for one in figure.sliders})
    where = "" if live is None else f' data-live="{html.escape(live)}"'
    sliders = "".join(_slider(slider, live is not None) for slider in figure.sliders)
    written = json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")
    return f"""<section class="mecopt-figure" aria-label="{html.escape(figure.title)}"{where}>
<p class="title">{html.escape(figure.title)}</p>
<p class="caption">{html.escape(words(figure.caption))}</p>
{sliders}
<div class="panels"></div>
<p class="says" aria-live="polite"></p>
<dl></dl>
<p class="certified"></p>
<script type="application/json">{written}</script>
</section>"""


def _slider(slider: Slider, live: bool) -> str:
    least, most = slider.values[0], slider.values[-1]
    if live:
        step = "1" if slider.whole else f"{(most - least) / 1000:.3g}"
        range_ = f'min="{least}" max="{most}" step="{step}" value="{slider.values[slider.start]}"'
    else:
        range_ = f'min="0" max="{len(slider.values) - 1}" step="1" value="{slider.start}"'
    return (
        f'<label class="slider"><span>{html.escape(slider.label)}</span><input type="range" {range_} '
        f'name="{html.escape(slider.name)}" data-unit="{html.escape(slider.unit)}"><output></output></label>'
    )


def _step(number: int, step: Step, outcome: Outcome, live: str | None) -> str:
    statement = "".join(_formula(text) if formula else _words(text) for formula, text in step.told())
    picture = "" if step.figure is None else fragment(step.figure, None if live is None else f"{live}/{number}")
    measured = "".join(
        f'<li><span class="{"passed" if part.passed else "failed"}">{part.mark}</span> {html.escape(part.line)}</li>'
        for part in outcome.parts or (outcome,)
    )
    return f"""<h2 id="step-{number}">{number}. {html.escape(step.title)}</h2>
{statement}
{picture}
<h3>Why</h3>
{_words(step.argument)}
<h3>Check</h3>
<ul class="checks">{measured}</ul>
"""


def _exercise(number: int, one: Exercise) -> str:
    right = one.answer()
    unit = f" {html.escape(one.unit)}" if one.unit else ""
    return f"""<div class="exercise"><h3>Exercise {number}</h3>
{_words(one.question)}
<form data-answer="{right!r}" data-allowed="{one.tolerance * abs(right)!r}"><label>Your answer
<input name="answer" inputmode="decimal" autocomplete="off"></label>{unit} <button>Check</button>
<p role="status"></p></form>
<details><summary>Answer</summary><p><strong>{right:.6g}{unit}</strong></p>{_words(one.explanation)}</details></div>
"""


def _formula(latex: str) -> str:
    return f'<div class="formula wide" tabindex="0" role="group" aria-label="formula">{mathml(latex)}</div>'


def _words(text: str) -> str:
    """Return paragraphs of words, and displayed formulas as they stand."""
    return "\n".join(
        f'<pre class="wide" tabindex="0">{html.escape(_flush(paragraph))}</pre>'
        if is_display(paragraph)
        else f"<p>{html.escape(words(paragraph))}</p>"
        for paragraph in paragraphs(text)
    )


def _flush(paragraph: str) -> str:
    """Return a displayed formula without the margin that marks it as one."""
    margin = min(len(line) - len(line.lstrip()) for line in paragraph.splitlines() if line.strip())
    return "\n".join(line[margin:] for line in paragraph.splitlines())
