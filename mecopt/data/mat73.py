"""MATLAB files of version 7.3, which are HDF5: read through h5py, the extra `matlab`.

MATLAB stores the columns of a matrix one after the other, so its axes stand in HDF5 in reversed order.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import BackendUnavailable, InstanceError
from mecopt.data.limits import require_names, require_unpacked
from mecopt.data.mat5 import Other, dense

Array = NDArray[Any]

NUMBERS = ("double", "single", "logical", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)))
"""Classes of MATLAB whose entries HDF5 holds as they are; of any other class it holds references."""


def read_version_73(path: Path) -> dict[str, Any]:
    """Return the entries by name, with the axes of MATLAB.

    Raises
    ------
    BackendUnavailable
        where h5py is not installed.
    InstanceError
        where the file is damaged, or holds what is neither numbers nor text; says what to save instead.
    """
    try:
        import h5py
    except ImportError:
        raise BackendUnavailable(
            f"{path} is a version 7.3 file: install the extra that reads it, pip install 'mecopt[matlab]', or save it with "
            "-v7 in MATLAB"
        ) from None
    try:
        with h5py.File(path, "r") as file:
            require_names(path, len(file))
            return {name: _entry(path, name, node) for name, node in file.items() if not name.startswith("#")}
    except InstanceError:
        raise
    except Exception as error:  # h5py raises many kinds for a damaged file
        raise InstanceError(f"{path} is damaged, or not a version 7.3 file of MATLAB: {error}") from None


def _entry(path: Path, name: str, node: Any) -> Any:
    kind = node.attrs.get("MATLAB_class", b"")
    kind = kind.decode() if isinstance(kind, bytes) else str(kind)
    if "MATLAB_sparse" in node.attrs:
        return _sparse(path, node)
    if not hasattr(node, "shape"):
        return Other("struct", parts=tuple(node))
    if not kind:
        raise InstanceError(f"{path}: {name} does not say its class, so MATLAB has not written it; save it as .npz")
    if "MATLAB_object_decode" in node.attrs or kind not in (*NUMBERS, "char", "cell"):
        return Other("object")
    require_unpacked(path, node.size * node.dtype.itemsize)
    if node.attrs.get("MATLAB_empty", 0):
        return np.zeros(tuple(int(size) for size in node[()]))
    value = np.asarray(node[()])
    if kind == "cell":
        return Other("cell", value.T.shape)
    if kind == "char":
        return np.array(["".join(chr(code) for code in row) for row in np.atleast_2d(value.T)])
    if value.dtype.names == ("real", "imag"):
        value = value["real"] + 1j * value["imag"]
    return value.T


def _sparse(path: Path, node: Any) -> Array:
    """Return a sparse matrix in full: compressed columns, of so many rows."""
    rows, count = int(node.attrs["MATLAB_sparse"]), node["jc"].size - 1
    require_unpacked(path, 16 * max(rows, 0) * max(count, 0))
    starts = np.asarray(node["jc"][()]).astype(np.int64)
    if "data" not in node:
        return np.zeros((rows, count))
    require_unpacked(path, 16 * node["data"].size)
    return dense(rows, starts, np.asarray(node["ir"][()]).astype(np.int64), np.asarray(node["data"][()]))
