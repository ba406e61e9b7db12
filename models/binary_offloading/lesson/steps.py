"""The lesson on binary offloading: from a mixed-integer program to sorting and one price."""

from mecopt.lesson import Lesson, Step
from mecopt.models.binary_offloading.lesson import checks, figures, sorting
from mecopt.models.binary_offloading.lesson.alike import check_counts
from mecopt.models.binary_offloading.lesson.exercises import EXERCISES
from mecopt.models.binary_offloading.lesson.places import PLACES, check_places
from mecopt.models.binary_offloading.lesson.scaling import check_scaling

PROGRAM = Step(
    title="The program, and what is wrong in print",
    statement="""
A user computes its task of dᵢ MB itself at cost Lᵢ, or uploads it at cost uᵢ and waits for the server, which works for
it at the rate fᵢ, at cost cᵢ/fᵢ. Each of these is a delay plus α times an energy. Variable are the offloading bits x
and the server's rates f; everything else is data:

    minimise    Σ (1 − xᵢ) Lᵢ + xᵢ (uᵢ + cᵢ/fᵢ)
    subject to  Σ xᵢfᵢ ≤ F,   x ∈ {0, 1}ᴺ,   f ≥ 0

    Lᵢ = dᵢ/fᵢˡᵒᶜ · (1 + αᵢpᵢˡᵒᶜ)
    uᵢ = dᵢ/rᵢ · (1 + αᵢpᵢᵘᵖ)
    cᵢ = dᵢ · (1 + αᵢpᵢʷᵃⁱᵗ)

For fixed x this is convex in f. In (x, f) together it is not, even with x in [0, 1].
""",
    formula=r"""
\begin{aligned}
\min_{x \in \{0,1\}^N,\, f \ge 0}\quad & \sum_i (1 - x_i) L_i + x_i \left(u_i + \frac{c_i}{f_i}\right)
\qquad \text{s.t.} \quad \sum_i x_i f_i \le F , \\
L_i = \frac{d_i}{f^{\mathrm{loc}}_i} & (1 + \alpha_i p^{\mathrm{loc}}_i), \quad
u_i = \frac{d_i}{r_i} (1 + \alpha_i p^{\mathrm{up}}_i), \quad
c_i = d_i (1 + \alpha_i p^{\mathrm{wait}}_i)
\end{aligned}
""",
    argument="""
The paper's (9b), (9c) and (10b) limit the uplink rates rᵢ. These are data: with them the server's rates would be free
and waiting would cost nothing, so Σ xᵢfᵢ ≤ F must be meant. Its (10) also lists x among the variables, though x is
fixed there.

For fixed x every term cᵢ/fᵢ has the second derivative 2cᵢ/fᵢ³ > 0, and the constraint is linear: a convex program,
whose local minima are global. Jointly, take one term with c = 1 and walk from (x, f) = (0, ½) to (1, 1): x/f goes from
0 to 1, but halfway it is ½ / ¾ = ⅔, above the chord's ½.
""",
    check=checks.check_program,
)

SQUARE_ROOT_RULE = Step(
    title="Eliminate the rates: the square-root rule",
    statement="""
Let sᵢ = √cᵢ, and let S be the sum of s over the offloading users. The best rates are proportional to s, waiting then
costs S²/F, and the shadow price μ says what one more MB/s of capacity saves:

    fᵢ = F sᵢ/S    Σ cᵢ/fᵢ = S²/F    μ = S²/F²
""",
    formula=r"""
f_i = F \frac{s_i}{S}, \qquad \min_f \sum_{x_i = 1} \frac{c_i}{f_i} = \frac{S^2}{F}, \qquad
\mu = -\frac{\partial}{\partial F} \frac{S^2}{F} = \frac{S^2}{F^2}, \qquad s_i = \sqrt{c_i}, \quad S = \sum_{x_i = 1} s_i
""",
    argument="""
By the Cauchy-Schwarz inequality, for any rates that respect the capacity,

    S² = (Σ (sᵢ/√fᵢ) · √fᵢ)² ≤ (Σ cᵢ/fᵢ) · (Σ fᵢ) ≤ F · Σ cᵢ/fᵢ

so no rates wait for less than S²/F. Equality needs sᵢ/√fᵢ proportional to √fᵢ, that is f proportional to s, and all of
the capacity in use: these rates, and no others.

The same from the KKT conditions: the marginal saving cᵢ/fᵢ² must be one number μ for all, so fᵢ = sᵢ/√μ; the sum F then
gives √μ = S/F. The derivative of S²/F in F is −S²/F² = −μ, as a shadow price must be.
""",
    check=checks.check_square_root_rule,
    figure=figures.SQUARE_ROOT_RULE,
)

