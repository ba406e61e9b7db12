"""What is said while kernels are compiled: once per process and problem, on standard error, with the seconds it will take.

The line is a warning of the logger "mecopt": an application's own logging takes it like any other, and
`logging.getLogger("mecopt").setLevel("ERROR")` or the environment variable MECOPT_QUIET=1 silences it. Processes of one run
speak with one voice, see `one_voice`.

The expected seconds are a problem's own `compile_seconds`, measured on another machine, corrected by what the same took on
this one before (kept beside the caches), and scaled by how fast this machine works at that moment, on a piece of work of
known length: a loaded machine is told more. Who already has some of the kernels is told a limit.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from mecopt.running import clock
from mecopt.storage.atomic import temporary_folder, write_whole

LOGGER = logging.getLogger("mecopt")

QUIET, VOICE = "MECOPT_QUIET", "MECOPT_VOICE"
"""Environment variables: not to say anything, and the folder in which processes of one run note what was said."""

TIMES = "compile-times.json"

ALL = "all"
"""Name of the method that needs all kernels of a problem."""

REFERENCE_PACE = 0.038
"""Seconds of `pace` on the machine on which the problems' `compile_seconds` were measured, otherwise idle."""

P = ParamSpec("P")
R = TypeVar("R")


@dataclass
class _Call:
    """A call that may have to wait for kernels, and what was measured of it; its names are looked up if it has to."""

    of: Any
    """The problem."""
    chosen: Any
    """The solver or backend, or its name; None for the first that the problem has."""
    methods: str
    """The problem's mapping of these."""
    compiled_before: float
    whole: bool = False
    """Whether it began without any kernel."""
    folder: Path | None = None
    pace: float = 0.0

    @property
    def problem(self) -> str:
        return str(getattr(self.of, "name", ""))

    @property
    def method(self) -> str | None:
        if self.chosen is None:
            return next(iter(getattr(self.of, self.methods, ())), None)
        return str(getattr(self.chosen, "name", self.chosen))

    @property
    def known(self) -> Mapping[str, tuple[float, float]]:
        known: Mapping[str, tuple[float, float]] = getattr(self.of, "compile_seconds", {})
        return known

    @property
    def key(self) -> str:
        return f"{self.problem}/{self.method}"


class _Calls(threading.local):
    current: _Call | None = None


_calls = _Calls()
_told: set[str] = set()
_silent: ContextVar[bool] = ContextVar("silent", default=False)
_leads = False
"""Whether this process began the run that speaks with one voice."""
_ready = False
"""Whether this process has any kernel."""


class on_behalf_of:  # noqa: N801 - it is used as a context manager that is a function
    """Name the problem, and the solver or backend, that kernels are compiled for; the outermost names count."""

    __slots__ = ("call",)

    def __init__(self, problem: Any, method: Any = None, methods: str = "") -> None:
        self.call = None
        if _calls.current is None:
            self.call = _Call(problem, method, methods, clock.compiled_seconds())

    def __enter__(self) -> None:
        if self.call is not None:
            _calls.current = self.call

    def __exit__(self, raised: object, *more: object) -> None:
        if self.call is not None:
            _calls.current = None
            if raised is None:
                _remember(self.call)


