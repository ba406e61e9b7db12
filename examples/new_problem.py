r"""The smallest complete problem of one's own: copy it, replace the formulas, and run the batteries until they pass.

.. math:: \min_{x \in \{0,1\}^N,\, f \ge 0} \sum_i (1 - x_i) w_i / v_i + x_i (u_i + w_i / f_i)
    \quad\text{s.t.}\quad \sum_i x_i f_i \le F .

User i computes its task of w cycles itself, at speed v, or uploads it in u seconds to a server whose F cycles a second are
shared. For a fixed x the problem is convex in f: a sum of reciprocals under one linear constraint, which the square-root
rule answers. A price :math:`\mu \ge 0` of the server's speed gives :math:`w/f + \mu f \ge 2\sqrt{\mu w}`, so that

- for a fixed x, :math:`\sum_{x_i=0} w_i/v_i + \sum_{x_i=1} (u_i + 2\sqrt{\mu w_i}) - \mu F` bounds the cost from below,
- over all x, :math:`\sum_i \min(w_i/v_i,\ u_i + 2\sqrt{\mu w_i}) - \mu F` does.

The headings below name the rooms that a problem in `models/` has; CONTRIBUTING.md leads through them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

import mecopt
from mecopt import Binary, Problem, Reference, Scenario
from mecopt.backends.conic import Conic
from mecopt.backends.sharing import SharingModel
from mecopt.contract.backend import Backend, ClosedForm
from mecopt.contract.fields import Quantity, Variables, quantity, variable
from mecopt.contract.solver import Solver
from mecopt.kernels.capacity import square_root_rule
from mecopt.kernels.servers import Servers, servers
from mecopt.lesson import Lesson, Outcome, Step, excess, scientific
from mecopt.search.enumeration import Enumeration
from mecopt.search.exact import PriceAndFix
from mecopt.search.server_choice import (
    compiled_data,
    decision_costs,
    first_prices,
    pyomo_model,
    relaxed_prices,
    saving,
)
from mecopt.search.simple import IndexScan
from mecopt.testing import check_problem

Array = NDArray[Any]

# ---------------------------------------------------------------------- variables.py: the allocation and the dual


@dataclass(frozen=True, eq=False)
class Shares(Variables):
    """The server's speed for each user."""

    speed: Array = variable("Gcycle/s", "the server's speed for the user; 0 for local ones", per="user")


@dataclass(frozen=True, eq=False)
class Price(Variables):
    """What one more Gcycle/s of the server would save."""

    price: Array = variable("s^2/Gcycle", "what one more Gcycle/s saves", per="instance")


# ---------------------------------------------------------------------- allocation.py: the decision is fixed

CLOSED_FORM = ClosedForm(
    inputs=lambda problem, decision: (
        problem.aligned("work", decision) * (decision == 1),
        problem.aligned("capacity", decision),
    ),
    kernel=lambda: square_root_rule,
    outputs=lambda problem, decision, rule: (Shares(rule[0]), Price(rule[2])),
    summary="the square-root rule, batched",
)

CONIC = SharingModel(
    pack=lambda allocation: allocation.speed,
    unpack=lambda problem, decision, share, price: (Shares(share), Price(price[0])),
    prices=lambda dual: dual.price,
)

# ---------------------------------------------------------------------- exact.py: the decision is open

SOLVERS: Mapping[str, Solver] = {
    solver.name: solver
    for solver in (
        PriceAndFix(compiled_data, first_prices),
        Enumeration(),
        IndexScan(lambda problem: saving(problem.server_terms()), "what is saved per root of work"),
    )
}

# ---------------------------------------------------------------------- problem.py: data, formula, constraints, bounds

SOURCES = {
    "work": "ours: uniform on 0.5 to 2 Gcycles",
    "local_speed": "ours: 1 Gcycle/s",
    "upload_time": "ours: uniform on 0.1 to 0.5 s",
    "capacity": "ours: 5 Gcycle/s",
}


