"""Data frames: pandas, polars, Arrow, and whatever else hands its columns out; Parquet, which is Arrow in a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mecopt.contract.errors import InstanceError
from mecopt.contract.problem import Problem
from mecopt.data.dataset import Dataset, Rows, Told, words
from mecopt.data.limits import require_unpacked
from mecopt.data.long import SEAL, seal
from mecopt.data.mapping import name_of
from mecopt.data.tables import PROBLEM, Table, read_table
from mecopt.quantities.doubts import DoubtfulData, doubt
from mecopt.quantities.given import require_one_order

HEADER = b"mecopt"
"""Key of the metadata of a Parquet file that mecopt wrote."""

ROWS = 100_000
"""Of a Parquet file that are unpacked at once."""


def read_frame(
    frame: Any,
    problem: str | type[Problem] | None = None,
    *,
    rows: Rows | None = None,
    ignore: str | Sequence[str] = (),
    fields: Mapping[str, Any] | Callable[[type[Problem]], Mapping[str, Any]] | None = None,
) -> Dataset:
    """Read a data frame whose columns are fields: of pandas, polars, Arrow, or a dict of columns.

    Parameters
    ----------
    frame
        columns go by the names of fields, possibly with a unit, ``data_size [kB]``; see `mecopt.data.tables` for what its
        rows are.
    problem
        name of the problem, or its class; needed unless a column "problem" tells it.
    rows
        what rows are, "users" of one instance or "instances"; needed only where the columns do not tell.
    ignore
        columns to leave out; without it a column that is not understood is an error.
    fields
        values by field name that complete or replace the columns.

    Returns
    -------
    Dataset
        the instances, and what the frame calls them and their users: `Dataset.names`, which `Solution.to_frame` takes.

    Raises
    ------
    InstanceError
        names the column, the row and what is allowed.

    Examples
    --------
    >>> read_frame({"user": ["anna", "bob"], "data_size [kB]": [1000.0, 2500.0]}, "binary-offloading").names
    {'user': ('anna', 'bob')}
    """
    return read_table(_table(frame), Told(name_of(problem), rows, words(ignore), fields or {}))


def from_frame(
    frame: Any,
    problem: str | type[Problem] | None = None,
    *,
    rows: Rows | None = None,
    ignore: str | Sequence[str] = (),
    fields: Mapping[str, Any] | Callable[[type[Problem]], Mapping[str, Any]] | None = None,
) -> Problem:
    """Return the instances of `read_frame`, which takes the same, without the names that the frame has for their users.

    A warning says where these are mecopt's own numbers in another order, so that answers would be read as of other users.

    Examples
    --------
    >>> from_frame({"data_size [kB]": [1000.0, 2500.0], "capacity": [30.0, 30.0]}, "binary-offloading").data_size.tolist()
    [1.0, 2.5]
    """
    data = read_frame(frame, problem, rows=rows, ignore=ignore, fields=fields)
    for axis, labels in data.names.items():
        if set(labels) == set(range(len(labels))):
            doubt(
                DoubtfulData(
                    f"the frame's {axis} {labels[0]!r} is {axis} 0 of the problem and of its answers; read_frame(...) "
                    "has the problem and the names, which solution.to_frame(names) writes"
                )
            )
    return data.problem


def read_parquet(path: Path, told: Told) -> Dataset:
    """Read a Parquet file."""
    try:
        found = _parquet(path)
    except InstanceError:
        raise
    except UnicodeDecodeError as error:
        raise InstanceError(f"{path} is damaged: its words are no text, {error}") from None
    except Exception as error:  # Arrow raises many kinds for a damaged file
        raise InstanceError(f"{path} is damaged or not a Parquet file: {error}") from None
    columns = _columns(found)
    head = (found.schema.metadata or {}).get(HEADER)
    if head is None:
        return read_table(Table(path.name, columns), told)
    try:
        said = json.loads(head)
        named, provenance = str(said["problem"]), dict(said["provenance"])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise InstanceError(f"{path}: its metadata {HEADER.decode()!r} was not written by mecopt; leave it out") from None
    if SEAL in said and said.pop(SEAL) != seal(said, found):
        raise InstanceError(
            f"{path} is damaged, or was changed after mecopt had written it: its metadata {HEADER.decode()!r} say so; to "
            "read it as it is leave them out: table.replace_schema_metadata(None)"
        )
    return read_table(Table(path.name, {**columns, PROBLEM: [named] * found.num_rows}), told, provenance)


def _parquet(path: Path) -> Any:
    """Return a Parquet file's table; its columns' own metadata are not asked, as damaged ones end the process in Arrow."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    batches, size = [], 0
    with path.open("rb") as file:  # pyarrow itself opens no name that is no text
        source = pq.ParquetFile(file, pre_buffer=False, page_checksum_verification=True)
        require_unpacked(path, 8 * source.metadata.num_rows * source.metadata.num_columns)
        for batch in source.iter_batches(ROWS, use_threads=False):
            size += batch.nbytes
            require_unpacked(path, size)
            batches.append(batch)
        return pa.Table.from_batches(batches, source.schema_arrow)