def told(argument: str, known: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a verb: it works on behalf of its first argument, a problem, by the method that another argument names.

    Parameters
    ----------
    argument
        name of the argument; None means the first of the problem's methods.
    known
        name of the problem's mapping of methods.
    """

    def decorate(verb: Callable[P, R]) -> Callable[P, R]:
        @wraps(verb)
        def speaking(*args: P.args, **kwargs: P.kwargs) -> R:
            with on_behalf_of(args[0] if args else kwargs.get("problem"), kwargs.get(argument), known):
                return verb(*args, **kwargs)

        return speaking

    return decorate


def compiles(module: str, folder: Path | None) -> None:
    """Say, unless it was said, that a kernel of a module is being compiled; it will be kept in a folder, or nowhere."""
    global _ready
    clock.compiling()
    call = _calls.current
    name = (call.problem if call else "") or _problem_of(module)
    if name not in _told:
        _told.add(name)
        measured = pace()
        if call is not None and folder is not None:
            call.whole, call.folder, call.pace = not _ready, folder, measured
        if folder is not None:
            kept = "once per machine; `mecopt warm-up` compiles all"
        else:
            kept = "once per process, as no folder for them can be written to; NUMBA_CACHE_DIR names another"
        long = _expected(call, name, folder, measured)
        _say(f"compiling-{name}", f"compiling the kernels of {name}, {long}, {kept}")
    _ready = True


def another_compiles() -> None:
    """Say, unless it was said, that another process compiles what this one needs; of one run that process says enough."""
    clock.compiling()
    if VOICE in os.environ and not _leads:
        return
    name = _calls.current.problem if _calls.current else "mecopt"
    if "another" not in _told:
        _told.add("another")
        _say("another", f"another process is compiling kernels of {name or 'mecopt'}; waiting for it")


def loaded() -> None:
    """Note that a kernel was there."""
    global _ready
    _ready = True


def said() -> int:
    """Return how often this process has said something."""
    return len(_told)


@contextmanager
def silence() -> Iterator[None]:
    """Say nothing inside: whoever calls tells it in another way."""
    token = _silent.set(True)
    try:
        yield
    finally:
        _silent.reset(token)


def seconds_of_all(problem: Any) -> float | None:
    """Return the seconds that all kernels of a problem should take to compile now; None where nobody knows."""
    known = problem.compile_seconds
    return known[ALL][1] * pace() / REFERENCE_PACE if ALL in known else None


def one_voice() -> None:
    """Let the processes that this one will start say once, all together, what each would say."""
    global _leads
    if VOICE not in os.environ:
        _leads = True
        folder = temporary_folder()
        os.environ[VOICE] = folder
        atexit.register(_end_voice, folder, os.getpid())


def pace() -> float:
    """Return the seconds of a piece of work like a compiler's: more on a slower machine, or one that does other work too."""
    line = "def f{0}(x, y):\n    return [x[i] * y + {0} for i in range(x[{0}]) if i % 2 and y > x[i]]\n"
    source = "".join(map(line.format, range(40)))
    began = time.perf_counter()
    for _ in range(40):
        compile(source, "pace", "exec")
    return time.perf_counter() - began


def _say(what: str, text: str) -> None:
    if _silent.get() or os.environ.get(QUIET, "0") not in ("", "0"):
        return
    voice = os.environ.get(VOICE)
    if voice is not None:
        try:
            (Path(voice) / what).touch(exist_ok=False)
        except FileExistsError:
            return
        except OSError:
            pass  # said twice is better than not at all
    LOGGER.warning("mecopt: %s", text)


def _end_voice(folder: str, process: int) -> None:
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


def _expected(call: _Call | None, name: str, folder: Path | None, measured: float) -> str:
    """Return the expected seconds in words."""
    known = call.known if call and call.known else _figures(name)
    method = (call.method if call else None) or ""
    before = _times(folder).get(call.key) if call else None
    some = _ready or bool(known and method not in known)
    if known:
        least, most = known[method] if method in known else max(known.values(), key=lambda figures: figures[1])
        if before is not None:
            correction = before / min(max(before, least), most)
            least, most = least * correction, most * correction
    elif before is not None:
        least = most = before
    else:
        return in_words(None)
    least, most = (seconds * measured / REFERENCE_PACE for seconds in (least, most))
    if some:
        return f"up to {in_words(most)}"
    return in_words(most) if most < 1.5 * least else f"{in_words(least)} to {_rounded(most)}"


def in_words(seconds: float | None) -> str:
    """Return expected seconds as no more than they are."""
    return "some seconds to a minute" if seconds is None else f"about {_rounded(seconds)}"


def _rounded(seconds: float) -> str:
    return f"{max(seconds, 1.0):.0f} s" if seconds < 100.0 else f"{seconds / 60.0:.0f} min"


def _problem_of(module: str) -> str:
    """Return the problem that a module belongs to, as far as its name tells."""
    package, _, rest = module.partition(".models.")
    return rest.partition(".")[0].replace("_", "-") if rest else package.partition(".")[0]


def _figures(name: str) -> Mapping[str, tuple[float, float]]:
    from mecopt.registry import find_problem, problem_names

    return find_problem(name).compile_seconds if name in problem_names() else {}


def _times(folder: Path | None) -> dict[str, float]:
    """Return what earlier compilations took, at the reference's pace; whatever is no such record is left out."""
    if folder is None:
        return {}
    try:
        found = json.loads((folder / TIMES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: seconds for key, seconds in found.items() if isinstance(seconds, float) and seconds > 0.0}


def _remember(call: _Call) -> None:
    """Keep what a call's kernels took, if it needed all of them."""
    if not call.whole or call.folder is None:
        return
    seconds = clock.compiled_seconds() - call.compiled_before
    if seconds > 0.0:
        times = {**_times(call.folder), call.key: seconds * REFERENCE_PACE / call.pace}
        with contextlib.suppress(OSError):
            write_whole(call.folder / TIMES, json.dumps(times, indent=1).encode())
