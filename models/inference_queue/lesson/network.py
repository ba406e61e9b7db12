"""The steps of the lesson on inference queues that are about block after block: many devices, and one server."""

from mecopt.lesson import Step
from mecopt.models.inference_queue.lesson import network_checks as checks
from mecopt.models.inference_queue.lesson import network_figures as figures

SPLIT = Step(
    title="One price for a task of the server parts devices and server, and bounds what anybody can do",
    statement="""
Block after block K devices and a server pay γᵗ (w₁ Q + c X³ + Σ (w₃ m + w₄ E)), a device for its queue of m tasks and its
energy E, the server for its queue Q and the X tasks it processes, c = w₂ ξ W³/(nτ)². They meet in one equation,
Q' = Q − X + Σ y. Take it out, and charge γᵗ⁺¹ λ for what breaks it. What is left is a sum. From empty queues it is

    L(λ) = U₁(γλ) + … + U_K(γλ) + γ/(1 − γ) g(λ),   g(λ) = min_X c X³ − (λ − w₁) X

U(γλ) being what a device costs that decides for itself and pays γλ for a task it leaves to the server. For every λ from 0
to w₁/(1 − γ) no policy costs less than L(λ).
""",
    formula=r"""
\min_{\text{all policies}} \mathrm E \sum_t \gamma^t \text{cost}_t \;\ge\;
L(\lambda) = \sum_{k=1}^K U_k(\gamma \lambda)
+ \frac{\gamma}{1 - \gamma} \min_{0 \le X \le X_{\max}} \big( c X^3 - (\lambda - w_1) X \big)
\qquad \text{for all } 0 \le \lambda \le \frac{w_1}{1 - \gamma}
""",
    argument="""
A policy keeps the equation, so the charge takes nothing from it, and its cost is among those that are minimised without
the equation: weak duality. This holds of policies that decide for everybody and know all queues, channels and the past;
only what is not yet drawn they must not know. Without the equation what a policy does with one device is a policy for that
device, and what the others draw merely randomises it. So the minimum of the sum is the sum of minima: K problems of one
queue each, instead of one of K + 1 queues.

What is left to the server is any Q ≥ X from the second block on, for c X³ − γλ X + (w₁ + γλ − λ) Q. As λ is at most
w₁/(1 − γ), more Q than X costs only more.
""",
    check=checks.check_split,
    figure=figures.PARTED,
)

PRICE = Step(
    title="The price lies between a wait of one block and one for ever, and who is told it needs nobody else",
    statement="""
Let V(m, Q) be what queues cost at best if all decide together. A task more at the server costs between

    w₁ ≤ V(m, Q + 1) − V(m, Q) ≤ w₁/(1 − γ)

and there the price lies whose bound L(λ) is greatest. It is one number, which the server sends to everybody once. The
devices that pay it, each for itself, come within 1 % of the bound, so of the best that a centre could do.
""",
    formula=r"""
w_1 \;\le\; V(m, Q + 1) - V(m, Q) \;\le\; \frac{w_1}{1 - \gamma}, \qquad \lambda^* = \operatorname{argmax}_\lambda L(\lambda)
""",
    argument="""
A task that is there waits a block at least; with one task fewer, whatever was done can be done, or less. So the left side.
The right side is the cost of leaving it where it is for ever. L is a minimum over policies of costs that are affine in λ:
concave, so a search in one dimension finds the best price. Below w₁ the server processes nothing and L rises with λ, since
devices pay more.

The price makes devices expect at the server what is so in the mean. What it cannot tell them is how full the server's
queue is right now. The more devices there are, the less their sum scatters, and the less that is worth.
""",
    check=checks.check_price,
    figure=figures.BRACKET,
)

ALONE = Step(
    title="Without a price what the server pays is nobody's: Theorem 1 needs a queue there that costs nothing",
    statement="""
The paper's decomposition lets each device minimise w₃ m + w₄ E for itself, and the server its own cost: λ = 0. Theorem 1
says that this costs as little as to decide together. Of C, the cost of both from empty queues,

    C(alone) = C(together) if w₁ = 0,   and in general   C(alone) > C(together) if w₁ > 0
""",
    formula=r"""
\begin{aligned}
w_1 = 0 &\;\Longrightarrow\; C_{\text{alone}} = C_{\text{together}} , \\
w_1 > 0 &:\quad \text{a task left to the server costs } \gamma \big( V(m, Q + 1) - V(m, Q) \big) \ge \gamma w_1 > 0 , \\
&\quad \text{and its device pays } 0
\end{aligned}
""",
    argument="""
If tasks wait at the server for nothing, it leaves them where they are and spends no energy, whatever w₂ is. All cost is the
devices', and each minimises its own. With w₁ > 0 a task that is left costs γ w₁ at least by the last step. A device does not
see it, so it offloads more than is best, and the server's best rule comes too late: what has come has to wait, or to be
processed. The paper's proof holds what comes to the server fixed, but the devices decide it.

Whether λ > 0 mends it can be measured, since one device and its server are few enough to be decided together exactly on a
grid.
""",
    check=checks.check_alone,
    figure=figures.IGNORED,
)

NETWORK = (SPLIT, PRICE, ALONE)
