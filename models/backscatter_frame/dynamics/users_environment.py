"""The users' environment for PettingZoo: a shell over their world."""

from __future__ import annotations

from typing import Any, ClassVar

from mecopt.contract.errors import BackendUnavailable
from mecopt.dynamic.environments import ParallelSlotEnv, whole, world_of
from mecopt.models.backscatter_frame.dynamics.environment import FRAMES
from mecopt.models.backscatter_frame.dynamics.steps import FrameDynamics
from mecopt.models.backscatter_frame.dynamics.worlds import UsersWorld

if ParallelSlotEnv is None:
    raise BackendUnavailable("environments need pettingzoo; install it by: pip install 'mecopt[learn]'")


class BackscatterUsersEnv(ParallelSlotEnv):
    r"""What backscatter users do with the beams they are given (paper 001, the lower level of its hierarchy).

    **Description.** In every frame N users with batteries have work to do. A rule gives each user's slot a unit beam. A user
    decides for how long it sends actively (carrier off), for how long it reflects the carrier (from which all others
    harvest), and how much it computes itself. Channel and work are drawn anew for every frame, the same for equal seeds
    whatever is done; the batteries go on.

    **Agents.** ``user_0`` to ``user_{N-1}``, all acting at once, all until the end.

    **Action space.** A `Box(0, 1)` of float32 for each user. With ``actions="completed"``:

    ======  ==============================  ==================================================================
    number  what is done                    part of
    ======  ==============================  ==================================================================
    0       time of sending actively        the slot; divided by the sum of both times where that exceeds 1
    1       time of the carrier             the same
    2       work computed by the user       what it can compute of its work
    ======  ==============================  ==================================================================

    The carrier takes as much of the rest as it can, what is left is sent. With ``actions="strict"`` there are five numbers:
    the same two times, then parts of the work that are sent, reflected and computed; too little is an outage.

    **Observation space.** A `Box(-10, 10)` of float32 for each user, its own state (E, l, h) of 3 + 2 M numbers, as in
    `BackscatterFrameEnv`. The paper's users know nothing of the beams, though their passive rate and what they harvest
    depend on them. With ``told_gain=True`` a user sees one number more, the part :math:`|h_i^H w_i|^2 / \|h_i\|^2` of its
    channel that the beam of its own slot meets, which with its channel is all that its passive rate depends on. `state` is
    what all see.

    **Rewards.** With ``reward="own"`` (12) of the paper, between 0 and 1; with ``reward="team"`` (11) in kbit/J times
    `reward_scale`, the same for all. ``infos`` after a step: ``served`` (of the user), and of the frame ``reward`` (11) in
    kbit/J, ``outage``, ``energy`` in mJ, ``done`` work in kbit.

    **Starting state.** A frame of the preset, its batteries charged at random (in `paper` up to a fifth of their capacity).

    **Episode end.** Never terminated; truncated, all users together, after `frames` frames.

    **Version history.** v0: initial version.

    Parameters
    ----------
    preset, users, antennas
        where frames are drawn from, "paper" unless given; sizes are the preset's unless given.
    beams
        the rule, "weights" (unless given), "matched", "charging", "random", or a function of frame and generator.
    actions
        what an action means, "completed" (unless given) or "strict".
    reward
        what a user earns, "own" or "team".
    told_gain
        whether a user sees what its beam does for it; it does not, unless given.
    rewards
        constants of (11) and (12); `Rewards()` unless given.
    reward_scale
        of the team's reward; `mecopt.models.backscatter_frame.dynamics.worlds.SCALE` unless given.
    frames
        of an episode.
    observer
        scales of the observation; fitted to 4,096 frames of the preset unless given.
    render_mode
        taken because toolkits hand it in; there are no pictures.
    **fields
        any field of `BackscatterFrame`: replaces what the preset says.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "name": "backscatter_users_v0",
        "render_modes": [],
        "is_parallelizable": True,
    }

    world: UsersWorld

    def __init__(self, *, reward: str = "own", frames: int = FRAMES, render_mode: str | None = None, **given: Any) -> None:
        world = world_of(UsersWorld, FrameDynamics, given, reward_kind=reward)
        agents = [f"user_{number}" for number in range(world.scales.users)]
        super().__init__(world, agents, whole("frames", frames), render_mode)