def _table(frame: Any) -> Table:
    """Return the columns of a frame of any library."""
    if isinstance(frame, Mapping):
        for name, values in frame.items():
            if isinstance(values, str) or not hasattr(values, "__len__"):
                raise InstanceError(
                    f"the column {name!r} is {values!r}, one entry; allowed: one for each row, or see from_mapping"
                )
        require_one_order("the frame", {str(name): ("rows", values) for name, values in frame.items()})
        columns = {str(name): values if isinstance(values, np.ndarray) else list(values) for name, values in frame.items()}
        lengths = {name: len(values) for name, values in columns.items()}
        if len(set(lengths.values())) > 1:
            raise InstanceError(f"the columns have {lengths} entries; allowed: equally many")
        return Table("the frame", columns)
    if hasattr(frame, "collect") and hasattr(frame, "explain"):
        frame = frame.collect()  # a plan of polars
    if hasattr(frame, "reset_index"):
        named = [name for name in frame.index.names if name is not None]
        twice = [name for name in named if name in frame.columns]
        if twice:
            raise InstanceError(f"the frame's index and one of its columns are both {twice[0]!r}; allowed: one of them")
        frame = frame.reset_index(drop=not named)
    return Table("the frame", _columns(_arrow(frame)))


def _arrow(frame: Any) -> Any:
    import pyarrow as pa

    try:
        if isinstance(frame, pa.Table):
            return frame
        if hasattr(frame, "__arrow_c_stream__"):
            return pa.table(frame)
        if hasattr(frame, "to_arrow"):
            return frame.to_arrow()
        if hasattr(frame, "__dataframe__"):
            from pyarrow.interchange import from_dataframe

            return from_dataframe(frame)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise InstanceError(f"the frame's columns are not all numbers or words: {error}") from None
    raise InstanceError(f"a {type(frame).__name__} is no data frame; allowed: pandas, polars, Arrow, or a dict of columns")


def _columns(table: Any) -> dict[str, Any]:
    """Return Arrow columns as arrays of numbers, or as lists where entries are missing, words or lists."""
    try:
        names = table.column_names
        if len(set(names)) < len(names):
            raise InstanceError(f"the columns {', '.join(names)} are not all different")
        return {name: _entries(column) for name, column in zip(names, table.columns, strict=True)}
    except UnicodeDecodeError as error:
        raise InstanceError(f"the table is damaged: its words are no text, {error}") from None


def _entries(column: Any) -> Any:
    import pyarrow as pa

    number = pa.types.is_floating(column.type) or pa.types.is_integer(column.type)
    return column.to_numpy() if number and not column.null_count else column.to_pylist()
