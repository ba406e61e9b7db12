# %% [markdown]
# # An exercise sheet with solutions
#
# Four exercises of a course on convex optimisation, each with a solution that is checked. Hand out the file without the
# cells below "Solution"; every student takes a seed of their own.

# %%
from dataclasses import replace

import numpy as np

import mecopt
from mecopt.models import BinaryOffloading

SEED = 7
problem = BinaryOffloading.sample(np.random.default_rng(SEED), preset="heterogeneous", users=8)
local, upload, work = problem.terms()
capacity = float(problem.capacity)

# %% [markdown]
# ## 1. The square-root rule
#
# All users offload. Minimise the sum of c/f over rates f with sum at most F. Derive f from the KKT conditions, and
# check your rates against `allocate`.
#
# ### Solution
#
# The Lagrangian's derivative -c/f² + μ is 0 for each user, so f is proportional to √c; the capacity is used up.

# %%
everyone = np.ones(8, dtype=int)
rates = capacity * np.sqrt(work) / np.sqrt(work).sum()
best = mecopt.allocate(problem, everyone)
print(np.abs(rates / best.allocation.server_rate - 1).max())
assert np.allclose(rates, best.allocation.server_rate, rtol=1e-9)

# %% [markdown]
# ## 2. Sensitivity
#
# By how much does the cost fall if the server gets 1 % faster? Answer with the price, then measure.
#
# ### Solution
#
# The derivative of the optimal value by F is -μ: envelope theorem.

# %%
predicted = 0.01 * capacity * float(best.dual.capacity_price)
faster = mecopt.allocate(replace(problem, capacity=1.01 * capacity), everyone)
measured = float(best.objective - faster.objective)
print(f"predicted {predicted:.4f} s, measured {measured:.4f} s")
assert abs(measured / predicted - 1) < 0.02  # the price is the slope at F, and the value bends by 1 % on the way
assert measured < predicted  # upwards

# %% [markdown]
# ## 3. Weak duality
#
# Show that D(μ) = Σ min(L, u + 2√(cμ)) − μF bounds the cost of every one of the 256 decisions, for any μ. Which μ
# proves most?
#
# ### Solution
#
# For any f > 0, c/f + μf ≥ 2√(cμ), by the inequality of arithmetic and geometric means. Sum over those who offload;
# their μf add up to μF at most; and each user pays at least the cheaper of its two sides.

# %%
prices = np.linspace(0.0, 5.0, 200)
bounds = np.minimum(local, upload + 2 * np.sqrt(work * prices[:, None])).sum(axis=-1) - prices * capacity
decisions = (np.arange(256)[:, None] >> np.arange(8)) & 1
costs = mecopt.allocate(problem, decisions).objective
print(f"best bound on this grid {bounds.max():.4f} s at μ = {prices[bounds.argmax()]:.2f}, least cost {costs.min():.4f} s")
assert bounds.max() <= costs.min()
assert np.isclose(mecopt.solve(problem).objective, costs.min(), rtol=1e-12)

# %% [markdown]
# ## 4. Fixing users by their reduced costs
#
# You know a decision of cost U. Which users can no optimal decision send to the other side?
#
# ### Solution
#
# At a price μ, forcing a user to its dearer side raises the bound by the difference of its two sides. Where that
# exceeds U, the user is fixed.

# %%
price = float(problem.relaxed_dual().capacity_price)
sides = np.stack([local, upload + 2 * np.sqrt(work * price)])
bound = sides.min(axis=0).sum() - price * capacity
known = float(mecopt.solve(problem, solver="index-scan").objective)
fixed = bound + np.abs(sides[0] - sides[1]) > known
optimal = decisions[costs.argmin()]
print(f"{fixed.sum()} of 8 users are fixed")
assert (optimal == (sides[1] < sides[0]))[fixed].all()
