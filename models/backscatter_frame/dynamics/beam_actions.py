r"""Beams from numbers between 0 and 1, as a learner's output layer or a `Box` gives them.

`weights`: :math:`q_{ij}` for each pair of users; :math:`w_i` is the principal eigenvector of
:math:`\sum_j q_{ij} h_j h_j^H / \|h_j\|^2`, the form that optimal beams have (see
`mecopt.models.backscatter_frame.exact.beams`). `raw`: real and imaginary part of each antenna's weight, 0 for -1 and 1 for
1, the whole made unit, as in the paper.

Both have points without direction: a row of zero weights, and a raw beam whose numbers are all 1/2. Zero weights count as
equal ones, and a raw beam without direction sends from all antennas in phase.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecopt.contract.errors import InstanceError, unknown
from mecopt.models.backscatter_frame.exact.beams import weighted
from mecopt.models.backscatter_frame.problem import BackscatterFrame

Array = NDArray[Any]


@dataclass(frozen=True)
class BeamAction:
    """A meaning of numbers as beams."""

    summary: str
    size: Callable[[int, int], int]
    """From the numbers of users and antennas to how many numbers an action has."""
    beams: Callable[[BackscatterFrame, Array], Array]
    """From a frame and actions ``(*batch, *candidates, size)`` to unit beams ``(*batch, *candidates, users, antennas)``."""


def _from_weights(frame: BackscatterFrame, action: Array) -> Array:
    weight = action.reshape(*action.shape[:-1], frame.users, frame.users)
    most = weight.max(axis=-1, keepdims=True)
    return weighted(frame, np.where(most > 0.0, weight / np.where(most > 0.0, most, 1.0), 1.0))


def _from_parts(frame: BackscatterFrame, action: Array) -> Array:
    part = 2.0 * action.reshape(*action.shape[:-1], frame.users, frame.sizes["antennas"], 2) - 1.0
    most = np.abs(part).max(axis=(-2, -1))[..., None]
    beam = np.where(most > 0.0, (part[..., 0] + 1j * part[..., 1]) / np.where(most > 0.0, most, 1.0), 1.0)
    return np.asarray(beam / np.linalg.norm(beam, axis=-1, keepdims=True))


BEAM_ACTIONS: Mapping[str, BeamAction] = {
    "weights": BeamAction("a weight for each pair of users", lambda users, antennas: users * users, _from_weights),
    "raw": BeamAction("real and imaginary parts", lambda users, antennas: 2 * users * antennas, _from_parts),
}


def action_size(kind: str, users: int, antennas: int) -> int:
    """Return how many numbers stand for the beams of all slots.

    >>> action_size("weights", 3, 4), action_size("raw", 3, 4)
    (9, 24)
    """
    return _known(kind).size(users, antennas)


def beams_of(frame: BackscatterFrame, kind: str, action: ArrayLike) -> Array:
    """Return the beams that an action stands for.

    Parameters
    ----------
    frame
        one frame or a batch.
    kind
        a key of `BEAM_ACTIONS`.
    action
        numbers from 0 to 1, ``(*batch, *candidates, size)``.

    Returns
    -------
    Array
        unit beams ``(*batch, *candidates, users, antennas)``.

    Raises
    ------
    InstanceError
        for an unknown kind, another size or batch, or a number outside of 0 to 1.
    """
    size = action_size(kind, frame.users, frame.sizes["antennas"])
    values = parts("action", action)
    batch = frame.batch_shape
    if values.ndim <= len(batch) or values.shape[-1] != size or values.shape[: len(batch)] != batch:
        wanted = f"batch {batch}, any candidates, {size} numbers last for {kind} of {frame.size_text}"
        raise InstanceError(f"action has shape {values.shape}; allowed: {wanted}")
    return _known(kind).beams(frame, values)


def parts(name: str, values: ArrayLike) -> Array:
    """Return numbers from 0 to 1 as floats, or say which one is none."""
    array = real(name, values, "from 0 to 1")
    good = (array >= 0.0) & (array <= 1.0)
    if not good.all():
        index = tuple(int(i) for i in np.argwhere(~good)[0])
        raise InstanceError(f"{name}{list(index) or ''} is {array[index]}; allowed: numbers from 0 to 1")
    return array


def real(name: str, values: ArrayLike, allowed: str) -> Array:
    """Return real numbers as floats, or say that they are none: numpy drops imaginary parts, and only warns of it."""
    try:
        array = np.asarray(values)
        if not np.iscomplexobj(array):
            return array.astype(float)
    except (TypeError, ValueError):
        pass
    raise InstanceError(f"{name} is {values!r:.40}; allowed: an array of numbers {allowed}")


def _known(kind: str) -> BeamAction:
    if kind not in BEAM_ACTIONS:
        raise unknown("meaning of a beam's action", kind, BEAM_ACTIONS)
    return BEAM_ACTIONS[kind]
