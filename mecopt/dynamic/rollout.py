"""Policies carried out slot after slot, all on the same path, many lanes side by side.

What is drawn is drawn beforehand and from a generator of its own, so policies that are compared meet the same channels and
work, and their difference is a paired one: never two policies on different luck. A policy's own draws come from another
generator. A whole rollout is reproducible from the seed; the digest of its path says whether two were on the same one.

A policy is a function of the slot's problem, its lanes as a batch, and a generator. It returns decision and allocation, or a
decision alone, which the solver answers. Names stand for policies as in `mecopt compare`: every solver of the problem, which
is myopic then, `learned` and `learned:FOLDER`; and those that the dynamics offers. Where one of these has the name of a
solver, the name means it, and ``solver:NAME`` the solver.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError, SolveFailed, unknown
from mecopt.contract.problem import Problem
from mecopt.contract.solver import Solver
from mecopt.data import digest
from mecopt.dynamic.dynamics import Dynamics, Policy, read_only
from mecopt.dynamic.limits import require_kept
from mecopt.dynamic.outcome import Outcome
from mecopt.search.named import base_name, solver_for
from mecopt.search.proposed import LEARNED, Proposed, is_learned, learned
from mecopt.solve import solve

Array = NDArray[Any]

SOLVER = "solver:"
"""What stands before a solver's name where a policy of the dynamics has the same."""

Watch = Callable[[int, Any, Array, Any, Outcome], None]
"""Is told of every slot: its number, problem, decision, allocation and outcome."""


@dataclass(frozen=True, eq=False)
class Rollout:
    """What a policy earned and left on a path; leading axes ``(slots, lanes)``."""

    reward: Array
    measures: Mapping[str, Array]
    carried: Mapping[str, Array]
    """The carried fields with which each slot began."""
    ended: Array | None
    """Where lanes ended; None where none ever does."""
    after: Outcome
    """Of the last slot, what it left and where lanes ended: with which a rollout of the slots that follow begins."""

    @property
    def mean(self) -> float:
        """Mean reward per slot, over all lanes."""
        return float(self.reward.mean())


def rollout(
    dynamics: Dynamics[Any],
    stream: Problem,
    policy: Policy,
    rng: Generator,
    *,
    begin: Outcome | None = None,
    watch: Watch | None = None,
) -> Rollout:
    """Carry out a policy along a stream.

    Parameters
    ----------
    dynamics
        what connects the slots.
    stream
        slots ``(slots, lanes)``; of their carried fields only those of the first slot count, and of slots in which a lane
        begins anew.
    policy
        what is done in a slot; it gets the lanes as a batch.
    rng
        randomness of the policy.
    begin
        of the slot before the first one: what it left is carried, instead of the stream's own fields.
    watch
        is told of every slot.

    Raises
    ------
    InstanceError
        for a stream without the axes of slots and lanes, and whatever a policy or an outcome refuses, with the slot's
        number.
    SolveFailed
        where a solver has no answer to a slot.
    """
    if len(stream.batch_shape) != 2 or 0 in stream.batch_shape:
        raise InstanceError(f"the stream has a batch of shape {stream.batch_shape}; allowed: slots and lanes, one at least")
    data, length = stream.data(), len(stream)
    kept: dict[str, Array] = {name: np.empty(data[name].shape) for name in dynamics.carried}
    reward: Array = np.empty(stream.batch_shape)
    measures: dict[str, Array] = {name: np.empty(stream.batch_shape) for name in dynamics.measures}
    ended: Array | None = None
    slot = _slot(stream, data, 0)
    if begin is not None:
        slot = dynamics.followed_by(slot, begin)
    for number in range(length):
        for name, values in kept.items():
            values[number] = getattr(slot, name)
        try:
            decision, allocation = _done(dynamics, slot, policy(slot, rng))
            require_kept(slot, decision, allocation)
            outcome = dynamics.outcome(slot, decision, allocation)
            reward[number] = _earned(outcome, stream.batch_shape[1])
            following = dynamics.followed_by(_slot(stream, data, (number + 1) % length), outcome)
        except InstanceError as error:
            raise InstanceError(f"slot {number}: {error}") from error
        except SolveFailed as error:
            raise SolveFailed(f"slot {number}: {error}", error.solution) from error
        for name, values in measures.items():
            values[number] = outcome.measures[name]
        if outcome.ended is not None:
            ended = np.zeros(stream.batch_shape, dtype=bool) if ended is None else ended
            ended[number] = outcome.ended
        if watch is not None:
            watch(number, slot, decision, allocation, outcome)
        slot = following
    left = {name: np.array(outcome.carried[name]) for name in dynamics.carried}
    after = Outcome(reward[-1].copy(), left, ended=None if ended is None else ended[-1].copy())
    return Rollout(reward, measures, kept, ended, after)


def _slot(stream: Problem, data: Mapping[str, Array], number: int) -> Any:
    """Return a slot of a stream, whose data are valid and read-only already."""
    return stream._with({name: values[number] for name, values in data.items()})


