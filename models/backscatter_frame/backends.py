"""Every way to answer a frame with its beams fixed."""

from __future__ import annotations

from mecopt.backends.backend import Backend
from mecopt.backends.conic import Conic
from mecopt.models.backscatter_frame.allocation import PathFollowing
from mecopt.models.backscatter_frame.conic import BALANCED, PROGRAM
from mecopt.models.backscatter_frame.direct import ClarabelDirect
from mecopt.models.backscatter_frame.original import OriginalForm

BACKENDS: dict[str, Backend] = {
    backend.name: backend
    for backend in (
        PathFollowing(),
        ClarabelDirect(),
        *(Conic(solver, PROGRAM) for solver in ("CLARABEL", "ECOS")),
        Conic("SCS", BALANCED),
        OriginalForm(),
    )
}