def draw(rng: Generator, shape: tuple[int, ...]) -> Mapping[str, ArrayLike]:
    """Draw what differs between users; the rest keeps its defaults."""
    return {"work": rng.uniform(0.5, 2.0, shape), "upload_time": rng.uniform(0.1, 0.5, shape)}


@dataclass(frozen=True, kw_only=True, eq=False)
class SharedServer(Problem[Shares, Price]):
    """Who has its task computed by the server, and at which speed; see the module's docstring."""

    work: Quantity = quantity("Gcycle", "w", "cycles of a task")
    local_speed: Quantity = quantity("Gcycle/s", "v", "the user's own speed", default=1.0)
    upload_time: Quantity = quantity("s", "u", "time to upload the task", default=0.3)
    capacity: Quantity = quantity("Gcycle/s", "F", "the server's speed", per="instance", default=5.0)

    name: ClassVar[str] = "shared-server"
    summary: ClassVar[str] = "who has its task computed by a server whose speed is shared"
    sense: ClassVar = "minimise"
    decision_summary: ClassVar[str] = "one bit per user: local or offload"
    objective_name: ClassVar[str] = "delay"
    objective_unit: ClassVar[str] = "s"
    reference: ClassVar[Reference] = Reference("none: an example", "the docstring's")
    base_units: ClassVar[tuple[str, ...]] = ("cycle", "s")
    Allocation: ClassVar = Shares
    Dual: ClassVar = Price
    backends: ClassVar[Mapping[str, Backend]] = {one.name: one for one in (CLOSED_FORM, Conic("CLARABEL", CONIC))}
    solvers: ClassVar[Mapping[str, Solver]] = SOLVERS
    presets: ClassVar[Mapping[str, Scenario]] = {"paper": Scenario("users that differ in work and link", SOURCES, draw)}

    @property
    def decision_space(self) -> Binary:
        """One bit per user."""
        return Binary(self.users)

    def server_terms(self) -> Servers:
        """Return what each choice costs alone, the root of the work that is shared, and the capacity."""
        costs = np.stack([self.work / self.local_speed, self.upload_time], axis=-1)
        return servers(costs, np.sqrt(self.work), self.capacity[..., None])

    def objective(self, decision: Array, allocation: Shares) -> Array:
        """Return the sum of delays, s; an offloaded task without speed takes forever."""
        work, away, speed = self.aligned("work", decision), decision == 1, allocation.speed
        served = np.where(speed > 0, work / np.where(speed > 0, speed, 1.0), np.where(np.isnan(speed), np.nan, np.inf))
        offloaded = self.aligned("upload_time", decision) + served
        return np.asarray(np.where(away, offloaded, work / self.aligned("local_speed", decision)).sum(axis=-1))

    def violations(self, decision: Array, allocation: Shares) -> dict[str, Array]:
        """Return by how much the speeds exceed the server's, and negative ones, as parts of it."""
        parts = np.where(decision == 1, allocation.speed, 0.0) / self.aligned("capacity", decision)[..., None]
        return {"capacity": np.maximum(parts.sum(axis=-1) - 1.0, 0.0), "sign": np.maximum(-parts.min(axis=-1), 0.0)}

    def priced(self, price: Array, decision: Array) -> tuple[Array, Array]:
        """Return the least cost of computing locally, and of offloading at a price."""
        work = self.aligned("work", decision)
        offloaded = self.aligned("upload_time", decision) + 2.0 * np.sqrt(price[..., None] * work)
        return work / self.aligned("local_speed", decision), offloaded

    def bound(self, decision: Array, dual: Price) -> Array:
        """Bound the delay of a decision from below at any price; a negative one counts as 0."""
        price = np.maximum(dual.price, 0.0)
        local, offloaded = self.priced(price, decision)
        alone = np.where(decision == 1, offloaded, local).sum(axis=-1)
        return np.asarray(alone - price * self.aligned("capacity", decision))

    def relaxed_bound(self, dual: Price) -> Array:
        """Bound the delay of all decisions from below at any price."""
        price = np.maximum(dual.price, 0.0)
        return np.asarray(np.minimum(*self.priced(price, self.work)).sum(axis=-1) - price * self.capacity)

    def relaxed_dual(self) -> Price:
        """Return the price at which the bound of all decisions is greatest."""
        return Price(relaxed_prices(self)[0][..., 0])

    def random_dual(self, rng: Generator, shape: tuple[int, ...]) -> Price:
        """Draw prices over four decades around the one when all offload."""
        price = (np.sqrt(self.work).sum(axis=-1) / self.capacity) ** 2
        return Price(price.reshape(price.shape + (1,) * (len(shape) - price.ndim)) * 10.0 ** rng.uniform(-2.0, 2.0, shape))

    def closed_form(self, decision: Array) -> tuple[Shares, Price]:
        """Share the server by the square-root rule."""
        shares, price = CLOSED_FORM(self, decision)
        return shares, price

    def respond(self, decision: Array, dual: Price) -> Shares:
        """Return the best shares: scaled to the capacity, answers to all prices are the same."""
        return self.closed_form(decision)[0]

    def optimal_value(self, decision: Array) -> Array:
        """Return the least delay of each decision."""
        return decision_costs(self, decision)

    def to_cvxpy(self, decision: ArrayLike) -> Any:
        """Return the inner problem of one instance and decision, with a part of the server for every user."""
        import cvxpy as cp

        away = self.decision_space.validate(decision, self.batch_shape) == 1
        part, alone = cp.Variable(self.users, nonneg=True, name="part"), np.where(away, self.upload_time, 0.0).sum()
        local = np.where(away, 0.0, self.work / self.local_speed).sum()
        shared = (self.work[away] / self.capacity) @ cp.inv_pos(part[away]) if away.any() else 0.0
        return cp.Problem(cp.Minimize(local + alone + shared), [cp.sum(part) <= 1.0])

    def to_pyomo(self) -> Any:
        """Return the whole instance as a convex mixed-integer model."""
        return pyomo_model(self)

    @classmethod
    def lesson(cls) -> Lesson:
        """Return why any price is a bound."""
        return LESSON


