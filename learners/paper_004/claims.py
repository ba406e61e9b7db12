"""What paper 004 says, and whether it survives: every verdict is computed from what was measured.

The rules stand in the docstring of each claim. "Clearly" means by more than twice the larger standard deviation over seeds,
"about" within a factor of 1.5 (`mecopt.learners.verdicts`). Where the paper leaves a reading open all readings must agree;
where they do not, the claim cannot be tested.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mecopt.learners.paper_004 import claims_learning, claims_search, claims_servers
from mecopt.reproduction import Claim

if TYPE_CHECKING:
    from mecopt.learners.paper_004.evaluation import Measured


def judged(m: Measured) -> list[Claim]:
    """Judge every claim of the paper."""
    return [*claims_search.judged(m), *claims_learning.judged(m), *claims_servers.judged(m)]
