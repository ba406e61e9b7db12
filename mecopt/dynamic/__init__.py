"""Problems that repeat slot after slot: chains, optimal long runs between proved bounds, policies on common paths."""

from mecopt.dynamic.average import Bracket, Ending, LongRun, average_of, best_average, bracketed
from mecopt.dynamic.chain import Chain, Multichain, Quantiles, quantile_grid
from mecopt.dynamic.discounted import Discounted, best_discounted, discounted_of
from mecopt.dynamic.information import Foreknown, perfect_information
from mecopt.dynamic.operators import Moves, Operator, Tables

__all__ = [
    "Bracket",
    "Chain",
    "Discounted",
    "Ending",
    "Foreknown",
    "LongRun",
    "Moves",
    "Multichain",
    "Operator",
    "Quantiles",
    "Tables",
    "average_of",
    "best_average",
    "best_discounted",
    "bracketed",
    "discounted_of",
    "perfect_information",
    "quantile_grid",
]
