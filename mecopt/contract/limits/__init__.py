"""A person's own limits on decisions and allocations: what they are, what they do to a problem, rows for a search."""

from mecopt.contract.limits.amounts import AmountRule
from mecopt.contract.limits.limit import Limit
from mecopt.contract.limits.limited import limited_by, limits_of, without_limits
from mecopt.contract.limits.pyomo import with_rows
from mecopt.contract.limits.rows import DecisionRows, RowsOfEach, breakable, decision_rows
from mecopt.contract.limits.rule import Rule
from mecopt.contract.limits.words import CHANGED, changed, told

__all__ = [
    "CHANGED",
    "AmountRule",
    "DecisionRows",
    "Limit",
    "RowsOfEach",
    "Rule",
    "breakable",
    "changed",
    "decision_rows",
    "limited_by",
    "limits_of",
    "told",
    "with_rows",
    "without_limits",
]
