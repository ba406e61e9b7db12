r"""The best prices of limits for a family of decisions: a bundle method around the best price of the resource.

:math:`\varphi(\nu) = \max_\lambda D(\lambda, \nu)` of `mecopt.search.limited_data` is concave, and where a best set of
decisions, mixed so that it uses what there is of the resource, has the sums :math:`s_k`, one of its slopes is
:math:`s_k - b_k` with b the end of the limit that the price's sign names, any value between the two at a price of 0. Every
set found gives such a plane above :math:`\varphi`. From the best prices so far, c, the next are the maximum of the lowest of
all planes less :math:`|\nu - c|^2 / 2t` (Lemarechal 1975). Its dual is a quadratic program over mixtures of planes, as small
as their number, solved here by moving weight between the two that gain most. The mixture of the sets is a relaxed decision
that keeps the rows about: counts and users that it breaks are what to branch on.

Whatever the prices are, the bound is valid: to stop early costs nodes, never the proof.
"""

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled, compiled_inside
from mecopt.search.families import Bits, Family, Floats, copy_bits
from mecopt.search.limited_data import LimitedData, charges
from mecopt.search.one_price import best_price

Flags = NDArray[np.bool_]

PART = 0.02
"""How exactly, in parts of what it lacks, a bound is found that cannot close its node."""
EXACT = 1e-13
"""Relative precision of the best bound where nothing else says when to stop."""


@compiled_inside
def _mixture(height: Floats, gram: Floats, size: int, t: float, part: Floats) -> None:
    """Find the mixture of planes of least height plus ``t/2`` times its squared slope, from the one that is given."""
    slope = np.empty(size)
    for j in range(size):
        slope[j] = height[j]
        for k in range(size):
            slope[j] += t * gram[j, k] * part[k]
    for _ in range(20 * size + 20):
        low, high = 0, -1
        for j in range(size):
            if slope[j] < slope[low]:
                low = j
            if part[j] > 0.0 and (high < 0 or slope[j] > slope[high]):
                high = j
        fall = slope[high] - slope[low]
        if not fall > 1e-12 * (abs(slope[high]) + abs(slope[low])):
            return
        bend = t * (gram[low, low] + gram[high, high] - 2.0 * gram[low, high])
        moved = part[high]
        if bend > 0.0 and fall < bend * moved:
            moved = fall / bend
        part[low] += moved
        part[high] = part[high] - moved if moved < part[high] else 0.0
        for j in range(size):
            slope[j] += t * moved * (gram[j, low] - gram[j, high])


@compiled_inside
def _forget_one(planes: Floats, mixes: Floats, gram: Floats, height: Floats, part: Floats, size: int) -> int:
    """Forget the plane of least weight; return how many are left."""
    worst, last, total = 0, size - 1, 0.0
    for j in range(size):
        worst = j if part[j] < part[worst] else worst
    height[worst], part[worst] = height[last], part[last]
    for k in range(planes.shape[1]):
        planes[worst, k] = planes[last, k]
    for g in range(mixes.shape[1]):
        mixes[worst, g] = mixes[last, g]
    for j in range(size):
        gram[worst, j] = gram[last, j]
    for j in range(size):
        gram[j, worst] = gram[j, last]
    for j in range(last):
        total += part[j]
    for j in range(last):
        part[j] = part[j] / total if total > 0.0 else 1.0 / last
    return last


@compiled_inside
def _priced(
    data: LimitedData, family: Family, price: Floats, least: Floats, most: Floats, cutoff: float, more: Bits, less: Bits,
    mix: Floats, slope: Floats,
) -> float:  # fmt: skip
    """Price the resource at prices of rows, ``price[1:]``; fill the mixture of best sets, and its slopes."""
    rows, items = data.weight.shape
    ties = np.zeros(2)
    charges(data, price[1:], least, most)
    bound = best_price(data, family, price[:1], cutoff, more, less, ties)
    part = ties[0] / (ties[0] - ties[1]) if ties[0] > 0.0 and ties[1] < 0.0 and ties[0] < np.inf else 0.0
    for g in range(items):
        mix[g] = more[g] + part * (less[g] - more[g])
    for k in range(rows):
        total = 0.0
        for g in range(items):
            total += data.weight[k, g] * mix[g]
        if price[1 + k] > 0.0:
            slope[k] = total - most[k]
        elif price[1 + k] < 0.0:
            slope[k] = total - least[k]
        else:
            slope[k] = max(total - most[k], 0.0) + min(total - least[k], 0.0)
    return float(bound)


