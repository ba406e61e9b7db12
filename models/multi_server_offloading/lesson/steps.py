"""The lesson on many servers: a sum of ratios that is convex as it stands, and prices of servers.

`lesson_allocation` has the steps with the decision fixed, `lesson_decision` those with the decision open.
"""

from mecopt.lesson import Lesson
from mecopt.models.multi_server_offloading.lesson.allocation import ALLOCATION
from mecopt.models.multi_server_offloading.lesson.decision import DECISION
from mecopt.models.multi_server_offloading.lesson.exercises import EXERCISES

LESSON = Lesson(
    problem="multi-server-offloading",
    title="Many users, many servers: a sum of ratios without need of a cure, and prices that prove",
    introduction="""
N users each have a task. A user computes it itself, or uploads it to one of M servers, whose speed the users there share.
Who goes where, with which power, and how is each server shared? The paper calls the inner problem a non-convex sum of
ratios and brings in the methods for such sums. Six steps show that it is convex as it stands, what is wrong in print, that
the methods all end at one formula, and so that none is needed. Seven more solve the outer problem: one price per server
bounds all (M + 1)ᴺ decisions at once and says how far each of them is from that bound.

Every step is a statement, its proof, and a check that measures it by other means on random instances.
""",
    steps=(*ALLOCATION, *DECISION),
    exercises=EXERCISES,
)
