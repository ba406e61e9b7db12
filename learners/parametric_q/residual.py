r"""The temporal difference of Algorithms 1 and 2, what the paper moves along, and what it would have to.

A value is a sum of sigmoids of what is seen, :math:`\hat Q = \sum_i \theta_i \phi_i`,
:math:`\phi_i = 1 / (1 + e^{-\mu_i^\top \tilde s})`, (22)-(23). With the cost r of a block, :math:`\phi'` of the next one,
and the SAME action in both, (24) is

.. math:: \delta = r + \gamma\, \theta^\top \phi' - \theta^\top \phi .

Its square is lowered over parameters and action u together, the power of a device or the rates of the server. Half of its
gradient is

.. math::
    \delta\, (\gamma \phi' - \phi), \qquad
    \delta \Big[ \frac{\partial r}{\partial u}
        + \sum_i \theta_i \mu_i[u] \big( \gamma \phi_i' (1 - \phi_i') - \phi_i (1 - \phi_i) \big) \Big] .

The paper prints a minus before the sum, (26) and (33). For a device it also leaves out of :math:`\partial r / \partial p`
what is then computed less:

.. math:: \frac{\partial r}{\partial p} = w_4 \tau - 3 A z^2\, \frac{h / \Gamma}{L\, (1 + h p / \Gamma)} ,

the second term where the power decides what is computed, :math:`0 < y < 1`. Neither lowers a cost: the residual gradient of
one sample is biased, there is no minimum over the next action, and what is found is a number that looks at no queue.

Reference: paper 002, (22)-(35).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.learners.network import sigmoid

Array = NDArray[Any]


def sigmoids(weight: Array, seen: Array) -> Array:
    """Return the features ``(..., features)`` of what is seen ``(..., inputs)``, by weights ``(..., features, inputs)``."""
    with np.errstate(over="ignore"):
        return sigmoid((weight * seen[..., None, :]).sum(axis=-1))


def difference(cost: Array, parameters: Array, now: Array, then: Array, discount: float) -> Array:
    """Return delta, (24) and (31), ``(...)``.

    Parameters
    ----------
    cost
        r of the block, ``(...)``.
    parameters
        theta, ``(..., features)``.
    now, then
        features of the block and of the next one, ``(..., features)``.
    discount
        gamma.
    """
    return np.asarray(cost + (parameters * along_parameters(now, then, discount)).sum(axis=-1))


def along_parameters(now: Array, then: Array, discount: float) -> Array:
    """Return what delta grows with each parameter, (27) and (34) without delta, ``(..., features)``."""
    return np.asarray(discount * then - now)


def along_action(
    slope: Array, parameters: Array, weight: Array, now: Array, then: Array, discount: float, sign: float
) -> Array:
    """Return what delta grows with the action, and what (26) and (33) take for it, without delta, ``(...)``.

    Parameters
    ----------
    slope
        what r grows with the action, ``(...)``.
    parameters, now, then, discount
        as in `difference`.
    weight
        of the action in every feature, ``(..., features)``.
    sign
        of the sum: 1, or -1 as printed.
    """
    change = discount * then * (1.0 - then) - now * (1.0 - now)
    return np.asarray(slope + sign * (parameters * weight * change).sum(axis=-1))


def saved_by_sending(row: Array, snr: Array, local: Array, offloaded: Array, part_of_power: Array, most: Array) -> Array:
    """Return what computing costs less for a watt more, where the power decides what is computed, else 0; ``(..., users)``.

    Parameters
    ----------
    row
        constants of the devices, ``(users, 5)``.
    snr
        h in 1/W, ``(..., users)``.
    local, offloaded
        z and y in tasks.
    part_of_power
        p as a part of p_max, ``(users,)``.
    most
        p_max in W, ``(users,)``.
    """
    decides = (offloaded > 0.0) & (offloaded < 1.0) & (part_of_power < 1.0)
    per_watt = np.divide(snr * row[:, 4], most, out=np.zeros_like(snr), where=most > 0.0)
    more = per_watt / (row[:, 2] * (1.0 + snr * row[:, 4] * part_of_power))
    return np.asarray(np.where(decides, 3.0 * row[:, 0] * local**2 * more, 0.0))
