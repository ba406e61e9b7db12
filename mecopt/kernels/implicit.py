r"""Derivatives of an optimum from what it satisfies: envelope theorem and implicit functions, on numpy or torch.

For :math:`V(\theta) = \min_y f(y, \theta)` subject to :math:`g(y, \theta) \le 0` with the solution :math:`y^*` and the
prices :math:`\lambda^*`

.. math:: \frac{dV}{d\theta} = \frac{\partial}{\partial\theta} \big(f + \lambda^* g\big)(y^*, \theta) .

Where each user answers a price by a condition of its own, :math:`h_i(y_i, \lambda, \theta) = 0`, and one price fills what is
shared, :math:`g(y, \theta) = 0`, no linear system is solved for the allocation:

.. math::
    y_i' = -\frac{\partial_\theta h_i + \partial_\lambda h_i\, \lambda'}{\partial_y h_i}, \qquad
    \lambda' = -\frac{g_\theta}{g_\lambda}, \quad
    g_\lambda = -\sum_i \partial_{y_i} g\, \frac{\partial_\lambda h_i}{\partial_y h_i},

with :math:`g_\theta` the derivative of g at the old price. That is one step of Newton's method from the solution: it moves
nothing, since all residuals are 0 there, and it has these derivatives. A model's room ``gradients`` writes its conditions
so, and `mecopt.torch` differentiates them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

NEAR = 1e-9
"""Relative distance from a limit within which an answer is at it."""


class Conditions(NamedTuple):
    """What a room says of solved decisions; leading axes are those of batch and candidates."""

    lagrangian: Any
    """The Lagrangian at the solution and its prices, ``(...)``: its derivative is the value's."""
    allocation: Mapping[str, Any]
    """The variables by name, after a step of Newton's method that moves nothing."""
    kinks: Mapping[str, Any]
    """Where one of them has two one-sided derivatives, ``(...)`` or ``(..., users)``, by what is said of it."""


def price_step(xp: Any, excess: Any, slope: Any, active: Any) -> Any:
    """Return by how much prices change that make up for an excess which changes with them by `slope`; 0 where not active."""
    usable = active & (slope != 0.0)
    return xp.where(usable, -excess / xp.where(usable, slope, xp.ones_like(slope)), xp.zeros_like(excess))


def shared(xp: Any, settled: Any, response: Any, use: Any, capacity: Any, active: Any) -> Any:
    """Return what users take once the prices fill the capacities.

    Parameters
    ----------
    settled
        what they take at the old prices, ``(..., users)``.
    response
        how that changes with each price, ``(..., users, prices)``; each user answers one at most.
    use
        what a unit of it takes of each capacity, ``(..., users, prices)``.
    capacity, active
        ``(..., prices)``, and whether a price fills it, or nobody pays.
    """
    excess = xp.sum(use * settled[..., None], axis=-2) - capacity
    change = price_step(xp, excess, xp.sum(use * response, axis=-2), active)
    return settled + xp.sum(response * change[..., None, :], axis=-1)


def safe(xp: Any, where: Any, value: Any, otherwise: float = 1.0) -> Any:
    """Return values where they are used and a harmless number elsewhere, so that no branch left out is not a number."""
    value = xp.broadcast_arrays(value, where)[0]
    return xp.where(where, value, xp.full_like(value, otherwise))


def near(xp: Any, one: Any, other: Any) -> Any:
    """Return whether two numbers that are not negative are the same but for `NEAR`; two zeros are not."""
    one, other = xp.broadcast_arrays(one, other)
    return (xp.abs(one - other) <= NEAR * xp.maximum(one, other)) & (xp.maximum(one, other) > 0.0)
