"""The lesson on hybrid slots: from two ratios in eight variables to one variable with a proof."""

from mecopt.lesson import Lesson, Step
from mecopt.models.hybrid_slot.lesson import checks, figures
from mecopt.models.hybrid_slot.lesson.exercises import EXERCISES

PROGRAM = Step(
    title="The program: two ratios, and what the print needs to mean something",
    statement="""
A user has L kbit to finish in a slot, harvests for a part of it, sends by its radio and by reflecting the carrier, and
computes beside. It earns work per energy, less a price for the rate at which it offloads:

    maximise    L/(e + e₀) − w (μ l_o/τ + ρ l_o)
    subject to  e = t_s β(l_a/t_s) + p_b l_p/r_p + κ l_l,   e + Hτ ≤ q + H,   τ = t_a + t_p ≤ 1,   l_a + l_p + l_l ≥ L

with β(r) = N(exp(r/b) − 1) + p_c, in slots of unit length. q is the energy that may be spent beside what is harvested.
""",
    formula=r"""
\max\; \frac{L}{e + e_0} - w\Big(\mu \frac{l_o}{\tau} + \rho\, l_o\Big) \quad\text{s.t.}\quad
e = t_s \big(N (e^{l_a/(b t_s)} - 1) + p_c\big) + p_b \frac{l_p}{r_p} + \kappa l_l, \quad
e + H \tau \le q + H, \quad t_s \le t_a, \quad l_p \le r_p t_p
""",
    argument="""
The paper's k f² is energy per cycle, so a kbit computed costs κ = k f² φ, and what is computed in a slot is at most f/φ. Its
passive rate lacks the carrier's power, and its reward is infinite where all is reflected: p_b is what reflecting takes, and
e₀ keeps the ratio finite. Serving more than L never helps, so work is served exactly.
""",
    check=checks.check_program,
)

HULL = Step(
    title="To send D in a time τ costs τΦ(D/τ): mixtures are a lower hull",
    statement="""
Divide the time τ among doing nothing, reflecting and sending at whatever rates. The least energy is

    τ Φ(D/τ),   Φ the lower convex hull of (0, 0), (r_p, p_b) and the curve (r, β(r))

So the radio sends at one rate at most, and time, radio and backscatter are no longer variables: only D and τ are.
""",
    formula=r"""
\min_{\text{mixtures}} e = \tau\, \Phi(D/\tau), \qquad
\Phi = \mathrm{conv}\,\{(0, 0),\ (r_p, p_b),\ (r,\, N(e^{r/b} - 1) + p_c)\}
""",
    argument="""
A mixture with parts λ of the time has the mean rate Σλr = D/τ and the mean power Σλp. The least mean power at a mean rate
is, by definition, the lower hull; two points of it suffice. τΦ(D/τ) is the perspective of a convex function, jointly convex
in D and τ. Below the first corner of the hull nothing is done for a while: this is what pacing means.
""",
    check=checks.check_hull,
    figure=figures.LOWER_HULL,
)

TANGENT = Step(
    title="The hull's corners are Lambert's",
    statement="""
The line from (0, 0), or from (r_p, p_b), touches the radio's curve at the rate r = b u:

    u = 1 + u_p + W₀(((p_c − p_b)/N − 1) exp(−1 − u_p)),   u_p = r_p/b

From (0, 0) the same with u_p = p_b = 0. Reflecting is a corner exactly if p_b/r_p is below the radio's cheapest energy per
kbit. Nothing else is needed: p_b may exceed p_c.
""",
    formula=r"""
u = 1 + u_p + W_0\!\left(\Big(\frac{p_c - p_b}{N} - 1\Big) e^{-1-u_p}\right), \qquad
r = b\,u, \quad u_p = \frac{r_p}{b}
""",
    argument="""
The slope of the curve at u is N exp(u)/b. Equal to that of the line from (b u_p, p_b), this says N exp(u)(u − u_p) =
N(exp(u) − 1) + p_c − p_b, or with v = u − 1 − u_p: v exp(v) = ((p_c − p_b)/N − 1) exp(−1 − u_p). The right side is above
−1/e exactly if (r_p, p_b) lies below the curve, and it does if it lies below the line from nothing.
""",
    check=checks.check_tangent,
)

