"""The lesson on priced power: from ratios that are not convex to one price."""

from mecopt.lesson import Lesson, Step
from mecopt.models.priced_power.lesson import checks, figures, ratios
from mecopt.models.priced_power.lesson.alike import check_counts
from mecopt.models.priced_power.lesson.exercises import EXERCISES

PROGRAM = Step(
    title="The program: a sum of ratios under one common limit",
    statement="""
A user with xᵢ = 0 computes at the fixed cost Lᵢ. One with xᵢ = 1 sends D bits on a band of its own with the power pᵢ, and
every second of that costs 1 + αᵢpᵢ: time, and energy at its price α. The powers meet in one limit on Σ Gᵢpᵢ, the
interference that a neighbour tolerates:

    minimise    Σ (1 − xᵢ) Lᵢ + xᵢ (wᵢSᵢ + ωᵢ (1 + αᵢpᵢ)/ln(1 + gᵢpᵢ))
    subject to  Σ xᵢGᵢpᵢ ≤ I,   0 ≤ pᵢ ≤ Pᵢ,   energy of user i ≤ Eᵢ,   x ∈ {0, 1}ᴺ

ω is the weighted time at one nat per second and hertz, g the signal-to-noise ratio per watt. The server's time S is given.
""",
    formula=r"""
\begin{aligned}
\min_{x \in \{0,1\}^N,\, p}\quad & \sum_i (1 - x_i) L_i
+ x_i \left(w_i S_i + \omega_i\, \frac{1 + \alpha_i p_i}{\ln(1 + g_i p_i)}\right), \qquad
\omega_i = w_i \frac{D_i \ln 2}{B_i}, \quad g_i = \frac{h_i}{\sigma^2}, \\
\text{s.t.}\quad & \sum_i x_i G_i p_i \le I, \qquad 0 \le p_i \le P_i, \qquad
\frac{D_i}{r_i(p_i)}\, p_i \le E_i
\end{aligned}
""",
    argument="""
At the power p the rate is r = B log₂(1 + gp), so the upload takes D/r = (D ln 2/B)/ln(1 + gp) and the energy p times that.
Weighted, with a joule counted as α seconds, this is ω(1 + αp)/ln(1 + gp).
""",
    check=checks.check_program,
)

CONVEXITY = Step(
    title="Is each ratio convex already? Where αp is at most 1, yes; elsewhere a pair of powers refutes it",
    statement="""
The ratio f(p) = (1 + αp)/ln(1 + gp) is not convex at p exactly if the left side of the last line is negative. With αP ≤ 1
that never happens: the problem is convex as it stands, and so is paper 004's, where α = 0. With αP around 10 it happens
for users of a strong channel, and a sum whose terms have variables of their own is convex only if every term is:

    f''(p) < 0   ⟺   1 − αp − 2α/g + 2(1 + αp)/ln(1 + gp) < 0
""",
    formula=r"""
f(p) = \frac{1 + \alpha p}{\ln(1 + g p)}: \qquad
f''(p) = \frac{g^2}{(1 + g p)^2 \ln^2(1 + g p)} \left(1 - \alpha p - \frac{2 \alpha}{g}
+ \frac{2 (1 + \alpha p)}{\ln(1 + g p)}\right)
""",
    argument="""
Differentiate twice and take the factor g²/((1 + gp)² ln²(1 + gp)) out. Since ln(1 + gp) ≤ gp, the last summand is at least
2/ln(1 + gp) + 2α/g, so the bracket is at least 1 − αp + 2/ln(1 + gp): positive for αp ≤ 1. For large gp the last summand
is small, and the bracket is about 1 − αp.

That an affine over a concave function is "non-convex" is thus no theorem but a question about numbers. One pair of powers
whose midpoint lies above the chord answers it for good; that none is found proves nothing.
""",
    check=ratios.check_convexity,
    figure=figures.ONE_RATIO,
)

