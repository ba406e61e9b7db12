"""The inner problem as a cvxpy problem: add a constraint that mecopt does not know, and solve it alone."""

import cvxpy as cp

import mecopt
from mecopt.models import BinaryOffloading

problem = BinaryOffloading(data_size=[12.0, 7.5, 20.1], capacity=30.0)
decision = [1, 1, 1]

program = problem.to_cvxpy(decision)
share = program.var_dict["server_share"]
limited = cp.Problem(program.objective, [*program.constraints, share[2] <= 0.3])
limited.solve(solver="CLARABEL")

free = mecopt.allocate(problem, decision)
print(f"free    {float(free.objective):.6f} s, shares {free.allocation.server_rate / problem.capacity}")
print(f"limited {limited.value:.6f} s, shares {share.value}")