TIME = Step(
    title="Given the local part, the longest time is best",
    statement="""
Fix x = l_l, so D = L − x. Both ratios improve with τ, so τ is the largest root of

    κx + τΦ(D/τ) + Hτ = q + H,   or 1

On the hull's two chords it is one division, on the curve Newton from the left.
""",
    formula=r"""
\tau(x) = \max\{\tau \le 1 : \kappa x + \tau\, \Phi\big((L - x)/\tau\big) + H \tau \le q + H\}
""",
    argument="""
τΦ(D/τ) falls in τ, since Φ is convex with Φ(0) = 0, and so does D/τ. The left side is convex in τ, so the feasible times are
an interval. Time that is not harvested costs H a slot: that is why slow sending, cheap as it is, may not be affordable.
""",
    check=checks.check_time,
)

ONE = Step(
    title="One variable is left, with peaks that may be corners",
    statement="""
What remains is to choose x, on an interval:

    F(x) = L/(κx + τΦ((L − x)/τ) + e₀) − w(L − x)(μ/τ + ρ)   at τ = τ(x)

F may have several peaks. Most optima lie at an end, all computed that can be or nothing; others at corners, where the slot
just becomes the limit, or where all that is not computed is just reflected. A grid of nine points misses some.
""",
    formula=r"""
F(x) = \frac{L}{\kappa x + \tau\, \Phi\big((L-x)/\tau\big) + e_0} - w\,(L - x)\Big(\frac{\mu}{\tau} + \rho\Big),
\qquad \tau = \tau(x)
""",
    argument="""
The feasible x are an interval, since the least of κx + τΦ + Hτ over τ is convex in x. The energy is convex in x where the
slot is the limit, and 1/e of a convex e is neither convex nor concave; D/τ is a quotient of a line and a concave function.
""",
    check=checks.check_one_variable,
)

RATIOS = Step(
    title="Where the parametric method ends",
    statement="""
In (x, τ, e) the set is convex and the ratios are of affine functions, the case that Jong's method is for: fix β and u per
ratio, minimise what is then convex, and move the parameters until they fit.

    minimise Σ uᵢ(Aᵢ(y) − βᵢBᵢ(y))   at   uᵢ = 1/Bᵢ(y),   βᵢ = Aᵢ(y)/Bᵢ(y)

It ends at the optimum of most slots, in two iterations or so. Of others it ends at another stationary point, and says the
same.
""",
    formula=r"""
\psi(u, \beta) = \big(\beta_i B_i(y) - A_i(y),\; u_i B_i(y) - 1\big) = 0, \qquad
y \in \arg\min_Y \sum_i u_i \big(A_i(y) - \beta_i B_i(y)\big)
""",
    argument="""
Where the parameters fit, the subproblem's gradient is that of the sum of ratios: the point is stationary. That is all the
method knows. With one ratio, Dinkelbach's case, every stationary point is the optimum; with two that is no theorem, and here
it is false. A proof has to come from elsewhere: the next step.
""",
    check=checks.check_ratios,
    figure=figures.PARAMETRIC,
)

BOUND = Step(
    title="A rate price bounds a whole piece, exactly to first order",
    statement="""
For any price s of rate, sending D in τ costs at least sD − τΦ*(s), whatever the mixture. So everywhere on a piece

    τ ≤ τ̄(x) = min(1, (q + H − κx − s(L − x))/(H − Φ*(s))),   e ≥ κx + s(L − x) − Φ*(s) τ̄(x)

are affine, and tangents at the end whose price is taken. They give an affine function above F; of the two ends' the lesser
counts. Pieces that cannot reach what is claimed are done, the others are divided: on average little more than one piece.
""",
    formula=r"""
\tau\, \Phi(D/\tau) \ge s D - \tau\, \Phi^*(s), \qquad
\Phi^*(s) = \max\Big(0,\ s r_p - p_b,\ \max_r\, s r - \beta(r)\Big), \qquad
F(x) \le \frac{L}{\bar e(x) + e_0} - w\,(L - x)\Big(\frac{\mu}{\bar\tau(x)} + \rho\Big)
""",
    argument="""
Φ*(s) ≥ s r − power(r) for every mode, so by mixing s D − τΦ*(s) is below every mixture's energy: weak duality. Insert it
into the energy limit, and the bound on τ follows where H > Φ*(s). L over an affine function is convex, so below its chord;
(L − x) over an affine function is convex or concave, so above its tangent or its chord. All errors are of second order in
the piece's length, so near a smooth peak pieces of a hundred-thousandth prove 1e-10.

The hull was not used: were it wrong, the bound would still hold, and show a gap.
""",
    check=checks.check_bound,
    figure=figures.PIECES,
)

