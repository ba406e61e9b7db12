"""What remains in a queue after its block: of the conserved queue whole tasks, of equation (1) what was not computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.models.inference_queue.terms import LITERAL, per_user
from mecopt.models.inference_queue.variables import TaskAllocation

if TYPE_CHECKING:
    from mecopt.models.inference_queue.problem import InferenceQueue

Array = NDArray[Any]


def remaining(problem: InferenceQueue, decision: Array, allocated: TaskAllocation) -> Array:
    r"""Return the tasks that wait at the end of the block, before others arrive, ``(*batch, *candidates, users)``.

    .. math:: m - s \quad\text{(conserved)}, \qquad [m - z]^+ \quad\text{(literal, equation (1))} .

    The literal queue keeps what was offloaded, so that it is done twice.
    """
    waiting = problem.aligned("backlog", decision)
    kept = np.maximum(waiting - allocated.local_work, 0.0)
    literal = problem.aligned(per_user(problem, "queue"), decision) == LITERAL
    return np.asarray(np.where(literal, kept, np.maximum(waiting - decision, 0.0)))
