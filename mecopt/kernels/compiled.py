"""The decorator of compiled code: numba without the interpreter, cached on disk, compiled by one process for all.

A kernel that a call needs is loaded from the caches, or from what came with mecopt. If neither has it whole, the process
takes its turn with all others that want the same kernel, looks again, and only then compiles. All of this happens while
`mecopt.running.clock` stands still, and who waits is told by `mecopt.running.waiting`.

Locks are always taken in the same order: numba's own between threads, then those of kernels from the caller to the called
(no two kernels call each other). A fork waits for who compiles: the new process would for ever.
"""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from mecopt.contract.errors import BackendUnavailable
from mecopt.kernels import interrupted
from mecopt.running import clock, waiting
from mecopt.running.concurrency import Rank, whole_after_fork

with clock.standing_still():
    from numba import njit, vectorize
    from numba.core import caching, config
    from numba.core.caching import CompileResultCacheImpl, FunctionCache
    from numba.core.compiler_lock import global_compiler_lock
    from numba.core.serialize import dumps
    from numba.extending import overload

    from mecopt.kernels.blas import take_for_granted
    from mecopt.kernels.caches import CacheFolder, built_from, cache_folder
    from mecopt.kernels.prebuilt import Target, for_all, made_with, named, prebuilt
    from mecopt.kernels.turns import turn

whole_after_fork(Rank.COMPILING, global_compiler_lock)

IN_TREE: Any = getattr(caching, "InTreeCacheLocator", None) or caching._InTreeCacheLocator  # numba 0.59 hides it

__all__ = ["by_data", "compiled", "compiled_freely", "compiled_inside", "compiled_with", "overload", "vectorised"]

PATIENCE = 600.0
"""Seconds to wait for a process that compiles the same kernel before compiling it beside that process."""

FLAGS = (
    "OPT",
    "LOOP_VECTORIZE",
    "SLP_VECTORIZE",
    "BOUNDSCHECK",
    "DEBUGINFO_DEFAULT",
)
"""Settings of numba, from the environment, that change the code it makes, beside those of the processor."""

Function = Callable[..., Any]


def compiled(function: Function) -> Any:
    """Compile a function when it is first called, and keep what was compiled."""
    return compiled_with()(function)


def compiled_inside(function: Function) -> Any:
    """Compile a function that compiled code alone calls, without what Python would need to call it: that takes less time."""
    return compiled_with(no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)


def compiled_freely(function: Function) -> Any:
    """Compile a function that lets other threads of Python run meanwhile.

    For what takes tens of microseconds and more: who gets Python back may have to wait for it.
    """
    return compiled_with(nogil=True)(function)


def compiled_with(**options: Any) -> Callable[[Function], Any]:
    """Compile a function with more of numba's options, such as `fastmath`."""

    def decorate(function: Function) -> Any:
        with clock.standing_still():
            _require_compiler()
            kernel: Any = njit(error_model="numpy", **options)(function)
            kernel._cache = cache = _cache_of(function, kernel._cache)
            kernel.compile = partial(_made_ready, cache, function, kernel.compile)
        return kernel

    return decorate


def by_data(generic: Function, kind: type, kernel: Any) -> None:
    """Let compiled code call `kernel` for `generic` where the first argument is a NamedTuple of the type `kind`.

    What is compiled is the function behind the kernel, within its caller.
    """

    @overload(generic, jit_options={"error_model": "numpy"}, strict=False)
    def _kernel(data, *others):  # type: ignore[no-untyped-def]
        return kernel.py_func if getattr(data, "instance_class", None) is kind else None


def vectorised(signature: str) -> Callable[[Function], Any]:
    """Compile a function of numbers to one of arrays, at once: `signature` is numba's, "float64(float64)" for example."""

    def decorate(function: Function) -> Any:
        with clock.standing_still():
            _require_compiler()
            entrywise = vectorize(function)
            dispatcher = entrywise._dispatcher
            dispatcher.cache = cache = _cache_of(function, dispatcher.cache)
            _made_ready(cache, function, entrywise.add, signature)
            entrywise.disable_compile()
        return entrywise

    return decorate


def _require_compiler() -> None:
    if config.DISABLE_JIT:
        raise BackendUnavailable(
            "NUMBA_DISABLE_JIT turns numba's compiler off, and mecopt's own solvers are compiled code; unset it "
            "(NUMBA_BOUNDSCHECK=1 checks every index of compiled code)"
        )


def _cache_of(function: Function, none: Any) -> Any:
    """Return the cache of a function, or `none` where it is in no file, or numba is told of no folder for it."""
    if not Path(function.__code__.co_filename).is_file():
        return none
    try:
        return SharedCache(function)
    except RuntimeError:
        return none


