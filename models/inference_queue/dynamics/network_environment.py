"""The environment of devices and their server for PettingZoo: a shell over their world."""

from __future__ import annotations

from typing import Any, ClassVar

from mecopt.contract.errors import BackendUnavailable
from mecopt.dynamic.environments import ParallelSlotEnv, whole, world_of
from mecopt.models.inference_queue.dynamics.environment import BLOCKS
from mecopt.models.inference_queue.dynamics.steps import SERVER, QueueDynamics
from mecopt.models.inference_queue.dynamics.worlds import NetworkWorld

if ParallelSlotEnv is None:
    raise BackendUnavailable("environments need pettingzoo; install it by: pip install 'mecopt[learn]'")


class InferenceQueueNetworkEnv(ParallelSlotEnv):
    r"""Devices whose tasks wait, and their server, all acting at once, block after block (paper 002).

    **Description.** As in `InferenceQueueEnv` for every device and in `InferenceQueueServerEnv` for the server, in one
    network: what devices offload waits at the server in the next block. This is a thin adapter for toolkits of many agents.
    Its dictionaries have an entry for each of them, so never train through it at large K: a device is alone with its costs,
    and `InferenceQueueVectorEnv` has thousands of them in one call.

    **Agents.** ``device_0`` to ``device_{K-1}`` and ``server``, all until the end.

    **Action space.** Of a device what `actions` says, "proposal", `Box(-1, 1, 2)`, or "raw", `Box(-1, 1, 1)`, as of
    `InferenceQueueEnv`; of the server a `Box(-1, 1, 1)`, as of `InferenceQueueServerEnv`.

    **Observation space.** A `Box(-1, 1, 3)` of float32 for each, as there. `state` is what all see.

    **Rewards.** Of each minus what it pays for itself, the server for each device, times `reward_scale`; nobody tells a
    device what its tasks cost at the server. ``infos`` after a step: ``cost`` (what the agent pays, not scaled), and of
    the network ``reward`` (minus all costs), ``waiting``, ``server_waiting``, ``computed``, ``offloaded``, ``energy``,
    ``server_energy``.

    **Starting state.** Empty queues, or `backlog` and `server_backlog`.

    **Episode end.** Never terminated; truncated, all together, after `blocks` blocks.

    **Version history.** v0: initial version.

    Parameters
    ----------
    preset, users, arrival_probability, mean_snr, positions, discount, waiting_weight, server_waiting_weight, arrivals
        as of `mecopt.models.inference_queue.dynamics.steps.QueueDynamics`.
    actions
        what an action of a device means, see above.
    reward_scale, blocks, render_mode, **fields
        as of `InferenceQueueEnv`.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "name": "inference_queue_network_v0",
        "render_modes": [],
        "is_parallelizable": True,
    }

    world: NetworkWorld

    def __init__(self, *, blocks: int = BLOCKS, render_mode: str | None = None, **given: Any) -> None:
        world = world_of(NetworkWorld, QueueDynamics, given)
        agents = [*(f"device_{number}" for number in range(world.dynamics.one.users)), SERVER]
        super().__init__(world, agents, whole("blocks", blocks), render_mode, world.each)
