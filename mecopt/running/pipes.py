"""Messages through a pipe, each behind its length."""

from __future__ import annotations

from typing import Any, BinaryIO

HEAD = 8
"""Bytes before each message, which say how long it is."""


def send(pipe: Any, message: bytes) -> None:
    """Write a message."""
    left = memoryview(len(message).to_bytes(HEAD, "little") + message)
    while left:
        left = left[pipe.write(left) :]


def received(pipe: Any) -> bytes:
    """Read a message; raises `EOFError` where the pipe ends before it does."""
    return _exactly(pipe, int.from_bytes(_exactly(pipe, HEAD), "little"))


def _exactly(pipe: BinaryIO, size: int) -> bytes:
    parts = []
    while size:
        part = pipe.read(size)
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
