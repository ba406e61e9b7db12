r"""Luck that is nothing in the mean, and is taken off: the martingale of values as a control variate of rollouts.

In slot t let :math:`x_t` be what is carried, and let :math:`w_t` be drawn anew, from a known law and independently of all
before. Whatever is done earns :math:`r_t` and leaves :math:`x_{t + 1}`. For ANY function :math:`\varphi` of both

.. math:: D_t = \varphi(x_t, w_t) - \bar\varphi(x_t), \qquad \bar\varphi(x) = \mathrm E_w\, \varphi(x, w) ,

has the mean 0 given the past, whatever the policy: :math:`x_t` is of the past, and :math:`w_t` knows nothing of it. So
:math:`\sum_t \gamma^t (r_t - D_t)` has the mean of :math:`\sum_t \gamma^t r_t`, exactly, of a policy that draws or learns,
too. What is asked of :math:`\bar\varphi` is that it is the mean of the very function that is used, under the very law of
which the path is drawn. Whether that function is right for anything only decides how much luck it takes off.

Take what a slot is worth once it is drawn, :math:`\varphi(x, w) = \max (r + \gamma \bar\varphi(x'))`. The sum telescopes:

.. math:: \sum_{t < T} \gamma^t (r_t - D_t) = \bar\varphi(x_0) - \gamma^T \bar\varphi(x_T)
    + \sum_{t < T} \gamma^t \big(r_t + \gamma \bar\varphi(x_{t + 1}) - \varphi(x_t, w_t)\big) ,

and what is left to scatter is how much less than the best each slot was worth: nothing at all for the best policy where
:math:`\varphi` is exact, little for a good one. (:math:`D_t` is the martingale
:math:`V(x_{t + 1}) - \mathrm E[V(x_{t + 1})]` of values told once a slot is drawn rather than once it is done, so that no
policy has to be asked for its mean.)

**Where a mean is exact.** Of finite laws it is a sum. Of a continuous number with distribution function F take functions
that are linear in :math:`u = F(h)` between nodes (`Nodes`): u is even on [0, 1], and the trapezoidal rule is their mean, but
for rounding. A mean over a grid of some other function would be off by that grid's error, in every slot the same way.

Reference: Henderson and Glynn, Approximating martingales for variance reduction in Markov process simulation, Math. Oper.
Res. 27(2), 2002. Law and Kelton, Simulation Modeling and Analysis, 11.4 (control variates).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecopt.contract.errors import InstanceError
from mecopt.contract.problem import Problem
from mecopt.dynamic.dynamics import ControlVariate, read_only

if TYPE_CHECKING:
    from mecopt.dynamic.rollout import Rollout

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Nodes:
    """Functions of a number that is even on [0, 1], linear between nodes, and their exact means.

    Examples
    --------
    >>> nodes = Nodes([0.0, 0.25, 1.0])
    >>> nodes.weights.tolist(), float(nodes.weights @ [4.0, 1.0, 0.0])
    ([0.125, 0.5, 0.375], 1.0)
    """

    at: Array
    """From 0 to 1, rising."""

    def __post_init__(self) -> None:
        given = np.array(self.at, dtype=float)
        if given.ndim != 1 or given.size < 2 or given[0] != 0.0 or given[-1] != 1.0 or not (np.diff(given) > 0.0).all():
            raise InstanceError(f"the nodes are {given.ravel()[:4].tolist()}, ...; allowed: rising numbers from 0 to 1")
        given.flags.writeable = False
        object.__setattr__(self, "at", given)

    @property
    def weights(self) -> Array:
        """What each node's value counts in the mean."""
        half = 0.5 * np.diff(self.at)
        return np.append(half, 0.0) + np.append(0.0, half)

    def place(self, u: ArrayLike) -> tuple[Array, Array]:
        """Return the node below each number, and the part of the way to the next one."""
        drawn = np.asarray(u, dtype=float)
        below = np.clip(np.searchsorted(self.at, drawn, side="right") - 1, 0, self.at.size - 2)
        part = (drawn - self.at[below]) / (self.at[below + 1] - self.at[below])
        return below, np.clip(part, 0.0, 1.0)


def luck(control: ControlVariate, stream: Problem, found: Rollout) -> Array:
    """Return the luck of every slot of a rollout, ``(slots, lanes)``: 0 in the mean, and to be taken off its rewards.

    Parameters
    ----------
    control
        `mecopt.dynamic.Dynamics.control_variate`.
    stream
        the path, drawn by the same dynamics.
    found
        what a policy made of it.
    """
    carried = {name: read_only(values) for name, values in found.carried.items()}
    return np.asarray(control(stream._with({**stream.data(), **carried})))
