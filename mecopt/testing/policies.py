"""Batteries for learners: a small policy is trained, and what must hold of any policy is checked on it.

`check_proposer` and `check_warm_starter` run all that concern their kind. Nothing here asks how well a policy does: the
checks state that it is reproducible, survives its file, needs no torch, refuses what it cannot look at, and that whatever
it says leads to a feasible and certified answer.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.backend import Feature
from mecopt.contract.certified import Status
from mecopt.contract.decision import OneOf
from mecopt.contract.errors import InstanceError
from mecopt.contract.fields import axes, declared
from mecopt.contract.problem import Problem
from mecopt.contract.warmstart import from_dual
from mecopt.data import save
from mecopt.registry import problems
from mecopt.solve import allocate, solve
from mecopt.testing.decisions import made_feasible
from mecopt.testing.statements import TINY, agree, certified, holds, refuses

Array = NDArray[Any]

USERS, STREAM, SEED, K = 5, 60, 3, 4

SINGLE = 1e-5
"""Relative difference that single precision may leave between a batch and its instances."""


@dataclass(frozen=True)
class Example:
    """A trained policy, where it stands, what it was trained on, and instances that it has not seen."""

    learner: Any
    settings: Any
    policy: Any
    folder: Path
    stream: Problem
    instances: Problem


PolicyCheck = Callable[[Example], None]


def check_proposer(learner: Any, cls: type[Problem]) -> None:
    """Train a small policy on a problem and run every check of a proposer on it.

    Parameters
    ----------
    learner
        a `mecopt.learners.proposer.Learner`.
    cls
        the problem; registered, so that a policy's file can name it.

    Raises
    ------
    AssertionError
        with what failed.
    """
    _run(PROPOSER_CHECKS, learner, cls)


def check_warm_starter(learner: Any, cls: type[Problem]) -> None:
    """Train a small policy on a problem and run every check of a warm starter on it; see `check_proposer`."""
    _run(WARM_STARTER_CHECKS, learner, cls)


def _run(checks: tuple[PolicyCheck, ...], learner: Any, cls: type[Problem]) -> None:
    with TemporaryDirectory() as folder:
        example = trained_example(learner, cls, Path(folder) / "policy")
        for check in checks:
            check(example)


def trained_example(learner: Any, cls: type[Problem], folder: Path) -> Example:
    """Train a policy with the learner's brief settings on a few instances."""
    stream = cls.sample(np.random.default_rng(21), (STREAM,), users=USERS)
    settings = learner.configured("default", learner.brief)
    policy = learner.train(stream, settings, SEED, folder, {"preset": "paper"})
    return Example(learner, settings, policy, folder, stream, cls.sample(np.random.default_rng(22), (2, 3), users=USERS))


def _answer(policy: Any, problem: Problem) -> Array:
    """Return what a policy says of instances, as one array."""
    if hasattr(policy, "propose"):
        return np.asarray(policy.propose(problem, K, np.random.default_rng(5)))
    decisions = problem.decision_space.sample(np.random.default_rng(5), problem.batch_shape)
    return np.stack(list(policy.predict(problem, decisions).as_dict().values()))


# ---------------------------------------------------------------------- any policy


def check_training_is_reproducible(example: Example) -> None:
    """Equal seed and instances give equal weights, another seed others."""
    first = example.policy.weights()
    for seed, same in ((SEED, True), (SEED + 1, False)):
        with TemporaryDirectory() as folder:
            again = example.learner.train(example.stream, example.settings, seed, folder, {}).weights()
        equal = all(np.array_equal(value, again[name]) for name, value in first.items())
        holds(equal is same, f"weights after training with seed {seed} {'differ' if same else 'are the same'}")


def check_finished_training_is_only_read(example: Example) -> None:
    """The same call leaves a finished folder as it is; one with another seed refuses it."""
    before = {path.name: path.read_bytes() for path in example.folder.iterdir()}
    train = partial(example.learner.train, example.stream, example.settings)
    again = train(SEED, example.folder, {})
    holds(np.array_equal(_answer(again, example.instances), _answer(example.policy, example.instances)), "another policy")
    refuses(lambda: train(SEED + 1, example.folder, {}), InstanceError, "a folder that holds another run")
    holds(before == {path.name: path.read_bytes() for path in example.folder.iterdir()}, "a finished folder was changed")


def check_saved_policy_is_the_same(example: Example) -> None:
    """What is saved and loaded answers bit for bit the same."""
    with TemporaryDirectory() as folder:
        example.policy.save(folder)
        again = example.learner.load(folder)
    for instances in (example.instances, example.instances[0, 0]):
        holds(np.array_equal(_answer(again, instances), _answer(example.policy, instances)), "a loaded policy differs")


