"""What paper 004 says, and whether it survives: every verdict is computed from what was measured.

The rules stand in the docstring of each claim. "Clearly" means by more than twice the standard deviation over seeds: of the
differences where the same seeds and slots stand beside each other, of the larger one elsewhere; a single seed cannot tell.
"About" means within a factor of 1.5 (`mecopt.learners.verdicts`). Where the paper leaves a reading open all readings must
agree; where they do not, the claim cannot be tested. What concerns OJRS is judged by two settings, `paper` and `sane`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mecopt.learners.paper_004 import claims_learning, claims_search, claims_servers, claims_strategies
from mecopt.reproduction import Claim

if TYPE_CHECKING:
    from mecopt.learners.paper_004.evaluation import Measured


def judged(m: Measured) -> list[Claim]:
    """Judge every claim of the paper."""
    return [
        *claims_search.judged(m),
        *claims_learning.judged(m),
        *claims_strategies.judged(m),
        *claims_servers.judged(m),
    ]
