"""The streams of paper 001's evaluation: the preset's frames with another carrier, other work, or users farther away.

Path loss is 20 + 20 log10(d) dB, so that all distances times s means all amplitudes over s; the fading is drawn as in the
preset, the same for every distance and carrier of a seed. Work is drawn as in the preset, too, Poisson and at least 1 kbit,
with another mean.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from mecopt.learners.paper_001.names import CARRIER, DISTANCES, WORK
from mecopt.learners.paper_001.policies import RULES, random_of
from mecopt.models.backscatter_frame import BackscatterFrame
from mecopt.models.backscatter_frame.scenarios import LOAD

POWER = 6000.0
"""Carrier power of the preset, mW."""


@dataclass(frozen=True)
class World:
    """What figures 3 and 4 vary."""

    power: float = POWER
    """p, mW."""
    load: float = LOAD
    """Mean work of a user, kbit."""
    scale: float = 1.0
    """Distances of all users, as a multiple of the paper's."""


NOMINAL = World()

POWERS = tuple(World(power=p) for p in (750.0, 1500.0, 3000.0, 4500.0, POWER, 9000.0, 12000.0))
LOADS = tuple(World(load=mean) for mean in (10.0, 20.0, 30.0, LOAD, 50.0, 60.0, 80.0))
SCALES = tuple(World(scale=s) for s in (0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5))
"""Figures 3a, 3b and 4: each contains `NOMINAL`."""

UNCAPPED = 50.0
"""Mean work, kbit, up to which users can nearly always compute all of it: 60 kbit in their slot, and the work is Poisson."""

AXES: Mapping[str, Mapping[float, World]] = {
    CARRIER: {world.power: world for world in POWERS},
    WORK: {world.load: world for world in LOADS},
    DISTANCES: {world.scale: world for world in SCALES},
}
"""Figures 3a, 3b and 4, by what is varied."""
FEW: Mapping[str, tuple[float, ...]] = {
    CARRIER: (POWERS[0].power, POWER, POWERS[-1].power),
    WORK: (LOADS[0].load, LOAD, UNCAPPED),
    DISTANCES: (SCALES[0].scale, 1.0, SCALES[-1].scale),
}
"""Where exact beams, and what is trained for each value, are measured: of each axis the ends that count, and the preset."""


def along(setting: str, way: str) -> Mapping[float, World]:
    """Return where on an axis beams of some origin are measured."""
    axis = AXES[setting]
    return axis if way in RULES else {x: axis[x] for x in FEW[setting]}


def stream(world: World, seed: int, frames: int, lanes: int) -> BackscatterFrame:
    """Draw frames ``(frames, lanes)`` of a world, on which policies are compared."""
    return _drawn(world, (frames, lanes), random_of(seed, 0), random_of(seed, 1))


def training(world: World, seed: int, frames: int) -> BackscatterFrame:
    """Draw the frames ``(frames,)`` of a world on which all trainings of a seed learn."""
    return _drawn(world, (frames,), random_of(seed, 4), random_of(seed, 5))


def _drawn(world: World, shape: tuple[int, ...], rng: Generator, of_work: Generator) -> BackscatterFrame:
    drawn = BackscatterFrame.sample(rng, shape, carrier_power=world.power)
    work = drawn.workload
    if world.load != LOAD:
        work = np.maximum(1.0, of_work.poisson(world.load, (*shape, drawn.users)))
    return dataclasses.replace(drawn, channel=drawn.channel / world.scale, workload=work)