EPIGRAPH = Step(
    title="The epigraph: convex level by level, not as a whole",
    statement="""
Give every ratio a level βᵢ of its own and minimise Σ βᵢ. At a fixed level the powers that stay below it form a convex set;
powers and levels together do not:

    minimise Σ βᵢ   subject to   ωᵢ (1 + αᵢpᵢ) − βᵢ ln(1 + gᵢpᵢ) ≤ 0
""",
    formula=r"""
\min_{p, \beta} \sum_i \beta_i \quad\text{s.t.}\quad \omega_i (1 + \alpha_i p_i) - \beta_i \ln(1 + g_i p_i) \le 0
""",
    argument="""
For β ≥ 0 the left side is an affine function less β times a concave one, convex in p: its sublevel set is an interval, and
f is quasiconvex. For one ratio that is enough, since bisection or Dinkelbach's method moves a single level. A sum of
quasiconvex functions can be anything. And in (p, β) the product of β with a concave function is not convex: the set is the
epigraph of f, which is convex exactly if f is.
""",
    check=ratios.check_epigraph,
)

METHODS = Step(
    title="Methods for ratios: Jong's needs damping, and the transform does not",
    statement="""
Jong fixes β and a weight u per ratio, minimises what is then convex, and moves the parameters until they fit. Here the
subproblem is filling with water, within the bounds of p and at a price λ of the limit:

    Aᵢ = ωᵢ(1 + αᵢpᵢ),   Bᵢ = ln(1 + gᵢpᵢ),   ψ(u, β) = (βᵢBᵢ − Aᵢ, uᵢBᵢ − 1)  at the subproblem's p
    minimise Σ uᵢ (Aᵢ − βᵢBᵢ):   1 + gᵢpᵢ = uᵢβᵢgᵢ/(uᵢωᵢαᵢ + λGᵢ)
    A/B ≤ yA² + 1/(4yB²)  with equality at y = 1/(2AB)

With full steps most runs never settle under the common limit. Steps halved until the residual ψ falls help, though not
always: of many users at a tight limit no step helps. The inverse quadratic transform replaces each ratio by the bound of
the last line, and lowers the cost in every iteration.
""",
    formula=r"""
\begin{aligned}
& \psi(u, \beta) = \left(\beta_i B_i(p) - A_i(p),\; u_i B_i(p) - 1\right) = 0, \qquad
1 + g_i p_i = \frac{u_i \beta_i g_i}{u_i \omega_i \alpha_i + \lambda G_i}, \\
& \frac{A}{B} \le y A^2 + \frac{1}{4 y B^2} \quad \text{with equality at} \quad y = \frac{1}{2 A B}, \qquad
A_i = \omega_i (1 + \alpha_i p_i), \quad B_i = \ln(1 + g_i p_i)
\end{aligned}
""",
    argument="""
At a zero of ψ the subproblem's gradient, Σ u(∇A − β∇B), is that of the sum of ratios, so its minimiser is stationary. Jong's
step would be Newton's if p did not depend on u and β. But it does: the water level of everyone moves with the common price,
the tighter the limit and the more users share it, the more. Halving the step until the residual falls guards against that
only where such a step exists.

The transform's bound is the inequality of the means. Its right side touches the ratio at the current powers and is convex in
p, so its minimum is no higher than the present cost.

Both find points that are stationary, and neither says that these are optimal. That they are, here, is the next step.
""",
    check=ratios.check_methods,
)

HIDDEN = Step(
    title="Hidden convexity: take the time as the variable",
    statement="""
In the time t = D/r of the upload, with d = D ln 2/B, power and energy are convex, and the program is convex as a whole:

    p(t) = (exp(d/t) − 1)/g,   energy(t) = t (exp(d/t) − 1)/g
    (d, t, t + g·energy) in the exponential cone;   exp(d/t) ≤ 1 + gp

Power cap and energy budget are bounds on t. A budget of at most d/g cannot carry the task at any rate. And since each power
belongs to one time, smoothly and one to one, no stationary point of the literal program is worse than the optimum.
""",
    formula=r"""
p(t) = \frac{e^{d/t} - 1}{g}, \qquad \mathrm{energy}(t) = \frac{t\,(e^{d/t} - 1)}{g}, \qquad
t\, e^{d/t} \le t + g\, \mathrm{energy} \iff (d,\, t,\, t + g\, \mathrm{energy}) \in K_{\exp}
""",
    argument="""
t·exp(d/t) is the perspective of the exponential, jointly convex in (t, d); subtract t. exp(d/t) is the exponential, which
increases, of d/t, which is convex. Both fall in t, so a bound on power or energy is a lower bound on t. As t grows, the
energy falls towards d/g: slow is cheap, and nothing is cheaper.

KKT points do not depend on the names of the variables: since dp/dt ≠ 0, the conditions in t are those in p times dp/dt. In
t they are sufficient, because the program is convex. So in p every KKT point is a global optimum, and methods that find one
are exact here. It takes the convex form to know that, and to prove it by a bound.
""",
    check=checks.check_hidden_convexity,
    figure=figures.TWO_VALLEYS,
)

