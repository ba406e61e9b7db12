r"""Which limits leave no decision an allocation, in words: by a mixed-integer linear program over decisions and entries.

With a choice :math:`x_{ic} \in \{0, 1\}` of each user and the entries :math:`y_{ic}` that it then has,
:math:`l\,x \le y \le u\,x`, rows are linear in both. The program says whether some limits can be kept together, and is asked
so of limits without each one in turn. It proves nothing that an answer's status says: that is the tree's,
`mecopt.charged.tree`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.charged.planes import Planes
from mecopt.contract.limits.linear import share
from mecopt.contract.limits.rows import decision_rows
from mecopt.running.budget import granted

Array = NDArray[Any]

SOMETHING = 1e-4
"""Part of its largest value that an entry which must not be 0 has at least."""

_INFEASIBLE = 2


class Mixed:
    """The program of one instance; limits have numbers, first those on decisions, then those on allocations."""

    def __init__(self, problem: Any) -> None:
        planes, decisions = Planes(problem), decision_rows(problem)
        users, choices = planes.users, planes.choices
        self.count = len(problem.limits) + len(problem.allocation_limits)
        columns: list[tuple[float, float, int]] = []  # lower, upper, and the choice that it hangs on, -1 for none
        entries: dict[tuple[int, int], list[tuple[int, float]]] = {}
        sides: dict[tuple[int, int], float] = {}
        rows: list[tuple[list[tuple[int, float]], float, float, int]] = []
        shared: dict[str, int] = {}
        first = users * choices
        for (user, choice), (responses, of_single) in planes.each.items():
            at, own = user * choices + choice, []
            for column in responses.columns:
                for j in range(len(column.unit)):
                    if column.users is None and column.variable in shared:
                        own.append(shared[column.variable])
                        continue
                    least = max(column.lower[j], SOMETHING * column.upper[j]) if column.needed[j] else column.lower[j]
                    own.append(first + len(columns))
                    columns.append((float(least), float(column.upper[j]), -1 if column.users is None else at))
                    if column.users is None:
                        shared[column.variable] = own[-1]
            for row in range(len(of_single.limit)):
                rule, side = int(of_single.rule[row]), int(of_single.side[row])
                key = (rule, side if rule >= 0 else row)
                held = entries.setdefault(key, [])
                known = {place for place, _ in held}
                weight = of_single.matrix[row] * of_single.unit[row]
                held += [(place, float(w)) for place, w in zip(own, weight, strict=True) if w != 0.0 and place not in known]
                sides[key] = float(of_single.limit[row] * of_single.unit[row])
                if of_single.free[row]:
                    sides[rule, 0] = sides[key]
            for row, limit in zip(*responses.within, strict=True):
                rows.append(([(p, float(w)) for p, w in zip(own, row, strict=True) if w != 0.0], -np.inf, float(limit), -1))
        for (rule, side), held in entries.items():
            number = -1 if rule < 0 else len(problem.limits) + rule
            equal = rule >= 0 and (rule, 0) in sides
            rows.append((held, sides[rule, side] if equal else -np.inf, sides[rule, side], number))
        for k, rule in enumerate(decisions.rule):
            held = [(p, float(w)) for p, w in enumerate(decisions.weight[0, k].reshape(-1)) if w != 0.0]
            rows.append((held, float(decisions.least[0, k]), float(decisions.most[0, k]), int(rule)))
        for number, (low, high, at) in enumerate(columns):
            if at >= 0:
                rows.append(([(first + number, 1.0), (at, -high)], -np.inf, 0.0, -1))
                rows.append(([(first + number, 1.0), (at, -low)], 0.0, np.inf, -1))
        for user in range(users):
            rows.append(([(user * choices + c, 1.0) for c in range(choices)], 1.0, 1.0, -1))
        self.rows = [row for row in rows if row[0] or not row[1] <= 0.0 <= row[2]]
        self.lower = np.concatenate([np.zeros(first), [0.0 if at >= 0 else low for low, _, at in columns]])
        self.upper = np.concatenate([planes.able.reshape(-1).astype(float), [high for _, high, _ in columns]])
        self.whole = np.concatenate([np.ones(first), np.zeros(len(columns))])

    def none(self, limits: set[int], seconds: float) -> bool | None:
        """Whether no decision has an allocation within some limits; None where there was no time to tell."""
        if not seconds > 0.0:
            return None
        from scipy.optimize import Bounds, LinearConstraint, milp
        from scipy.sparse import csr_matrix

        rows = [row for row in self.rows if row[3] < 0 or row[3] in limits]
        if any(not row[0] for row in rows):
            return True
        place, value, lower, upper = [], [], [], []
        for k, (held, low, high, _) in enumerate(rows):
            size = max(abs(weight) for _, weight in held)
            place += [(k, p) for p, _ in held]
            value += [weight / size for _, weight in held]
            lower.append(low / size)
            upper.append(high / size)
        matrix = csr_matrix((value, tuple(np.array(place).T)), shape=(len(rows), len(self.lower)))
        found = milp(
            np.zeros(len(self.lower)),
            integrality=self.whole,
            bounds=Bounds(self.lower, self.upper),
            constraints=LinearConstraint(matrix, lower, upper),
            options={"time_limit": seconds, "presolve": True},
        )
        return False if found.x is not None else True if int(found.status) == _INFEASIBLE else None


def conflicting(problem: Any) -> tuple[list[int], bool]:
    """Return limits of one instance by their numbers that leave no decision an allocation; none where that is not known.

    Beside them whether without any one of them the others can be kept, or whether there was no time to tell.
    """
    program, budget = Mixed(problem), granted()
    kept, certain = list(range(program.count)), True
    if program.none(set(kept), share(budget, program.count + 1)) is not True:
        return [], False
    for number in list(kept):
        others = [one for one in kept if one != number]
        found = program.none(set(others), share(budget, program.count - number))
        certain = certain and found is not None
        if found:
            kept = others
    return kept, certain
