"""The lesson on backscatter frames, the beams open: mixtures, one slope, switching; and what is beyond a single frame."""

from mecopt.lesson import Step
from mecopt.models.backscatter_frame.lesson import figures, mixtures, prices

MIXTURES = Step(
    title="Open beams: mixtures instead of vectors",
    statement="""
Beams enter the frame through |hᴴw|² alone, which is convex in w where a concave function is wanted. Let the carrier change
its beam within the slot, and let Sᵢ be the sum of time times wwᴴ. In S the frame is convex:

    Sᵢ ⪰ 0,     tr Sᵢ ≤ t_b,ᵢ,     E^hⱼ = ηp Σ hⱼᴴSᵢhⱼ over i ≠ j

    l_b ≤ B t_b log₂(1 + c hᴴSh/t_b),     c = p|Γ|²‖h‖²/σ²

Its value is a bound for all beams, found in one program together with times and work.
""",
    formula=r"""
S_i \succeq 0, \quad \mathrm{tr}\, S_i \le t_{b,i}, \quad
E^h_j = \eta p \sum_{i \ne j} h_j^H S_i h_j, \quad
l_{b,i} \le B\, t_{b,i} \log_2\!\Big(1 + c_i \frac{h_i^H S_i h_i}{t_{b,i}}\Big), \quad
c_i = \frac{p |\Gamma|^2 \|h_i\|^2}{\sigma^2}
""",
    argument="""
One beam for the time t is S = t wwᴴ, of rank one; with it the rows are those of before. All S of trace at most t are the
convex hull of these. hᴴSh is linear in S, and the rate is the perspective of a concave function. So this is the frame with
more freedom, and convex: its value can only be lower. (For a mixture the rate row is generous: the logarithm of a mean is
above the mean of logarithms. Step 9 says why nothing is lost.)

The paper has a learner choose the beams. But this program chooses them with proof. `exact` gets the same by other means: it
starts with a few beams, lets the specialised solver find times for all of them, and adds the beams that the prices ask for
(step 8) until none pays.

Beams matched to a slot's own user, the usual ones, are a poor choice here: they feed the one user that cannot harvest then.
""",
    check=mixtures.check_mixtures,
)

SLOPE = Step(
    title="What a slot of carrier earns at most: one slope",
    statement="""
At given prices the beam of a slot has two uses: it feeds the others, Λ = Σ λⱼηp hⱼhⱼᴴ over j ≠ i, and it carries the user's
own bits. The logarithm lies below its tangents. So for ANY slope ν > 0 and every mixture W of trace 1

    ⟨Λ, W⟩ + gB log₂(1 + c hᴴWh)  ≤  f(ν) = λ_max(Λ + ν c hhᴴ) + (gB/ln 2) (ln(gB/(ν ln 2)) − 1) + ν

and the least f is attained. Hence the best beams are principal eigenvectors of Aᵢ = Λ + ν c hhᴴ, a sum of the channels'
hⱼhⱼᴴ with weights that are not negative.
""",
    formula=r"""
\max_{W \succeq 0,\, \mathrm{tr}\, W = 1} \langle \Lambda, W\rangle + gB \log_2(1 + c\, h^H W h) \;=\; \min_{\nu > 0}\
\lambda_{\max}(\Lambda + \nu c\, h h^H) + \frac{gB}{\ln 2}\Big(\ln \frac{gB}{\nu \ln 2} - 1\Big) + \nu
""",
    argument="""
(gB/ln 2) ln(1 + x) ≤ ν(1 + x) + (gB/ln 2) (ln(gB/(ν ln 2)) − 1), with equality where ν = gB/(ln 2 (1 + x)): the tangent
there. What is left is ⟨Λ + ν c hhᴴ, W⟩ + constants, and its maximum over W is the largest eigenvalue. f is convex in ν, as a
maximum of linear functions less a logarithm; by the minimax theorem (W in a compact set) its least is the maximum.

So one search in one number replaces a semidefinite program, and every ν proves. In place of c_b in step 6 this bounds the
energy over all beams at once.

At the optimum of the whole program W must attain the maximum, so it lives in the top eigenspace of Aᵢ at
ν = gB/(ln 2 (1 + c hᴴWh)). A learner that proposes beams need not propose complex vectors: N weights per slot are enough.
""",
    check=mixtures.check_slope,
    figure=figures.SLOPE,
)