EFFICIENCY = Step(
    title="One user at a price: one equation in the spectral efficiency",
    statement="""
Charge λ for the whole limit. In u = ln(1 + gp), which is d/t, a user that offloads pays a convex function of one variable.
It is least at the root of an increasing function, or at the greatest u that power and budget allow:

    φ(u) = (1 + c(eᵘ − 1))/u + m(eᵘ − 1),   c = α/g,   m = λG/(gIω)
    u + ln(c(u + e⁻ᵘ − 1) + mu²) = 0
""",
    formula=r"""
\varphi(u) = \frac{1 + c\,(e^u - 1)}{u} + m\,(e^u - 1), \qquad
u^2 e^{-u} \varphi'(u) = c\,(u + e^{-u} - 1) + m u^2 - e^{-u}, \qquad
m = 0: \; u = 1 + W_0\!\left(\frac{1/c - 1}{e}\right)
""",
    argument="""
1/u is convex, and (eᵘ − 1)/u = 1 + u/2! + u²/3! + … and eᵘ − 1 have power series of positive coefficients, so φ is convex
for u > 0. In the derivative, u + e⁻ᵘ − 1 and u² rise and e⁻ᵘ falls: one root. Its logarithm neither overflows for a
signal-to-noise ratio of 10³⁰ nor cancels for one of 10⁻³⁰, and Newton needs about four steps.

Without a price of interference (u − 1)eᵘ = 1/c − 1, which Lambert's W inverts.
""",
    check=checks.check_best_efficiency,
)

DECISION_PRICE = Step(
    title="One price settles a decision",
    statement="""
For fixed modes the users meet only in the limit. At the price μ of interference each takes its own best power; μ is the
least at which these powers keep the limit, 0 where they keep it anyway. It is what one more watt of tolerance would save,
and it proves the optimum: the bound equals the cost.

    Σ Gᵢpᵢ(μ) ≤ I,   with equality where μ > 0
    vᵢ(μ) = wᵢSᵢ + least ωᵢφᵢ(u) that power and budget allow,  at λ = μI
""",
    formula=r"""
V(x) = \max_{\mu \ge 0} \sum_{x_i = 0} L_i + \sum_{x_i = 1} v_i(\mu) - \mu I, \qquad
v_i(\mu) = w_i S_i + \min_{0 < u \le U_i} \omega_i \varphi_i(u), \qquad \frac{\mathrm d V}{\mathrm d I} = -\mu
""",
    argument="""
In times the program is convex and has an interior point, since long times keep any limit, so strong duality holds. The
Lagrangian separates into the users' own problems. A higher price makes every user slower, so Σ Gp falls in μ and one root
search finds where it meets I. By complementary slackness μI is then exactly what the Lagrangian adds: no gap.
""",
    check=checks.check_decision_price,
    figure=figures.ONE_PRICE,
)

ANY_PRICE = Step(
    title="Any price bounds all decisions at once",
    statement="""
For every μ ≥ 0 no decision of the 2ᴺ costs less than

    Σ min(Lᵢ, vᵢ(μ)) − μI

Each user takes its cheaper side, Lᵢ or the vᵢ(μ) of the step before. The bound is concave in μ, and its slope is the
interference in excess of the limit.
""",
    formula=r"""
\sum_i \min\left(L_i, v_i(\mu)\right) - \mu I \;\le\; V(x) \qquad \text{for all } \mu \ge 0,\ x \in \{0,1\}^N
""",
    argument="""
For any decision and powers within the limit, adding μ(Σ Gp − I) ≤ 0 does not raise the cost. Let every user choose power and
side freely, and it falls further, to the sum above. A minimum of functions that are affine in μ is concave.

The slope jumps only where a user's two sides tie. If the maximum is at such a jump, let the tied users stay local: the
others keep the limit, and the cost exceeds the bound by μ times the interference that they leave unused, which is no more
than what the tied users would cause. That bounds the gap to the best decision.
""",
    check=checks.check_any_price_bounds,
    figure=figures.ANY_PRICE,
)