def check_instances_are_left_alone(example: Example) -> None:
    """Being asked changes nothing in the instances."""
    before = {name: value.copy() for name, value in example.instances.data().items()}
    _answer(example.policy, example.instances)
    holds(all(np.array_equal(value, example.instances.data()[name]) for name, value in before.items()), "data changed")


def check_other_instances_are_refused(example: Example) -> None:
    """Another number of users and another problem are refused by an error that names both sides."""
    cls = type(example.instances)
    others = [other.sample(np.random.default_rng(0), (2,), users=USERS) for other in problems().values() if other is not cls]
    for other in (cls.sample(np.random.default_rng(0), (2,), users=USERS + 1), *others):
        try:
            _answer(example.policy, other)
        except InstanceError as error:
            told = (cls.name, other.name, str(USERS), str(other.users))
            holds(all(word in str(error) for word in told), f"the error names not both: {error}")
        else:
            raise AssertionError(f"a policy for {cls.name} with {USERS} users took {other.name} with {other.users}")


_WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None  # every import of torch fails from here on
import mecopt, numpy
from mecopt.compare import compare
from mecopt.data import load
from mecopt.storage.policies import load_policy
from mecopt.testing.policies import _answer
folder, file, out = sys.argv[1:]
instances = load(file).problem
policy = load_policy(folder)
numpy.save(out + "/answer.npy", _answer(policy, instances))
if hasattr(policy, "propose"):
    name = "learned:" + folder
    mecopt.solve(instances, solver=name)
    compare(instances, [next(iter(instances.solvers)), name], out=out, jobs=1)
