"""Parts of a batch that are answered one by one, or in threads side by side, and put together again."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from mecopt.contract.backend import ClosedForm, Feature
from mecopt.contract.derived import FEW, forget
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.running import waiting
from mecopt.running.rescue import Part, joined
from mecopt.running.threads import PARTS, parts_of, side_by_side

Array = NDArray[Any]

MANY = 2 * FEW
"""Entries of decisions from which on a formula answers block by block."""


def shares(chosen: Any, items: int, threads: int) -> int:
    """Return how many threads a method makes use of."""
    return threads if items > 1 and Feature.THREADS in chosen.features and not getattr(chosen, "random", False) else 1


def block_by_block(chosen: Any, start: Solution | None, decisions: Array, threads: int) -> bool:
    """Whether decisions are allocated `in_blocks`."""
    return isinstance(chosen, ClosedForm) and start is None and (decisions.size > MANY or threads > 1)


def beside(
    problem: Problem,
    chosen: Any,
    shape: tuple[int, ...],
    parts: Callable[[], tuple[Problem, Part]],
    threads: int,
    time_limit: float | None,
) -> Solution:
    """Answer parts of a batch in threads, each within the whole time limit; `parts` is as for `mecopt.running.rescue`."""
    _, part = parts()

    def answered(rows: slice) -> Solution:
        with waiting.on_behalf_of(problem, chosen):
            return part(rows, time_limit)

    return joined(
        side_by_side(parts_of(math.prod(shape), threads, time_limit is not None), threads, answered), shape, problem
    )


def in_blocks(
    problem: Problem, decisions: Array, chosen: Any, allocated: Callable[[Problem, Array], Solution], threads: int
) -> Solution:
    """Allocate by a formula block by block: what it needs meanwhile stays in the processor's caches, and takes no memory."""
    flat, count = problem.flat(), problem.instances
    rows_of = decisions.reshape(count, *decisions.shape[len(problem.batch_shape) :])
    rows = max(1, FEW // (decisions.size // count))
    if threads > 1:
        rows = min(rows, math.ceil(count / (PARTS * threads)))

    def one(rows: slice) -> Solution:
        block = flat[rows]
        with waiting.on_behalf_of(problem, chosen):
            found = allocated(block, rows_of[rows])
        forget(block)
        return found

    blocks = [slice(first, min(first + rows, count)) for first in range(0, count, rows)]
    found = list(map(one, blocks)) if threads == 1 else side_by_side(blocks, threads, one)
    return joined(found, problem.batch_shape, problem)
