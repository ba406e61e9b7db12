"""The lesson on the computation rate: from Shannon's formula to one price of time."""

from mecopt.lesson import Lesson, Step
from mecopt.models.computation_rate.lesson import checks, figures, solvers
from mecopt.models.computation_rate.lesson.alike import check_alike, check_counts
from mecopt.models.computation_rate.lesson.exercises import EXERCISES

PROGRAM = Step(
    title="The program: who offloads, and how the frame is shared",
    statement="""
During a part a of the frame the access point broadcasts energy. A user with xᵢ = 0 computes on it all frame long; one
with xᵢ = 1 spends it to send its data in a part τᵢ of its own. Variable are x, a and τ; everything else is data, and of
each user only three numbers count:

    maximise    Σ (1 − xᵢ) Aᵢ ∛a + xᵢ Wᵢ τᵢ ln(1 + gᵢ a/τᵢ)
    subject to  a + Σ xᵢτᵢ ≤ 1,   x ∈ {0, 1}ᴺ,   a, τ ≥ 0

Aᵢ is the local rate when harvesting all frame long, gᵢ the harvested energy over the noise's, Wᵢ the worth of the
bandwidth.
""",
    formula=r"""
\begin{aligned}
\max_{x \in \{0,1\}^N,\, a, \tau \ge 0}\quad & \sum_i (1 - x_i) A_i\, a^{1/3}
+ x_i W_i\, \tau_i \ln\left(1 + \frac{g_i a}{\tau_i}\right)
\qquad \text{s.t.} \quad a + \sum_i x_i \tau_i \le 1 , \\
A_i &= \frac{w_i}{\phi_i} \left(\frac{\mu_i P h_i}{k_i}\right)^{1/3}, \quad
g_i = \frac{\mu_i P h_i^2}{N_0}, \quad W_i = \frac{w_i B}{v \ln 2}
\end{aligned}
""",
    argument="""
In a frame of length 1 user i harvests the energy E = μPha. A CPU that runs at the speed f all frame long uses kf³, so
it runs at ∛(E/k) and computes ∛(E/k)/φ bits: Aᵢ∛a. A sender that spends E within τ has the power E/τ, which arrives as
Eh/τ and carries B/v · log₂(1 + Eh/(N₀τ)) bits per second: Wᵢτᵢ ln(1 + gᵢa/τᵢ). Both grow with E, so each user spends
all it has.
""",
    check=checks.check_program,
)

CONCAVITY = Step(
    title="For fixed modes the rate is concave: perspectives",
    statement="""
With x fixed, the program maximises a concave function under one linear constraint. The offloaded rate is a perspective,
that is of the form τ·φ(a/τ) with a concave φ: jointly concave in (a, τ), and linear along every ray from the origin.
The local rate ∛a is concave, of degree 1/3.
""",
    formula=r"""
\tau\, \varphi\!\left(\frac{a}{\tau}\right) \text{ is jointly concave for concave } \varphi, \qquad
\varphi(y) = \ln(1 + g y); \qquad a^{1/3} \text{ is concave}
""",
    argument="""
Let τ and a be the means of τ₁, τ₂ and of a₁, a₂ with weights θ and 1 − θ. Then a/τ is a mean, too, of a₁/τ₁ and a₂/τ₂
with the weights θτ₁/τ and (1 − θ)τ₂/τ. φ is concave, so

    τ φ(a/τ) ≥ θ τ₁ φ(a₁/τ₁) + (1 − θ) τ₂ φ(a₂/τ₂)

Scaling a and τ by the same factor leaves a/τ alone and multiplies the rate by it. The second derivative of ∛a is −(2/9)
a^(−5/3), which is negative. Sums of concave functions with weights ≥ 0 are concave.
""",
    check=checks.check_concavity,
    figure=figures.PERSPECTIVE,
)

