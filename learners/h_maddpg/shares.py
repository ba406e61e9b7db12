r"""Users' actions as three numbers each, between allocations and networks.

`mecopt.models.backscatter_frame.dynamics.steps.from_shares` reads an action as parts :math:`(a_1, a_2)` of the slot for
sending and for the carrier, and a part :math:`a_3` of what the user could compute itself; the carrier takes what it can of
the rest, and the remainder is sent. Times and local bits of an optimal allocation give such an action, which serves the same
users at the same energy of the access point; where the optimiser sends what the carrier could take, in the same times, the
user keeps more of its energy than in the estimate. A user who is not served does nothing but keep the carrier on for others,
and what its action stands for fails as it does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.models.backscatter_frame.problem import BackscatterFrame
from mecopt.models.backscatter_frame.variables import FrameAllocation

Array = NDArray[Any]

NUMBERS = 3
"""Of a user's action."""


def shares_of(frame: BackscatterFrame, decision: Array, allocation: FrameAllocation) -> Array:
    """Return the actions ``(..., users, 3)`` that stand for the times and local bits of an allocation."""
    slot = frame.aligned("slot", decision)[..., None]
    most = np.minimum(frame.aligned("workload", decision), frame.aligned("compute_rate", decision) * slot)
    local = np.where(most > 0.0, allocation.local_bits / np.where(most > 0.0, most, 1.0), 0.0)
    parts = np.stack([allocation.active_time / slot, allocation.passive_time / slot, local], axis=-1)
    return np.clip(parts, 0.0, 1.0)


def alternatives(estimate: FrameAllocation, own: FrameAllocation) -> FrameAllocation:
    """Return what users may do together in one frame, leading axis: the estimate, all their own actions, and N mixtures.

    In mixture i user i does what it would and all others do what the estimate says: what Algorithm 1 lets a user learn from.
    """
    users = estimate.active_time.shape[-1]
    own_part = np.concatenate([np.zeros((1, users)), np.ones((1, users)), np.eye(users)]).astype(bool)
    ours, theirs = own.as_dict(), estimate.as_dict()
    return FrameAllocation(**{name: np.where(own_part, ours[name], theirs[name]) for name in ours})
