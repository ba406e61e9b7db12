"""Instances as NPZ, which holds large batches: one array per field, and a header."""

from __future__ import annotations

import io
import json
import math
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from mecopt.contract.errors import InstanceError
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.data.arrays import read_arrays, read_matrix
from mecopt.data.dataset import Dataset, Told, compact
from mecopt.data.labels import PREFIX, entries_of, labels_of
from mecopt.data.limits import LONGEST, require_names, require_unpacked
from mecopt.data.mapping import built
from mecopt.data.own_limits import LIMITS, rules_of, with_numbers

FORMAT = 1
_HEADER = "mecopt"


def npz_bytes(problem: Problem, labels: Solution | None, provenance: dict[str, Any]) -> bytes:
    """Return the content of an NPZ file."""
    limits = {LIMITS: rules_of(problem)} if problem.own_limits else {}
    header = json.dumps({"format": FORMAT, "problem": problem.name, **limits, "provenance": provenance})
    buffer = io.BytesIO()
    answers = {} if labels is None else {f"{PREFIX}{name}": values for name, values in entries_of(labels).items()}
    np.savez_compressed(buffer, **{_HEADER: np.array(header)}, **compact(problem), **answers)  # type: ignore[arg-type]
    return buffer.getvalue()


def read_npz(path: Path, told: Told) -> Dataset:
    """Read an NPZ file: one that mecopt wrote, or arrays by the names of fields."""
    if not zipfile.is_zipfile(path):
        raise InstanceError(f"{path} is damaged or not an NPZ file")
    try:
        with np.load(path, allow_pickle=False) as archive:
            _require_small(path, archive.zip)
            arrays = {name: archive[name] for name in archive.files}
    except InstanceError:
        raise
    except Exception as error:  # numpy, zipfile and zlib raise many kinds for a damaged file
        raise InstanceError(f"{path} is damaged or not an NPZ file of numbers: {error}") from None
    if _HEADER not in arrays:
        return read_arrays(arrays, told, path.name)
    try:
        header = json.loads(str(arrays.pop(_HEADER)))
        named, form, provenance = header["problem"], header["format"], header["provenance"]
    except (KeyError, TypeError, ValueError, RecursionError):
        raise InstanceError(f"{path}: its entry {_HEADER!r} was not written by mecopt; leave it out") from None
    if form != FORMAT:
        raise InstanceError(f"{path} has format {form}; this version of mecopt reads format {FORMAT}")
    if told.rows is not None:
        raise InstanceError(f"{path} was written by mecopt, which knows its rows; leave rows out")
    answers = {name.removeprefix(PREFIX): arrays.pop(name) for name in list(arrays) if name.startswith(PREFIX)}
    limits = with_numbers(header[LIMITS], arrays, path) if LIMITS in header else None
    found = {"problem": named, **arrays} | ({} if limits is None else {LIMITS: limits})
    instances, notes = built(found, told, path.name)
    return Dataset(instances, labels_of(instances, answers, path.name), provenance=provenance, notes=notes)


def _require_small(path: Path, archive: zipfile.ZipFile) -> None:
    """Refuse an archive that unpacks to more than it should, before it is unpacked."""
    entries = archive.infolist()
    require_names(path, len(entries))
    require_unpacked(path, sum(entry.file_size for entry in entries))
    for entry in entries:
        if len(entry.filename) > LONGEST:
            raise InstanceError(f"{path}: the name of an entry has {len(entry.filename)} characters; allowed: {LONGEST}")
        with archive.open(entry) as file:
            _require_as_said(path, entry.filename, file, entry.file_size)


def _require_as_said(path: Path, name: str, file: IO[bytes], size: int) -> None:
    """Refuse an array whose header says other numbers than there are."""
    headers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    shape, _, kind = headers[np.lib.format.read_magic(file)](file)  # a later version is of columns with names
    said = math.prod(shape) * kind.itemsize
    if not kind.hasobject and said != size - file.tell():
        raise InstanceError(f"{path} is damaged: {name[:LONGEST]} is of {said} bytes, and {size - file.tell()} are there")


def read_npy(path: Path, told: Told) -> Dataset:
    """Read the array of a single field."""
    try:
        with path.open("rb") as file:
            _require_as_said(path, path.name, file, path.stat().st_size)
        matrix = np.load(path, allow_pickle=False)
    except InstanceError:
        raise
    except Exception as error:  # numpy raises many kinds for a damaged file
        raise InstanceError(f"{path} is damaged or not an NPY file of numbers: {error}") from None
    if not isinstance(matrix, np.ndarray):
        raise InstanceError(f"{path} is not an NPY file of numbers")
    return read_matrix(matrix, told, path.name)
