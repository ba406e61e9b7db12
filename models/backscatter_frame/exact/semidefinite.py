r"""Open beams as one semidefinite program: times, work and the mixtures of all slots together, by cvxpy and Clarabel.

With :math:`S_i \succeq 0` of trace at most the carrier's time everything in the frame is linear or an exponential cone:
:math:`l_b \le B t \log_2(1 + c\, h^H S h/t)` is the perspective of a concave function, harvested energy is linear in S. Its
value is what beams can do at best, for mixtures are attained by switching. It is the reference for
`mecopt.models.backscatter_frame.exact.generation`, which needs no semidefinite cone and is several times as fast, and
settles what generation leaves open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.backends.conic import run
from mecopt.contract.backend import Feature
from mecopt.contract.problem import Problem
from mecopt.contract.solver import GAP, Search, Solver
from mecopt.models.backscatter_frame.allocation.prices import Prices
from mecopt.models.backscatter_frame.exact import beams as rules
from mecopt.models.backscatter_frame.exact.generation import attained
from mecopt.models.backscatter_frame.exact.relaxation import best_beams, harvest_weights, proved
from mecopt.models.backscatter_frame.terms import LN2, passive_gain
from mecopt.running import clock
from mecopt.running.concurrency import MODELLING
from mecopt.running.rescue import said, survivable

if TYPE_CHECKING:
    from mecopt.models.backscatter_frame.problem import BackscatterFrame

Array = NDArray[Any]

TOLERANCE = 1e-9


def relaxed(frame: BackscatterFrame) -> tuple[Array, Prices]:
    """Return the mixtures ``(users, antennas, antennas)`` and the prices of one frame, in the solver's units."""
    with MODELLING:
        program, mixtures, rows = _written(frame)
    run(program, "CLARABEL", dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), TOLERANCE))
    duals = (np.maximum(np.atleast_1d(row.dual_value), 0.0) for row in rows)
    return np.array([mixture.value for mixture in mixtures]), Prices(*duals)


def _written(frame: BackscatterFrame) -> tuple[Any, list[Any], tuple[Any, Any, Any]]:
    """Return the program, its mixtures, and the rows of work, battery and capacity."""
    import cvxpy as cp

    matched = rules.matched(frame)
    t, users = frame.terms(matched), frame.users
    strength = (np.abs(frame.channel) ** 2).sum(axis=-1)
    unit = rules.outer(frame.channel) / np.where(strength > 0.0, strength, 1.0)[:, None, None]
    ratio = np.where(frame.mode == 0.0, passive_gain(frame, matched) * strength, 0.0)
    ones = Prices(*(np.ones(users) for _ in range(3)))
    fed = harvest_weights(frame, t, ones) * strength
    names = ("active", "sent", "local", "reflected", "unserved", "kept", "passive")
    v = {name: cp.Variable(users, nonneg=True, name=name) for name in names}
    whole = cp.Variable(users)
    mixtures = [cp.Variable((frame.channel.shape[-1],) * 2, hermitian=True) for _ in range(users)]
    received = [[cp.real(cp.trace(unit[j] @ mixtures[i])) for j in range(users)] for i in range(users)]
    harvested = [sum(fed[i, j] * received[i][j] for i in range(users) if i != j) for j in range(users)]
    spent = cp.multiply(t.circuit, v["active"]) + cp.multiply(t.cpu, v["local"])
    sends, reflects = np.isfinite(t.noise), ratio > 0.0
    noise = np.where(sends, t.noise, 0.0)
    spent = spent + cp.multiply(noise, whole - v["active"])
    work = v["sent"] + v["local"] + v["reflected"] + v["unserved"] >= t.work
    battery = spent + v["kept"] <= t.energy + cp.hstack(harvested)
    capacity = spent <= 1.0
    constraints = [work, battery, capacity, v["active"] + v["passive"] <= 1.0, v["local"] <= t.fastest, v["kept"] <= 1.0]
    for i in range(users):
        constraints += [mixtures[i] >> 0, cp.real(cp.trace(mixtures[i])) <= v["passive"][i]]
        if sends[i]:
            constraints.append(cp.ExpCone(LN2 * v["sent"][i], v["active"][i], whole[i]))
        else:
            constraints += [v["sent"][i] == 0.0, v["active"][i] == 0.0, whole[i] == 0.0]
        if reflects[i]:
            carried = v["passive"][i] + ratio[i] * received[i][i]
            constraints.append(cp.ExpCone(LN2 * v["reflected"][i], v["passive"][i], carried))
        else:
            constraints.append(v["reflected"][i] == 0.0)
    active, bit, passive, unserved = t.costs
    total = active * cp.sum(v["active"]) + bit * cp.sum(v["sent"] + v["reflected"]) + passive * cp.sum(v["passive"])
    program = cp.Problem(cp.Minimize(total + unserved * cp.sum(v["unserved"]) - t.kept @ v["kept"]), constraints)
    return program, mixtures, (work, battery, capacity)


class Semidefinite(Solver):
    """The joint semidefinite program, one frame at a time; beams that attain its mixtures."""

    name = "semidefinite"
    summary = "joint semidefinite program by cvxpy with Clarabel, beams that attain its mixtures"
    features = Feature.INTEGER
    package = "cvxpy"
    imports = ("cvxpy",)

    def search(
        self, problem: Problem, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        """Solve frame after frame; where Clarabel fails the matched beams stand in."""
        flat: Any = problem.flat()
        matched, bounds, messages = rules.matched(flat), np.full(flat.instances, -np.inf), {}
        chosen = np.einsum("fia,fib->fiab", matched, matched.conj()).astype(complex)
        deadline = None if time_limit is None else clock.now() + time_limit
        done = 0
        for k in range(flat.instances):
            if deadline is not None and clock.now() > deadline:
                break
            frame, done = flat[k], k + 1
            try:
                chosen[k], prices = relaxed(frame)
            except BaseException as error:
                if not survivable(error):
                    raise
                messages[k] = said(self.name, error)  # any failure inside an outside solver marks this frame only
                continue
            terms = frame.terms(rules.matched(frame))
            bounds[k] = proved(frame, terms, prices, best_beams(frame, terms, prices))
        shape = problem.batch_shape
        late = (np.arange(flat.instances) >= done).reshape(shape)
        decision = attained(flat, chosen, bounds, GAP)
        decision = decision.reshape(*shape, *decision.shape[1:])
        return Search(decision, bound=bounds.reshape(shape), solver_calls=1, limit=late, messages=messages)
