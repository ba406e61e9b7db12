r"""Nodes that limit the numbers of users at servers: what follows from limits, which servers are alike, and how to branch.

The relaxed decision sends :math:`n` users of a group to a choice. Where that is broken, no more than
:math:`\lfloor n \rfloor` may take it, or at least one more has to: first of all users, and of the groups within, the
outermost first, where they are alike. Prices of p limits and servers tear p users at most where users differ, so that many
more are torn only where they are alike. Elsewhere a count of a group moves the tear to the next user who is nearly torn,
and lifts the bound by next to nothing. Then, and where all counts are whole, a user that is torn takes its likeliest choice,
or does not.

Servers are interchangeable where users cost the same on them and the node says the same of them. Of those either all have
no more than :math:`\lfloor n \rfloor` users of the group, or one, whichever, has more, and of all users no other one has
more than that: it is called the first. In the same way a user takes the first of them or none. What reduced costs took away
may differ between them: it leaves all decisions that cost less than the incumbent, which stay such when servers are
exchanged.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled_inside
from mecopt.search.server_data import ServersData
from mecopt.search.server_limits import AT, BEGIN, BINDING, CHOICE, END, FIRST, LAST, SIZE, Free, Limits

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

ROWS = 64
"""Limits that a node has at most beside those on all users; where it has so many, single users are branched on."""
BROKEN = 0.02
"""How far from a whole number a count has to be to be branched on."""

TORN = 0.98
"""Weight that no choice of a user has who is torn: those of a smooth bound are not quite 0 or 1 for others."""
ALIKE = 2
"""How many times as many users are torn as there are prices where groups within all users are branched on."""

OPTIONS = 6
"""Counts, and users, that a node may be branched on at most."""

LEAST, MOST, PRICE = range(3)
LEADER, TOUCHED = range(2)
DEPTH, TRAIL, FILLED, FULL, CREDIT, NEEDED, FAILED = range(2, 9)
ROW_OF, USER, TAKEN, CUT, ABOVE, FLIPPED, TRAIL_OF, ROWS_OF = range(8)
CHOSEN = ABOVE + 1
"""How many of these say what is branched on, and which side comes first."""


class Node(NamedTuple):
    """What is left in a node."""

    allowed: Flags
    limits: Limits
    """Rows of `numbers`, and the groups and choices that they are of."""
    numbers: Floats
    """Least and most users of every limit, and prices: of capacity, then of the limits, ``(3, servers + rows)``."""
    marks: Whole
    """Of every choice the server that has no fewer users, or -1, and whether single users were branched on there."""


class Path(NamedTuple):
    """The branchings on the way to a node, a row each, and what the nodes were before."""

    what: Whole
    """Row of the limit or -1 for a user, user, choice, cut, which side comes first, whether it is done, trail, rows."""
    bound: Floats
    alike: Flags
    """Choices that are branched on as one, ``(levels, choices)``."""
    numbers: Floats
    marks: Whole


@compiled_inside
def take(allowed: Flags, trail: Whole, cursor: Whole, i: int, j: int) -> None:
    """Take a choice away from a user."""
    allowed[i, j] = False
    trail[cursor[TRAIL]] = i * allowed.shape[1] + j
    cursor[TRAIL] += 1


@compiled_inside
def follows(node: Node, trail: Whole, cursor: Whole) -> bool:
    """Draw the conclusions of limits for each other and for users; return whether they can be kept."""
    allowed, least, most, rows = node.allowed, node.limits.least, node.limits.most, node.limits.rows
    users, choices = allowed.shape
    left = np.zeros(users, np.int64)
    for i in range(users):
        for j in range(choices):
            left[i] += allowed[i, j]
        if left[i] == 0:
            return False
    changed = True
    while changed:
        changed = False
        for p in range(cursor[FILLED]):
            choice, held, able = rows[p, CHOICE], 0, 0
            for i in range(rows[p, FIRST], rows[p, LAST]):
                if allowed[i, choice]:
                    able += 1
                    held += left[i] == 1
            low, high = max(least[p], float(held)), min(most[p], float(able))
            if p < choices:
                others_least, others_most = 0.0, 0.0
                for k in range(choices):
                    if k != p:
                        others_least += least[k]
                        others_most += most[k]
                high, low = min(high, users - others_least), max(low, users - others_most)
                leader = node.marks[LEADER, p]
                if leader >= 0:
                    high = min(high, most[leader])
                    if low > least[leader]:
                        least[leader], changed = low, True
            if low > high:
                return False
            if low > least[p] or high < most[p]:
                least[p], most[p], changed = low, high, True
            if held < able and (held == high or able == low):
                changed = True
                for i in range(rows[p, FIRST], rows[p, LAST]):
                    if allowed[i, choice] and left[i] > 1:
                        left[i] = left[i] - 1 if held == high else 1
                        for j in range(choices):
                            if allowed[i, j] and (j == choice) == (held == high):
                                take(allowed, trail, cursor, i, j)
    return True


@compiled_inside
def interchangeable(data: ServersData, node: Node, rows: int, j: int, alike: Flags) -> None:
    """Fill in which choices are interchangeable with j, itself among them."""
    choices, marks, kinds = alike.size, node.marks, data.kinds
    least, most, of = node.limits.least, node.limits.most, node.limits.rows
    for k in range(choices):
        alike[k] = k == j
    if j == 0 or marks[TOUCHED, j] == 1:
        return
    for k in range(1, choices):
        same = k != j and kinds[k] == kinds[j] and marks[TOUCHED, k] == 0
        same = same and least[k] == least[j] and most[k] == most[j]
        if same and least[j] < most[j]:  # equal numbers keep any order
            same = marks[LEADER, k] == marks[LEADER, j]
            for m in range(1, choices):
                same = same and marks[LEADER, m] != j and marks[LEADER, m] != k
        for p in range(choices, rows):
            if same and (of[p, CHOICE] == j or of[p, CHOICE] == k):
                other, found = j + k - of[p, CHOICE], False
                for q in range(choices, rows):
                    if of[q, CHOICE] == other and of[q, FIRST] == of[p, FIRST] and of[q, LAST] == of[p, LAST]:
                        found = found or (least[q] == least[p] and most[q] == most[p])
                same = found
        alike[k] = alike[k] or same


@compiled_inside
def level_out(data: ServersData, node: Node, free: Free, rows: int, price: Floats, same: Whole) -> bool:
    """Fill in of every choice the first one that it is interchangeable with, and give those the mean of their prices."""
    choices, start, active, binding = same.size, free.start, free.active, free.sizes[BINDING]
    count = choices - 1
    alike = np.zeros(choices, np.bool_)
    some = False
    for j in range(choices):
        same[j] = j
    for j in range(1, choices):
        if same[j] != j:
            continue
        interchangeable(data, node, rows, j, alike)
        number, total = 0, 0.0
        for k in range(j, choices):
            if alike[k] and start[k + 1] == start[k] and start[j + 1] == start[j]:
                same[k] = j
                number += 1
                total += price[k - 1]
        if number > 1:
            some = True
            for k in range(j, choices):
                if same[k] == j:
                    price[k - 1] = total / number
    if not some:
        return False
    for q in range(binding):
        number, total = 0, 0.0
        for turn in range(2):
            for p in range(binding):
                matches = same[active[p, AT]] == same[active[q, AT]]
                if matches and active[p, BEGIN] == active[q, BEGIN] and active[p, END] == active[q, END]:
                    if turn == 0:
                        number += 1
                        total += price[count + p]
                    else:
                        price[count + p] = total / number
    return True


class Options(NamedTuple):
    """What a node may be branched on, counts before users, each kind by how far it is broken."""

    what: Whole
    """As the first columns of `Path.what`, ``(2 OPTIONS, CHOSEN)``."""
    broken: Floats
    sizes: Whole
    """How many counts and users there are, ``(2,)``."""


@compiled_inside
def no_options() -> Options:
    """Return room for options."""
    return Options(np.zeros((2 * OPTIONS, CHOSEN), np.int64), np.empty(2 * OPTIONS), np.zeros(2, np.int64))


@compiled_inside
def _offer(options: Options, kind: int, broken: float, row: int, user: int, taken: int, cut: int, above: bool) -> None:
    """Put an option in its place among those of its kind (0: counts, 1: users), or drop the one that is broken least."""
    what, begin = options.what, kind * OPTIONS
    k = begin + options.sizes[kind]
    if k == begin + OPTIONS:
        k -= 1
        if options.broken[k] >= broken:
            return
    else:
        options.sizes[kind] += 1
    while k > begin and options.broken[k - 1] < broken:
        options.broken[k] = options.broken[k - 1]
        for part in range(CHOSEN):
            what[k, part] = what[k - 1, part]
        k -= 1
    options.broken[k] = broken
    what[k, ROW_OF], what[k, USER], what[k, TAKEN], what[k, CUT], what[k, ABOVE] = row, user, taken, cut, above


@compiled_inside
def find_options(data: ServersData, node: Node, free: Free, rows: int, options: Options) -> None:
    """Find the outermost group whose numbers of users at choices are broken, and the users that are torn most."""
    users, choices = node.allowed.shape
    weight, of, least_of, most_of = free.weight, node.limits.rows, node.limits.least, node.limits.most
    sums, torn, f = np.zeros((users + 1, choices)), np.zeros(users + 1, np.int64), 0
    split, prices = 0, choices - 1 + free.sizes[BINDING] + free.weighed.least.size
    options.sizes[0], options.sizes[1] = 0, 0
    for k in range(free.sizes[SIZE]):
        i, left, likeliest = free.users[k], 0, -1
        for j in range(choices):
            if node.allowed[i, j]:
                left += 1
                if likeliest < 0 or weight[k, j] > weight[k, likeliest]:
                    likeliest = j
        split += likeliest >= 0 and weight[k, likeliest] < TORN
        if left > 1:
            _offer(options, 1, 1.0 - weight[k, likeliest], -1, i, likeliest, 0, True)
    for j in range(choices):
        for k in range(free.start[j], free.start[j + 1]):
            sums[free.held[k] + 1, j] = 1.0
    for i in range(users):
        torn[i + 1] = torn[i]
        if f < free.sizes[SIZE] and free.users[f] == i:
            for j in range(choices):
                sums[i + 1, j] = weight[f, j]
            torn[i + 1] += 1
            f += 1
        for j in range(choices):
            sums[i + 1, j] += sums[i, j]
    for g in range(data.begin.size if split > ALIKE * prices else 1):
        first, last = data.begin[g], data.end[g]
        if g > 0 and (torn[last] - torn[first] < 2 or rows + choices > of.shape[0]):
            continue
        for j in range(choices):
            number = sums[last, j] - sums[first, j]
            part = abs(number - np.rint(number))
            row = j if g == 0 else -1
            for p in range(choices, rows):
                if of[p, CHOICE] == j and of[p, FIRST] == first and of[p, LAST] == last:
                    row = p
            low, high = 0.0, float(last - first)
            if row >= 0:
                low, high = least_of[row], most_of[row]
            if part > BROKEN and low < high:
                cut = int(min(max(np.floor(number), low), high - 1.0))
                _offer(options, 0, part, g, -1, j, cut, number - cut > 0.5)
        if options.sizes[0] > 0:
            return


@compiled_inside
def take_first(options: Options, what: Whole) -> None:
    """Branch on the count that is broken most, or else on the user that is torn most."""
    for part in range(CHOSEN):
        what[part] = options.what[0 if options.sizes[0] > 0 else OPTIONS, part]


@compiled_inside
def enter(data: ServersData, node: Node, path: Path, level: int, above: bool, trail: Whole, cursor: Whole) -> None:
    """Go to one side of a branching."""
    choices = node.marks.shape[1]
    what, alike = path.what[level], path.alike[level]
    choice, user = what[TAKEN], what[USER]
    if user >= 0:
        for k in range(choices):
            if node.allowed[user, k] and ((above and k != choice) or (not above and alike[k])):
                take(node.allowed, trail, cursor, user, k)
        others = above  # whether another server could come to be alike that the user may still take
        for k in range(1, choices):
            others = others or (data.kinds[k] == data.kinds[choice] and not alike[k] and node.marks[TOUCHED, k] == 0)
        for k in range(1, choices):
            if others and (k == choice if above else alike[k]):
                node.marks[TOUCHED, k] = 1
        return
    g, rows, least, most = what[ROW_OF], node.limits.rows, node.limits.least, node.limits.most
    first, last = data.begin[g], data.end[g]
    for k in range(choices):
        if (k == choice) if above else alike[k]:
            row = k if g == 0 else -1
            for p in range(choices, cursor[FILLED]):
                if rows[p, FIRST] == first and rows[p, LAST] == last and rows[p, CHOICE] == k:
                    row = p
            if row < 0:  # no limit as yet
                row = cursor[FILLED]
                rows[row, FIRST], rows[row, LAST], rows[row, CHOICE] = first, last, k
                least[row], most[row], node.numbers[PRICE, choices - 1 + row] = 0.0, float(last - first), 0.0
                cursor[FILLED] += 1
            if above:
                least[row] = max(least[row], what[CUT] + 1.0)
            else:
                most[row] = min(most[row], float(what[CUT]))
        elif above and g == 0 and alike[k]:
            node.marks[LEADER, k] = choice


@compiled_inside
def keep(node: Node, path: Path, level: int, cursor: Whole) -> None:
    """Note what a node is, to come back to it from both sides of a branching."""
    path.what[level, TRAIL_OF], path.what[level, ROWS_OF] = cursor[TRAIL], cursor[FILLED]
    _copy(node.numbers, node.marks, path.numbers[level], path.marks[level])


@compiled_inside
def come_back(node: Node, path: Path, level: int, trail: Whole, cursor: Whole) -> None:
    """Undo what was done since the node was kept."""
    choices = node.marks.shape[1]
    while cursor[TRAIL] > path.what[level, TRAIL_OF]:
        cursor[TRAIL] -= 1
        node.allowed[trail[cursor[TRAIL]] // choices, trail[cursor[TRAIL]] % choices] = True
    cursor[FILLED] = path.what[level, ROWS_OF]
    _copy(path.numbers[level], path.marks[level], node.numbers, node.marks)


@compiled_inside
def start_over(node: Node, path: Path, trail: Whole, cursor: Whole) -> float:
    """Come back to the first branching of which both sides are open; return the bound that is known there."""
    level = 0
    while level < cursor[DEPTH] and path.what[level, FLIPPED] == 1:
        level += 1
    if level < cursor[DEPTH]:
        come_back(node, path, level, trail, cursor)
        cursor[DEPTH] = level
        return float(path.bound[level])
    return -np.inf


@compiled_inside
def _copy(numbers: Floats, marks: Whole, to_numbers: Floats, to_marks: Whole) -> None:
    for r in range(3):
        for k in range(numbers.shape[1]):
            to_numbers[r, k] = numbers[r, k]
    for r in range(2):
        for k in range(marks.shape[1]):
            to_marks[r, k] = marks[r, k]
