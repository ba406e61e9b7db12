"""MATLAB files: instances by the names of their fields or by those of a problem's authors, and the answers stored with them.

A file is understood whole or refused: an entry that nothing is known of may be what makes the instances another problem.
Versions 4 to 7 are read by scipy, version 7.3, which is HDF5, by `mecopt.data.mat73`.
"""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.data.arrays import entry_names, read_fields, read_labels, shape_text, understood
from mecopt.data.dataset import Dataset, Told, compact
from mecopt.data.mapping import built
from mecopt.fields import declared
from mecopt.problem import Problem
from mecopt.quantities.values import in_units
from mecopt.registry import find_problem, problems
from mecopt.solution import InstanceError, Solution

Array = NDArray[Any]

SIGNATURE = b"\x89HDF\r\n\x1a\n"
"""How HDF5 begins, in MATLAB's files after 512 bytes of its own."""


def read_mat(path: Path, told: Told) -> Dataset:
    """Read a MATLAB file."""
    from mecopt.data.mat73 import read_version_73

    with path.open("rb") as file:
        begin = file.read(520)
    recent = begin.startswith(b"MATLAB 7.3") or SIGNATURE in (begin[:8], begin[512:])
    content = read_version_73(path) if recent else _read_version_5(path)
    cls = _problem_of(path, content, told)
    content = understood(cls, content, told, path.name)
    arrays = {name: _numbers(path, name, value) for name, value in content.items()}
    given = told.given(cls)
    first = declared(cls)[0].name
    layout, _ = entry_names(cls)
    if first in given and first not in {layout.get(name) for name in arrays}:
        arrays[first] = np.asarray(in_units(given[first], declared(cls)[0], cls.__name__))
    replaced = [name for name in arrays if layout.get(name) in given and layout[name] != first]
    fields, extent, rows = read_fields(cls, {k: v for k, v in arrays.items() if k not in replaced}, told, path.name)
    fields |= {layout[name]: arrays[name] for name in replaced}  # built() tells that they are not used
    instances, notes = built(fields, dataclasses.replace(told, problem=cls.name, ignore=()), path.name)
    return Dataset(instances, read_labels(instances, arrays, extent, rows, path.name), {"file": path.name}, notes)


def _read_version_5(path: Path) -> dict[str, Any]:
    from scipy.io import loadmat

    try:
        return {name: value for name, value in loadmat(path).items() if not name.startswith("__")}
    except Exception as error:  # scipy raises many kinds for a damaged file
        raise InstanceError(f"{path} is damaged or not a MATLAB file: {error}") from None


def _problem_of(path: Path, content: dict[str, Any], told: Told) -> type[Problem]:
    """Return the problem by the caller's word, by the file's entry "problem", or by its authors' layout."""
    named = told.problem
    if "problem" in content:
        word = "".join(np.ravel(content["problem"]).astype(str))
        if named not in (None, word):
            raise InstanceError(f"{path} is of problem {word!r}, not {named!r}")
        named = word
    if named is not None:
        return find_problem(named)
    known = [cls for cls in problems().values() if cls.mat_layout and set(_instances_of(cls)) <= set(content)]
    if len(known) == 1:
        return known[0]
    held = ", ".join(f"{name} ({shape_text(value)})" for name, value in content.items()) or "none"
    own = [name for name, cls in problems().items() if declared(cls)[0].name in content]
    hint = f"they may be fields of {' or '.join(own)}: say which by --problem" if own else "say whose they are by --problem"
    raise InstanceError(f"{path} has the entries {held}, which fit no known layout; {hint}")


def _instances_of(cls: type[Problem]) -> list[str]:
    """Return the entries of a layout that hold instances."""
    names = [f.name for f in declared(cls)]
    return [entry for entry, held in cls.mat_layout.items() if held in names]


def _numbers(path: Path, name: str, value: Any) -> Any:
    """Return an entry as an array of numbers, or as a word; say what else it is, and what to save instead."""
    import scipy.sparse

    if scipy.sparse.issparse(value):
        return value.toarray()
    value = np.asarray(value)
    if value.dtype.names or type(value).__name__ == "MatlabFunction":
        parts = ", ".join(value.dtype.names or ())
        raise InstanceError(
            f"{path}: {name} is a struct ({parts}); allowed: numbers. save('{path.name}', '-struct', '{name}') in MATLAB "
            "saves its fields themselves"
        )
    if type(value).__name__ == "MatlabOpaque":
        raise InstanceError(f"{path}: {name} is an object of MATLAB (a table, a string); allowed: numbers, see table2array")
    if value.dtype == object:
        raise InstanceError(f"{path}: {name} is a cell array of {shape_text(value)}; allowed: numbers, see cell2mat")
    if value.dtype.kind == "U":
        return str(value.reshape(-1)[0]) if value.size == 1 else value
    return value.astype(float) if value.dtype.kind in "biu" else value


def mat_bytes(problem: Problem, labels: Solution | None, provenance: dict[str, Any]) -> bytes:
    """Return the content of a MATLAB file; its instances stand there with their optima."""
    from scipy.io import savemat

    if not problem.mat_layout:
        raise InstanceError(f"{problem.name} has no .mat layout; write .npz or .json")
    if labels is None:
        raise InstanceError("the .mat layout stores optima with the instances: pass their solution as labels")
    names = list(problem.mat_layout.values())
    for name, value in compact(problem).items():
        default = next(f.metadata["default"] for f in dataclasses.fields(problem) if f.name == name)
        usual = default(problem.users) if callable(default) else default
        if name not in names and not np.all(value == usual):
            raise InstanceError(f"{name} differs from its default, and the .mat layout has no place for it; write .npz")
    flat = problem.flat().data()
    answers = {
        **flat,
        **{k: v.reshape(problem.instances, -1) for k, v in labels.allocation.as_dict().items()},
        "decision": labels.decision.reshape(problem.instances, -1).astype(np.int32),
        "objective": labels.objective.reshape(problem.instances, 1),
    }
    buffer = io.BytesIO()
    savemat(buffer, {key: answers[name] for key, name in problem.mat_layout.items()})
    return buffer.getvalue()
