"""What is measured of paper 001: quantities, methods and settings by the names under which they are reported."""

from __future__ import annotations

from collections.abc import Mapping

from mecopt.learners.paper_001.policies import EVEN, EXACT, HYBRID, MATCHED

LENGTH, QUICK_LENGTH = 4000, 70
"""Frames of a training."""
SHORT = 2000
"""Of one for a value of figures 3 and 4."""
POINTS = 40
"""Of a curve along a training; x is always a frame of a whole one."""

STEADY = "frames"
"""Trainings, and all policies on fresh frames, at the paper's places."""
CARRIER, WORK, DISTANCES = "by carrier", "by work", "by distance"
"""Figures 3a, 3b and 4, by what is varied; x is its value."""
COMMON = "on common frames"
"""Schemes of figure 4b, by distance."""
SETTINGS = (STEADY, CARRIER, WORK, DISTANCES, COMMON)

RAW, WEIGHTS = "raw", "weights"
BEAMS: Mapping[str, str] = {RAW: "antenna weights", WEIGHTS: "weights of users"}
"""What the access point's action is: antenna weights, as printed, or weights of users, as optimal beams have them."""

OWN: Mapping[str, str] = {beams: f"H-MADDPG, {words}" for beams, words in BEAMS.items()}
"""Whose figures 3 and 4 are: policies of Algorithm 1, trained where they are measured."""
GIVEN = (MATCHED, EVEN, EXACT)
"""Beams that nobody learned, beside them."""
WAYS = (*OWN.values(), *GIVEN)
"""Where the beams of figures 3 and 4 come from."""
ROLLED = (*OWN.values(), MATCHED, EVEN)
"""Those with which all schemes are rolled out."""


def played(way: str, scheme: str = HYBRID) -> str:
    """Name a scheme with beams of some origin."""
    return f"{scheme}, {way}"


REWARD, OUTAGE, ENERGY, BATTERY = "reward (11) [kbit/J]", "outage", "energy [mJ]", "battery [mJ]"
"""Means over frames; energy of the access point, and in a battery as a frame begins."""
EFFICIENCY, FRAME_EFFICIENCY = "efficiency, ratio of sums [kbit/J]", "efficiency, mean of ratios [kbit/J]"
"""Work served over energy, the static one included; the mean of ratios is of the second factor of (11)."""
AVERAGES = (EFFICIENCY, FRAME_EFFICIENCY)
EVERYWHERE = ", served at all distances"
"""Follows the name of an average over common frames that all schemes serve at all distances, not only at this one."""

PARTS: Mapping[str, str] = {name: f"{name} part" for name in ("active", "passive", "local")}
"""Of the work served."""
TIMES: Mapping[str, str] = {name: f"{name} time [s]" for name in PARTS}
"""Of a user and frame; users in outage, who may have done nothing, count."""
SENDING = "active time of a user served [s]"
"""Who is dropped sends nothing, which is no choice of the user's. Infinite, as parts are, where nobody is served."""
OF_ALL: Mapping[str, str] = {name: f"{name} part of all work" for name in PARTS}
"""Of all work that came, served or not."""
TRANSMITTING = "active part of the time of transmitting"
"""Of the active and passive time of all users; infinite where nobody transmits."""

OVER = " in training"
"""Follows the name of a quantity that is measured along a training, noise included."""
BETTER = "frames with y > y* [%]"
"""In which the users' joint action is better than the estimate; along a training."""

REGRET, LEAST_REGRET = "energy over the optimum's", "least energy over the optimum's"
"""At the same states: of sums, and of one state."""
WASTED, WASTED_MOST, OPTIMUM = "energy wasted [mJ]", "energy wasted, 90 % [mJ]", "optimum's energy [mJ]"

SERVED, DISORDER = "part of the frames that all schemes serve", "cost of a scheme above that of a poorer one, relative"
"""Of common frames; the greatest of a frame."""
