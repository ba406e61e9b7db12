"""The lesson on inference queues: from a modulo to a convex split, how many tasks leave, and what one price makes of many.

`lesson_network` has the steps that go from block to block.
"""

from mecopt.lesson import Lesson, Step
from mecopt.models.inference_queue.lesson import checks, figures
from mecopt.models.inference_queue.lesson.exercises import EXERCISES
from mecopt.models.inference_queue.lesson.network import NETWORK

RATES = Step(
    title="Equal rates: a block has one speed, not five",
    statement="""
What a block costs depends on the cycles computed in it, x = f₁τ + … + f_nτ. For given x the least energy is that of equal
rates:

    Σ τ ξ fᵢ³ ≥ ξ x³/(nτ)²,   with equality at fᵢ = x/(nτ)

So z = x/W tasks cost A z³, with A = w₄ ξ W³/(nτ)².
""",
    formula=r"""
\sum_{i=1}^n \tau\, \xi f_i^3 \;\ge\; \frac{\xi x^3}{(n\tau)^2} \quad\text{where}\quad \sum_i f_i \tau = x
""",
    argument="""
The cube is convex on numbers that are not negative, so by Jensen's inequality the mean of the cubes is at least the cube
of the mean. The paper's decision is a vector of n rates, and a power from which it follows; by this step the vector is a
number.
""",
    check=checks.check_equal_rates,
)

PIECES = Step(
    title="The modulo is a choice among pieces",
    statement="""
Of the work that is left the paper offloads the remainder of one task, (q − x) mod W. Say s for how many tasks leave the
queue, computed or offloaded, and y for the part that is offloaded:

    z + y = s,   s whole,   0 ≤ y ≤ 1

On each piece s everything is smooth; the jumps of the modulo lie between pieces.
""",
    formula=r"""
\min_x\; c(x) + v \Big\lfloor \frac{q - x}{W} \Big\rfloor \;=\; \min_{s \in \{0, \dots, m\}}\; e(s) + v\,(m - s), \qquad
e(s) = \inf_{0 \le y < 1,\; z = s - y} \; w_4 E(z, y)
""",
    argument="""
With q = mW and x = zW the remainder is y = (m − z) mod 1, so z + y is whole. A power says y only: x = q − y − jW has the
same remainder for every j, so whoever learns a power, as the paper does, still has to say which piece is meant. The
modulo makes 0 of a whole task, so its infimum need not be attained; y = 1 is that limit, and lets a whole task be
offloaded.
""",
    check=checks.check_pieces,
    figure=figures.MODULO,
)

POWER = Step(
    title="The power is convex in what it sends, and its perspective in the time as well",
    statement="""
To send the part y of a task, L nats per channel use for a whole one, in a part θ of the slot takes the energy

    τ (Γ/h) θ (exp(L y/θ) − 1)

It is jointly convex in y and θ, and falls in θ: the whole slot is best. By the rate it is the region below
y = (θ/L) ln(1 + h p/Γ), a perspective of a concave function.
""",
    formula=r"""
\tau \frac{\Gamma}{h}\, \theta \left(e^{L y/\theta} - 1\right), \qquad L = \frac{\zeta W \ln 2}{\tau B}
""",
    argument="""
exp(Ly) − 1 is convex in y, and θ g(y/θ) is the perspective of g: convex in both. Since g(0) = 0, g(y/θ) θ falls as θ
grows. The paper's devices have a slot and a band of their own, so θ = 1 and nothing is shared; where they share one, this
is the form that stays convex.
""",
    check=checks.check_power,
)

LAMBERT = Step(
    title="Without a price the split is Lambert's",
    statement="""
On a piece, computing a little more costs 3 A z², offloading a little more R L exp(L y), R = w₄ τ Γ/h. Inside the two are
alike, at

    z = (2/L) W₀((L/2) √C),   C = R L exp(L s)/(3 A)

Else y is at an end: 0, a whole task, or what full power carries.
""",
    formula=r"""
3 A z^2 = R L\, e^{L (s - z)} \iff z = \frac2L\, W_0\!\Big(\frac L2 \sqrt C\Big), \qquad C = \frac{R L\, e^{L s}}{3 A}
""",
    argument="""
The cost A z³ + R (exp(L(s − z)) − 1) is strictly convex in z, so its derivative has one root at most. The root of the
equation reads z exp(Lz/2) = √C. With u = Lz/2 this is u exp(u) = (L/2) √C. The argument of W overflows long before its
value: the package solves u + ln u = k, for whatever k.
""",
    check=checks.check_lambert,
)

NEWTON = Step(
    title="With a price: Newton's method on a logarithm, from above",
    statement="""
If the server asks λ for a task, 3 A z² = λ + R L exp(L(s − z)). Let ζ² = λ/(3A), so that computing costs more than λ from
ζ on, and z = ζ + d. Then

    ln d + ln(d + 2ζ) + L d = ln(R L/(3A)) + L (s − ζ)

In t = ln d the left side is convex and increasing, and its slope is at least 1.
""",
    formula=r"""
t + \ln(2\zeta + e^t) + L e^t = \ln\frac{R L}{3 A} + L\,(s - \zeta), \qquad t = \ln d,\; z = \zeta + d
""",
    argument="""
3A (z² − ζ²) = 3A d (d + 2ζ); take logarithms. ln(2ζ + exp(t)) and exp(t) are convex and increasing, so Newton's method
that begins above the root falls to it, and no step has to be guarded. Two points are above: the one at which ln d + ln 2ζ
alone is the right side, and the end of the piece. λ = 0 is Lambert's equation again.
""",
    check=checks.check_newton,
    figure=figures.SPLIT,
)

