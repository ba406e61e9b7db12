"""Reading and writing by the file's suffix."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from mecopt.contract.errors import InstanceError
from mecopt.contract.limits import Limit
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.data.card import card
from mecopt.data.csv import read_csv
from mecopt.data.dataset import Dataset, Rows, Told, words
from mecopt.data.frames import read_parquet
from mecopt.data.json import content_of, json_bytes, read_json
from mecopt.data.long import SUFFIXES, instance_columns, table_bytes
from mecopt.data.mapping import name_of
from mecopt.data.mat import mat_bytes, read_mat
from mecopt.data.npz import npz_bytes, read_npy, read_npz
from mecopt.data.own_limits import limits_from
from mecopt.show.printable import encoded
from mecopt.storage.atomic import write_whole

LABELLED = (".npz", ".json", ".mat")
"""Files that hold answers beside instances."""


def load(
    path: str | Path,
    problem: str | type[Problem] | None = None,
    *,
    rows: Rows | None = None,
    ignore: str | Sequence[str] = (),
    fields: Mapping[str, Any] | Callable[[type[Problem]], Mapping[str, Any]] | None = None,
    field: str | Sequence[str] = (),
    limits: str | Path | Sequence[Limit] | None = None,
) -> Dataset:
    """Read instances from a .json, .csv, .tsv, .txt, .parquet, .npz, .npy or .mat file.

    Parameters
    ----------
    path
        the file; its suffix names the format.
    problem
        name of the problem, or its class; needed only where the file does not tell.
    rows
        what the rows of a matrix or table are, "users" of one instance or "instances"; needed only where it is not certain.
    ignore
        entries of the file to leave out; without it an entry that is not understood is an error.
    fields
        values by field name, as `from_mapping` takes them, that complete or replace what the file says, which is told in
        `Dataset.notes`; or a function from the problem's class to them.
    field
        what the numbers of a .npy file or of a table without names are, "channel_gain" or "data_size [kB]"; or of each of
        its columns.
    limits
        of one's own on decisions, beside those that the file holds: `mecopt.Limit`s, or a JSON file that lists them, as
        ``[{"name": "at most five offload", "decision": {"offload": 1}, "most": 5}]``.

    Raises
    ------
    InstanceError
        if the file is missing, truncated, foreign, or holds inadmissible data.
    BackendUnavailable
        if what reads it is not installed.
    """
    path = Path(path)
    readers = {
        ".json": read_json,
        ".csv": read_csv,
        ".tsv": read_csv,
        ".txt": read_csv,
        ".parquet": read_parquet,
        ".npz": read_npz,
        ".npy": read_npy,
        ".mat": read_mat,
    }
    suffix = path.suffix.lower()
    if suffix not in readers:
        other = "; of a spreadsheet save one sheet as CSV" if suffix in (".xlsx", ".xls", ".ods") else ""
        raise InstanceError(f"{path} has suffix {path.suffix!r}; allowed: {', '.join(readers)}{other}")
    if not path.is_file():
        raise InstanceError(f"{path} does not exist or is no file")
    if rows is not None and suffix == ".json":
        raise InstanceError(f"{path} names its users and instances by brackets; leave rows out")
    named = words(field)
    if named and suffix not in (".csv", ".tsv", ".txt", ".npy"):
        raise InstanceError(f"{path} names its entries itself; leave field out")
    data = readers[suffix](path, Told(name_of(problem), rows, words(ignore), fields or {}, named))
    if not isinstance(data.provenance, dict):
        raise InstanceError(f"{path}: provenance is a {type(data.provenance).__name__}; allowed: an object")
    found = read_limits(limits) if isinstance(limits, str | Path) else limits
    return replace(data, problem=data.problem.limited(*found)) if found else data


def read_limits(path: str | Path) -> list[Limit]:
    """Read the limits of one's own that a JSON file lists.

    Raises
    ------
    InstanceError
        where the file is missing, no JSON, lists no limits, or says something that is no limit.
    """
    path = Path(path)
    if not path.is_file():
        raise InstanceError(f"{path} does not exist or is no file")
    found = limits_from(content_of(path), path.name)
    if not found:
        example = '[{"name": "at most five offload", "decision": {"offload": 1}, "most": 5}]'
        raise InstanceError(f"{path.name} lists no limits; allowed: at least one, as {example}")
    return found


def save(
    path: str | Path, problem: Problem, *, labels: Solution | None = None, provenance: Mapping[str, Any] | None = None
) -> None:
    """Write instances to a .json, .npz, .mat, .csv, .tsv, .txt or .parquet file, and a data card beside it.

    Parameters
    ----------
    path
        the file; its suffix names the format.
    labels
        a solution of these instances, stored with them (.npz, .json and .mat).
    provenance
        how the instances came about, e.g. preset and seed; goes into the file and the card.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if isinstance(problem, Dataset):
        raise InstanceError("problem is a Dataset; pass what it holds: save(path, data.problem, provenance=data.provenance)")
    if not isinstance(problem, Problem):
        raise InstanceError(f"problem is a {type(problem).__name__}; allowed: instances of a problem")
    if labels is not None and suffix not in LABELLED:
        raise InstanceError(f"labels are stored in {', '.join(LABELLED)} files, not in {path.suffix!r}")
    if labels is not None and (labels.problem.name, labels.shape) != (problem.name, problem.batch_shape):
        raise InstanceError(
            f"labels answer {labels.problem.name} in a batch of shape {labels.shape}; allowed: a solution of these "
            f"instances, of {problem.name} in one of {problem.batch_shape}"
        )
    origin = _plain({**(provenance or {}), "mecopt": version("mecopt")})
    tables = dict.fromkeys(SUFFIXES, partial(_table_bytes, suffix))
    writers: dict[str, Callable[..., bytes]] = {".json": json_bytes, ".npz": npz_bytes, ".mat": mat_bytes, **tables}
    if suffix not in writers:
        raise InstanceError(f"{path} has suffix {path.suffix!r}; allowed: {', '.join(writers)}")
    content = writers[suffix](problem, labels, origin)
    write_whole(path, content)
    write_whole(path.with_name(path.name + ".card.md"), encoded(card(path, problem, labels, origin)))


def _plain(provenance: dict[str, Any]) -> dict[str, Any]:
    """Return what JSON holds of a provenance; numbers of NumPy and paths are numbers and text."""

    def plain(value: Any) -> Any:
        if isinstance(value, np.generic | np.ndarray):
            return value.tolist()
        if isinstance(value, Path):
            return str(value)
        raise InstanceError(f"provenance holds a {type(value).__name__}; allowed: text, numbers, lists and objects of them")

    try:
        found: dict[str, Any] = json.loads(json.dumps(provenance, default=plain))
    except (TypeError, ValueError, RecursionError) as error:
        raise InstanceError(f"provenance cannot be written: {error}") from None
    return found


def _table_bytes(suffix: str, problem: Problem, labels: Solution | None, provenance: dict[str, Any]) -> bytes:
    return table_bytes(suffix, instance_columns(problem), {"problem": problem.name, "provenance": provenance})
