r"""Finite Markov chains of what comes anyhow: channels, work, arrivals.

A chain has states 0 to n - 1 and goes from state i to j with probability :math:`P_{ij}`. Independent chains side by side are
one chain, `product`, whose matrix is never formed: state :math:`(i_1, \dots, i_m)` has the number that
`numpy.ravel_multi_index` gives it, and an expectation is taken factor by factor,

.. math:: (P v)_{i_1 i_2} = \sum_{j_1} P^1_{i_1 j_1} \sum_{j_2} P^2_{i_2 j_2} v_{j_1 j_2} .

Its classes follow from those of its parts: where part k has one of period :math:`p_k`, whose states have phases
:math:`\varphi_k`, two states of the product lead to each other if and only if some number n of slots changes all phases from
one to the other, :math:`\varphi_k + n \equiv \varphi'_k \pmod{p_k}` for every k.

What is drawn anew in every slot is a chain whose rows are all the same, `independent`.

Reference: Puterman, Markov Decision Processes, 1994, appendix A (classes, periods, stationary laws).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from mecopt.contract.errors import InstanceError

Array = NDArray[Any]

ROW = 1e-9
"""By how much the sum of a row may differ from 1 and be divided by it; more is no law."""


class Multichain(InstanceError):
    """A chain has several recurrent classes, so that what lasts depends on where it begins; names them."""


@dataclass(frozen=True, eq=False)
class Chain:
    """A chain, or several independent ones side by side.

    Examples
    --------
    >>> channel = Chain.birth_death(up=[0.2, 0.2], down=[0.2, 0.2])
    >>> channel.matrix.round(2).tolist()
    [[0.8, 0.2, 0.0], [0.2, 0.6, 0.2], [0.0, 0.2, 0.8]]
    >>> work = Chain.independent([0.5, 0.5])
    >>> both = Chain.product(channel, work)
    >>> both.states, both.stationary().round(4).tolist()
    (6, [0.1667, 0.1667, 0.1667, 0.1667, 0.1667, 0.1667])
    """

    factors: tuple[Array, ...]
    """Transition matrices of the independent parts."""

    def __post_init__(self) -> None:
        factors = self.factors if isinstance(self.factors, tuple) else (self.factors,)
        several = len(factors) > 1
        checked = tuple(_matrix(f"Chain.factors[{k}]" if several else "Chain.matrix", one) for k, one in enumerate(factors))
        if not checked:
            raise InstanceError("a Chain has no matrix; allowed: at least one")
        object.__setattr__(self, "factors", checked)

    @classmethod
    def of(cls, matrix: ArrayLike) -> Chain:
        """Return the chain of a transition matrix."""
        return cls((np.asarray(matrix),))

    @classmethod
    def birth_death(cls, up: ArrayLike, down: ArrayLike) -> Chain:
        """Return a chain that goes a state up or down, or stays.

        Parameters
        ----------
        up
            probability of going from state i to i + 1, one entry per state but the last.
        down
            probability of going from state i + 1 to i, as many.
        """
        up, down = np.atleast_1d(np.asarray(up, dtype=float)), np.atleast_1d(np.asarray(down, dtype=float))
        if up.ndim != 1 or up.shape != down.shape:
            raise InstanceError(f"up and down have shapes {up.shape} and {down.shape}; allowed: one entry per step, as many")
        matrix = np.diag(up, 1) + np.diag(down, -1)
        stays = 1.0 - matrix.sum(axis=1)
        return cls.of(matrix + np.diag(np.where(np.abs(stays) < ROW, 0.0, stays)))  # rounding is no way to stay

    @classmethod
    def independent(cls, law: ArrayLike) -> Chain:
        """Return the chain that draws its state anew from a law, whatever it was before."""
        row = np.asarray(law, dtype=float)
        if row.ndim != 1 or not row.size:
            raise InstanceError(f"the law has shape {row.shape}; allowed: one probability per state")
        return cls.of(np.broadcast_to(row, (row.size, row.size)))

    @classmethod
    def product(cls, *chains: Chain) -> Chain:
        """Return independent chains side by side as one."""
        return cls(tuple(factor for chain in chains for factor in chain.factors))

    # ------------------------------------------------------------------ what follows from the matrices

    @property
    def shape(self) -> tuple[int, ...]:
        """How many states each part has."""
        return tuple(len(one) for one in self.factors)

    @property
    def states(self) -> int:
        """How many states there are."""
        return math.prod(self.shape)

    @property
    def matrix(self) -> Array:
        """The whole transition matrix ``(states, states)``."""
        whole: Array = np.ones((1, 1))
        for one in self.factors:
            whole = np.kron(whole, one)
        return whole

    @property
    def terms(self) -> int:
        """How many numbers an expectation adds and multiplies, on which its rounding error depends."""
        return sum(self.shape) + len(self.shape)

    def number(self, *parts: ArrayLike) -> Array:
        """Return the states that the parts' states make together."""
        given = [np.asarray(part) for part in parts]
        for k, (part, size) in enumerate(zip(given, self.shape, strict=True)):
            if part.dtype.kind not in "iu" or (part < 0).any() or (part >= size).any():
                raise InstanceError(f"the states of part {k} are not all whole numbers from 0 to {size - 1}")
        return np.asarray(np.ravel_multi_index(np.broadcast_arrays(*given), self.shape))

    def parts(self, states: ArrayLike) -> tuple[Array, ...]:
        """Return each part's state."""
        return tuple(np.asarray(part) for part in np.unravel_index(np.asarray(states), self.shape))

    def expected(self, values: Array) -> Array:
        """Return :math:`P v` along the first axis, ``(states, ...)``."""
        from mecopt.dynamic.loops import contracted

        left, before = np.ascontiguousarray(values, dtype=float), 1
        for one in self.factors:
            left = contracted(one, left.reshape(before, len(one), -1), bool((one == one[0]).all()))
            before *= len(one)
        return left.reshape(values.shape)

    def recurrent_classes(self) -> list[Array]:
        """Return the classes of states that are never left once they are entered, each sorted; never none."""
        found = []
        for parts in itertools.product(*map(_classes, self.factors)):
            states = self.number(*np.ix_(*(one.states for one in parts)))
            period = [one.period for one in parts]
            phases = np.indices(period).reshape(len(parts), -1)
            later = (phases[..., None] + np.arange(math.lcm(*period))) % np.array(period)[:, None, None]
            first = np.ravel_multi_index(tuple(later), tuple(period)).min(axis=1)
            label = first[np.ravel_multi_index(np.ix_(*(one.phase for one in parts)), tuple(period))]
            found += [np.sort(states[label == one]) for one in np.unique(label)]
        return sorted(found, key=lambda one: int(one[0]))

    def require_unichain(self) -> Array:
        """Return the only recurrent class.

        Raises
        ------
        Multichain
            where there are several.
        """
        classes = self.recurrent_classes()
        if len(classes) > 1:
            named = "; ".join(f"{{{', '.join(map(str, one[:6]))}{', ...' if len(one) > 6 else ''}}}" for one in classes[:4])
            raise Multichain(
                f"the chain has {len(classes)} recurrent classes, {named}: what lasts depends on where it begins; "
                "allowed: one. Take each class as a chain of its own"
            )
        return classes[0]

    def period(self) -> int:
        """Return the greatest common divisor of the lengths of all ways back in the only recurrent class; 1 is aperiodic."""
        self.require_unichain()
        return math.lcm(*(one.period for factor in self.factors for one in _classes(factor)))

    def stationary(self) -> Array:
        """Return the only law that stays as it is, ``(states,)``; of a periodic chain, too.

        Raises
        ------
        Multichain
            where there are several.
        """
        self.require_unichain()
        law: Array = np.ones(1)
        for one in self.factors:
            law = np.kron(law, _stationary(one))
        return law

    def law_after(self, law: Array, slots: int) -> Array:
        """Return the law of the state so many slots later."""
        for _ in range(slots):
            before = 1
            for one in self.factors:
                law = np.einsum("bia,ij->bja", law.reshape(before, len(one), -1), one)
                before *= len(one)
        return law.reshape(self.states)

    def sample(self, rng: Generator, slots: int, lanes: int, start: ArrayLike | None = None) -> Array:
        """Draw paths ``(slots, lanes)``; a shorter path of the same seed is the beginning of a longer one.

        Parameters
        ----------
        rng
            the only source of randomness.
        slots, lanes
            how long, and how many side by side.
        start
            state of the slot BEFORE the first one, one number or one per lane; drawn from the stationary law unless given.
        """
        from mecopt.dynamic.loops import walk

        for name, value in (("slots", slots), ("lanes", lanes)):
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
                raise InstanceError(f"{name} is {value!r}; allowed: a whole number of at least 1")
        if start is None:
            begin = rng.choice(self.states, size=lanes, p=self.stationary())
        else:
            begin = np.broadcast_to(np.asarray(start), (lanes,))
            if begin.dtype.kind not in "iu" or (begin < 0).any() or (begin >= self.states).any():
                raise InstanceError(f"start is {begin[:3].tolist()}; allowed: whole numbers from 0 to {self.states - 1}")
        luck = rng.random((slots, lanes, len(self.factors)))
        walked = [
            walk(np.ascontiguousarray(_cumulative(one)), np.ascontiguousarray(first, dtype=np.int64), luck[..., k])
            for k, (one, first) in enumerate(zip(self.factors, self.parts(begin), strict=True))
        ]
        return self.number(*walked)

    def following(self, rng: Generator, states: ArrayLike) -> Array:
        """Draw the state that follows each of these."""
        before = np.asarray(states)
        luck = rng.random((*before.shape, len(self.factors)))
        drawn = []
        for k, (one, part) in enumerate(zip(self.factors, self.parts(before), strict=True)):
            drawn.append((luck[..., k, None] >= _cumulative(one)[part][..., :-1]).sum(axis=-1))
        return self.number(*drawn)


