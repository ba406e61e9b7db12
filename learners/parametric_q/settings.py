"""The settings of `parametric-q`: which of its ways of learning, in which network, and what each of them leaves open."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mecopt.contract.errors import InstanceError
from mecopt.learners.settings import Settings
from mecopt.models.inference_queue.dynamics.steps import CAUSAL, KNOWN, POSITIONS

REPAIRED, SEMI_GRADIENT, SIGNED, PRINTED = "repaired", "semi-gradient", "signed", "printed"
EMPIRICAL, DRAIN = "empirical", "drain"
RESIDUAL = (SIGNED, PRINTED)
"""The ways that move a power, or rates, along the gradient of a squared temporal difference."""
METHODS = (REPAIRED, SEMI_GRADIENT, SIGNED, PRINTED)
SERVERS = (EMPIRICAL, DRAIN, SIGNED, PRINTED)
RAW, SCALED = "raw", "scaled"
NO_PRICE, BROADCAST = "none", "broadcast"


@dataclass(frozen=True, kw_only=True)
class ParametricQSettings(Settings):
    """How devices and server learn, and the network they learn in.

    The defaults are the repaired learner. Where the paper is silent, which is nearly everywhere, numbers are ours.
    """

    devices: str = REPAIRED
    """How a device learns. "repaired": what it observed lately, replayed at all backlogs; "semi-gradient": the value of its
    queue by temporal differences; "printed": Algorithm 1; "signed": Algorithm 1 along the gradient of its own objective."""
    server: str = EMPIRICAL
    """How the server learns. "empirical": the best rule for what came lately; "printed": Algorithm 2; "signed": Algorithm 2
    with the sign of (33) mended; "drain": nothing, it processes what it can."""

    price: str = NO_PRICE
    """What a device pays for a task that it leaves: "none" (the paper's), or the network's "broadcast" price."""
    memory: int = 200
    """N, observations that a device remembers of its channel and its arrivals, and the server of what came (repaired,
    empirical)."""
    interval: int = 10
    """Blocks after which what is remembered is replayed (repaired, empirical)."""
    sweeps: int = 20
    """Sweeps of a replay over all backlogs (repaired)."""
    slope: float = 4.0
    """What a task that remains is worth before anything is learned (repaired, semi-gradient)."""
    rate: float = 0.5
    """First step size of temporal differences, of which 1 removes the difference that is met (semi-gradient)."""
    rate_blocks: float = 100.0
    """Blocks after which that step is half (semi-gradient)."""

    features: int = 30
    """M, sigmoids of the printed value functions (section VI: 30)."""
    scaling: str = SCALED
    """What they see: "raw", cycles, 1/W and W; or "scaled", tasks and the part of a task that full power carries."""
    step: float = 0.1
    """First step size of Algorithms 1 and 2; the paper is silent."""
    step_blocks: float = 1.0
    """Blocks after which that step is half: it is ``step / (1 + t / step_blocks)`` in block t = 0, 1, ..., so that 1 is the
    harmonic sequence."""
    tolerance: float = 0.001
    """epsilon, at which relative change of its parameters a device or the server stops (section VI: 1e-3); 0: never."""
    start_power: float = 0.1
    """p_0 in W; the paper is silent."""
    start_rate: float = 0.5
    """The server's first rates, as a part of its greatest; the paper is silent."""

    lanes: int = 1
    """Networks side by side, of whose observations devices and server take the mean, or all; the paper has one."""
    checks: int = 0
    """How often on the way what devices have learned is evaluated exactly; at the end it is too, of up to 200."""
    cells: int = 128
    """Cells of the channel for that."""

    arrival_probability: float = 0.4
    """b of the network, where the stream is drawn."""
    mean_snr: tuple[float, ...] = ()
    """Average SNR per watt of each device, or one number for all; without any they are drawn on the disc."""
    positions: int = POSITIONS
    """Seed of the places of devices, where they are drawn."""
    discount: float = 0.95
    """gamma."""
    waiting_weight: float = 1.0
    """What a task costs that waits a block at a device."""
    server_waiting_weight: float = 1.0
    """What a task costs that waits a block at the server."""
    arrivals: str = KNOWN
    """Whether devices decide knowing the arrivals of the block, "known" (the paper's), or before they come, "causal"."""

    def __post_init__(self) -> None:
        for name, known in (
            ("devices", METHODS),
            ("server", SERVERS),
            ("price", (NO_PRICE, BROADCAST)),
            ("scaling", (RAW, SCALED)),
            ("arrivals", (KNOWN, CAUSAL)),
        ):
            self.require_one_of(name, known)
        self.require_at_least_one("memory", "interval", "sweeps", "features", "lanes", "cells")
        self.require_fraction("discount")
        positive = ("rate", "rate_blocks", "step", "step_blocks")
        for name in (*positive, "slope", "tolerance", "start_power", "start_rate"):
            value = getattr(self, name)
            if not 0.0 <= value < math.inf or (name in positive and value == 0.0):
                raise InstanceError(
                    f"setting {name} is {value}; allowed: a finite number {'> 0' if name in positive else '>= 0'}"
                )
        if self.start_rate > 1.0:
            raise InstanceError(f"setting start_rate is {self.start_rate}; allowed: a part, from 0 to 1")
        if self.checks < 0:
            raise InstanceError(f"setting checks is {self.checks}; allowed: 0 or more")
        if self.lanes > self.memory:
            raise InstanceError(f"setting lanes is {self.lanes}; allowed: at most memory, {self.memory}")
        if self.price == BROADCAST and self.devices in RESIDUAL:
            raise InstanceError(
                f"setting price is {self.price!r}; allowed with devices={self.devices}, whose powers no price moves: "
                f"{NO_PRICE}"
            )

    def network(self) -> dict[str, Any]:
        """Return what the dynamics of the network is made from, beside a preset and fields."""
        means = self.mean_snr[0] if len(self.mean_snr) == 1 else self.mean_snr
        return {
            "arrival_probability": self.arrival_probability,
            "mean_snr": means or None,
            "positions": self.positions,
            "discount": self.discount,
            "waiting_weight": self.waiting_weight,
            "server_waiting_weight": self.server_waiting_weight,
            "arrivals": self.arrivals,
        }

    def without_effect(self) -> Mapping[str, str]:
        """Return the settings of ways of learning that are not chosen, with what is chosen instead."""
        devices, server = f"devices={self.devices}", f"server={self.server}"
        values, printed = self.devices not in RESIDUAL, self.devices in RESIDUAL or self.server in RESIDUAL
        replays = self.devices == REPAIRED or self.server == EMPIRICAL
        off = (
            (self.devices != REPAIRED, devices, ("sweeps",)),
            (self.devices != SEMI_GRADIENT, devices, ("rate", "rate_blocks")),
            (not values, devices, ("slope",)),
            (not replays, f"{devices} and {server}", ("memory", "interval")),
            (not printed, f"{devices} and {server}", ("features", "scaling", "step", "step_blocks", "tolerance")),
            (values, devices, ("start_power",)),
            (self.server not in RESIDUAL, server, ("start_rate",)),
            (bool(self.mean_snr), "mean_snr", ("positions",)),
        )
        return {name: cause for is_off, cause, names in off if is_off for name in names}


VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    REPAIRED: {},
    SEMI_GRADIENT: {"devices": SEMI_GRADIENT},
    SIGNED: {"devices": SIGNED, "server": SIGNED},
    PRINTED: {"devices": PRINTED, "server": PRINTED},
}
"""`printed` is Algorithms 1 and 2 to the letter, where they have one."""
