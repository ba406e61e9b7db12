"""The lesson on bandwidth and power: from a ratio to one price of bandwidth."""

from mecopt.lesson import Lesson, Step
from mecopt.models.bandwidth_power.lesson import checks, figures, prices
from mecopt.models.bandwidth_power.lesson.alike import check_counts
from mecopt.models.bandwidth_power.lesson.exercises import EXERCISES
from mecopt.models.bandwidth_power.lesson.ratios import check_ratios

PROGRAM = Step(
    title="The program: who uploads, on which band, with which power",
    statement="""
A user with xᵢ = 0 computes its task itself; one with xᵢ = 1 uploads Dᵢ bits on a band bᵢ of its own, with the power pᵢ.
Power is capped, and so is the energy of the upload. Variable are x, b and p; rᵢ is Shannon's rate:

    minimise    Σ (1 − xᵢ) wᵢTᵢ + xᵢ wᵢ (Dᵢ/rᵢ + tᵢ)
    subject to  Σ xᵢbᵢ ≤ B,   pᵢ ≤ Pᵢ,   pᵢ Dᵢ/rᵢ ≤ Eᵢ,   rᵢ = bᵢ log₂(1 + hᵢpᵢ/(N₀bᵢ))

Of each user four numbers count, and the budget: Lᵢ = wᵢTᵢ and Sᵢ = wᵢtᵢ, the fixed times; cᵢ = wᵢDᵢ ln 2, the nats to
upload; and gᵢ = hᵢPᵢ/N₀, the SNR at full power times the band.
""",
    formula=r"""
\begin{aligned}
\min_{x \in \{0,1\}^N,\, b, p \ge 0}\quad & \sum_i (1 - x_i) L_i
+ x_i \left(S_i + \frac{c_i}{b_i \ln(1 + g_i q_i / b_i)}\right) \\
\text{s.t.}\quad & \sum_i x_i b_i \le B, \quad q_i \le 1, \quad p_i D_i / r_i \le E_i, \qquad q_i = p_i / P_i
\end{aligned}
""",
    argument="""
The noise that a receiver hears grows with the band: N₀b. So the SNR is hp/(N₀b) = gq/b, where q is the part of the
power cap that is used. Dividing Dᵢ by rᵢ and pulling ln 2 out of the logarithm gives cᵢ/(bᵢ ln(1 + gᵢqᵢ/bᵢ)).
""",
    check=checks.check_program,
)

PERSPECTIVE = Step(
    title="The denominator is a perspective, so the ratio is convex",
    statement="""
For a fixed decision the cost is a sum of ratios, a constant over r(b, p). The rate is of the form b·φ(p/b) with a
concave φ: jointly concave in band and power, and of degree 1. Hence D/r is jointly convex, and nothing needs to be
transformed.
""",
    formula=r"""
r(b, p) = b\, \varphi\!\left(\frac{p}{b}\right), \quad \varphi(y) = \log_2\left(1 + \frac{h y}{N_0}\right) \text{ concave}
\;\Longrightarrow\; r \text{ jointly concave},\ r(\theta b, \theta p) = \theta\, r(b, p),\ \frac{D}{r} \text{ jointly convex}
""",
    argument="""
Let (b, p) be the mean of (b₁, p₁) and (b₂, p₂) with weights θ and 1 − θ. Then p/b is a mean, too, of p₁/b₁ and p₂/b₂,
with the weights θb₁/b and (1 − θ)b₂/b. φ is concave, so b φ(p/b) ≥ θ b₁φ(p₁/b₁) + (1 − θ) b₂φ(p₂/b₂).

1/r is convex and decreasing in r > 0. A decreasing convex function of a concave one is convex: its midpoint is at most
the value at the mean of the rates, since the rate there is no less, and that at most the mean of the values.
""",
    check=checks.check_perspective,
    figure=figures.JOINT_CONVEXITY,
)

