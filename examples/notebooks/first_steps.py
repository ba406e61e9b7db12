# %% [markdown]
# # First steps
#
# Ten users have a task each. A user computes it itself, or uploads it to one server whose capacity all offloading users
# share. Who should offload, and which part of the server does each of them get?

# %%
import numpy as np

import mecopt
from mecopt.models import BinaryOffloading

problem = BinaryOffloading.sample(np.random.default_rng(0), preset="heterogeneous", users=10)
print(problem)

# %% [markdown]
# `solve` finds the best decision and the best allocation for it. The answer carries its own certificate: the objective
# is computed by the problem's formula, the bound by weak duality, and OPTIMAL is said only where the two meet.

# %%
solution = mecopt.solve(problem)
print(solution)

# %%
figure = solution.plot()  # in a notebook, the picture: what each user pays, and has of the server
assert figure.axes

# %% [markdown]
# With the decision fixed, what is left is convex: `allocate` answers any number of decisions at once. Here all users
# offload, or nobody does; both are worse than the optimum, as they must be.

# %%
everyone, nobody = np.ones(10, dtype=int), np.zeros(10, dtype=int)
fixed = mecopt.allocate(problem, np.stack([everyone, nobody]))
print(f"everyone {fixed.objective[0]:.2f} s, nobody {fixed.objective[1]:.2f} s, optimum {float(solution.objective):.2f} s")
assert (fixed.objective >= solution.bound).all()

# %% [markdown]
# Leading axes are a batch. A thousand instances are one call, and every one of them is proved.

# %%
many = BinaryOffloading.sample(np.random.default_rng(1), (1000,), preset="heterogeneous", users=10)
answers = mecopt.solve(many)
print(answers.statuses(), f"largest gap {answers.gap.max():.1e}")
