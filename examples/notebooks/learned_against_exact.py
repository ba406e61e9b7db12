# %% [markdown]
# # Learned against exact
#
# A trained policy proposes decisions; mecopt turns each proposal into the best allocation, certifies it, and puts the
# proved optimum beside it. Methods that need no training are always in the table: they are what a network has to beat.

# %%
import tempfile

import numpy as np

from mecopt.compare import compare
from mecopt.compare.summary import summarise
from mecopt.models import BinaryOffloading

slots = BinaryOffloading.sample(np.random.default_rng(5), (500,), preset="heterogeneous", users=10)
comparison = compare(slots, ["exact", "learned", "index-scan", "local-search", "random"], out=tempfile.mkdtemp())
summary = summarise(comparison)
for line in summary.lines:
    print(f"{line.method:<14} mean ratio {line.ratio_mean:.6f}  least {line.ratio_least:.6f}  calls {line.solver_calls:.1f}")

# %% [markdown]
# The findings say in words what the table shows. "No learning is needed here" is a result like any other.

# %%
for finding in summary.findings:
    print("-", finding)

# %% [markdown]
# All rows, one per instance and method, are a data frame. So questions that the table does not answer are one line: on
# how many instances does each method hit the optimum?

# %%
frame = comparison.to_pandas()
best = frame[frame.method == "exact"].set_index("instance_id").objective
loss = frame.set_index("instance_id").groupby("method").objective.apply(lambda costs: costs / best - 1.0)
print((loss < 1e-9).groupby("method").mean().round(3).to_string())
assert (loss > -1e-9).all()