REDUCED_COSTS = Step(
    title="Reduced costs fix most users without search",
    statement="""
Force a user to its other side and keep the price: the bound rises by exactly |Lᵢ − vᵢ(μ)|. Where it passes a cost already
known, the user stays where it is. The few that are left are searched by branch and bound.

    bound + |Lᵢ − vᵢ(μ)| > known cost   ⟹   user i is fixed
""",
    formula=r"""
\sum_j \min\left(L_j, v_j(\mu)\right) - \mu I + \left| L_i - v_i(\mu) \right| > V(\hat x)
\quad \Longrightarrow \quad i \text{ is fixed}
""",
    argument="""
The bound of step 8 holds word for word among the decisions in which user i takes its other side; its own minimum of two
numbers is replaced by the larger one. A user whose budget cannot carry its task has vᵢ = ∞ and is fixed at once.
""",
    check=checks.check_reduced_costs,
)

COUNTS = Step(
    title="Users nearly alike are counted",
    statement="""
Where users are nearly alike, all of their two sides tie at one price: nobody is fixed, and who is held at one side is
replaced by another. What is left to decide is how many offload. So that is branched on: at most k of a group of like
users, or more. For any limits l and u on the number |S| of the set S of those, sorting finds the least bound

    Σ Lᵢ − μI − max over l ≤ |S| ≤ u of Σ (Lᵢ − vᵢ(μ))

With their number fixed, what the best of these bounds lacks to the best decision is of second order in the differences
between users, and 0 where they are equal.
""",
    formula=r"""
\max_{\mu \ge 0}\; \sum_i L_i - \mu I - \max_{l \le |S| \le u} \sum_{i \in S} \left( L_i - v_i(\mu) \right)
\;\le\; \min_{l \le |S| \le u} V(S) , \qquad |S| = k:\quad \text{it lacks at most } \frac{\delta^2}{8 c}
""",
    argument="""
The two children have all decisions between them, and the bound holds word for word within limits; only the least sum
has to be found. Sort the users by what they save, Lᵢ − vᵢ(μ). The first l offload in any case, the next ones as long as
they save something and are fewer than u. Limits may stand on groups within groups; then the inner ones come first.

Let W(t) be the least cost of a decision under the limit tI. It is convex, because the program is, in the efficiencies
and in the limit together. At its best price the bound is the convex hull of the W of all decisions within the limits,
at t = 1. Where that is none of the W, it mixes one at some t below 1 with another at some t above 1. Let their slopes
at 1 differ by δ, let their curvature be at least c, and let m be the distance of each t from 1 times its weight, the
same for both. Then the mixture is below the mean of both W at 1 by mδ − 2cm² at most, so by no more than δ²/(8c), and
the cheaper of the two is below that mean. The slopes are −μI at the price μ of each decision: for one number of users
that differ by ε, δ is of the size of ε.
""",
    check=check_counts,
)

LESSON = Lesson(
    problem="priced-power",
    title="Priced power: from ratios that are not convex to one price",
    introduction="""
Users upload tasks on bands of their own, pay for time and energy, and together may not disturb a neighbour more than it
tolerates. The literal program is a sum of ratios that is not convex in the powers, the case for which fractional programming
is brought up. Is it needed? Ten steps: test first, see what the methods for ratios can do, and find the variable in which
none of them is needed.

Every step is a statement, its proof, and a check that measures it by other means on random instances.
""",
    steps=(
        PROGRAM,
        CONVEXITY,
        EPIGRAPH,
        METHODS,
        HIDDEN,
        EFFICIENCY,
        DECISION_PRICE,
        ANY_PRICE,
        REDUCED_COSTS,
        COUNTS,
    ),
    exercises=EXERCISES,
)
