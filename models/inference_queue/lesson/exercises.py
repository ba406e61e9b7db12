"""Exercises of the lesson on inference queues; every answer is computed by the problem's own solver."""

from __future__ import annotations

from mecopt.lesson import Exercise
from mecopt.models.inference_queue.dynamics.steps import QueueDynamics
from mecopt.models.inference_queue.problem import InferenceQueue
from mecopt.solve import solve

UNHEARD = InferenceQueue(snr_per_watt=[0.0], backlog=[5])
"""A device without a link: A = 0.4, v = 3."""


def _leaving() -> float:
    return float(solve(UNHEARD).decision[0])


def _cost() -> float:
    return float(solve(UNHEARD).objective)


def _dearest() -> float:
    return QueueDynamics(users=1, mean_snr=[1e4]).network.dearest


EXERCISES = (
    Exercise(
        question="""
Five tasks wait at a device without a link. To compute z of them costs A z³ with A = 0.4, and each that remains costs v = 3.
How many leave?
""",
        answer=_leaving,
        explanation="""
By step 7 tasks leave as long as the next one costs less than v. The first costs 0.4, the second 3.2 − 0.4 = 2.8, the third
10.8 − 3.2 = 7.6. So two leave.
""",
    ),
    Exercise(
        question="""
What does the block of the exercise before cost at best?
""",
        answer=_cost,
        explanation="""
0.4 · 2³ for what is computed, and 3 for each of the three tasks that remain: 3.2 + 9.
""",
    ),
    Exercise(
        question="""
A task that waits a block at the server costs w₁ = 1, and a cost of the next block counts γ = 0.95 of one of now. What does a
task cost that waits at the server for ever? No price beyond it proves anything.
""",
        answer=_dearest,
        explanation="""
1 + 0.95 + 0.95² + … = 1/(1 − 0.95), the right end in step 11.
""",
    ),
)
