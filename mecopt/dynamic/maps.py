"""Policies as maps over the state: what each does, asked slot by slot, along one carried and one drawn field.

A policy is asked once about all slots of a chart, as the lanes of a single slot, whatever it has met on its path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError, SolveFailed
from mecopt.dynamic.charts import Chart
from mecopt.dynamic.dynamics import Dynamics, Policy, stacked
from mecopt.dynamic.rollout import rollout

if TYPE_CHECKING:
    import pyarrow as pa

Array = NDArray[Any]


def shown(dynamics: Dynamics[Any], chart: Chart, policy: Policy, rng: Generator) -> Array:
    """Return what a policy does everywhere on a chart, ``(panels, drawn, carried)``.

    Raises
    ------
    InstanceError, SolveFailed
        whatever a rollout of these slots raises.
    """
    found: list[Array] = []

    def watch(number: int, slot: Any, decision: Array, allocation: Any, outcome: Any) -> None:
        found.append(np.array(chart.done(slot, decision, allocation, outcome), dtype=float))

    rollout(dynamics, stacked([chart.slots.flat()]), policy, rng, watch=watch)
    return found[0].reshape(chart.slots.batch_shape)


def map_of(dynamics: Dynamics[Any], name: str, chart: Chart, policy: Policy, seed: int) -> pa.Table:
    """Return what a policy does on a chart, a row per place; empty, and why, where it has no answer to one of its slots."""
    import pyarrow as pa

    why = {}
    try:
        values = shown(dynamics, chart, policy, np.random.default_rng((seed, 2)))
    except (InstanceError, SolveFailed) as error:
        values, why = np.empty((0, 0, 0)), {"failed": str(error)}
    panel, right, up = (place.ravel() for place in np.indices(values.shape))
    columns = {
        "policy": pa.array([name] * values.size, pa.string()),
        "panel": panel,
        chart.drawn: chart.along(chart.drawn)[right],
        chart.carried: chart.along(chart.carried)[up],
        "done": values.ravel(),
    }
    return pa.table(columns).replace_schema_metadata(why)


def told(dynamics: Dynamics[Any], chart: Chart) -> dict[str, Any]:
    """Return what a picture says of a chart."""
    return {
        "drawn": [chart.drawn, unit_of(dynamics, chart.drawn)],
        "carried": [chart.carried, unit_of(dynamics, chart.carried)],
        "quantity": [chart.quantity, chart.unit],
        "otherwise": chart.otherwise,
        "panels": list(chart.panels),
    }


def unit_of(dynamics: Dynamics[Any], name: str) -> str:
    """Return the unit of a field of the slots."""
    fields = {f.name: f for f in dynamics.problem.__dataclass_fields__.values()}
    return str(fields[name].metadata["unit"])
