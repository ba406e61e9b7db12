"""Instances in and out: JSON by hand, NPZ for batches, and the authors' .mat layout with stored optima.

Nothing here unpickles. Files are written whole or not at all: to a temporary name first, then renamed. Beside every file
that is written stands a data card, ``<file name>.card.md``, which says what it holds and how its labels were made.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import zipfile
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.data_json import from_mapping, in_units, schema, written
from mecopt.fields import Variables
from mecopt.files import write_whole
from mecopt.problem import Problem
from mecopt.registry import find_problem, problems
from mecopt.solution import InstanceError, Solution

__all__ = ["Dataset", "Labels", "digest", "from_mapping", "in_units", "load", "save", "schema"]

Array = NDArray[Any]

FORMAT = 1
_HEADER = "mecopt"


@dataclass(frozen=True)
class Labels:
    """Answers stored with the instances by whoever made the file; shown as the method "stored", never trusted."""

    decision: Array
    allocation: Variables
    objective: Array


@dataclass(frozen=True)
class Dataset:
    """Instances, the answers stored with them (if any), and where they are from."""

    problem: Problem
    labels: Labels | None = None
    provenance: dict[str, Any] = field(default_factory=dict)


def load(path: str | Path, problem: str | None = None) -> Dataset:
    """Read instances from a .json, .npz or .mat file.

    Parameters
    ----------
    path
        the file; its suffix names the format.
    problem
        name of the problem; needed only where the file does not tell.

    Raises
    ------
    InstanceError
        if the file is missing, truncated, foreign, or holds inadmissible data.
    """
    path = Path(path)
    readers = {".json": _read_json, ".npz": _read_npz, ".mat": _read_mat}
    if path.suffix not in readers:
        raise InstanceError(f"{path} has suffix {path.suffix!r}; allowed: {', '.join(readers)}")
    if not path.is_file():
        raise InstanceError(f"{path} does not exist or is no file")
    data = readers[path.suffix](path, problem)
    if not isinstance(data.provenance, dict):
        raise InstanceError(f"{path}: provenance is a {type(data.provenance).__name__}; allowed: an object")
    return data


def save(path: str | Path, problem: Problem, *, labels: Solution | None = None, provenance: dict[str, Any]) -> None:
    """Write instances to a .json, .npz or .mat file, and a data card beside it.

    Parameters
    ----------
    path
        the file; its suffix names the format.
    labels
        a solution of these instances, stored with them (.mat only).
    provenance
        how the instances came about, e.g. preset and seed; goes into the file and the card.
    """
    path = Path(path)
    if labels is not None and path.suffix != ".mat":
        raise InstanceError(f"labels are stored in .mat files only, not in {path.suffix!r}")
    provenance = {**provenance, "mecopt": version("mecopt")}
    writers = {".json": _json_bytes, ".npz": _npz_bytes, ".mat": _mat_bytes}
    if path.suffix not in writers:
        raise InstanceError(f"{path} has suffix {path.suffix!r}; allowed: {', '.join(writers)}")
    content = writers[path.suffix](problem, labels, provenance)
    write_whole(path, content)
    write_whole(path.with_name(path.name + ".card.md"), _card(path, problem, labels, provenance).encode())


def digest(problem: Problem) -> str:
    """Return a short name of the data of these instances: equal data, equal name."""
    found = hashlib.sha256(problem.name.encode())
    for name, value in problem.data().items():
        found.update(f"{name}{value.shape}".encode())
        found.update(np.ascontiguousarray(value).tobytes())
    return found.hexdigest()[:16]


# ---------------------------------------------------------------------- JSON


def _read_json(path: Path, problem: str | None) -> Dataset:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        for name in names:
            if names.count(name) > 1:
                raise InstanceError(f"{path}: the key {name!r} stands twice")
        return dict(pairs)

    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=once)
    except InstanceError:
        raise
    except (ValueError, RecursionError) as error:
        raise InstanceError(f"{path} is not JSON: {error}") from None
    provenance = content.get("provenance", {}) if isinstance(content, dict) else {}
    return Dataset(from_mapping(content, problem), provenance=provenance)


def _compact(problem: Problem) -> dict[str, Array]:
    """Return the fields, each constant one as a single number; the first, which has everyone's shape, in full."""
    first, *others = problem.data().items()
    constant = {name: value[(0,) * value.ndim] for name, value in others if value.size and not any(value.strides)}
    return dict([first, *others]) | constant


