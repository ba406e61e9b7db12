"""numba made ready without scipy's linear algebra, which no kernel has to call.

The first kernel of a process makes numba import all of `scipy.linalg`, to see whether a BLAS is there: a fifth of the time
of a short command. It is there, since mecopt needs scipy; and whoever compiles a product of matrices lets numba ask again.
"""

from __future__ import annotations

import sys

ASKS = "numba.np.arraymath"
"""The module that asks while it is imported."""


def take_for_granted() -> None:
    """Import the module that asks, with an answer at hand; the caller holds numba's lock."""
    if ASKS in sys.modules or "scipy.linalg" in sys.modules:
        return
    from numba.np import linalg

    asked = linalg.ensure_blas
    linalg.ensure_blas = _is_there
    try:
        import numba.np.arraymath  # noqa: F401
    finally:
        linalg.ensure_blas = asked


def _is_there() -> None:
    """Say that BLAS is there, as numba does: by raising nothing."""
