"""What mecopt wrote and reads back without believing it: a file is what was written, and what was asked for, or none.

Every such file holds a seal, the SHA-256 of all that it holds besides, and a label: its kind, and the key of everything that
its content depends on. A file with another bit, cut off, put in another's place, or written by a version that sealed none is
`Unusable`, before any other library looks into it. Parquet tables and safetensors are sealed byte for byte; of JSON the
content counts, so it may be laid out anew.

What a run left that is unusable is computed anew, and `tell` says so in one line.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.storage.atomic import write_whole

if TYPE_CHECKING:
    import pyarrow as pa

Array = NDArray[Any]
T = TypeVar("T")

LOGGER = logging.getLogger("mecopt")

MARK = b"mecopt-sha256-"
"""Stands before the seal in files that are sealed byte for byte; the seal's place holds zeros while it is computed."""

SEAL, LABEL = "mecopt.seal", "mecopt.label"
"""Entries of metadata: the mark with the seal, and the label as JSON."""

_BLANK = b"0" * 64


class Unusable(InstanceError):
    """A file is not what mecopt wrote, or not of what is asked for."""


class Missing(Unusable):
    """There is no such file."""


def write_table(path: Path, table: pa.Table, kind: str, key: str = "") -> None:
    """Write a table as Parquet, sealed, completely or not at all.

    Parameters
    ----------
    path
        the file.
    table
        its rows; their metadata are kept.
    kind
        what the file is, in words.
    key
        names everything that its content depends on.
    """
    write_whole(path, table_bytes(table, kind, key))


def table_bytes(table: pa.Table, kind: str, key: str = "") -> bytes:
    """Return the content of the file that `write_table` writes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(_own(table) | _encoded(_metadata(kind, key))), sink)
    return _sealed(sink.getvalue().to_pybytes())


def read_table(
    path: Path, kind: str, key: str | None = None, columns: Mapping[str, pa.DataType | None] | None = None
) -> pa.Table:
    """Read a table that `write_table` wrote.

    Parameters
    ----------
    path, kind, key
        as they were written; None takes any key.
    columns
        that it has at least, with their types where they matter.

    Raises
    ------
    Unusable
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = _opened(path)
    try:
        # Arrow's threads stay joinable to the end of the process, and may end it with an abort.
        table = pq.ParquetFile(pa.BufferReader(content), pre_buffer=False).read(use_threads=False)
    except (OSError, pa.ArrowException) as error:
        raise Unusable(f"{path} cannot be read: {error}") from None
    _require(path, (table.schema.metadata or {}).get(LABEL.encode()), kind, key)
    for name, expected in (columns or {}).items():
        if name not in table.column_names or expected not in (None, table[name].type):
            of_type = "" if expected is None else f" of type {expected}"
            raise Unusable(f"{path} has no column {name}{of_type}")
    return table.replace_schema_metadata(_own(table) or None)


def write_arrays(path: Path, arrays: Mapping[str, Array], kind: str, key: str, more: Mapping[str, str]) -> None:
    """Write arrays and some words as safetensors, sealed, completely or not at all; see `write_table`."""
    write_whole(path, arrays_bytes(arrays, kind, key, more))


def arrays_bytes(arrays: Mapping[str, Array], kind: str, key: str, more: Mapping[str, str]) -> bytes:
    """Return the content of the file that `write_arrays` writes."""
    from safetensors.numpy import save

    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    return _sealed(save(contiguous, {**more, **_metadata(kind, key)}))


def read_arrays(path: Path, kind: str) -> tuple[dict[str, Array], dict[str, str], str]:
    """Read arrays and words that `write_arrays` wrote, and their key; see `read_table`."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    content = _opened(path)
    try:
        arrays = load(content)
        head = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
    except (SafetensorError, KeyError, ValueError) as error:
        raise Unusable(f"{path} cannot be read: {error}") from None
    words = {name: text for name, text in head.items() if name not in (LABEL, SEAL)}
    return arrays, words, _require(path, head.get(LABEL), kind, None)


def write_json(path: Path, content: Any, kind: str, key: str) -> None:
    """Write plain data as JSON, sealed, completely or not at all; see `write_table`."""
    whole = with_seal({"label": json.loads(_label(kind, key)), "content": content})
    write_whole(path, (json.dumps(whole) + "\n").encode())


def read_json(path: Path, kind: str, key: str | None = None) -> Any:
    """Read plain data that `write_json` wrote; see `read_table`."""
    whole = unsealed(path, object_of(path))
    _require(path, json.dumps(whole.get("label")), kind, key)
    return whole["content"]


def with_seal(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object of JSON with its seal."""
    plain = {name: value for name, value in content.items() if name != "seal"}
    return {**plain, "seal": digest_of(plain)}


