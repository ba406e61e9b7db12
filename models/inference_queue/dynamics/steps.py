r"""From block to block: what devices and their server pay, and what remains in their queues.

Every device has a queue of whole tasks, the server has one of what devices leave to it:

.. math:: m' = m - s + a, \qquad Q' = Q - X + \sum_k \kappa_k y_k, \qquad
    \text{cost} = w_1 Q + w_2 a_s X^3 + \sum_k \big(w_3 m_k + w_4 (a z_k^3 + \tau p_k)\big) ,

:math:`\kappa_k = W_k / W_s` being 1 where tasks are the same at device and server, and what counts is
:math:`\sum_t \gamma^t \text{cost}_t` from empty queues. Channels are exponential with a mean of their own for every device,
a place on the disc that is drawn once; arrivals are binomial, :math:`a \sim \mathrm B(n, b)`. The decision is how many tasks
leave each queue; the allocation says what is computed, what is offloaded, and what the server processes.

Devices meet in the server's queue only. Its price, and the bound that it proves for all policies that decide for everybody
together, are in `mecopt.models.inference_queue.dynamics.network`.

Reference: paper 002, (1)-(8), of conserved queues. Ours: weights, a cap of the power, and constants that the paper leaves
out, see `mecopt.models.inference_queue.scenarios`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from mecopt.contract.errors import InstanceError
from mecopt.dynamic.dynamics import ControlVariate, Dynamics, Policy, read_only
from mecopt.dynamic.outcome import Outcome
from mecopt.dynamic.settings import listed, setting, word
from mecopt.models.inference_queue import terms
from mecopt.models.inference_queue.allocation import service
from mecopt.models.inference_queue.dynamics.drawn import constants_of, means_of
from mecopt.models.inference_queue.problem import InferenceQueue
from mecopt.models.inference_queue.variables import TaskAllocation
from mecopt.quantities.radio import rayleigh_power

if TYPE_CHECKING:
    from mecopt.dynamic.worlds import SlotWorld
    from mecopt.models.inference_queue.dynamics.network import Network

Array = NDArray[Any]

POSITIONS = 11
"""Seed of the places of devices; ours."""
SERVER = "server"
"""Name of the server's way of acting."""
KNOWN, CAUSAL = "known", "causal"
"""Whether devices decide knowing the arrivals of the block, as the paper's do, or before they come."""
ALONE = ("offload_price", "backlog_value", "server_value")
"""Fields of a block on its own: along a path the long run says what remains is worth."""
BROKEN = 1e-9
"""Part by which an allocation may break a constraint."""


@dataclass(frozen=True, eq=False)
class Costs:
    """What each pays for itself in a block; the sum of all is the cost."""

    devices: Array
    """:math:`w_3 m_k + w_4 (a z_k^3 + \\tau p_k)`, ``(*batch, users)``."""
    server: Array
    """:math:`w_1 Q + w_2 a_s X^3`, ``(*batch)``."""