SWITCHING = Step(
    title="Rank one, and what to do where it is not",
    statement="""
If the largest eigenvalue of Aᵢ is simple, Sᵢ is of rank one and its eigenvector is the beam. If Sᵢ is of rank r, it is a sum
of r parts that are alike in length and in what the own user hears,

    S = Σ xₖxₖᴴ,     ‖xₖ‖² = tr S/r,     |hᴴxₖ|² = hᴴSh/r

and the beams xₖ/‖xₖ‖, each for an r-th part of the time, attain exactly what S promises. So the bound of step 7 is attained
whatever the rank.
""",
    formula=r"""
S = \sum_{k=1}^r x_k x_k^H, \qquad \|x_k\|^2 = \frac{\mathrm{tr}\, S}{r}, \qquad |h^H x_k|^2 = \frac{h^H S h}{r}
\qquad \text{for all } k
""",
    argument="""
Any S = Σ xₖxₖᴴ stays the same sum when two of the vectors are rotated into each other, (a x₁ + b x₂, a x₂ − b x₁) with
a² + b² = 1. As long as two of the ‖xₖ‖² differ, one rotation makes one of them equal to the mean. Then the same with
|hᴴxₖ|², with a phase of x₂ such that the lengths stay as they are. (Huang and Zhang, 2007: two Hermitian forms can be made
equal at once, over the complex numbers.)

With equal |hᴴxₖ|² the rate is the same under each beam, so the mean of logarithms is the logarithm of the mean. What others
harvest is linear in S, and comes out right whatever the parts are.

Drawn channels give rank one. With two users it can always be had, since only trace, own reception and one harvest count;
with more it need not. Six users in the six directions of two antennas that are farthest apart, fed by the slot of a seventh,
are fed alike by S = I/2. Any single beam leaves one of them with 42% of that at most.
""",
    check=mixtures.check_rank,
    figure=figures.RANK,
)

BATTERY_PRICE = Step(
    title="The least energy of a frame is not the best of many: a price on what is kept",
    statement="""
The energy in users' batteries costs (10) nothing. So its optimum empties them, and the next frame begins without. Let a mJ
that is kept be worth v of the access point's:

    minimise  Eₒ + K Σ z − v Σ b     subject to  e + b ≤ E + E^h,  b ≤ E_max,  and the rest as before

It is as convex as before, with one more linear term in D. In the long run a fair price earns more than the least energy in
every frame; one that is far too high earns less.
""",
    formula=r"""
\min\ E_o + K \sum_i z_i - v \sum_i b_i \quad \text{s.t.} \quad e + b \le E + E^h,\ \ 0 \le b \le E_{max}; \qquad
v \approx \frac{1}{\eta\, |h^H w|^2}
""",
    argument="""
Only batteries link the frames: channels and work are drawn anew. A plan for many frames would be a dynamic program in N
batteries, and the slope of its value function in a battery is what a mJ in it is worth tomorrow. v stands for that slope by
one number. Its scale is what the access point spends to put a mJ into a battery: p t over ηp|hᴴw|²t, here one to three
thousand.

Without a price users send and compute with what they have, and the access point charges only what it must, in whatever
fading. With it, the carrier is kept on while channels are good, and the frame with bad ones is paid from the batteries.

So per frame the bound of step 7 is the last word; for rewards over many frames it is not. A learner that is compared with
the frame's optimum should be compared with the priced one, too. The check draws one stream of frames, and lets every policy
meet the same.
""",
    check=prices.check_battery_price,
    figure=figures.KEPT,
)

BEAMS = (MIXTURES, SLOPE, SWITCHING, BATTERY_PRICE)
