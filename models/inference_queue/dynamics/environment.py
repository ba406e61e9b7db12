"""A device's environment for Gymnasium, one lane and many, and the server's: shells over their worlds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mecopt.dynamic.environments import SlotEnv, SlotVectorEnv, whole, world_of
from mecopt.models.inference_queue.dynamics.steps import QueueDynamics
from mecopt.models.inference_queue.dynamics.worlds import DeviceWorld, ServerWorld

BLOCKS = 200
"""Blocks of an episode."""


class InferenceQueueEnv(SlotEnv):
    r"""A device whose tasks wait, block after block (paper 002, the sub-problem of a device).

    **Description.** In every block some tasks of a neural network leave the device's queue: it computes most of them, and of
    the last one a part, the rest is offloaded. New ones arrive. The channel and what arrives are drawn anew for every block,
    the same for equal seeds whatever is done. The server's queue goes on beside it, and costs the device nothing.

    **Action space.** By `actions`:

    ========  ==============  =============================================================================================
    actions   space           meaning
    ========  ==============  =============================================================================================
    proposal  Box(-1, 1, 2)   what a task is worth that remains, 0.25 to 100, and what one costs that is offloaded, 0.001 to
                              10, in logarithms, times `waiting_weight`; the exact solver does the rest
    raw       Box(-1, 1, 1)   the paper's: the transmit power, 1e-8 to 1 of its greatest, in logarithms. It says what is
                              offloaded of a task; as many tasks leave as can, and where none can nothing is sent
    choices   Discrete(30)    5 s + k: s tasks leave, 0 to 5, and k quarters of one are offloaded, 0 to 4
    ========  ==============  =============================================================================================

    A choice that cannot be carried out stands for the nearest that can: no more tasks leave than wait, and than processor
    and radio take together; then of the last one no less is offloaded than the processor leaves, and no more than the radio
    carries. So no action is an invalid power or speed. Where a processor computes more in a block than the presets' four
    tasks there are more choices, up to 40 tasks.

    **Observation space.** A `Box(-1, 1)` of float32, 3 numbers; larger ones are cut off.

    ======  =============================================================================  ================================
    number  what is seen                                                                   from -1 to 1
    ======  =============================================================================  ================================
    0       tasks in the queue m, by the logarithm of m + 1                                0 to 40
    1       log10 of the SNR per watt                                                      0, or no link, to 6
    2       tasks that arrive in the block beside the most; 0 with ``arrivals="causal"``   from 0
    ======  =============================================================================  ================================

    **Rewards.** Minus what the device pays, :math:`w_3 m + w_4 E`, times `reward_scale`. ``info`` after a step: ``cost``
    (what the device pays, not scaled), and with the server ``reward`` (minus all costs), ``waiting``, ``server_waiting``,
    ``computed``, ``offloaded`` in tasks, ``energy`` and ``server_energy`` in J. The paper discounts costs, by 0.95 here: a
    learner has to do that.

    **Starting state.** Empty queues, or `backlog` and `server_backlog`.

    **Episode end.** Never terminated; truncated after `blocks` blocks.

    **Version history.** v0: initial version.

    Parameters
    ----------
    preset, arrival_probability, mean_snr, positions, discount, waiting_weight, server_waiting_weight, arrivals
        as of `mecopt.models.inference_queue.dynamics.steps.QueueDynamics`.
    actions
        what an action means, see above.
    others
        whose server is beside the device: a policy by its name, "decomposed" unless given.
    reward_scale
        of the reward; `mecopt.models.inference_queue.dynamics.worlds.SCALE` unless given.
    blocks
        of an episode.
    render_mode
        taken because toolkits hand it in; there are no pictures.
    **fields
        any field of `InferenceQueue`: replaces what the preset says.
    """

    world: DeviceWorld

    def __init__(self, *, blocks: int = BLOCKS, render_mode: str | None = None, **given: Any) -> None:
        super().__init__(_of_a_device(given), whole("blocks", blocks), render_mode)


class InferenceQueueVectorEnv(SlotVectorEnv):
    """Many devices of `InferenceQueueEnv` side by side, each with its server, in one call; parameters are the same."""

    world: DeviceWorld

    def __init__(self, *, num_envs: int = 1, blocks: int = BLOCKS, **given: Any) -> None:
        super().__init__(_of_a_device(given), whole("blocks", blocks), num_envs)


class InferenceQueueServerEnv(SlotEnv):
    r"""The server of devices whose tasks wait, block after block (paper 002, the sub-problem of the server).

    **Description.** In every block the server processes some of what waits at it, at a cost that grows with the cube, and
    its devices offload to it what their policy says, whatever the server does.

    **Action space.** A `Box(-1, 1, 1)`: from -1 to 1 which part it processes of what it can, nothing to all of it.

    **Observation space.** A `Box(-1, 1)` of float32, 3 numbers; larger ones are cut off.

    ======  ======================================================================================  =====================
    number  what is seen                                                                            from -1 to 1
    ======  ======================================================================================  =====================
    0       tasks at the server for each device, by the logarithm of them + 1                       0 to 40
    1       the mean of what number 0 of `InferenceQueueEnv` is for the devices
    2       the mean of what number 1 is for them
    ======  ======================================================================================  =====================

    **Rewards.** Minus what the server pays for each device, :math:`(w_1 Q + w_2 a_s X^3) / K`, times `reward_scale`.
    ``info`` after a step: ``cost`` (what the server pays, not scaled, not divided), and the rest as of `InferenceQueueEnv`.

    **Starting state.** Empty queues, or `backlog` and `server_backlog`.

    **Episode end.** Never terminated; truncated after `blocks` blocks.

    **Version history.** v0: initial version.

    Parameters
    ----------
    preset, users, arrival_probability, mean_snr, positions, discount, waiting_weight, server_waiting_weight, arrivals
        as of `mecopt.models.inference_queue.dynamics.steps.QueueDynamics`.
    others
        whose devices act: a policy by its name, "decomposed" unless given, or a function of block and generator to decision
        and allocation.
    reward_scale, blocks, render_mode, **fields
        as of `InferenceQueueEnv`.
    """

    world: ServerWorld

    def __init__(self, *, blocks: int = BLOCKS, render_mode: str | None = None, **given: Any) -> None:
        super().__init__(world_of(ServerWorld, QueueDynamics, given), whole("blocks", blocks), render_mode)


class InferenceQueueServerVectorEnv(SlotVectorEnv):
    """Many networks of `InferenceQueueServerEnv` side by side in one call; parameters are the same."""

    world: ServerWorld

    def __init__(self, *, num_envs: int = 1, blocks: int = BLOCKS, **given: Any) -> None:
        super().__init__(world_of(ServerWorld, QueueDynamics, given), whole("blocks", blocks), num_envs)


def _of_a_device(given: Mapping[str, Any]) -> DeviceWorld:
    """Return the world of one device unless another number is asked for, which it refuses."""
    return world_of(DeviceWorld, QueueDynamics, {**given, "users": 1 if given.get("users") is None else given["users"]})