CONES = Step(
    title="The same as cones, which solvers understand",
    statement="""
A rate tᵢ is attainable by offloading exactly if (tᵢ, τᵢ, τᵢ + gᵢa) lies in the exponential cone; a value t is at most
∛a, for t ≥ 0, exactly if some r satisfies two second-order cones:

    τ · exp(t/τ) ≤ τ + ga    and    t² ≤ r,  r² ≤ at,  t ≥ 0

What is left is linear.
""",
    formula=r"""
t \le \tau \ln\left(1 + \frac{g a}{\tau}\right) \iff (t, \tau, \tau + g a) \in K_{\exp}, \qquad
t \le a^{1/3} \iff \exists r:\ t^2 \le r,\ r^2 \le a t \quad (t \ge 0)
""",
    argument="""
K_exp is the closure of the points (p, q, s) with q > 0 and q·exp(p/q) ≤ s. Divide t ≤ τ ln(1 + ga/τ) by τ,
exponentiate, and multiply by τ again: τ·exp(t/τ) ≤ τ + ga, each step reversible.

For t > 0 the two squares give t⁴ ≤ r² ≤ at, so t³ ≤ a. Conversely r = t² satisfies both if t³ ≤ a. Each is a rotated
second-order cone: u² ≤ vw means that (2u, v − w) is no longer than v + w. A power cone says the same in one piece.
""",
    check=solvers.check_cones,
)

SCALING = Step(
    title="Two traps on the way to a solver: units and parameters",
    statement="""
In bit/s the coefficients are around 10⁶ beside times below 1, and interior-point solvers fail, Clarabel on most frames; in
Mbit/s it solves them. And where gᵢ and Wᵢ are parameters of a program that is built once and solved
often, gᵢa needs a variable of its own:

    maximise  A ∛a − Σ Wᵢ rel_entr(τᵢ, τᵢ + yᵢ)   with   yᵢ = gᵢ a
""",
    formula=r"""
\tau \ln\left(1 + \frac{g a}{\tau}\right) = -\tau \ln \frac{\tau}{\tau + y} = -\mathrm{rel\_entr}(\tau, \tau + y),
\qquad y = g a
""",
    argument="""
A solver stops when residuals are small relative to the data, and its linear algebra mixes rows of both sizes: with an
objective of 10⁶ and constraints of 1 it runs out of digits. Dividing the rate by 10⁶ changes no answer. Of 2000
frames Clarabel solved 774 in bit/s and all in Mbit/s. It is no cure for everything: ECOS solved none in bit/s and all but 16
in Mbit/s, these 16 with a user in a deep fade (gᵢ below 10⁻⁴), where it ends a digit or two early.

A program with parameters is compiled once if it is affine in the parameters while the variables are held (DPP). The
weight W times a function of another parameter g is not, since W multiplies g. With yᵢ as a variable, g stands in a
linear constraint and W before a function of variables alone.
""",
    check=solvers.check_scaling,
)

EARNING = Step(
    title="What a user earns at a price of time",
    statement="""
Charge ν for time. An offloading user that chooses its own τᵢ then earns in proportion to a, Cᵢ(ν) per unit of it. The
signal-to-noise ratio zᵢ that it sends at depends on ν alone; it is the root of the last line:

    sup over τ ≥ 0 of  Wᵢτ ln(1 + gᵢa/τ) − ντ  =  Cᵢ(ν) · a
    Cᵢ(ν) = Wᵢgᵢ/(1 + zᵢ)
    ln(1 + z) − z/(1 + z) = ν/Wᵢ
""",
    formula=r"""
\sup_{\tau \ge 0}\; W_i \tau \ln\left(1 + \frac{g_i a}{\tau}\right) - \nu \tau = C_i(\nu)\, a, \qquad
C_i = \frac{W_i g_i}{1 + z_i}, \qquad \ln(1 + z_i) - \frac{z_i}{1 + z_i} = \frac{\nu}{W_i}
\iff \frac{1}{1 + z_i} = -W_0\!\left(-e^{-1 - \nu/W_i}\right)
""",
    argument="""
With z = gᵢa/τ the derivative in τ is Wᵢ(ln(1 + z) − z/(1 + z)) − ν. The left side of the equation is 0 at z = 0, has
the slope z/(1 + z)² > 0, and grows beyond all bounds, so there is one root, which depends on ν/Wᵢ alone. At the root
the user earns Wᵢτ · z/(1 + z), and τ = gᵢa/z makes this Wᵢgᵢa/(1 + z). At ν = 0 the root is z = 0: no τ attains the
supremum Wᵢgᵢa, a τ without end approaches it.

With y = 1/(1 + z) the equation reads y − ln y = 1 + ν/Wᵢ, so −y·exp(−y) = −exp(−1 − ν/Wᵢ), and −y is Lambert's W₀ of
that. On a computer this form underflows for large prices and cancels for small ones; Newton on u = ln(1 + z), where u +
exp(−u) − 1 = ν/Wᵢ, does neither.
""",
    check=checks.check_earning,
)

