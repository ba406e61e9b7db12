"""The access point's environment for Gymnasium: a shell over its world."""

from __future__ import annotations

from typing import Any

from mecopt.dynamic.environments import SlotEnv, whole, world_of
from mecopt.models.backscatter_frame.dynamics.steps import FrameDynamics
from mecopt.models.backscatter_frame.dynamics.worlds import AccessPointWorld

FRAMES = 100
"""Frames of an episode."""


class BackscatterFrameEnv(SlotEnv):
    r"""Beams for backscatter users, frame after frame (paper 001, the upper level of its hierarchy).

    **Description.** In every frame N users with batteries have work to do. The access point, of M antennas, gives every
    user's slot a unit beam; the user reflects it to send passively, and the others harvest from it. Users answer with how
    they divide their slot and work: by the optimum of the convex inner problem, the work of who cannot be served dropped, or
    by any policy. Channel and
    work are drawn anew for every frame, the same for equal seeds whatever is done; the batteries go on.

    **Action space.** A `Box(0, 1)` of float32. With ``beams="weights"`` it holds N x N numbers, row i the weights q with
    which the beam of slot i, the principal eigenvector of :math:`\sum_j q_{ij} h_j h_j^H / \|h_j\|^2`, looks at the users;
    with ``beams="raw"`` 2 N M numbers, real and imaginary part of every antenna's weight by turns, 0 for -1 and 1 for 1, all
    made unit. A row of zero weights counts as equal ones, a raw beam of halves as all antennas in phase.

    **Observation space.** A `Box(-10, 10)` of float32, N (3 + 2 M) numbers, user after user; larger ones are cut off.

    ==================  ===============================================  =======================================
    number of a user    what is seen                                     beside
    ==================  ===============================================  =======================================
    0                   energy in the battery, mJ                        its capacity
    1                   work of the frame, kbit                          its mean, less 1
    2                   log10 of the channel's power gain                the mean of the gain
    3 ... 2 + M         real parts of the channel's amplitude gains      the root mean square of an antenna's
    3 + M ... 2 + 2 M   imaginary parts                                  the same
    ==================  ===============================================  =======================================

    **Rewards.** (11) of the paper, the part of users served times work done per energy of the access point, in kbit/J, times
    `reward_scale`. A user that is not served causes its costs, its work is lost. ``info`` after a step: ``reward`` (11) in
    kbit/J, ``outage`` (part of the users not served), ``energy`` of the access point in mJ, ``done`` work in kbit, and
    ``served`` (N truth values).

    **Starting state.** A frame of the preset, its batteries charged at random (in `paper` up to a fifth of their capacity).

    **Episode end.** Never terminated; truncated after `frames` frames.

    **Version history.** v0: initial version.

    Parameters
    ----------
    preset, users, antennas
        where frames are drawn from, "paper" unless given; sizes are the preset's unless given.
    beams
        what an action means, "weights" (unless given) or "raw".
    answer
        what users do, a function of frame, beams and generator to a `FrameAllocation`; the optimiser unless given.
    rewards
        constants of (11); `Rewards()` unless given.
    reward_scale
        of the reward; `mecopt.models.backscatter_frame.dynamics.worlds.SCALE` unless given.
    frames
        of an episode.
    observer
        scales of the observation; fitted to 4,096 frames of the preset unless given.
    render_mode
        taken because toolkits hand it in; there are no pictures.
    **fields
        any field of `BackscatterFrame`: replaces what the preset says.
    """

    world: AccessPointWorld

    def __init__(self, *, frames: int = FRAMES, render_mode: str | None = None, **given: Any) -> None:
        super().__init__(world_of(AccessPointWorld, FrameDynamics, given), whole("frames", frames), render_mode)