def _done(dynamics: Dynamics[Any], slot: Any, answer: Any) -> tuple[Array, Any]:
    """Return decision and allocation of whatever a policy answered."""
    if isinstance(answer, tuple) and len(answer) == 2:
        return answer
    return answer, dynamics.answered(slot, answer)


def _earned(outcome: Outcome, lanes: int) -> Array:
    """Return the reward of each lane; what is no number would fall out of the means unseen."""
    earned = np.asarray(outcome.reward)
    if earned.shape != (lanes,):
        raise InstanceError(f"the outcome has a reward of shape {earned.shape}; allowed: ({lanes},), one per lane")
    wrong = np.flatnonzero(~np.isfinite(earned))
    if wrong.size:
        raise InstanceError(f"the outcome's reward[{wrong[0]}] is {earned[wrong[0]]:g}; allowed: finite numbers")
    return earned


# ---------------------------------------------------------------------- policies by name


def policy_names(dynamics: Dynamics[Any]) -> list[str]:
    """Return the names of policies: those that the dynamics offers, the problem's solvers, trained ones."""
    own = dynamics.policies()
    solvers = [f"{SOLVER}{name}" if name in own else name for name in dynamics.problem.solvers]
    return [*own, *solvers, LEARNED, f"{LEARNED}:FOLDER"]


def policy_of(dynamics: Dynamics[Any], name: str) -> Policy:
    """Return the policy of a name.

    Raises
    ------
    UnknownName, BackendUnavailable, InstanceError
    """
    own = dynamics.policies()
    if name in own:
        return own[name]()
    solver = name.removeprefix(SOLVER)
    if not is_learned(name) and base_name(solver) not in dynamics.problem.solvers:
        raise unknown(f"policy for {dynamics.name}", name, policy_names(dynamics))
    slot = dynamics.draw(np.random.default_rng(0))
    if is_learned(name):
        return policy_of_trained(dynamics, learned(slot, name))
    return solved_by(solver_for(slot, solver))


def policy_of_trained(dynamics: Dynamics[Any], proposed: Proposed) -> Policy:
    """Return what a trained policy does: in this dynamics, if it asks for that, in a slot, or what a solver makes of it.

    Raises
    ------
    InstanceError
        where it does not act in this dynamics.
    """
    trained: Any = proposed.policy
    if hasattr(trained, "acting_in"):
        found: Policy = trained.acting_in(dynamics)
        return found
    return getattr(trained, "act", None) or solved_by(proposed)


def solved_by(solver: Solver) -> Policy:
    """Return the policy that answers each slot for itself by a solver, as `mecopt.solve` does, without the certificate.

    A certificate of every slot may take many times as long as the answer, and a rollout asks for none: what comes of an
    answer is what its outcome says. A slot without an answer raises what `mecopt.solve` raises.
    """

    def policy(slot: Any, rng: Generator) -> tuple[Array, Any]:
        with np.errstate(all="ignore"):
            found = solver.search(slot, start=None, gap=None, time_limit=None, rng=rng)
            if np.any(found.failed) or slot.infeasible(found.decision).any():
                whole = solve(slot, solver=solver, rng=rng)
                return whole.decision, whole.allocation
            best = slot.closed_form(found.decision)[0] if found.allocation is None else found.allocation
        return found.decision, best

    return policy


# ---------------------------------------------------------------------- what is kept of every slot


class Record:
    """A watch that keeps what was decided and what came of it.

    Examples
    --------
    ``kept = Record(); rollout(dynamics, stream, policy, rng, watch=kept)``; then ``kept.allocation`` has all slots'
    allocations as one, leading axes ``(slots, lanes)``.
    """

    def __init__(self) -> None:
        self._decisions: list[Array] = []
        self._allocations: list[Any] = []
        self._details: list[Any] = []

    def __call__(self, number: int, slot: Any, decision: Array, allocation: Any, outcome: Outcome) -> None:
        """Keep a slot."""
        self._decisions.append(decision)
        self._allocations.append(allocation)
        self._details.append(outcome.detail)

    @property
    def decision(self) -> Array:
        """All decisions."""
        return np.stack(self._decisions)

    @property
    def allocation(self) -> Any:
        """All allocations, as one."""
        return gathered(self._allocations)

    @property
    def detail(self) -> Any:
        """The details of all outcomes, as one."""
        return gathered(self._details)


def gathered(parts: Sequence[Any]) -> Any:
    """Return dataclasses of arrays as one, along a new first axis."""
    first = parts[0]
    if not is_dataclass(first) or isinstance(first, type):
        raise InstanceError(f"a {type(first).__name__} cannot be gathered; allowed: a dataclass of arrays")
    return type(first)(**{f.name: np.stack([getattr(one, f.name) for one in parts]) for f in fields(first)})


def path_digest(stream: Problem) -> str:
    """Name a path: equal data, equal name."""
    return digest(stream)[:16]


__all__ = [
    "Policy",
    "Record",
    "Rollout",
    "gathered",
    "path_digest",
    "policy_names",
    "policy_of",
    "policy_of_trained",
    "read_only",
    "rollout",
    "solved_by",
]
