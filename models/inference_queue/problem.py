r"""Inference queues: tasks of a neural network wait, some are computed, and the end of one is offloaded (paper 002).

A device has m tasks of W cycles in its queue, and a block of n slots of length :math:`\tau`. It computes z tasks; of one
more it computes the first layers only, and its access point gets the output of the last of them, for the part y of the task
that is left, in one slot. So :math:`s = z + y` tasks leave the queue, a whole number, :math:`0 \le y \le 1`:

.. math::
    \min_{s \in \{0, \dots, m\}}\ \min_{z + y = s}\ w_4 \big(n \tau \xi f^3 + \tau p\big) + \lambda y + v\, (m - s), \qquad
    f = \frac{W z}{n \tau} \le f_{\max},

    p = \frac{\Gamma}{h} \big(2^{\zeta W y / (\tau B)} - 1\big) \le p_{\max}, \qquad 0 \le y \le 1, \quad z \ge 0 .

h is the channel's SNR per watt, :math:`\lambda` what the server asks for a task, and v what a task that remains will cost:
one block alone cannot know it. The decision is s, the piece of the paper's modulo; with it fixed the split is strictly
convex in y alone:

.. math:: e(s) = \min_y A (s - y)^3 + R\,(e^{L y} - 1) + \lambda y, \qquad
    A = w_4 \frac{\xi W^3}{(n \tau)^2}, \quad L = \frac{\zeta W \ln 2}{\tau B}, \quad R = \frac{w_4 \tau \Gamma}{h} .

- Equal rates in all slots are best, by Jensen's inequality.
- Without a price the split is Lambert's W, with one Newton's on logarithms (`mecopt.models.inference_queue.compiled.piece`).
- For ANY price :math:`\mu` of work, :math:`\mu s + \min_z (A z^3 - \mu z) + \min_y (R (e^{L y} - 1) + \lambda y - \mu y)`
  bounds e(s) from below. That is a line in s, so one price bounds all pieces at once.
- e is convex in s. The best piece lies beside the work at which a task more costs v, and the prices of two neighbours
  prove it against all others.

Devices do not disturb each other; costs add up. A cost of 1 is a task that waits a block.

The choice `queue`: "conserved" takes what is offloaded out of the queue, so that :math:`m - s` tasks remain. "literal" is
equation (1), which keeps it, so that :math:`m - z` remain and what is offloaded is done twice; backlogs need not be whole
then, and the started task of such a queue leaves in any case.

Reference: paper 002, equations (1)-(5) and (8) for one block; deviations are listed in docs/problems/inference-queue.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from mecopt.contract.backend import Backend
from mecopt.contract.decision import MOST_COUNTED, Counts
from mecopt.contract.derived import derived, shared
from mecopt.contract.errors import InstanceError
from mecopt.contract.fields import Quantity, choice, quantity
from mecopt.contract.problem import Problem
from mecopt.contract.scaling import quotient
from mecopt.contract.scenario import Reference, Scenario
from mecopt.contract.solver import Solver
from mecopt.models.inference_queue import exact, terms
from mecopt.models.inference_queue.allocation import service
from mecopt.models.inference_queue.allocation import splits as allocation
from mecopt.models.inference_queue.allocation.backends import BACKENDS
from mecopt.models.inference_queue.dynamics.operation import remaining
from mecopt.models.inference_queue.scenarios import PRESETS
from mecopt.models.inference_queue.terms import LITERAL
from mecopt.models.inference_queue.variables import TaskAllocation, WorkPrice

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class InferenceQueue(Problem[TaskAllocation, WorkPrice]):
    """How many tasks leave each queue in a block, and what of them is computed and offloaded (paper 002).

    Minimises weighted energy, the price of what is offloaded, and the value of what remains. See the module docstring for
    the formula, what is convex, and the bounds.

    Examples
    --------
    >>> import mecopt
    >>> block = InferenceQueue(snr_per_watt=[1e2, 1e5], backlog=[3, 2])
    >>> solution = mecopt.solve(block)
    >>> solution.status.name, solution.decision.tolist(), solution.allocation.offloaded.round(4).tolist()
    ('OPTIMAL', [2, 2], [0.5017, 1.0])
    """

    snr_per_watt: Quantity = quantity(
        "1/W", "h", "signal-to-noise ratio of a watt", zero="no link: the device offloads nothing", decibels=True
    )
    backlog: Quantity = quantity(
        "1", "m", "tasks in the queue, a whole number unless it is literal", zero_allowed=True, most=float(MOST_COUNTED)
    )
    offload_price: Quantity = quantity("1", "lambda", "price of a task that is offloaded", default=0.0, zero_allowed=True)
    backlog_value: Quantity = quantity("1", "v", "cost of a task that remains", default=3.0, zero_allowed=True)
    slots: Quantity = quantity("1", "n", "slots of a block, a whole number", per="instance", default=5.0)
    slot: Quantity = quantity("s", "tau", "length of a slot", per="instance", default=0.1)
    work: Quantity = quantity("cycle", "W", "work of a task", default=5e8)
    output_per_cycle: Quantity = quantity(
        "bit/cycle", "zeta", "intermediate output for each cycle that is left to the server", default=2e-3
    )
    bandwidth: Quantity = quantity("Hz", "B", "bandwidth of the device", default=1e6)
    snr_gap: Quantity = quantity("1", "Gamma", "gap of modulation and coding", per="instance", default=1.5, decibels=True)
    energy_coefficient: Quantity = quantity(
        "W s^3/cycle^3", "xi", "switched capacitance of the device's processor", default=1e-28, zero_allowed=True
    )
    cpu_speed: Quantity = quantity(
        "cycle/s", "f_max", "greatest speed of the device's processor", default=4e9, zero="no processor: nothing is computed"
    )
    max_power: Quantity = quantity(
        "W", "p_max", "greatest transmit power", default=1.0, zero="no radio: the device offloads nothing"
    )
    energy_weight: Quantity = quantity("1/J", "w_4", "weight of the device's energy", default=8.0, zero_allowed=True)
    arrivals: Quantity = quantity(
        "1", "a", "tasks that come in the block, a whole number of at most one a slot", default=0.0, zero_allowed=True
    )
    server_backlog: Quantity = quantity(
        "1", "Q", "tasks that wait at the server", per="instance", default=0.0, zero_allowed=True
    )
    server_value: Quantity = quantity(
        "1", "v_s", "cost of a task that remains at the server", per="instance", default=1.0, zero_allowed=True
    )
    server_task: Quantity = quantity("cycle", "W_s", "work of a task at the server", per="instance", default=5e8)
    server_energy_coefficient: Quantity = quantity(
        "W s^3/cycle^3", "xi_s", "switched capacitance of the server", per="instance", default=1e-29, zero_allowed=True
    )
    server_speed: Quantity = quantity(
        "cycle/s",
        "f_s,max",
        "greatest speed of the server",
        per="instance",
        default=2e10,
        zero="no server: nothing of what waits is processed",
    )
    server_energy_weight: Quantity = quantity(
        "1/J", "w_2", "weight of the server's energy", per="instance", default=8e-3, zero_allowed=True
    )
    queue: Quantity = choice(
        "", "whether what is offloaded leaves the queue, or stays by equation (1)", "conserved", "literal"
    )

    name: ClassVar[str] = "inference-queue"
    summary: ClassVar[str] = "tasks of a neural network that wait: how many leave in a block, and where each is cut"
    sense: ClassVar = "minimise"
    decision_summary: ClassVar[str] = "how many tasks leave each queue"
    objective_name: ClassVar[str] = "cost"
    objective_unit: ClassVar[str] = "1"
    task_fields: ClassVar[tuple[str, ...]] = ("backlog",)
    user_units: ClassVar[Mapping[str, str]] = {"cost": "1", "computing_energy": "J", "sending_energy": "J", "remaining": "1"}
    reference: ClassVar[Reference] = Reference(
        "paper 002: sequential offloading of deep-neural-network tasks, decentralised parametric Q-learning", "(1)-(5), (8)"
    )
    base_units: ClassVar[tuple[str, ...]] = ("s", "W", "cycle")
    compile_seconds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "exact": (5.0, 5.0),
        "closed-form": (3.0, 3.0),
        "all": (11.0, 11.0),
    }
    Allocation: ClassVar = TaskAllocation
    Dual: ClassVar = WorkPrice
    backends: ClassVar[Mapping[str, Backend]] = BACKENDS
    solvers: ClassVar[Mapping[str, Solver]] = exact.SOLVERS
    presets: ClassVar[Mapping[str, Scenario]] = PRESETS

    def __post_init__(self) -> None:
        super().__post_init__()
        whole = self.slots == np.floor(self.slots)
        if not whole.all():
            index = tuple(int(i) for i in np.argwhere(~whole)[0])
            raise InstanceError(
                f"InferenceQueue.slots{list(index) or ''} is {self.slots[index]}; allowed: a whole number of at least 1"
            )
        slots = np.broadcast_to(terms.per_user(self, "slots"), self.arrivals.shape)
        came = (self.arrivals == np.floor(self.arrivals)) & (self.arrivals <= slots)
        if not came.all():
            index = tuple(int(i) for i in np.argwhere(~came)[0])
            raise InstanceError(
                f"InferenceQueue.arrivals{list(index)} is {self.arrivals[index]}; allowed: whole numbers of tasks, at most "
                f"one in each of the {slots[index]:g} slots"
            )
        counted = (self.backlog == np.floor(self.backlog)) | (terms.per_user(self, "queue") == LITERAL)
        if not counted.all():
            index = tuple(int(i) for i in np.argwhere(~counted)[0])
            raise InstanceError(
                f"InferenceQueue.backlog{list(index)} is {self.backlog[index]}; allowed: whole numbers of tasks, unless "
                "queue is 'literal'"
            )

    @property
    def decision_space(self) -> Counts:
        """How many tasks leave each queue."""
        # The same data once more: a space that held the problem that holds it would keep both until garbage is collected.
        return Counts(self.users, partial(terms.most_pieces, self._with(self.data())), "task", "leave")

    @derived
    def negligible(self) -> Array:
        """What the devices would pay for one task computed in the block, or a whole block's work if that is less, summed."""
        rows = terms.rows(self)
        with np.errstate(all="ignore"):
            one = rows[..., 0] * np.minimum(rows[..., 1], 1.0) ** 3
        return np.asarray(np.where(np.isfinite(one) & (self.backlog > 0.0), one, 0.0).sum(axis=-1))

    def decision_features(self, decision: Array) -> Array:
        """Return how many of the tasks leave that could at most, as parts."""
        most = np.maximum(self.decision_space.most, 1.0)
        return np.asarray(decision / self.aligned(most, decision))

    def infeasible(self, decision: Array) -> Array:
        """Whether from somebody's queue more tasks leave than wait, or than processor and radio take in a block."""
        return allocation.hopeless(self, decision)

    def mended(self, decision: Array) -> Array:
        """Return decisions in which no more tasks leave than can."""
        return allocation.mended(self, decision)

    def why_infeasible(self, decision: Array | None) -> str:
        """Name the user, what its processor computes at most, and what its radio carries."""
        return allocation.reason(self, decision)

    def energies(self, decision: Array, allocated: TaskAllocation) -> tuple[Array, Array]:
        r"""Return the energies of computing and of sending in J, :math:`n \tau \xi f^3` and :math:`\tau p`."""
        slot = self.aligned("slot", decision)[..., None]
        length = slot * self.aligned("slots", decision)[..., None]
        computing = length * self.aligned("energy_coefficient", decision) * allocated.cpu_rate**3
        return np.asarray(computing), np.asarray(slot * allocated.transmit_power)

    def objective(self, decision: Array, allocation: TaskAllocation) -> Array:
        """Evaluate weighted energies, the price of what is offloaded, and the value of what remains and comes, summed.

        Parameters
        ----------
        decision
            s, how many tasks leave each queue, ``(*batch, *candidates, users)``.
        allocation
            z and y in tasks, p in W and f in cycle/s, of the same shape.
        """
        return np.asarray(self._costs(decision, allocation).sum(axis=-1) + self._service(decision, allocation))

    def _service(self, decision: Array, allocated: TaskAllocation) -> Array:
        """Return the server's weighted energy and the value of what remains there, ``(*batch, *candidates)``."""
        length = self.aligned("slots", decision) * self.aligned("slot", decision)
        energy = length * self.aligned("server_energy_coefficient", decision) * allocated.server_rate**3
        left = self.aligned("server_backlog", decision) - allocated.server_work
        return np.asarray(
            self.aligned("server_energy_weight", decision) * energy + self.aligned("server_value", decision) * left
        )

    def _costs(self, decision: Array, allocated: TaskAllocation) -> Array:
        computing, sending = self.energies(decision, allocated)
        spent = self.aligned("energy_weight", decision) * (computing + sending)
        paid = self.aligned("offload_price", decision) * allocated.offloaded
        waiting = remaining(self, decision, allocated) + self.aligned("arrivals", decision)
        left = self.aligned("backlog_value", decision) * waiting
        return np.asarray(spent + paid + left)

    def per_user(self, decision: Array, allocation: TaskAllocation) -> dict[str, Array]:
        """Return each device's cost with an equal share of the server's, energies it spends in J, and tasks that remain."""
        computing, sending = self.energies(decision, allocation)
        return {
            "cost": self._costs(decision, allocation) + self._service(decision, allocation)[..., None] / self.users,
            "computing_energy": computing,
            "sending_energy": sending,
            "remaining": remaining(self, decision, allocation),
        }

    def violations(self, decision: Array, allocation: TaskAllocation) -> dict[str, Array]:
        """Return how far each constraint is broken: work in tasks or in what leaves, speeds and powers in their limits."""

        def field(name: str) -> Array:
            return self.aligned(name, decision)

        def worst(excess: Array) -> Array:
            return np.asarray(np.maximum(excess.max(axis=-1), 0.0))

        a = allocation
        leaving = decision + self.aligned(shared(terms.fraction, self), decision)
        size = np.maximum(leaving, 1.0)
        length = field("slots")[..., None] * field("slot")[..., None]
        snr = np.log(field("snr_per_watt")) + np.log(a.transmit_power) - np.log(field("snr_gap"))[..., None]
        delivered = np.logaddexp(0.0, snr) / self.aligned(shared(terms.nats, self), decision)
        delivered = np.where((field("snr_per_watt") == 0.0) | (a.transmit_power == 0.0), 0.0, delivered)
        power, rate = quotient(a.transmit_power, field("max_power")), quotient(a.cpu_rate, field("cpu_speed"))
        return {
            "work": worst(np.abs(a.local_work + a.offloaded - leaving) / size),
            "backlog": worst((decision - field("backlog")) / np.maximum(field("backlog"), 1.0)),
            "computing": worst((a.local_work - a.cpu_rate * (length / field("work"))) / size),
            "cpu_rate": worst(rate - 1.0),
            "sending": worst(a.offloaded - delivered),
            "power": worst(power - 1.0),
            "one_task": worst(a.offloaded - 1.0),
            **self._server_violations(decision, a),
            "sign": worst(-np.minimum.reduce([a.local_work / size, a.offloaded, power, rate])),
        }

    def _server_violations(self, decision: Array, a: TaskAllocation) -> dict[str, Array]:
        """Return how far the server processes more than waits, more than its speed does, or is too fast."""
        waits, task = self.aligned("server_backlog", decision), self.aligned("server_task", decision)
        length, size = self.aligned("slots", decision) * self.aligned("slot", decision), np.maximum(waits, 1.0)
        rate = quotient(a.server_rate, self.aligned("server_speed", decision))
        broken = {
            "server_backlog": (a.server_work - waits) / size,
            "server_computing": (a.server_work - a.server_rate * (length / task)) / size,
            "server_rate": rate - 1.0,
            "server_sign": -np.minimum(a.server_work / size, rate),
        }
        return {name: np.asarray(np.maximum(excess, 0.0)) for name, excess in broken.items()}

    def bound(self, decision: Array, dual: WorkPrice) -> Array:
        """Bound the cost of decisions from below by weak duality at any prices of work, and the server's by its tangent."""
        proved = (allocation.bounds(self, decision, dual) + allocation.left_over(self, decision)).sum(axis=-1)
        proved = proved + self.aligned(shared(service.bound, self), decision)
        return np.asarray(np.where(allocation.hopeless(self, decision), np.inf, proved))

    def relaxed_bound(self, dual: WorkPrice) -> Array:
        """Bound the cost of all decisions from below: at any price of work the bound is a line in what leaves."""
        return exact.relaxed_bound(self, dual)

    def relaxed_dual(self) -> WorkPrice:
        """Return the price at which a part of a task might leave: what a task is worth, or less where fewer can."""
        prices = exact.settled(self)[2]
        return WorkPrice(work_price=np.where(np.isnan(prices), self.backlog_value, prices))

    def random_dual(self, rng: Generator, shape: tuple[int, ...]) -> WorkPrice:
        """Draw prices around what tasks are worth and what computing them costs, some negative."""
        rows = terms.rows(self)
        size = self.backlog_value + terms.price(self) + rows[..., 0] * np.minimum(rows[..., 1], self.backlog + 1.0) ** 2
        size = size.reshape(*self.batch_shape, *(1,) * (len(shape) - len(self.batch_shape)), self.users)
        return WorkPrice(work_price=size * rng.uniform(-0.5, 3.0, (*shape, self.users)))

    def closed_form(self, decision: Array) -> tuple[TaskAllocation, WorkPrice]:
        """Return the best split of every piece and its price of work; nan where a decision is infeasible."""
        return allocation.CLOSED_FORM(self, decision)

    def respond(self, decision: Array, dual: WorkPrice) -> TaskAllocation:
        """Return what the radio offers at prices of work, cut to what the block allows; the processor does the rest."""
        return allocation.response(self, decision, np.asarray(dual.work_price, dtype=float))

    def optimal_value(self, decision: Array) -> Array:
        """Return the cost of each decision, infinite where it is infeasible."""
        costs = allocation.kernel()(*allocation.blocks(self, decision))[0].reshape(decision.shape)
        value = (costs + allocation.left_over(self, decision)).sum(axis=-1)
        work = service.best_work(self)
        served = service.cube(self) * work**3 + self.server_value * (self.server_backlog - work)
        value = value + self.aligned(served, decision)
        return np.asarray(np.where(allocation.hopeless(self, decision), np.inf, value))

    def to_cvxpy(self, decision: ArrayLike) -> Any:
        """Return the splits of one decision as a `cvxpy.Problem`.

        Its variables are ``local_work`` and ``offloaded`` in tasks and ``power``, parts of the power caps, one entry per
        device. Add constraints by ``cvxpy.Problem(problem.objective, [*problem.constraints, ...])``.
        """
        from mecopt.models.inference_queue.allocation.conic import cvxpy_problem

        return cvxpy_problem(self, self.decision_space.validate(decision, self.batch_shape))
