"""MATLAB files: a problem's instances, and the optima stored with them, under the names that its authors gave them."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.data.dataset import Dataset, Labels, compact
from mecopt.problem import Problem
from mecopt.registry import find_problem, problems
from mecopt.solution import InstanceError, Solution

Array = NDArray[Any]


def read_mat(path: Path, problem: str | None) -> Dataset:
    """Read a MATLAB file."""
    from scipy.io import loadmat

    try:
        content = {k: v for k, v in loadmat(path).items() if not k.startswith("__")}
    except Exception as error:  # scipy raises many kinds for a damaged file
        raise InstanceError(f"{path} is damaged or not a MATLAB file: {error}") from None
    known = {name: cls for name, cls in problems().items() if cls.mat_layout}
    if problem is not None:
        cls = find_problem(problem)
        if not cls.mat_layout:
            raise InstanceError(f"{problem} has no .mat layout; these have one: {', '.join(known)}")
        candidates = [cls]
    else:
        candidates = [cls for cls in known.values() if set(_layout(cls)[0]) <= set(content)]
    for cls in candidates:
        needed, answers = _layout(cls)
        missing = [key for key in needed if key not in content]
        if any(key in content for key in answers):
            missing += [key for key in answers if key not in content]
        if missing:
            raise InstanceError(f"{path} lacks {missing[0]!r}; allowed: the layout {', '.join(cls.mat_layout)}")
        return _from_layout(path, cls, content)
    raise InstanceError(f"{path} has the entries {', '.join(content) or 'none'}, which fit no known layout")


def _layout(cls: type[Problem]) -> tuple[list[str], list[str]]:
    """Return the entries that hold instances, and those that hold answers."""
    names = {f.name for f in dataclasses.fields(cls)}
    needed = [key for key, name in cls.mat_layout.items() if name in names]
    return needed, [key for key in cls.mat_layout if key not in needed]


def _from_layout(path: Path, cls: type[Problem], content: dict[str, Array]) -> Dataset:
    needed, stored = _layout(cls)
    instance = cls(**{cls.mat_layout[key]: content[key] for key in needed})
    provenance = {"file": path.name}
    if not all(key in content for key in stored):
        return Dataset(instance, None, provenance)
    users = {f.name for f in dataclasses.fields(cls.Allocation) if f.metadata["per"] == "user"} | {"decision"}
    answers = {}
    for key in stored:
        name = cls.mat_layout[key]
        shape = (*instance.batch_shape, instance.users) if name in users else instance.batch_shape
        try:
            answers[name] = np.asarray(content[key], dtype=float).reshape(shape)
        except (ValueError, TypeError):
            raise InstanceError(f"{path}: {key} has shape {np.shape(content[key])}; allowed: {shape}") from None
    decision = instance.decision_space.validate(answers.pop("decision"), instance.batch_shape)
    objective = answers.pop("objective")
    if not np.isfinite(objective).all():
        raise InstanceError(f"{path}: the stored objectives are not all finite")
    return Dataset(instance, Labels(decision, cls.Allocation(**answers), objective), provenance)


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