class _Class(NamedTuple):
    """A recurrent class of one part."""

    states: Array
    period: int
    """Greatest common divisor of the lengths of all ways back."""
    phase: Array
    """After how many slots, but for whole periods, each of its states is reached from the first."""


def _classes(matrix: Array) -> list[_Class]:
    """Return the recurrent classes of one part.

    From any state on, one that does not lead back to it is gone to, until there is none: what is reached then is a class.
    All that leads to it is done.
    """
    links = matrix > 0.0
    waiting, found = np.ones(len(links), dtype=bool), []
    while waiting.any():
        state = int(waiting.argmax())
        ahead, before = _reached(links, state), _reached(links.T, state)
        while (astray := np.flatnonzero(ahead & ~before)).size:
            ahead, before = _reached(links, astray[-1]), _reached(links.T, astray[-1])
        found.append(_phased(np.flatnonzero(ahead), links))
        waiting &= ~before
    return found


def _reached(links: Array, state: int) -> Array:
    """Return whether each state is reached from one, in any number of slots."""
    found = np.zeros(len(links), dtype=bool)
    front = np.array([state])
    while front.size:
        found[front] = True
        front = np.flatnonzero(links[front].any(axis=0) & ~found)
    return found


def _phased(states: Array, links: Array) -> _Class:
    inside = links[np.ix_(states, states)]
    depth = np.full(len(states), -1)
    depth[0], front, period = 0, [0], 0
    while front:
        following: list[int] = []
        for state in front:
            for other in np.flatnonzero(inside[state]).tolist():
                if depth[other] < 0:
                    depth[other] = depth[state] + 1
                    following.append(other)
                period = math.gcd(period, int(depth[state] + 1 - depth[other]))
        front = following
    return _Class(states, period, depth % period)