PRICE = Step(
    title="A price of work bounds a piece, whoever names it",
    statement="""
For any number μ, a price of the work that leaves,

    e(s) ≥ μ s + min_z (A z³ − μ z) + min_y (R (exp(L y) − 1) + λ y − μ y)

over 0 ≤ z ≤ z_max and 0 ≤ y ≤ y_max. Both minima are formulas. At what the last of the work costs, μ = 3 A z² inside,
there is equality.
""",
    formula=r"""
e(s) \ge \mu s + \min_{0 \le z \le z_{\max}} \big(A z^3 - \mu z\big)
    + \min_{0 \le y \le y_{\max}} \big(R (e^{L y} - 1) + \lambda y - \mu y\big) \qquad \text{for all } \mu
""",
    argument="""
z + y = s costs nothing where it holds, so the right side is a minimum over more: weak duality. The constraint is affine
and the cost convex, so the best price leaves no gap. The package's certificate is this formula; who finds the split,
Newton or a conic solver, does not matter to it.
""",
    check=checks.check_price,
    figure=figures.ANY_PRICE,
)

CONVEX = Step(
    title="Further tasks cost more and more, and two prices prove how many leave",
    statement="""
As a function of s, e is convex. If each task that remains will cost v, the best s lies on either side of the work at
which a task more costs v,

    z(v) + y(v),   3 A z² = v,   λ + R L exp(L y) = v

and the prices of these two pieces bound all others: the bound of the last step is a line in s.
""",
    formula=r"""
s^* \in \{\lfloor w \rfloor, \lceil w \rceil\}, \quad w = z(v) + y(v); \qquad
e(s) + v\,(m - s) \ge \phi(\mu) + v m + (\mu - v)\, s
""",
    argument="""
e(s) is a minimum over (z, y) of a jointly convex function under constraints that are affine in (z, y, s), so convex in s.
A price μ ≤ v of the lower piece makes the line fall, so that its least over all pieces up to it is at the piece itself; a
price μ ≥ v of the upper one makes it rise. Where what remains has a value of another shape, as in a dynamic program, the
pieces are few: all are tried.
""",
    check=checks.check_convex,
    figure=figures.LEAVING,
)

LITERAL = Step(
    title="Equation (1) by its letter: what is offloaded is done twice",
    statement="""
The paper's queue keeps q − x: what is offloaded is added to the server's queue and stays in the device's. Then m − z = m
− s + y tasks remain, and

    e_literal(s; λ) + v (m − z) = e(s; λ + v) + v (m − s)

It is as if the server asked v more for a task.
""",
    formula=r"""
q' = [q - x]^+ + A \quad\Longrightarrow\quad m - z = (m - s) + y: \qquad \lambda \to \lambda + v
""",
    argument="""
The value of what stays is linear in y, as the price is. So the literal queue's devices offload as if it were dear,
although the server is free, and their queues are longer. The package takes what is offloaded out of the queue;
`queue="literal"` has the print.
""",
    check=checks.check_literal,
)

CAP = Step(
    title="Why there is a power cap: without one the expected energy is infinite",
    statement="""
To send a fixed part y takes a power in proportion to 1/h. Over Rayleigh fading, channels above the depth ε of their mean
alone need on average

    Γ (exp(L y) − 1) E₁(ε)/h̄ → ∞   as ε → 0

With the cap a device offloads no more than full power carries, y_max(h) = ln(1 + h p_max/Γ)/L.
""",
    formula=r"""
\mathbb E\Big[\frac{1}{h};\; h > \epsilon \bar h\Big] = \frac{E_1(\epsilon)}{\bar h} \to \infty
""",
    argument="""
h/h̄ has the density exp(−t), and the integral of exp(−t)/t from ε on is E₁(ε): every decade of depth adds ln 10. The
paper has no cap, so every scheme in it that sends a fixed part in every block has an infinite expected cost, and averages
of it do not settle.
""",
    check=checks.check_cap,
)

LESSON = Lesson(
    problem="inference-queue",
    title="Inference queues: from a modulo to a convex split, and one price for many devices",
    introduction="""
Tasks of a neural network wait in a device's queue. In a block of slots it computes some, cuts the last one between two
layers, and sends what is left of it to a server. The paper learns a power, from which all else is to follow; the modulo
in its formulas jumps. Here a block is solved exactly in a tenth of a microsecond a piece, and proved.

Nine steps are about one block: one speed for all slots, a piece for every number of tasks that leave, a convex split by
Lambert's W or Newton's method, a price that bounds it, and two prices that prove how many leave; then what the letter of the
print would mean. Three more go from block to block, with many devices and one server: a price for a task that is left to the
server bounds what anybody can do, who pays it comes near, and who does not loses, which Theorem 1 says nobody does.

Every step is a statement, its proof, and a check that measures it by other means on random instances.
""",
    steps=(RATES, PIECES, POWER, LAMBERT, NEWTON, PRICE, CONVEX, LITERAL, CAP, *NETWORK),
    exercises=EXERCISES,
)
