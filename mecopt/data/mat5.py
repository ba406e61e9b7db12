"""MATLAB files of versions 4 to 7, read by their published format: nothing in them is believed, and nothing is executed.

Version 5 and later: a header of 128 bytes, then elements of a type, a size and data; an element may hold a compressed one
(zlib), and a matrix holds its flags, its dimensions, its name and its numbers, stored in any type that holds them. Version
4: for each matrix five integers, a name and numbers. Each size is compared with what there is before anything is made of it.

Reference: MathWorks, MAT-File Format, https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.data.limits import LONGEST, most, require_names, require_unpacked

Array = NDArray[Any]

HEADER = 128

NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
MATRIX, COMPRESSED = 14, 15
TEXTS = {16: "utf-8", 17: "utf-16", 18: "utf-32"}
"""Types of data: numbers, other elements, and characters."""

CELL, STRUCT, OBJECT, CHAR, SPARSE, FUNCTION, OPAQUE = 1, 2, 3, 4, 5, 16, 17
CLASSES = range(6, 16)
"""Classes of matrices; the last ones are of numbers."""

COMPLEX, LOGICAL = 0x0800, 0x0200
"""Flags of a matrix that has imaginary parts, and of one whose entries are true or false."""

MOST_AXES = 32
"""Of a matrix; no problem has a tenth of them."""

MOST = 2.0**53
"""Above all whole numbers that version 4 can write."""

OLD_NUMBERS = ("f8", "f4", "i4", "i2", "u2", "u1")
OLD_TEXT, OLD_SPARSE = 1, 2
"""Types of numbers in version 4, and kinds of matrices that are not plain."""


@dataclass(frozen=True)
class Other:
    """An entry that holds no numbers."""

    kind: Literal["struct", "cell", "object"]
    shape: tuple[int, ...] = (1, 1)
    parts: tuple[str, ...] = ()
    """Names of a struct's fields."""


class _Damaged(Exception):
    """The bytes are not those of a matrix; says why."""


def read_version_5(path: Path) -> dict[str, Any]:
    """Return the entries by name: arrays of numbers or of text, and what else there is as `Other`.

    Raises
    ------
    InstanceError
        where the file is damaged, or unpacks to more than it should.
    """
    content = path.read_bytes()
    reader = _Old(path, content) if 0 in content[:4] else _Recent(path, content)
    found: dict[str, Any] = {}
    try:
        for name, value in reader.entries():
            if name in found:
                raise _Damaged(f"{name!r} stands twice")
            if name and not name.startswith("__"):  # without a name stands what objects share
                found[name] = value
    except _Damaged as error:
        raise InstanceError(f"{path} is damaged or not a MATLAB file: {error}") from None
    require_names(path, len(found))
    return found


def dense(rows: int, starts: Array, numbers: Array, values: Array) -> Array:
    """Return a sparse matrix in full: of compressed columns, the numbers of their rows, and the values there.

    >>> dense(2, np.array([0, 1, 1, 2]), np.array([1, 0]), np.array([5.0, 6.0])).tolist()
    [[0.0, 0.0, 6.0], [5.0, 0.0, 0.0]]
    """
    counts = np.diff(starts)
    if starts.size == 0 or starts[0] != 0 or (counts < 0).any() or starts[-1] > min(numbers.size, values.size):
        raise InstanceError("the columns of a sparse matrix do not begin one after the other")
    numbers, values = numbers[: int(starts[-1])], values[: int(starts[-1])]
    if numbers.size and not (numbers.min() >= 0 and numbers.max() < rows):
        raise InstanceError(f"a sparse matrix of {rows} rows names row {numbers.max()}")
    found = np.zeros((rows, counts.size), dtype=np.result_type(values.dtype, np.float64))
    np.add.at(found, (numbers, np.repeat(np.arange(counts.size), counts)), values)
    return found


