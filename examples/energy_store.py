"""A sequential problem of one's own: a store of energy whose price is a Markov chain. What is it worth to look ahead?

In every slot the store holds a whole number of units, sells q of them for price times the root of q, and gains one unit. A
slot is a `Problem`; the dynamics says what a slot leaves to the next, and how the slots lie on a grid. Rollouts, proved
bounds and paired differences follow.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from mecopt import Problem, shapes_meant
from mecopt.contract.backend import Answer, Backend, Feature
from mecopt.contract.decision import OneOf
from mecopt.contract.fields import Quantity, Variables, quantity, variable
from mecopt.contract.scenario import Reference, Scenario
from mecopt.dynamic import (
    Chain,
    Chart,
    Dynamics,
    Grids,
    Moves,
    Outcome,
    best_average,
    block_means,
    paired,
    policy_of,
    rollout,
)
from mecopt.search.enumeration import Enumeration

Array = NDArray[Any]

UNITS = 8
PRICES = np.array([1.0, 2.0, 6.0])
CHAIN = Chain.birth_death(up=[0.3, 0.2], down=[0.4, 0.5])


@dataclass(frozen=True, eq=False)
class Sale(Variables):
    """What is sold."""

    sold: Array = variable("kWh", "energy sold", per="user")


class Formula(Backend):
    """Sells as much as was decided, as far as it is there."""

    name, summary, features = "closed-form", "by formula", Feature.BATCH | Feature.DUALS

    def allocate(self, problem: Any, decision: Array, *, start: Any, tol: float, time_limit: float | None) -> Answer:
        """Sell."""
        allocation, dual = problem.closed_form(decision)
        return Answer(allocation, dual, np.zeros(decision.shape[:-1], dtype=int))


@dataclass(frozen=True, kw_only=True, eq=False)
class EnergyStore(Problem[Sale, Sale]):
    """How many units to sell in a slot: the slot alone says all of them."""

    level: Quantity = quantity("kWh", "x", "energy in the store", zero_allowed=True)
    price: Quantity = quantity("1", "p", "price of the slot", default=1.0)

    name: ClassVar[str] = "energy-store"
    summary: ClassVar[str] = "a store that sells at a price that changes"
    sense: ClassVar = "maximise"
    decision_summary: ClassVar[str] = "units sold"
    objective_name: ClassVar[str] = "revenue"
    objective_unit: ClassVar[str] = "1"
    reference: ClassVar[Reference] = Reference("none: an example", "none")
    base_units: ClassVar[tuple[str, ...]] = ()
    Allocation: ClassVar = Sale
    Dual: ClassVar = Sale
    backends: ClassVar[Mapping[str, Backend]] = {"closed-form": Formula()}
    solvers: ClassVar = {"enumerate": Enumeration()}
    presets: ClassVar[Mapping[str, Scenario]] = {
        "paper": Scenario(
            "a full store, the price drawn from the chain's law",
            {},
            lambda rng, shape: {
                "level": np.full(shape, float(UNITS)),
                "price": rng.choice(PRICES, shape, p=CHAIN.stationary()),
            },
            users=1,
        )
    }

    @property
    def decision_space(self) -> OneOf:
        """Units."""
        return OneOf(self.users, tuple(f"sell {q}" for q in range(UNITS + 1)))

    def closed_form(self, decision: Array) -> tuple[Sale, Sale]:
        """Sell what is there."""
        sold = Sale(np.minimum(decision, self.aligned("level", decision)))
        return sold, sold

    def objective(self, decision: Array, allocation: Sale) -> Array:
        """Return what the sale earns."""
        return np.asarray((self.aligned("price", decision) * np.sqrt(allocation.sold)).sum(axis=-1))

    def violations(self, decision: Array, allocation: Sale) -> dict[str, Array]:
        """Return how much more is sold than there is."""
        return {"level": np.maximum(allocation.sold - self.aligned("level", decision), 0.0).max(axis=-1)}

    def optimal_value(self, decision: Array) -> Array:
        """Return the revenue."""
        return self.objective(decision, self.closed_form(decision)[0])

    def bound(self, decision: Array, dual: Sale) -> Array:
        """Return the revenue of the decision, which is all that it can earn."""
        return self.optimal_value(decision)

    def relaxed_bound(self, dual: Sale) -> Array:
        """Return the revenue of everything."""
        return np.asarray((self.price * np.sqrt(self.level)).sum(axis=-1))

    def relaxed_dual(self) -> Sale:
        """Return anything: the bound needs no dual."""
        return Sale(self.level)

    def random_dual(self, rng: Generator, shape: tuple[int, ...]) -> Sale:
        """Return anything."""
        return Sale(rng.random((*shape, self.users)))

    def respond(self, decision: Array, dual: Sale) -> Sale:
        """Sell what is there."""
        return self.closed_form(decision)[0]

    def to_cvxpy(self, decision: ArrayLike) -> Any:
        """Refuse: there is nothing to optimise."""
        raise NotImplementedError


class StoreDynamics(Dynamics[EnergyStore]):
    """The store's level is carried, its price is drawn."""

    name: ClassVar[str] = "energy-store"
    problem: ClassVar[type[EnergyStore]] = EnergyStore
    carried: ClassVar[tuple[str, ...]] = ("level",)
    reward_name: ClassVar[str] = "revenue"
    reward_unit: ClassVar[str] = "1"
    measures: ClassVar[Mapping[str, str]] = {"sold": "kWh", "level": "kWh"}

    def draw(self, rng: Generator, before: EnergyStore | None = None, lanes: tuple[int, ...] = ()) -> EnergyStore:
        """Draw the next price."""
        drawn = super().draw(rng, before, lanes)
        if before is None:
            return drawn
        with shapes_meant():
            return EnergyStore(level=drawn.level, price=PRICES[CHAIN.following(rng, states(before))][..., None])

    def outcome(self, problem: EnergyStore, decision: Array, allocation: Sale) -> Outcome:
        """Sell, and gain a unit, of which a full store keeps none."""
        left = np.minimum(problem.level - allocation.sold + 1.0, UNITS)
        measures = {"sold": allocation.sold[..., 0], "level": problem.level[..., 0]}
        return Outcome(problem.objective(decision, allocation), {"level": left}, measures)

    def grids(self) -> Grids:
        """Return the exact grid: levels are whole numbers, so both roundings are the same."""
        # Points are the levels 1 to UNITS: going from one to another sells their difference and the unit that is gained.
        sold = np.arange(1 - UNITS, UNITS) + 1.0
        reward = np.where(sold >= 0.0, PRICES[:, None] * np.sqrt(np.maximum(sold, 0.0)), -np.inf)
        waits = np.minimum(np.arange(UNITS) + 1, UNITS - 1)  # a full store loses what it gains
        moves = Moves(CHAIN, reward, [(0.0, waits)])
        return Grids(moves, moves, states, lambda problem: (levels(problem), levels(problem)))

    def chart(self) -> Chart:
        """Return the level against the price, coloured by what is sold."""
        levels = np.broadcast_to(1.0 + np.arange(UNITS), (1, len(PRICES), UNITS))
        prices = np.broadcast_to(PRICES[:, None], levels.shape)
        with shapes_meant():
            slots = EnergyStore(level=levels[..., None], price=prices[..., None])
        return Chart(slots, "price", "level", "energy sold", "kWh", lambda slot, decision, sale, outcome: sale.sold[..., 0])

    def policies(self) -> Mapping[str, Callable[[], Any]]:
        """Return the policy that looks ahead."""
        return {"dynamic-program": lambda: looking_ahead(self.grids())}


