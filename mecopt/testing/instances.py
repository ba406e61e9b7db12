"""Instances on which the batteries try a problem."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mecopt.contract.problem import Problem


def small(cls: type[Problem], count: int = 4, users: int = 5, preset: str = "paper") -> Problem:
    """Draw a few instances of a few users, the same ones every time."""
    return cls.sample(np.random.default_rng(11), (count,), preset=preset, users=users)


def every_preset(cls: type[Problem]) -> Iterator[Problem]:
    """Draw instances of every preset."""
    return (small(cls, preset=preset) for preset in cls.presets)
