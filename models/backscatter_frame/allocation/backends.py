"""Every way to answer a frame with its beams fixed."""

from __future__ import annotations

from mecopt.backends.conic import Conic
from mecopt.contract.backend import Backend
from mecopt.models.backscatter_frame.allocation.conic import BALANCED, PROGRAM
from mecopt.models.backscatter_frame.allocation.direct import ClarabelDirect
from mecopt.models.backscatter_frame.allocation.original import OriginalForm
from mecopt.models.backscatter_frame.allocation.specialised import PathFollowing

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
