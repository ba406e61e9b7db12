"""Answers as a long table: a row per instance and user, what the user does and gets, and the instance's certificate.

The columns of the certificate (status, objective, bound, gap, violation) say the same in every row of an instance, so that
one table holds everything and a filter on them keeps whole instances. What an answer does not say is missing, never 0.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import BackendUnavailable, InstanceError
from mecopt.contract.fields import axes, declared
from mecopt.contract.solution import Solution
from mecopt.contract.units import titled
from mecopt.data.long import SUFFIXES, index_columns, table_bytes, words
from mecopt.data.names import Names, fitting
from mecopt.storage.atomic import write_whole

if TYPE_CHECKING:
    import pandas
    import pyarrow

Array = NDArray[Any]

ANSWERS = (*SUFFIXES, ".json")


def answer_columns(solution: Solution, names: Names | None = None) -> dict[str, Any]:
    """Return the columns of an answer by header, each an entry per instance (and candidate) and user.

    Parameters
    ----------
    names
        what instances and users are called, as `Dataset.names` has it; numbers from 0 without it.

    Examples
    --------
    >>> import mecopt
    >>> from mecopt.models import BinaryOffloading
    >>> columns = answer_columns(mecopt.solve(BinaryOffloading(data_size=[12.0, 7.5])))
    >>> list(columns)[:5], columns["decision"].tolist(), columns["status"]
    (['user', 'decision', 'server_rate [MB/s]', 'cost [s]', 'delay [s]'], [1, 1], ['OPTIMAL', 'OPTIMAL'])
    """
    problem, lead, users = solution.problem, solution.shape, solution.problem.users
    batch = len(problem.batch_shape)
    counted = ["instance"] * batch if batch <= 1 else [f"instance_{axis}" for axis in range(batch)]
    counted += [f"candidate_{axis}" if len(lead) > batch + 1 else "candidate" for axis in range(len(lead) - batch)]
    columns: dict[str, Any] = index_columns([*counted, "user"], [*lead, users])
    for axis, labels in fitting(names or {}, problem).items():
        if axis in columns:
            columns[axis] = [labels[number] for number in columns[axis].tolist()]
        elif axis == "instance":
            columns = {axis: list(labels) * len(columns["user"]), **columns}

    def of_instances(values: Any) -> Array:
        return np.repeat(np.reshape(values, -1), users)

    columns |= _decisions(solution, users)
    for f in declared(type(solution.allocation)):  # type: ignore[arg-type]
        value = np.asarray(getattr(solution.allocation, f.name))
        if axes(f) == ("users",):
            columns[titled(f.name, f.metadata["unit"])] = value.reshape(-1)
        elif axes(f) == ():
            columns[titled(f.name, f.metadata["unit"])] = of_instances(value)
    for name, value in solution.per_user().items():
        columns[titled(name, problem.user_units[name])] = value.reshape(-1)
    columns["status"] = [status.name for status in np.ravel(np.asarray(solution.status, dtype=object)) for _ in range(users)]
    columns[titled("objective", problem.objective_unit)] = of_instances(solution.objective)
    columns[titled("bound", problem.objective_unit)] = of_instances(solution.bound)
    return columns | {"gap": of_instances(solution.gap), "violation": of_instances(solution.violation)}


def _decisions(solution: Solution, users: int) -> dict[str, Array]:
    """Return what each user does: the number of its choice, or the complex weights of its beams."""
    decision = np.asarray(solution.decision)
    if decision.ndim == len(solution.shape) + 1:
        return {"decision": decision.reshape(-1)}
    weights = decision.reshape(-1, decision.shape[-1])
    found = {}
    for number in range(weights.shape[1]):
        found[f"decision_{number}_real"] = np.ascontiguousarray(weights[:, number].real)
        found[f"decision_{number}_imaginary"] = np.ascontiguousarray(weights[:, number].imag)
    return found


def to_arrow(solution: Solution, names: Names | None = None) -> pyarrow.Table:
    """Return an answer as an Arrow table; numbers that are not there are nulls."""
    import pyarrow as pa

    return pa.table({name: _arrow(values) for name, values in answer_columns(solution, names).items()})


def _arrow(values: Any) -> Any:
    import pyarrow as pa

    known = isinstance(values, np.ndarray) and values.dtype.kind == "f"
    return pa.array(values, mask=np.isnan(values)) if known else pa.array(words(values))


def to_frame(solution: Solution, names: Names | None = None) -> pandas.DataFrame:
    """Return an answer as a pandas data frame.

    Raises
    ------
    BackendUnavailable
        if pandas is not installed; `to_arrow` needs nothing more.
    """
    try:
        import pandas
    except ImportError:
        raise BackendUnavailable(
            "to_frame needs pandas: pip install pandas; without it, to_arrow() is the same table and to_dict() plain lists"
        ) from None
    return pandas.DataFrame(answer_columns(solution, names))


def require_answer_suffix(path: Path) -> None:
    """Refuse a file that answers are not written to, before they are computed."""
    if path.suffix.lower() not in ANSWERS:
        raise InstanceError(f"{path} has suffix {path.suffix!r}; allowed for answers: {', '.join(ANSWERS)}")
    if path.is_dir():
        raise InstanceError(f"{path} is a folder; allowed: a file for the answers")


def answer_dict(solution: Solution, names: Names) -> dict[str, Any]:
    """Return an answer as JSON holds it, with the names that a file has for its users, servers and instances."""
    known = fitting(names, solution.problem)
    return solution.to_dict() | ({"names": {axis: list(labels) for axis, labels in known.items()}} if known else {})


def write_answer(path: Path, solution: Solution, names: Names | None = None) -> None:
    """Write an answer to a .csv, .tsv, .txt, .parquet or .json file, whole or not at all; every digit survives."""
    require_answer_suffix(path)
    suffix = path.suffix.lower()
    if suffix == ".json":
        write_whole(path, (json.dumps(answer_dict(solution, names or {}), indent=1) + "\n").encode())
    else:
        write_whole(path, table_bytes(suffix, answer_columns(solution, names)))