RANK_ONE = Step(
    title="What remains: a binary quadratic of rank one",
    statement="""
No rates are left. A decision costs

    V(x) = Σ (1 − xᵢ) Lᵢ + xᵢuᵢ + (s·x)²/F

All that couples the users is one number, the load S = s·x. And V is convex: with x in [0, 1] it is a convex program.
""",
    formula=r"V(x) = \sum_i (1 - x_i) L_i + x_i u_i + \frac{(s^\top x)^2}{F}",
    argument="""
Insert S = s·x from the step before. The Hessian is 2ssᵀ/F: rank one, positive semidefinite.

Fractional x get the right cost, too. Let gᵢ = xᵢfᵢ be the capacity that user i takes up; waiting costs xᵢcᵢ/fᵢ =
xᵢ²cᵢ/gᵢ, which is jointly convex in (x, g), a perspective of the square, and Σ gᵢ ≤ F is linear. Minimising over g
gives (Σ sᵢxᵢ)²/F by step 2. The form is no matter of taste: xᵢcᵢ/fᵢ under Σ fᵢ ≤ F means the same at bits, but gives (Σ
sᵢ√xᵢ)²/F, which is concave in x and useless as a relaxation.
""",
    check=checks.check_rank_one,
)

TOP_K = Step(
    title="Identical users: offload the k largest tasks",
    statement="""
Let Lᵢ − uᵢ = κcᵢ with one κ for all users, as where they differ in nothing but their data. Then some best decision
offloads the users with the k largest cᵢ, for some k; for identical users these are the k largest tasks. Sorting and
N + 1 costs solve the problem, in O(N log N).
""",
    formula=r"""
L_i - u_i = \kappa\, c_i \ \text{ for all } i \quad \Longrightarrow \quad
\min_{x \in \{0,1\}^N} V(x) = \min_{0 \le k \le N} V(\text{the } k \text{ largest } c_i)
""",
    argument="""
Users without data cost nothing and are left out. Beside other offloading users with load T, one more user with root t
changes the cost by

    φ(t) = ((T + t)² − T²)/F − κt² = (1/F − κ) t² + 2Tt/F

If κ ≤ 1/F, then φ ≥ 0 for every t and T: taking users out never costs anything, and offloading nobody is best.

If κ > 1/F, then φ is strictly concave with φ(0) = 0. Let user i offload in a best decision, beside the load T of the
others. Leaving i out is no better, so φ(sᵢ) ≤ 0. A strictly concave function that is 0 at 0 and not positive at sᵢ > 0
falls strictly from sᵢ on: its slope at sᵢ is below that of its chord, φ(sᵢ)/sᵢ ≤ 0, and only decreases. So for a user j
that computes locally with sⱼ > sᵢ, φ(sⱼ) < φ(sᵢ): offloading j instead of i would be cheaper, which cannot be. With
every user, all larger ones offload; among users of the same size it does not matter who.
""",
    check=sorting.check_top_k,
    figure=figures.TOP_K,
)

