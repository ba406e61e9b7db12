"""What stands beside mecopt's own ways in a bench: the interface, and how rivals are found.

A rival gets the same instances and the same tolerance as the subject, and is called in the fastest sensible way: what does
not depend on an instance is built before (`Rival.prepared`), models are kept and refilled where that is possible, and no
certificate is asked of it. Its value is computed afterwards, by the problem's own formula where it returns an allocation.

Packages add rivals of their own under the entry point group ``mecopt.rivals``, each a `Rival`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from numpy.typing import NDArray

from mecopt.contract.backend import Installable
from mecopt.contract.problem import Problem

Array = NDArray[Any]


TOL = 1e-8
"""Tolerance of every allocation, the default of `mecopt.allocate`."""

LIMIT = 60.0
"""Seconds after which a rival is cut off, so that one hard instance does not stop the run."""


@dataclass(frozen=True)
class Prepared:
    """A task that waits to be timed."""

    call: Callable[[], Any]
    """Does all that depends on the numbers of the instance."""
    value: Callable[[Any], Any]
    """Returns the objective of what `call` returned, an entry per instance; nan where nothing was found. Not timed."""
    solving: Callable[[], Any] | None = None
    """Does a part only: what a solver takes once its input is ready."""


class Rival(Installable, ABC):
    """One of them; an `Installable` that is left out, and said to be, where its package is missing."""

    name: str
    summary: str
    problem: str | None = None
    """The problem that it is for; None: every problem that it `takes`."""
    answers: Literal["allocation", "decision", "slots"] = "allocation"
    """What it finds: the best allocation of a decision, a decision, or decisions slot after slot while it learns."""
    beside: str = "exact"
    """The solver of the problem that it stands beside, where it finds a decision."""
    batches: bool = False
    """Whether it takes a batch of allocations in one call."""
    most_users: int | None = None
    """Users above which it would take minutes."""

    def takes(self, cls: type[Problem]) -> bool:
        """Whether there is anything for it to do in a problem."""
        return True

    @abstractmethod
    def prepared(self, problem: Problem, decision: Array | None) -> Prepared:
        """Return its task for an instance, or for a batch where it takes one; `decision` is fixed, or None."""

    def subject(self, problem: Problem) -> Prepared:
        """Return what it stands beside where it decides slots: the same task by mecopt's own means."""
        raise NotImplementedError