def states(problem: EnergyStore) -> Array:
    """Return the states of the chain."""
    return np.searchsorted(PRICES, problem.price)[..., 0]


def levels(problem: EnergyStore) -> Array:
    """Return the grid points; a store has gained a unit before a slot begins."""
    return problem.level[..., 0].astype(int) - 1


def looking_ahead(grids: Grids) -> Callable[[EnergyStore, Generator], Array]:
    """Return the policy of the dynamic program: decisions alone, which the solver answers."""
    best = best_average(grids.below).policy

    def policy(slot: EnergyStore, rng: Generator) -> Array:
        target = best[states(slot), levels(slot)]
        return np.where(target == UNITS, 0, levels(slot) - target + 1)[..., None]

    return policy


if __name__ == "__main__":
    dynamics = StoreDynamics()
    path = dynamics.stream(np.random.default_rng(0), slots=400, lanes=50)
    print(f"proved: the best average revenue is in {dynamics.bracket()}")
    found = {}
    for name in ("enumerate", "dynamic-program"):
        found[name] = rollout(dynamics, path, policy_of(dynamics, name), np.random.default_rng(1))
        print(f"{name}: {found[name].mean:.3f} a slot")
    blocks = [block_means(one.reward, 20)[0] for one in found.values()]
    print(f"looking ahead is worth {paired(blocks[1], blocks[0])} a slot")
