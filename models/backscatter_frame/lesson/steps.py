"""The lesson on backscatter frames: from rates to bits, who is served, what prices prove, and which beams are best.

`lesson_allocation` has the steps with the beams fixed, `lesson_beams` those with the beams open.
"""

from mecopt.lesson import Lesson
from mecopt.models.backscatter_frame.lesson.allocation import ALLOCATION
from mecopt.models.backscatter_frame.lesson.beams import BEAMS
from mecopt.models.backscatter_frame.lesson.exercises import EXERCISES

LESSON = Lesson(
    problem="backscatter-frame",
    title="Backscatter frames: a product that is a perspective, and beams that are eigenvectors",
    introduction="""
An access point feeds N users through the air, with a carrier that they harvest and that each of them, in its own slot, may
reflect to send its work. They may send by themselves, too, or compute. Who does how much of what, and where does the carrier
point? The paper finds the first question non-convex as it stands, and gives the second to a learner.

Six steps are about the first one. A change of variables makes it convex, a penalty gives every frame an answer, and prices
prove it. Three more are about the second: over mixtures of beams it is convex as well, its bound is one search for a slope,
and a single beam attains it, or a few in turn. The last step leaves the single frame: what the least energy of today costs
tomorrow, and a price against it.

Every step is a statement, its proof, and a check that measures it by other means on random frames.
""",
    steps=(*ALLOCATION, *BEAMS),
    exercises=EXERCISES,
)
