"""What a solver over decisions is, and what it returns before certification."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Self

from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.backend import Feature, Installable
from mecopt.contract.errors import InstanceError, unknown
from mecopt.contract.fields import Variables
from mecopt.quantities import digits

Array = NDArray[Any]

GAP = 1e-6
"""Relative gap within which a proved answer counts as optimal, where the caller names none."""

LEAST_GAP = 1e-11
"""Relative gap that rounding may leave between equal numbers: nothing smaller can be asked for."""


@dataclass
class Search:
    """A raw answer: decisions of shape ``(*batch, n)`` and what is proved about them."""

    decision: Array
    bound: Array | None = None
    """Proved by the search itself; None where only the relaxation can bound the answer."""
    allocation: Variables | None = None
    """Where the method prescribes an allocation of its own (an equal split, say); None for the best one."""
    solver_calls: Array | int = 0
    iterations: Array | int = 0
    limit: Array | bool = False
    failed: Array | bool = False
    model_seconds: float = 0.0
    predict_seconds: float = 0.0
    certify_seconds: float = 0.0
    """Seconds inside the search that went into proving an outside solver's answer."""
    start_used: bool = False
    claimed_bound: Array | None = None
    messages: dict[int, str] = field(default_factory=dict)


class Adjustable(NamedTuple):
    """A number of a solver's that its name may set, as in ``annealing:iterations=20``, and what is allowed."""

    kind: type[int] | type[float]
    least: float
    most: float

    def read(self, setting: str, text: str) -> int | float:
        """Return the number that a text says, or raise `InstanceError`."""
        what = "a whole number" if self.kind is int else "a number"
        value = (digits.whole if self.kind is int else digits.real)(text)
        if value is None or not self.least <= value <= self.most:
            raise InstanceError(f"{setting} is {text!r}; allowed: {what} from {self.least:g} to {self.most:g}")
        return value


class Solver(Installable, ABC):
    """Answers ``min over decisions`` of the inner optimum, or tries to; one that proves its answer says INTEGER."""

    summary: str
    features: Feature = Feature.NONE
    random: bool = True
    """Whether `search` draws from its generator; who says no is not given one of its own."""
    adjustable: ClassVar[Mapping[str, Adjustable]] = {}
    """Attributes that a name may set; see `mecopt.search.named`."""

    def adjusted(self, name: str, given: Mapping[str, str]) -> Self:
        """Return this solver with other numbers, under a name that says them.

        Raises
        ------
        InstanceError
            where a number is none of what is allowed.
        UnknownName
            where the solver has no such setting.
        """
        other = copy.copy(self)
        other.name = name
        for setting, text in given.items():
            if setting not in self.adjustable:
                raise unknown(f"setting of the solver {self.name}", setting, self.adjustable)
            setattr(other, setting, self.adjustable[setting].read(f"{self.name}:{setting}", text))
        return other

    @abstractmethod
    def search(
        self, problem: Any, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        """Return one decision per instance of a `mecopt.Problem`.

        `start` is a decision per instance, given only to solvers that say WARM_PRIMAL. `gap` None asks for the optimum
        to rounding; a number lets the search stop once that relative gap is proved.
        """
