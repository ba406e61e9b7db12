"""Pages of HTML that need nothing else: one style, tables, and pictures inside of them."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from typing import Any

from mecopt.show.numbers import plainly, says

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1d2530; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .92rem }
th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid #e2e6ea }
th:first-child, td:first-child { text-align: left } th { border-bottom: 2px solid #9aa4af }
.term { position: relative; text-decoration: underline dotted #6d7783; cursor: help }
.term:is(:hover, :focus)::after { content: attr(data-meaning); position: absolute; z-index: 1; top: 1.6em; right: 0;
  width: 16rem; padding: .4rem .6rem; background: #1d2530; color: #fff; font: .85rem/1.4 system-ui, sans-serif;
  text-align: left; white-space: normal }
td .term:is(:hover, :focus)::after { top: auto; bottom: 1.6em }
td .term:is(:hover, :focus)::after, th:first-child .term:is(:hover, :focus)::after { left: 0; right: auto }
img { max-width: 100% } .scroll { overflow-x: auto } dt { font-weight: 600 } dd { margin: 0 0 .4rem 1rem }
"""


_NONE: Mapping[str, str] = {}


def html_page(title: str, body: str) -> str:
    """Return a whole page."""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body>
<main>
<h1>{html.escape(title)}</h1>
{body}
</main>
</body></html>
"""


def images(pictures: Mapping[str, bytes]) -> str:
    """Return pictures by name as parts of the page."""
    found = "".join(
        f'<p><img alt="{name}" src="data:image/png;base64,{base64.b64encode(content).decode()}"></p>'
        for name, content in pictures.items()
    )
    return found or "<p>There is nothing to draw.</p>"


def html_table(head: Sequence[str], rows: Sequence[Sequence[str]], meanings: Mapping[str, str] = _NONE) -> str:
    """Return a table; numbers are to the right. Titles and names of rows tell what they mean to who points at them."""
    titles = "".join(f"<th>{_term(name, meanings)}</th>" for name in head)
    body = "".join(
        "<tr>"
        + "".join(f"<td>{html.escape(cell) if k else _term(cell, meanings)}</td>" for k, cell in enumerate(row))
        + "</tr>"
        for row in rows
    )
    return f'<div class="scroll" tabindex="0"><table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>'


def _term(name: str, meanings: Mapping[str, str]) -> str:
    """Return a name that tells what it means, to a pointer, to the keyboard and to who reads aloud."""
    if name not in meanings:
        return html.escape(name)
    meaning = html.escape(meanings[name])
    name = html.escape(name)
    return (
        f'<span class="term" tabindex="0" role="note" data-meaning="{meaning}" aria-label="{name}: {meaning}">{name}</span>'
    )


def details(told: Mapping[str, Any]) -> str:
    """Return names and values as a list; what says nothing is left out."""
    said = {str(name).replace("_", " "): plainly(value) for name, value in told.items() if says(value)}
    found = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(text)}</dd>" for name, text in said.items())
    return f"<dl>{found}</dl>"
