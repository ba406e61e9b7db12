"""Long tables: a row for every instance and user (and server), as instances and answers are written.

Numbers are written so that reading gives the same number back; a unit stands in the header.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.contract.fields import axes, declared
from mecopt.contract.problem import Problem
from mecopt.contract.units import titled
from mecopt.data.own_limits import require_none
from mecopt.data.tables import INSTANCE, PROBLEM
from mecopt.show.printable import encodable, encoded
from mecopt.show.rows import index_columns, words
from mecopt.storage.sealed import digest_of

Array = NDArray[Any]

SEAL = "seal"
"""Entry of the metadata of a Parquet file."""

SUFFIXES = (".csv", ".tsv", ".txt", ".parquet")


def instance_columns(problem: Problem) -> dict[str, Any]:
    """Return the fields of instances as columns that `mecopt.data.tables` reads back."""
    if len(problem.batch_shape) > 1:
        raise InstanceError(f"a batch of shape {problem.batch_shape} is no table; write .npz or .json, or problem.flat()")
    require_none(problem, "a table")
    own = {axis.removesuffix("s"): size for axis, size in problem.sizes.items()}
    shape = (*problem.batch_shape, *own.values())
    names = [INSTANCE] * len(problem.batch_shape) + list(own)
    columns: dict[str, Any] = {PROBLEM: [problem.name] * int(np.prod(shape)), **index_columns(names, shape)}
    for f in declared(type(problem)):
        if f.metadata["complex"]:
            raise InstanceError(f"{f.name} holds complex numbers, for which a table has no columns; write .npz or .json")
        value = getattr(problem, f.name)
        if f.metadata["choices"]:
            value = np.array(f.metadata["choices"])[value.astype(int)]
        kept = [INSTANCE] * len(problem.batch_shape) + [axis.removesuffix("s") for axis in axes(f)]
        full = value.reshape([size if name in kept else 1 for name, size in zip(names, shape, strict=True)])
        columns[titled(f.name, f.metadata["unit"])] = np.broadcast_to(full, shape).reshape(-1)
    return columns


def table_bytes(suffix: str, columns: Mapping[str, Any], head: Mapping[str, Any] | None = None) -> bytes:
    """Return the content of a .csv, .tsv, .txt or .parquet file; `head` is kept by the latter alone."""
    if suffix == ".parquet":
        return _parquet(columns, head)
    text = io.StringIO()
    writer = csv.writer(text, delimiter="," if suffix == ".csv" else "\t", lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(_cells(values) for values in columns.values()), strict=True))
    return encoded(text.getvalue())


def _cells(values: Any) -> list[str]:
    """Write numbers with all their digits; what is not there is an empty cell."""
    entries = values.tolist() if isinstance(values, np.ndarray) else values
    missing = [isinstance(entry, float) and np.isnan(entry) for entry in entries]
    return [
        "" if no else repr(one) if isinstance(one, float) else str(one) for one, no in zip(entries, missing, strict=True)
    ]


def seal(head: Mapping[str, Any], table: Any) -> str:
    """Return the digest of what checksums of pages say nothing of: what a file says of itself, names with units, rows."""
    return digest_of([dict(head), table.column_names, table.num_rows])


def _parquet(columns: Mapping[str, Any], head: Mapping[str, Any] | None) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({encodable(name): pa.array(words(values)) for name, values in columns.items()})
    if head is not None:
        sealed = {**head, SEAL: seal(head, table)}
        table = table.replace_schema_metadata({"mecopt": json.dumps(sealed)})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, write_page_checksum=True)
    return bytes(sink.getvalue().to_pybytes())