# ---------------------------------------------------------------------- lesson/: the reformulation, each step checked


def check_prices(rng: Generator, bound: Any = SharedServer.relaxed_bound) -> Outcome:
    """No price proves more than the best of all decisions costs, each allocated by a program of cvxpy's."""
    problem, over = SharedServer.sample(rng, users=3), 0.0
    programs = [problem.to_cvxpy(one) for one in next(problem.decision_space.enumerate(8))]
    best = min(program.solve(solver="CLARABEL") for program in programs)
    for _ in range(100):
        over = max(over, excess(bound(problem, problem.random_dual(rng, ())), best))
    return Outcome(over, 1e-6, f"100 prices against the best of 8 decisions: above it by {scientific(over)}")


PRICED = Step(
    title="Any price bounds all decisions",
    statement="For every price μ ≥ 0 of the server's speed\n\n    cost ≥ Σ min(w/v, u + 2√(μw)) − μF.",
    formula=r"\text{cost} \ge \sum_i \min\big(w_i/v_i,\ u_i + 2\sqrt{\mu w_i}\big) - \mu F",
    argument="w/f + μf ≥ 2√(μw), with equality at f = √(w/μ), and no allocation takes more than F.",
    check=check_prices,
)
LESSON = Lesson("shared-server", "A server whose speed is shared", "One price bounds everything.", (PRICED,))

if __name__ == "__main__":
    check_problem(SharedServer)
    print(mecopt.solve(SharedServer(work=[1.2, 0.7, 1.9], capacity=4.0)))