BUDGET = Step(
    title="The energy budget is convex, too: a cap on the SNR",
    statement="""
Multiplied by the rate, the budget is a convex constraint. And it is simpler than it looks: the energy depends on the
SNR χ = hp/(N₀b) alone, and grows with it. So the budget is p ≤ ρb, and whoever has no more than the least energy cannot
offload:

    pD − E r(b, p) ≤ 0   ⟺   (DN₀/h) χ/log₂(1 + χ) ≤ E   ⟺   ln(1 + χ) ≤ uᴱ
    E ≤ DN₀ ln 2/h   ⟹   no power and no band will do
""",
    formula=r"""
p D - E\, r(b, p) \le 0 \iff \frac{D N_0 \ln 2}{h} \cdot \frac{\chi}{\ln(1 + \chi)} \le E \iff \ln(1 + \chi) \le u^E, \qquad
\frac{e^{u^E} - 1}{u^E} = \frac{E h}{D N_0 \ln 2}
""",
    argument="""
pD is linear and r concave, so pD − Er is convex. As a quotient, pD/r ≤ E, the same set is given by a function that is
not convex; it is the way of writing that matters.

With p = χN₀b/h the energy pD/r is (DN₀/h) χ/log₂(1 + χ), in which neither b nor p is left. ln(1 + χ)/χ is the slope of
a chord of a concave function from 0, so it falls, and the energy rises, from DN₀ ln 2/h at χ = 0, which only a rate of
0 attains. With u = ln(1 + χ) the cap is the root of (exp(u) − 1)/u = Eh/(DN₀ ln 2), which exists where the right side
is above 1. A cap on χ is a linear constraint: p ≤ ρb with ρ = (exp(uᴱ) − 1) N₀/h.
""",
    check=checks.check_budget,
)

SOLVER = Step(
    title="A solver takes it as it stands",
    statement="""
So the program of a fixed decision is convex in (b, p) word for word. Written with the relative entropy, it follows the
rules of disciplined convex programming, and exponential and second-order cones are all a solver needs:

    r = −rel_entr(b, b + gq),   minimise Σ cᵢ inv_pos(rᵢ),   pD ≤ Er
""",
    formula=r"""
b \ln\left(1 + \frac{g q}{b}\right) = -b \ln \frac{b}{b + g q} = -\mathrm{rel\_entr}(b, b + g q), \qquad
r \le b \ln\left(1 + \frac{gq}{b}\right) \iff (r, b, b + g q) \in K_{\exp}, \qquad
t \ge \frac1r \iff \left\lVert (2, t - r) \right\rVert \le t + r
""",
    argument="""
Divide r ≤ b ln(1 + gq/b) by b, exponentiate, and multiply by b again: b·exp(r/b) ≤ b + gq, which is the exponential
cone. t r ≥ 1 with t, r ≥ 0 says that (t + r)² ≥ 4 + (t − r)². A program that follows the rules is convex by
construction; that Clarabel finds the value of the closed form below is a check of both.
""",
    check=checks.check_solver,
)

RATIOS = Step(
    title="Why the method for sums of ratios is of no use here",
    statement="""
Jong's method for sums of ratios solves a sequence of problems without ratios, with parameters uᵢ and βᵢ that are right
where uᵢ = 1/rᵢ and βᵢ = cᵢ/rᵢ:

    minimise  Σ uᵢ (cᵢ − βᵢ rᵢ(bᵢ, pᵢ))

Where budgets bind, every rᵢ is linear along the ray pᵢ = ρᵢbᵢ, and this is a linear program. At the right parameters
all its points are equally good, so it does not say how to share the band; at any others one user takes all, and the
others' ratios divide by 0. Where power caps bind, it works, and finds what the price finds.
""",
    formula=r"""
r_i(\theta b_i, \theta p_i) = \theta\, r_i(b_i, p_i) \;\Longrightarrow\;
\sum_i u_i \left(c_i - \beta_i r_i\right) = \text{const} - \sum_i u_i \beta_i u^E_i\, b_i
\ \text{ on } p_i = \rho_i b_i, \qquad u_i \beta_i u_i^E = \frac{c_i u_i^E}{r_i^2} = \text{the same price for all } i
""",
    argument="""
Along a ray from the origin r is linear: that is its degree 1. A ray stays inside the budget, which is a cap on p/b, and
ends at the power cap or at the whole band. If no power cap binds, the best rates are uᴱb, the subproblem is linear in
b, and its slope cᵢuᵢᴱ/rᵢ² is what a hertz is worth to user i. At the optimum that is the same for all, so the objective
is constant on Σ bᵢ = B; otherwise the user with the greatest slope takes the whole band.

With p = P held by the cap, b ln(1 + g/b) is strictly concave in b, the subproblem has one solution, and the parameters
settle. But a sum of constants over concave functions is convex anyway: a method for what is not convex is not needed.
""",
    check=check_ratios,
)

