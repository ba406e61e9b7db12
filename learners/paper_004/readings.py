"""By what claims about OJRS are judged: the settings as printed and the sane ones, and what both can see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mecopt.learners.paper_004.trainings import PAPER_NAME, PROPOSED, SANE_NAME, varied

if TYPE_CHECKING:
    from mecopt.learners.paper_004.evaluation import Measured


def by_settings(said: dict[str, str]) -> str:
    """Write the evidence of each of `PROPOSED`."""
    return "; ".join(f"{base}: {said[base]}" for base in PROPOSED)


def changing(m: Measured) -> str:
    """Say how many users ever change their choice, by the finished networks: a blind one repeats itself."""
    share = {base: 100.0 * (1.0 - np.mean([one.unchanging for one in m.habits[varied(base)]])) for base in PROPOSED}
    return (
        f"of the users {share[PAPER_NAME]:.0f} % ever change their choice in the last slots by '{PAPER_NAME}', whose sums "
        f"in (23) blind the network: the code keeps little but the mean of the channels; {share[SANE_NAME]:.0f} % by "
        f"'{SANE_NAME}', which has means"
    )
