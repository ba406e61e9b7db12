"""What is measured of paper 004: quantities by the names under which they are reported."""

from __future__ import annotations

POINTS = 100
"""Of a curve along a training; x is always a slot of a whole one."""
OVER = " along the training"
"""Follows the name of a quantity that is measured along a training."""

NRR, REWARD, LATENCY, TIME = "NRR", "reward [1/s]", "latency [s]", "time [ms]"
"""Of own decisions; along a training, or on fresh slots."""
FEASIBLE = "decisions whose allocation satisfies all constraints"
"""A share of fresh slots."""
LABELS, LOSS, STEPS, LEAST = "NRR of the labels", "loss", "T", "least NRR"
UNCHANGING, CHOSEN = "users who never change their choice", "users who choose"
MET, FOUND = "NRR of the best decision met", "evaluations to a mean NRR"
"""The NRR of `FOUND` is x."""
QUALITY = "part of the optimum"
"""Of what a ratio is divided by; of a half of a stream of table III after its letter."""
ABOVE, APART = "midpoints above the chord of a term of P2", "convex program and square-root rule apart by"
COMPRESSION = "compression ratio"

ACCURACY, UNIT_ACCURACY, EXPLAINED = "accuracy", "accuracy on the scale of (23)", "variance explained"
"""In testing: on the scale of our feature, mapped to [0, 1], and 1 - MSE/Var."""
BEST_KEPT = "users whose strongest server stays the strongest"
RELATIVE = "error of ratios between a user's servers"
"""Mean size of what the relative term of (23) squares, on its scale."""
ERRORS = "share of errors in a bar"
"""By the upper edge of a bar, which is x."""
TRAINING, TESTING = ", training", ", testing"
PLENTY = ", 8,192 slots to learn from"
ALONG_EPISODES, ALONG_UPDATES = ", an episode being a pass", ", an episode being an update"


def by(quantity: str, divisor: str = "") -> str:
    """Name a ratio of rewards by what it is divided by; by the optimum, unless said otherwise."""
    return f"{quantity} by {divisor}" if divisor else quantity
