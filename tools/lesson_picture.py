"""Make the README's picture of a lesson anew: `python tools/lesson_picture.py`; needs playwright and chromium on PATH.

A figure of a lesson is opened as a page of its own, in a window as wide as the README's column, and photographed.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from mecopt.registry import find_problem
from mecopt.teach.page import asset, fragment

PROBLEM, STEP = "binary-offloading", 6
WHERE = Path(__file__).parents[1] / "docs" / "images" / "lesson.png"
WIDTH, SCALE = 752, 1.5
"""Of the window, in points, and pixels for each of them."""
PATIENCE = 300_000.0


def written() -> str:
    """Return the page of the figure alone."""
    figure = find_problem(PROBLEM).lesson().step(STEP).figure
    if figure is None:
        raise SystemExit(f"step {STEP} of {PROBLEM} has no figure")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><style>{asset("page.css")}</style></head>'
        f'<body class="mecopt-lesson"><main>{fragment(figure)}</main><script>{asset("page.js")}</script></body></html>'
    )


def main() -> int:
    """Write the picture."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("no chromium on PATH")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as started:
        page = Path(folder) / "figure.html"
        page.write_text(written(), encoding="utf-8")
        opened = started.chromium.launch(executable_path=browser, args=["--no-sandbox"], timeout=PATIENCE)
        shown = opened.new_page(
            viewport={"width": WIDTH, "height": 900}, device_scale_factor=SCALE, color_scheme="light", offline=True
        )
        shown.goto(page.as_uri())
        shown.locator(".mecopt-figure").screenshot(path=WHERE, timeout=PATIENCE)
        opened.close()
    print(f"wrote {WHERE}: {WHERE.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