assert sys.modules["torch"] is None
"""


def check_runs_without_torch(example: Example) -> None:
    """Where torch cannot be imported the policy loads, answers bit for bit the same, solves and is compared."""
    with TemporaryDirectory() as out:
        file = Path(out) / "instances.npz"
        save(file, example.instances, provenance={})
        command = [sys.executable, "-c", _WITHOUT_TORCH, str(example.folder), str(file), out]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        holds(done.returncode == 0, f"without torch: {done.stderr}")
        same = np.array_equal(np.load(Path(out) / "answer.npy"), _answer(example.policy, example.instances))
    holds(same, "without torch the policy answers differently")


# ---------------------------------------------------------------------- proposers


def _first(policy: Any, problem: Problem, rng: Generator, k: int = 1) -> Array:
    """Return the first of k proposals for each instance."""
    proposed = np.asarray(policy.propose(problem, k, rng))
    return proposed.take(0, axis=-problem.decision_space.ndim - 1)


def check_proposals(example: Example) -> None:
    """Any batch gets k decisions of its space per instance; equal generators, equal proposals."""
    for instances in (example.instances, example.instances[0], example.instances[0, 0]):
        for k in (1, 2, K):
            one, two = (np.asarray(example.policy.propose(instances, k, np.random.default_rng(k))) for _ in range(2))
            one_decision = instances.decision_space.sample(np.random.default_rng(0)).shape
            shape = (*instances.batch_shape, k, *one_decision)
            holds(one.shape == shape, f"proposals have shape {one.shape}, not {shape}")
            holds(instances.decision_space.contains(one), "a proposal is no decision")
            holds(np.array_equal(one, two), "equal generators, different proposals")


def check_own_decision_comes_first(example: Example) -> None:
    """Where a policy has a decision of its own, one that no generator changes, it leads every list of proposals."""
    alone, again = (_first(example.policy, example.instances, np.random.default_rng(seed)) for seed in (1, 2))
    if not np.array_equal(alone, again):
        return
    for seed, k in ((3, 2), (4, K)):
        first = _first(example.policy, example.instances, np.random.default_rng(seed), k)
        holds(np.array_equal(first, alone), f"the own decision is not the first of {k}")
    for index in np.ndindex(*example.instances.batch_shape):
        single = _first(example.policy, example.instances[index], np.random.default_rng(5))
        same = np.allclose(single, alone[index], rtol=SINGLE, atol=SINGLE)
        holds(same, f"the own decision of instance {index} depends on the batch around it")


def check_learned_answers_are_certified(example: Example) -> None:
    """Through `solve` a policy gives the best of its proposals, feasible, never better than what is proved."""
    batch, policy = example.instances, example.policy
    answer = solve(batch, solver=f"learned:{example.folder}", rng=np.random.default_rng(7))
    proved = solve(batch)
    proposals = policy.propose(batch, policy.candidates, np.random.default_rng(7))
    best = batch.sign * (batch.sign * allocate(batch, proposals).objective).min(axis=-1)
    slack = TINY * (np.abs(proved.objective) + batch.negligible)
    compared = "the answer against the best of the proposals, each allocated"
    agree(answer.objective, best, compared, beside=batch.negligible)
    holds(answer.violation <= TINY, "a learned answer is infeasible")
    holds(batch.sign * (answer.objective - proved.bound) >= -slack, "a learned answer beats the proved bound")
    holds(batch.sign * (proved.objective - answer.bound) >= -slack, "a learned answer claims a wrong bound")
    holds([s in (Status.OPTIMAL, Status.FEASIBLE) for s in answer.status.ravel()], "a learned answer has no status")
    holds(answer.stats.solver_calls == policy.candidates, "the solves that a learned answer takes are not counted")


# ---------------------------------------------------------------------- warm starters


def check_predicted_duals(example: Example) -> None:
    """One admissible dual for each decision, candidates included; a batch is its instances."""
    batch, policy = example.instances, example.policy
    decisions = batch.decision_space.sample(np.random.default_rng(1), (*batch.batch_shape, 4))
    dual = policy.predict(batch, decisions)
    holds(isinstance(dual, batch.Dual), f"predicts a {type(dual).__name__}, not a {batch.Dual.__name__}")
    lead = batch.decision_space.lead(decisions)
    for f in declared(batch.Dual):  # type: ignore[arg-type]
        name, value = f.name, getattr(dual, f.name)
        shape = (*lead, *(batch.sizes[axis] for axis in axes(f)))
        holds(value.shape == shape, f"{name} has shape {value.shape}, not {shape}")
        holds(np.isfinite(value) & (value >= 0), f"{name} is no admissible price")
        for index in np.ndindex(*lead):
            alone = policy.predict(batch[index[:-1]], decisions[index]).as_dict()[name]
            agree(alone, value[index], f"{name} of {index} against the batch", relative=SINGLE)
    refuses(lambda: policy.predict(batch, decisions - 100), InstanceError, "a decision outside of the space")


def check_starts_from_predictions(example: Example) -> None:
    """A predicted dual gives a feasible start with a valid bound, and no backend that takes it ends elsewhere.

    Beams may be answered by a method that finds local optima only: from elsewhere it may end elsewhere, and says no more
    than that it used the start.
    """
    batch = example.instances
    decisions = made_feasible(batch, batch.decision_space.sample(np.random.default_rng(2), batch.batch_shape))
    chooses = isinstance(batch.decision_space, OneOf)
    if chooses:
        decisions[..., 0] = 1  # where nobody offloads there is nothing to start
    start = from_dual(batch, decisions, example.policy.predict(batch, decisions))
    best = allocate(batch, decisions)
    slack = TINY * (np.abs(best.objective) + batch.negligible)
    holds(start.violation <= TINY, "a predicted start is infeasible")
    holds(batch.sign * (start.objective - best.objective) >= -slack, "a predicted start is better than the best")
    holds(batch.sign * (best.objective - start.bound) >= -slack, "a predicted dual gives a wrong bound")
    for name, backend in batch.backends.items():
        if backend.is_available() and backend.features & (Feature.WARM_PRIMAL | Feature.WARM_PRIMAL_DUAL):
            part: Any = ... if chooses or Feature.WARM_PRIMAL_DUAL in backend.features else (0, 0)
            asked = batch if part is ... else batch[part]
            answer = allocate(asked, decisions[part], backend=name, start=start if part is ... else start[part])
            holds(answer.stats.start_used, f"{name} does not say that it used the start")
            said = f"{name} from a predicted start"
            if part is ...:
                certified(best, answer, backend.proves, said)
            else:
                holds(answer.objective - best.objective[part] >= -slack[part], f"{said} is better than the best")


_COMMON: tuple[PolicyCheck, ...] = (
    check_training_is_reproducible,
    check_finished_training_is_only_read,
    check_saved_policy_is_the_same,
    check_instances_are_left_alone,
    check_other_instances_are_refused,
    check_runs_without_torch,
)

PROPOSER_CHECKS: tuple[PolicyCheck, ...] = (
    *_COMMON,
    check_proposals,
    check_own_decision_comes_first,
    check_learned_answers_are_certified,
)

WARM_STARTER_CHECKS: tuple[PolicyCheck, ...] = (*_COMMON, check_predicted_duals, check_starts_from_predictions)
