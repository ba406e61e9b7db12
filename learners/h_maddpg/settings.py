"""The settings of `h-maddpg`: Table I of paper 001, Algorithm 1 and its model-free rival, each choice switched alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from mecopt.contract.errors import InstanceError
from mecopt.learners.network import ACTIVATIONS
from mecopt.learners.settings import Settings
from mecopt.models.backscatter_frame.dynamics.beam_actions import BEAM_ACTIONS
from mecopt.models.backscatter_frame.dynamics.steps import Rewards

USERS = ("optimised", "optimisation-driven", "model-free", "flat")
USER_REWARDS = ("own", "team")
EXECUTED = ("better", "estimate", "users")
TOLD = ("nothing", "beams")


@dataclass(frozen=True, kw_only=True)
class HMaddpgSettings(Settings):
    """Who decides what, how the agents learn, and what they are rewarded for.

    The defaults are Table I, but ours are two: beams as weights of users, and no agents for the users, whose actions the
    optimiser gives. The variant `paper` is Algorithm 1 with Table I, `model-free` its rival.
    """

    users: str = "optimised"
    """Who finds the users' actions. "optimised": the optimiser alone; "optimisation-driven": Algorithm 1, where each user
    learns by DDPG to do better than its estimate while the others keep theirs (paper); "model-free": MADDPG, without any
    optimiser (the paper's rival); "flat": no users' agents, and no optimiser either: the access point's agent says their
    actions together with its beams, plain DDPG on the joint state."""
    beams: str = "weights"
    """What the access point's action means: "raw" antenna weights (paper), or "weights" of users, of whose channels the
    beams are principal eigenvectors; see `mecopt.models.backscatter_frame.dynamics.beam_actions`."""
    user_reward: str = "own"
    """What a user learns from: its "own" reward (12) (paper), or the "team"'s (11)."""
    told: str = "nothing"
    """What the access point tells users beside their own state: "nothing", or its "beams", line 5 of Algorithm 1 (paper);
    see `mecopt.learners.h_maddpg.sight`."""
    executed: str = "better"
    """Which joint action of Algorithm 1 is executed: the "better" of the users' and the estimate, lines 16 to 19 (paper), or
    always the "estimate", or always the "users'"."""

    hidden: tuple[int, ...] = (128, 64)
    """Neurons of the actors' hidden layers (Table I: 128, 64)."""
    activation: str = "sigmoid"
    """Of the actors' hidden layers (Table I: sigmoid); their last function is the sigmoid always."""
    critic_hidden: int = 128
    """Neurons of the critics (Table I: 128), ``fc(relu(fc(s) + fc(a)))``."""
    actor_rate: float = 0.001
    """Learning rate of the actors (Table I: 0.001), by Adam."""
    critic_rate: float = 0.001
    """Learning rate of the critics (Table I: 0.001)."""
    batch: int = 64
    """Transitions drawn for an update (Table I: 64)."""
    memory: int = 2000
    """Transitions that a memory holds (Table I: 2000), the access point's one per frame, a user's two of Algorithm 1."""
    discount: float = 0.5
    """gamma (Table I: 0.5)."""
    smoothing: float = 0.1
    """tau, how far target networks move in an update (Table I: 0.1)."""

    epsilon: float = 0.5
    """Probability with which a fair coin turns the choice of lines 16 to 19 at the beginning (Table I: 0.5)."""
    epsilon_end: float = 0.05
    """The same at the end; the paper tells of no fall (paper: 0.5)."""
    noise: float = 0.2
    """Standard deviation of the noise added to actions at the beginning; the paper is silent."""
    noise_end: float = 0.05
    """The same at the end; the paper is silent."""
    decay: float = 0.6
    """Part of the stream over which epsilon and noise fall, linearly; the paper is silent."""
    reward_scale: float = 0.02
    """Factor of (11), in kbit/J, for what the critics see; the paper is silent."""
    episode: int = 100
    """Frames after which the batteries are the stream's own again; the paper is silent."""

    reliability: float = 1.0
    """sigma of (11); the paper is silent."""
    static_energy: float = 600.0
    """e_0 of (11), mJ per frame; ours, see `mecopt.models.backscatter_frame.dynamics.steps`."""
    service_price: float = 0.2
    """mu_1 of (12) (section IV)."""
    carrier_price: float = 0.4
    """mu_2 of (12) (section IV)."""
    candidates: int = 1
    """K, beams that the trained policy proposes: the actor's own, then noisy ones of `noise_end`."""

    def __post_init__(self) -> None:
        self.require_at_least_one("hidden", "critic_hidden", "batch", "memory", "episode", "candidates")
        self.require_fraction("actor_rate", "critic_rate")
        for name, known in (
            ("users", USERS),
            ("beams", tuple(BEAM_ACTIONS)),
            ("user_reward", USER_REWARDS),
            ("executed", EXECUTED),
            ("told", TOLD),
            ("activation", tuple(ACTIVATIONS)),
        ):
            self.require_one_of(name, known)
        for name, value, good, allowed in (
            *((name, v, 0.0 <= v <= 1.0, "from 0 to 1") for name, v in self._named("epsilon", "epsilon_end")),
            *((name, v, 0.0 < v <= 1.0, "above 0, at most 1") for name, v in self._named("smoothing", "decay")),
            *((name, v, 0.0 <= v < 1.0, "from 0 on, below 1") for name, v in self._named("discount")),
            *((name, v, 0.0 <= v < math.inf, "finite numbers >= 0") for name, v in self._named("noise", "noise_end")),
            *((name, v, 0.0 < v < math.inf, "finite numbers > 0") for name, v in self._named("reward_scale")),
        ):
            if not good:
                raise InstanceError(f"setting {name} is {value}; allowed: {allowed}")
        if self.batch > self.memory:
            raise InstanceError(f"setting batch is {self.batch}; allowed: at most memory, {self.memory}")
        self.rewards()

    def _named(self, *names: str) -> list[tuple[str, float]]:
        return [(name, getattr(self, name)) for name in names]

    def without_effect(self) -> Mapping[str, str]:
        """Return the settings of parts that are off, with the setting that turns them off."""
        coin, prices = ("epsilon", "epsilon_end"), ("service_price", "carrier_price")
        off = (
            (self.executed != "better", f"executed={self.executed}", coin),
            (self.user_reward == "team", "user_reward=team", prices),
            (self.users != "optimisation-driven", f"users={self.users}", ("executed", *coin)),
            (self.users in ("optimised", "flat"), f"users={self.users}", ("user_reward", "told", *prices)),
        )
        return {name: cause for is_off, cause, names in off if is_off for name in names}

    def rewards(self) -> Rewards:
        """Return the rewards (11) and (12) with these constants."""
        return Rewards(
            reliability=self.reliability,
            static_energy=self.static_energy,
            service_price=self.service_price,
            carrier_price=self.carrier_price,
        )

    def left(self, begin: float, end: float, progress: float) -> float:
        """Return a value that falls linearly from begin to end over the part `decay` of the stream.

        >>> HMaddpgSettings(decay=0.5).left(1.0, 0.0, 0.25)
        0.5
        """
        return begin + (end - begin) * min(progress / self.decay, 1.0)


PAPER = {"users": "optimisation-driven", "beams": "raw", "told": "beams", "epsilon_end": 0.5}
"""Paper 001: Algorithm 1 with the networks and numbers of Table I."""

MODEL_FREE = {**PAPER, "users": "model-free"}
"""The paper's rival: "the classic MADDPG for low-level user agents"."""
