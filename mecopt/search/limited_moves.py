"""Decisions that keep limits, from ones that need not: items change sides where that costs least for what it mends."""

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled_inside
from mecopt.search.families import FREE, Bits, Floats, copy_bits
from mecopt.search.limited_data import LimitedData, is_allowed, value_of

Whole = NDArray[np.int64]

NEAR = 10
"""Items of each side, those that hardly gain or lose, that change sides alone and in pairs where a decision is bettered."""


@compiled_inside
def _broken(data: LimitedData, sums: Floats, count: int) -> float:
    """Return by how much limits are broken together; the weights of every row are about 1 at most."""
    total = float(max(data.counts[0] - count, 0) + max(count - data.counts[1], 0))
    for k in range(sums.size):
        total += max(sums[k] - data.most[k], 0.0) + max(data.least[k] - sums[k], 0.0)
    return total


@compiled_inside
def _after(data: LimitedData, sums: Floats, count: int, decision: Bits, g: int, h: int) -> float:
    """Return the same after g, and h if it is not negative, have changed sides."""
    sign, other = 1 - 2 * decision[g], (1 - 2 * decision[h] if h >= 0 else 0)
    count += sign + other
    total = float(max(data.counts[0] - count, 0) + max(count - data.counts[1], 0))
    for k in range(sums.size):
        reached = sums[k] + sign * data.weight[k, g]
        if h >= 0:
            reached += other * data.weight[k, h]
        total += max(reached - data.most[k], 0.0) + max(data.least[k] - reached, 0.0)
    return total


@compiled_inside
def _sums(data: LimitedData, decision: Bits, sums: Floats) -> int:
    count = 0
    for k in range(sums.size):
        sums[k] = 0.0
    for g in range(decision.size):
        if decision[g] == 1:
            count += 1
            for k in range(sums.size):
                sums[k] += data.weight[k, g]
    return count


@compiled_inside
def mended(data: LimitedData, state: Bits, gain: Floats, decision: Bits) -> bool:
    """Change sides of free items until all limits are kept, those first that lose least for it; return whether they are."""
    items, sums = decision.size, np.empty(data.weight.shape[0])
    for _ in range(2 * items):
        count = _sums(data, decision, sums)
        broken = _broken(data, sums, count)
        if broken == 0.0:
            break
        first, second, most = -1, -1, 0.0
        for g in range(items):
            if state[g] == FREE:
                mends = broken - _after(data, sums, count, decision, g, -1)
                lost = max(gain[g] if decision[g] == 1 else -gain[g], 0.0)
                if mends > 1e-12 * broken and mends / (lost + 1e-300) > most:
                    first, most = g, mends / (lost + 1e-300)
        if first < 0:
            for g in range(items):
                for h in range(g):
                    if state[g] == FREE and state[h] == FREE:
                        mends = broken - _after(data, sums, count, decision, g, h)
                        if mends > max(most, 1e-12 * broken):
                            first, second, most = g, h, mends
        if first < 0:
            return False
        decision[first] = 1 - decision[first]
        if second >= 0:
            decision[second] = 1 - decision[second]
    return is_allowed(data, decision)


@compiled_inside
def bettered(data: LimitedData, state: Bits, gain: Floats, decision: Bits, value: float) -> float:
    """Better an allowed decision by items that change sides alone and in pairs; return its value."""
    items = decision.size
    near, size = np.empty(2 * NEAR, np.int64), 0
    for side in range(2):
        begin = size
        for g in range(items):
            if state[g] == FREE and decision[g] == side:
                k = size
                while k > begin and abs(gain[near[k - 1]]) > abs(gain[g]):
                    if k < begin + NEAR:
                        near[k] = near[k - 1]
                    k -= 1
                if k < begin + NEAR:
                    near[k] = g
                    size = min(size + 1, begin + NEAR)
    trial = np.empty(items, np.int8)
    copy_bits(decision, trial)
    for _ in range(items):
        before = value
        for a in range(size):
            for b in range(-1, a):
                g, h = near[a], (near[b] if b >= 0 else -1)
                trial[g] = 1 - trial[g]
                if h >= 0:
                    trial[h] = 1 - trial[h]
                reached = value_of(data, trial)
                if reached < value:
                    value = reached
                    copy_bits(trial, decision)
                else:
                    copy_bits(decision, trial)
        if not value < before:
            break
    return value
