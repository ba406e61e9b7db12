"""A thousand frames of the wireless-powered network: the proved optimum beside a scan that needs no training."""

import numpy as np

import mecopt
from mecopt.models import ComputationRate

frames = ComputationRate.sample(np.random.default_rng(0), (1000,), users=10)
optimum = mecopt.solve(frames)
scan = mecopt.solve(frames, solver="index-scan")

ratio = scan.objective / optimum.objective
print(optimum)
print(f"index scan: mean {ratio.mean():.6f} of the optimum, least {ratio.min():.6f}, ", end="")
print(f"{scan.stats.solver_calls.mean():.1f} solves a frame")
