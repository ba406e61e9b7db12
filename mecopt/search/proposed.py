"""A policy as a solver: it proposes decisions, the problem scores all of them in one batched call, the best wins.

The name `learned` means the policy that ships for instances like the given ones, `learned:FOLDER` one of the user's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.backend import Feature
from mecopt.contract.errors import InstanceError
from mecopt.contract.limits import changed
from mecopt.contract.problem import Problem
from mecopt.contract.solver import Search, Solver
from mecopt.registry import find_learner, learner_names
from mecopt.running import clock
from mecopt.search.candidates import best_of, picked, scores
from mecopt.show.numbers import counted
from mecopt.storage.policies import all_shipped, load_policy, shipped

Array = NDArray[Any]

LEARNED = "learned"

DEFAULT_LEARNER = "decision-net"
"""The learner that `mecopt train` takes unless told otherwise."""


class Proposes(Protocol):
    """What this solver needs of a policy; `mecopt.learners.proposer.Proposer` has it."""

    candidates: int
    card: Mapping[str, Any]

    def propose(self, problem: Problem, k: int, rng: Generator) -> Array:
        """Return k decisions for each instance, ``(*batch, k, ...)``."""

    def require(self, problem: Problem) -> None:
        """Raise `InstanceError` where the policy cannot look at such instances."""

    def differences(self, problem: Problem) -> list[str]:
        """Say what it cannot see of these instances."""


class Proposed(Solver):
    """The best of a policy's candidates, each with its best allocation."""

    features = Feature.LIMITS

    def __init__(self, name: str, policy: Proposes) -> None:
        self.name, self.policy = name, policy
        self.summary = f"the best of {counted(policy.candidates, 'decisions')} that a trained policy proposes"

    def notes(self, problem: Problem) -> list[str]:
        """Say in what these instances differ from those of the training without the policy seeing it."""
        return [f"{self.name}: {text}" for text in self.policy.differences(problem)]

    def notes_along(self, dynamics: Any) -> list[str]:
        """Say in what settings a sequence differs from that of the training without the policy seeing it."""
        told = getattr(self.policy, "differences_along", None)
        return [f"{self.name}: {text}" for text in told(dynamics)] if told is not None else []

    def search(
        self, problem: Problem, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        """Propose for the whole batch, score in one call."""
        self.policy.require(problem)
        began = clock.now()
        k = self.policy.candidates
        proposed = problem.decision_space.validate(self.policy.propose(problem, k, rng), problem.batch_shape)
        decisions = problem.mended(proposed)
        predicted = clock.now() - began
        best = best_of(scores(problem, decisions), decisions)
        wanted, chosen = (picked(some, best, problem.decision_space) for some in (proposed, decisions))
        messages, notes = changed(problem, wanted, chosen), self.notes(problem)
        if notes:
            messages[0] = "; ".join([*notes, *filter(None, [messages.get(0)])])
        return Search(chosen, solver_calls=k, predict_seconds=predicted, messages=messages)


def is_learned(name: str | None) -> bool:
    """Whether a solver's name means a trained policy."""
    return isinstance(name, str) and (name == LEARNED or name.startswith(f"{LEARNED}:"))


def learned(problem: Problem, name: str) -> Proposed:
    """Return the solver behind `learned` or `learned:FOLDER` for these instances.

    Raises
    ------
    InstanceError
        if no policy ships for such instances, or the folder holds none for them.
    """
    if name == LEARNED:
        policy = shipped(problem)
        if policy is None:
            raise InstanceError(_nothing_ships(problem))
    else:
        policy = load_policy(name.partition(":")[2])
        if not hasattr(policy, "propose"):
            raise InstanceError(f"{name} holds a policy that predicts starts, not decisions")
    policy.require(problem)
    return Proposed(name, policy)


def _nothing_ships(problem: Problem) -> str:
    known = all_shipped(problem.name, "proposer")
    reasons = [
        f"{policy.card.get('preset', 'one')} is for {' and '.join(f'{n} {name}' for name, n in policy.sizes.items())}"
        if policy.sizes != problem.sizes
        else f"{policy.card.get('preset', 'one')}: {'; '.join(policy.differences(problem))}"
        for policy in known
    ]
    nothing = f"no trained policy ships for these instances of {problem.name} ({' | '.join(reasons) or 'none at all'})"
    fitting = fitting_learner(problem)
    if fitting is None:
        return f"{nothing}, and no learner that is installed can learn from such instances"
    chosen = "" if fitting == DEFAULT_LEARNER else f" --learner {fitting}"
    return (
        f"{nothing}. Train one on instances like these, by `mecopt train {problem.name}{chosen} -o FOLDER` with --data, "
        "--preset or --set, and use learned:FOLDER"
    )


def fitting_learner(problem: Problem) -> str | None:
    """Return the first learner of proposers that does not refuse such instances; the default one is asked first."""
    for name in sorted(learner_names(), key=lambda name: name != DEFAULT_LEARNER):
        learner = find_learner(name)
        if learner.role == "proposer" and learner.refusal(problem) is None:
            return name
    return None
