r"""What a slot earns and leads to, for all states of a grid at once: the operators of dynamic programming.

A state is (d, c): what is drawn, a state of a chain, and one carried number on a grid of indices 0 to n - 1. An action a
earns :math:`r(d, c, a)` and leads to the grid point :math:`\nu(d, c, a)`; what is drawn next does not depend on it:

.. math:: (T v)(d, c) = \max_a\ r(d, c, a) + \gamma \sum_{d'} P_{d d'} v(d', \nu(d, c, a)) .

`Tables` holds r and :math:`\nu` as they stand. `Moves` is for problems whose reward depends on what was drawn and on the
difference of two grid points, as where energy is spent: a maximum over all targets, by a compiled max-plus convolution, and
some further actions (to skip the slot) with rewards and next points of their own.

Everything is maximised; a problem of costs earns their negative. An action that is not there earns minus infinity.

What is drawn anew in every slot, whatever came before, may be folded in: a `Sweep` of one drawn state has the expectation
inside, :math:`(T v)(c) = \mathrm E_d \max_a r(d, c, a) + \gamma v(\nu(d, c, a))`, and is bracketed like any other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecopt.contract.errors import InstanceError
from mecopt.dynamic.chain import Chain

Array = NDArray[Any]


class Sweep(ABC):
    """One slot of a problem on a grid, as value iteration needs it."""

    chain: Chain
    carried: int
    """How many grid points there are."""

    @property
    def shape(self) -> tuple[int, int]:
        """Drawn states and grid points."""
        return self.chain.states, self.carried

    @property
    def terms(self) -> int:
        """How many numbers are added and multiplied for one value, on which its rounding error depends."""
        return self.chain.terms

    @abstractmethod
    def improved(self, following: Array) -> Array:
        """Return the best of reward plus `following` at the next point, ``(drawn, carried)``.

        No value may fall as one of `following` rises, and if all rise by a number all values do by that number: what is
        proved of sweeps needs both.

        Parameters
        ----------
        following
            what each next grid point is worth, ``(drawn, carried)``: entry [d, c] where d is drawn NOW.
        """


class Operator(Sweep):
    """One slot of a problem on a grid, with actions that have numbers."""

    actions: int
    """How many actions; those of a state have numbers below that."""

    @abstractmethod
    def best(self, following: Array) -> Array:
        """Return the number of an action that attains `improved`, ``(drawn, carried)``; the least of several."""

    @abstractmethod
    def followed(self, policy: Array) -> tuple[Array, Array]:
        """Return what the actions of a policy earn, and the grid points they lead to, ``(drawn, carried)`` each."""

    @abstractmethod
    def backward(self, path: Array, last: Array) -> tuple[Array, float]:
        """Return what each grid point is worth as a known path begins, ``(carried,)``, and the largest magnitude met.

        Parameters
        ----------
        path
            what is drawn, ``(slots,)``.
        last
            what each grid point is worth after the last slot, ``(carried,)``.
        """

    def checked(self, policy: ArrayLike) -> Array:
        """Return a policy, an action for each state, or say what is wrong with it."""
        given = np.asarray(policy)
        if given.shape != self.shape or given.dtype.kind not in "iu":
            raise InstanceError(f"the policy has shape {given.shape}, {given.dtype}; allowed: {self.shape}, action numbers")
        if (given < 0).any() or (given >= self.actions).any():
            raise InstanceError(f"the policy has actions outside of 0 to {self.actions - 1}")
        reward = self.followed(given)[0]
        if not np.isfinite(reward).all():
            d, c = (int(k) for k in np.argwhere(~np.isfinite(reward))[0])
            raise InstanceError(f"action {int(given[d, c])} of the policy is not there in state ({d}, {c})")
        return given


class Tables(Operator):
    """Rewards and next points of every action, as arrays.

    Parameters
    ----------
    chain
        of what is drawn.
    reward
        ``(drawn, carried, actions)``; minus infinity where there is no such action.
    following
        grid point that follows, ``(drawn, carried, actions)``; anything where there is no such action.

    Examples
    --------
    >>> one = Tables(Chain.of([[1.0]]), [[[1.0, 0.0], [3.0, 0.0]]], [[[0, 1], [0, 0]]])
    >>> one.improved(np.array([[0.0, 10.0]])).tolist(), one.best(np.array([[0.0, 10.0]])).tolist()
    ([[10.0, 3.0]], [[1, 0]])
    """

    def __init__(self, chain: Chain, reward: ArrayLike, following: ArrayLike) -> None:
        given, points = np.array(reward, dtype=float), np.array(following)
        if given.ndim != 3 or given.shape[0] != chain.states or 0 in given.shape:
            raise InstanceError(f"reward has shape {given.shape}; allowed: ({chain.states}, carried, actions)")
        if points.shape != given.shape or points.dtype.kind not in "iu":
            raise InstanceError(
                f"following has shape {points.shape}, {points.dtype}; allowed: {given.shape}, numbers of grid points"
            )
        _require_actions(given)
        there = given > -np.inf
        outside = there & ((points < 0) | (points >= given.shape[1]))
        if outside.any():
            index = tuple(int(k) for k in np.argwhere(outside)[0])
            raise InstanceError(f"following{list(index)} is {points[index]}; allowed: 0 to {given.shape[1] - 1}")
        self.chain, self.carried, self.actions = chain, given.shape[1], given.shape[2]
        self.reward, self.following = given, np.where(there, points, 0).astype(np.int32)

    def improved(self, following: Array) -> Array:
        """Look at every action."""
        from mecopt.dynamic.loops import tables

        return np.asarray(tables(self.reward, self.following, np.ascontiguousarray(following))[0])

    def best(self, following: Array) -> Array:
        """Look at every action."""
        from mecopt.dynamic.loops import tables

        return np.asarray(tables(self.reward, self.following, np.ascontiguousarray(following))[1])

    def followed(self, policy: Array) -> tuple[Array, Array]:
        """Look the actions up."""
        number = policy[..., None].astype(np.intp)
        pick = np.take_along_axis(self.reward, number, axis=2), np.take_along_axis(self.following, number, axis=2)
        return pick[0][..., 0], pick[1][..., 0]

    def backward(self, path: Array, last: Array) -> tuple[Array, float]:
        """Look at every action, slot by slot."""
        from mecopt.dynamic.loops import tables_backward

        worth, magnitude = tables_backward(self.reward, self.following, path, last)
        return worth, float(magnitude)


class Moves(Operator):
    """Rewards that depend on what is drawn and on how far the carried number falls, and further actions.

    Action t below `carried` goes to grid point t; action ``carried + k`` is the k-th further one.

    Parameters
    ----------
    chain
        of what is drawn.
    reward
        ``(drawn, 2 carried - 1)``: entry ``[d, c - t + carried - 1]`` is what going from point c to t earns; minus infinity
        where it is not possible.
    further
        pairs of a reward and the grid point that follows, each ``(drawn, carried)`` or of a shape that is broadcast to it.

    Examples
    --------
    >>> one = Moves(Chain.of([[1.0]]), [[-np.inf, 0.0, 1.0]], [(-0.5, np.array([1, 1]))])
    >>> one.improved(np.array([[0.0, 2.0]])).tolist(), one.best(np.array([[0.0, 2.0]])).tolist()
    ([[1.5, 2.0]], [[2, 1]])
    """

    def __init__(self, chain: Chain, reward: ArrayLike, further: Sequence[tuple[ArrayLike, ArrayLike]] = ()) -> None:
        given = np.array(reward, dtype=float)
        if given.ndim != 2 or given.shape[0] != chain.states or given.shape[1] % 2 == 0:
            raise InstanceError(f"reward has shape {given.shape}; allowed: ({chain.states}, 2 carried - 1), an odd number")
        _require_numbers(given)
        carried = (given.shape[1] + 1) // 2
        shape = (chain.states, carried)
        self.chain, self.carried, self.actions = chain, carried, carried + len(further)
        self.reward = given
        self.further_reward = np.empty((len(further), *shape))
        self.further_point = np.zeros((len(further), *shape), dtype=np.int32)
        for k, (earned, point) in enumerate(further):
            points = np.asarray(point)
            if points.dtype.kind not in "iu":
                raise InstanceError(f"further[{k}] leads to points of {points.dtype}; allowed: numbers of grid points")
            try:
                self.further_reward[k], self.further_point[k] = np.asarray(earned, dtype=float), points
            except ValueError:
                shapes = f"{np.shape(earned)} and {points.shape}"
                raise InstanceError(f"further[{k}] has shapes {shapes}; allowed: such as broadcast to {shape}") from None
            _require_numbers(self.further_reward[k])
            if (self.further_point[k] < 0).any() or (self.further_point[k] >= carried).any():
                raise InstanceError(f"further[{k}] leads to points outside of 0 to {carried - 1}")
        there = given > -np.inf
        some = there.any(axis=1)
        self.first = np.where(some, there.argmax(axis=1), 0).astype(np.int64)
        self.last = np.where(some, given.shape[1] - there[:, ::-1].argmax(axis=1), 0).astype(np.int64)
        _require_actions(self.improved(np.zeros(shape))[..., None])

    def improved(self, following: Array) -> Array:
        """Convolve, and compare with the further actions."""
        from mecopt.dynamic.loops import moves

        worth = np.ascontiguousarray(following)
        return np.asarray(moves(self.reward, self.first, self.last, self.further_reward, self.further_point, worth))

    def best(self, following: Array) -> Array:
        """Convolve once more, and remember which target was best."""
        from mecopt.dynamic.loops import moves_best

        worth = np.ascontiguousarray(following)
        return np.asarray(moves_best(self.reward, self.first, self.last, self.further_reward, self.further_point, worth))

    def followed(self, policy: Array) -> tuple[Array, Array]:
        """Look the actions up."""
        drawn, here = np.indices(self.shape)
        target = np.minimum(policy, self.carried - 1)
        earned, point = self.reward[drawn, here - target + self.carried - 1], target
        for k in range(len(self.further_reward)):
            own = policy == self.carried + k
            earned = np.where(own, self.further_reward[k], earned)
            point = np.where(own, self.further_point[k], point)
        return earned, np.asarray(point)

    def backward(self, path: Array, last: Array) -> tuple[Array, float]:
        """Convolve slot by slot."""
        from mecopt.dynamic.loops import moves_backward

        given = (self.reward, self.first, self.last, self.further_reward, self.further_point)
        worth, magnitude = moves_backward(*given, path, last)
        return worth, float(magnitude)


def _require_numbers(reward: Array) -> None:
    wrong = np.argwhere(np.isnan(reward) | (reward == np.inf))
    if wrong.size:
        index = tuple(int(k) for k in wrong[0])
        raise InstanceError(f"reward{list(index)} is {reward[index]}; allowed: finite numbers, or minus infinity")


def _require_actions(reward: Array) -> None:
    _require_numbers(reward)
    none = np.argwhere(~(reward > -np.inf).any(axis=2))
    if none.size:
        d, c = (int(k) for k in none[0])
        raise InstanceError(f"state ({d}, {c}) has no action; allowed: at least one with a finite reward in every state")


# ---------------------------------------------------------------------- compiled