def _matrix(name: str, given: Any) -> Array:
    """Return a transition matrix, rows of sum 1, read-only; or say what is wrong with it."""
    try:
        matrix = np.array(given, dtype=float)
    except (TypeError, ValueError):
        raise InstanceError(f"{name} is no array of numbers; allowed: probabilities (states, states)") from None
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise InstanceError(f"{name} has shape {matrix.shape}; allowed: (states, states)")
    wrong = np.argwhere(~((matrix >= 0.0) & (matrix <= 1.0 + ROW)))
    if wrong.size:
        i, j = (int(k) for k in wrong[0])
        raise InstanceError(f"{name}[{i}, {j}] is {matrix[i, j]:.6g}; allowed: probabilities from 0 to 1")
    sums = matrix.sum(axis=1)
    uneven = np.flatnonzero(np.abs(sums - 1.0) > ROW)
    if uneven.size:
        raise InstanceError(f"row {uneven[0]} of {name} sums to {sums[uneven[0]]:.12g}; allowed: rows that sum to 1")
    matrix /= sums[:, None]
    matrix.flags.writeable = False
    return matrix


def _stationary(matrix: Array) -> Array:
    """Return the stationary law of one part by the elimination of Grassmann, Taksar and Heyman, which never subtracts."""
    inside = Chain((matrix,)).require_unichain()
    left = matrix[np.ix_(inside, inside)].copy()
    size = len(inside)
    for k in range(size - 1, 0, -1):
        left[:k, k] /= left[k, :k].sum()
        left[:k, :k] += np.outer(left[:k, k], left[k, :k])
    law = np.zeros(size)
    law[0] = 1.0
    for k in range(1, size):
        law[k] = law[:k] @ left[:k, k]
    whole = np.zeros(len(matrix))
    whole[inside] = law / law.sum()
    return whole


def _cumulative(matrix: Array) -> Array:
    """Return cumulated rows that end with 1, so that every number below 1 finds a state of positive probability."""
    sums = np.cumsum(matrix, axis=1)
    last = matrix.shape[1] - 1 - np.argmax(matrix[:, ::-1] > 0.0, axis=1)
    sums[np.arange(matrix.shape[1]) >= last[:, None]] = 1.0
    return sums


def side_by_side(values: Sequence[ArrayLike]) -> tuple[Array, ...]:
    """Return the numbers that states of a product stand for, part by part: entry k has one number per state."""
    grids = np.meshgrid(*(np.asarray(one) for one in values), indexing="ij")
    return tuple(grid.ravel() for grid in grids)