def _json_bytes(problem: Problem, labels: Solution | None, provenance: dict[str, Any]) -> bytes:
    declared = {f.name: f for f in dataclasses.fields(problem)}
    fields = {name: written(value, declared[name]) for name, value in _compact(problem).items()}
    return json.dumps({"problem": problem.name, **fields, "provenance": provenance}, indent=1).encode()


# ---------------------------------------------------------------------- NPZ


def _npz_bytes(problem: Problem, labels: Solution | None, provenance: dict[str, Any]) -> bytes:
    header = json.dumps({"format": FORMAT, "problem": problem.name, "provenance": provenance})
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{_HEADER: np.array(header)}, **_compact(problem))  # type: ignore[arg-type]
    return buffer.getvalue()


def _read_npz(path: Path, problem: str | None) -> Dataset:
    if not zipfile.is_zipfile(path):
        raise InstanceError(f"{path} is damaged or not an NPZ file")
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except Exception as error:  # numpy, zipfile and zlib raise many kinds for a damaged file
        raise InstanceError(f"{path} is damaged or not an NPZ file of numbers: {error}") from None
    try:
        header = json.loads(str(arrays.pop(_HEADER)))
        named, form, provenance = header["problem"], header["format"], header["provenance"]
    except (KeyError, TypeError, json.JSONDecodeError):
        raise InstanceError(f"{path} was not written by mecopt: it lacks the entry {_HEADER!r}") from None
    if form != FORMAT:
        raise InstanceError(f"{path} has format {form}; this version of mecopt reads format {FORMAT}")
    return Dataset(from_mapping({"problem": named, **arrays}, problem), provenance=provenance)


# ---------------------------------------------------------------------- .mat


def _read_mat(path: Path, problem: str | None) -> Dataset:
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


def _mat_bytes(problem: Problem, labels: Solution | None, provenance: dict[str, Any]) -> bytes:
    from scipy.io import savemat

    if not problem.mat_layout:
        raise InstanceError(f"{problem.name} has no .mat layout; write .npz or .json")
    if labels is None:
        raise InstanceError("the .mat layout stores optima with the instances: pass their solution as labels")
    names = list(problem.mat_layout.values())
    for name, value in _compact(problem).items():
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


def _card(path: Path, problem: Problem, labels: Solution | None, provenance: dict[str, Any]) -> str:
    lines = [
        f"# {path.name}",
        "",
        f"{problem.instances} instances of {problem.name} with {problem.users} users: {problem.summary}.",
        "",
        "| field | symbol | unit | least | greatest |",
        "|---|---|---|---|---|",
    ]
    for f in dataclasses.fields(problem):
        value = getattr(problem, f.name)
        size = np.abs(value) if f.metadata["complex"] else value
        lines.append(f"| {f.name} | {f.metadata['symbol']} | {f.metadata['unit']} | {size.min():.6g} | {size.max():.6g} |")
    lines += ["", "How the instances were made:", ""]
    lines += [f"- {key}: {value}" for key, value in provenance.items()]
    lines += ["", "Labels:", ""]
    if labels is None:
        lines.append("none.")
    else:
        counts = ", ".join(f"{count} {name}" for name, count in labels.statuses().items())
        lines.append(
            f"made by the solver {labels.stats.method!r}: {counts}; largest proved gap {np.max(labels.gap):.2g}, "
            f"objective in {problem.objective_unit} ({problem.sense}d)."
        )
    return "\n".join(lines) + "\n"
