"""The contract of learning: a learner trains a policy; a policy proposes decisions or starts; a solver answers them.

- `Learner`: what is registered under the entry point group `mecopt.learners`: name, settings, how training begins.
- `Training`: a policy in the making. It proposes candidates for the next instances, is told the winning `Solution` of each,
  and learns from it. torch lives here and nowhere else.
- `Policy`: what training leaves, saved as safetensors and JSON, running on numpy alone. A `Proposer` proposes decisions, a
  `WarmStarter` predicts the dual of a decision, from which `mecopt.contract.warmstart` makes a start for a solver.

A policy never allocates: a bad one costs quality or time, never feasibility or honesty.
"""

from __future__ import annotations

import shlex
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.backend import Feature
from mecopt.contract.errors import InstanceError, unknown
from mecopt.contract.fields import Variables
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.learners.inputs import Inputs
from mecopt.learners.settings import Settings as Settings
from mecopt.registry import find_problem
from mecopt.show import numbers
from mecopt.storage import trained
from mecopt.storage.unchanged import Unchanged

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Policy(ABC):
    """What training leaves: where it is from, what it sees of an instance, and its weights."""

    learner: ClassVar[str]
    card: Mapping[str, Any]
    """Provenance: data, preset, seed, settings, versions, and the figures it reached."""
    problem: str
    sizes: Mapping[str, int]
    """Users of an instance, and servers where the problem has any."""
    inputs: Inputs

    @property
    def users(self) -> int:
        """The number of users of each instance."""
        return self.sizes["users"]

    @abstractmethod
    def weights(self) -> dict[str, Array]:
        """Return every array that makes this policy, by name, apart from those of `inputs`."""

    @classmethod
    @abstractmethod
    def from_trained(cls, stored: trained.Trained, inputs: Inputs) -> Self:
        """Rebuild the policy from what `save` wrote."""

    def save(self, folder: str | Path) -> None:
        """Write the policy to a folder; see `mecopt.storage.trained`."""
        card = {
            "learner": self.learner,
            "problem": self.problem,
            **self.sizes,
            **self.card,
            "inputs": list(self.inputs.names),
            "scaling": self.inputs.scaling,
            "constants": self.inputs.written_constants(),
            "ranges": dict(self.inputs.ranges),
        }
        trained.write(folder, card, {**self.inputs.arrays(), **self.weights()})

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a policy that `save` wrote; nothing is executed, and torch is not needed.

        Raises
        ------
        InstanceError
            if the folder is missing, foreign or damaged.
        """
        stored = trained.read(folder)
        if stored.card["learner"] != cls.learner:
            raise InstanceError(f"{folder} was made by the learner {stored.card['learner']!r}, not by {cls.learner!r}")
        try:
            return cls.from_trained(stored, Inputs.from_trained(stored))
        except InstanceError as error:
            raise InstanceError(f"{Path(folder) / trained.CARD}: {error}") from None

    @abstractmethod
    def reported(self) -> list[str]:
        """Say in a few lines what the policy reached in training, as its card has it."""

    def report(self) -> list[str]:
        """Say what the policy reached in training, or that its card does not say it."""
        try:
            return self.reported()
        except (KeyError, TypeError, ValueError):
            return ["its card does not say what it reached in training"]

    @abstractmethod
    def usage(self, folder: str | Path) -> str:
        """Say how to use the policy that stands in a folder."""

    def require(self, problem: Problem) -> None:
        """Raise `InstanceError` unless the policy can look at these instances at all."""
        if problem.name != self.problem or problem.sizes != self.sizes:
            wanted = " ".join(f"--set {name}={size}" for name, size in problem.sizes.items())
            raise InstanceError(
                f"the policy was trained for {self.problem} with {counted(self.sizes)}; these instances are {problem.name} "
                f"with {counted(problem.sizes)}. Train one on instances like these: mecopt train {problem.name} --learner "
                f"{self.learner} -o FOLDER, "
                f"with --data, --preset or {wanted}"
            )

    def differences(self, problem: Problem) -> list[str]:
        """Say which fields that never changed in training have other values here: the policy cannot see them."""
        return self.inputs.differences(problem)

    def is_for(self, problem: Problem) -> bool:
        """Whether these instances look like those of the training: same problem and sizes, same constants."""
        return problem.name == self.problem and problem.sizes == self.sizes and not self.differences(problem)


class Proposer(Policy):
    """A policy that proposes decisions."""

    candidates: int
    """K: how many decisions it proposes for an instance unless told otherwise."""
    myopic: ClassVar[bool] = True
    """Whether it was trained for the instance alone; otherwise for a sequence, of which an instance is one slot."""

    def usage(self, folder: str | Path) -> str:
        """Say how to compare it with exact solvers."""
        return f"mecopt compare FILE --methods exact,learned:{folder} -o FOLDER"

    def rolled_out(self, folder: str | Path, beside: Sequence[str] = (), more: Sequence[str] = ()) -> str:
        """Return the command that carries it out where it was trained: preset, sizes, and what was set.

        Parameters
        ----------
        folder
            in which it stands.
        beside
            other policies by name, the first.
        more
            further settings, each as NAME=VALUE.
        """
        cls, preset, given = find_problem(self.problem), str(self.card.get("preset")), [*self.card.get("set", ()), *more]
        known = {text.partition("=")[0].strip() for text in given}
        scenario = cls.presets.get(preset)
        given += [
            f"{name}={size}"
            for name, size in self.sizes.items()
            if name not in known and size != getattr(scenario, name, None)
        ]
        words = ["mecopt", "rollout", self.problem]
        words += ["--preset", preset] if scenario is not None and preset != next(iter(cls.presets)) else []
        words += [word for text in given for word in ("--set", text)]
        return shlex.join([*words, "--policies", ",".join([*beside, f"learned:{folder}"]), "-o", "FOLDER"])

    @abstractmethod
    def propose(self, problem: Problem, k: int, rng: Generator) -> Array:
        """Propose k decisions for each instance, the policy's own one first where it is among them.

        Returns
        -------
        decisions of shape ``(*batch, k, users)``
        """


class WarmStarter(Policy):
    """A policy that predicts the dual of a decision: the price from which a solver can start."""

    def usage(self, folder: str | Path) -> str:
        """Say how to start a solver from it."""
        backends = find_problem(self.problem).backends.values()
        takes = Feature.WARM_PRIMAL | Feature.WARM_PRIMAL_DUAL
        backend = next(one.name for one in backends if one.features & takes)
        return (
            "import mecopt; from mecopt.contract.warmstart import from_dual; "
            f'start = from_dual(problem, decision, mecopt.load_policy("{folder}").predict(problem, decision)); '
            f'mecopt.allocate(problem, decision, backend="{backend}", start=start)'
        )

    @abstractmethod
    def predict(self, problem: Problem, decision: Array) -> Variables:
        """Predict the dual of each decision ``(*batch, users)``, an admissible `problem.Dual` of shape ``(*batch)``."""


def changed_settings(trained: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """Say which settings of a sequence are not what they were in a training.

    >>> changed_settings({"discount": 0.95, "mean_snr": [1.0, 2.0]}, {"discount": 0.9, "mean_snr": [1.0, 3.0]})
    ['discount was 0.95 in its training and is 0.9 here', 'mean_snr is another here than in its training']
    """
    found = []
    for name, value in trained.items():
        other = here.get(name, value)
        if other != value:
            single = not isinstance(value, list | dict) and not isinstance(other, list | dict)
            found.append(
                f"{name} was {value} in its training and is {other} here"
                if single
                else f"{name} is another here than in its training"
            )
    return found


class Training(ABC):
    """A policy in the making; `mecopt.learners.training` drives it."""

    interval: int
    """Instances between two updates: so many are proposed for with the same weights."""
    played: ClassVar[str] = "best of candidates"
    """What is played and learned from, in words."""
    noted: ClassVar[tuple[str, ...]] = ()
    """Names of what `notes` says."""

    def prepare(self, stream: Problem, rng: Generator) -> None:  # noqa: B027
        """Do what comes before the first instance; a training that goes on from a checkpoint has it behind it."""

    @abstractmethod
    def own(self, problem: Problem) -> Array:
        """Return the policy's own decision of each instance, ``(batch, users)``."""

    @abstractmethod
    def propose(self, problem: Problem, rng: Generator) -> Array:
        """Return the candidates of each instance, ``(batch, k, users)``; the best of them is what is played."""

    def notes(self, problem: Problem) -> Mapping[str, Array]:
        """Return further columns of the log for instances about to be learned from, each ``(batch,)``."""
        return {}

    @abstractmethod
    def learn(self, solution: Solution, rng: Generator) -> float:
        """Learn from the winning solutions of the last instances; return the loss, nan where nothing was learned.

        Where no candidate was feasible the winner is not either: its status says INFEASIBLE.
        """

    @abstractmethod
    def state(self) -> dict[str, Array]:
        """Return everything that a later `restore` needs to go on as if nothing had happened."""

    @abstractmethod
    def restore(self, state: Mapping[str, Array]) -> None:
        """Go on from a state."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return the settings, plain enough for JSON: with seed and instances they determine the weights."""

    @abstractmethod
    def policy(self, card: Mapping[str, Any]) -> Policy:
        """Return the policy as it is now."""


