"""MATLAB files: instances by the names of their fields or by those of a problem's authors, and the answers stored with them.

A file is understood whole or refused: an entry that nothing is known of may be what makes the instances another problem.
Versions 4 to 7 are read by `mecopt.data.mat5`, version 7.3, which is HDF5, by `mecopt.data.mat73`.
"""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.data.arrays import read_arrays
from mecopt.data.dataset import Dataset, Told, compact
from mecopt.data.limits import LONGEST
from mecopt.data.mat5 import Other, read_version_5
from mecopt.data.mat73 import read_version_73
from mecopt.data.own_limits import require_none
from mecopt.quantities.doubts import question_digits

Array = NDArray[Any]

SIGNATURE = b"\x89HDF\r\n\x1a\n"
"""How HDF5 begins, in MATLAB's files after 512 bytes of its own."""


def read_mat(path: Path, told: Told) -> Dataset:
    """Read a MATLAB file."""
    with path.open("rb") as file:
        begin = file.read(520)
    recent = begin.startswith(b"MATLAB 7.3") or SIGNATURE in (begin[:8], begin[512:])
    content = read_version_73(path) if recent else read_version_5(path)
    kept = told.remaining(content, path.name)
    content = {name: _numbers(path, name, content[name]) for name in kept} | {
        name: content[name] for name in content if name not in kept
    }
    return read_arrays(content, told, path.name)


def _numbers(path: Path, name: str, value: Any) -> Any:
    """Return an entry as an array of numbers, or as a word; say what else it is, and what to save instead."""
    if isinstance(value, Other):
        _refuse(path, name, value)
    if value.dtype.kind == "U":
        return str(value.reshape(-1)[0]) if value.size == 1 else value
    if value.dtype.kind not in "biu":
        return value
    found = value.astype(float)
    question_digits(f"{path}: {name}", value, found)
    return found


def _refuse(path: Path, name: str, value: Other) -> NoReturn:
    """Say what an entry is that holds no numbers."""
    if value.kind == "object":
        raise InstanceError(f"{path}: {name} is an object of MATLAB (a table, a string); allowed: numbers, see table2array")
    if value.kind == "cell":
        size = " x ".join(map(str, value.shape))
        raise InstanceError(f"{path}: {name} is a cell array of {size}; allowed: numbers, see cell2mat")
    raise InstanceError(
        f"{path}: {name} is a struct ({', '.join(value.parts)[:LONGEST]}); allowed: numbers. "
        f"save('{path.name}', '-struct', '{name}') in MATLAB saves its fields themselves"
    )


def mat_bytes(problem: Problem, labels: Solution | None, provenance: dict[str, Any]) -> bytes:
    """Return the content of a MATLAB file; its instances stand there with their optima."""
    from scipy.io import savemat

    require_mat(problem)
    if labels is None:
        raise InstanceError("the .mat layout stores optima with the instances: pass their solution as labels")
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


def require_mat(problem: Problem) -> None:
    """Raise `InstanceError` where the .mat layout has no place for these instances."""
    require_none(problem, ".mat")
    if not problem.mat_layout:
        raise InstanceError(f"{problem.name} has no .mat layout; write .npz or .json")
    names = list(problem.mat_layout.values())
    for name, value in compact(problem).items():
        default = next(f.metadata["default"] for f in dataclasses.fields(problem) if f.name == name)
        usual = default(problem.users) if callable(default) else default
        if name not in names and not np.all(value == usual):
            raise InstanceError(f"{name} differs from its default, and the .mat layout has no place for it; write .npz")
