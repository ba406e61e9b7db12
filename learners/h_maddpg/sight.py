r"""What users see: their own state, and the beams that the access point tells them (line 5 of Algorithm 1).

A beam matters to user i by the part :math:`|h_i^H w_j|^2 / \|h_i\|^2` of its channel that it uses: in its own slot it says
how fast the user can reflect, in the others how much it harvests. So N numbers tell user i the beams of all slots, whatever
their phases.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.learners.h_maddpg.settings import HMaddpgSettings
from mecopt.models.backscatter_frame.dynamics.observation import Observer
from mecopt.models.backscatter_frame.problem import BackscatterFrame

Array = NDArray[Any]


def size(observer: Observer, users: int, settings: HMaddpgSettings) -> int:
    """Return how many numbers a user sees."""
    return observer.size + (users if settings.told == "beams" else 0)


def of_users(frame: BackscatterFrame, own: Array, beams: Array, settings: HMaddpgSettings) -> Array:
    """Return what users see.

    Parameters
    ----------
    frame
        one frame or a batch.
    own
        of the users' own states, as an `Observer` gives them, ``(*batch, users, numbers)``.
    beams
        unit beams ``(*batch, users, antennas)``.
    settings
        whether beams are told.
    """
    if settings.told == "nothing":
        return own
    strength = (np.abs(frame.channel) ** 2).sum(axis=-1)
    reached = np.abs(np.einsum("...ia,...ja->...ij", frame.channel.conj(), beams)) ** 2
    part = reached / np.where(strength > 0.0, strength, 1.0)[..., None]
    return np.concatenate([own, np.broadcast_to(part, (*own.shape[:-1], beams.shape[-2])).astype(own.dtype)], axis=-1)
