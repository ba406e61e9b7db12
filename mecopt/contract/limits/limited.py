"""Problems with limits of one's own: a class for each problem and structure of limits, whose numbers are fields.

The fields have no default, so that whoever makes such a problem of another one's fields takes its limits along or is
refused. A class is made once; copies and pickles name the problem and its rules, and make it again where it is not.

Limits change no formula of an allocation. Of a decision that breaks one the best objective is infinitely bad, so that no
search takes it; it has no allocation, `Problem.infeasible` says so; and its bound is what no value reaches. A bound over all
decisions stays valid, since limits leave fewer of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.contract.fields import Quantity, axes, declared, variable
from mecopt.contract.formulas import formula_of
from mecopt.contract.instances import restored
from mecopt.contract.limits import amounts, prices, pyomo, quantities, repair, words
from mecopt.contract.limits.limit import Limit, said_again, settled
from mecopt.contract.limits.rule import Rule, broken, field_of, parts_of, prefix, violation

Array = NDArray[Any]


def limited_by(problem: Any, limits: Iterable[Limit]) -> Any:
    """Return a problem whose decisions and allocations keep limits, beside those that it has already.

    Raises
    ------
    InstanceError
        where a limit is none of this problem, or two have one name.
    """
    fields, rules, charged = dict(problem.data()), list(problem.limits), list(problem.allocation_limits)
    for limit in limits:
        of_allocation = isinstance(limit, Limit) and bool(limit.allocation)
        rule, numbers = amounts.settled(limit, problem) if of_allocation else settled(limit, problem)
        for other in (*rules, *charged):
            if prefix(other.name) == prefix(rule.name):
                alike = f"; {other.name!r} and {rule.name!r} are both {prefix(rule.name)} among fields"
                same = "" if other.name == rule.name else alike
                raise InstanceError(f"two limits are called {rule.name!r}; allowed: names of their own{same}")
        (charged if of_allocation else rules).append(rule)
        fields |= numbers
    if charged:
        # which stands on the contract, and is made by those alone who need it
        charged_class = import_module("mecopt.charged.problem").charged_class
        return charged_class(problem.unlimited, tuple(rules), tuple(charged))(**fields)
    return limited_class(problem.unlimited, tuple(rules))(**fields) if rules else problem


def limits_of(problem: Any) -> list[Limit]:
    """Return the limits of a problem, which put on `without_limits` of it make it again."""
    on_allocations = [amounts.said_again(rule, problem) for rule in problem.allocation_limits]
    return [*(said_again(rule, problem) for rule in problem.limits), *on_allocations]


def without_limits(problem: Any) -> Any:
    """Return the problem that is limited."""
    cls = problem.unlimited
    return restored(cls, {f.name: getattr(problem, f.name) for f in declared(cls)})


@cache
def limited_class(base: Any, rules: tuple[Rule, ...]) -> Any:
    """Return the class of problems that are limited by rules; their numbers are its fields."""
    fields = [field_of(rule, part) for rule in rules for part in parts_of(rule)]
    body: dict[str, Any] = {
        "__doc__": f"{base.__name__} with {len(rules)} limits of decisions: {', '.join(rule.name for rule in rules)}.",
        "__module__": base.__module__,
        "__qualname__": f"Limited{base.__qualname__}",
        "__annotations__": {f.name: Quantity for f in fields},
        "unlimited": base,
        "limits": rules,
        "Dual": base.Dual if base.quantity_limited else dual_with_prices(base, rules),
        **{f.name: f for f in fields},
        **(_formulas_of_quantities(base) if base.quantity_limited else _formulas(base)),
    }
    made = type(base)(f"Limited{base.__name__}", (base,), body)
    return dataclass(frozen=True, kw_only=True, eq=False)(made)


def _formulas(base: type[Any]) -> dict[str, Any]:
    """Return the methods that limits change."""

    def of(name: str) -> Callable[..., Any]:
        return formula_of(base, name)

    def worst(self: Any, values: Array, breaks: Array) -> Array:
        return np.where(breaks, self.sign * np.inf, values)

    def violations(self: Any, decision: Array, allocation: Any) -> dict[str, Array]:
        found: dict[str, Array] = dict(of("violations")(self, decision, allocation))
        for rule in self.limits:
            name = rule.name
            while name in found:
                name = f"limit {name}"
            found[name] = violation(self, rule, decision)
        return found

    def infeasible(self: Any, decision: Array) -> Array:
        return np.asarray(of("infeasible")(self, decision) | broken(self, decision))

    def bound(self: Any, decision: Array, dual: Any) -> Array:
        return worst(self, of("bound")(self, decision, dual), broken(self, decision))

    def optimal_value(self: Any, decision: Array) -> Array:
        return worst(self, of("optimal_value")(self, decision), broken(self, decision))

    def scorer(self: Any) -> Callable[[Array], Array]:
        score = base.scorer(self)

        def of_kept(decision: Array) -> Array:
            return worst(self, score(decision), broken(self, decision))

        return of_kept

    def move_values(self: Any, decision: Array) -> Array:
        return worst(self, of("move_values")(self, decision), repair.moves_that_break(self, decision))

    def mended(self: Any, decision: Array) -> Array:
        return repair.repaired(self, np.asarray(of("mended")(self, decision)), of)

    def closed_form(self: Any, decision: Array) -> tuple[Any, Any]:
        allocation, dual = of("closed_form")(self, decision)
        return allocation, self.Dual.completed(dual)

    def relaxed_dual(self: Any) -> Any:
        dual = self.Dual.completed(of("relaxed_dual")(self))
        return with_limit_prices(self, of("mended")(self, np.zeros((*self.batch_shape, self.users), dtype=np.int8)), dual)

    def random_dual(self: Any, rng: Generator, shape: tuple[int, ...]) -> Any:
        return self.Dual.completed(base.random_dual(self, rng, shape))

    def relaxed_bound(self: Any, dual: Any) -> Array:
        plain = np.asarray(of("relaxed_bound")(self, dual))
        held = {rule.name: np.asarray(getattr(dual, rule.price)) for rule in prices.priced(self)}
        if not self.separable or plain.shape != self.batch_shape or not any(value.any() for value in held.values()):
            return plain
        local = of("mended")(self, np.zeros((*self.batch_shape, self.users), dtype=np.int8))
        base, moves = prices.differences(self, without_limits(self), local, dual, of("bound"))
        tighter = self.sign * prices.lagrangian(prices.priced_rows(self), base, moves, held)
        return np.where(np.isfinite(base), self.sign * np.fmax(self.sign * plain, self.sign * tighter), plain)

    def with_limit_prices(self: Any, decision: Array, dual: Any) -> Any:
        given = self.Dual.completed(dual)
        if not prices.priced(self):
            return given
        found = {rule.name: np.full(self.batch_shape, np.nan) for rule in prices.priced(self)}
        gap = np.full(self.batch_shape, np.nan)
        if self.separable:
            rows = prices.priced_rows(self)
            found, reached = prices.best_at(
                rows, *prices.differences(self, without_limits(self), decision, given, of("bound"))
            )
            gap = prices.gap_of(self, rows, decision, self.sign * of("optimal_value")(self, decision), reached)
        return replace(given, **{rule.price: found[rule.name] for rule in prices.priced(self)}, **{prices.GAP: gap})

    def why_infeasible(self: Any, decision: Array | None) -> str:
        return words.why_infeasible(self, decision, base.why_infeasible)

    def to_pyomo(self: Any) -> Any:
        return pyomo.with_rows(self, base.to_pyomo(self))

    def reduced(self: Any) -> tuple[Any, ...]:
        return _again, (base, self.limits, dict(self.__dict__))

    return {
        **{f.__name__: f for f in (violations, infeasible, bound, optimal_value, scorer, move_values, mended)},
        **{
            f.__name__: f
            for f in (closed_form, relaxed_dual, random_dual, relaxed_bound, with_limit_prices, why_infeasible, to_pyomo)
        },
        "idle": property(lambda self: np.zeros((*self.batch_shape, self.users), dtype=bool)),
        "__reduce__": reduced,
    }


def _formulas_of_quantities(base: type[Any]) -> dict[str, Any]:
    """Return the methods that limits change where a quantity is decided: a model keeps to its window by itself."""

    def violations(self: Any, decision: Array, allocation: Any) -> dict[str, Array]:
        found: dict[str, Array] = dict(formula_of(base, "violations")(self, decision, allocation))
        for rule in self.limits:
            name = rule.name
            while name in found:
                name = f"limit {name}"
            found[name] = quantities.violation(self, rule, decision)
        return found

    def reduced(self: Any) -> tuple[Any, ...]:
        return _again, (base, self.limits, dict(self.__dict__))

    return {"violations": violations, "__reduce__": reduced}


def _again(base: Any, rules: tuple[Rule, ...], state: Mapping[str, Any]) -> Any:
    """Return a problem by its data, as a copy or a pickle has them."""
    return restored(limited_class(base, rules), state)


# ---------------------------------------------------------------------- prices of limits


@cache
def dual_with_prices(base: Any, rules: tuple[Rule, ...]) -> Any:
    """Return the class of duals that have a price of each limit with a bound."""
    priced = [rule for rule in rules if not rule.alike]
    if not priced:
        return base.Dual

    def completed(cls: Any, given: Any) -> Any:
        if type(given) is not cls.without:
            return given
        first = declared(base.Dual)[0]
        held = np.shape(getattr(given, first.name))
        nothing = np.zeros(held[: max(len(held) - len(axes(first)), 0)])
        return cls(**given.as_dict(), **{rule.price: nothing for rule in priced}, **{prices.GAP: nothing + np.nan})

    def reduced(self: Any) -> tuple[Any, ...]:
        return _dual_again, (base, rules, self.as_dict())

    body: dict[str, Any] = {
        "__doc__": base.Dual.__doc__,
        "__module__": base.Dual.__module__,
        "__qualname__": f"Limited{base.Dual.__qualname__}",
        "__annotations__": {name: Array for name in (*(rule.price for rule in priced), prices.GAP)},
        "without": base.Dual,
        "completed": classmethod(completed),
        "__reduce__": reduced,
        **{rule.price: variable(_per(base.objective_unit, rule.unit), _meaning(rule), per="instance") for rule in priced},
        prices.GAP: variable(base.objective_unit, _GAP_MEANING, per="instance"),
    }
    made = type(base.Dual)(f"Limited{base.Dual.__name__}", (base.Dual,), body)
    return dataclass(frozen=True, eq=False)(made)


def _dual_again(base: Any, rules: tuple[Rule, ...], values: Mapping[str, Array]) -> Any:
    return dual_with_prices(base, rules)(**values)


def _meaning(rule: Rule) -> str:
    """Say what a price of a limit is."""
    more = "one more" if rule.unit == "1" else f"one {rule.unit} more"
    return f"what {more} in the limit {rule.name!r} gains at most, beside {prices.GAP} (negative: loses at least)"


_GAP_MEANING = "by how much the bound at the prices of limits falls short of the objective (nan: not known)"


def _per(unit: str, other: str) -> str:
    """Return a unit divided by another one.

    >>> _per("s", "1"), _per("s", "MB"), _per("s", "MB/s"), _per("Mbit/s", "MB/s")
    ('s', 's/MB', 's^2/MB', 'Mbit s/s/MB')
    """
    above, *below = unit.split("/")
    over, *under = other.split("/")
    factors = [part for part in (above, *under) if part != "1"]
    powers = {part: factors.count(part) for part in factors}
    top = " ".join(part if power == 1 else f"{part}^{power}" for part, power in powers.items())
    return "/".join([top or "1", *below, *([] if over == "1" else [over])])
