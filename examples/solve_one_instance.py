"""Who offloads, and how is the server shared? One instance, solved with proof, then with the decision fixed."""

import mecopt
from mecopt.models import BinaryOffloading

problem = BinaryOffloading(data_size=[12.0, 7.5, 20.1], capacity=30.0)

best = mecopt.solve(problem)
print(best)

fixed = mecopt.allocate(problem, [1, 0, 1], backend="slsqp")
print(fixed)
print(f"keeping user 1 local costs {float(fixed.objective / best.objective - 1):.1%} more")
