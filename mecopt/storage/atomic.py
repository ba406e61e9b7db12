"""Files that are written completely or not at all, and the name of the code that wrote them."""

import contextlib
import hashlib
import inspect
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

from mecopt.contract.errors import InstanceError

DAY = 86400.0

BRIEFLY = 5.0
"""Seconds for which a call of several waits for the lock of the whole folder, which others hold no longer than a moment."""

LOCK, HOLDER = ".mecopt.lock", ".mecopt.holder"
"""Files of a folder that a run has to itself: the operating system's lock, which ends with its process, and whose it is."""


TEMPORARY = re.compile(r"\.mecopt\.([1-9]\d*)\.([0-9a-f]{8})[0-9a-f]{8}")
"""Names of files while they are written: by which process, and which of those that have had its number."""

_TOKEN = secrets.token_hex(4)

_held: ContextVar[frozenset[Path]] = ContextVar("held", default=frozenset())


@contextmanager
def made(folder: Path) -> Iterator[None]:
    """Make a folder; one that nothing was written to is taken back where the work in it ends in an error.

    So settings that are refused, however late, leave nothing behind; what stood there before stays.
    """
    folder = Path(folder).absolute()
    new = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for one in new:
            with contextlib.suppress(OSError):  # something was written
                one.rmdir()
        raise


@contextmanager
def to_myself(folder: Path) -> Iterator[None]:
    """Make a folder for the results of one run, and hold it: what cannot be written is refused before work begins.

    Whoever holds it already holds it on.

    Raises
    ------
    InstanceError
        where there can be no such folder, where it cannot be written to, or where another run is writing.
    """
    folder = Path(folder).absolute()
    if folder in _held.get():
        yield
        return
    with _writable(folder), _locked(folder):
        yield


@contextmanager
def of_shard(folder: Path, number: int, count: int) -> Iterator[None]:
    """Make a folder, and hold it as one of several calls that write parts of their own side by side; see `to_myself`.

    Nothing is swept: whose half-written files are whose only the one knows that has the folder to itself.
    """
    folder = Path(folder).absolute()
    if folder in _held.get():
        yield
        return
    with _writable(folder), _locked_beside_others(folder, f"{number}-{count}"):
        yield


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    """Make a folder that can be written to."""
    with contextlib.ExitStack() as making:
        try:
            making.enter_context(made(folder))
            tempfile.TemporaryFile(dir=folder).close()
        except FileExistsError:
            raise InstanceError(f"{folder} is a file; allowed: a folder, which is made where there is none") from None
        except OSError as error:
            raise InstanceError(f"nothing can be written to the folder {folder}: {error.strerror}") from None
        yield


@contextmanager
def _locked_beside_others(folder: Path, name: str) -> Iterator[None]:
    """Hold the lock of one of several calls, which nobody has who holds the folder to himself."""
    from filelock import FileLock, Timeout

    lock, whole = FileLock(folder / f"{LOCK}.{name}"), FileLock(folder / LOCK)
    shard = name.replace("-", "/")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InstanceError(f"{folder} is in use by shard {shard}; wait for its end, or name another folder") from None
    except (OSError, NotImplementedError):  # a file system without locks
        yield
        return
    token = _held.set(_held.get() | {folder})
    try:
        try:
            whole.acquire(timeout=BRIEFLY)  # other shards that begin ask for it, too
        except Timeout:
            raise InstanceError(
                f"{folder} is in use by a run without shards; wait for its end, or name another folder"
            ) from None
        whole.release()
        yield
    finally:
        _held.reset(token)
        (folder / f"{LOCK}.{name}").unlink(missing_ok=True)
        lock.release()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, and say who does."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        with contextlib.suppress(OSError):
            holder = (folder / HOLDER).read_text(encoding="utf-8").strip()
            raise InstanceError(f"{folder} is in use by {holder}; wait for its end, or name another folder") from None
        raise InstanceError(f"{folder} is in use by another run; wait for its end, or name another folder") from None
    except (OSError, NotImplementedError):  # a file system without locks
        yield
        return
    try:
        _without_shards(folder)
    except InstanceError:
        lock.release()
        raise
    token = _held.set(_held.get() | {folder})
    try:
        (folder / HOLDER).write_text(f"the process {os.getpid()}", encoding="utf-8")
        sweep(folder)
        yield
    finally:
        _held.reset(token)
        sweep(folder)
        for name in (HOLDER, LOCK):
            with contextlib.suppress(OSError):
                (folder / name).unlink()
        lock.release()


