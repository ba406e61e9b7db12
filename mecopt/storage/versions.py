"""Of what version everything is that may change an answer."""

from __future__ import annotations

import contextlib
from importlib.metadata import PackageNotFoundError, version

ANSWERING = (
    *("mecopt", "numpy", "scipy", "numba", "cvxpy", "clarabel", "ecos", "scs", "moreau"),
    *("pyomo", "highspy", "pyscipopt"),
)
"""Packages whose version may change an answer."""


def versions() -> dict[str, str]:
    """Return the versions of everything that may answer."""
    found = {}
    for name in ANSWERING:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