ELIMINATION = Step(
    title="The power goes: cap and budget make one concave rate",
    statement="""
On a given band the rate grows with the power, so a user sends with all that cap and budget allow. What is left of p is
a minimum of two rates, concave and increasing in the band alone:

    R(b) = b · min(uᴱ, ln(1 + g/b)),    p = min(P, ρb)
""",
    formula=r"""
R_i(b) = \max_{p} \left\{ b \ln\left(1 + \frac{h_i p}{N_0 b}\right) : p \le P_i,\ p \le \rho_i b \right\}
= b \min\left(u_i^E, \ln\left(1 + \frac{g_i}{b}\right)\right)
""",
    argument="""
ln(1 + χ) ≤ uᴱ by the budget, and χ ≤ g/b by the cap; both are attained by some power, the smaller one by the larger
power that both allow. uᴱb is linear, b ln(1 + g/b) is a perspective with the other argument held, so concave, and the
minimum of concave functions is concave. On narrow bands the budget binds, since little noise makes the SNR high; on
wide ones the cap does; the two meet where g/b = exp(uᴱ) − 1.
""",
    check=checks.check_elimination,
    figure=figures.ELIMINATION,
)

PRICE = Step(
    title="One price of bandwidth settles a decision",
    statement="""
Charge β for a hertz. A user then chooses its band alone, and pays vᵢ(β) in all. What it chooses falls into three cases,
told by κ = βg²/c, with y = g/b as the unknown:

    v(β) = min over b of  c/R(b) + βb
    y² (ln(1 + y) − y/(1 + y))/ln²(1 + y) = κ     if full power binds
    y = exp(uᴱ) − 1                                if both bind
    y² = κuᴱ                                       if the budget binds

β is right where the bands add up to B. It is what one more hertz would save.
""",
    formula=r"""
v_i(\beta) = \min_{b > 0} \frac{c_i}{R_i(b)} + \beta b, \qquad
\sum_{x_i = 1} b_i(\beta) = B, \qquad \beta = -\frac{\partial V}{\partial B}, \qquad
\kappa = \frac{\beta g^2}{c} = \begin{cases}
y^2\, \dfrac{\ln(1+y) - y/(1+y)}{\ln^2(1+y)} & y < e^{u^E} - 1 \\
y^2 / u^E & y > e^{u^E} - 1
\end{cases}
""",
    argument="""
The program is convex with one constraint that couples users, so the KKT conditions suffice: every offloading user
minimises its own c/R(b) + βb, and the band is used up, since more of it always helps.

Setting the derivative to 0 gives c R′(b) = β R(b)². With R = uᴱb this is b² = c/(uᴱβ). With R = b ln(1 + g/b) the slope
is R′ = ln(1 + y) − y/(1 + y), and multiplying by g²/c gives the first case. At y = exp(uᴱ) − 1 the slope R′ jumps, from
uᴱ − 1 + exp(−uᴱ) up to uᴱ as b falls, and a whole interval of prices keeps a user there.

Dearer bandwidth is never answered by more of it, so the demand falls in β. In logarithms a user's band falls with the slope
−½ where its budget binds, between −½ and −0.56 at full power, and 0 where both bind: Newton's method within a bracket
takes a few steps.
""",
    check=prices.check_price,
    figure=figures.ONE_PRICE,
)

ANY_PRICE = Step(
    title="Any price bounds all decisions at once",
    statement="""
For every β ≥ 0, none of the 2ᴺ decisions costs less than

    L(β) = Σ min(Lᵢ, Sᵢ + vᵢ(β)) − βB

where vᵢ is infinite if the budget carries nothing.
""",
    formula=r"""
L(\beta) = \sum_i \min\left(L_i,\, S_i + v_i(\beta)\right) - \beta B \;\le\; V(x) \qquad \text{for all } \beta \ge 0,\
x \in \{0,1\}^N
""",
    argument="""
Take any decision with bands that fit. Adding β(Σ xᵢbᵢ − B) ≤ 0 does not raise its cost. Now let every offloading user
choose its band freely: it pays Sᵢ + vᵢ(β) at least. Let every user choose its side freely: it pays the smaller of the
two. Neither raises the sum, and the last is L(β).
""",
    check=prices.check_any_price_bounds,
    figure=figures.ANY_PRICE,
)

