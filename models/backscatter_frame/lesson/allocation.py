"""The lesson on backscatter frames, the beams fixed: perspective, exponential cone, who is served, what prices prove."""

from mecopt.lesson import Step
from mecopt.models.backscatter_frame.lesson import checks, figures, prices, service

PROGRAM = Step(
    title="The program, and what is wrong in print",
    statement="""
In its slot of length T user i sends by itself for the time tₐ, while the carrier is off, and reflects the carrier for the
time t_b, while all others harvest from it. What it neither sends nor reflects it computes. The access point's energy is to
be least; the beams wᵢ are fixed for now:

    minimise    Σ (p + p_br) t_b + p_ar tₐ + φₒ (tₐrₐ + l_b)                                          (7), (10)
    subject to  tₐ + t_b ≤ T,    tₐrₐ + l_b + l_c ≥ l,    l_b ≤ r_b t_b,    l_c ≤ RT                   (2), (3)
                κ tₐ (2^(rₐ/B) − 1) + pₒtₐ + φl_c ≤ min{Eⱼ + Σᵢ Gⱼᵢ t_b,ᵢ, E_max}                      (9)

    r_b = B log₂(1 + p|Γ|²‖h‖²|hᴴw|²/σ²),     Gⱼᵢ = ηp|hⱼᴴwᵢ|²  for i ≠ j,     κ = σ²/‖h‖²

This is (6) with the combiner h/‖h‖ of unit norm. The printed (6) divides by |hᴴv|² instead, the noise after a combiner
without its norm, beside a numerator that has it.
""",
    formula=r"""
\begin{aligned}
\min_{t, r, l}\quad & \sum_i (p + p_{br})\, t_{b,i} + p_{ar}\, t_{a,i} + \phi_o (t_{a,i} r_{a,i} + l_{b,i}) \\
\text{s.t.}\quad & t_a + t_b \le T, \quad t_a r_a + l_b + l_c \ge l, \quad l_b \le r_b t_b, \quad l_c \le R T, \\
& \kappa\, t_a (2^{r_a/B} - 1) + p_o t_a + \phi l_c \le \min\Big\{E_j + \sum_i G_{ji} t_{b,i},\ E_{max}\Big\}, \\
& r_b = B \log_2\!\Big(1 + \frac{p |\Gamma|^2 \|h\|^2 |h^H w|^2}{\sigma^2}\Big), \quad
G_{ji} = \eta p |h_j^H w_i|^2 \ (i \ne j), \quad \kappa = \frac{\sigma^2}{\|h\|^2}
\end{aligned}
""",
    argument="""
The user reflects Γ√p hᴴw, which arrives as h Γ√p hᴴw + v with noise of power σ² in every antenna. A combiner u of norm 1
makes of it a signal of power p|Γ|²|uᴴh|²|hᴴw|², most for u = h/‖h‖, and noise of power σ². With u = h both grow by ‖h‖².
As printed only the noise does; ‖h‖² is some 10⁻³ over the paper's distances, so the noise comes out 30 dB too low, and
passive transmission too good.

(9) is kept as printed: a user may spend what it harvests later in the frame. `harvesting="causal"` forbids it, and only
removes entries of G. That a user harvests nothing in its own slot (8) is kept, too.
""",
    check=checks.check_program,
)