MODE_PRICE = Step(
    title="One price settles a mode",
    statement="""
For fixed modes the best times follow from the price ν alone, and ν is the root of one decreasing function of one
variable:

    a = 1/(1 + Σ gᵢ/zᵢ),   τᵢ = gᵢa/zᵢ,   (A/3) a^(−2/3) + Σ Cᵢ(ν) = ν

The sums run over the offloading users, and A is the sum of Aᵢ over the others. ν is what one more unit of time to
harvest and send would add to the rate, the CPUs running no longer than before. It equals a third of the local rate plus
the offloaded rate.
""",
    formula=r"""
\tfrac13 A\, a^{-2/3} + \sum_{x_i = 1} C_i(\nu) = \nu, \qquad a = \frac{1}{1 + \sum_{x_i = 1} g_i / z_i(\nu)}, \qquad
\tau_i = \frac{g_i a}{z_i}, \qquad \nu = \tfrac13 R_{\mathrm{local}} + R_{\mathrm{offload}}
""",
    argument="""
The program is concave with one linear constraint, so the KKT conditions suffice. Stationarity in τᵢ is the equation of
zᵢ. By the step before, the offloading users together are worth Σ Cᵢ a, so stationarity in a reads (A/3) a^(−2/3) + Σ Cᵢ
= ν. And the frame is full, a + Σ gᵢa/zᵢ = 1, since more time is always worth something.

When ν rises, every zᵢ rises, so Cᵢ falls and a rises: the left side falls while the right side rises, and they meet
once.

By Euler's theorem a function of degree m is 1/m times the sum of its variables times its slopes. All slopes are ν here,
the variables sum to 1, local rates have degree 1/3 and offloaded ones degree 1: so ν = R_local/3 + R_offload.

With a + Σ τᵢ ≤ T in place of 1 the multiplier is the derivative in T, so ν prices the time to harvest and send. It is not
what a longer frame brings. There the CPUs run longer, too: with the energy μPhaT they run at ∛(E/(kT)) for the time T, so
a frame of length T computes and sends T times the bits, R more for each unit of its length.
""",
    check=checks.check_mode_price,
    figure=figures.MODE_PRICE,
)

ANY_PRICE = Step(
    title="Any price bounds all modes at once",
    statement="""
For every ν ≥ 0, no mode of the 2ᴺ has a rate above

    L(ν) = max over 0 ≤ a ≤ 1 of   ν(1 − a) + Σ max(Aᵢ∛a, Cᵢ(ν) a)

User i offloads in it exactly if a ≥ (Aᵢ/Cᵢ)^(3/2). With the users sorted by this threshold only N + 1 sets of
offloading users compete, each with a maximum in closed form: L(ν) costs O(N log N).
""",
    formula=r"""
L(\nu) = \max_{0 \le a \le 1} \nu (1 - a) + \sum_i \max\left(A_i a^{1/3},\, C_i(\nu)\, a\right) \;\ge\; R(x)
\qquad \text{for all } \nu \ge 0,\ x \in \{0,1\}^N
""",
    argument="""
Take any modes and times that fit the frame. Adding ν(1 − a − Σ τᵢ) ≥ 0 to the rate does not lower it. Now let every
offloading user choose its τᵢ freely: it earns Cᵢ(ν) a at most. Let every user choose its mode freely: it earns the
larger of the two. And let a be chosen freely. None of these lowers the value, and the last is L(ν).

Cᵢa ≥ Aᵢ∛a means a^(2/3) ≥ Aᵢ/Cᵢ. So for every a the offloading users are a prefix of the order by threshold, and L(ν)
is the largest of N + 1 maxima of ν(1 − a) + A∛a + Ca, a concave function whose maximum is at a = min(1, (A/(3(ν −
C)))^(3/2)), or at a = 1 if C ≥ ν.
""",
    check=checks.check_any_price_bounds,
    figure=figures.ANY_PRICE,
)

