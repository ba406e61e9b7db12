"""Labels in files that mecopt writes: decision, allocation, objective, bound and status of every instance.

Every instance says what is known of its answer by the name of a `mecopt.Status`; only what has a proof says OPTIMAL.
Entries of an NPZ file are named ``label/decision``, ``label/allocation/server_rate`` and so on; in JSON they are the
object "labels".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.certified import Status
from mecopt.contract.errors import InstanceError
from mecopt.contract.fields import declared
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.data.dataset import Labels, digest

Array = NDArray[Any]

LABELS = "labels"
"""Key of the labels among the fields of instances in JSON."""

PREFIX = "label/"
"""What the entries of an NPZ file begin with that hold labels."""

ALLOCATION = "allocation/"

DATA = "data"
"""Entry that names the data of the instances that were answered."""

STATUSES = tuple(status.name for status in Status)


def entries_of(solution: Solution) -> dict[str, Array]:
    """Return the answers of instances by the names of their entries, the batch's axes first."""
    words = np.vectorize(lambda status: status.name, otypes=["U10"])(np.asarray(solution.status, dtype=object))
    variables = {f"{ALLOCATION}{name}": np.asarray(value) for name, value in solution.allocation.as_dict().items()}
    numbers = {"decision": np.asarray(solution.decision), **variables, "objective": np.asarray(solution.objective)}
    of = np.asarray(digest(solution.problem))
    return {**numbers, "bound": np.asarray(solution.bound), "status": np.asarray(words), DATA: of}


def as_json(solution: Solution) -> dict[str, Any]:
    """Return the entries as JSON has them: null for what is not finite, parts of complex numbers."""

    def plain(values: Array) -> Any:
        if values.dtype.kind == "c":
            return {"real": values.real.tolist(), "imaginary": values.imag.tolist()}
        if values.dtype.kind == "f":
            numbers = np.asarray(values, dtype=object)
            numbers[~np.isfinite(values)] = None
            return numbers.tolist()
        return values.tolist()

    return {name: plain(values) for name, values in entries_of(solution).items()}


def from_json(content: Any, where: str) -> dict[str, Array]:
    """Return the entries that JSON holds as arrays."""
    if not isinstance(content, Mapping):
        raise InstanceError(f"{where}: {LABELS} is a {type(content).__name__}; allowed: an object that mecopt wrote")

    def array(name: str, values: Any) -> Array:
        try:
            if isinstance(values, Mapping):
                return np.asarray(values["real"], dtype=float) + 1j * np.asarray(values["imaginary"], dtype=float)
            found = np.asarray(values)
            return found.astype(float) if found.dtype == object else found  # null is nan
        except (KeyError, TypeError, ValueError):
            raise InstanceError(f"{where}: the label {name!r} holds no numbers that mecopt wrote") from None

    return {str(name): array(str(name), values) for name, values in content.items()}


def labels_of(problem: Problem, entries: Mapping[str, Array], where: str) -> Labels | None:
    """Return the labels of instances; what was known of them is not, where a field has another value now.

    Raises
    ------
    InstanceError
        where entries are missing, foreign, or of other shapes than instances have.
    """
    if not entries:
        return None
    names = [f.name for f in declared(type(problem).Allocation)]  # type: ignore[arg-type]
    wanted = ["decision", *(f"{ALLOCATION}{name}" for name in names), "objective", "bound", "status", DATA]
    for name in (*wanted, *entries):
        if (name in entries) != (name in wanted):
            what = "lacks the" if name in wanted else "has a"
            raise InstanceError(f"{where} {what} label {name!r}; allowed: {', '.join(wanted)}, as mecopt writes them")
    batch = problem.batch_shape
    for name in wanted[:-1]:
        shape = np.shape(entries[name])
        if shape[: len(batch)] != batch or (name in ("objective", "bound", "status") and shape != batch):
            raise InstanceError(f"{where}: the label {name!r} has shape {shape}; allowed: {batch} first, as instances are")
    status = np.asarray(entries["status"]).astype(str)
    for word in np.unique(status).tolist():
        if word not in STATUSES:
            raise InstanceError(f"{where}: a label has the status {word!r}; allowed: {', '.join(STATUSES)}")
    numbers = {name: np.asarray(entries[name]) for name in ("objective", "bound", *wanted[1:-3])}
    for name, values in numbers.items():
        if values.dtype.kind not in "biufc":
            raise InstanceError(f"{where}: the label {name!r} holds no numbers that mecopt wrote")
    decision = problem.decision_space.validate(np.asarray(entries["decision"]), batch, name=f"{where}: the label 'decision'")
    allocation = type(problem).Allocation(**{name: numbers[f"{ALLOCATION}{name}"] for name in names})
    if str(entries[DATA]) != digest(problem):
        return Labels(decision, allocation, numbers["objective"])
    return Labels(decision, allocation, numbers["objective"], status, numbers["bound"])
