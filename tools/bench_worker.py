"""One side of `tools/bench_compare.py`: runs public calls of whatever mecopt is on its path, as it is asked line by line.

It uses nothing but `mecopt.problems`, `sample`, `mecopt.allocate` and `mecopt.solve`, so that it runs on old commits, too,
whose packages are laid out otherwise. Every call gets a copy of its own of the instances, made before it is timed: what
mecopt keeps of an instance's data for the next call helps none.
"""

import copy
import json
import sys
import time

import numpy as np

import mecopt

SIZES = {"backscatter-frame": ((3, ()), (3, (50,)))}
"""Users and batches of open decisions that take longer than others."""
USUAL = ((10, ()), (10, (200,)), (100, ()))


def calls():
    """Return every call by name: what is solved, and how its value is read; nothing is drawn yet."""
    found = {}
    for name, cls in mecopt.problems().items():
        for users, batch in ((10, ()), (10, (1000,))):
            found[f"{name}: allocate, {said(users, batch)}"] = (allocated, cls, users, batch, "paper")
        for preset in cls.presets:
            for users, batch in SIZES.get(name, USUAL):
                found[f"{name}: solve, preset {preset}, {said(users, batch)}"] = (solved, cls, users, batch, preset)
    return found


def said(users, batch):
    """Return sizes as text."""
    return f"{users} users" + (f", batch of {batch[0]}" if batch else "")


def allocated(cls, users, batch, preset):
    """Return instances, and a call that allocates random decisions of a copy of them."""
    problem = cls.sample(np.random.default_rng(0), batch, preset=preset, users=users)
    decision = problem.decision_space.sample(np.random.default_rng(1), batch)
    decision = problem.mended(decision) if hasattr(problem, "mended") else decision
    return problem, lambda one: mecopt.allocate(one, decision, throw=False)


def solved(cls, users, batch, preset):
    """Return instances, and a call that decides for a copy of them, and proves it."""
    problem = cls.sample(np.random.default_rng(0), batch, preset=preset, users=users)
    return problem, lambda one: mecopt.solve(one, throw=False)


def answer(request, known, ready):
    """Return what a request asks for."""
    if request["do"] == "list":
        return {"calls": list(known), "mecopt": mecopt.__file__}
    name = request["call"]
    if request["do"] == "prepare":
        ready.clear()  # one call at a time holds memory
        make, *what = known[name]
        problem, call = ready[name] = make(*what)
        value = float(np.nansum(call(problem).objective))
        again = copy.copy(problem)
        began = time.perf_counter()
        call(again)
        return {"value": value, "seconds": time.perf_counter() - began}
    (problem, call), repeats = ready[name], request["repeats"]
    copies = [copy.copy(problem) for _ in range(repeats)]
    processor, began = time.process_time(), time.perf_counter()
    for one in copies:
        call(one)
    wall = time.perf_counter() - began
    return {"processor": (time.process_time() - processor) / repeats, "wall": wall / repeats}


def main():
    """Answer until there are no more requests."""
    replies, sys.stdout = sys.stdout, sys.stderr
    known, ready = calls(), {}
    for line in sys.stdin:
        try:
            found = answer(json.loads(line), known, ready)
        except Exception as error:  # the other side may manage
            found = {"failed": f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"}
        print(json.dumps(found), file=replies, flush=True)


if __name__ == "__main__":
    main()
