r"""Binary offloading to one edge server with a shared CPU.

.. math::
    \min_{x \in \{0,1\}^N,\, f \ge 0} \sum_i (1-x_i) L_i + x_i (u_i + c_i / f_i)
    \quad\text{s.t.}\quad \sum_i x_i f_i \le F ,

    L_i = \frac{d_i}{f^{loc}_i}(1 + \alpha_i p^{loc}_i), \quad
    u_i = \frac{d_i}{r_i}(1 + \alpha_i p^{up}_i), \quad
    c_i = d_i (1 + \alpha_i p^{wait}_i) .

Variable are the offloading bits x and the server's rates f. For fixed x the problem is convex in f (a sum of reciprocals
under one linear constraint); the square-root rule of
`mecopt.kernels.capacity` solves it, and eliminating f leaves the
rank-one binary quadratic of `mecopt.kernels.servers`, the case of one server, with :math:`s_i = \sqrt{c_i}`.

Weak duality with a capacity price :math:`\mu \ge 0` gives :math:`c_i/f_i + \mu f_i \ge 2 s_i \sqrt\mu`, hence

- for a fixed x: :math:`\sum_{x_i=0} L_i + \sum_{x_i=1} (u_i + 2 s_i \sqrt\mu) - \mu F` bounds the cost from below,
- over all x: :math:`\sum_i \min(L_i, u_i + 2 s_i \sqrt\mu) - \mu F` does.

Reference: Xuan, Wei, Ni, Zhang, "Decoupling Offloading Decision and Resource Allocation via Deep Reinforcement Learning
and Sequential Least Squares Programming", equations (1)-(10). In (9b), (9c) and (10b) the paper writes the uplink rate r
where the server's rate f is meant; x is data in (10).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from mecopt.backends.conic import Conic
from mecopt.backends.slsqp import Slsqp
from mecopt.charged.responses import Responses
from mecopt.contract.backend import Backend
from mecopt.contract.decision import Binary
from mecopt.contract.derived import of_data, shared
from mecopt.contract.fields import ABSENT, Quantity, quantity
from mecopt.contract.problem import Problem
from mecopt.contract.scaling import below_zero, quotient
from mecopt.contract.scenario import Reference, Scenario
from mecopt.contract.solver import Solver
from mecopt.models.binary_offloading import allocation, charged, exact
from mecopt.models.binary_offloading.variables import CapacityPrice, ServerRate
from mecopt.search import server_choice

if TYPE_CHECKING:
    from mecopt.kernels.servers import Servers

Array = NDArray[Any]


class Terms(NamedTuple):
    """Cost terms of each user, shape ``(*batch, users)``."""

    local: Array
    """L: weighted cost of computing locally, s."""
    upload: Array
    """u: weighted cost of uploading, s."""
    compute: Array
    """c: weighted work on the server, MB; costs c / f."""


def _draw_paper(rng: Generator, shape: tuple[int, ...]) -> Mapping[str, ArrayLike]:
    return {"data_size": rng.uniform(5.0, 25.0, shape)}


def _draw_heterogeneous(rng: Generator, shape: tuple[int, ...]) -> Mapping[str, ArrayLike]:
    return {
        "data_size": rng.uniform(5.0, 25.0, shape),
        "upload_rate": rng.uniform(1.0, 5.0, shape),
        "local_rate": rng.uniform(2.0, 5.0, shape),
        "upload_power": rng.uniform(0.5, 1.5, shape),
        "waiting_power": rng.uniform(0.2, 0.8, shape),
        "local_power": rng.uniform(1.0, 5.0, shape),
        "capacity": np.full(shape[:-1], 3.0 * shape[-1]),
    }


def _draw_subset_sum(rng: Generator, shape: tuple[int, ...]) -> Mapping[str, ArrayLike]:
    """Draw instances on which the cost is ``constant + (s . x - T)^2 / F``: minimising it is the subset-sum problem."""
    root = 2.0 * rng.integers(500, 5000, shape)
    half = 2.0 * np.floor(root.sum(axis=-1, keepdims=True) / 4.0)
    target = half + 1.0
    capacity = 3.0 * target
    data_size = root**2 / 1.5
    saving = 2.0 * target * root / capacity
    return {
        "data_size": data_size,
        "capacity": capacity[..., 0],
        "local_rate": 4.0 * data_size / (0.8 * data_size + saving),
    }


_PAPER = {
    "data_size": "paper 003, section 4: uniform on 5 to 25 MB",
    "upload_rate": "paper 003, section 4: 2.5 MB/s",
    "local_rate": "paper 003, section 4: 3 MB/s",
    "capacity": "paper 003, section 4: 30 MB/s",
    "upload_power": "paper 003, section 4: 1 W",
    "waiting_power": "paper 003, section 4: 0.5 W",
    "local_power": "paper 003, section 4: 3 W",
    "energy_weight": "paper 003, section 4: 1 (its unit, 1/W, is ours: the paper adds seconds and joules)",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class BinaryOffloading(Problem[ServerRate, CapacityPrice]):
    """Who offloads to one edge server, and which part of its capacity each gets (paper 003).

    Minimises the sum over users of delay plus weighted energy. All users share the server's `capacity`; each has its own
    link. See the module docstring for the formula, what is convex, and the bounds.

    Examples
    --------
    >>> import mecopt
    >>> problem = BinaryOffloading(data_size=[12.0, 7.5, 20.1], capacity=30.0)
    >>> solution = mecopt.solve(problem)
    >>> float(solution.objective.round(6)), solution.status.name, bool(solution.gap < 1e-12)
    (37.389548, 'OPTIMAL', True)
    """

    data_size: Quantity = quantity("MB", "d", "task data of a user", zero=ABSENT)
    upload_rate: Quantity = quantity(
        "MB/s", "r", "uplink rate of a user", default=2.5, zero="no link: a task with data is not offloaded"
    )
    local_rate: Quantity = quantity(
        "MB/s",
        "f^loc",
        "data a user processes per second itself",
        default=3.0,
        zero="computes nothing: a task with data is offloaded",
    )
    capacity: Quantity = quantity(
        "MB/s", "F", "data the server processes per second", per="instance", default=30.0, zero="off: nothing is offloaded"
    )
    upload_power: Quantity = quantity("W", "p^up", "power while uploading", default=1.0, zero_allowed=True)
    waiting_power: Quantity = quantity("W", "p^wait", "power while the server computes", default=0.5, zero_allowed=True)
    local_power: Quantity = quantity("W", "p^loc", "power while computing locally", default=3.0, zero_allowed=True)
    energy_weight: Quantity = quantity("1/W", "alpha", "weight of energy against delay", default=1.0, zero_allowed=True)

    name: ClassVar[str] = "binary-offloading"
    summary: ClassVar[str] = "binary offloading to one server whose capacity is shared (paper 003)"
    sense: ClassVar = "minimise"
    decision_summary: ClassVar[str] = "one bit per user: local or offload"
    objective_name: ClassVar[str] = "cost"
    objective_unit: ClassVar[str] = "s"
    user_units: ClassVar[Mapping[str, str]] = {"cost": "s", "delay": "s", "energy": "J"}
    reference: ClassVar[Reference] = Reference(
        "Xuan, Wei, Ni, Zhang: Decoupling Offloading Decision and Resource Allocation via Deep Reinforcement Learning and "
        "Sequential Least Squares Programming",
        "(1)-(10)",
    )
    base_units: ClassVar[tuple[str, ...]] = ("bit", "W")
    separable: ClassVar[bool] = True
    limitable: ClassVar[tuple[str, ...]] = ("server_rate",)
    compile_seconds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "exact": (2.8, 13.0),
        "closed-form": (2.7, 4.0),
        "all": (18.0, 18.0),
    }
    Allocation: ClassVar = ServerRate
    Dual: ClassVar = CapacityPrice
    backends: ClassVar[Mapping[str, Backend]] = {
        backend.name: backend
        for backend in (
            allocation.CLOSED_FORM,
            Slsqp(allocation.smooth_program),
            *(Conic(solver, allocation.CONIC) for solver in ("CLARABEL", "ECOS", "SCS")),
        )
    }
    solvers: ClassVar[Mapping[str, Solver]] = exact.SOLVERS
    presets: ClassVar[Mapping[str, Scenario]] = {
        "paper": Scenario("the paper's setting: identical users, random tasks", _PAPER, _draw_paper),
        "heterogeneous": Scenario(
            "users that differ in rates and powers, so that sorting by size is no longer exact",
            {
                "data_size": _PAPER["data_size"],
                **dict.fromkeys(
                    ("upload_rate", "local_rate", "upload_power", "waiting_power", "local_power"),
                    "ours: uniform around the paper's value; the paper has identical users",
                ),
                "capacity": "ours: 3 MB/s a user, the paper's 30 MB/s for 10",
                "energy_weight": _PAPER["energy_weight"],
            },
            _draw_heterogeneous,
        ),
        "subset-sum": Scenario(
            "adversarial: every decision is nearly as good as the best, the hardest case for exact search",
            {
                **_PAPER,
                "data_size": "ours: squares of random even integers, so that sqrt(c) are those integers",
                "local_rate": "ours: chosen so that the cost is a constant plus (s.x - T)^2 / F",
                "capacity": "ours: 3 T, T odd and near half of the integers' sum",
            },
            _draw_subset_sum,
            users=20,
        ),
    }

    @property
    def decision_space(self) -> Binary:
        """One bit per user."""
        return Binary(self.users)

    @of_data
    def terms(self) -> Terms:
        """Return L, u and c of every user."""
        served = np.where(self.capacity > 0, 1.0, 0.0)[..., None] * self.upload_rate
        return Terms(
            quotient(self.data_size, self.local_rate) * (1.0 + self.energy_weight * self.local_power),
            quotient(self.data_size, served) * (1.0 + self.energy_weight * self.upload_power),
            self.data_size * (1.0 + self.energy_weight * self.waiting_power),
        )

    @of_data
    def server_terms(self) -> Servers:
        """Return L, u and c as the terms of one server; see `mecopt.kernels.servers`."""
        from mecopt.kernels.servers import servers

        terms = shared(self.terms)
        # Where the server is off nobody shares it: any capacity does that leaves nothing to divide by 0.
        capacity = np.where(self.capacity > 0, self.capacity, 1.0)[..., None]
        return servers(np.stack([terms.local, terms.upload], axis=-1), np.sqrt(terms.compute), capacity)

    def objective(self, decision: Array, allocation: ServerRate) -> Array:
        """Evaluate the paper's weighted sum of delays and energies, equations (1)-(8), in s.

        Parameters
        ----------
        decision
            x, shape ``(*batch, *candidates, users)``.
        allocation
            f in MB/s, same shape; ignored for local users. An offloaded task without rate takes forever.
        """
        local, uploading, waiting = (self.aligned(part, decision) for part in shared(self._parts))
        size = self.aligned("data_size", decision)
        # -0.0 is no rate either, and what it divides no cost of minus infinity
        computing_time = size / (np.maximum(allocation.server_rate, 0.0) + 0.0)
        if not np.logical_and.reduce(size, axis=None):
            computing_time = np.where(size == 0.0, 0.0, computing_time)
        offloaded = uploading + computing_time * waiting
        return np.asarray(np.where(decision == 1, offloaded, local).sum(axis=-1))

    @of_data
    def _parts(self) -> tuple[Array, Array, Array]:
        """Return what computing oneself and what uploading cost, in s, and by what the seconds of waiting count.

        Delay and energy of each part stand side by side: what takes forever costs so at any power, 0 among them.
        """
        size, weight = self.data_size, self.energy_weight
        local = quotient(size, self.local_rate) * (1.0 + weight * self.local_power)
        uploading = quotient(size, self.upload_rate) * (1.0 + weight * self.upload_power)
        return local, uploading, 1.0 + weight * self.waiting_power

    def per_user(self, decision: Array, allocation: ServerRate) -> dict[str, Array]:
        """Return each user's cost in s, its delay in s and its energy in J: uploading and waiting, or computing itself."""
        size, away = self.aligned("data_size", decision), decision == 1
        local_time, upload_time = (quotient(size, self.aligned(name, decision)) for name in ("local_rate", "upload_rate"))
        with np.errstate(divide="ignore", invalid="ignore"):
            computing = np.where(size == 0.0, 0.0, size / np.where(away, allocation.server_rate, 1.0))
        uploading, waiting = (self.aligned(name, decision) for name in ("upload_power", "waiting_power"))
        delay = np.where(away, upload_time + computing, local_time)
        spent = np.where(waiting == 0.0, 0.0, waiting * computing) + uploading * upload_time
        energy = np.where(away, spent, self.aligned("local_power", decision) * local_time)
        weight = self.aligned("energy_weight", decision)
        return {"cost": delay + np.where(weight == 0.0, 0.0, weight * energy), "delay": delay, "energy": energy}

    def violations(self, decision: Array, allocation: ServerRate) -> dict[str, Array]:
        """Return by how much the shares exceed the capacity, and negative shares, both as parts of the capacity."""
        capacity = self.aligned("capacity", decision)
        rate = np.where(decision == 1, allocation.server_rate, 0.0)
        return {
            "capacity": np.maximum(quotient(rate.sum(axis=-1), capacity) - 1.0, 0.0),
            "rate_sign": below_zero(rate, capacity),
        }

    def infeasible(self, decision: Array) -> Array:
        """Whether somebody offloads without a link or a server, or computes locally without a processor."""
        if shared(self._all_end):
            return np.zeros(decision.shape[:-1], dtype=bool)
        local, upload, _ = (self.aligned(part, decision) for part in shared(self.terms))
        return np.asarray(np.isinf(np.where(decision == 1, upload, local)).any(axis=-1))

    @of_data
    def _all_end(self) -> bool:
        """Whether every choice of everybody takes a finite time."""
        local, upload, _ = shared(self.terms)
        return not (np.isinf(local).any() or np.isinf(upload).any())

    def mended(self, decision: Array) -> Array:
        """Return decisions with the other choice for users to whom theirs is impossible."""
        return server_choice.mended(self, decision)

    def why_infeasible(self, decision: Array | None) -> str:
        """Name the user that cannot do what is decided, or has no choice at all, and the field that says so."""
        local, upload, _ = self.terms()
        cost = np.minimum(local, upload) if decision is None else np.where(decision == 1, upload, local)
        stuck = np.flatnonzero(np.isinf(cost))
        i = int(stuck[0])
        alone, link = f"local_rate[{i}] is 0", "capacity is 0" if self.capacity == 0 else f"upload_rate[{i}] is 0"
        if decision is None:
            return f"user {i} can neither compute nor offload its task: {alone}, and {link}"
        return f"user {i} cannot {f'offload its task: {link}' if decision[i] == 1 else f'compute its task itself: {alone}'}"

    def bound(self, decision: Array, dual: CapacityPrice) -> Array:
        """Bound the cost of a decision from below by weak duality at any capacity price (negative ones count as 0)."""
        price = np.maximum(dual.capacity_price, 0.0)
        local, upload, compute = (self.aligned(part, decision) for part in shared(self.terms))
        offloaded = upload + 2.0 * np.sqrt(price)[..., None] * np.sqrt(compute)
        linear = np.where(decision == 1, offloaded, local).sum(axis=-1)
        return np.asarray(linear - price * self.aligned("capacity", decision))

    def relaxed_bound(self, dual: CapacityPrice) -> Array:
        """Bound the cost of every decision from below by weak duality at any capacity price."""
        price = np.maximum(dual.capacity_price, 0.0)
        terms = shared(self.terms)
        cheaper = np.minimum(terms.local, terms.upload + 2.0 * np.sqrt(price)[..., None] * np.sqrt(terms.compute))
        return np.asarray(cheaper.sum(axis=-1) - price * self.capacity)

    def relaxed_dual(self) -> CapacityPrice:
        """Return the capacity price of the relaxation; see `mecopt.search.one_server`."""
        return CapacityPrice(capacity_price=exact.relaxation_price(self))

    def random_dual(self, rng: Generator, shape: tuple[int, ...]) -> CapacityPrice:
        """Draw capacity prices over four decades around the price when all offload."""
        full = self.terms().compute
        price = (np.sqrt(full).sum(axis=-1) / np.where(self.capacity > 0, self.capacity, 1.0)) ** 2
        price = price.reshape(price.shape + (1,) * (len(shape) - price.ndim))
        return CapacityPrice(capacity_price=price * 10.0 ** rng.uniform(-2.0, 2.0, shape))

    def closed_form(self, decision: Array) -> tuple[ServerRate, CapacityPrice]:
        """Share the capacity by the square-root rule."""
        return allocation.CLOSED_FORM(self, decision)

    def respond(self, decision: Array, dual: CapacityPrice) -> ServerRate:
        """Return ``sqrt(c / mu)`` scaled to the capacity: the price cancels, so any price is answered by the best shares."""
        return self.closed_form(decision)[0]

    def responses(self, decision: Array) -> Responses:
        """Return what shares of the capacity answer to charges; see `mecopt.models.binary_offloading.charged`."""
        return charged.responses(self, decision)

    def optimal_value(self, decision: Array) -> Array:
        """Return the least cost of each decision, without computing its allocation."""
        return server_choice.decision_costs(self, decision)

    def scorer(self) -> Callable[[Array], Array]:
        """Return `optimal_value` with the terms of the servers taken once."""
        return server_choice.scorer(self)

    def move_values(self, decision: Array) -> Array:
        """Return the least cost after each single move, in O(users) an instance."""
        return server_choice.move_costs(self, decision)

    def to_cvxpy(self, decision: ArrayLike) -> Any:
        """Return the inner problem of one decision as a `cvxpy.Problem`.

        Its variable ``server_share``, ``problem.var_dict["server_share"]``, is the fraction of the capacity that each user
        gets; the value is the cost in s. Add constraints by
        ``cvxpy.Problem(problem.objective, [*problem.constraints, share[0] <= 0.1])``.
        """
        return allocation.cvxpy_problem(self, self.decision_space.validate(decision, self.batch_shape))

    def paper_variables(self, decision: Array, program: Any) -> Mapping[str, Any]:
        """Return the rates in MB/s, which the program has as shares of the capacity."""
        return {"server_rate": float(self.capacity) * program.var_dict["server_share"]}

    def to_pyomo(self) -> Any:
        """Return the whole problem as a Pyomo model; see `mecopt.search.server_choice.pyomo_model`."""
        return server_choice.pyomo_model(self)
