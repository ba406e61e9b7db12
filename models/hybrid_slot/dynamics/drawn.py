"""What is drawn from slot to slot, and from what: constants of a slot, states of the channel and their chain, workloads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.dynamic.chain import Chain
from mecopt.dynamic.dynamics import read_only
from mecopt.models.hybrid_slot import scenarios
from mecopt.models.hybrid_slot.problem import HybridSlot

Array = NDArray[Any]

MOVES = 0.2
"""Probability that the channel goes a state up, and that it goes one down; ours."""
GAINS = ("uplink_gain", "downlink_gain")
DRAWN = ("workload", *GAINS)


def constants_of(preset: str, overrides: Mapping[str, Any]) -> HybridSlot:
    """Return a slot with all constants, or say what is none."""
    one, other = (HybridSlot.sample(np.random.default_rng(k), preset=preset, **overrides) for k in (0, 1))
    if one.batch_shape:
        raise InstanceError(f"the fields make a batch of shape {one.batch_shape}; allowed: those of a single slot")
    if one.users != 1:
        raise InstanceError(f"users is {one.users}; allowed: 1. Users do not disturb each other: each is a lane")
    for name, value in one.data().items():
        if name not in (*DRAWN, "battery") and not np.array_equal(value, getattr(other, name)):
            raise InstanceError(
                f"preset {preset!r} draws {name} anew for every instance; allowed: presets whose constants are the "
                "same in every slot"
            )
    return one


def channel_of(
    one: HybridSlot, overrides: Mapping[str, Any], gains: Array | None, matrix: Array | None
) -> tuple[tuple[Array, Array], Chain]:
    """Return uplink and downlink gains of the channel's states, and the chain of the states.

    Parameters
    ----------
    one
        a slot with all constants.
    overrides
        fields that are the same in every slot.
    gains, matrix
        of the states, where they are given.
    """
    given = [overrides.get(name) for name in GAINS]
    if all(value is not None for value in given):
        if gains is not None or matrix is not None:
            raise InstanceError("both gains are given, and states or matrix too; allowed: one or the other")
        both = [np.atleast_1d(getattr(one, name)) for name in GAINS]
        return (both[0], both[1]), Chain.independent([1.0])
    gains = scenarios.GAIN * scenarios.STATES if gains is None else gains
    if gains.ndim != 1 or not gains.size:
        raise InstanceError(f"states has shape {gains.shape}; allowed: one power gain per state")
    for k, gain in enumerate(gains.tolist()):
        if gain in gains[:k]:
            raise InstanceError(f"states[{k}] is {gain:.6g} again; allowed: power gains that are all different")
    if matrix is not None:
        chain = Chain.of(matrix)
    else:
        moves = np.full(len(gains) - 1, MOVES)
        chain = Chain.birth_death(moves, moves) if len(moves) else Chain.independent([1.0])
    if chain.states != len(gains):
        raise InstanceError(f"matrix has {chain.states} states; allowed: {len(gains)}, one per entry of states")
    up, down = (
        gains if value is None else np.full(len(gains), float(getattr(one, name)[0]))
        for value, name in zip(given, GAINS, strict=True)
    )
    return (up, down), chain


def workloads_of(one: HybridSlot, overrides: Mapping[str, Any], given: Array | None) -> Array:
    """Return the equally likely workloads: the one that is fixed, those given, or 0, 1, ..., 50 kbit."""
    if "workload" in overrides:
        if given is not None:
            raise InstanceError("workload is given, and workloads too; allowed: one or the other")
        return np.array(one.workload)
    work = np.arange(scenarios.MOST + 1.0) if given is None else given
    if work.ndim != 1 or not work.size:
        raise InstanceError(f"workloads has shape {work.shape}; allowed: one axis of workloads in kbit")
    for k, value in enumerate(work.tolist()):
        if value in work[:k]:
            raise InstanceError(f"workloads[{k}] is {value:.6g} again; allowed: numbers of kbit that are all different")
    return work


def filled(one: HybridSlot, shape: tuple[int, ...], **values: Array) -> HybridSlot:
    """Return slots like one single slot but for what is given, ``(*shape)``, of its only user."""
    found = {name: np.broadcast_to(value, (*shape, *value.shape)) for name, value in one.data().items()}
    for name, value in values.items():
        found[name] = read_only(np.broadcast_to(value, shape)[..., None])
    return one._with(found)


class Known:
    """The values that a field takes, to be told by their numbers."""

    def __init__(self, name: str, values: Array) -> None:
        self.name, self.values = name, values
        self._order = np.argsort(values)
        self._sorted = values[self._order]

    def number(self, problem: HybridSlot) -> Array:
        """Return which values these are, ``(*batch)``, or say which one is none of them."""
        given = getattr(problem, self.name)[..., 0]
        place = np.minimum(np.searchsorted(self._sorted, given), len(self._sorted) - 1)
        wrong = self._sorted[place] != given
        if np.any(wrong):
            index = tuple(int(k) for k in np.argwhere(wrong)[0])
            allowed = ", ".join(f"{one:.6g}" for one in self._sorted[:6].tolist()) + ", ..." * (len(self._sorted) > 6)
            raise InstanceError(
                f"{self.name}{list(index) or ''} is {given[index]:.6g}, which is never drawn; allowed: {allowed}"
            )
        return np.asarray(self._order[place])
