"""Compiled kernels on disk: whole, built from what runs, and not believed otherwise, whoever else uses the folder.

A kernel is a file, found by everything that its code depends on: the functions and constants that run, the types, the
compiler, the processor. numba's own caches notice when the file of a kernel changes, but not when one that it calls from
another file does, and they unpickle what they find. Here a digest stands in front of what was pickled and is compared first:
what is damaged, cut short or of another make is as good as missing, and replaced. Nobody reads what other sources built.

The digest is no signature: what is unpickled can run anything. So kernels are read only where nobody can have put them who
could not have changed mecopt itself: folders and files of this user, the administrator or the owner of the sources, which
not everybody may write, nor, of files, a group that may not write the sources. An unpickler that takes less than everything
would shut no door: a kernel is machine code.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import stat
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

MAGIC = b"mecopt kernel 1\n"
HEAD = len(MAGIC) + hashlib.sha256().digest_size

OTHERS = 2
"""Versions of the sources whose kernels are kept beside those of the newest writer."""

ALONE = 0o644
"""Who may do what with the file of a kernel: everybody reads, the owner writes, whatever else the umask would allow."""

BINARY = getattr(os, "O_BINARY", 0)
"""Windows would change ends of lines otherwise."""

ABANDONED = 86400.0
"""Seconds after which a file that nobody finished belongs to a process that was killed."""

NAMED = re.compile(r"\.([0-9a-f]{12})\.[0-9a-f]{16}\.nbc$")

KERNELS = (b"numba", b"kernels.compiled")
"""What sources of compiled code speak of."""


# ---------------------------------------------------------------------- what a kernel is built from


def digest_of(root: Path) -> str:
    """Name the sources of all compiled code below a folder, or in one file."""
    sources = []
    for path in _sources(root):
        content = path.read_bytes()
        if any(word in content for word in KERNELS):
            sources.append((path.name, content))
    return hashlib.sha256(repr(sorted(sources)).encode()).hexdigest()


def _sources(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield root
    for folder, _, files in os.walk(root, followlinks=True):
        yield from (Path(folder, name) for name in files if name.endswith(".py"))


@cache
def own_digest() -> str:
    """Name mecopt's own sources of compiled code."""
    return digest_of(Path(__file__).parents[1])


@cache
def _digest_of_package(name: str) -> str:
    """Name the sources of compiled code of somebody else's package, or module."""
    module = sys.modules.get(name)
    places = [*getattr(module, "__path__", ())] or [getattr(module, "__file__", None) or name]
    return ",".join(digest_of(Path(place)) for place in places)


def built_from(function: FunctionType, kinds: tuple[type, ...] = ()) -> str:
    """Name what the code of a kernel is made of: the functions that it calls and the constants that it reads, as they run.

    Parameters
    ----------
    function
        that is compiled.
    kinds
        classes among the types of its arguments. What stands for a function where it is called with them, numba's
        `overload`, is found by the sources of their package.
    """
    reached, waiting, parts = {id(function)}, [function], []
    while waiting:
        part, called = _part(waiting.pop())
        parts.append(part)
        for one in called:
            if id(one) not in reached:
                reached.add(id(one))
                waiting.append(one)
    packages = {one.__module__.partition(".")[0] for one in (function, *kinds)} - {"mecopt"}
    foreign = [_digest_of_package(name) for name in sorted(packages)]
    whole = own_digest(), foreign, [_constant(kind) for kind in kinds], parts[0], sorted(parts)
    return hashlib.sha256(repr(whole).encode()).hexdigest()


@cache
def _part(function: FunctionType) -> tuple[str, tuple[FunctionType, ...]]:
    """Name one function and the constants that it reads, without the functions that it calls, and return these."""
    codes = list(_codes(function.__code__))
    names = sorted({name for code in codes for name in code.co_names})
    values = [(name, function.__globals__[name]) for name in names if name in function.__globals__]
    values += [(str(k), cell.cell_contents) for k, cell in enumerate(function.__closure__ or ())]
    values += [
        (f"{name}.{part}", getattr(module, part))
        for name, module in list(values)
        if isinstance(module, ModuleType)
        for part in names
        if hasattr(module, part)
    ]
    said = [repr((code.co_code, list(map(_constant, code.co_consts)), code.co_names)) for code in codes]
    said += [_constant(function.__defaults__), *(f"{name} = {_constant(value)}" for name, value in values)]
    called = (getattr(value, "py_func", value) for _, value in values)
    followed = tuple(one for one in called if isinstance(one, FunctionType) and not _outside(one))
    return hashlib.sha256("\n".join(said).encode()).hexdigest(), followed


def _outside(function: FunctionType) -> bool:
    """Whether a function belongs to the compiler, which has its own version, and knows it by name."""
    return function.__module__.partition(".")[0] in ("numba", "numpy", "math")


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _constant(value: Any) -> str:
    """Return the value of what is compiled into code; of functions and modules, which have no value, the kind alone."""
    if isinstance(value, bool | int | float | complex | str | bytes | np.generic | None):
        return repr(value)
    if isinstance(value, tuple | list):
        return repr([_constant(entry) for entry in value])
    if isinstance(value, frozenset):
        return repr(sorted(map(_constant, value)))
    if isinstance(value, np.ndarray):
        return repr((value.dtype.str, value.shape, value.tobytes()))
    if isinstance(value, type):
        return repr((value.__qualname__, getattr(value, "_fields", ())))
    return type(value).__name__