def object_of(path: Path) -> dict[str, Any]:
    """Return the object of JSON that a file holds, whatever its seal; raises `Unusable` where it holds none."""
    content = content_of(path)
    try:
        found = json.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise Unusable(f"{path} is damaged: {error}") from None
    if not isinstance(found, dict):
        raise Unusable(f"{path} is a {type(found).__name__}; allowed: an object that mecopt wrote")
    return found


def unsealed(path: Path, found: dict[str, Any]) -> dict[str, Any]:
    """Return an object of JSON that a file holds, if it is what was written; raises `Unusable` if not."""
    if "seal" not in found:
        raise Unusable(f"{path} has no seal: it is damaged, or of an earlier version of mecopt")
    if found["seal"] != with_seal(found)["seal"]:
        raise Unusable(f"{path} is damaged: its content is not what was written")
    return found


def content_of(path: Path) -> bytes:
    """Return the bytes of a file; raises `Missing` or `Unusable`."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise Missing(f"{path} is missing") from None
    except OSError as error:
        raise Unusable(f"{path} cannot be read: {error.strerror}") from None


def digest_of(content: Any) -> str:
    """Return the SHA-256 of plain data, however they are laid out.

    >>> digest_of({"a": 1, "b": [2.0]}) == digest_of({"b": (2.0,), "a": 1})
    True
    """
    plain = json.loads(json.dumps(content))
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def standing(read: Callable[[], T], reasons: list[str]) -> T | None:
    """Return what a file holds, or None where there is none; why one is unusable is added to the reasons."""
    try:
        return read()
    except Missing:
        return None
    except Unusable as error:
        reasons.append(str(error))
        return None


def tell(reasons: Sequence[str]) -> None:
    """Say in one line that files are unusable, if any are, and what becomes of it."""
    if reasons:
        others = {1: "it is", 2: "it and another one are"}.get(len(reasons), f"it and {len(reasons) - 1} others are")
        LOGGER.warning("mecopt: %s; %s computed anew", reasons[0], others)


# ---------------------------------------------------------------------- seals


def _label(kind: str, key: str) -> str:
    return json.dumps({"kind": kind, "key": key})


def _own(table: pa.Table) -> dict[bytes, bytes]:
    """Return the metadata of a table, without label and seal."""
    return {name: text for name, text in (table.schema.metadata or {}).items() if name.decode() not in (LABEL, SEAL)}


def _encoded(words: Mapping[str, str]) -> dict[bytes, bytes]:
    return {name.encode(): text.encode() for name, text in words.items()}


def _metadata(kind: str, key: str) -> dict[str, str]:
    return {LABEL: _label(kind, key), SEAL: (MARK + _BLANK).decode()}


def _sealed(content: bytes) -> bytes:
    if content.count(MARK) != 1:
        raise InstanceError(f"{MARK.decode()!r} stands in names or words that are to be written; allowed: in none")
    begin = content.index(MARK) + len(MARK)
    return content[:begin] + hashlib.sha256(content).hexdigest().encode() + content[begin + 64 :]


def _opened(path: Path) -> bytes:
    """Return the bytes of a file that was sealed, and is as it was then."""
    content = content_of(path)
    if content.count(MARK) != 1:
        raise Unusable(f"{path} has no seal: it is damaged, or of an earlier version of mecopt")
    begin = content.index(MARK) + len(MARK)
    blank = content[:begin] + _BLANK + content[begin + 64 :]
    if content[begin : begin + 64] != hashlib.sha256(blank).hexdigest().encode():
        raise Unusable(f"{path} is damaged: its bytes are not those that were written")
    return content


def _require(path: Path, label: str | bytes | None, kind: str, key: str | None) -> str:
    """Refuse what was written as something else; return its key."""
    found = json.loads(label or "{}")
    if not isinstance(found, dict) or found.get("kind") != kind:
        raise Unusable(f"{path} is no {kind}")
    if key is not None and found.get("key") != key:
        raise Unusable(f"{path} is a {kind} of another run")
    return str(found.get("key"))
