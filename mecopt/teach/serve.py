"""A lesson served on this machine: figures are computed live, for any value between the ends of a slider."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.client import HTTP_PORT
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from mecopt.contract.errors import InstanceError
from mecopt.contract.figure import Figure
from mecopt.contract.lesson import Lesson, Outcome
from mecopt.teach.grids import single
from mecopt.teach.page import page

HOST = "127.0.0.1"
VIEWS = "/view"


def serve(lesson: Lesson, outcomes: Sequence[Outcome], seed: int = 0, port: int = 0) -> ThreadingHTTPServer:
    """Return a server of the lesson on 127.0.0.1, bound to a port (0: a free one); `serve_forever` runs it.

    It answers this machine only, reads nothing but the values of sliders, and refuses requests that a page from elsewhere
    makes under another name of this address.
    """
    written = page(lesson, outcomes, seed, live=VIEWS)
    figures = {str(number): step.figure for number, step in enumerate(lesson.steps, 1) if step.figure is not None}
    return ThreadingHTTPServer((HOST, port), _handler(written, figures))


def view(figures: dict[str, Figure], path: str) -> tuple[HTTPStatus, str]:
    """Answer ``/view/STEP?slider=value&...``: a view as JSON, or a sentence on what is wrong with it."""
    parts = urlsplit(path)
    figure = figures.get(parts.path.removeprefix(f"{VIEWS}/"))
    if figure is None:
        return HTTPStatus.NOT_FOUND, f"no such figure; there are some in the steps {', '.join(figures)}"
    try:
        return HTTPStatus.OK, json.dumps(single(figure, _values(figure, parts.query)))
    except InstanceError as error:
        return HTTPStatus.BAD_REQUEST, str(error)


def _values(figure: Figure, query: str) -> dict[str, float]:
    """Return the numbers of a query by their names; what is no number is left to the slider to refuse in its own words."""
    try:
        texts = parse_qsl(query, keep_blank_values=True, max_num_fields=20)
    except ValueError:
        raise InstanceError("the address has more than 20 values; allowed: one for each slider") from None
    known = {slider.name: slider for slider in figure.sliders}
    values: dict[str, float] = {}
    for name, text in texts:
        try:
            values[name] = float(text)
        except ValueError:
            if name in known:
                raise known[name].refusal(text) from None
            values[name] = math.nan
    return values


def hosts(port: int) -> set[str]:
    """Return the names by which this machine is asked at a port; browsers leave the port of HTTP out."""
    names = (HOST, "localhost")
    return {f"{name}:{port}" for name in names} | (set(names) if port == HTTP_PORT else set())


def _handler(written: str, figures: dict[str, Figure]) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            port = getattr(self.server, "server_port", 0)
            if self.headers.get("Host") not in hosts(port):
                self._answer(HTTPStatus.FORBIDDEN, "text/plain", f"ask {HOST}:{port}")
            elif self.path == "/":
                self._answer(HTTPStatus.OK, "text/html", written)
            else:
                status, text = view(figures, self.path)
                self._answer(status, "application/json" if status is HTTPStatus.OK else "text/plain", text)

        def _answer(self, status: HTTPStatus, kind: str, text: str) -> None:
            content = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: a line for each view would drown what the terminal tells."""

    return Handler
