"""The settings of `ojrs`: every component of paper 004 can be switched alone, each with the paper's value and ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mecopt.contract.errors import InstanceError
from mecopt.learners.inputs import SCALINGS
from mecopt.learners.network import ACTIVATIONS
from mecopt.learners.ojrs.replay import REPLAYS
from mecopt.learners.settings import Settings
from mecopt.search.annealing import COOLING, NEIGHBOURS, TEMPERATURE

ENCODERS = ("none", "ae", "sae", "2r-sae")
LABELS = ("annealing", "epsilon-greedy", "local-search", "optimum")
ADAPTIVE = ("fixed", "change", "rise", "fall", "loss")
CROSS_ENTROPIES = ("mean", "sum")
MOST_CANDIDATES = 10_000


@dataclass(frozen=True, kw_only=True)
class OjrsSettings(Settings):
    """How network and encoder are built and trained, what is searched for, and what is remembered.

    The defaults are ours: what did best among settings that need no knowledge of the optimum. The variant `paper` is the
    paper's (section V-A); where it is silent, ours, as each setting says. `sane` changes five of them, see `SANE`.
    """

    encoder: str = "none"
    """"2r-sae": loss (23) (paper); "sae": its absolute term alone; "ae": the same without layers between input and code;
    "none": the network sees the inputs themselves. Inputs no more than the code are never compressed."""
    code: int = 30
    """Neurons of the code (paper: 30 of 60 inputs)."""
    between: tuple[int, ...] = ()
    """Neurons of the encoder's layers between input and code; none named: one layer half-way (paper: 45)."""
    activation: str = "tanh"
    """Of the encoder's layers; the paper offers sigmoid, tanh and ReLU, and does not say which it took."""
    relative_weight: float = 0.5
    """gamma1, weight of the relative term of (23) (paper: 0.5)."""
    weight_decay: float = 0.08
    """gamma2, weight of the L2 term of (23) (paper: 0.08)."""
    averaged: bool = True
    """Whether relative and L2 terms are means, like the absolute one; the paper prints sums, by which the encoder learns
    nothing but the mean."""
    encoder_steps: int = 500
    """T_SAE, steps of Adam in a fit of the encoder (paper: 500)."""
    encoder_rate: float = 0.001
    """Their learning rate; the paper is silent."""
    error_threshold: float = 0.05
    """Relative error above which an input enters the encoder's memory; the paper has a threshold and does not say which.
    At an accuracy of 93 % (the paper's, and ours) 5 % lets nearly every input in, and the oldest leaves."""
    encoder_memory: int = 1024
    """Inputs that the encoder learns from, the oldest leave first; the paper is silent."""
    offline: int = 1024
    """Inputs of the stream that the encoder sees, without decisions, before it begins: the paper's offline stage."""
    refit: int = 1000
    """Instances between two fits ("periodically"); 0: the offline stage alone. The paper's variants take 5000, which costs
    a fifth of a training less and no NRR."""

    labels: str = "local-search"
    """"annealing" (paper), "epsilon-greedy" (its rival of figure 10), "local-search", "optimum"; see
    `mecopt.learners.ojrs.labels`."""
    exploration: float = 0.1
    """epsilon of the labels "epsilon-greedy", the chance of a user to try any choice; the paper is silent."""
    neighbour: str = "guided"
    """How annealing changes a decision: "literal" (paper), "guided", "one-user"; see `mecopt.search.annealing`."""
    guidance: str = ""
    """Field per user and server that says what a server is worth to a user; none named: the only one there is."""
    steps: int = 100
    """T_SA of the beginning, steps of annealing for an instance (paper: 20); of the labels "epsilon-greedy" the trials."""
    adaptive: str = "fixed"
    """Whether (30) changes T_SA, by the size of the "change" of the loss, its "rise" or "fall", or the "loss" itself, or not
    ("fixed")."""
    change_threshold: float = 0.02
    """epsilon of (30) (paper: 0.02)."""
    least_steps: int = 20
    """Floor of T_SA (paper: 1)."""
    most_steps: int = 500
    """Ceiling of T_SA; the paper has none: by the "change" of a loss summed over users T grows at every instance then."""
    temperature: float = TEMPERATURE
    """T(0), as a part of the own decision's value; the paper is silent."""
    cooling: float = COOLING
    """Factor of the temperature after each step; the paper is silent."""

    replay: str = "uniform"
    """"uniform", "preserved" (31), "prioritised" (32), "preserved-prioritised" (paper)."""
    memory: int = 4096
    """Transitions remembered; the paper is silent, its variant takes 1024."""
    greatest_ratio: float = 1.2
    """rho_max of (31) (paper: 1.2)."""
    priority_power: float = 0.6
    """tau of (32); the paper is silent."""
    least_priority: float = 0.001
    """epsilon of (32) (paper: 0.001)."""

    hidden: tuple[int, ...] = (120, 80)
    """Neurons of the hidden layers (paper: 120, 80)."""
    batch: int = 128
    """Transitions drawn for a step of Adam; the paper is silent."""
    interval: int = 10
    """phi, instances between two updates (paper: 10)."""
    updates: int = 2
    """Steps of Adam in an update, at most."""
    redrawn: bool = True
    """Whether each step of an update draws transitions of its own, and (32) takes by how much the loss differs from that of
    the last update; else all steps are on one draw (algorithm 3, lines 9 to 11), and (32) takes the decrease of its loss."""
    loss_threshold: float = 0.0
    """An update ends below this loss (25), before its most steps; 0 takes them all. The paper trains "until the loss
    value is below a required threshold", and does not say which."""
    learning_rate: float = 0.001
    """Of Adam; the paper is silent."""
    l2: float = 0.0
    """lambda of (25) (paper: 0.02)."""
    cross_entropy: str = "mean"
    """Over the users, "mean" or "sum" (paper, (25)): what lambda and epsilon are measured against."""
    inputs: tuple[str, ...] = ()
    """Fields that are seen; none named: those that vary in the first instances (paper: h)."""
    scaling: str = "log"
    """See `mecopt.learners.inputs`. The paper is silent; its gains as they are would be too small to learn from."""
    candidates: int = 8
    """K, the most probable decisions that the trained policy proposes (paper: 1)."""

    def __post_init__(self) -> None:
        self.require_at_least_one(
            *("code", "between", "encoder_steps", "encoder_memory", "offline", "steps", "least_steps", "most_steps"),
            *("memory", "hidden", "batch", "interval", "updates", "candidates"),
        )
        self.require_fraction("learning_rate", "encoder_rate", "temperature", "cooling", "exploration")
        for name, allowed in (
            ("encoder", ENCODERS),
            ("activation", tuple(ACTIVATIONS)),
            ("labels", LABELS),
            ("neighbour", tuple(NEIGHBOURS)),
            ("adaptive", ADAPTIVE),
            ("replay", REPLAYS),
            ("cross_entropy", CROSS_ENTROPIES),
            ("scaling", SCALINGS),
        ):
            self.require_one_of(name, allowed)
        for name in (
            "relative_weight",
            "weight_decay",
            "error_threshold",
            "change_threshold",
            "priority_power",
            "l2",
            "loss_threshold",
        ):
            if not 0.0 <= getattr(self, name) < float("inf"):
                raise InstanceError(f"setting {name} is {getattr(self, name)}; allowed: finite numbers >= 0")
        if not 0.0 < self.least_priority < float("inf"):
            raise InstanceError(f"setting least_priority is {self.least_priority}; allowed: finite numbers > 0")
        if not 1.0 < self.greatest_ratio < float("inf"):
            raise InstanceError(f"setting greatest_ratio is {self.greatest_ratio}; allowed: finite numbers > 1")
        if self.least_steps > self.most_steps:
            raise InstanceError(f"setting least_steps is {self.least_steps}; allowed: at most most_steps, {self.most_steps}")
        if self.candidates > MOST_CANDIDATES:
            raise InstanceError(f"setting candidates is {self.candidates}; allowed: at most {MOST_CANDIDATES}")
        if self.refit < 0:
            raise InstanceError(f"setting refit is {self.refit}; allowed: whole numbers >= 0")
        if self.between and self.encoder in ("ae", "none"):
            raise InstanceError(f"setting between is {self.between}; the encoder {self.encoder!r} has no layers there")

    def without_effect(self) -> Mapping[str, str]:
        """Return the settings of components that are off, with the setting that turns them off."""
        annealing = ("neighbour", "guidance", "adaptive", "temperature", "cooling")
        bounds = ("change_threshold", "least_steps", "most_steps")
        loss = ("relative_weight", "weight_decay", "averaged")
        encoder = ("code", "between", "activation", "encoder_steps", "encoder_rate", "error_threshold", "encoder_memory")
        off = (
            (self.replay in ("uniform", "prioritised"), f"replay={self.replay}", ("greatest_ratio",)),
            (self.replay in ("uniform", "preserved"), f"replay={self.replay}", ("priority_power", "least_priority")),
            (self.encoder != "2r-sae", f"encoder={self.encoder}", loss),
            (self.encoder == "none", "encoder=none", (*encoder, "offline", "refit")),
            (self.neighbour == "one-user", "neighbour=one-user", ("guidance",)),
            (self.adaptive == "fixed", "adaptive=fixed", bounds),
            (self.labels != "annealing", f"labels={self.labels}", (*annealing, *bounds)),
            (self.labels not in ("annealing", "epsilon-greedy"), f"labels={self.labels}", ("steps",)),
            (self.labels != "epsilon-greedy", f"labels={self.labels}", ("exploration",)),
        )
        return {name: cause for is_off, cause, names in off if is_off for name in names}

    def encoder_sizes(self, inputs: int) -> tuple[int, ...] | None:
        """Return the sizes of the encoder's layers, inputs and code among them; None where nothing is compressed."""
        if self.encoder == "none" or inputs <= self.code:
            return None
        half_way = () if self.encoder == "ae" else (-(-(inputs + self.code) // 2),)
        return (inputs, *(self.between or half_way), self.code)


PAPER = {
    "encoder": "2r-sae",
    "averaged": False,
    "refit": 5000,
    "labels": "annealing",
    "neighbour": "literal",
    "steps": 20,
    "adaptive": "rise",
    "least_steps": 1,
    "replay": "preserved-prioritised",
    "memory": 1024,
    "updates": 10,
    "l2": 0.02,
    "cross_entropy": "sum",
    "candidates": 1,
}
"""Paper 004, section V-A, equations as they are printed."""

SANE = {
    **PAPER,
    "averaged": True,
    "neighbour": "guided",
    "adaptive": "fixed",
    "l2": 0.0,
    "cross_entropy": "mean",
}
"""The same with the terms of (23) averaged, a mutation that changes one user, a fixed T_SA, no L2, and a mean entropy."""
