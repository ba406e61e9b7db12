"""What a backend is: it answers the inner problem, the decision fixed, and says what it can."""

from __future__ import annotations

import importlib
import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Flag, auto
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import BackendUnavailable
from mecopt.contract.fields import Variables
from mecopt.running import clock

Array = NDArray[Any]


class Feature(Flag):
    """What a backend or solver can do; the tests build their matrix from it."""

    NONE = 0
    WARM_PRIMAL = auto()
    """Starts from an allocation (or, for a solver over decisions, from a decision)."""
    WARM_PRIMAL_DUAL = auto()
    """Starts from primal and dual iterates together."""
    DUALS = auto()
    """Returns its own multipliers; otherwise the model derives a dual from the allocation."""
    BATCH = auto()
    """Answers a whole batch in one call."""
    INTEGER = auto()
    """Decides as well as allocates, and proves it."""
    THREADS = auto()
    """Parts of a batch may be answered in threads side by side, bit for bit as in one: its work is compiled code that lets
    Python's other threads run."""
    LIMITS = auto()
    """Of a solver over decisions: keeps limits of one's own, `mecopt.contract.limits`; the others refuse such problems."""


@dataclass
class Answer:
    """What a backend returns: raw, not yet certified."""

    allocation: Variables
    dual: Variables
    iterations: Array
    model_seconds: float = 0.0
    solve_seconds: float = 0.0
    start_used: bool = False
    messages: dict[int, str] = field(default_factory=dict)
    limit: Array | None = None


class Installable:
    """Mixin of everything that may rest on a package that is not installed."""

    name: str
    package: str | None = None
    extra: str | None = None
    imports: tuple[str, ...] = ()
    """Modules that take long to import, a second or two; done before anything is timed."""

    def is_available(self) -> bool:
        """Whether the package behind it can be found; never raises."""
        try:
            return self.package is None or importlib.util.find_spec(self.package) is not None
        except (ImportError, ValueError):
            return False

    def require(self) -> None:
        """Import what it needs; raise `BackendUnavailable`, naming what to install, where the package is missing."""
        if not self.is_available():
            what = f"mecopt[{self.extra}]' (in a clone: '.[{self.extra}]')" if self.extra else f"{self.package}'"
            raise BackendUnavailable(f"{self.name!r} needs the package {self.package}; install it by: pip install '{what}")
        if not self.imports:
            return
        with clock.standing_still():
            for module in self.imports:
                importlib.import_module(module)


def installed(known: Mapping[str, Installable]) -> list[str]:
    """Return the names of those whose packages are there, in their order."""
    return [name for name, one in known.items() if one.is_available()]


class Backend(Installable, ABC):
    """Answers ``min over y of objective(instance, decision, y)`` for given decisions."""

    summary: str
    features: Feature = Feature.NONE
    proves: float = 1e-5
    """Relative gap that it reaches on ordinary instances, whatever the processor; the own gap of an answer says more."""

    @abstractmethod
    def allocate(self, problem: Any, decision: Array, *, start: Any, tol: float, time_limit: float | None) -> Answer:
        """Return the best allocation of each decision of a `mecopt.Problem`; a failing item is marked, the others stand.

        The start is a `mecopt.Solution`, or None, and given only to backends that say WARM_PRIMAL or WARM_PRIMAL_DUAL.
        The time limit is for all of them. What is answered by a formula or by following a path, a millisecond or so an item,
        takes none: it runs to its end.
        """


class ClosedForm(Backend):
    """The model's own formula or price search, batched over instances and candidates: the default everywhere.

    Parameters
    ----------
    inputs
        from a problem and decisions to the arrays the kernel takes.
    kernel
        returns the compiled function; called late, so that nothing is compiled at import.
    outputs
        from a problem, decisions and what the kernel returns to allocation and dual.
    threads
        whether the kernel lets Python's other threads run, as `mecopt.kernels.compiled.compiled_freely` does.
    """

    name = "closed-form"
    features = Feature.BATCH | Feature.DUALS
    proves = 1e-9

    def __init__(
        self,
        inputs: Callable[[Any, Array], tuple[Array, ...]],
        kernel: Callable[[], Callable[..., tuple[Array, ...]]],
        outputs: Callable[[Any, Array, tuple[Array, ...]], tuple[Variables, Variables]],
        summary: str,
        *,
        threads: bool = False,
    ) -> None:
        self.inputs, self.kernel, self.outputs, self.summary = inputs, kernel, outputs, summary
        if threads:
            self.features |= Feature.THREADS

    def __call__(self, problem: Any, decision: Array) -> tuple[Any, Any]:
        """Return allocation and dual of every decision."""
        return self.outputs(problem, decision, self.kernel()(*self.inputs(problem, decision)))

    def allocate(self, problem: Any, decision: Array, *, start: Any, tol: float, time_limit: float | None) -> Answer:
        """Evaluate the formula for the whole batch."""
        began = clock.now()
        kernel, inputs = self.kernel(), self.inputs(problem, decision)
        modelled = clock.now()
        raw = kernel(*inputs)
        solved = clock.now()
        allocation, dual = self.outputs(problem, decision, raw)
        iterations = np.zeros(problem.decision_space.lead(decision), dtype=int)
        return Answer(allocation, dual, iterations, modelled - began, solved - modelled)
