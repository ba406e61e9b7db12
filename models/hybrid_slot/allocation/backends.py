"""Every way to answer hybrid slots whose decision is fixed."""

from __future__ import annotations

from mecopt.contract.backend import Backend
from mecopt.models.hybrid_slot.allocation.division import CLOSED_FORM
from mecopt.models.hybrid_slot.allocation.outside import FullScip, ManyStarts

BACKENDS: dict[str, Backend] = {backend.name: backend for backend in (CLOSED_FORM, FullScip(), ManyStarts())}
