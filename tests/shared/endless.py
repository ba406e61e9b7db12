"""Parts of a comparison, of which those after the second one never end; whoever takes one says so."""

import os
import sys
from typing import Any

from mecopt.compare import computed
from mecopt.solve import solve


def part(problem: Any, method: str, solver: Any, labels: Any, seed: tuple[int, int], *rest: Any) -> bytes:
    if seed[1] >= 2:
        print("at work on a part:", os.getpid(), file=sys.stderr, flush=True)
        while True:
            solve(problem, solver=solver, throw=False)
    return computed.part(problem, method, solver, labels, seed, *rest)
