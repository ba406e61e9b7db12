"""The lesson on many servers, the decision fixed: from a sum of ratios to the square-root rule per server."""

from mecopt.lesson import Step
from mecopt.models.multi_server_offloading.lesson import checks, figures, ratios

PROGRAM = Step(
    title="The program, and what is wrong in print",
    statement="""
User i computes its Fᵢ cycles itself (aᵢ = 0), or uploads its Dᵢ bits to one server j (aᵢ = j) at the rate rᵢⱼ, and the
server works for it at the speed fᵢ. Variable are the choices a, the speeds f and the powers p:

    minimise    Σ wᵢτᵢ     τᵢ = Fᵢ/fᵢˡᵒᶜ  where aᵢ = 0,     τᵢ = Dᵢ/rᵢⱼ(pᵢ) + Fᵢ/fᵢ  where aᵢ = j
    subject to  Σ fᵢ over aᵢ = j at most Fⱼ,   0 ≤ pᵢ ≤ Pᵢ,   a ∈ {0, …, M}ᴺ

    rᵢⱼ(p) = Bᵢ log₂(1 + p hᵢⱼ/σⱼ²)

Every task has exactly one place. The paper's (2) says at most one, and then no task is computed at all.
""",
    formula=r"""
\begin{aligned}
\min_{a \in \{0..M\}^N,\, f,\, p}\quad & \sum_i w_i \tau_i \qquad \text{s.t.} \quad \sum_{a_i = j} f_i \le F_j , \quad
0 \le p_i \le P_i , \\
\tau_i = \frac{F_i}{f^{\mathrm{loc}}_i} \ \text{ where } a_i = 0, \qquad &
\tau_i = \frac{D_i}{r_{ij}(p_i)} + \frac{F_i}{f_i} \ \text{ where } a_i = j, \qquad
r_{ij}(p) = B_i \log_2\!\left(1 + \frac{p\, h_{ij}}{\sigma_j^2}\right)
\end{aligned}
""",
    argument="""
In print a user has a bit aᵢⱼ for each place j, and (2) asks for Σⱼ aᵢⱼ ≤ 1: "can only be or may not be able to execute
in one place". The objective charges only for places taken, so a = 0 costs nothing, is feasible, and is the optimum.
With Σⱼ aᵢⱼ = 1 the problem is the one that the paper's figures are about.

Further slips change no answer, but must be read rightly: F is in cycles, not cycles/s (table I); σ² is a power, though
it is called a density; (7) limits a power, though it is called an energy.
""",
    check=checks.check_program,
)

CONVEX = Step(
    title="Is each ratio convex already?",
    statement="""
The question to begin with, before any method for sums of ratios. Here each ratio is a positive constant over a positive
concave function, and such a ratio is convex:

    (c/B)″ = c (2B′² − B B″)/B³ ≥ 0     where c > 0, B > 0, B″ ≤ 0

So D/r(p) is convex in the power, F/f in the speed, and their sum over all users is convex in (p, f) together. The paper
calls it a non-convex sum of ratios. It is a convex one.
""",
    formula=r"""
\left(\frac{c}{B}\right)'' = \frac{c\,(2 B'^2 - B B'')}{B^3} \;\ge\; 0 \qquad \text{where } c > 0,\ B > 0,\ B'' \le 0
""",
    argument="""
Both terms of 2B′² − B B″ are at least 0. In other words: ln B is concave, so ln(c/B) is convex, and so is its
exponential. Sums of convex functions are convex, and p and f meet in no term.

What is hard in general is a sum of convex over concave functions: each is quasiconvex, and that does not survive
addition. The numerators decide. Give energy a price, (1 + αp) D/r(p), and where the signal is strong the second
derivative turns negative as αp grows. The check finds that at once, by nothing but midpoints.

That problem is `priced-power`: there the ratios are not convex as they stand, and its lesson shows the change of variables
that makes them so. In `bandwidth-power`, where one band is shared too, they are convex again, for another reason.
""",
    check=ratios.check_convex,
    figure=figures.CONVEX_ALREADY,
)

EPIGRAPH = Step(
    title="The epigraph form, mended",
    statement="""
One latency τᵢ for each user, and for the server's users

    minimise    Σ wᵢτᵢ
    subject to  τᵢ ≥ Dᵢ/rᵢⱼ(pᵢ) + Fᵢ/fᵢ  where aᵢ = j,     τᵢ ≥ Fᵢ/fᵢˡᵒᶜ  where aᵢ = 0

is a convex program with the same answer. The paper's P2.1 is not it: for M servers it counts the time of a local user M
times, and its (16), though it describes a convex set, is not a convex constraint.
""",
    formula=r"""
\min_{\tau, f, p} \sum_i w_i \tau_i \qquad \text{s.t.} \quad
\tau_i \ge \frac{D_i}{r_{ij}(p_i)} + \frac{F_i}{f_i} \ \text{ where } a_i = j, \qquad
\tau_i \ge \frac{F_i}{f^{\mathrm{loc}}_i} \ \text{ where } a_i = 0
""",
    argument="""
By step 2 the right sides are convex, so the constraints are, and in the optimum they hold with equality.

In (15) every pair (i, j) has a latency τᵢⱼ of its own, and each of them must cover the local time aᵢ₀Fᵢ/fᵢ₀; (17) then
adds them up over j. A local user pays M times. With a fixed that is a constant, too large, and does not move p and f.
But the paper takes (17) for the reward of its search over a, and there it favours offloading.

(16) multiplies (15) out, D − r(p) (τ − F/f) ≤ 0. In (p, τ) the left side has the second derivatives −r″(p) (τ − F/f),
−r′(p), and 0: a determinant of −r′² < 0, so it is neither convex nor concave, and no rule of disciplined convex
programming lets it pass. Moreover it divides by aᵢⱼ, which is 0 wherever a user is not. The set is convex all the same,
being what step 2 describes.
""",
    check=checks.check_epigraph,
)