PERSPECTIVE = Step(
    title="From rates to bits: a perspective",
    statement="""
In the paper's variables (tₐ, rₐ) neither (3) nor (9) is convex. Take the bits lₐ = tₐrₐ in place of the rate. Then (3) is
linear, and what sending costs is the perspective of a convex function:

    κ t (2^(l/(Bt)) − 1) = t g(l/t),     g(ρ) = κ (2^(ρ/B) − 1),     0 for t = l = 0

It is convex in (t, l) together. Everything else is linear. The least energy is the same as before.
""",
    formula=r"""
\kappa\, t\,(2^{l/(Bt)} - 1) = t\, g\!\left(\frac{l}{t}\right), \qquad g(\rho) = \kappa\,(2^{\rho/B} - 1),
\qquad \nabla^2 = \frac{g''(l/t)}{t}
\begin{pmatrix} l/t \\ -1 \end{pmatrix} \begin{pmatrix} l/t \\ -1 \end{pmatrix}^{\!\top} \succeq 0
""",
    argument="""
In (t, r) the energy is t g(r). Its second derivatives are 0, g′(r) and t g″(r): the determinant −g′² is negative, so it
bends down in some direction; and t r + l_b + l_c ≥ l contains a product. With l = tr the determinant of the second
derivatives is 0 and the trace positive, as the formula shows. For a proof without derivatives: t g(l/t) is the least upper
bound of lσ − t g*(σ) over σ, functions that are linear in (t, l).

The map between (t, r) and (t, l) is one to one for t > 0. At t = 0 nothing is sent; a rate r without time means nothing.
So no answer is won or lost: this is the convex form that the paper says can be verified easily.

SLSQP in the paper's own variables may end anywhere, since its problem is not convex. It never ends below the convex optimum.
""",
    check=checks.check_perspective,
)

CONE = Step(
    title="One exponential cone per user, or one logarithm",
    statement="""
A conic solver is told the energy by its epigraph. Let ε be what is radiated, a variable of its own. Then all energies are
linear, ε + pₒtₐ + φl_c, and all that is not is one exponential cone per user; or, solved for the bits, Shannon's formula:

    (ln 2 · lₐ/B, tₐ, tₐ + ε/κ) ∈ K_exp,  that is  tₐ exp(ln 2 · lₐ/(B tₐ)) ≤ tₐ + ε/κ

    lₐ ≤ B tₐ log₂(1 + ε/(κtₐ))
""",
    formula=r"""
\Big(\tfrac{\ln 2}{B}\, l_a,\ t_a,\ t_a + \tfrac{\varepsilon}{\kappa}\Big) \in K_{\exp}
\quad\Longleftrightarrow\quad l_a \le B\, t_a \log_2\!\Big(1 + \frac{\varepsilon}{\kappa\, t_a}\Big)
""",
    argument="""
Take logarithms of tₐ exp(x/tₐ) ≤ y: x ≤ tₐ ln(y/tₐ), with y = tₐ + ε/κ. Both describe one set. The last right side is the
perspective of the concave function log(1 + ε/κ), so it is concave in (tₐ, ε), and of degree one: twice the time and twice
the energy send twice the bits.

Which one to use is a matter of the solver. Cone solvers take the first. The specialised solver takes the second: its only
curved row belongs to one user, while users meet in linear rows alone, in the carrier's times. So a Newton step is one small
system per user and one system of size N for the times.
""",
    check=checks.check_cone,
)

PENALTY = Step(
    title="An elastic frame: everything has an answer",
    statement="""
Some frames cannot be served: too much work, too little energy. Let a user leave work z unserved at a price K:

    minimise  Eₒ + K Σ zᵢ     subject to  lₐ + l_b + l_c + z ≥ l,  z ≥ 0,  and the rest as before

Now every frame is feasible. If K exceeds every work price ω, what one more kbit of work would cost, the penalty is exact:
a frame that can be served is served, at the same energy. If K is below the largest one it is not exact.
""",
    formula=r"""
\min\ E_o + K \sum_i z_i \quad \text{s.t.}\quad l_a + l_b + l_c + z \ge l, \quad z \ge 0; \qquad
K > \max_i \omega_i \;\Longrightarrow\; z = 0
""",
    argument="""
z = l with all else at 0 is feasible. For exactness let V(d) be the least energy where the work is l − d. It is convex, as
the value of a convex program in its right side, and −ω is a subgradient at d = 0. So

    V(z) + K Σ z ≥ V(0) − Σ ωz + K Σ z ≥ V(0)     for K ≥ ω,  strictly above for z ≠ 0 and K > ω

If K < ωᵢ, and ω is the only price vector, a little of user i's work is cheaper left than done.

How large is large enough depends on the frame. Work prices differ by orders of magnitude, and rise without limit towards
frames that cannot be served: their last kbit is paid for with energy that must come through the air.
""",
    check=service.check_penalty,
    figure=figures.PENALTY,
)

