"""The settings of `sb3`: which algorithm, how it acts, and what the algorithm leaves open."""

from __future__ import annotations

from dataclasses import dataclass

from mecopt.contract.errors import InstanceError
from mecopt.learners.network import ACTIVATIONS
from mecopt.learners.settings import Settings

ALGORITHMS = ("ddpg", "td3", "dqn")
"""By the names of Stable-Baselines3: the first two for numbers, the last for choices."""


@dataclass(frozen=True, kw_only=True)
class Sb3Settings(Settings):
    """How to act, how to learn, and how the policy that is kept is chosen.

    Where a paper is silent the defaults are those of Stable-Baselines3 for small problems, but ours are the discount and
    several lanes side by side.
    """

    algorithm: str = "ddpg"
    """"ddpg" (Lillicrap et al., 2016) or "td3" for actions that are numbers, "dqn" (Mnih et al., 2015) for choices."""
    actions: str = "default"
    """What an action means: a way of acting of the problem, see `mecopt.dynamic.Dynamics.worlds`; "default" is the first."""
    discount: float = 0.95
    """gamma."""
    hidden: tuple[int, ...] = (64, 64)
    """Neurons of the hidden layers of actor and critic."""
    activation: str = "relu"
    """Of the hidden layers."""
    learning_rate: float = 0.001
    """Of actor and critic, by Adam."""
    batch: int = 128
    """Transitions drawn for an update."""
    memory: int = 100_000
    """Transitions that are remembered."""
    smoothing: float = 0.005
    """tau, how far target networks move in a step (ddpg, td3)."""
    noise: float = 0.2
    """Standard deviation of what is added to actions, which reach from -1 to 1 (ddpg, td3)."""
    exploration: float = 0.3
    """Part of the training over which the share of random choices falls to its end (dqn)."""
    exploration_end: float = 0.05
    """Share of random choices after that (dqn)."""
    target_interval: int = 1000
    """Slots between two copies of the network to its target (dqn)."""
    warm_up: int = 1000
    """Slots with random actions before anything is learned."""
    lanes: int = 8
    """Paths side by side."""
    updates: int = 4
    """Updates after each slot of all lanes."""
    episode: int = 100
    """Slots after which a lane begins anew; that is no end in the sense of the discount."""
    checks: int = 10
    """How often the policy is tried on a path of its own; the best one is kept."""
    check_slots: int = 2000
    """Slots of that path, over all its lanes."""
    check_lanes: int = 20
    """Lanes of that path, or so many as it has slots."""

    def __post_init__(self) -> None:
        self.require_one_of("algorithm", ALGORITHMS)
        self.require_one_of("activation", tuple(ACTIVATIONS))
        self.require_at_least_one(
            *("hidden", "batch", "memory", "target_interval", "lanes", "updates", "episode"),
            *("checks", "check_slots", "check_lanes"),
        )
        self.require_fraction("discount")
        for name in ("learning_rate", "smoothing", "noise", "exploration", "exploration_end"):
            value = getattr(self, name)
            positive, most = name in ("learning_rate", "smoothing"), float("inf") if name == "noise" else 1.0
            if not 0.0 <= value <= most or (positive and value == 0.0):
                least = "greater than 0" if positive else "of 0 or more"
                raise InstanceError(
                    f"setting {name} is {value}; allowed: a number {least}{'' if most > 1.0 else ', at most 1'}"
                )
        if self.warm_up < 0:
            raise InstanceError(f"setting warm_up is {self.warm_up}; allowed: 0 or more")

    def without_effect(self) -> dict[str, str]:
        """Return the settings of the other kind of algorithm."""
        numbers, choices = ("smoothing", "noise"), ("exploration", "exploration_end", "target_interval")
        return dict.fromkeys(numbers if self.algorithm == "dqn" else choices, f"algorithm={self.algorithm}")