class QueueDynamics(Dynamics[InferenceQueue]):
    """Blocks of a network in a row; each lane is a network of its own, with devices at the same places.

    Parameters
    ----------
    preset, **overrides
        see `mecopt.dynamic.Dynamics`; ``users`` says how many devices. An SNR that is given is that of every block.
    arrival_probability
        b, that a task comes in a slot of a device.
    mean_snr
        average SNR per watt of each device, ``(users,)`` or one for all; unless given, that of its place on the disc, drawn
        from `positions`.
    positions
        seed of the places of devices.
    discount
        gamma.
    waiting_weight, server_waiting_weight
        :math:`w_3 W` and :math:`w_1 W`: what a task costs that waits a block, at a device and at the server.
    arrivals
        "known", as the paper's devices know the tasks of the block when they decide, or "causal".

    Raises
    ------
    InstanceError, UnknownName
    """

    name: ClassVar[str] = "inference-queue"
    problem: ClassVar[type[InferenceQueue]] = InferenceQueue
    carried: ClassVar[tuple[str, ...]] = ("backlog", "server_backlog")
    reward_name: ClassVar[str] = "cost"
    reward_unit: ClassVar[str] = "1"
    costs: ClassVar[bool] = True
    settable: ClassVar[Mapping[str, Field[Any]]] = listed(
        arrival_probability=setting(
            "1", "b", "probability that a task comes in a slot of a device", default=0.4, zero_allowed=True, most=1.0
        ),
        mean_snr=setting(
            "1/W",
            "",
            "average signal-to-noise ratio of a watt",
            per="user, or all",
            otherwise="by the places of the devices on the disc",
            zero="no link: the device offloads nothing",
            decibels=True,
        ),
        positions=setting("1", "", "seed of the places of the devices", default=POSITIONS, zero_allowed=True, whole=True),
        discount=setting("1", "gamma", "what a cost of the next block counts now", default=0.95, below=1.0),
        waiting_weight=setting(
            "1", "w_3 W", "cost of a task that waits a block at a device", default=1.0, zero_allowed=True
        ),
        server_waiting_weight=setting(
            "1", "w_1 W", "cost of a task that waits a block at the server", default=1.0, zero_allowed=True
        ),
        arrivals=word("whether devices decide knowing the tasks that come in the block, or before they come", KNOWN, CAUSAL),
    )
    discount: float
    default_slots: ClassVar[int] = 300
    default_lanes: ClassVar[int] = 32
    measures: ClassVar[Mapping[str, str]] = {
        "waiting": "1",
        "server_waiting": "1",
        "computed": "1",
        "offloaded": "1",
        "energy": "J",
        "server_energy": "J",
    }
    remarks: ClassVar[tuple[str, ...]] = (
        "The paper leaves out its weights, its discount, the output of a task and a cap of the power: all are CHOSEN, and "
        "how far policies lie apart depends on them.",
    )
    default_policies: ClassVar[tuple[str, ...]] = ("priced", "decomposed", "even", "binary", "random", "local")

    def __init__(
        self,
        preset: str | None = None,
        *,
        arrival_probability: float = 0.4,
        mean_snr: ArrayLike | None = None,
        positions: int = POSITIONS,
        discount: float = 0.95,
        waiting_weight: float = 1.0,
        server_waiting_weight: float = 1.0,
        arrivals: str = KNOWN,
        **overrides: Any,
    ) -> None:
        self.arrival_probability = float(self.given("arrival_probability", arrival_probability))
        self.discount = float(self.given("discount", discount))
        self.waiting_weight = float(self.given("waiting_weight", waiting_weight))
        self.server_waiting_weight = float(self.given("server_waiting_weight", server_waiting_weight))
        self.causal = self.given("arrivals", arrivals) == CAUSAL
        self.preset = next(iter(self.problem.presets)) if preset is None else preset
        self.overrides = overrides
        self.one = constants_of(self.preset, overrides)
        means = None if mean_snr is None else self.given("mean_snr", mean_snr)
        self.mean_snr = means_of(self.one, self.fades, means, int(self.given("positions", positions)))
        super().__init__(preset, **overrides)

    @property
    def fades(self) -> bool:
        """Whether channels are drawn anew in every block; not where their SNR is given."""
        return "snr_per_watt" not in self.overrides

    def channel(self, mean: float, cells: int, end: float) -> Array:
        """Return the SNR per watt of a device in equally likely cells of its channel.

        Parameters
        ----------
        mean
            its average SNR per watt.
        cells
            how many; a channel that does not fade has one.
        end
            what stands for a cell: 1 its upper end, 0 its lower one, 1/2 its median.
        """
        if not self.fades:
            return np.array([mean])
        with np.errstate(divide="ignore"):
            return mean * -np.log1p(-(np.arange(cells) + end) / cells) if mean > 0.0 else np.zeros(cells)

    # ------------------------------------------------------------------ constants in the units of the mathematics

    @cached_property
    def rows(self) -> Array:
        """`terms.rows` of the devices, ``(users, 5)``."""
        return terms.rows(self.one)

    @property
    def block_slots(self) -> int:
        """n, in each of which a task may come."""
        return int(self.one.slots)

    @property
    def server_cube(self) -> float:
        """:math:`w_2 a_s`: what one task costs that the server processes in a block; of X tasks it is times X^3."""
        return float(service.cube(self.one))

    @property
    def server_most(self) -> float:
        """Tasks that the server processes in a block at most."""
        return float(service.most(self.one))

    @cached_property
    def shares(self) -> Array:
        """Tasks of the server that a whole task of each device is, ``(users,)``."""
        return np.asarray(self.one.work / self.one.server_task)

    # ------------------------------------------------------------------ what is drawn

    def draw(self, rng: Generator, before: InferenceQueue | None = None, lanes: tuple[int, ...] = ()) -> InferenceQueue:
        """Draw channels and arrivals of one block."""
        return self._drawn(rng, lanes if before is None else before.batch_shape)

    def stream(self, rng: Generator, slots: int, lanes: int) -> InferenceQueue:
        """Draw whole paths ``(slots, lanes)``."""
        self.require_room(slots, lanes)
        return self._drawn(rng, (slots, lanes))

    def _drawn(self, rng: Generator, shape: tuple[int, ...]) -> InferenceQueue:
        values = {name: np.broadcast_to(value, (*shape, *value.shape)) for name, value in self.one.data().items()}
        whole = (*shape, self.one.users)
        if self.fades:
            values["snr_per_watt"] = read_only(self.mean_snr * rayleigh_power(rng, whole))
        values["arrivals"] = read_only(rng.binomial(self.block_slots, self.arrival_probability, whole).astype(float))
        return self.one._with(values)

    # ------------------------------------------------------------------ what follows from what is done

    def outcome(self, problem: InferenceQueue, decision: Array, allocation: TaskAllocation) -> Outcome:
        """Carry out a block; energies follow from what is computed and offloaded.

        Raises
        ------
        InstanceError
            where work, speed, power or the server's queue do not allow what is said.
        """
        leaving, local, sent = np.asarray(decision, dtype=float), allocation.local_work, allocation.offloaded
        processed = np.asarray(allocation.server_work)
        rows, waiting = self.rows, problem.server_backlog
        signal = np.expm1(rows[:, 2] * sent)
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled = np.where(sent > 0.0, signal / problem.snr_per_watt, 0.0)
        size = np.maximum(leaving, 1.0)
        kept = {
            "leaves what waits": (leaving >= 0.0) & (leaving <= problem.backlog) & (leaving == np.rint(leaving)),
            "divides what leaves": np.abs(local + sent - leaving) <= BROKEN * size,
            "is computed and offloaded in parts": (local >= -BROKEN * size) & (sent >= -BROKEN) & (sent <= 1.0 + BROKEN),
            "keeps the processor's speed": local <= rows[:, 1] + BROKEN * size,
            "keeps the radio's power": scaled <= rows[:, 4] * (1.0 + BROKEN),
        }
        for what, good in kept.items():
            if not good.all():
                index = [int(k) for k in np.argwhere(~good)[0]]
                raise InstanceError(
                    f"the allocation{index} is not one that {what}: s, z, y = {leaving[tuple(index)]}, "
                    f"{local[tuple(index)]}, {sent[tuple(index)]}"
                )
        most = np.minimum(waiting, self.server_most)
        if not ((processed >= 0.0) & (processed <= most + BROKEN * np.maximum(most, 1.0))).all():
            raise InstanceError("the server processes what does not wait, or more than it can; allowed: 0 to both")
        processed = np.minimum(processed, waiting)
        weight = self.one.energy_weight
        sending = self.one.energy_weight * (self.one.slot * self.one.snr_gap)
        weighted = rows[:, 0] * np.maximum(local, 0.0) ** 3 + sending * scaled
        server = self.server_cube * processed**3
        cost = self.server_waiting_weight * waiting + server
        cost = cost + self.waiting_weight * problem.backlog.sum(axis=-1) + weighted.sum(axis=-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            energy = np.where(weight > 0.0, weighted / weight, np.nan).sum(axis=-1)
            server_energy = server / self.one.server_energy_weight
        carried = {
            "backlog": problem.backlog - leaving + problem.arrivals,
            "server_backlog": waiting - processed + (sent * self.shares).sum(axis=-1),
        }
        measures = {
            "waiting": problem.backlog.mean(axis=-1),
            "server_waiting": waiting,
            "computed": local.mean(axis=-1),
            "offloaded": sent.mean(axis=-1),
            "energy": energy / self.one.users,
            "server_energy": np.asarray(server_energy),
        }
        own = Costs(
            self.waiting_weight * problem.backlog + weighted, np.asarray(self.server_waiting_weight * waiting + server)
        )
        return Outcome(-cost, carried, measures, detail=own)

    def settings(self) -> Mapping[str, Any]:
        """Return places and chances of the devices, and the weights."""
        return {
            "mean_snr": self.mean_snr.tolist(),
            "arrival_probability": self.arrival_probability,
            "discount": self.discount,
            "waiting_weight": self.waiting_weight,
            "server_waiting_weight": self.server_waiting_weight,
            "arrivals": CAUSAL if self.causal else KNOWN,
        }

    def without_effect(self) -> list[str]:
        """Say which prices of a block on its own were given."""
        given = [name for name in ALONE if name in self.overrides]
        if not given:
            return []
        return [
            f"{' and '.join(given)}: of a block on its own. Along a path it costs what waits and the energy, policies have "
            "prices and values of the long run, and only solvers that answer block by block look at what was set."
        ]

    # ------------------------------------------------------------------ the long run, and who acts

    @cached_property
    def network(self) -> Network:
        """Devices and server in the long run: values, the price, and the bound."""
        from mecopt.models.inference_queue.dynamics.network import Network

        return Network(self)

    def most_discounted(self) -> float:
        """Return minus what no policy costs less than, in the mean, discounted from the queues of the first block."""
        return -self.network.price.bound

    def control_variate(self) -> ControlVariate | None:
        """Return the luck of devices; None where channels are given."""
        from mecopt.models.inference_queue.dynamics.control_variate import device_luck

        return device_luck(self)

    def policies(self) -> Mapping[str, Callable[[], Policy]]:
        """Return the policies of `mecopt.models.inference_queue.dynamics.policies`."""
        from mecopt.models.inference_queue.dynamics.policies import POLICIES

        return {name: partial(make, self) for name, make in POLICIES.items()}

    def summaries(self) -> Mapping[str, str]:
        """Return what policies and ways of acting do."""
        from mecopt.models.inference_queue.dynamics.policies import SUMMARIES
        from mecopt.models.inference_queue.dynamics.worlds import MEANINGS

        return {**SUMMARIES, **{name: MEANINGS[name] for name in self.worlds()}}

    def worlds(self) -> Mapping[str, Callable[[], SlotWorld]]:
        """Return the ways of acting: those of a device where there is a single one, and the server's."""
        from mecopt.models.inference_queue.dynamics.worlds import WAYS, DeviceWorld, ServerWorld

        alone = {name: partial(DeviceWorld, dynamics=self, actions=name) for name in WAYS} if self.one.users == 1 else {}
        return {**alone, SERVER: partial(ServerWorld, dynamics=self)}

    def world(self, actions: str | None = None) -> SlotWorld:
        """Return one way of acting.

        Raises
        ------
        UnknownName, InstanceError
            where there is none of this name, or none for so many devices.
        """
        from mecopt.models.inference_queue.dynamics.worlds import WAYS, checked_single

        if actions in WAYS:
            checked_single(self)
        return super().world(actions)

    def why_unproved(self) -> str:
        """Return that discounted costs count."""
        return "discounted costs count, not averages"

    def why_no_chart(self) -> str:
        """Return that there are as many queues as devices."""
        return (
            "policies act on the backlogs and channels of all devices and on the server's backlog, more numbers "
            "than a map has axes"
        )
