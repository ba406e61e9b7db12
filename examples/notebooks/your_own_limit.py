# %% [markdown]
# # Your own limit
#
# At most three devices may offload, one of them must not, and two belong together. Such limits are data; the limited
# problem is solved with proof, and its prices say what each limit costs.

# %%
from itertools import pairwise

import mecopt
from mecopt.models import BinaryOffloading

problem = BinaryOffloading(data_size=[12.0, 7.5, 20.1, 16.0, 9.0, 23.0], capacity=30.0)
free = mecopt.solve(problem)
mine = problem.limited(
    mecopt.Limit("at most three", {"offload": 1}, most=3),
    mecopt.Limit.forbidden("keeps its data", "offload", [5]),
    mecopt.Limit.alike("a pair", [0, 1]),
)
solution = mecopt.solve(mine)
print(solution)

# %% [markdown]
# The limits cost something, and never help. What they cost is the difference of two proved optima.

# %%
print(f"free {float(free.objective):.4f} s {free.decision}, limited {float(solution.objective):.4f} s {solution.decision}")
assert solution.objective >= free.objective * (1 - 1e-12)
assert solution.decision.sum() <= 3
assert solution.decision[5] == 0
assert solution.decision[0] == solution.decision[1]

# %% [markdown]
# A price is an answer to "what would one more be worth?" before anybody solves again. One more saves at most the price,
# beside the gap of the prices. Let us ask for each number of places.

# %%
optima = []
for places in range(7):
    limit = mecopt.Limit("places", {"offload": 1}, most=places)
    answer = mecopt.solve(problem.limited(limit))
    prices = answer.dual.as_dict()
    price, gap = float(prices["limit_places_price"]), float(prices["limit_prices_gap"])
    optima.append((float(answer.objective), price + gap))
    print(f"{places} places: {float(answer.objective):.4f} s, one more saves at most {price + gap:.4f} s")
for (cost, most), (cheaper, _) in pairwise(optima):
    assert cost - cheaper <= most + 1e-9
