"""By what claims about OJRS are judged: the settings as printed and the sane ones, and what both can see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mecopt.learners.paper_004.encoders import AVERAGED, PRINTED
from mecopt.learners.paper_004.trainings import PAPER_NAME, PROPOSED, SANE_NAME, SERVERS, varied

if TYPE_CHECKING:
    from mecopt.learners.paper_004.evaluation import Measured


def by_settings(said: dict[str, str]) -> str:
    """Write the evidence of each of `PROPOSED`."""
    return "; ".join(f"{base}: {said[base]}" for base in PROPOSED)


def changing(m: Measured) -> str:
    """Say how many users ever change their choice, by the finished networks, and how much of the channels is in the code."""
    said = {}
    for base, encoder in ((PAPER_NAME, PRINTED), (SANE_NAME, AVERAGED)):
        share = 1.0 - np.mean([one.unchanging for one in m.habits[varied(base)]])
        explained = np.mean([one.testing.explained for one in m.encoders[encoder, SERVERS]])
        said[base] = f"{100.0 * share:.0f} % ({100.0 * explained:.0f} %)"
    return (
        "users who ever change their choice in the last slots, and in brackets what an encoder with this loss (23), sums as "
        f"printed in '{PAPER_NAME}' and means in '{SANE_NAME}', explains of the channels' variance: {by_settings(said)}. A "
        "network that sees nothing repeats one decision"
    )
