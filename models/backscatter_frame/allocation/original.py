r"""The paper's own form, which is not convex, by scipy's SLSQP: an answer that owes nothing to the reformulation.

Variables are, per user, the active time and the rate :math:`\rho` at which it sends, the passive time, the bits reflected,
computed and left unserved, and the energy kept. Time and rate are coupled as the paper has them: :math:`t \rho` bits are
sent and :math:`\kappa t (2^\rho - 1)` is radiated, so (3) and (9) are not convex. SLSQP finds a point of Karush, Kuhn and
Tucker from a start. Its multipliers prove little where nobody sends (a rate without time is any rate), so the prices that
certify its answer are the specialised solver's: they say how far it is from the optimum, and take no part in finding it.

Scaled as `mecopt.models.backscatter_frame.allocation.frame` says.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.backends.one_by_one import OneByOne, Single
from mecopt.contract.backend import Feature
from mecopt.contract.errors import StartIgnored
from mecopt.contract.solution import Solution
from mecopt.kernels.slsqp import slsqp
from mecopt.models.backscatter_frame.allocation.specialised import completed, fitted
from mecopt.models.backscatter_frame.terms import LN2, Terms
from mecopt.models.backscatter_frame.variables import FrameAllocation
from mecopt.running import clock

Array = NDArray[Any]

FASTEST = 30.0
"""Rate of sending, bit/s/Hz, beyond which no user goes."""

STUCK, RUNS = 8, 8
"""SLSQP's code for a direction that leads upwards; it is run again then, from half way back to a little of everything."""

NAMES = ("active", "speed", "passive", "reflected", "local", "unserved", "kept")
ROWS = ("work", "time", "rate", "energy", "capacity")


class Form(NamedTuple):
    """Objective and constraints ``>= 0`` of a frame, and their derivatives; a point holds variable after variable."""

    terms: Terms
    sends: Array

    @property
    def users(self) -> int:
        """The number of users."""
        return int(self.terms.work.size)

    def cost(self, point: Array) -> float:
        """Return the cost of a point."""
        return float(self.slopes(point) @ point - self._sent_twice(point))

    def _sent_twice(self, point: Array) -> float:
        """Return what the product of slopes and point counts once too often: the bits sent depend on two variables."""
        active, speed, *_ = point.reshape(len(NAMES), -1)
        return float(self.terms.costs[1] * (active * speed).sum())

    def slopes(self, point: Array) -> Array:
        """Return the derivatives of the cost."""
        active, speed, *_ = point.reshape(len(NAMES), -1)
        on, bit, carrier, unserved = self.terms.costs
        one = np.ones(self.users)
        parts = (on + bit * speed, bit * active, carrier * one, bit * one, 0.0 * one, unserved * one, -self.terms.kept)
        return np.concatenate(parts)

    def room(self, point: Array) -> Array:
        """Return what is left of work, time, rate, energy and capacity, none of which may be negative."""
        t = self.terms
        active, speed, passive, reflected, local, unserved, kept = point.reshape(len(NAMES), -1)
        spent = active * (self._radiated(speed) + t.circuit) + t.cpu * local
        return np.concatenate(
            [
                active * speed + reflected + local + unserved - t.work,
                1.0 - active - passive,
                t.rate * passive - reflected,
                t.energy + t.harvest @ passive - spent - kept,
                1.0 - spent,
            ]
        )

    def _radiated(self, speed: Array) -> Array:
        return np.where(self.sends, self.terms.noise, 0.0) * np.expm1(LN2 * speed)

    def room_slopes(self, point: Array) -> Array:
        """Return the derivatives of `room`, a row per constraint."""
        t, users = self.terms, self.users
        active, speed, *_ = point.reshape(len(NAMES), -1)
        steep = np.where(self.sends, t.noise, 0.0) * LN2 * np.exp2(speed)
        spent = {"active": self._radiated(speed) + t.circuit, "speed": active * steep, "local": t.cpu}
        one, found = np.ones(users), np.zeros((len(ROWS), users, len(NAMES), users))
        entries = {
            "work": {"active": speed, "speed": active, "reflected": one, "local": one, "unserved": one},
            "time": {"active": -one, "passive": -one},
            "rate": {"passive": t.rate, "reflected": -one},
            "energy": {**{name: -value for name, value in spent.items()}, "kept": -one},
            "capacity": {name: -value for name, value in spent.items()},
        }
        each = np.arange(users)
        for row, columns in entries.items():
            for name, value in columns.items():
                found[ROWS.index(row), each, NAMES.index(name), each] = value
        found[ROWS.index("energy"), :, NAMES.index("passive"), :] = t.harvest
        return found.reshape(len(ROWS) * users, -1)

    def limits(self) -> tuple[Array, Array]:
        """Return the least and the greatest value of each variable."""
        t, one = self.terms, np.ones(self.users)
        most = (1.0 * self.sends, FASTEST * self.sends, one, t.work, np.minimum(t.fastest, t.work), t.work, one)
        return np.zeros(len(NAMES) * self.users), np.concatenate(most)

    def neutral(self) -> Array:
        """Return a point to start from: a little of everything."""
        t, one = self.terms, np.ones(self.users)
        local = 0.25 * np.minimum(t.fastest, t.work)
        point = (0.25 * one, 2.0 * one, 0.25 * one, 0.25 * np.minimum(t.rate, t.work), local, 0.25 * t.work, 0.25 * one)
        return np.clip(np.concatenate(point), *self.limits())

    def packed(self, allocation: FrameAllocation) -> Array:
        """Return the point of an allocation."""
        t, a = self.terms, allocation
        active, sent = a.active_time / t.time_unit, a.active_bits / t.bit_unit
        speed = np.where(active > 0.0, sent / np.where(active > 0.0, active, 1.0), 0.0)
        bits = (part / t.bit_unit for part in (a.passive_bits, a.local_bits, a.unserved_bits))
        parts = (active, speed, a.passive_time / t.time_unit, *bits, a.kept_energy / t.energy_unit)
        return np.clip(np.concatenate(parts), *self.limits())