@compiled
def best_row_prices(
    data: LimitedData, family: Family, price: Floats, least: Floats, most: Floats, cutoff: float, turns: int, more: Bits,
    less: Bits, mix: Floats,
) -> float:  # fmt: skip
    """Maximise the bound over prices of the resource and of rows; return it, and leave the best prices.

    Parameters
    ----------
    price
        of the resource and of every row, replaced by the best ones.
    least, most
        limits of the rows, or what is left of them; no price is tried for a row that cannot be broken.
    cutoff
        a bound that reaches it may be returned at once.
    turns
        prices of rows that are tried at most.
    more, less
        filled with the best sets at the best prices.
    mix
        filled with the relaxed decision.
    """
    rows, items = data.weight.shape
    slope = np.empty(rows)
    best = _priced(data, family, price, least, most, cutoff, more, less, mix, slope)
    if rows == 0 or not best < cutoff:
        return best
    room = 2 * rows + 8
    planes, mixes, gram = np.empty((room, rows)), np.empty((room, items)), np.empty((room, room))
    height, part, trial, step = np.empty(room), np.zeros(room), np.empty(rows + 1), np.empty(rows)
    above, below, mixed = np.empty(items, np.int8), np.empty(items, np.int8), np.empty(items)
    size, t, raised, tall = 0, 0.0, 0, best
    for g in range(items):
        mixed[g] = mix[g]
    for _ in range(turns):
        if size == room:
            size = _forget_one(planes, mixes, gram, height, part, size)
        for k in range(rows):
            planes[size, k] = slope[k]
        for g in range(items):
            mixes[size, g] = mixed[g]
        height[size], part[size] = tall, 0.0 if size > 0 else 1.0
        size += 1
        for j in range(size):
            product = 0.0
            for k in range(rows):
                product += planes[j, k] * slope[k]
            gram[j, size - 1] = gram[size - 1, j] = product
        if t == 0.0:
            if gram[0, 0] == 0.0:
                break
            t = (cutoff - best if cutoff < np.inf else 0.02 * abs(best)) / gram[0, 0]
        missing = cutoff - best if cutoff < np.inf else 0.0
        enough, promised = max(PART * missing, EXACT * abs(best)), 0.0
        for _ in range(4):  # the next prices; where they promise next to nothing, farther ones
            _mixture(height, gram, size, t, part)
            promised, steep = -best, 0.0
            for j in range(size):
                promised += part[j] * height[j]
            for k in range(rows):
                step[k] = 0.0
                for j in range(size):
                    step[k] += part[j] * planes[j, k]
                steep += step[k] * step[k]
            promised += t * steep
            if promised > enough or raised >= 3 or steep == 0.0:
                break
            t *= 10.0
            raised += 1
        for g in range(items):
            mix[g] = 0.0
            for j in range(size):
                mix[g] += part[j] * mixes[j, g]
        if not promised > enough:
            break
        trial[0] = price[0]
        for k in range(rows):
            trial[1 + k] = price[1 + k] + t * step[k]
        value = _priced(data, family, trial, least, most, cutoff, above, below, mixed, slope)
        if np.isnan(value):
            break
        if value > best + 0.1 * promised or value >= cutoff:
            for j in range(size):
                for k in range(rows):
                    height[j] += planes[j, k] * t * step[k]
                height[j] = max(height[j], value)
            for k in range(rows + 1):
                price[k] = trial[k]
            if value > best + 0.5 * promised:
                t *= 4.0
            best, tall, raised = value, value, 0
            copy_bits(above, more)
            copy_bits(below, less)
            if value >= cutoff:
                break
        else:
            tall = value
            for k in range(rows):
                tall -= slope[k] * t * step[k]
            tall = max(tall, best)
            if tall - best > promised:
                t *= 0.3
    charges(data, price[1:], least, most)
    return best
