# %% [markdown]
# # Reading a report
#
# `mecopt compare` writes `report.html`, pictures and `results.parquet`. This notebook makes a small one and walks
# through it: what a ratio refers to, what "proved" counts, and which sentences to trust.

# %%
import tempfile
from pathlib import Path

import numpy as np

from mecopt.compare import compare
from mecopt.compare.report import write_report
from mecopt.models import BinaryOffloading

out = Path(tempfile.mkdtemp())
slots = BinaryOffloading.sample(np.random.default_rng(3), (300,), preset="heterogeneous", users=8)
comparison = compare(slots, ["exact", "index-scan", "coordinate-descent", "all-local"], out=out)
summary = write_report(comparison, out)
print(sorted(path.name for path in out.iterdir()))

# %% [markdown]
# **What do ratios refer to?** The line above the table says it. Here every instance was solved to proved optimality, so
# a ratio is exact: optimum over cost.

# %%
print(summary.reference)

# %% [markdown]
# **"Proved" is no hit rate.** The index scan finds nearly every optimum, but it has no tree: only the relaxation's
# bound can prove its answers. Both shares, side by side:

# %%
optimum = comparison.column("exact", "objective")
for line in summary.lines:
    hit = np.mean(comparison.column(line.method, "objective") <= optimum * (1 + 1e-9))
    print(f"{line.method:<20} proved {line.proved:6.1%}  hits the optimum {hit:6.1%}")
    assert line.proved <= hit + 1e-12

# %% [markdown]
# **The mean hides the worst case.** Look at the least ratio, and at the loss on a logarithmic scale (`loss.png`).

# %%
for line in summary.lines:
    print(f"{line.method:<20} mean {line.ratio_mean:.6f}, least {line.ratio_least:.6f}")

# %% [markdown]
# **Where is it from?** Provenance names data, seed, versions and machine, so that the table can be made again.

# %%
print({name: comparison.provenance[name] for name in ("problem", "instances", "seed") if name in comparison.provenance})
