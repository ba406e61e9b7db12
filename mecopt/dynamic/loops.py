"""Loops over the states of chains and the points of grids, compiled; whoever only lists what there is imports none of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled

Array = NDArray[Any]


# ---------------------------------------------------------------------- chains


@compiled
def contracted(matrix: Array, values: Array, anew: bool) -> Array:
    """Take the expectation along the middle axis; where all rows are the same, one of them does."""
    before, states, after = values.shape
    found = np.zeros(values.shape)
    for k in range(before):
        for i in range(1 if anew else states):
            mean = found[k, i]
            for j in range(states):
                part, likely = values[k, j], matrix[i, j]
                if likely != 0.0:
                    for m in range(after):
                        mean[m] += likely * part[m]
        if anew:
            found[k, 1:] = found[k, 0]
    return found


@compiled
def walk(cumulative: Array, start: Array, luck: Array) -> Array:
    """Follow one part of the chain along all lanes."""
    slots, lanes = luck.shape
    path = np.empty((slots, lanes), np.int64)
    for lane in range(lanes):
        state = start[lane]
        for slot in range(slots):
            row, low, high = cumulative[state], 0, cumulative.shape[1] - 1
            while low < high:
                middle = (low + high) // 2
                if luck[slot, lane] < row[middle]:
                    high = middle
                else:
                    low = middle + 1
            state = low
            path[slot, lane] = state
    return path


# ---------------------------------------------------------------------- operators


@compiled
def tables(reward: Array, following: Array, worth: Array) -> tuple[Array, Array]:
    """Return the best of reward plus worth that follows, and the least number of an action that attains it."""
    drawn, carried, actions = reward.shape
    value, best = np.empty((drawn, carried)), np.empty((drawn, carried), np.int64)
    for d in range(drawn):
        for c in range(carried):
            most, number = -np.inf, 0
            for a in range(actions):
                found = reward[d, c, a] + worth[d, following[d, c, a]]
                if found > most:
                    most, number = found, a
            value[d, c], best[d, c] = most, number
    return value, best


@compiled
def tables_backward(reward: Array, following: Array, path: Array, last: Array) -> tuple[Array, float]:
    """Go back along a path; return what each point is worth as it begins, and the largest magnitude met."""
    carried, actions = reward.shape[1:]
    worth, magnitude = last.copy(), 0.0
    value = np.empty(carried)
    for slot in range(len(path) - 1, -1, -1):
        d = path[slot]
        for c in range(carried):
            most = -np.inf
            for a in range(actions):
                most = max(most, reward[d, c, a] + worth[following[d, c, a]])
            value[c] = most
        worth[:] = value
        magnitude = max(magnitude, np.abs(worth).max())
    return worth, magnitude


@compiled
def convolved(reward: Array, first: int, last: int, worth: Array, value: Array) -> None:
    """Raise values to the best over targets t: differences c - t + n - 1 from `first` on and below `last`."""
    carried = len(worth)
    for t in range(carried):
        add, shift = worth[t], carried - 1 - t
        low, high = max(0, first - shift), min(carried, last - shift)
        if low < high:  # parts of equal length and indices from 0, so that the loop is vectorised
            earned, best = reward[low + shift : high + shift], value[low:high]
            for k in range(len(best)):
                best[k] = max(best[k], earned[k] + add)


@compiled
def moves(reward: Array, first: Array, last: Array, extra: Array, point: Array, worth: Array) -> Array:
    """Return the best of all targets and further actions."""
    drawn, carried = worth.shape
    value = np.full((drawn, carried), -np.inf)
    for d in range(drawn):
        convolved(reward[d], first[d], last[d], worth[d], value[d])
        for k in range(len(extra)):
            for c in range(carried):
                value[d, c] = max(value[d, c], extra[k, d, c] + worth[d, point[k, d, c]])
    return value


@compiled
def moves_best(reward: Array, first: Array, last: Array, extra: Array, point: Array, worth: Array) -> Array:
    """Return the least number of a target, or of a further action after them, that attains `moves`."""
    drawn, carried = worth.shape
    best = np.zeros((drawn, carried), np.int64)
    for d in range(drawn):
        for c in range(carried):
            most = -np.inf
            for t in range(max(0, c + carried - last[d]), min(carried, c + carried - first[d])):
                found = reward[d, c - t + carried - 1] + worth[d, t]
                if found > most:
                    most, best[d, c] = found, t
            for k in range(len(extra)):
                found = extra[k, d, c] + worth[d, point[k, d, c]]
                if found > most:
                    most, best[d, c] = found, carried + k
    return best


@compiled
def moves_backward(
    reward: Array, first: Array, last: Array, extra: Array, point: Array, path: Array, end: Array
) -> tuple[Array, float]:
    """Go back along a path, as `tables_backward` does."""
    carried = len(end)
    worth, magnitude = end.copy(), 0.0
    value = np.empty(carried)
    for slot in range(len(path) - 1, -1, -1):
        d = path[slot]
        value[:] = -np.inf
        convolved(reward[d], first[d], last[d], worth, value)
        for k in range(len(extra)):
            for c in range(carried):
                value[c] = max(value[c], extra[k, d, c] + worth[point[k, d, c]])
        worth[:] = value
        magnitude = max(magnitude, np.abs(worth).max())
    return worth, magnitude
