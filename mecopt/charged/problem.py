"""Problems with limits of one's own on allocations: a class for each problem, its limits on decisions and those.

The class stands on the one without limits on allocations, which answers all that they do not change: `plain` is the same
instances of that class. A limit leaves fewer allocations, so that every bound without it is one with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, cast

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.charged import words
from mecopt.charged.answers import answers_of, bounds_at, filled, plain_dual
from mecopt.charged.methods import backends_of, solvers_of
from mecopt.contract.derived import derived
from mecopt.contract.errors import InstanceError
from mecopt.contract.fields import Quantity, declared
from mecopt.contract.formulas import formula_of
from mecopt.contract.instances import restored
from mecopt.contract.limits import prices
from mecopt.contract.limits.amounts import AmountRule, field_of, parts_of, violation
from mecopt.contract.limits.cvxpy import with_amounts
from mecopt.contract.limits.limited import dual_with_prices, limited_class
from mecopt.contract.limits.rule import Rule
from mecopt.contract.problem import Problem

Array = NDArray[Any]


@cache
def charged_class(base: Any, rules: tuple[Rule, ...], amounts: tuple[AmountRule, ...]) -> Any:
    """Return the class of problems limited by rules on decisions and on allocations; their numbers are its fields."""
    below: Any = limited_class(base, rules) if rules else base
    fields = [field_of(base, rule, part) for rule in amounts for part in parts_of(rule)]
    body: dict[str, Any] = {
        "__doc__": f"{base.__name__} with {len(amounts)} limits of allocations: {', '.join(rule.name for rule in amounts)}.",
        "__module__": base.__module__,
        "__qualname__": f"Charged{base.__qualname__}",
        "__annotations__": {f.name: Quantity for f in fields},
        "unlimited": base,
        "allocation_limits": amounts,
        "Dual": dual_with_prices(base, (*rules, *amounts)),
        "backends": backends_of(base),
        "solvers": solvers_of(base),
        **{f.name: f for f in fields},
        **_formulas(below),
        "undecided": _named(derived(_undecided), "The same instances without limits on decisions."),
    }
    made: Any = type(base)(f"Charged{base.__name__}", (below,), body)
    kind: Any = dataclass(frozen=True, kw_only=True, eq=False)(made)
    return kind


def _formulas(below: Any) -> dict[str, Any]:
    """Return the methods that limits on allocations change."""

    def plain(self: Any) -> Any:
        return restored(below, {f.name: getattr(self, f.name) for f in declared(below)})

    def violations(self: Any, decision: Array, allocation: Any) -> dict[str, Array]:
        found: dict[str, Array] = dict(formula_of(below, "violations")(self, decision, allocation))
        for rule in self.allocation_limits:
            name = rule.name
            while name in found:
                name = f"limit {name}"
            found[name] = violation(self, rule, decision, allocation)
        return found

    def closed_form(self: Any, decision: Array) -> tuple[Any, Any]:
        found = answers_of(self, decision)
        return found.allocation, found.dual

    def respond(self: Any, decision: Array, dual: Any) -> Any:
        return answers_of(self, decision).allocation

    def infeasible(self: Any, decision: Array) -> Array:
        return np.asarray(self.plain.infeasible(decision) | answers_of(self, decision).contradicted)

    def bound(self: Any, decision: Array, dual: Any) -> Array:
        proved = bounds_at(self, decision, dual)
        return np.where(answers_of(self, decision).contradicted, self.sign * np.inf, proved)

    def optimal_value(self: Any, decision: Array) -> Array:
        found = answers_of(self, decision)
        hopeless = self.plain.infeasible(decision) | found.contradicted
        value = np.asarray(self.plain.optimal_value(decision))
        if found.changed.any():
            value = np.where(found.changed, formula_of(below, "objective")(self, decision, found.allocation), value)
        return np.where(hopeless, self.sign * np.inf, value)

    def scorer(self: Any) -> Callable[[Array], Array]:
        score: Callable[[Array], Array] = self.optimal_value
        return score

    def mended(self: Any, decision: Array) -> Array:
        return np.asarray(self.plain.mended(decision))

    def relaxed_dual(self: Any) -> Any:
        return filled(self, self.plain.relaxed_dual())

    def random_dual(self: Any, rng: Generator, shape: tuple[int, ...]) -> Any:
        return filled(self, self.plain.random_dual(rng, shape))

    def relaxed_bound(self: Any, dual: Any) -> Array:
        return np.asarray(self.plain.relaxed_bound(plain_dual(self, dual)))

    def with_limit_prices(self: Any, decision: Array, dual: Any) -> Any:
        given = filled(self, dual)
        own = {f.name: getattr(given, f.name) for f in declared(self.undecided.Dual)}
        value = self.sign * np.asarray(self.optimal_value(decision))
        if not prices.priced(self):
            reached = self.sign * np.asarray(self.bound(decision, given))
            gap = np.where(np.isfinite(value), np.maximum(value - reached, 0.0), np.nan)
            return replace(given, **{prices.GAP: gap})
        if not self.separable:
            found = filled(self, self.plain.with_limit_prices(decision, plain_dual(self, given)))
            return replace(found, **own, **{prices.GAP: np.full(self.batch_shape, np.nan)})
        at = partial(bounds_at, whole=True)
        base, moves = prices.differences(self, self.undecided, decision, self.undecided.Dual(**own), at)
        rows = prices.priced_rows(self)
        found, reached = prices.best_at(rows, base, moves)
        named = {rule.price: found[rule.name] for rule in prices.priced(self)}
        return replace(given, **named, **{prices.GAP: prices.gap_of(self, rows, decision, value, reached)})

    def why_infeasible(self: Any, decision: Array | None) -> str:
        return words.why_infeasible(self, decision)

    def to_pyomo(self: Any) -> Any:
        raise InstanceError(f"{self.name} has no Pyomo model with limits on allocations, and {_first(self)!r} is one")

    def to_cvxpy(self: Any, decision: Any) -> Any:
        program = below.to_cvxpy(self, decision)
        return with_amounts(self, program, self.decision_space.validate(decision, self.batch_shape))

    def backend(cls: Any, name: Any = None) -> Any:
        _require_able("backend", cls, name, below.backends, cls.backends)
        return Problem.backend.__func__(cls, name)  # type: ignore[attr-defined]

    def solver(cls: Any, name: Any = None) -> Any:
        _require_able("solver", cls, name, below.solvers, cls.solvers)
        return Problem.solver.__func__(cls, name)  # type: ignore[attr-defined]

    def reduced(self: Any) -> tuple[Any, ...]:
        return _again, (self.unlimited, self.limits, self.allocation_limits, dict(self.__dict__))

    made = (violations, closed_form, respond, infeasible, bound, optimal_value, scorer, mended, relaxed_dual, random_dual)
    return {
        **{f.__name__: f for f in (*made, relaxed_bound, with_limit_prices, why_infeasible, to_pyomo, to_cvxpy)},
        "plain": _named(derived(plain), "The same instances without limits on allocations."),
        "move_values": formula_of(cast(Any, Problem), "move_values"),
        "idle": property(lambda self: np.zeros((*self.batch_shape, self.users), dtype=bool)),
        "backend": classmethod(backend),
        "solver": classmethod(solver),
        "__reduce__": reduced,
    }


def _undecided(problem: Any) -> Any:
    """Return the same instances without limits on decisions."""
    if not problem.limits:
        return problem
    kind = charged_class(problem.unlimited, (), problem.allocation_limits)
    return restored(kind, {f.name: getattr(problem, f.name) for f in declared(kind)})


def _named(made: Any, words: str) -> Any:
    """Say what a property is."""
    made.__doc__ = words
    return made


def _first(problem: Any) -> str:
    return str(problem.allocation_limits[0].name)


def _require_able(kind: str, cls: Any, name: Any, known: Mapping[str, Any], able: Mapping[str, Any]) -> None:
    """Refuse a method of the problem without limits on allocations that would not keep them."""
    if isinstance(name, str) and name in known and name not in able:
        raise InstanceError(
            f"the {kind} {name!r} keeps no limits on allocations, and {cls.allocation_limits[0].name!r} is one; these do: "
            f"{', '.join(able)}"
        )


def _again(base: Any, rules: tuple[Rule, ...], amounts: tuple[AmountRule, ...], state: Mapping[str, Any]) -> Any:
    """Return a problem by its data, as a copy or a pickle has them."""
    return restored(charged_class(base, rules, amounts), state)
