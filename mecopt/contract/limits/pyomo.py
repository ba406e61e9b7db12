"""The limits of a problem in its Pyomo model, as rows over the binary variables that say who offloads, and where.

A row is in a unit of about its greatest weight, a power of 2, which is 1 for numbers of users.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mecopt.contract.limits.rows import decision_rows, units


def with_rows(problem: Any, model: Any) -> Any:
    """Return the model of one instance with its limits as constraints ``limits``; nothing is added where it has none."""
    if not problem.limits or hasattr(model, "limits"):
        return model
    import pyomo.environ as pyo

    rows = decision_rows(problem)
    model.limits = pyo.ConstraintList()
    wide = any(isinstance(index, tuple) for index in model.offload)
    unit = units(rows.weight[0])
    bounds = zip((rows.least[0] / unit).tolist(), (rows.most[0] / unit).tolist(), strict=True)
    for weight, (least, most) in zip(rows.weight[0] / unit[:, None, None], bounds, strict=True):
        constant, terms = float(weight[:, 0].sum()), []
        for i, j in np.argwhere(weight[:, 1:] != weight[:, :1]).tolist():
            variable = model.offload[i, j + 1] if wide else model.offload[i]
            terms.append(float(weight[i, j + 1] - weight[i, 0]) * variable)
        if not terms and least <= constant <= most:
            continue
        if not terms:  # no decision keeps it
            terms.append(0.0 * next(iter(model.offload.values())))
        body = pyo.quicksum(terms) + constant
        lower, upper = (bound if np.isfinite(bound) else None for bound in (least, most))
        if lower is not None or upper is not None:
            model.limits.add((lower, body, upper))
    return model
