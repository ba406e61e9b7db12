"""MATLAB files of version 7.3, which are HDF5: read through h5py, the extra `matlab`.

MATLAB stores the columns of a matrix one after the other, so its axes stand in HDF5 in reversed order.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.solution import BackendUnavailable, InstanceError

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
            return {name: _entry(path, name, node) for name, node in file.items() if not name.startswith("#")}
    except InstanceError:
        raise
    except Exception as error:  # h5py raises many kinds for a damaged file
        raise InstanceError(f"{path} is damaged, or not a version 7.3 file of MATLAB: {error}") from None


def _entry(path: Path, name: str, node: Any) -> Any:
    kind = node.attrs.get("MATLAB_class", b"")
    kind = kind.decode() if isinstance(kind, bytes) else str(kind)
    if "MATLAB_sparse" in node.attrs:
        return _sparse(node)
    if not hasattr(node, "shape"):
        return np.zeros((1, 1), dtype=[(part, object) for part in node])  # a struct, as scipy tells of one
    if not kind:
        raise InstanceError(f"{path}: {name} does not say its class, so MATLAB has not written it; save it as .npz")
    if "MATLAB_object_decode" in node.attrs or kind not in (*NUMBERS, "char", "cell"):
        from scipy.io.matlab import MatlabOpaque

        return MatlabOpaque(np.empty((1, 1), dtype=[("class", object)]))  # a string or table, as scipy tells of one
    if node.attrs.get("MATLAB_empty", 0):
        return np.zeros(tuple(int(size) for size in node[()]))
    value = np.asarray(node[()])
    if kind == "cell":
        return np.empty(value.T.shape, dtype=object)
    if kind == "char":
        return np.array(["".join(chr(code) for code in row) for row in np.atleast_2d(value.T)])
    if value.dtype.names == ("real", "imag"):
        value = value["real"] + 1j * value["imag"]
    return value.T


def _sparse(node: Any) -> Array:
    """Return a sparse matrix in full: compressed columns, of so many rows."""
    from scipy.sparse import csc_matrix

    starts = np.asarray(node["jc"][()]).astype(np.int64)
    rows, count = int(node.attrs["MATLAB_sparse"]), starts.size - 1
    if "data" not in node:
        return np.zeros((rows, count))
    data = np.asarray(node["data"][()])
    return np.asarray(csc_matrix((data, np.asarray(node["ir"][()]).astype(np.int64), starts), shape=(rows, count)).toarray())
