"""Figures 3 and 4: who does which work, and how efficiently, as the carrier, the work and the distances change.

Figures 3 and 4a come from rollouts, whose batteries are what the policy left in them. Figure 4b compares schemes, and what a
scheme may do the next one may do, too: local computing alone, with active transmission, with passive transmission. On the
same frames with the same batteries the optimum of each can only be better than that of the one before. In rollouts of their
own, schemes have other batteries and serve other users, so that neither order nor its opposite is sure.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.evaluation.reproduction import Progress
from mecopt.learners.paper_001.measures import REWARDS, Followed, Means, Size, follow
from mecopt.learners.paper_001.policies import EVEN, EXACT, HYBRID, MATCHED, MODES, RULES, of_scheme, random_of
from mecopt.learners.paper_001.worlds import SCALES, SWEPT, World, stream
from mecopt.models.backscatter_frame.admission import served
from mecopt.models.backscatter_frame.dynamics.steps import BITS_PER_ENERGY, carried_out
from mecopt.running.workers import side_by_side as at_once
from mecopt.solve import allocate, solve

Array = NDArray[Any]

WAYS = (MATCHED, EVEN, EXACT)
"""Where the beams come from: the paper does not say whose beams its figures 3 and 4 show."""

SIZE, QUICK_SIZE = Size(60, 10, 10), Size(4, 1, 2)
COMMON, QUICK_COMMON = 400, 12
"""Frames of every seed and distance on which all schemes are compared."""

RATIO_OF_SUMS, MEAN_REWARD, MEAN_EFFICIENCY = "ratio of sums", "mean of (11)", "mean of ratios"
"""How efficiencies are averaged over frames; the last is the mean of the second factor of (11)."""


@dataclass(frozen=True, eq=False)
class Common:
    """The schemes on the same frames, in the order of `MODES`: Hybrid, Active-enabled, MEC-disabled."""

    work: Array
    """``(frames,)`` kbit."""
    energy: Array
    """E_o ``(schemes, frames)``, mJ."""
    served: Array
    """Whether a scheme serves all users ``(schemes, frames)``."""
    disorder: float
    """By how much the cost of a scheme, unserved work included, exceeds that of a later one at most, in any frame; relative
    to the cost and a carrier kept on for a slot."""

    def efficiencies(self, shown: Array, read: str) -> Array:
        """Return the efficiency of every scheme over some frames, kbit/J."""
        spent = self.energy[:, shown] + REWARDS.static_energy
        done = BITS_PER_ENERGY * self.work[shown]
        if not done.size:
            return np.full(len(self.energy), np.nan)
        return np.asarray(done.sum() / spent.sum(axis=-1) if read == RATIO_OF_SUMS else (done / spent).mean(axis=-1))


def common(world: World, way: str, seed: int, count: int) -> Common:
    """Let all schemes answer the same frames, batteries as they are drawn."""
    frames = stream(world, seed, 1, count)[0]
    costs, energies, all_served = [], [], []
    for mode in MODES.values():
        problem = dataclasses.replace(frames, mode=mode)
        answer = solve(problem) if way == EXACT else allocate(problem, RULES[way](frames, random_of(seed, 3)))
        costs.append(answer.objective)
        energies.append(carried_out(problem, answer.decision, answer.allocation).energy)
        all_served.append(served(problem, answer.allocation).all(axis=-1))
    above = np.array([(costs[k] - costs[k + 1]) / (np.abs(costs[k + 1]) + frames.negligible) for k in range(len(costs) - 1)])
    return Common(frames.workload.sum(axis=-1), np.array(energies), np.array(all_served), float(above.max()))


def swept(world: World, way: str, scheme: str, seed: int, size: Size) -> Followed:
    """Follow a scheme with beams of some origin along a stream of a world."""
    return follow(stream(world, seed, size.length, size.lanes), of_scheme(way, scheme), seed, size.skipped)


@dataclass(frozen=True, eq=False)
class Swept:
    """Figures 3 and 4; lists hold one entry per seed."""

    worlds: dict[tuple[World, str], list[Means]]
    """Hybrid offloading by world and origin of the beams."""
    schemes: dict[tuple[World, str, str], list[Means]]
    """Every scheme in a rollout of its own, by world, origin of the beams, and scheme."""
    common: dict[tuple[World, str], list[Common]]
    """All schemes on common frames."""

    def efficiency(self, way: str, read: str, everywhere: bool = False) -> Array:
        """Return efficiencies on common frames, ``(seeds, distances, schemes)``.

        Parameters
        ----------
        everywhere
            only frames that all schemes serve at every distance; else those that they all serve at this one.
        """
        found = [self.common[world, way] for world in SCALES]
        seeds = []
        for per_distance in zip(*found, strict=True):
            served_by_all = [one.served.all(axis=0) for one in per_distance]
            if everywhere:
                served_by_all = [np.logical_and.reduce(served_by_all)] * len(served_by_all)
            pairs = zip(per_distance, served_by_all, strict=True)
            seeds.append([one.efficiencies(shown, read) for one, shown in pairs])
        return np.array(seeds)

    def dynamic(self, way: str, read: str) -> Array:
        """Return efficiencies of rollouts, ``(seeds, distances, schemes)``."""
        field = {RATIO_OF_SUMS: "efficiency", MEAN_REWARD: "reward", MEAN_EFFICIENCY: "frame_efficiency"}[read]
        found = [[[getattr(one, field) for one in self.schemes[world, way, name]] for name in MODES] for world in SCALES]
        return np.moveaxis(np.array(found), -1, 0)

    def disorder(self, way: str) -> float:
        """Return by how much the schemes are out of order in any single frame at most; see `Common.disorder`."""
        return max(one.disorder for world in SCALES for one in self.common[world, way])


def measure(seeds: int, quick: bool, progress: Progress) -> Swept:
    """Follow and compare everything, side by side."""
    size, count = (QUICK_SIZE, QUICK_COMMON) if quick else (SIZE, COMMON)
    rolled = [(world, way, HYBRID) for world in SWEPT for way in WAYS]
    rolled += [(world, way, name) for world in SCALES for way in (MATCHED, EVEN) for name in MODES if name != HYBRID]
    compared = [(world, way) for world in SCALES for way in WAYS]
    tasks: list[Task] = [(swept, (*key, seed, size)) for key in rolled for seed in range(seeds)]
    tasks += [(common, (*key, seed, count)) for key in compared for seed in range(seeds)]
    found = side_by_side(tasks, "sweeps", progress)
    followed = {key: [one.means for one in found[k * seeds : (k + 1) * seeds]] for k, key in enumerate(rolled)}
    rest = found[len(rolled) * seeds :]
    return Swept(
        {(world, way): one for (world, way, name), one in followed.items() if name == HYBRID},
        {key: one for key, one in followed.items() if key[0] in SCALES and key[1] != EXACT},
        {key: rest[k * seeds : (k + 1) * seeds] for k, key in enumerate(compared)},
    )


Task = tuple[Callable[..., Any], Sequence[Any]]


def side_by_side(tasks: Sequence[Task], what: str, progress: Progress) -> list[Any]:
    """Run functions of modules in several processes; return what they return, in order."""
    progress(what, 0, len(tasks))
    results = []
    with at_once(_called, tasks, in_order=True) as finished:
        for done, one in enumerate(finished, start=1):
            progress(what, done, len(tasks))
            results.append(one)
    return results


def _called(run: Callable[..., Any], given: Sequence[Any]) -> Any:
    return run(*given)