class _Bytes:
    """Bytes that are read from their beginning on."""

    def __init__(self, content: bytes, order: str) -> None:
        self.content, self.order, self.place = content, order, 0

    @property
    def left(self) -> int:
        return len(self.content) - self.place

    def take(self, size: int) -> bytes:
        if size > self.left:
            raise _Damaged("it ends before its content")
        self.place += size
        return self.content[self.place - size : self.place]

    def integers(self, count: int, kind: str = "I") -> tuple[int, ...]:
        return struct.unpack(f"{self.order}{count}{kind}", self.take(4 * count))

    def element(self) -> tuple[int, bytes]:
        """Return the type and the data of the next element; short ones stand in their tag."""
        (first,) = self.integers(1)
        if first >> 16:
            kind, size = first & 0xFFFF, first >> 16
            data = self.take(4)
            if size > len(data):
                raise _Damaged("an element in a tag is longer than the tag")
            return kind, data[:size]
        (size,) = self.integers(1)
        data = self.take(size)
        if first != COMPRESSED:
            self.place += min(-size % 8, self.left)
        return first, data

    def numbers(self, count: int | None = None) -> Array:
        """Return the numbers of the next element, as many as there have to be."""
        kind, data = self.element()
        if kind not in NUMBERS:
            raise _Damaged(f"an element of type {kind} stands where numbers should")
        return self.array(data, NUMBERS[kind], count)

    def whole(self, count: int | None = None) -> Array:
        """Return the whole numbers of the next element."""
        found = self.numbers(count)
        if found.dtype.kind not in "iu":
            raise _Damaged("fractions stand where whole numbers should")
        return found.astype(np.int64)

    def bits(self, count: int) -> Array:
        """Return the next element of a sparse matrix of true and false: a byte each, whatever type it is said to be."""
        kind, data = self.element()
        return self.array(data, "u1" if len(data) == count else NUMBERS.get(kind, "u1"), None)

    def array(self, data: bytes, kind: str, count: int | None) -> Array:
        size = np.dtype(kind).itemsize
        if len(data) % size or count not in (None, len(data) // size):
            raise _Damaged(
                f"there are {len(data)} bytes of numbers of {size}{'' if count is None else f', not {count} of them'}"
            )
        return np.frombuffer(data, np.dtype(kind).newbyteorder(self.order)).astype(kind)  # type: ignore[arg-type]

    def text(self) -> str:
        """Return the words of the next element."""
        _, data = self.element()
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise _Damaged("a name is no text") from None

    def name(self) -> str:
        text = self.text()
        if len(text) > LONGEST:
            raise _Damaged(f"a name has {len(text)} characters; allowed: {LONGEST}")
        return text


class _Recent:
    """Reads versions 5 to 7."""

    def __init__(self, path: Path, content: bytes) -> None:
        self.path, self.content, self.left = path, content, most(path)

    def entries(self) -> Iterator[tuple[str, Any]]:
        """Yield names and values."""
        order = {b"IM": "<", b"MI": ">"}.get(self.content[HEADER - 2 : HEADER])
        if order is None:
            raise _Damaged("its header does not say the order of bytes")
        source = _Bytes(self.content[HEADER:], order)
        while source.left:
            kind, data = source.element()
            if kind == COMPRESSED:
                kind, data = _Bytes(self.unpacked(data, order), order).element()
            if kind != MATRIX:
                raise _Damaged(f"an element of type {kind} stands where a matrix should")
            yield self.matrix(_Bytes(data, order))

    def unpacked(self, data: bytes, order: str) -> bytes:
        """Return what a compressed element holds, if that is no more than a file may."""
        try:
            head = zlib.decompressobj().decompress(data, 8)
            if len(head) < 8:
                raise _Damaged("a compressed element is empty")
            size = 8 + struct.unpack(f"{order}2I", head)[1]
            self.count(size)
            source = zlib.decompressobj()
            content = source.decompress(data, size + 8)
        except zlib.error as error:
            raise _Damaged(str(error)) from None
        if not source.eof:
            raise _Damaged("a compressed element is not as long as it says")
        return content

    def count(self, size: int) -> None:
        """Refuse what is more, with all before, than the file may unpack to."""
        self.left -= size
        if self.left < 0:
            require_unpacked(self.path, most(self.path) - self.left)

    def matrix(self, source: _Bytes) -> tuple[str, Any]:
        """Return the name and the value of a matrix."""
        flags = source.whole()
        if flags.size < 2:
            raise _Damaged("a matrix has no flags")
        kind, is_complex, is_logical = int(flags[0]) & 0xFF, bool(int(flags[0]) & COMPLEX), bool(int(flags[0]) & LOGICAL)
        if kind == OPAQUE:
            return source.name(), Other("object")
        sizes = tuple(source.whole().tolist())
        name = source.name()
        if not 2 <= len(sizes) <= MOST_AXES or min(sizes) < 0:
            raise _Damaged(f"{name!r} has the dimensions {sizes[:MOST_AXES]}")
        if kind == CELL:
            return name, Other("cell", sizes)
        if kind in (STRUCT, OBJECT):
            return name, Other("struct", sizes, self.parts(source, kind))
        if kind == FUNCTION:
            return name, Other("object")
        self.count(_least(sizes) * (16 if is_complex else 8))
        if kind == CHAR:
            return name, _words(_characters(source, math.prod(sizes)), sizes)
        if kind == SPARSE:
            return name, self.sparse(source, sizes, is_complex, is_logical)
        if kind not in CLASSES:
            raise _Damaged(f"{name!r} is of the unknown class {kind}")
        value = source.numbers(math.prod(sizes))
        if is_complex:
            value = _complex(value, source.numbers(math.prod(sizes)))
        return name, value.reshape(sizes, order="F")

    def sparse(self, source: _Bytes, sizes: Sequence[int], is_complex: bool, is_logical: bool) -> Array:
        """Return a sparse matrix in full."""
        if len(sizes) != 2:
            raise _Damaged(f"a sparse matrix has {len(sizes)} dimensions")
        numbers, starts = source.whole(), source.whole(sizes[1] + 1)
        values = source.bits(int(starts[-1])) if is_logical else source.numbers()
        if is_complex:
            values = _complex(values, source.numbers(values.size))
        try:
            return dense(sizes[0], starts, numbers, values)
        except InstanceError as error:
            raise _Damaged(str(error)) from None

    def parts(self, source: _Bytes, kind: int) -> tuple[str, ...]:
        """Return the names of a struct's fields."""
        if kind == OBJECT:
            source.name()
        (length,) = source.whole(1).tolist()
        _, data = source.element()
        if length < 1 or len(data) % length:
            raise _Damaged("the names of a struct are cut off")
        require_names(self.path, len(data) // length)
        names = [data[begin : begin + length].partition(b"\0")[0] for begin in range(0, len(data), length)]
        return tuple(name.decode("latin-1") for name in names)


def _complex(real: Array, imaginary: Array) -> Array:
    """Return numbers of two parts, each as it is: a product with 1j would make nan of infinite ones."""
    value = np.empty(real.shape, dtype=np.complex128)
    value.real, value.imag = real, imaginary
    return value


class _Old:
    """Reads version 4."""

    def __init__(self, path: Path, content: bytes) -> None:
        self.path, self.content, self.left = path, content, most(path)

    def entries(self) -> Iterator[tuple[str, Any]]:
        """Yield names and values."""
        (first,) = struct.unpack("<I", self.content[:4].ljust(4, b"\0"))
        source = _Bytes(self.content, "<" if first <= 5000 else ">")
        while source.left:
            code, rows, columns, imaginary, length = source.integers(5, "i")
            machine, zero, number, kind = code // 1000, code // 100 % 10, code // 10 % 10, code % 10
            known = machine in (0, 1) and zero == 0 and number < len(OLD_NUMBERS) and kind <= OLD_SPARSE
            if not known or imaginary not in (0, 1) or min(rows, columns) < 0 or not 0 < length <= LONGEST:
                raise _Damaged(f"there is no matrix of type {code}, {rows} x {columns}")
            require_unpacked(self.path, 8 * _least((rows, columns)))
            name = source.take(length).partition(b"\0")[0].decode("latin-1")
            parts = [self.part(source, OLD_NUMBERS[number], rows, columns) for _ in range(1 + imaginary)]
            value = _complex(*parts) if imaginary else parts[0]
            yield (
                name,
                _words(_codes(value.ravel("F")), (rows, columns))
                if kind == OLD_TEXT
                else (self.sparse(value) if kind == OLD_SPARSE else value),
            )

    def part(self, source: _Bytes, kind: str, rows: int, columns: int) -> Array:
        size = rows * columns * np.dtype(kind).itemsize
        return source.array(source.take(size), kind, rows * columns).reshape((rows, columns), order="F")

    def sparse(self, table: Array) -> Array:
        """Return a sparse matrix in full: rows of row, column and value, the last one its size."""
        if table.shape[0] < 1 or table.shape[1] not in (3, 4) or not (np.abs(table) < MOST).all():
            raise _Damaged("a sparse matrix has no size")
        *_, size = table.real
        rows, columns = int(size[0]), int(size[1])
        at = table[:-1, :2].real.astype(np.int64) - 1
        if min(rows, columns) < 0 or (at < 0).any() or (at >= (rows, columns)).any():
            raise _Damaged(f"a sparse matrix of {rows} x {columns} has entries elsewhere")
        require_unpacked(self.path, 16 * rows * columns)
        values = table[:-1, 2] + (1j * table[:-1, 3] if table.shape[1] == 4 else 0.0)
        found = np.zeros((rows, columns), dtype=values.dtype)
        np.add.at(found, (at[:, 0], at[:, 1]), values)
        return found


def _least(sizes: Sequence[int]) -> int:
    """Return how many entries to count for a matrix; those without any have rows all the same, each of which is a word."""
    return math.prod(max(size, 1) for size in sizes)


def _characters(source: _Bytes, count: int) -> str:
    """Return the characters of a matrix, one for each entry."""
    kind, data = source.element()
    if kind in TEXTS:
        order = "" if kind == 16 else "-le" if source.order == "<" else "-be"
        try:
            text = data.decode(TEXTS[kind] + order)
        except UnicodeDecodeError:
            raise _Damaged("its characters are no text") from None
    elif kind in NUMBERS:
        text = _codes(source.array(data, NUMBERS[kind], None))
    else:
        raise _Damaged(f"an element of type {kind} stands where characters should")
    if len(text) != count:
        raise _Damaged(f"there are {len(text)} characters, not {count}")
    return text


def _codes(numbers: Array) -> str:
    if numbers.size and not (numbers.real.min() >= 0 and numbers.real.max() < 0x10000):
        raise _Damaged("its characters are no text")
    return "".join(map(chr, numbers.real.astype(np.int64).tolist()))


def _words(text: str, sizes: Sequence[int]) -> Array:
    """Return a matrix of characters as words, one for each row."""
    if not text:
        return np.zeros(sizes[:-1], dtype="U1")
    rows = np.array(list(text), dtype="U1").reshape(sizes, order="F").reshape(-1, sizes[-1])
    return np.array(["".join(row) for row in rows], dtype=f"U{sizes[-1]}").reshape(sizes[:-1])
