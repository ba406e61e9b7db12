"""What paper 004 says, each sentence with the rules that read it, written before the run that they judge.

The rooms follow the paper: `compression` (V-B, and the encoder in table III), `scheduling` (P2, figure 7, table II),
`training` (figures 8 to 10), `dynamic` (table III), and `ours`, what the paper does not say. `readings` holds what all of
them share: how measurements are selected, and scales that are ours, on which a sentence has to have the same answer.
"""

from mecopt.learners.paper_004.claims.compression import ENCODER
from mecopt.learners.paper_004.claims.dynamic import DYNAMICS
from mecopt.learners.paper_004.claims.ours import OURS_TOO
from mecopt.learners.paper_004.claims.scheduling import ALLOCATION, SEARCH, STRATEGIES
from mecopt.learners.paper_004.claims.training import TRAINING

PAPER = (*ALLOCATION, *ENCODER, *SEARCH, *TRAINING, *STRATEGIES, *DYNAMICS)
CLAIMS = (*PAPER, *OURS_TOO)

__all__ = ["CLAIMS", "OURS_TOO", "PAPER"]
