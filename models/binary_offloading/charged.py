"""What a server's shares answer to charges of one's own limits: the square-root rule, each user with its own price."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mecopt.charged.hyperbola import Hyperbola
from mecopt.charged.responses import Responses
from mecopt.contract.derived import shared
from mecopt.models.binary_offloading.variables import CapacityPrice, ServerRate

if TYPE_CHECKING:
    from typing import Any

    from mecopt.models.binary_offloading.problem import BinaryOffloading

    Array = NDArray[Any]


def responses(problem: BinaryOffloading, decision: Array) -> Responses:
    """Return what the shares of one instance and decision answer to charges; a column is a part of the capacity."""
    terms = shared(problem.terms)
    users = np.flatnonzero(decision == 1)
    capacity = float(problem.capacity) if problem.capacity > 0 else 1.0
    work = terms.compute[users] / capacity
    unit = float(work.sum()) or 1.0
    count = users.size
    part = Hyperbola(
        "server_rate", users, np.full(count, capacity), work / unit, lower=np.zeros(count), upper=np.ones(count)
    )
    return Responses(
        parts=[part],
        matrix=np.ones((1, count)),
        limit=np.ones(1),
        constant=float(np.where(decision == 1, terms.upload, terms.local).sum()),
        unit=unit,
        prices=lambda dual: np.atleast_1d(np.maximum(dual.capacity_price, 0.0)) * capacity / unit,
        dual=lambda prices: CapacityPrice(capacity_price=np.asarray(prices[0] * unit / capacity)),
        allocation=lambda entries: ServerRate(server_rate=entries["server_rate"]),
    )
