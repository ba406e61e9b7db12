"""The settings of `decision-net`, each with the paper's value and ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mecopt.contract.errors import InstanceError
from mecopt.learners.candidates import SCHEMES
from mecopt.learners.inputs import SCALINGS
from mecopt.learners.settings import Settings

REPLAYS = ("uniform", "prioritised")
RATE_SCHEDULES = ("constant", "linear")
LABELS = ("own", "optimum")


@dataclass(frozen=True, kw_only=True)
class DecisionNetSettings(Settings):
    """How the network is built and trained.

    The defaults are the paper's (section 4), except for the scheme (the paper's text flips exactly c users, at a fifth of a
    percent of the optimum's cost), the learning rate (paper: 0.01) and the scaling (paper: none).
    """

    candidates: int = 7
    """K, decisions scored for an instance."""
    flips: int = 4
    """c, users that a perturbation flips, at most or exactly."""
    scheme: str = "perturb-up-to"
    """See `mecopt.learners.candidates`."""
    own_included: bool = True
    """Whether the network's own decision is among the K."""
    labels: str = "own"
    """"own": the best of the K is played and learned; "optimum": the proved optimum, to see what it would bring."""
    memory: int = 256
    """Winning decisions remembered; the oldest goes first."""
    batch: int = 128
    """Samples drawn from the memory for a step of Adam."""
    replay: str = "uniform"
    """"uniform": all samples are drawn alike; "prioritised": by their cross entropy when they were last drawn, which the
    paper's reference 12 does; see `mecopt.learners.memory`."""
    priority_power: float = 0.6
    """tau, from 0, all alike, to 1, in proportion to the cross entropy (prioritised)."""
    importance_power: float = 0.4
    """beta at the first instance; it rises to 1 over the stream (prioritised)."""
    least_priority: float = 0.001
    """epsilon, added to every cross entropy (prioritised)."""
    interval: int = 10
    """delta, instances between two steps."""
    learning_rate: float = 0.001
    rate_schedule: str = "constant"
    """"linear" lets the learning rate fall to 0 over the stream."""
    hidden: tuple[int, ...] = (120, 80)
    """Neurons of the hidden layers."""
    inputs: tuple[str, ...] = ()
    """Fields the network sees; none named: those that vary in the first instances."""
    scaling: str = "standard"
    """See `mecopt.learners.inputs`."""

    def __post_init__(self) -> None:
        self.require_at_least_one("candidates", "flips", "memory", "batch", "interval", "hidden")
        self.require_fraction("learning_rate")
        self.require_part("priority_power", "importance_power")
        if not 0.0 < self.least_priority < float("inf"):
            raise InstanceError(f"setting least_priority is {self.least_priority}; allowed: more than 0")
        self.require_one_of("scheme", tuple(SCHEMES))
        self.require_one_of("labels", LABELS)
        self.require_one_of("replay", REPLAYS)
        self.require_one_of("rate_schedule", RATE_SCHEDULES)
        self.require_one_of("scaling", SCALINGS)
        if not self.own_included and not self.scheme.startswith("perturb"):
            raise InstanceError(f"the scheme {self.scheme} always begins with the own decision; own_included must be true")

    def without_effect(self) -> Mapping[str, str]:
        """Return the settings of priorities where there are none."""
        idle = ("priority_power", "importance_power", "least_priority") if self.replay == "uniform" else ()
        return dict.fromkeys(idle, "replay=uniform")


PAPER = {"scheme": "perturb-exactly", "learning_rate": 0.01, "scaling": "raw"}
"""Paper 003, sections 3 and 4, to the letter, read so that the network's own decision is among the K."""

LITERAL = {**PAPER, "own_included": False}
"""The other reading: all K decisions are perturbations."""
