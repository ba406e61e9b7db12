r"""What learners see of a frame: the paper's state (E, l, h) of every user, made of magnitude 1.

.. math::
    o_i = \Big(\frac{E_i}{E_{max,i}},\ \frac{l_i}{\bar l} - 1,\ \log_{10} \frac{\|h_i\|^2}{\bar s_i},\
    \Re \frac{h_i}{\sqrt{\bar s_i / M}},\ \Im \frac{h_i}{\sqrt{\bar s_i / M}}\Big)

with the means :math:`\bar s_i` of :math:`\|h_i\|^2` and :math:`\bar l` of the work over the frames that an observer was
fitted to. The channel to the access point and that from it are the same (footnote 1 of the paper), so there is one.

Reference: paper 001, section III, the states (E, l, h, g) of the users and of the access point, who sees all of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.models.backscatter_frame.problem import BackscatterFrame
from mecopt.show.numbers import counted

Array = NDArray[Any]

FARTHEST = 10.0
"""Magnitude at which numbers are cut off: ten times the mean, or ten orders of magnitude below it."""


@dataclass(frozen=True, eq=False)
class Observer:
    """Scales of an observation, fixed, so that equal frames always look the same.

    A mean of 0 scales nothing: of users without channel or of work that nobody has, what is seen is how far from 0 it is.

    Examples
    --------
    >>> frames = BackscatterFrame.sample(np.random.default_rng(0), (1000,))
    >>> observer = Observer.fit(frames)
    >>> observer(frames).shape, observer.size
    ((1000, 3, 9), 9)
    """

    strength: Array
    """Mean of the channel's power gain ``(users,)``."""
    workload: float
    """Mean work of a user, kbit."""
    antennas: int

    def __post_init__(self) -> None:
        strength, workload = np.array(self.strength, dtype=float), np.array(self.workload, dtype=float)
        if strength.ndim != 1 or not strength.size or workload.ndim:
            shapes = f"shapes {strength.shape} and {workload.shape}"
            raise InstanceError(f"Observer.strength and workload have {shapes}; allowed: one entry per user, and one number")
        for name, value in (("strength", strength), ("workload", workload)):
            good = np.isfinite(value) & (value >= 0.0)
            if not good.all():
                index = tuple(int(i) for i in np.argwhere(~good)[0])
                raise InstanceError(f"Observer.{name}{list(index) or ''} is {value[index]}; allowed: finite numbers >= 0")
        if isinstance(self.antennas, bool) or not isinstance(self.antennas, int | np.integer) or self.antennas < 1:
            raise InstanceError(f"Observer.antennas is {self.antennas!r}; allowed: a whole number of at least 1")
        strength.flags.writeable = False
        object.__setattr__(self, "strength", strength)
        object.__setattr__(self, "workload", float(workload))

    @classmethod
    def fit(cls, frames: BackscatterFrame) -> Observer:
        """Return the observer whose scales are the means over these frames."""
        gains = np.abs(frames.channel) ** 2
        strength = gains.sum(axis=-1).reshape(-1, frames.users).mean(axis=0)
        return cls(strength, float(frames.workload.mean()), frames.sizes["antennas"])

    @property
    def users(self) -> int:
        """The number of users."""
        return len(self.strength)

    @property
    def size(self) -> int:
        """How many numbers are seen of a user."""
        return 3 + 2 * self.antennas

    def __call__(self, frame: BackscatterFrame) -> NDArray[np.float32]:
        """Return what is seen of every user, ``(*batch, users, size)``; the access point sees all rows."""
        if frame.sizes != {"users": self.users, "antennas": self.antennas}:
            raise InstanceError(
                f"the frame has {frame.size_text}; allowed: those of the observer, {counted(self.users, 'users')}, "
                f"{counted(self.antennas, 'antennas')}"
            )
        scale = np.where(self.strength > 0.0, self.strength, 1.0)
        gain = (np.abs(frame.channel) ** 2).sum(axis=-1) / scale
        channel = frame.channel / np.sqrt(scale / self.antennas)[:, None]
        work = frame.workload / self.workload - 1.0 if self.workload > 0.0 else frame.workload
        # Users without channel have no logarithm; a gain at which it would be cut off stands for it.
        logarithm = np.log10(np.maximum(gain, 10.0**-FARTHEST))
        three = np.stack([frame.battery / frame.battery_capacity, work, logarithm], axis=-1)
        seen = np.concatenate([three, channel.real, channel.imag], axis=-1)
        return np.clip(seen, -FARTHEST, FARTHEST).astype(np.float32)


def flattened(seen: Array) -> Array:
    """Return what the access point sees: the rows of all users one after the other, ``(*batch, users * size)``."""
    return seen.reshape(*seen.shape[:-2], math.prod(seen.shape[-2:]))
