"""The lesson on many servers, the decision open: prices of servers, what they prove and fix, and three special cases."""

from mecopt.lesson import Step
from mecopt.models.multi_server_offloading.lesson import alike as lesson_alike
from mecopt.models.multi_server_offloading.lesson import figures, prices, slots

ANY_PRICES = Step(
    title="Any prices of the servers bound all decisions, and say what they miss",
    statement="""
Charge λⱼ for each unit of load s on server j. User i then pays cᵢⱼ for choice j, and picks the cheapest. For ALL prices
and ALL decisions, exactly:

    c(i, 0) = b(i, 0),    c(i, j) = b(i, j) + λⱼsᵢ,    D(λ) = Σᵢ minⱼ c(i, j) − Σⱼ Fⱼλⱼ²/4

    V(a) = D(λ) + Σᵢ (c(i, aᵢ) − minⱼ c(i, j)) + Σⱼ (Sⱼ − Fⱼλⱼ/2)²/Fⱼ

Both sums are at least 0. So D(λ) is a lower bound on the cost of all (M + 1)ᴺ decisions, computed in O(NM).
""",
    formula=r"""
\begin{aligned}
c_{i0} = b_{i0}, \qquad c_{ij} &= b_{ij} + \lambda_j s_i, \qquad
D(\lambda) = \sum_i \min_j c_{ij} - \sum_j \frac{F_j \lambda_j^2}{4}, \\
V(a) &= D(\lambda) + \sum_i \Bigl( c_{i,a_i} - \min_j c_{ij} \Bigr) + \sum_j \frac{(S_j - F_j \lambda_j / 2)^2}{F_j}
\end{aligned}
""",
    argument="""
Expand the last square: Sⱼ²/Fⱼ − λⱼSⱼ + Fⱼλⱼ²/4. Add D(λ): the terms Fⱼλⱼ²/4 cancel. The middle sum replaces minⱼ cᵢⱼ by
what the users pay, Σ b(i, aᵢ) + Σ λⱼSⱼ, and the λⱼSⱼ cancel, too. What is left is V(a).

It is weak Lagrange duality with the price μⱼ = λⱼ²/4 of speed, since the least of wF/f + μf is 2s√μ = λs. But it says
more than a bound: the first sum is what users lose who do not take their cheapest choice, the second is how far servers
are from the loads that their prices stand for. An optimal decision keeps both small, and there is nothing else.
""",
    check=prices.check_prices,
    figure=figures.ANY_PRICES,
)

BEST_PRICES = Step(
    title="The best prices: smooth the minima, and know what is left to win",
    statement="""
The greatest D(λ) is the least cost of the relaxation, in which users may split. D is concave with kinks, where users
change their mind. Replace each minimum by a soft one of width τ, charge νⱼ for a place where places are limited to mⱼ,
and keep ν positive by its logarithm:

    Dτ(λ, ν) = − τ Σᵢ ln Σⱼ exp(−c(i, j)/τ) − Σⱼ Fⱼλⱼ²/4 − Σⱼ mⱼνⱼ,     c(i, j) = b(i, j) + λⱼsᵢ + νⱼ

    greatest D ≤ Dτ(λ, ν) + τ (Σᵢ ln Cᵢ + M)    at the maximum of Dτ + τ Σⱼ ln νⱼ

Newton's method finds that maximum, and τ is lowered step by step. Cᵢ is the number of choices of user i.
""",
    formula=r"""
\begin{aligned}
D_\tau(\lambda, \nu) &= -\tau \sum_i \ln \sum_j e^{-c_{ij}/\tau} - \sum_j \frac{F_j \lambda_j^2}{4} - \sum_j m_j \nu_j ,
\qquad c_{ij} = b_{ij} + \lambda_j s_i + \nu_j , \\
\max D &\le D_\tau(\lambda^*, \nu^*) + \tau \Bigl( \sum_i \ln C_i + M \Bigr) , \qquad
(\lambda^*, \nu^*) = \arg\max D_\tau + \tau \sum_j \ln \nu_j
\end{aligned}
""",
    argument="""
Why may a smoothed answer be trusted? Because nothing is taken from it but prices, and step 7 holds at any prices: D
itself, not Dτ, is the bound. Bad prices make it weak, never wrong.

And when to stop? Among C numbers a soft minimum is below the true one by τ ln C at most, so D ≤ Dτ + τ Σ ln Cᵢ
everywhere. Dτ is concave in (μ, ν), with μ = λ²/4. At the maximum of Dτ + τ Σ ln νⱼ its slope is 0 in λ and −τ/νⱼ in
νⱼ, so going to any other ν ≥ 0 gains at most Σ τ/νⱼ · νⱼ = τM. Both together: what could still be won is known, goes to
0 with τ, and depends on no unit of measurement. (With the logarithms left in the value it would: ln ν changes with the
unit.)

For one server no smoothing is needed: sorting users by (b(i, 0) − b(i, 1))/sᵢ gives the best price exactly.
""",
    check=prices.check_best_prices,
)

