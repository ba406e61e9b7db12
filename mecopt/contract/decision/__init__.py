"""Decision spaces: what a search or a learner proposes: one of several choices per user, a beam, a quantity, or a count."""

from mecopt.contract.decision.beams import UnitBeams
from mecopt.contract.decision.choices import Binary, OneOf
from mecopt.contract.decision.quantities import MOST_COUNTED, SKIP, Counts, Interval
from mecopt.contract.decision.space import DecisionSpace, listed

__all__ = ["MOST_COUNTED", "SKIP", "Binary", "Counts", "DecisionSpace", "Interval", "OneOf", "UnitBeams", "listed"]
