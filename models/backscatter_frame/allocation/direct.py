"""Clarabel called without a modelling layer: the matrix of a frame's cone program is laid out once per shape, then refilled.

The same program as `mecopt.models.backscatter_frame.allocation.conic`. It is here to be beaten fairly: against cvxpy the
specialised solver wins by modelling time alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.backends.conic import LEAST_SECONDS
from mecopt.backends.one_by_one import OneByOne, Single
from mecopt.contract.backend import Feature
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.models.backscatter_frame.allocation.conic import VARIABLES, from_point, stated, unavoidable
from mecopt.models.backscatter_frame.allocation.prices import Prices, unscaled
from mecopt.models.backscatter_frame.terms import LN2, Terms
from mecopt.running import clock

Array = NDArray[Any]

SIGNED = tuple(name for name in VARIABLES if name != "whole")
ROWS = ("work", "time", "rate", "fastest", "battery", "capacity", "full")


@dataclass(frozen=True)
class Layout:
    """Where the numbers of a frame go in the matrix of its program ``A x + s = b``."""

    pattern: Any
    order: Array
    """Which entry stands at each place of the matrix's data."""

    def filled(self, values: Array) -> Any:
        """Return the matrix with the values of entries."""
        return type(self.pattern)((values[self.order], self.pattern.indices, self.pattern.indptr), self.pattern.shape)


def column(name: str, users: int) -> Array:
    """Return the columns of a variable."""
    return np.arange(users) + VARIABLES.index(name) * users


def entries(terms: Terms, sends: Array) -> tuple[Array, Array, Array]:
    """Return rows, columns and values of the matrix, always in the same order for equal `sends`."""
    users = sends.size
    found: list[tuple[Array, Array, Array]] = []
    start = {name: k * users for k, name in enumerate((*SIGNED, *ROWS))}
    one, each = np.ones(users), np.arange(users)

    def put(row: str, name: str, value: Array) -> None:
        found.append((start[row] + each, column(name, users), value))

    for name in SIGNED:
        put(name, name, -one)
    for name in ("sent", "local", "reflected", "unserved"):
        put("work", name, -one)
    put("time", "active", one)
    put("time", "passive", one)
    put("rate", "reflected", one)
    put("rate", "passive", -terms.rate)
    put("fastest", "local", one)
    noise = np.where(sends, terms.noise, 0.0)
    for row in ("battery", "capacity"):
        put(row, "whole", noise)
        put(row, "active", terms.circuit - noise)
        put(row, "local", terms.cpu)
    put("battery", "kept", one)
    rows, columns = np.meshgrid(start["battery"] + each, column("passive", users), indexing="ij")
    found.append((rows.ravel(), columns.ravel(), -terms.harvest.ravel()))
    put("full", "kept", one)
    after = (len(SIGNED) + len(ROWS)) * users
    here = np.flatnonzero(sends)
    cone = after + 3 * np.arange(here.size)
    for k, (name, value) in enumerate((("sent", -LN2), ("active", -1.0), ("whole", -1.0))):
        found.append((cone + k, column(name, users)[here], np.full(here.size, value)))
    silent, after = np.flatnonzero(~sends), after + 3 * here.size
    for k, name in enumerate(("active", "sent", "whole")):
        found.append((after + k * silent.size + np.arange(silent.size), column(name, users)[silent], np.ones(silent.size)))
    rows, columns, values = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return rows, columns, values


def limits(terms: Terms, sends: Array) -> Array:
    """Return the right-hand side b."""
    one, nothing = np.ones(sends.size), np.zeros(sends.size)
    parts = [nothing] * len(SIGNED) + [unavoidable(terms) - terms.work, one, nothing, terms.fastest, terms.energy, one, one]
    return np.concatenate([*parts, np.zeros(3 * sends.size)])


def costs(terms: Terms) -> Array:
    """Return the objective q."""
    active, bit, passive, unserved = terms.costs
    each = {"active": active, "sent": bit, "reflected": bit, "passive": passive, "unserved": unserved}
    one = np.ones(terms.work.size)
    return np.concatenate([-terms.kept if name == "kept" else each.get(name, 0.0) * one for name in VARIABLES])


class ClarabelDirect(OneByOne):
    """Clarabel's own interface."""

    name = "clarabel-direct"
    summary = "Clarabel without a modelling layer, matrix laid out once per shape"
    features = Feature.DUALS
    package = "clarabel"
    imports = ("clarabel",)

    def __init__(self) -> None:
        self._layouts: dict[bytes, Layout] = {}

    def allocate_one(
        self, problem: Problem, decision: Array, *, start: Solution | None, tol: float, time_limit: float | None
    ) -> Single:
        """Refill the matrix, solve, and read the answer."""
        began = clock.now()
        terms = problem.terms(decision)  # type: ignore[attr-defined]
        sends = np.isfinite(terms.noise)
        rows, columns, values = entries(terms, sends)
        kind = sends.tobytes()
        if kind not in self._layouts:
            self._layouts[kind] = self._layout(rows, columns)
        matrix = self._layouts[kind].filled(values)
        left = None if time_limit is None else max(time_limit - (clock.now() - began), LEAST_SECONDS)
        solver = self._solver(terms, sends, matrix, self._settings(tol, left))
        modelled = clock.now()
        answer = solver.solve()
        solved = clock.now()
        users = sends.size
        point = {name: np.asarray(answer.x)[column(name, users)] for name in VARIABLES}
        multipliers = {name: np.asarray(answer.z)[(len(SIGNED) + k) * users :][:users] for k, name in enumerate(ROWS)}
        prices = Prices(*(multipliers[name] for name in ("work", "battery", "capacity")))
        status = str(answer.status)
        return Single(
            from_point(problem, decision, terms, point),  # type: ignore[arg-type]
            unscaled(stated(prices, terms), terms),
            int(answer.iterations),
            modelled - began,
            solved - modelled,
            start_used=False,
            limit=status == "MaxTime",
            message="" if status == "Solved" else f"{self.name}: {status}",
        )

    def _settings(self, tol: float, time_limit: float | None) -> Any:
        import clarabel

        settings = clarabel.DefaultSettings()
        settings.verbose = settings.presolve_enable = settings.input_sparse_dropzeros = False
        settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 0.1 * tol
        if time_limit is not None:
            settings.time_limit = time_limit
        return settings

    @staticmethod
    def _layout(rows: Array, columns: Array) -> Layout:
        from scipy import sparse

        numbered = sparse.csc_matrix((np.arange(1.0, rows.size + 1.0), (rows, columns)))
        return Layout(numbered, numbered.data.astype(int) - 1)

    @staticmethod
    def _solver(terms: Terms, sends: Array, matrix: Any, settings: Any) -> Any:
        """Return a new solver: one whose numbers are replaced keeps the scaling of those that it began with."""
        import clarabel
        from scipy import sparse

        size = len(VARIABLES) * sends.size
        here = int(sends.sum())
        cones = [clarabel.NonnegativeConeT((len(SIGNED) + len(ROWS)) * sends.size)]
        cones += [clarabel.ExponentialConeT()] * here
        if here < sends.size:
            cones.append(clarabel.ZeroConeT(3 * (sends.size - here)))
        nothing = sparse.csc_matrix((size, size))
        return clarabel.DefaultSolver(nothing, costs(terms), matrix, limits(terms, sends), cones, settings)
