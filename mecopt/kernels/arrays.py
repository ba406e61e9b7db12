"""Arrays as compiled code takes them."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray


def plain(array: ArrayLike, dtype: DTypeLike) -> NDArray[Any]:
    """Return a contiguous writable array: numba compiles anew for every other layout and for read-only data."""
    if type(array) is np.ndarray and array.dtype == dtype and array.flags.carray:
        return array
    return np.require(array, dtype=dtype, requirements=["C", "W"])
