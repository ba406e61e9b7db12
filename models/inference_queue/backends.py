"""Every way to answer blocks of queues whose decision is fixed."""

from __future__ import annotations

from mecopt.backends.backend import Backend
from mecopt.backends.conic import Conic
from mecopt.models.inference_queue.allocation import CLOSED_FORM
from mecopt.models.inference_queue.conic import CONIC
from mecopt.models.inference_queue.numpy_form import PlainNumpy

BACKENDS: dict[str, Backend] = {
    backend.name: backend
    for backend in (CLOSED_FORM, PlainNumpy(), *(Conic(solver, CONIC) for solver in ("CLARABEL", "ECOS", "SCS")))
}