LIMITS = Step(
    title="Where the theorem ends: users that differ",
    statement="""
If users differ in rates or powers and have no common κ, sorting by cᵢ is wrong, and by a lot. In general the problem
contains subset sum, so no sorting solves it: for integers sᵢ and a target T, choose cᵢ = sᵢ² and Lᵢ − uᵢ = 2Tsᵢ/F. Then

    V(x) = ΣLᵢ − T²/F + (s·x − T)²/F

and V reaches ΣLᵢ − T²/F exactly if some of the integers sum to T. Scanning the users in the order of (Lᵢ − uᵢ)/sᵢ,
which is nearly always right on random data, is a heuristic. (Users without data, sᵢ = 0, cost nothing: they have no
index and are left out.)
""",
    formula=r"""
c_i = s_i^2, \quad L_i - u_i = \frac{2 T s_i}{F} \quad \Longrightarrow \quad
V(x) = \sum_i L_i - \frac{T^2}{F} + \frac{(s^\top x - T)^2}{F}
""",
    argument="""
Expand: V(x) = ΣLᵢ − 2T(s·x)/F + (s·x)²/F, and complete the square. All data of the instance are rational and hardly
longer than the integers, so an algorithm that solved every instance in polynomial time would decide subset sum, which
is NP-complete. Here every user has the same index (Lᵢ − uᵢ)/sᵢ = 2T/F: the index knows nothing about the answer.

This is the worst case, not the usual one. The next steps solve ordinary instances with thousands of users, with proof.
""",
    check=sorting.check_limits_of_sorting,
    figure=figures.WHERE_SORTING_ENDS,
)

ANY_PRICE = Step(
    title="Any price bounds all decisions at once",
    statement="""
Charge λ for each unit of load s. For every λ ≥ 0, D(λ) is a lower bound on the cost of all 2ᴺ decisions, in O(N):

    D(λ) = Σ min(Lᵢ, uᵢ + λsᵢ) − λ²F/4 ≤ V(x)

The capacity's shadow price is μ = λ²/4.
""",
    formula=r"""
D(\lambda) = \sum_i \min(L_i,\; u_i + \lambda s_i) - \frac{\lambda^2 F}{4} \;\le\; V(x)
\qquad \text{for all } \lambda \ge 0,\ x \in \{0,1\}^N
""",
    argument="""
A square lies above its tangents: S²/F ≥ λS − λ²F/4 for every λ, since the difference is (S − λF/2)²/F. Put this into
V(x); what remains is linear in the load, so every user may choose alone, and choosing for itself it pays the smaller of
Lᵢ and uᵢ + λsᵢ:

    V(x) ≥ Σ [(1 − xᵢ) Lᵢ + xᵢ(uᵢ + λsᵢ)] − λ²F/4 ≥ D(λ)

In words: let users pay a price for the capacity that they take, and give back what all of the capacity would cost. Whoever
keeps the limit pays no more than is given back, so no allowed decision becomes dearer. And now the limit can be left out:
without it there is more to choose from, so the least cost only falls. What is left are users who choose alone.

It is weak Lagrange duality: with a price μ on the capacity, cᵢ/fᵢ + μfᵢ ≥ 2sᵢ√μ, and λ = 2√μ. Nothing was assumed about
λ, so a guessed price, or one that a network has learned, proves as surely as a computed one, only perhaps less.
""",
    check=checks.check_any_price_bounds,
    figure=figures.ANY_PRICE,
)

BEST_PRICE = Step(
    title="The best price: fill up in the order of the index",
    statement="""
Leave out users without data, who cost nothing. Sort the others by (Lᵢ − uᵢ)/sᵢ and let them offload in that order
while this index exceeds λ = 2S/F, the last one perhaps in part. That λ is the best price. D(λ) is then the minimum of V
over [0, 1]ᴺ, of which at most one user k is split, and the gap to the best decision obeys

    min V(x) − D(λ) ≤ sₖ²/(4F)

and is 0 if nobody is split.
""",
    formula=r"""
\max_{\lambda \ge 0} D(\lambda) = \min_{x \in [0,1]^N} V(x), \qquad
0 \le \min_{x \in \{0,1\}^N} V(x) - \max_\lambda D(\lambda) \le \frac{s_k^2}{4F}
""",
    argument="""
The derivative of V along xᵢ is sᵢ (λ − (Lᵢ − uᵢ)/sᵢ) with λ = 2S/F. V is convex, so x is a minimum on the cube exactly
if users with an index above λ have xᵢ = 1 and those with an index below have xᵢ = 0. Filling up in order raises λ and
meets falling indices: where they cross is such a point, and only the user at the crossing can be split. There V = D(λ),
since the tangent S²/F = λS − λ²F/4 touches at S = λF/2; so D(λ) is the best bound.

Now round the split user from θ to y = 0 or 1. Its index is λ, so the linear terms cancel and only the square's
curvature is left: V rises by exactly (y − θ)² sₖ²/F. The nearer of 0 and 1 has (y − θ)² ≤ ¼.

With N users the cost grows like N and the gap does not grow at all: the more users, the better the price alone.
""",
    check=checks.check_relaxation,
    figure=figures.BEST_PRICE,
)