DROPPING = Step(
    title="Drop who is not served, and solve again",
    statement="""
Work is done in full or it is lost: an outage. So after the elastic frame

    x = 1 where z ≤ l/1000, else 0;     then set l = 0 where x = 0, and solve once more

This serves nearly as many users as can be served at all, and spends nothing on work that is lost anyway. Who is dropped
may still have carrier in its slot, to feed the others.
""",
    formula=r"""
x_i = \mathbf 1\Big[z_i \le \frac{l_i}{1000}\Big], \qquad l_i \leftarrow x_i\, l_i, \qquad
r^o = \Big(\frac1N \sum_i x_i\Big)^{\!\sigma}\, \frac{\sum_i x_i l_i}{E_o + e_0} \quad (11)
""",
    argument="""
K is huge, so the elastic frame squeezes in each kbit it can at whatever energy, also kbit of users that are in outage all
the same. Solved again, those who are served keep a feasible allocation (that of before), so nobody is lost, and the energy
for the others is saved. In the reward (11) the difference is manifold.

Mostly the number is the greatest possible, but that is no theorem: least unserved work and fewest unserved users are two
things. For up to 8 users `admit_most` tries all sets. And (11) is a third thing: to drop a user that could be served, but
dearly, can raise it.
""",
    check=service.check_dropping,
)

PRICES = Step(
    title="Any prices prove a bound, the best ones prove all",
    statement="""
Give work a price ω, energy a price λ, capacity a price ξ, and let η = λ + ξ, g = (ω − φₒ)⁺. Then every user, every slot and
every CPU is on its own, and for ANY prices that are not negative the cost of all allocations is at least

    D = Σ ωl − λE − ξE_max + l (K − ω)⁻ + RT (ηφ − ω)⁻ + E_max (λ − v)⁻ + T min(0, cₐ, c_b)

    cₐ = min over ρ of  p_ar + η (pₒ + κ(2^ρ − 1)) − gBρ,     c_b,ᵢ = p + p_br − gᵢr_b,ᵢ − Σⱼ λⱼGⱼᵢ

with x⁻ = min(x, 0); v is for step 10, and 0 until then. The greatest D is the least cost. Its prices say what work, energy
and capacity are worth.
""",
    formula=r"""
\begin{aligned}
D(\omega, \lambda, \xi) = \sum_i\ & \omega_i l_i - \lambda_i E_i - \xi_i E_{max} + l_i (K - \omega_i)^-
+ RT(\eta_i \phi - \omega_i)^- + E_{max}(\lambda_i - v)^- \\ & + T \min(0,\, c_{a,i},\, c_{b,i}), \qquad
c_{b,i} = p + p_{br} - g_i r_{b,i} - \sum_j \lambda_j G_{ji}
\end{aligned}
""",
    argument="""
Add to the energy each price times its row, which is not positive at any feasible allocation: the sum can only fall. Group it
by variables. What is left is a sum of minima of single users' choices: z in [0, l], l_c in [0, RT], what is kept in
[0, E_max], and a slot that is divided among sending, carrier and rest. A slot's cost is linear in the two times once ρ is
chosen, so its least is at a corner. (The package lets sending earn no more than the user's work, and leaves out users that
can have no energy. Both only lift the bound.)

The prices come from the solver, but the bound does not depend on how they were found. That is the certificate: D is computed
anew, and an answer is called optimal only if its energy meets it. The frame is convex and has interior points (users with
energy), so the gap closes.

As a function of l, E and E_max the least energy is convex, and the prices are its slopes: it lies above that plane
everywhere.
""",
    check=prices.check_prices,
    figure=figures.ANY_PRICES,
)

ALLOCATION = (PROGRAM, PERSPECTIVE, CONE, PENALTY, DROPPING, PRICES)