class OriginalForm(OneByOne):
    """SLSQP on the form that is not convex."""

    name = "slsqp"
    summary = "scipy SLSQP on the paper's own form, which is not convex, gradient given"
    features = Feature.WARM_PRIMAL

    def __init__(self, max_iterations: int = 1000) -> None:
        self.max_iterations = max_iterations

    def allocate_one(
        self, problem: Any, decision: Array, *, start: Solution | None, tol: float, time_limit: float | None
    ) -> Single:
        """Run SLSQP from a start, or from a little of everything."""
        began = clock.now()
        terms = problem.terms(decision)
        form = Form(terms, np.isfinite(terms.noise))
        point = form.neutral() if start is None else form.packed(start.allocation)
        if not np.isfinite(point).all():
            if start is None:
                raise ArithmeticError("what this frame's units are made of cannot be multiplied in floats")
            raise StartIgnored("slsqp starts from an allocation, and that of the given solution is not finite")
        modelled = clock.now()

        def out_of_time(_: Array) -> None:
            if time_limit is not None and clock.now() - began > time_limit:
                raise StopIteration

        iterations = 0
        for _ in range(RUNS):
            result = slsqp(
                form.cost,
                point,
                jac=form.slopes,
                bounds=np.column_stack(form.limits()),
                constraints={"type": "ineq", "fun": form.room, "jac": form.room_slopes},
                callback=out_of_time,
                options={"ftol": 1e-3 * tol, "maxiter": self.max_iterations},
            )
            iterations, reached = iterations + int(result.nit), np.clip(result.x, *form.limits())
            if result.status != STUCK:
                break
            point = 0.5 * (reached + form.neutral())
        solved = clock.now()
        active, speed, passive, reflected, local, _, _ = reached.reshape(len(NAMES), -1)
        parts = (active, passive, active * speed, reflected, local)
        units = (terms.time_unit, terms.time_unit, *(terms.bit_unit,) * 3)
        fitting = fitted(problem, decision, *(part * unit for part, unit in zip(parts, units, strict=True)))
        return Single(
            completed(problem, decision, *fitting),
            problem.closed_form(decision)[1],
            iterations,
            modelled - began,
            solved - modelled,
            start_used=start is not None,
            limit=result.status in (9, 99),
            message="" if result.success else f"slsqp: {result.message}",
        )
