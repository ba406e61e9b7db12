"""The decorator of compiled code: numba without the interpreter, cached on disk, compiled by one process for all.

A kernel that a call needs is loaded from the caches. If they do not have it, the process takes its turn with all others that
want the same kernel, looks again, and only then compiles. All of this happens while `mecopt.clock` stands still, and who
waits is told by `mecopt.waiting`.

Locks are always taken in the same order: numba's own between threads, then those of kernels from the caller to the called
(no two kernels call each other), then that of a folder. A fork waits for who compiles: the new process would for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from mecopt import clock, waiting
from mecopt.concurrency import Rank, whole_after_fork

with clock.standing_still():
    from numba import njit, vectorize
    from numba.core.caching import FunctionCache
    from numba.core.compiler_lock import global_compiler_lock
    from numba.extending import overload

    from mecopt.kernels.caches import cache_folder
    from mecopt.kernels.turns import turn

whole_after_fork(Rank.COMPILING, global_compiler_lock)

__all__ = ["compiled", "compiled_with", "overload", "vectorised"]

PATIENCE = 600.0
"""Seconds to wait for a process that compiles the same kernel before compiling it beside that process."""

Function = Callable[..., Any]


def compiled(function: Function) -> Any:
    """Compile a function when it is first called, and keep what was compiled."""
    return compiled_with()(function)


def compiled_with(**options: Any) -> Callable[[Function], Any]:
    """Compile a function with more of numba's options, such as `fastmath`."""

    def decorate(function: Function) -> Any:
        with clock.standing_still():
            kernel: Any = njit(error_model="numpy", **options)(function)
            if hasattr(kernel, "py_func"):  # it is the function itself where NUMBA_DISABLE_JIT asks for that
                kernel._cache = cache = _cache_of(function, kernel._cache)
                kernel.compile = partial(_made_ready, cache, function, kernel.compile)
        return kernel

    return decorate


def vectorised(signature: str) -> Callable[[Function], Any]:
    """Compile a function of numbers to one of arrays, at once: `signature` is numba's, "float64(float64)" for example."""

    def decorate(function: Function) -> Any:
        with clock.standing_still():
            entrywise = vectorize(function)
            dispatcher = entrywise._dispatcher
            dispatcher.cache = cache = _cache_of(function, dispatcher.cache)
            _made_ready(cache, function, entrywise.add, signature)
            entrywise.disable_compile()
        return entrywise

    return decorate


def _cache_of(function: Function, none: Any) -> Any:
    """Return the cache of a function, or `none` where numba finds no folder that it may write to."""
    try:
        return SharedCache(function)
    except RuntimeError:
        return none


def _made_ready(cache: Any, function: Function, compile_: Callable[[Any], Any], signature: Any) -> Any:
    """Load or compile a kernel; numba calls this once for each signature."""
    with clock.standing_still(), global_compiler_lock, ExitStack() as turns:
        if isinstance(cache, SharedCache):
            cache.turns = turns
        else:
            waiting.compiles(function.__module__, None)
        return compile_(signature)


class SharedCache(FunctionCache):
    """The cache of one kernel, shared with other processes: what it lacks is compiled by one of them."""

    def __init__(self, function: Function) -> None:
        super().__init__(function)
        path = Path(self.cache_path)
        self.folder = cache_folder(path)
        stem = Path(function.__code__.co_filename).stem
        self.lock = path / f"{stem}.{function.__qualname__}-{function.__code__.co_firstlineno}.lock"
        self.module = function.__module__
        self.turns = ExitStack()
        """Ends when numba is done with the signature that it asks for."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return what is on disk, if need be after a process that compiles it has put it there; None asks to compile."""
        load = partial(self.folder.load, partial(super().load_overload, sig, target_context))
        found = load()
        if found is None:
            self.turns.enter_context(turn(self.lock, PATIENCE, waiting.another_compiles))
            found = load()
        if found is None:
            waiting.compiles(self.module, self.folder.path)
        else:
            waiting.loaded()
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        """Write what was compiled."""
        self.folder.save(partial(super().save_overload, sig, data))
