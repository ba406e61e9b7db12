"""Hybrid slots for tests, and an oracle of the best one that shares no code with the package: sampled hulls, bisection."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

import mecopt
from mecopt.models import HybridSlot
from mecopt.models.hybrid_slot.allocation import division as allocation

Array = NDArray[Any]

GAIN = 5e-6

NEVER = 1e100
"""Energy that nobody has."""


class Oracle:
    """One user's slot by the formulas of the paper: a lower hull of sampled points, bisection, interval branch and bound."""

    def __init__(self, slot: HybridSlot, user: int = 0, kept: float = 0.0) -> None:
        def of(name: str) -> float:
            return float(np.ravel(getattr(slot, name))[user if getattr(slot, name).ndim else 0])

        length, self.work, self.floor = of("slot"), of("workload"), of("energy_floor")
        uplink = of("uplink_gain")
        noise = of("noise_power") / uplink * length if uplink > 0.0 else NEVER
        gain = of("reflection") ** 2 * of("uplink_gain") * of("downlink_gain")
        passive = of("bandwidth") * np.log2(1.0 + gain * of("carrier_power") * 1e6 / of("noise_power")) * length
        self.harvest = of("harvesting_efficiency") * of("carrier_power") * 1e6 * of("downlink_gain") * length
        self.kappa = of("energy_coefficient") * of("cpu_speed") ** 2 * of("cycles_per_bit") * 1e-3
        self.most = min(of("cpu_speed") * 1e3 / of("cycles_per_bit") * length, self.work)
        self.channel = of("price_weight") * of("channel_price") / length
        self.computing = of("price_weight") * of("computing_price")
        self.reach = of("battery") - kept + self.harvest
        self.passive, self.reflecting = passive, of("backscatter_power") * length
        exponent = np.concatenate([np.geomspace(1e-6, 0.01, 3000), np.linspace(0.01, 12.0, 40000)[1:]])
        rate = np.concatenate([[0.0, passive], of("bandwidth") * length * exponent / np.log(2.0)])
        power = np.concatenate([[0.0, self.reflecting], noise * np.expm1(exponent) + of("circuit_power") * length])
        self.rate, self.power = self.hull(rate, power)

    @staticmethod
    def hull(rate: Array, power: Array) -> tuple[Array, Array]:
        kept: list[int] = []
        for k in np.argsort(rate, kind="stable"):
            while len(kept) > 1 and (rate[kept[-1]] - rate[kept[-2]]) * (power[k] - power[kept[-2]]) <= (
                power[kept[-1]] - power[kept[-2]]
            ) * (rate[k] - rate[kept[-2]]):
                kept.pop()
            kept.append(int(k))
        return rate[kept], power[kept]

    def sending(self, sent: Array, time: Array) -> Array:
        return np.asarray(time * np.interp(sent / time, self.rate, self.power, right=np.inf))

    def longest(self, sent: Array, left: Array) -> Array:
        """The largest time by golden section to the cheapest one and bisection from there; nan where there is none."""

        def paid(time: Array) -> Array:
            return self.sending(sent, time) + self.harvest * time

        low, high = np.full(sent.shape, 1e-6), np.ones(sent.shape)
        for _ in range(90):
            one, other = high - 0.618 * (high - low), low + 0.618 * (high - low)
            falls = paid(one) > paid(other)
            low, high = np.where(falls, one, low), np.where(falls, high, other)
        good, bad = 0.5 * (low + high), np.ones(sent.shape)
        able = paid(good) <= left
        whole = paid(bad) <= left
        for _ in range(60):
            middle = 0.5 * (good + bad)
            fits = paid(middle) <= left
            good, bad = np.where(fits, middle, good), np.where(fits, bad, middle)
        return np.where(sent <= 0.0, np.where(left >= 0.0, 1.0, np.nan), np.where(whole, 1.0, np.where(able, good, np.nan)))

    def values(self, local: Array) -> Array:
        sent = self.work - local
        time = self.longest(sent, self.reach - self.kappa * local)
        energy = self.kappa * local + np.where(sent > 0, self.sending(sent, time), 0.0) + self.floor
        return np.nan_to_num(self.work / energy - sent * (self.channel / time + self.computing), nan=-np.inf)

    def bounds(self, left: Array, right: Array) -> Array:
        """At most the rest of the right end is sent, in at most the time for it that the left end's energy allows."""
        sent = self.work - right
        time = self.longest(sent, self.reach - self.kappa * left)
        energy = self.kappa * left + np.where(sent > 0, self.sending(sent, time), 0.0) + self.floor
        return np.nan_to_num(self.work / energy - sent * (self.channel / time + self.computing), nan=-np.inf)

    def best(self, tolerance: float = 3e-7) -> tuple[float, float]:
        """The best reward to within a tolerance: lower and upper bound."""
        points = np.linspace(0.0, self.most, 65)
        best = float(self.values(points).max())
        left, right, over = points[:-1], points[1:], -np.inf
        size = self.work / (self.floor + self.kappa * self.work) if self.most else 1.0
        for _ in range(40):
            middle = 0.5 * (left + right)
            best = max(best, float(self.values(middle).max()))
            bounds = self.bounds(left, right)
            open_ = bounds > best + tolerance * (size + abs(best))
            over = max(over, float(bounds[~open_].max(initial=-np.inf)))
            if not open_.any():
                break
            left, right = np.concatenate([left[open_], middle[open_]]), np.concatenate([middle[open_], right[open_]])
            if left.size > 200_000:
                over = max(over, float(bounds.max()))
                break
        return best, max(over, best)


def one(**fields: Any) -> HybridSlot:
    return HybridSlot(**{"workload": [30.0], "battery": 20.0, "uplink_gain": GAIN, "downlink_gain": GAIN, **fields})


def changed(slots: HybridSlot, **fields: Any) -> HybridSlot:
    return dataclasses.replace(slots, **fields)


def singles(seed: int, count: int, preset: str, **overrides: Any) -> HybridSlot:
    return HybridSlot.sample(np.random.default_rng(seed), (count,), preset=preset, users=1, **overrides)


def against_oracle(slots: HybridSlot) -> tuple[float, int]:
    """The worst distance to the oracle, relative to the reward and its size, and how many slots could be served."""
    serves = np.flatnonzero(allocation.servable(slots)[:, 0] & (slots.workload[:, 0] > 0.0))
    answer = mecopt.allocate(slots[serves], np.zeros((serves.size, 1)))
    worst = 0.0
    for k, slot in enumerate(slots[serves]):
        low, high = Oracle(slot).best()
        value = float(answer.objective[k])
        worst = max(worst, max(low - value, value - high, 0.0) / (abs(value) + float(slot.negligible)))
    return worst, serves.size
