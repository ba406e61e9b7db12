"""Problems that repeat slot after slot: chains, optimal long runs between proved bounds, policies on common paths."""

from mecopt.dynamic.average import Bracket, Ending, LongRun, average_of, best_average, bracketed
from mecopt.dynamic.chain import Chain, Multichain, side_by_side
from mecopt.dynamic.charts import Chart
from mecopt.dynamic.control_variates import Nodes, luck
from mecopt.dynamic.discounted import Discounted, Values, best_discounted, discounted_of, discounted_values
from mecopt.dynamic.dynamics import ControlVariate, Dynamics, Grids, Policy
from mecopt.dynamic.estimates import Estimate, block_means, estimate, paired
from mecopt.dynamic.information import Foreknown, perfect_information
from mecopt.dynamic.maps import shown
from mecopt.dynamic.operators import Moves, Operator, Sweep, Tables
from mecopt.dynamic.outcome import Outcome
from mecopt.dynamic.prices import Priced, best_price
from mecopt.dynamic.quantiles import Quantiles, quantile_grid
from mecopt.dynamic.rollout import Record, Rollout, path_digest, policy_names, policy_of, rollout, solved_by
from mecopt.dynamic.worlds import Choices, Numbers, SlotWorld, State

__all__ = [
    "Bracket",
    "Chain",
    "Chart",
    "Choices",
    "ControlVariate",
    "Discounted",
    "Dynamics",
    "Ending",
    "Estimate",
    "Foreknown",
    "Grids",
    "LongRun",
    "Moves",
    "Multichain",
    "Nodes",
    "Numbers",
    "Operator",
    "Outcome",
    "Policy",
    "Priced",
    "Quantiles",
    "Record",
    "Rollout",
    "SlotWorld",
    "State",
    "Sweep",
    "Tables",
    "Values",
    "average_of",
    "best_average",
    "best_discounted",
    "best_price",
    "block_means",
    "bracketed",
    "discounted_of",
    "discounted_values",
    "estimate",
    "luck",
    "paired",
    "path_digest",
    "perfect_information",
    "policy_names",
    "policy_of",
    "quantile_grid",
    "rollout",
    "shown",
    "side_by_side",
    "solved_by",
]
