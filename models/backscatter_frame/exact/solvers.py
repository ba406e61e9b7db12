"""The beams are open: beam generation with its proof, the semidefinite program beside it, and the beams of simple rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.backend import Feature
from mecopt.contract.certificate import NOTHING
from mecopt.contract.problem import Problem
from mecopt.contract.solver import Search, Solver
from mecopt.models.backscatter_frame.allocation import prices
from mecopt.models.backscatter_frame.allocation.prices import Prices
from mecopt.models.backscatter_frame.exact import beams, relaxation
from mecopt.models.backscatter_frame.exact.generation import Generated, attained, generate, realised
from mecopt.models.backscatter_frame.exact.semidefinite import Semidefinite, relaxed
from mecopt.models.backscatter_frame.variables import FramePrices
from mecopt.running import clock
from mecopt.running.budget import NOT_BEGUN, Budget, in_passes
from mecopt.running.rescue import said, survivable

if TYPE_CHECKING:
    from mecopt.models.backscatter_frame.problem import BackscatterFrame

Array = NDArray[Any]

CLOSED = 1e-8
"""Gap to which beams are generated unless a greater one is asked for."""
ENOUGH = 1e-7
"""Gap beyond which what generation has left open goes to the semidefinite program."""

TOGETHER = 8
"""Frames whose beams are generated side by side where there is a time limit, which is looked at in between."""


def proved(problem: BackscatterFrame, dual: FramePrices) -> Array:
    """Return the bound over all beams that prices prove."""
    terms = problem.terms(beams.matched(problem))
    scaled = prices.scaled(dual, terms)
    return relaxation.proved(problem, terms, scaled, relaxation.best_beams(problem, terms, scaled))


def best_prices(problem: BackscatterFrame) -> FramePrices:
    """Return the prices at the best beams."""
    flat = problem.flat()
    found = generate(flat, CLOSED)
    dual = prices.unscaled(found.prices, flat.terms(beams.matched(flat)))
    shape = (*problem.batch_shape, problem.users)
    return FramePrices(**{name: value.reshape(shape) for name, value in dual.as_dict().items()})


class BeamGeneration(Solver):
    """Beams added where prices say that they pay, until none does."""

    name = "exact"
    summary = "beam generation: path following over the beams at hand, further ones by price; proved"
    features = Feature.INTEGER

    def search(
        self, problem: Problem, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        """Generate beams for the whole batch; take principal eigenvectors of the mixtures, or switch between beams."""
        flat, tolerance = problem.flat(), max(gap or 0.0, CLOSED)
        budget = Budget(time_limit)
        if budget.limited:
            found, begun = generate_within(flat, tolerance, budget)  # type: ignore[arg-type]
        else:
            found, begun = generate(flat, tolerance), np.ones(flat.instances, dtype=bool)  # type: ignore[arg-type]
        left = max(tolerance, ENOUGH) * (np.abs(found.value) + NOTHING * flat.negligible)
        late, messages = ~begun, dict.fromkeys(np.flatnonzero(~begun).tolist(), f"{NOT_BEGUN}; the matched beams stand")
        for k in np.flatnonzero(begun & (found.value - found.bound > left)):
            late[k] = budget.spent
            if not late[k]:
                trouble = settle(flat, found, int(k))  # type: ignore[arg-type]
                if trouble:
                    messages[int(k)] = trouble
        shape = problem.batch_shape
        decision = attained_where(begun, flat, found, tolerance)  # type: ignore[arg-type]
        rounds = found.rounds.reshape(shape)
        return Search(
            decision.reshape(*shape, *decision.shape[1:]),
            bound=found.bound.reshape(shape),
            solver_calls=rounds,
            iterations=rounds,
            limit=late.reshape(shape),
            messages=messages,
        )


def generate_within(problem: BackscatterFrame, tolerance: float, budget: Budget) -> tuple[Generated, Array]:
    """Generate beams for a flat batch, some frames at a time, within a budget; return where it has begun at all, too.

    Frames that it does not reach keep the beams matched to their users, and no bound.
    """
    matched = beams.matched(problem)
    mixture = np.einsum("fia,fib->fiab", matched, matched.conj()).astype(complex)
    unknown = np.full(problem.instances, -np.inf)
    prices_zero = Prices(*(np.zeros((problem.instances, problem.users)) for _ in range(3)))
    found = Generated(mixture, prices_zero, unknown, -unknown, np.zeros(problem.instances, dtype=int))
    begun = np.zeros(problem.instances, dtype=bool)

    def attempt(block: int, seconds: float) -> bool:
        if not seconds:
            return True
        rows, ends = slice(TOGETHER * block, TOGETHER * (block + 1)), clock.now() + seconds
        part = generate(problem[rows], tolerance, ends)
        begun[rows] = True
        keep_better(found, rows, part)
        missing = part.value - part.bound > tolerance * (np.abs(part.value) + NOTHING * problem.negligible[rows])
        return bool(missing.any()) and clock.now() >= ends

    in_passes(-(-problem.instances // TOGETHER), budget, attempt, anew=True)
    return found, begun


def keep_better(found: Generated, rows: slice, part: Generated) -> None:
    """Take over what was newly generated for some frames: mixtures where they are better, prices where they prove more."""
    better, closer = part.value < found.value[rows], part.bound > found.bound[rows]
    found.mixture[rows][better], found.value[rows][better] = part.mixture[better], part.value[better]
    found.bound[rows][closer] = part.bound[closer]
    for whole, new in zip(found.prices, part.prices, strict=True):
        whole[rows][closer] = new[closer]
    found.rounds[rows] += part.rounds


def settle(problem: BackscatterFrame, found: Generated, k: int) -> str:
    """Let the semidefinite program better a frame whose prices keep swinging; where it fails only that is said."""
    frame = problem[k]
    try:
        mixture, multipliers = relaxed(frame)
    except BaseException as error:
        if not survivable(error) and not isinstance(error, ImportError):
            raise
        # An outside solver may fail in any way, or be missing.
        return f"{said('semidefinite', error)}; what beam generation has proved stands"
    terms = frame.terms(beams.matched(frame))
    bound = float(relaxation.proved(frame, terms, multipliers, relaxation.best_beams(frame, terms, multipliers)))
    if bound > found.bound[k]:
        found.bound[k] = bound
        for mine, new in zip(found.prices, multipliers, strict=True):
            mine[k] = new
    value = float(frame.optimal_value(realised(frame.flat(), mixture[None], found.value[k : k + 1])[0]))
    if value < found.value[k]:
        found.value[k], found.mixture[k] = value, mixture
    return ""


def attained_where(begun: Array, problem: BackscatterFrame, found: Generated, tolerance: float) -> Array:
    """Return such beams for the frames that generation has begun with, and for the others those matched to their users."""
    whole = beams.matched(problem).astype(complex)
    if not begun.any():
        return whole
    mine = attained(problem[begun], found.mixture[begun], found.value[begun], tolerance)
    whole = np.tile(whole, mine.shape[-1] // whole.shape[-1])
    whole[begun] = mine
    return whole


SOLVERS: dict[str, Solver] = {
    solver.name: solver
    for solver in (
        BeamGeneration(),
        Semidefinite(),
        beams.Named("matched", beams.matched, "beams matched to the slot's own user (MRT)"),
        beams.Named("charging", beams.charging, "beams that feed all other users most"),
        beams.Named("weights", beams.evenly, "beams that weight all other users alike (KKT form)"),
        beams.RandomBeams("random", 1),
        beams.RandomBeams("best-of-random", 10),
    )
}