class Learner(ABC):
    """A way of learning, found by its name; stateless."""

    name: ClassVar[str]
    summary: ClassVar[str]
    role: ClassVar[Literal["proposer", "warm-starter"]]
    settings: ClassVar[type[Settings]]
    policy: ClassVar[type[Policy]]
    variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {"default": {}}
    """Named settings, e.g. "paper": what the paper prints, to the letter."""
    in_dynamics: ClassVar[bool] = False
    """Whether it learns in a problem's dynamics, so that what that takes may be set for a training."""
    checkpoints: ClassVar[bool] = True
    """Whether a training writes checkpoints, from which another process goes on; elsewhere it begins anew."""
    brief: ClassVar[Mapping[str, Any]] = {}
    """Settings with which a training on a few instances takes a second; batteries train with them."""

    @abstractmethod
    def train(
        self,
        stream: Problem,
        settings: Any,
        seed: int,
        out: str | Path,
        provenance: Mapping[str, Any],
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Policy:
        """Train on a stream of instances and write the policy to a folder.

        A run that was killed goes on when called again, and ends with the same weights.

        Raises
        ------
        BackendUnavailable
            where torch is missing.
        InstanceError
            if the learner refuses such instances, or the folder holds another run.
        """

    def stream(
        self, cls: type[Problem], rng: Generator, count: int, preset: str, fields: Mapping[str, Any], settings: Any
    ) -> Problem:
        """Draw the instances of a training, some `count` in all; independent ones, unless a learner overrides it."""
        return cls.sample(rng, (count,), preset=preset, **fields)

    def refusal(self, problem: Problem) -> str | None:
        """Say why this learner cannot learn from such instances; None where it can."""
        return None

    def require(self, problem: Problem) -> None:
        """Raise `InstanceError` with the reason where this learner refuses such instances."""
        reason = self.refusal(problem)
        if reason is not None:
            raise InstanceError(reason)

    def configured(self, variant: str = "default", given: Mapping[str, Any] | None = None) -> Any:
        """Return the settings of a variant, with single ones replaced."""
        if variant not in self.variants:
            raise unknown(f"variant of {self.name}", variant, self.variants)
        return self.settings.of({**self.variants[variant], **(given or {})})

    def load(self, folder: str | Path) -> Policy:
        """Load a policy of this learner."""
        return self.policy.load(folder)

    def shipped(self) -> list[Path]:
        """Return the folders of the policies that ship with this learner."""
        return []


def counted(sizes: Mapping[str, int]) -> str:
    """Say sizes in words.

    >>> counted({"users": 30, "servers": 1})
    '30 users and 1 server'
    """
    return " and ".join(numbers.counted(size, name) for name, size in sizes.items())


def shipped_with_mecopt(learner: str) -> list[Path]:
    """Return the folders of `policies/` beside this file that a learner made."""
    folders = _shipped(Path(__file__).parent / "policies")
    return [folder for folder in folders if trained.known_card(folder)["learner"] == learner]


def _with_a_card(folder: str | Path) -> list[Path]:
    return sorted(path.parent for path in Path(folder).glob(f"*/{trained.CARD}"))


_shipped = Unchanged(_with_a_card, ".")