REDUCED_COSTS = Step(
    title="Reduced costs fix most users without search",
    statement="""
At the price λ, forcing user i to its dearer side raises the bound by its reduced cost |uᵢ + λsᵢ − Lᵢ|. Let U be the
cost of any decision already known. If

    D(λ) + |uᵢ + λsᵢ − Lᵢ| > U

then every decision that is as good as U has user i on its cheaper side: i is fixed. The users left are the core, and
only the core is searched, by branch and bound that prices every node anew.
""",
    formula=r"""
D(\lambda) + \lvert u_i + \lambda s_i - L_i \rvert > U \quad \Longrightarrow \quad
x_i = [\,u_i + \lambda s_i < L_i\,] \ \text{ in every } x \text{ with } V(x) \le U
""",
    argument="""
The bound of step 6 is a sum over users, and holds also among the decisions in which user i takes its dearer side; its
term min(Lᵢ, uᵢ + λsᵢ) is then the larger of the two, and the sum rises by their difference. So these decisions cost at
least D(λ) + |uᵢ + λsᵢ − Lᵢ| > U.

U − D(λ) is at most sₖ²/(4F) for the rounded relaxation, so only users whose index is close to λ stay open. If one of
them must be searched, both its sides are priced again, which fixes others. When the tree is empty, the best decision
known is optimal, and that is a proof.
""",
    check=checks.check_reduced_costs,
    figure=figures.REDUCED_COSTS,
)

COUNTS = Step(
    title="Users nearly alike are counted",
    statement="""
Where users are nearly alike, their reduced costs are all about 0: nobody is fixed, and who is held at one side is
replaced by another. What is left to decide is how many offload. So that is branched on: at most k of a group of like
users, or more. For any limits l and u on the number |S| of the set S of those, sorting finds the least bound

    D(λ) = Σ Lᵢ − λ²F/4 − max over l ≤ |S| ≤ u of Σ (Lᵢ − uᵢ − λsᵢ)

With their number fixed, what the best D lacks to the best decision is of second order in the differences between users,
and 0 where they are equal.
""",
    formula=r"""
\max_{\lambda \ge 0}\; \sum_i L_i - \tfrac{\lambda^2 F}{4} - \max_{l \le |S| \le u} \sum_{i \in S} (L_i - u_i - \lambda s_i)
\;\le\; \min_{l \le |S| \le u} V(S) , \qquad |S| = k:\quad \text{it lacks at most } \frac{\delta^2}{8 c}
""",
    argument="""
The bound of step 6 holds word for word among the decisions within the limits; only the least of their sums has to be
found. Sort the users by what they save, Lᵢ − uᵢ − λsᵢ. The first l offload in any case, the next ones as long as they
save something and are fewer than u. Limits may stand on groups within groups; then the inner ones come first. The two
children, at most k and at least k + 1, have all decisions between them.

Let W(t) be the cost of a decision on a server of the capacity tF: constants plus (Σ sᵢ)²/(tF), convex in t. At its best
price the bound is the convex hull of the W of all decisions within the limits, at t = 1. Where that is none of the W,
it mixes one at some t below 1 with another at some t above 1. Let their slopes at 1 differ by δ, let their curvature be
at least c, and let m be the distance of each t from 1 times its weight, the same for both. Then the mixture is below
the mean of both W at 1 by mδ − 2cm² at most, so by no more than δ²/(8c), and the cheaper of the two is below that mean.
The slopes are −(Σ sᵢ)²/F: for one number of users that differ by ε, δ is of the size of ε.
""",
    check=check_counts,
    figure=figures.TREE,
)