def _without_shards(folder: Path) -> None:
    """Raise `InstanceError` where a call of several is at work in a folder; remove what those have left that were killed."""
    from filelock import FileLock, Timeout

    for path in folder.glob(f"{LOCK}.*"):
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            shard = path.name.removeprefix(f"{LOCK}.").replace("-", "/")
            raise InstanceError(f"{folder} is in use by shard {shard}; wait for its end, or name another folder") from None
        path.unlink(missing_ok=True)
        lock.release()


def require_file(path: Path) -> None:
    """Raise `InstanceError` where no file of this name can be written, before there is anything to write."""
    path = Path(path).absolute()
    if path.is_dir():
        raise InstanceError(f"{path} is a folder; allowed: the name of a file")
    made = next(parent for parent in path.parents if parent.exists())
    try:
        tempfile.TemporaryFile(dir=made).close()
    except OSError as error:
        raise InstanceError(f"{path} cannot be written: {made}: {error.strerror}") from None


def require_other(given: Path, *written: Path) -> None:
    """Raise `InstanceError` where a file that is written would replace the one that is read."""
    for path in written:
        if path.exists() and given.exists() and path.samefile(given):
            raise InstanceError(f"{path} would replace the data that are read from {given}; name another file or folder")


def sweep(folder: Path) -> None:
    """Remove from a folder, and from one for parts in it, what processes that have ended left half-written."""
    for place in (folder, folder / "parts"):
        with contextlib.suppress(OSError):
            for path in place.iterdir():
                found = TEMPORARY.fullmatch(path.name)
                if found and _gone(int(found[1]), found[2], path):
                    path.unlink(missing_ok=True)


def _gone(process: int, token: str, path: Path) -> bool:
    """Whether the process that was writing a file has ended; where numbers of processes do not tell, after a day."""
    if process == os.getpid():
        return token != _TOKEN
    if os.name != "posix":
        return time.time() - path.stat().st_mtime > DAY
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def temporary_folder() -> str:
    """Make a folder for this process among the system's temporary ones, and remove those of mecopt's that have ended."""
    place = Path(tempfile.gettempdir())
    with contextlib.suppress(OSError):
        for path in place.glob(".mecopt.*"):
            found = TEMPORARY.fullmatch(path.name)
            if found and _gone(int(found[1]), found[2], path):
                shutil.rmtree(path, ignore_errors=True)
    folder = place / _temporary_name()
    folder.mkdir(mode=0o700)
    return str(folder)


def _temporary_name() -> str:
    return f".mecopt.{os.getpid()}.{_TOKEN}{secrets.token_hex(4)}"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file completely or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(_temporary_name())
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename, error.filename2 = str(path), None
        raise


def class_digest(cls: type) -> str:
    """Name a class, its source and that of those it is derived from, which may be somebody else's."""
    digest = hashlib.sha256()
    for one in cls.__mro__:
        digest.update(one.__qualname__.encode())
        with contextlib.suppress(OSError, TypeError):  # built in, or typed at a prompt
            digest.update(Path(inspect.getfile(one)).read_bytes())
    return digest.hexdigest()[:16]


@cache
def code_digest() -> str:
    """Name mecopt's own code, models and learners with it: what other code computed is no finished part of a run."""
    digest, package = hashlib.sha256(), Path(__file__).parents[1]
    for folder, folders, files in os.walk(package, followlinks=True):
        folders.sort()
        for name in sorted(files):
            if name.endswith(".py"):
                digest.update(name.encode() + Path(folder, name).read_bytes())
    return digest.hexdigest()[:16]