BEST_PRICE = Step(
    title="The best price, and the gap it leaves",
    statement="""
L is convex in ν. The best bound is thus a search in one variable, whose slope comes for free:

    L′(ν) = 1 − a − Σ τᵢ,   the time left over at the price ν > 0

Too low a price overbooks the frame, too high a price leaves time unused. The gap to the best mode is small where users
differ.
""",
    formula=r"""
L(\nu) = \sup_{x, a, \tau}\; R(x, a, \tau) + \nu \left(1 - a - \sum_i \tau_i\right) \ \text{ is convex in } \nu, \qquad
1 - a - \sum_i \tau_i \in \partial L(\nu)
""",
    argument="""
For fixed x, a and τ the Lagrangian is affine in ν with the slope 1 − a − Σ τᵢ. A maximum of affine functions is convex,
and the slope of a maximiser is a subgradient. With slopes of both signs at hand the minimum is bracketed; tangents and
chords close in.

If the maximiser at the best price fills the frame exactly, its rate equals L, and it is optimal. Otherwise two modes
tie there, one that overbooks the frame and one that leaves time unused, and the optimum may be less than L: that is the
gap.
""",
    check=checks.check_best_price,
    figure=figures.SLOPE,
)

REDUCED_COSTS = Step(
    title="Reduced costs fix most users without search",
    statement="""
Force user i to its other mode and keep the price: the bound falls to some Lᵢ(ν). Let R be the rate of any answer
already known. If Lᵢ(ν) < R, then every mode as good as R has user i where the relaxation has it: i is fixed. The users
left, the core, are searched by branch and bound.
""",
    formula=r"""
L_i(\nu) = \max_{0 \le a \le 1} \nu(1 - a) + (\text{user } i \text{'s other term})
+ \sum_{j \ne i} \max\left(A_j a^{1/3},\, C_j a\right) < R \quad \Longrightarrow \quad i \text{ is fixed}
""",
    argument="""
The bound of step 7 holds word for word among the modes in which user i takes its other side; only its own maximum of
two terms is replaced by the one term that is left. So all of these modes have rates of at most Lᵢ(ν), below one that is
known.

Every Lᵢ needs another pass over N + 1 pieces, in which a single user differs; only pieces above R can matter, and these
are few.
""",
    check=checks.check_reduced_costs,
)

ALIKE = Step(
    title="Where one price is not enough: users that are nearly alike",
    statement="""
If all users are the same, so are their thresholds (Aᵢ/Cᵢ)^(3/2): at every a the relaxation lets either all offload or
none. As their number N grows, the best mode passes from all to none, and the gap of the root opens, peaks where about
half of them offload, and closes; over weak channels nobody offloads from the start. It is 0 where that is clearly best:

    C(NA/3) ≤ A   ⟹   min L(ν) = NA, the rate if nobody offloads

and that holds from some N on. While the gap is open, nearly equal users are the hard case: in the frames below reduced
costs fix none of them. The search counts them instead of telling them apart.
""",
    formula=r"""
A_i = A,\ C_i = C: \quad L(\nu) = \max_{0 \le a \le 1} \nu (1 - a) + N \max\left(A\, a^{1/3},\, C(\nu)\, a\right),
\qquad C\left(\tfrac{N A}{3}\right) \le A \;\Longrightarrow\; \min_\nu L(\nu) = N A = R(0)
""",
    argument="""
For equal users the sum of maxima is N times one maximum, so the relaxation knows two modes only, all and none. Where
they tie at the best price, they do so at two different values of a: "none" harvests nearly all frame long, "all" a
smaller part of it. The bound mixes the two frames, and so lends local users the long harvest and offloading users the
short one. But a is one number, shared by all, and no mode can have both.

At the price ν = NA/3, with C ≤ A, every user is local at every a ≤ 1, and ν(1 − a) + NA∛a is largest at a = 1, with the
value NA: the rate of that mode, so there is no gap. C(ν) falls to 0 as ν rises, so every N from some point on is such.
Where all offload, the gap is never 0, though small for few users: only that mode's own price ν = NC could prove its
rate NC, and there a small a > 0 is worth ν(1 − a) + NA∛a > NC.

Of equal users only the number that offloads matters, so it is the number that is branched on: at most k of them, or more.
Of nearly equal users it matters nearly alone. Fading makes users differ, and then a handful of nodes suffices.
""",
    check=check_alike,
    figure=figures.EQUAL_USERS,
)