NEED = Step(
    title="What can be served: the cheapest kbit first",
    statement="""
Count what is not harvested as a cost. Sending has then the cheapest rate r_H, at which a line from (0, −H) touches the hull,
and the workload is served exactly if

    need(L) = min κx + ψ(L − x) ≤ q + H,   ψ(D) = D (Φ(r_H) + H)/r_H up to D = r_H, then Φ(D) + H

Both parts are filled in the order of their slopes, which also gives the largest workload that can be served.
""",
    formula=r"""
\mathrm{need}(L) = \min_{0 \le x \le X} \kappa x + \psi(L - x) \le q + H, \qquad
\psi(D) = \min_{\tau \le 1} \tau\, \Phi(D/\tau) + H \tau
""",
    argument="""
The least over τ of τΦ(D/τ) + Hτ is at the rate r_H, unless the slot is too short for it. ψ is convex, computing is linear:
what costs least at the margin comes first. Where the need exceeds what there is, the difference is the missing energy.
""",
    check=checks.check_need,
)

GREEDY = Step(
    title="For one slot nothing is kept: why a greedy user is poor",
    statement="""
The best reward grows with the energy q = E − E′, so the best for the slot alone is E′ = 0. And both ratios ask for all of
the slot's time: a user that offloads harvests

    t_h = (e − E)⁺/H   and no longer

Only users that compute everything harvest for the next slot. What energy is worth later is in no term of this problem.
""",
    formula=r"""
R^*(q) \text{ grows in } q = E - E', \qquad t_h = \frac{(e - E)^+}{H} \ \text{ where something is offloaded}
""",
    argument="""
More energy leaves every division of the slot feasible. τ(x) is the longest time, so the limit on energy binds or τ = 1. In
both cases t_h = 1 − τ is what is missing for e, or nothing.

How much that costs over many slots is a matter of constants. Those of the presets were CHOSEN so that it costs much; with
most others a greedy user is within a tenth of the optimum.
""",
    check=checks.check_greedy,
)

STRICT = Step(
    title="The letter of the print: strict slots earn less, and have no proof",
    statement="""
Take l_p = r_p t_p as an equation and let the radio never sleep in its time. Then

    R(strict) ≤ R(paced)

and the least that can be offloaded has a price: μ times the full rate, however little it is. Three variables are left, and
no hull; what is found is feasible, and the paced bound says how far it may be from the best.
""",
    formula=r"""
l_p = r_p t_p,\ t_s = t_a \quad\Longrightarrow\quad
\lim_{l_o \to 0^+} \mu\, \frac{l_o}{t_a + t_p} \ge \mu \min(r_p, r) > 0, \qquad R_{\text{strict}} \le R_{\text{paced}}
""",
    argument="""
Every strict slot satisfies the paced constraints, which have inequalities in place of the two equations. A paced user
spreads little work over the slot, and its price goes to 0 with it; a strict one is done sooner, at a rate that has its
price.
""",
    check=checks.check_strict,
)

LESSON = Lesson(
    problem="hybrid-slot",
    title="Hybrid slots: from two ratios in eight variables to one variable with a proof",
    introduction="""
A user harvests, sends by radio or by backscatter, and computes, all in one slot, and earns work per energy less a price per
rate. The paper calls the problem non-convex and learns it. One slot of it is solved here exactly in microseconds, and
proved. Ten steps: merge the ways to send into a hull, take the time that the energy allows, search the variable that is
left, and bound it by weak duality; see where methods for ratios end, and what the optimum of one slot does not know.

Every step is a statement, its proof, and a check that measures it by other means on random instances.
""",
    steps=(PROGRAM, HULL, TANGENT, TIME, ONE, RATIOS, BOUND, NEED, GREEDY, STRICT),
    exercises=EXERCISES,
)