REDUCED_COSTS = Step(
    title="Reduced costs fix most choices without search",
    statement="""
Let U be the cost of any decision already known. If the reduced cost of choice j for user i lifts the bound above U,

    D(λ) + c(i, j) − minₖ c(i, k) > U

then no decision as good as U gives user i choice j. A user with one choice left is fixed. The rest is searched by
branch and bound, every node priced anew.
""",
    formula=r"""
D(\lambda) + c_{ij} - \min_k c_{ik} > U \quad \Longrightarrow \quad a_i \ne j \ \text{ in every } a \text{ with } V(a) \le U
""",
    argument="""
By step 7, V(a) is at least D(λ) plus the reduced cost of any one of its choices. U comes from rounding: give every user
its cheapest choice, and better the result by single moves and exchanges.

The bound D is a sum over N users, but the gap U − D is made by the few who are torn between choices, at most M in a
suitable optimum of the relaxation, and does not grow with N. So the more users, the larger the part that is fixed at
the root. When the tree is empty the best decision known is optimal, and that is the proof.
""",
    check=prices.check_reduced_costs,
)

SLOTS = Step(
    title="Equal weights: slots, and an assignment problem",
    statement="""
Where all wᵢFᵢ are equal, as in the paper's setting, the k-th user to come to server j raises its cost by a known
amount, whoever it is:

    rise(j, k) = s² (2k − 1)/Fⱼ,     rise(j, 1) + … + rise(j, n) = (ns)²/Fⱼ

    V(a) ≥ Σᵢ min(b(i, 0), minⱼ b(i, j) + πⱼ) − Σⱼ Σₖ max(0, πⱼ − rise(j, k))     for any prices πⱼ of places

The rise grows with k, so slots fill in order by themselves, and the problem is the assignment of N users to slots and
local places: solved in polynomial time. Prices of places are its proof: at the optimum the right ones give equality.
""",
    formula=r"""
\begin{aligned}
\rho_{jk} &= \frac{s^2 (2k - 1)}{F_j}, \qquad \sum_{k=1}^{n} \rho_{jk} = \frac{(n s)^2}{F_j}, \\
V(a) &\ge \sum_i \min\Bigl(b_{i0},\, \min_j b_{ij} + \pi_j\Bigr) - \sum_j \sum_k \max(0,\, \pi_j - \rho_{jk})
\end{aligned}
""",
    argument="""
1 + 3 + 5 + … + (2n − 1) = n². An assignment that leaves a slot empty below a filled one is bettered by moving down, so
an optimal one fills them in order and costs V.

The bound: let a use n places of server j. Its users pay at least Σ min(…) with the prices, of which nπⱼ on server j is
not a cost. The rises that V charges instead are the n smallest, and Σₖ≤ₙ (πⱼ − rise(j, k)) is at most the sum of the
positive ones. The assignment problem is a linear program with integral vertices, so by strong duality some prices close
the gap. They are found from the answer: a user at j who could save d by going to k demands that πₖ − πⱼ is at least d,
and such differences are met by shortest paths over local computing and the servers.
""",
    check=slots.check_slots,
)

ONE_SERVER = Step(
    title="One server: binary offloading",
    statement="""
With M = 1 this is `binary-offloading`, where data are in MB and energies count. There a decision costs

    V(x) = Σ (1 − xᵢ) Lᵢ + xᵢuᵢ + (Σ xᵢ√cᵢ)²/F

which is the V of step 5 with b(i, 0) = Lᵢ, b(i, 1) = uᵢ and sᵢ = √cᵢ. One kernel computes both, and one search solves
both.
""",
    formula=r"""
b_{i0} = L_i, \quad b_{i1} = u_i, \quad s_i = \sqrt{c_i} \qquad \Longrightarrow \qquad
V(x) = \sum_i (1 - x_i) L_i + x_i u_i + \frac{\bigl(\sum_i x_i \sqrt{c_i}\bigr)^2}{F}
""",
    argument="""
Set all weights, bandwidths, powers, noise and gains to 1, so that log₂(1 + 1) = 1: uploading takes D, computing F/f,
and D = u, F = c, fˡᵒᶜ = c/L give the terms. The other way round a user of one server is described by three numbers, (L,
u, c), and it does not matter which latencies and energies they were made from.

So this problem inherits the hardness of the other, which contains subset sum: where weights differ no sorting and no
assignment is exact in general. And where weights are equal, a single server's slots are filled by sorting: those first
who save most.
""",
    check=slots.check_one_server,
)

