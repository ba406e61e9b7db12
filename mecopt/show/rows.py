"""Answers as a long table: a row per instance and user, what the user does and gets, and the instance's certificate.

The columns of the certificate (status, objective, bound, gap, violation) say the same in every row of an instance, so that
one table holds everything and a filter on them keeps whole instances. What an answer does not say is missing, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.certified import Certified
from mecopt.contract.errors import BackendUnavailable
from mecopt.contract.fields import axes, declared
from mecopt.contract.instances import Instances
from mecopt.contract.units import titled
from mecopt.show.printable import encodable

if TYPE_CHECKING:
    import pandas
    import pyarrow

Array = NDArray[Any]

Names = Mapping[str, tuple[Any, ...]]
"""By "instance", "user" or "server": the name of each, in mecopt's order."""


def answer_columns(solution: Certified, names: Names | None = None) -> dict[str, Any]:
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


def _decisions(solution: Certified, users: int) -> dict[str, Array]:
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


def to_arrow(solution: Certified, names: Names | None = None) -> pyarrow.Table:
    """Return an answer as an Arrow table; numbers that are not there are nulls."""
    import pyarrow as pa

    return pa.table({name: _arrow(values) for name, values in answer_columns(solution, names).items()})


def _arrow(values: Any) -> Any:
    import pyarrow as pa

    known = isinstance(values, np.ndarray) and values.dtype.kind == "f"
    return pa.array(values, mask=np.isnan(values)) if known else pa.array(words(values))


def to_frame(solution: Certified, names: Names | None = None) -> pandas.DataFrame:
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


def index_columns(names: Sequence[str], shape: Sequence[int]) -> dict[str, Array]:
    """Return whose each row is, by axis: the last one runs fastest.

    >>> index_columns(["instance", "user"], [2, 2])["user"].tolist()
    [0, 1, 0, 1]
    """
    return {name: numbers.reshape(-1) for name, numbers in zip(names, np.indices(tuple(shape)), strict=True)}


def fitting(names: Names, problem: Instances) -> Names:
    """Return the names without those that only count from 0, and those of a size that the problem does not have."""
    sizes = {axis.removesuffix("s"): size for axis, size in problem.sizes.items()}
    if len(problem.batch_shape) <= 1:
        sizes["instance"] = problem.instances
    known = {axis: labels for axis, labels in names.items() if len(labels) == sizes.get(axis)}
    return {axis: labels for axis, labels in known.items() if labels != tuple(range(len(labels)))}


def words(values: Any) -> Any:
    """Return a column as Arrow takes it: words that cannot be encoded are spelt out."""
    return [encodable(one) if isinstance(one, str) else one for one in values] if isinstance(values, list) else values