# ---------------------------------------------------------------------- files


def file_name(digest: str, name: str, key: str) -> str:
    """Return the name of a kernel's file: the sources by their digest, and all else that its code depends on by the key."""
    return f"{name}.{digest[:12]}.{hashlib.sha256(key.encode()).hexdigest()[:16]}.nbc"


def trusted(path: Path) -> bytes | None:
    """Return what is in a file, or None where there is none, or somebody can have written it who could not change mecopt."""
    try:
        with path.open("rb") as file:
            own = os.fstat(file.fileno())  # of what is read, whatever stands under its name by now
            if _trusted(path.parent.stat()) and _trusted(own) and not _of_a_group(own):
                return file.read()
    except OSError:
        pass
    return None


def sealed(payload: bytes, key: str) -> bytes:
    """Return the content of a kernel's file."""
    return MAGIC + _seal(key, payload) + payload


def unsealed(content: bytes | None, key: str) -> bytes | None:
    """Return what was sealed with the same key, or None where it is not whole."""
    head, payload = (content or b"")[:HEAD], (content or b"")[HEAD:]
    return payload if head == MAGIC + _seal(key, payload) else None


class CacheFolder:
    """A folder of kernels, as a process sees it whose sources have a digest."""

    def __init__(self, path: Path, digest: str) -> None:
        self.path, self.digest = path, digest
        self.loaded: set[Path] = set()
        """Files of the kernels that this process has loaded."""
        self._tidy = False

    def file(self, name: str, key: str) -> Path:
        """Return where a kernel is kept."""
        return self.path / file_name(self.digest, name, key)

    def files(self) -> list[Path]:
        """Return the kernels of these sources."""
        return sorted(self.path.glob(f"*.{self.digest[:12]}.*.nbc"))

    def load(self, name: str, key: str) -> bytes | None:
        """Return what was kept of a kernel, or None where there is nothing that can be believed."""
        file = self.file(name, key)
        payload = unsealed(trusted(file), key)
        if payload is not None:
            self.loaded.add(file)
        return payload

    def save(self, name: str, key: str, payload: bytes) -> None:
        """Keep a kernel; where it cannot be written the next process compiles it again."""
        path = self.file(name, key)
        begun = self.path / f".{path.name}.{secrets.token_hex(4)}"
        try:
            with os.fdopen(os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY, ALONE), "wb") as file:
                file.write(sealed(payload, key))
            os.replace(begun, path)
        except OSError:
            with contextlib.suppress(OSError):
                begun.unlink()
        if not self._tidy:
            self._tidy = True
            self.tidy()

    def tidy(self) -> None:
        """Delete what nobody will read: kernels of all other sources but the newest, and what was never finished."""
        versions: dict[str, list[tuple[float, Path]]] = {}
        gone: list[Path] = []
        with contextlib.suppress(OSError):
            for path in self.path.iterdir():
                named = NAMED.search(path.name)
                if named is not None and named[1] != self.digest[:12]:
                    versions.setdefault(named[1], []).append((path.stat().st_mtime, path))
                elif ".nbc." in path.name and path.stat().st_mtime < time.time() - ABANDONED:
                    gone.append(path)
        for old in sorted(versions, key=lambda version: max(versions[version]), reverse=True)[OTHERS:]:
            gone += [path for _, path in versions[old]]
        for path in gone:
            with contextlib.suppress(OSError):
                path.unlink()


def _of_a_group(known: os.stat_result) -> bool:
    """Whether a group may write a file that may not write mecopt's sources; its owner would stay the same."""
    sources = Path(__file__).stat()
    theirs = bool(sources.st_mode & stat.S_IWGRP) and sources.st_gid == known.st_gid
    return hasattr(os, "getuid") and bool(known.st_mode & stat.S_IWGRP) and not theirs


def _trusted(known: os.stat_result) -> bool:
    """Whether who can have written here could as well have changed mecopt; Windows keeps others out by itself."""
    if not hasattr(os, "getuid"):
        return True
    sources = Path(__file__).stat()
    everybody = known.st_mode & ~sources.st_mode & stat.S_IWOTH
    return known.st_uid in (os.getuid(), 0, sources.st_uid) and not everybody


def _seal(key: str, payload: bytes) -> bytes:
    return hashlib.sha256(key.encode() + b"\0" + payload).digest()


_used: dict[Path, CacheFolder] = {}


def cache_folder(path: Path) -> CacheFolder:
    """Return a folder of kernels for this process."""
    return _used.setdefault(path, CacheFolder(path, own_digest()))


def loaded_files() -> list[Path]:
    """Return the files of the kernels that this process has loaded."""
    return sorted(path for folder in _used.values() for path in folder.loaded)


def used_files() -> dict[str, int]:
    """Return the files in which kernels like those that this process has imported are kept, and their sizes."""
    return {str(path): path.stat().st_size for folder in _used.values() for path in folder.files()}
