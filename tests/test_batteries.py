"""Every registered problem passes every battery, and so does every learner on every problem."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.backend import Answer, Backend
from mecopt.contract.problem import Problem
from mecopt.registry import find_learner, find_problem, learner_names, problem_names
from mecopt.testing.batches import EXTREME_CHECKS, FAULT_CHECKS
from mecopt.testing.methods import check_backends_agree
from mecopt.testing.mixed import MIXED_CHECKS
from mecopt.testing.parallel import PARALLEL_CHECKS, check_processes_of_loky
from mecopt.testing.policies import (
    PROPOSER_CHECKS,
    USERS,
    WARM_STARTER_CHECKS,
    Example,
    PolicyCheck,
    check_other_instances_are_refused,
    check_own_decision_comes_first,
    check_predicted_duals,
    check_proposals,
    check_proposer,
    check_warm_starter,
    trained_example,
)
from mecopt.testing.problems import Check, checks_of

Array = NDArray[Any]

OF_ROLE = {"proposer": PROPOSER_CHECKS, "warm-starter": WARM_STARTER_CHECKS}


@pytest.mark.parametrize(
    ("name", "check"),
    [(name, check) for name in problem_names() for check in checks_of(find_problem(name))],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_every_problem_passes(name: str, check: Check) -> None:
    check(find_problem(name))


class Faulty(Backend):
    """The default backend's answers to a problem, changed."""

    name = "faulty"

    def __init__(self, default: Backend, change: Callable[[Answer, Array], None]) -> None:
        self.default, self.change = default, change

    def allocate(self, problem: Problem, decision: Array, *, start: Any, tol: float, time_limit: float | None) -> Answer:
        answer = self.default.allocate(problem, decision, start=start, tol=tol, time_limit=time_limit)
        self.change(answer, decision)
        return answer


def scaled(answer: Answer, factor: Any) -> None:
    answer.allocation = replace(answer.allocation, **{name: x * factor for name, x in answer.allocation.as_dict().items()})


def wasteful(answer: Answer, decision: Array) -> None:
    scaled(answer, 0.999)


def greedy(answer: Answer, decision: Array) -> None:
    scaled(answer, 1.001)


def silent(answer: Answer, decision: Array) -> None:
    scaled(answer, np.nan)


def certain_of_nothing(answer: Answer, decision: Array) -> None:
    answer.dual = replace(answer.dual, **{name: np.zeros_like(x) for name, x in answer.dual.as_dict().items()})


def idle(answer: Answer, decision: Array) -> None:
    scaled(answer, np.nan)
    answer.messages = dict.fromkeys(range(len(decision)), "given up")


@pytest.mark.parametrize("name", ["binary-offloading", "backscatter-frame"])
@pytest.mark.parametrize("fault", [wasteful, greedy, silent, certain_of_nothing, idle], ids=lambda fault: fault.__name__)
def test_a_backend_with_a_fault_is_found(fault: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cls = find_problem(name)
    sound = cls.backend()
    monkeypatch.setattr(cls, "backends", {sound.name: sound, "faulty": Faulty(sound, lambda answer, decision: None)})
    check_backends_agree(cls)
    monkeypatch.setitem(cls.backends, "faulty", Faulty(sound, fault))
    with pytest.raises(AssertionError, match="faulty"):
        check_backends_agree(cls)


@pytest.mark.parametrize("name", problem_names())
@pytest.mark.parametrize("check", FAULT_CHECKS, ids=lambda check: check.__name__)
def test_an_item_that_fails_harms_no_other_of_a_batch(check: Check, name: str) -> None:
    check(find_problem(name))


SIDE_BY_SIDE = "bandwidth-power"
"""Whose methods are asked side by side in every run of the tests; minutes of work for all problems."""


@pytest.mark.parametrize(
    "name", [name if name == SIDE_BY_SIDE else pytest.param(name, marks=pytest.mark.slow) for name in problem_names()]
)
@pytest.mark.parametrize("check", PARALLEL_CHECKS, ids=lambda check: check.__name__)
def test_threads_and_processes_answer_as_one_does(check: Check, name: str) -> None:
    if check is check_processes_of_loky:
        pytest.importorskip("joblib")
    check(find_problem(name))


TAKES_LONG = {"backscatter-frame": [pytest.mark.slow]}
NAMES = [pytest.param(name, marks=TAKES_LONG.get(name, ())) for name in problem_names()]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("check", EXTREME_CHECKS, ids=lambda check: check.__name__)
def test_an_item_of_absurd_numbers_harms_no_other_of_a_batch(check: Check, name: str) -> None:
    check(find_problem(name))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("check", MIXED_CHECKS, ids=lambda check: check.__name__)
def test_a_mixed_batch_is_answered_item_by_item(check: Check, name: str) -> None:
    check(find_problem(name))


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Example]:
    """One small policy of every learner and problem that it can learn from."""
    folder = tmp_path_factory.mktemp("policies")
    return {
        (learner, name): trained_example(find_learner(learner), find_problem(name), folder / f"{learner}-{name}")
        for learner in learner_names()
        for name in problem_names()
        if refusal(learner, name) is None
    }