LIMITS = Step(
    title="Limits: admission, bounds on speeds, deadlines",
    statement="""
A server may admit mⱼ users and no more; a speed may be bounded; a latency may have a deadline Tᵢ. At full power a
deadline is a lower bound on the speed, so three kinds of limits are two:

    Dᵢ/rᵢⱼ + Fᵢ/fᵢ ≤ Tᵢ   exactly if   fᵢ ≥ Fᵢ/(Tᵢ − Dᵢ/rᵢⱼ),  and Tᵢ > Dᵢ/rᵢⱼ

In step 7 a user then pays the least of s²/f + μⱼf over the speeds it may have, plus νⱼ for its place, and Σ mⱼνⱼ is
subtracted. Some decisions have no allocation any more, and this is told exactly.
""",
    formula=r"""
\frac{D_i}{r_{ij}} + \frac{F_i}{f_i} \le T_i \iff f_i \ge \frac{F_i}{T_i - D_i/r_{ij}} , \qquad
c_{ij} = b_{ij} + \min_{l_{ij} \le f \le h_{ij}} \Bigl( \frac{s_i^2}{f} + \mu_j f \Bigr) + \nu_j
""",
    argument="""
More power only makes a deadline easier, so step 4 stands. A decision has an allocation exactly if local users are in
time, no lower bound is above its upper one, each server's places suffice, and the lower bounds of its users fit into
its speed. The least of s²/f + μf is 2s√μ where f = s/√μ is allowed, else it is at the nearer bound, as the function is
convex in f.

With bounds the square-root rule settles users at their bounds round by round, on the side that is violated more (Bitran
and Hax 1981), and shares what is left among the others. The identity of step 7 becomes an inequality, and the bound
stays one at all prices. Slots still work with places limited, but not with bounds on speeds: users then differ.
""",
    check=slots.check_limits,
    figure=figures.LIMITS,
)

COUNTS = Step(
    title="Users nearly alike are counted, server by server",
    statement="""
Where users are nearly alike, reduced costs are all about 0: nobody is fixed, and whoever is held at a server, another one
takes its place. So it is told first how many users n = (n₀, …, n_M) every choice takes. At a price νⱼ of a place, now of
either sign, such decisions cost at least

    D(λ, ν; n) = Σᵢ minⱼ (b(i, j) + λⱼsᵢ + νⱼ) − Σⱼ Fⱼλⱼ²/4 − Σⱼ nⱼνⱼ

Where the best λ, ν leave counts broken, one of them is at most ⌊nⱼ⌋ or at least ⌊nⱼ⌋ + 1, first of all users, then of
groups of like ones. Servers that are equal are ordered by their counts. What is left, few decisions whose loads are near
Fⱼλⱼ/2, is gone through.
""",
    formula=r"""
D(\lambda, \nu; n) = \sum_i \min_j \bigl( b_{ij} + \lambda_j s_i + \nu_j \bigr) - \sum_j \frac{F_j \lambda_j^2}{4}
- \sum_j n_j \nu_j \ \le\ V(a) \quad \text{if } |\{i : a_i = j\}| = n_j \text{ for all } j
""",
    argument="""
By step 7 with b(i, j) + νⱼ for b(i, j): such a decision pays Σⱼ nⱼνⱼ more, and that is subtracted again. Pricing the
counts loses nothing more than pricing the speed does: at given λ the least over decisions with counts n is a
transportation problem, whose vertices are whole.

Why it is tight: V(a) exceeds D by its reduced costs and by Σⱼ (Sⱼ − Fⱼλⱼ/2)²/Fⱼ. Equal users have the same load in every
decision with counts n, λⱼ = 2 Sⱼ/Fⱼ makes the squares 0, and ν makes all reduced costs 0. Where users differ by ε, loads
of equal counts differ by order ε, and the squares by ε².

Both sides of a branching lose the broken count, so the tree is finite, and its proof is the least of all bounds at which
it was closed. Among equal servers decisions come in permutations, and one of each is enough.
""",
    check=lesson_alike.check_counts,
)

DECISION = (ANY_PRICES, BEST_PRICES, REDUCED_COSTS, COUNTS, SLOTS, ONE_SERVER, LIMITS)
