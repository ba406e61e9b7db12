"""Figures of the lesson on binary offloading: the capacity's price and who offloads, bounds, and what is left to search."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.figure import Figure, Slider, steps
from mecopt.contract.solution import Solution
from mecopt.lesson import pricing
from mecopt.models.binary_offloading.problem import BinaryOffloading
from mecopt.models.binary_offloading.variables import CapacityPrice, ServerRate
from mecopt.show.priced import bound_by_price, two_sides
from mecopt.show.view import FOUR, Number, Panel, View, level, mark
from mecopt.solve import allocate, solve

CAPACITY = Slider("capacity", "server's capacity F", steps(10.0, 60.0, 21), "MB/s", start=8)


Array = NDArray[Any]


def _prefixes(index: Array) -> Array:
    """Return the decisions that offload the k users of the largest index, k = 0 to N."""
    rank = np.argsort(np.argsort(-index, kind="stable"), kind="stable")
    return (rank < np.arange(index.size + 1)[:, None]).astype(np.int8)


@cache
def _users(count: int, seed: int = 6) -> BinaryOffloading:
    """Return users who differ in everything."""
    return BinaryOffloading.sample(np.random.default_rng(seed), preset="heterogeneous", users=count)


# ---------------------------------------------------------------------- 2: the square-root rule


def square_root_rule(data_size: float, capacity: float) -> View:
    """Three users offload; one of them can be made larger."""
    problem = BinaryOffloading(data_size=[data_size, 7.5, 20.0], capacity=capacity)
    everyone = np.ones(3, dtype=np.int8)
    best = allocate(problem, everyone)
    equal = ServerRate(server_rate=np.full(3, capacity / 3.0))
    work, rate, price = problem.terms().compute, best.allocation.server_rate, float(best.dual.capacity_price)
    users, along = np.arange(3), np.linspace(2.0, 30.0, 57)
    return View(
        (
            Panel(
                "user",
                "server's rate [MB/s]",
                (
                    mark("square-root rule", users, rate, "bars", "first"),
                    mark("equal parts", users, capacity / 3.0, "bars", "quiet"),
                ),
                {k: f"user {k}" for k in range(3)},
            ),
            Panel(
                "server's rate fᵢ [MB/s]",
                "what one more MB/s saves, cᵢ/fᵢ² [s²/MB]",
                (
                    *(mark(f"user {k}", along, work[k] / along**2, "line", role) for k, role in enumerate(FOUR[:3])),
                    mark("answer", rate, np.full(3, price), "dots", "best"),
                    level("price μ", price, "best"),
                ),
                x_range=(0.0, 30.0),
                y_range=(0.0, 1.0),
            ),
        ),
        (
            Number("cost by the rule", best.objective, "s"),
            Number("cost of equal parts", problem.objective(everyone, equal), "s"),
            Number("price of capacity μ", price, "s²/MB"),
        ),
        f"All three curves are at the height of the price, {price:.3g} s²/MB, where their users stand: one more MB/s saves "
        "each of them the same, so no exchange helps.",
        (best,),
    )


SQUARE_ROOT_RULE = Figure(
    "One price for all",
    "Make user 0 larger: it gets more, but by the square root only, and the price rises. Make the server faster: the price "
    "falls.",
    (
        Slider("data_size", "data of user 0", steps(2.0, 25.0, 12), "MB", start=5),
        replace(CAPACITY, values=steps(15.0, 60.0, 10), start=3),
    ),
    square_root_rule,
)


# ---------------------------------------------------------------------- 4: identical users


def top_k(capacity: float, upload_rate: float) -> View:
    """Ten identical users with other data each: the cost of offloading the k largest tasks."""
    drawn = BinaryOffloading.sample(np.random.default_rng(0), users=10)
    problem = replace(drawn, capacity=capacity, upload_rate=upload_rate)
    best, prefixes = solve(problem), _prefixes(problem.data_size)
    costs, count = problem.optimal_value(prefixes), int(best.decision.sum())
    return View(
        (
            Panel(
                "k, the number of largest tasks that are offloaded",
                "cost [s]",
                (
                    mark("the k largest offload", np.arange(11), costs, "line", "first"),
                    mark("", np.arange(11), costs, "dots", "first"),
                    mark("optimum", count, best.objective, "dots", "best"),
                ),
            ),
        ),
        (
            Number("optimal cost", best.objective, "s"),
            Number("users who offload", count),
            Number("price of capacity μ", best.dual.capacity_price, "s²/MB"),
        ),
        f"The optimum over all 1,024 decisions offloads {count} of 10 users, and is the lowest point of this curve of 11.",
        (best,),
    )


TOP_K = Figure(
    "1,024 decisions, 11 candidates",
    "A faster server or a faster link draws more users in, the largest tasks first. The optimum never leaves the curve.",
    (CAPACITY, Slider("upload_rate", "uplink rate of all users", steps(1.0, 5.0, 9), "MB/s", start=3)),
    top_k,
)


# ---------------------------------------------------------------------- 5: where sorting ends


def where_sorting_ends(spread: float) -> View:
    """From identical users to users that differ in everything, by the same draw."""
    unlike, alike = _users(10), BinaryOffloading.sample(np.random.default_rng(6), users=10)
    mixed = {
        name: (1.0 - spread) * np.mean(value) + spread * value
        for name in ("upload_rate", "local_rate", "upload_power", "waiting_power", "local_power")
        for value in (getattr(unlike, name),)
    }
    problem = replace(alike, data_size=unlike.data_size, capacity=unlike.capacity, **mixed)
    terms, best = problem.terms(), solve(problem)
    by_size = problem.optimal_value(_prefixes(problem.data_size))
    by_index = problem.optimal_value(_prefixes((terms.local - terms.upload) / np.sqrt(terms.compute)))
    lost = [values.min() / float(best.objective) - 1.0 for values in (by_size, by_index)]
    return View(
        (
            Panel(
                "k, the number of users that are offloaded in this order",
                "cost [s]",
                (
                    mark("the k largest tasks", np.arange(11), by_size, "line", "second"),
                    mark("the k largest (L − u)/√c", np.arange(11), by_index, "line", "first"),
                    level("optimum", best.objective),
                ),
            ),
        ),
        (
            Number("optimal cost", best.objective, "s"),
            Number("best by size", by_size.min(), "s"),
            Number("best by index", by_index.min(), "s"),
        ),
        f"Sorting by size costs {lost[0]:.2%} more than the optimum here; sorting by the index {lost[1]:.2%}.",
        (best,),
    )


WHERE_SORTING_ENDS = Figure(
    "The prefix theorem, and where it fails",
    "At 0 the users differ in their data only, and both orders reach the optimum. Let them differ in rates and powers, too.",
    (Slider("spread", "how much users differ", steps(0.0, 1.0, 21), start=20),),
    where_sorting_ends,
)


# ---------------------------------------------------------------------- 6: any price bounds


def any_price(price: float, capacity: float) -> View:
    """The bound at a price that one chooses, beside the optimum."""
    problem = replace(_users(8), capacity=capacity)
    terms, best = problem.terms(), solve(problem)
    panel, here = bound_by_price(
        partial(_bounds, problem),
        np.linspace(0.0, 3.0, 61),
        price,
        best.objective,
        x="price μ of capacity [s²/MB]",
        y="cost [s]",
    )
    away = terms.upload + 2.0 * np.sqrt(terms.compute * price)
    return View(
        (panel, two_sides("cost of the user at this price [s]", terms.local, away)),
        (
            Number("bound at your price", here, "s"),
            Number("optimal cost", best.objective, "s"),
            Number("users to whom offloading is cheaper", int((away < terms.local).sum())),
        ),
        f"At this price no decision costs less than {here:.6g} s; the optimum costs {float(best.objective):.6g} s: the "
        f"bound lacks {1.0 - here / float(best.objective):.2%}.",
        (best,),
    )


def _bounds(problem: BinaryOffloading, prices: Array) -> Array:
    """Return the bound of one instance at many prices."""
    copies = replace(problem, data_size=np.broadcast_to(problem.data_size, (prices.size, problem.users)))
    return copies.relaxed_bound(CapacityPrice(capacity_price=prices))


ANY_PRICE = Figure(
    "Guess a price, get a proof",
    "Whatever the price, the curve stays below the optimum. The best guess nearly touches it; there most users are far from "
    "indifferent.",
    (
        Slider("price", "price μ of capacity", steps(0.0, 3.0, 31), "s²/MB", start=2),
        replace(CAPACITY, values=steps(8.0, 48.0, 6), start=2),
    ),
    any_price,
)


# ---------------------------------------------------------------------- 7: the best price


def best_price(capacity: float) -> View:
    """Users in the order of their index, against the line of marginal cost."""
    problem = replace(_users(12), capacity=capacity)
    best, (local, upload, compute) = solve(problem), problem.terms()
    root = np.sqrt(compute)
    index = (local - upload) / root
    order = np.argsort(-index)
    load = np.concatenate([[0.0], np.cumsum(root[order])])
    slope = 2.0 * np.sqrt(float(problem.relaxed_dual().capacity_price))
    bound = float(problem.relaxed_bound(problem.relaxed_dual()))
    filled = slope * capacity / 2.0
    split = np.flatnonzero((load[:-1] < filled * (1.0 - 1e-12)) & (filled * (1.0 + 1e-12) < load[1:]))
    lacks = max(float(best.objective) - bound, 0.0)
    said = f"user {order[split[0]]} is split" if split.size else "nobody is split, and the price alone proves the optimum"
    return View(
        (
            Panel(
                "load S, users in the order of their index [√MB]",
                "s for each unit of load",
                (
                    mark(
                        "what a user saves by offloading, (L − u)/s",
                        np.repeat(load, 2)[1:-1],
                        np.repeat(index[order], 2),
                        "line",
                        "first",
                    ),
                    mark(
                        "what the next unit of load costs, 2S/F",
                        np.array([0.0, load[-1]]),
                        np.array([0.0, 2.0 * load[-1] / capacity]),
                        "line",
                        "second",
                    ),
                    mark("the best price λ", filled, slope, "dots", "best"),
                ),
            ),
        ),
        (
            Number("best price λ", slope, "s/√MB"),
            Number("bound at this price", bound, "s"),
            Number("optimal cost", best.objective, "s"),
        ),
        f"Users to the left of the crossing offload; {said}. The bound lacks {lacks:.3g} s to the optimum.",
        (best,),
    )


BEST_PRICE = Figure(
    "Where the staircase meets the line",
    "Each stair is a user, as wide as its load. A faster server makes the line flatter: the crossing moves to the right.",
    (CAPACITY,),
    best_price,
)


# ---------------------------------------------------------------------- 8: reduced costs


def reduced_costs(users: float, capacity: float) -> View:
    """What forcing each user would cost, against what is left between the rounded relaxation and the bound."""
    problem = replace(_users(int(users), 1), capacity=capacity * users)
    best, found = solve(problem), pricing(problem)
    known = float(problem.optimal_value(found.relaxed))
    lacks = known - found.bound if known - found.bound > 1e-12 * known else 0.0
    slack, open_ = np.sort(found.slack), found.free(known)
    return View(
        (
            Panel(
                "part of the users, in the order of what forcing them to the other side costs",
                "rise of the bound [s]",
                (
                    mark("reduced cost", (np.arange(slack.size) + 0.5) / slack.size, slack, "dots", "first"),
                    level("known cost − bound", lacks),
                ),
            ),
        ),
        (
            Number("users", problem.users),
            Number("left to search", int(open_.sum())),
            Number("known cost − bound", lacks, "s"),
            Number("optimal cost", best.objective, "s"),
        ),
        f"Only dots at or below the dotted level have to be searched: {int(open_.sum())} of {problem.users} users; the "
        "others are fixed with proof."
        if lacks
        else "The price alone proves the known decision the best: nothing is left to search.",
        (best,),
    )


REDUCED_COSTS = Figure(
    "Most users are fixed without search",
    "With more users the level hardly moves while the dots spread out: the price alone decides nearly everybody.",
    (
        Slider("users", "users N", (5.0, 10.0, 20.0, 50.0, 100.0, 200.0), start=1, whole=True),
        Slider("capacity", "server's capacity for each user", steps(0.5, 6.0, 12), "MB/s", start=4),
    ),
    reduced_costs,
)


# ---------------------------------------------------------------------- 9: the tree


def tree(users: float) -> View:
    """Nodes that the exact search opens, on ordinary users and on subset-sum instances of growing size."""
    counts = np.arange(2, int(users) + 1, 2)
    ordinary = [_nodes("heterogeneous", int(n)) for n in counts]
    hard = [_nodes("subset-sum", int(n)) for n in counts]
    nodes = [np.array([float(np.mean(one.stats.iterations)) for one in kind]) for kind in (ordinary, hard)]
    return View(
        (
            Panel(
                "users N",
                "log₁₀ of the tree's nodes, mean of 8 instances",
                (
                    mark("all decisions, 2ᴺ", counts, counts * np.log10(2.0), "dashed", "quiet"),
                    mark("subset sum", counts, np.log10(nodes[1]), "line", "second"),
                    mark("users who differ at random", counts, np.log10(nodes[0]), "line", "first"),
                ),
                x_range=(2.0, 16.0),
                y_range=(0.0, 5.0),
            ),
        ),
        (
            Number("nodes, users who differ", nodes[0][-1]),
            Number("nodes, subset sum", nodes[1][-1]),
            Number("decisions", 2.0 ** int(counts[-1])),
        ),
        f"With {counts[-1]} users the tree has {nodes[0][-1]:.3g} nodes on ordinary instances and {nodes[1][-1]:.3g} on "
        "subset-sum instances: prices prove what is usual and cannot prove what is NP-hard.",
        (ordinary[-1], hard[-1]),
    )


@cache
def _nodes(preset: str, users: int) -> Solution[ServerRate, CapacityPrice]:
    return solve(BinaryOffloading.sample(np.random.default_rng(users), (8,), preset=preset, users=users))


TREE = Figure(
    "Two trees",
    "Add users. On ordinary instances the tree stays a handful of nodes; where the problem is subset sum it grows like 2ᴺ.",
    (Slider("users", "users N at most", tuple(map(float, range(4, 17, 2))), start=3, whole=True),),
    tree,
)
