"""What paper 001 says, and whether it survives: every verdict is computed from what was measured.

The rules stand in the docstring of each claim. "Clearly" means by more than twice the standard deviation of the differences
over seeds; a single seed cannot tell (`mecopt.learners.verdicts`). Where the paper leaves a reading open all readings must
agree; where they do not, the claim cannot be tested. Figures 3 and 4 are judged with the beams of three origins, since the
paper does not say whose they show; figure 2 with both meanings of the access point's action and with both rewards of the
rival's users. Claims "of ours" are not the paper's: they are what this evaluation was made to find out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mecopt.evaluation.reproduction import Claim
from mecopt.learners.paper_001 import claims_efficiency, claims_learning, claims_ours, claims_sharing

if TYPE_CHECKING:
    from mecopt.learners.paper_001.evaluation import Measured


def judged(m: Measured) -> list[Claim]:
    """Judge every claim of the paper, then ours."""
    return [
        *claims_learning.judged(m.compared),
        *claims_sharing.judged(m.swept),
        *claims_efficiency.judged(m.swept),
        *claims_ours.judged(m.compared),
    ]