FULL_POWER = Step(
    title="Full power, always",
    statement="""
Nothing is gained by a power below the greatest. So p = P, uploading costs the constant bᵢⱼ, and of all radio data only
the ratio of signal to noise at full power matters:

    bᵢⱼ = wᵢDᵢ / (Bᵢ log₂(1 + Γᵢⱼ)),     Γᵢⱼ = Pᵢhᵢⱼ/σⱼ²
""",
    formula=r"""
p_i = P_i, \qquad b_{ij} = \frac{w_i D_i}{B_i \log_2(1 + \Gamma_{ij})}, \qquad \Gamma_{ij} = \frac{P_i h_{ij}}{\sigma_j^2}
""",
    argument="""
D/r(p) falls in p, p appears nowhere else, and its only constraint is p ≤ P. (Every pair has a band of its own, so that
nobody disturbs anybody.) The paper sees this, too: "the variables p can be set to [their] maximal value". With that its
sum of ratios has lost the ratios in p, and those in f are the simplest there are.

It is no longer so when energy costs something or interference is limited: that is `priced-power`.
""",
    check=checks.check_full_power,
)

SQUARE_ROOT_RULE = Step(
    title="Eliminate the speeds: the square-root rule, server by server",
    statement="""
Let sᵢ = √(wᵢFᵢ), and let Sⱼ be the sum of s over the users of server j. The best speeds are proportional to s. What
remains is a constant for each user and choice, and one square for each server:

    fᵢ = Fⱼ sᵢ/Sⱼ  where aᵢ = j,     μⱼ = Sⱼ²/Fⱼ²

    V(a) = Σᵢ b(i, aᵢ) + Σⱼ Sⱼ²/Fⱼ,     b(i, 0) = wᵢFᵢ/fᵢˡᵒᶜ
""",
    formula=r"""
f_i = F_j \frac{s_i}{S_j}, \qquad \mu_j = -\frac{\partial V}{\partial F_j} = \frac{S_j^2}{F_j^2}, \qquad
V(a) = \sum_i b_{i, a_i} + \sum_j \frac{S_j^2}{F_j}, \qquad s_i = \sqrt{w_i F_i}, \quad S_j = \sum_{a_i = j} s_i
""",
    argument="""
Servers share nothing with each other, so each is the problem of one server: by the Cauchy-Schwarz inequality

    Sⱼ² = (Σ (sᵢ/√fᵢ) · √fᵢ)² ≤ (Σ wᵢFᵢ/fᵢ) · (Σ fᵢ) ≤ Fⱼ · Σ wᵢFᵢ/fᵢ

with equality exactly for f proportional to s and all of the speed in use. The price μⱼ says what one more cycle/s of
server j saves. That is the whole of P2: a formula, where the paper solves a cone program for every decision it looks
at.
""",
    check=checks.check_square_root_rule,
    figure=figures.TWO_SERVERS,
)

TRANSFORMS = Step(
    title="The cures for sums of ratios, where nothing is ill",
    statement="""
Methods for sums of ratios work here, too, and end at the same speeds. The inverse quadratic transform replaces each
ratio by a bound that touches it, and each step leaves a third of the distance in ln f:

    A/f ≤ y A² + 1/(4 y f²)  with equality at y = 1/(2Af),     next f proportional to y to the power −1/3

Jong's Newton method on c/f as it stands breaks down. Rewritten, it converges with damping, and fails without. None of
them is needed: step 5 is a formula.
""",
    formula=r"""
\frac{A}{f} \le y A^2 + \frac{1}{4 y f^2}, \quad \text{equality at } y = \frac{1}{2 A f} , \qquad
f^+ \propto y^{-1/3} \propto (A f)^{1/3}
""",
    argument="""
The inequality is that of the arithmetic and the geometric mean. With A = wF minimise Σ 1/(4yf²) under Σ f ≤ F: the
slopes 1/(2yf³) are equal, so f⁺ ∝ y^(−⅓) ∝ (Af)^⅓. In logarithms, up to the common factor, ln f⁺ = ⅓ ln A + ⅓ ln f,
whose fixed point is ln f = ½ ln A, the square-root rule, and the distance to it shrinks to a third.

Jong's method solves min Σ u(A − βf) for given u and β, and looks for those that reproduce themselves. For A constant
that is linear in f: its solution gives the whole server to one user, the others have f = 0, and the next step divides
by it. This happens whenever the denominators grow in proportion to the variables, so also for b log(1 + p/b) in
`bandwidth-power`. With A f^(−½) over f^(½) the subproblem is strictly convex; full steps then overshoot, half steps do
not.

All three roads are sound where they belong, and it is good to know where that is: see step 2.
""",
    check=ratios.check_transforms,
    figure=figures.CURES,
)

ALLOCATION = (PROGRAM, CONVEX, EPIGRAPH, FULL_POWER, SQUARE_ROOT_RULE, TRANSFORMS)
