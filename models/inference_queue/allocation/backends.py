"""Every way to answer blocks of queues whose decision is fixed."""

from __future__ import annotations

from mecopt.backends.conic import Conic
from mecopt.contract.backend import Backend
from mecopt.models.inference_queue.allocation.conic import CONIC
from mecopt.models.inference_queue.allocation.numpy_form import PlainNumpy
from mecopt.models.inference_queue.allocation.splits import CLOSED_FORM

BACKENDS: dict[str, Backend] = {
    backend.name: backend
    for backend in (CLOSED_FORM, PlainNumpy(), *(Conic(solver, CONIC) for solver in ("CLARABEL", "ECOS", "SCS")))
}