PLACES_STEP = Step(
    title="What a limit's price means",
    statement="""
Let at most k users offload: a limit of one's own. It gets a price, too. For any prices μ of capacity and π of a place,
none negative, every decision within the limit costs at least D. At the best prices, let the best cost V(k) be above D by
the gap g. Then π says what a place is worth, one more and one less:

    D(μ, π) = Σ min(Lᵢ, uᵢ + 2sᵢ√μ + π) − μF − πk
    V(k) − V(k + 1) ≤ π + g
    V(k − 1) − V(k) ≥ π − g
""",
    formula=r"""
D_k(\mu, \pi) = \sum_i \min\{L_i,\, u_i + 2 s_i \sqrt{\mu} + \pi\} - \mu F - \pi k \le V(k), \qquad
D_{k \pm 1}(\mu, \pi) = D_k(\mu, \pi) \mp \pi
""",
    argument="""
Within the limit Σ xᵢ ≤ k, so that adding π (Σ xᵢ − k) ≤ 0 makes no decision dearer; what is left is step 6 with uᵢ + π in
place of uᵢ. In D the number of places stands once, in −πk: with one place more the same prices prove D − π, with one less
D + π. So V(k + 1) ≥ D − π = V(k) − g − π, and V(k − 1) ≥ D + π = V(k) − g + π.

A price of 0 says that one more place saves no more than the gap. The price is no derivative: places are whole, and V(k)
falls in steps. But it needs no second solve, and several limits have theirs together.
""",
    check=check_places,
    figure=PLACES,
)

SCALING = Step(
    title="Scale before a generic solver sees numbers",
    statement="""
The convex program of step 1 has one answer in every unit. Solvers do not: at scipy's default tolerance, on rates in
bytes/s or hertz, SLSQP stops at once, reports success, and is wrong. Give it shares of the capacity and weights of
order one instead:

    yᵢ = fᵢ/F,   minimise Σ (cᵢ/m)/yᵢ   subject to Σ yᵢ ≤ 1

where m is the mean of c. A tighter tolerance is no substitute: it helps in bytes/s, not in hertz.
""",
    formula=r"""
y_i = \frac{f_i}{F}, \qquad \min_{y \ge 0} \sum_i \frac{c_i / m}{y_i} \quad \text{s.t.} \quad \sum_i y_i \le 1
""",
    argument="""
The substitution multiplies the objective by the constant F/m and changes nothing else, so both programs have the same
minimisers. But a solver stops when a step promises less than some fixed tolerance, 10⁻⁶ in scipy. SLSQP takes its first
steps with the identity for a Hessian, along the gradient −cᵢ/fᵢ², which shrinks with the unit: at 10⁶ bytes/s it is
around 10⁻⁶, and the gain it promises around the square of that. SLSQP declares victory where it started. A tolerance of
10⁻¹⁵ is small enough for gains of 10⁻¹² in bytes/s, but not for 10⁻¹⁸ in hertz. At rates around 1 the default works.
The paper's megabytes hide this.
""",
    check=check_scaling,
)

LESSON = Lesson(
    problem="binary-offloading",
    title="Binary offloading: from a mixed-integer program to one price",
    introduction="""
N users each have a task. A user computes it itself, or uploads it to one server whose capacity all offloading users
share. Who should offload, and how is the server shared? As written, that is 2ᴺ programs. Eleven steps turn it into a
formula for the rates, sorting where users are alike, and one price where they differ.

That price is the thread of the lesson. The price μ of the server's capacity, also called a shadow price or a dual
price, says by how much the least cost would fall if the server had one MB/s more. Nobody pays it in the end. But if
users had to pay μ for every MB/s that they take, then what is cheapest for each of them alone would take up the
capacity that there is, give or take one user: one number stands for a limit that all of them share. And a guess of it,
right or wrong, proves that nothing can cost less than a number that is easily computed.

Every step is a statement, its proof, and a check that measures it by other means on random instances.
""",
    steps=(
        PROGRAM,
        SQUARE_ROOT_RULE,
        RANK_ONE,
        TOP_K,
        LIMITS,
        ANY_PRICE,
        BEST_PRICE,
        REDUCED_COSTS,
        COUNTS,
        PLACES_STEP,
        SCALING,
    ),
    exercises=EXERCISES,
)
