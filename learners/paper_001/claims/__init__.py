"""What paper 001 says, each sentence with the rules that read it, written before the run that they judge.

What the paper leaves open is read in every way that makes sense. Figure 2 (`learning`): with Table I, both meanings of the
access point's action and both rewards of the rival's users; in the last tenth of the training, as the figure shows it, and
on fresh frames without noise. Figures 3 and 4a (`sharing`) and 4b (`efficiency`): policies of Algorithm 1 with both meanings
of the action, parts of the work and times where the text names either or neither, efficiencies on common frames and in
rollouts, by each average. The same sentences with beams that nobody learned stand beside them, those of figure 2 with tuned
methods (`tuned`), the order of the schemes, which the paper does not state, and what is ours (`ours`).

"About" is within a factor of 1.5. What is near, much, large, steep or none is ours: such scales must agree.
"""

from mecopt.learners.paper_001.claims import efficiency, sharing, tuned
from mecopt.learners.paper_001.claims.efficiency import EFFICIENCIES
from mecopt.learners.paper_001.claims.learning import LEARNING
from mecopt.learners.paper_001.claims.ours import OURS
from mecopt.learners.paper_001.claims.sharing import SHARING

__all__ = ["BESIDE", "CLAIMS", "OURS", "PAPER"]

PAPER = (*LEARNING, *SHARING, *EFFICIENCIES)
BESIDE = (*tuned.BESIDE, *sharing.BESIDE, *efficiency.BESIDE)
CLAIMS = (*PAPER, *BESIDE, *OURS)