COUNTS = Step(
    title="Users nearly alike are counted",
    statement="""
What is left to decide among users nearly alike is how many offload. So that is branched on: at most k of a group of
like users, or more. For any limits l and u on the number |S| of the set S of those, and with t = a^(2/3),

    L(ν) = max over 0 ≤ a ≤ 1 of   ν(1 − a) + ∛a v(t)
    v(t) = max over l ≤ |S| ≤ u of   Σ Aᵢ of the others + t Σ Cᵢ of S

bounds their rates. Sorting finds v, and v is convex: a few harvesting times settle the maximum over a. With their
number fixed, what the least L lacks to the best mode is of second order in the differences between users, and 0 where
they are equal.
""",
    formula=r"""
L(\nu) = \max_{0 \le a \le 1} \nu (1 - a) + a^{1/3} v\big(a^{2/3}\big), \quad
v(t) = \max_{l \le |S| \le u} \sum_{i \notin S} A_i + t \sum_{i \in S} C_i(\nu) \;; \qquad
|S| = k:\quad \min_\nu L(\nu) \text{ lacks at most } \frac{\delta^2}{8 c}
""",
    argument="""
The two children have all modes between them, and the bound of step 7 holds word for word within limits. At a given a
sort the users by Cᵢt − Aᵢ: the first l offload in any case, the next ones as long as that is positive and they are
fewer than u. Limits may stand on groups within groups; then the inner ones come first.

For each S the sum is a line in t, so v is convex and between two values of t below its chord. For a chord the maximum
over a has a closed form. Where it exceeds what a mode attains, the interval is divided where the lines at its ends
meet: there a new line is found, or it is seen that there is none.

Let W(T) be the best rate of a mode in the time T to harvest and send. It is concave, because the program is. At its
best price the bound is the concave hull of the W of all modes within the limits, at T = 1. Where that is none of the W,
it mixes one at some T below 1 with another at some T above 1. Let their slopes at 1 differ by δ, let their curvature be
at least c downwards, and let m be the distance of each T from 1 times its weight, the same for both. Then the mixture
is above the mean of both W at 1 by mδ − 2cm² at most, so by no more than δ²/(8c), and the better of the two is above
that mean. The slopes are the time prices of the modes: for one number of users that differ by ε, δ is of the size of ε.
With numbers that are not fixed it is not, and that is the gap of the step before.
""",
    check=check_counts,
)

LESSON = Lesson(
    problem="computation-rate",
    title="The computation rate: from Shannon's formula to one price of time",
    introduction="""
Wireless-powered users live on the energy that an access point broadcasts. Each either computes locally or offloads; the
longer the broadcast, the more energy all have, and the less time is left to send. Who should offload, and how is the
frame shared? Eleven steps turn 2ᴺ convex programs into one price of time.

Every step is a statement, its proof, and a check that measures it by other means on random frames.
""",
    steps=(
        PROGRAM,
        CONCAVITY,
        CONES,
        SCALING,
        EARNING,
        MODE_PRICE,
        ANY_PRICE,
        BEST_PRICE,
        REDUCED_COSTS,
        ALIKE,
        COUNTS,
    ),
    exercises=EXERCISES,
)