BEST_PRICE = Step(
    title="The best price lies among critical ones",
    statement="""
L is concave, and its slope is the band asked for, less B. Each user has a critical price, at which offloading stops
paying; between neighbouring ones the decision stays and the slope is smooth:

    Sᵢ + vᵢ(βᵢ) = Lᵢ        L′(β) = Σ over βᵢ > β of bᵢ(β) − B

So the best price is found by bisection among the N critical ones, each step one sum. Either it is one of them, or it is
the price of the decision between two of them, and then that decision is optimal.
""",
    formula=r"""
S_i + v_i(\beta_i) = L_i, \qquad L'(\beta) = \sum_{\beta_i > \beta} b_i(\beta) - B, \qquad L \text{ concave}
""",
    argument="""
For a fixed decision and fixed bands the Lagrangian is affine in β; a minimum of affine functions is concave, and the
slope of a minimiser is a supergradient. v increases in β, because its slope is a band, so each user leaves once and for
all: where Lᵢ is above Sᵢ + cᵢ/gᵢ, the cost of an upload on an endless band, at some βᵢ > 0, elsewhere from the
start.

Between critical prices L is the dual of one decision, whose best price fills the band: then the bound is that
decision's cost. At a critical price where the slope jumps across 0, two decisions tie in the bound, one that overbooks
the band and one that leaves some of it unused; neither need cost what the bound says. That is the gap, at most one
user's doing, and small beside the sum over many.
""",
    check=prices.check_best_price,
)

REDUCED_COSTS = Step(
    title="Reduced costs fix most users without search",
    statement="""
Force user i to its other side and keep the price: the bound rises by exactly the difference of its two terms. Let V be
the cost of any decision already known. Where the sum passes V, the user is fixed:

    L(β) + |Lᵢ − Sᵢ − vᵢ(β)| > V   ⟹   every decision as good as V has user i where L(β) has it
""",
    formula=r"""
L(\beta) + \left| L_i - S_i - v_i(\beta) \right| > V \quad \Longrightarrow \quad \text{user } i \text{ is fixed}
""",
    argument="""
The bound holds word for word among the decisions in which user i takes its other side; only its own minimum of two
terms is replaced by the larger one. So all of these decisions cost at least the left side, which is more than one that
is known. The few users left are searched by branch and bound, each node with a best price of its own.
""",
    check=prices.check_reduced_costs,
)

COUNTS = Step(
    title="Users nearly alike are counted",
    statement="""
Where users are nearly alike, their critical prices are, too: nobody is fixed, and who is held at one side is replaced
by another. What is left to decide is how many offload. So that is branched on: at most k of a group of like users, or
more. For any limits l and u on the number |S| of the set S of those, sorting finds the least bound

    L(β) = Σ Lᵢ − βB − max over l ≤ |S| ≤ u of Σ (Lᵢ − Sᵢ − vᵢ(β))

With their number fixed, what the best L(β) lacks to the best decision is of second order in the differences between
users, and 0 where they are equal.
""",
    formula=r"""
\max_{\beta \ge 0}\; \sum_i L_i - \beta B - \max_{l \le |S| \le u} \sum_{i \in S} \left( L_i - S_i - v_i(\beta) \right)
\;\le\; \min_{l \le |S| \le u} V(S) , \qquad |S| = k:\quad \text{it lacks at most } \frac{\delta^2}{8 c}
""",
    argument="""
The two children have all decisions between them, and the bound holds word for word within limits; only the least sum
has to be found. Sort the users by what they save, Lᵢ − Sᵢ − vᵢ(β). The first l offload in any case, the next ones as
long as they save something and are fewer than u. Limits may stand on groups within groups; then the inner ones come
first.

Let W(t) be the least cost of a decision on the band tB. It is convex, because the program is, in the bands and in what
there is of them together. At its best price the bound is the convex hull of the W of all decisions within the limits,
at t = 1. Where that is none of the W, it mixes one at some t below 1 with another at some t above 1. Let their slopes
at 1 differ by δ, let their curvature be at least c, and let m be the distance of each t from 1 times its weight, the
same for both. Then the mixture is below the mean of both W at 1 by mδ − 2cm² at most, so by no more than δ²/(8c), and
the cheaper of the two is below that mean. The slopes are −βB at the price β of each decision: for one number of users
that differ by ε, δ is of the size of ε.
""",
    check=check_counts,
)

LESSON = Lesson(
    problem="bandwidth-power",
    title="Bandwidth and power: from a ratio to one price",
    introduction="""
Users upload tasks over one band. More bandwidth and more power both make an upload faster; the band is shared, the
power is capped, and so is the energy. The delay is a ratio, bits over a rate in two variables, and the sum of ratios
has the name of a hard problem. Eleven steps show that it is not: a ratio of this kind is convex, and one price of
bandwidth settles it.

Every step is a statement, its proof, and a check that measures it by other means on random instances.
""",
    steps=(
        PROGRAM,
        PERSPECTIVE,
        BUDGET,
        SOLVER,
        RATIOS,
        ELIMINATION,
        PRICE,
        ANY_PRICE,
        BEST_PRICE,
        REDUCED_COSTS,
        COUNTS,
    ),
    exercises=EXERCISES,
)