def _made_ready(cache: Any, function: Function, compile_: Callable[[Any], Any], signature: Any) -> Any:
    """Load or compile a kernel; numba calls this once for each signature."""
    with interrupted.heard(), clock.standing_still(), global_compiler_lock, ExitStack() as turns:
        take_for_granted()
        if isinstance(cache, SharedCache):
            cache.turns = turns
        else:
            waiting.compiles(function.__module__, None)
        return compile_(signature)


class _AsInstalled(IN_TREE):
    """The folder beside the source, where nothing may be written: what was warmed up before holds kernels all the same."""

    def ensure_cache_path(self) -> None:
        """Take it as it is."""


class _Files(CompileResultCacheImpl):
    """Where numba keeps a kernel, or where it can at least be read."""

    _locator_classes = (*CompileResultCacheImpl._locator_classes, _AsInstalled)


class SharedCache(FunctionCache):
    """The cache of one kernel, shared with other processes: what it lacks is compiled by one of them."""

    _impl_class = _Files

    def __init__(self, function: Function) -> None:
        super().__init__(function)
        path, beside = Path(self.cache_path), Path(function.__code__.co_filename).parent / "__pycache__"
        self.kept = None if isinstance(self._impl.locator, _AsInstalled) else cache_folder(path)
        folders = {path: cache_folder(path)} | ({} if config.CACHE_DIR else {beside: cache_folder(beside)})
        self._cache_file = _Kernel(function, self._impl.filename_base, self.kept, list(folders.values()))
        stem = Path(function.__code__.co_filename).stem
        self.lock = path / f"{stem}.{function.__qualname__}-{function.__code__.co_firstlineno}.lock"
        self.module = function.__module__
        self.turns = ExitStack()
        """Ends when numba is done with the signature that it asks for."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return what is on disk, if need be after a process that compiles it has put it there; None asks to compile."""
        found = self._loaded(sig, target_context)
        if found is None and self.kept is not None:
            self.turns.enter_context(turn(self.lock, PATIENCE, waiting.another_compiles))
            found = self._loaded(sig, target_context)
        if found is None:
            waiting.compiles(self.module, None if self.kept is None else self.kept.path)
        else:
            waiting.loaded()
        return found

    def _loaded(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # whatever a file that numba cannot use after all makes it raise
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Write what was compiled, where that is possible."""
        if self.kept is not None:
            with contextlib.suppress(OSError):
                super().save_overload(sig, data)


def _kinds(types: Any) -> Iterator[type]:
    """Return the named tuples among numba's types."""
    for one in types:
        if hasattr(one, "instance_class"):
            yield one.instance_class
        yield from _kinds(getattr(one, "types", ()))


class _Kernel:
    """The files of one kernel, one for each of its signatures and all else that its code depends on; numba asks for them."""

    def __init__(self, function: Any, name: str, kept: CacheFolder | None, folders: list[CacheFolder]) -> None:
        self.function, self.name, self.kept, self.folders = function, name, kept, folders

    def _key(self, asked: tuple[Any, ...], target: Target, svml: bool) -> str | None:
        """Return what a file is found by; None for what only this process has a name for."""
        signature, _, bytecode = asked
        kinds = tuple(_kinds(getattr(signature, "args", signature)))
        flags = svml, *(getattr(config, name, None) for name in FLAGS)
        key = repr((built_from(self.function, kinds), signature, bytecode, named(target), flags, made_with()))
        return None if " at 0x" in key else key

    def _own_key(self, asked: tuple[Any, ...]) -> str | None:
        return self._key(asked, asked[1], bool(getattr(config, "USING_SVML", False)))

    def load(self, asked: tuple[Any, ...]) -> Any:
        """Return what was kept or came with mecopt, or None."""
        key = self._own_key(asked)
        if key is None:
            return None
        found = (folder.load(self.name, key) for folder in self.folders)
        payload = next((one for one in found if one is not None), None) or self._prebuilt(asked)
        return None if payload is None else pickle.loads(payload)

    def _prebuilt(self, asked: tuple[Any, ...]) -> bytes | None:
        target = for_all(asked[1])
        return None if target is None else prebuilt().load(self.name, str(self._key(asked, target, svml=False)))

    def save(self, asked: tuple[Any, ...], data: Any) -> None:
        """Keep what was compiled."""
        key = self._own_key(asked)
        if key is not None and self.kept is not None:
            self.kept.save(self.name, key, dumps(data))
