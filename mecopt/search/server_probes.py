r"""What to branch on: options are tried out, and the one that lifts the bounds of both children most is taken.

Prices are torn between few users, and nearly any count or user can be branched on. Most of them move the tear elsewhere
and lift the bound by next to nothing, so that a tree of thousands of nodes comes of what takes tens. Where a tree turns out
not to be small, the children of every option are priced, as nodes are, and the product of what their bounds gain, up to what
closes them, says which is best (Achterberg, Koch and Martin 2005). Options that cannot become the best by their second child
are left after the first.
"""

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled_inside
from mecopt.search.server_counts import (
    ABOVE,
    CHOSEN,
    FILLED,
    OPTIONS,
    PRICE,
    TAKEN,
    Node,
    Options,
    Path,
    come_back,
    enter,
    follows,
    interchangeable,
    keep,
)
from mecopt.search.server_data import ServersData
from mecopt.search.server_limits import BINDING, ROW, SIZE, Free, set_free
from mecopt.search.server_prices import best_prices

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

NEXT_TAU = 0.01
"""Where prices are followed from, in parts of a user's cost, below the root."""
ROUGH, ROUGH_TAU = 0.5, 0.003
"""How exactly bounds of children are found that are only looked at, and where their prices are followed from; as `PART` and
`NEXT_TAU`."""
LEAST_GAIN = 1e-3
"""What a child gains at least, in parts of what closes it: one that gains nothing is not worth nothing to the other."""


@compiled_inside
def prices_of(node: Node, free: Free, price: Floats) -> None:
    """Fill the prices that a node begins with: of capacity, of limits that bind, and of rows of weights."""
    count, binding = free.fixed.size - 1, free.sizes[BINDING]
    of_rows = node.numbers.shape[1] - free.weighed.least.size
    for j in range(count):
        price[j] = node.numbers[PRICE, j]
    for q in range(binding):
        price[count + q] = node.numbers[PRICE, count + free.active[q, ROW]]
    for r in range(free.weighed.least.size):
        price[count + binding + r] = node.numbers[PRICE, of_rows + r]


@compiled_inside
def keep_prices(node: Node, free: Free, price: Floats) -> None:
    """Let a node have these prices."""
    count, binding = free.fixed.size - 1, free.sizes[BINDING]
    of_rows = node.numbers.shape[1] - free.weighed.least.size
    for j in range(count):
        node.numbers[PRICE, j] = price[j]
    for q in range(binding):
        node.numbers[PRICE, count + free.active[q, ROW]] = price[count + q]
    for r in range(free.weighed.least.size):
        node.numbers[PRICE, of_rows + r] = price[count + binding + r]


@compiled_inside
def _gain(
    data: ServersData, node: Node, free: Free, price: Floats, trail: Whole, cursor: Whole, bound: float, cutoff: float
) -> float:
    """Return what the bound gains in a child that was entered, in parts of what closes it."""
    if not follows(node, trail, cursor) or not set_free(
        data.servers, node.allowed, node.limits, cursor[FILLED], data.rising, node.numbers[PRICE], data.weighed, free
    ):
        return 1.0
    own = bound
    if free.sizes[SIZE] > 0:
        prices_of(node, free, price)
        own = best_prices(data.servers, node.allowed, free, price, ROUGH_TAU, cutoff, ROUGH)[0]
    if not own < cutoff:
        return 1.0
    return max((own - bound) / (cutoff - bound), LEAST_GAIN)


@compiled_inside
def probe(
    data: ServersData,
    node: Node,
    path: Path,
    level: int,
    options: Options,
    free: Free,
    price: Floats,
    trail: Whole,
    cursor: Whole,
    bound: float,
    cutoff: float,
) -> int:
    """Fill in the best option; return how many nodes were priced. What is open in the node has to be found anew."""
    what, number, best, chosen = path.what[level], 0, -1.0, 0 if options.sizes[0] > 0 else OPTIONS
    keep(node, path, level, cursor)
    for kind in range(2):
        for k in range(kind * OPTIONS, kind * OPTIONS + options.sizes[kind]):
            if best == 1.0:
                break
            for part in range(CHOSEN):
                what[part] = options.what[k, part]
            interchangeable(data, node, cursor[FILLED], what[TAKEN], path.alike[level])
            gain = 1.0
            for turn in range(2):  # the likelier side gains less
                if gain > best:
                    enter(data, node, path, level, (what[ABOVE] == 1) == (turn == 0), trail, cursor)
                    gain *= _gain(data, node, free, price, trail, cursor, bound, cutoff)
                    come_back(node, path, level, trail, cursor)
                    number += 1
            if gain > best:
                best, chosen = gain, k
    for part in range(CHOSEN):
        what[part] = options.what[chosen, part]
    return number