def refusal(learner: str, name: str) -> str | None:
    """Say why a learner cannot learn from a problem."""
    instances = find_problem(name).sample(np.random.default_rng(0), (2,), users=USERS)
    reason: str | None = find_learner(learner).refusal(instances)
    return reason


@pytest.mark.parametrize("name", problem_names())
@pytest.mark.parametrize(
    ("learner", "check"),
    [(name, check) for name in learner_names() for check in OF_ROLE[find_learner(name).role]],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_every_learner_passes(learner: str, check: PolicyCheck, name: str, examples: dict[tuple[str, str], Example]) -> None:
    reason = refusal(learner, name)
    if reason is not None:
        pytest.skip(reason)
    check(examples[learner, name])


class Spoiled:
    """A policy with one method replaced."""

    def __init__(self, policy: Any, **methods: Callable[..., Any]) -> None:
        self.policy, self.methods = policy, methods

    def __getattr__(self, name: str) -> Any:
        return self.methods.get(name) or getattr(self.policy, name)


def outside(policy: Any, problem: Problem, k: int, rng: Generator) -> Any:
    return policy.propose(problem, k, rng) + 1


def one_too_few(policy: Any, problem: Problem, k: int, rng: Generator) -> Any:
    return policy.propose(problem, k, rng)[..., 1:, :]


def of_its_own_randomness(policy: Any, problem: Problem, k: int, rng: Generator) -> Any:
    return problem.decision_space.sample(np.random.default_rng(), (*problem.batch_shape, k))


def own_last(policy: Any, problem: Problem, k: int, rng: Generator) -> Any:
    return policy.propose(problem, k, rng)[..., ::-1, :]


def about_anything(policy: Any, problem: Problem, k: int, rng: Generator) -> Any:
    return np.zeros((*problem.batch_shape, k, problem.users), dtype=np.int8)


def of_the_batch(policy: Any, problem: Problem, k: int, rng: Generator) -> Any:
    return policy.propose(problem, k, rng) ^ np.int8(problem.instances > 1)


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        (outside, check_proposals),
        (one_too_few, check_proposals),
        (of_its_own_randomness, check_proposals),
        (own_last, check_own_decision_comes_first),
        (of_the_batch, check_own_decision_comes_first),
        (about_anything, check_other_instances_are_refused),
    ],
    ids=lambda value: value.__name__,
)
def test_a_proposer_with_a_fault_is_found(fault: Any, check: PolicyCheck, examples: dict[tuple[str, str], Example]) -> None:
    example = examples["decision-net", "binary-offloading"]
    with pytest.raises(AssertionError):
        check(replace(example, policy=Spoiled(example.policy, propose=partial(fault, example.policy))))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -1.0])
def test_a_warm_starter_with_a_fault_is_found(wrong: float, examples: dict[tuple[str, str], Example]) -> None:
    example = examples["price-net", "binary-offloading"]

    def predict(problem: Problem, decision: Any) -> Any:
        return problem.Dual(np.full(np.shape(decision)[:-1], wrong))  # type: ignore[call-arg]

    with pytest.raises(AssertionError):
        check_predicted_duals(replace(example, policy=Spoiled(example.policy, predict=predict)))


def test_the_batteries_run_as_one_call() -> None:
    check_proposer(find_learner("decision-net"), find_problem("binary-offloading"))
    check_warm_starter(find_learner("price-net"), find_problem("binary-offloading"))
