r"""Relaxed decisions under planes, rays and limits on decisions: a linear program, of which only prices are believed.

.. math:: \min_{x} \; \max_j \Bigl(k_j + \sum_{ic} T_{j,ic} x_{ic}\Bigr) \quad\text{s.t.}\quad \sum_c x_{ic} = 1, \quad
   l_r \le \sum_{ic} w_{r,ic} x_{ic} \le u_r, \quad x \ge 0 ,

a choice that a node leaves out being 0. At ANY weights :math:`\alpha \ge 0` of planes that add up to 1 and any prices
:math:`\kappa` of limits no decision of the node costs less than

.. math:: \sum_j \alpha_j k_j + \sum_i \min_c \Bigl(\sum_j \alpha_j T_{j,ic} + \sum_r \kappa_r w_{r,ic}\Bigr)
   - \sum_r (\kappa_r^+ u_r - \kappa_r^- l_r) ,

which is computed here from whatever the solver of the linear program says, less what rounding can have added. Without planes
the same proves that a node has no decision at all.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.charged.planes import Plane

Array = NDArray[Any]

ROUNDING = 1e-14
"""Part of its terms that a sum may be off."""

NOTHING = 1e-14
"""Part of its terms by which a ray that leaves nothing of what has to be something may fall short of 0."""

MARGIN = 1e-10
"""Part of its terms by which a sum has to be positive to prove that there is no decision."""

MOST = 80
"""Planes at most; those that served least lately are forgotten."""


class Relaxation:
    """Planes and rows of one instance; costs are to be minimised."""

    def __init__(self, able: Array, weight: Array, least: Array, most: Array) -> None:
        """Take which choices there are, and limits on decisions, ``(rows, users, choices)`` and ``(rows,)``."""
        self.able = able
        self.planes: list[Plane] = []
        self.needing: list[Plane] = []
        size = np.abs(weight).max(axis=(1, 2), initial=0.0)
        some = size > 0.0
        unit = np.exp2(-np.floor(np.log2(size[some])))
        self.weight = weight[some] * unit[:, None, None]
        self.least, self.most = least[some] * unit, most[some] * unit
        self.never = bool(((least[~some] > 0.0) | (most[~some] < 0.0)).any())
        self._served: list[int] = []
        self._turn = 0

    def take(self, plane: Plane) -> None:
        """Take a plane below the costs of all decisions."""
        if len(self.planes) >= MOST:
            worst = int(np.argmin(self._served))
            del self.planes[worst], self._served[worst]
        self.planes.append(plane._replace(part=np.where(self.able, plane.part, 0.0)))
        self._served.append(self._turn)

    def take_ray(self, ray: Plane) -> None:
        """Take what has to be at most 0 of decisions that have an allocation."""
        part = np.where(self.able, ray.part, 0.0)
        if ray.needed.size:
            self.needing.append(ray._replace(part=part))
            return
        size = float(np.abs(part).max())
        if size > 0.0:
            most = (MARGIN * ray.size - ray.constant) / size
            self.weight = np.concatenate([self.weight, part[None] / size])
            self.least, self.most = np.append(self.least, -np.inf), np.append(self.most, most)
        elif ray.constant > MARGIN * ray.size:
            self.never = True

    def empty(self, left: Array) -> bool:
        """Whether a node is proved to have no decision by what follows from its choices alone."""
        if self.never or not left.any(axis=1).all():
            return True
        for ray in self.needing:
            low = np.where(left, ray.part, np.inf).min(axis=1)
            alone = left.sum(axis=1) == 1
            made = alone & (left.argmax(axis=1) == ray.needed)
            if made.any() and ray.constant + low.sum() >= -NOTHING * ray.size:
                return True
        low, high = self._ends(left)
        size = WIDER * np.abs(self.weight).max(axis=2).sum(axis=1)
        return bool(((low > self.most + size) | (high < self.least - size)).any())

    def _ends(self, left: Array) -> tuple[Array, Array]:
        low = np.where(left, self.weight, np.inf).min(axis=2).sum(axis=1)
        return low, np.where(left, self.weight, -np.inf).max(axis=2).sum(axis=1)

    def lowest(self, left: Array) -> tuple[float, Array | None]:
        """Return what is proved of a node, infinite where it is empty, and a relaxed decision, if there is one."""
        if self.empty(left):
            return np.inf, None
        self._turn += 1
        x, alpha, kappa, none = self._solved(left)
        if none:
            proved = self._none(left)
            return (np.inf if proved else -np.inf), None
        if x is None or alpha is None or kappa is None or not self.planes:
            return -np.inf, x
        alpha = np.maximum(alpha, 0.0)
        if not alpha.sum() > 0.0:
            return -np.inf, x
        alpha = alpha / alpha.sum()
        for number in np.flatnonzero(alpha > 1e-9):
            self._served[number] = self._turn
        used = [(float(part), plane) for part, plane in zip(alpha, self.planes, strict=True) if part > 0.0]
        constant = sum(part * plane.constant for part, plane in used)
        total = sum((part * plane.part for part, plane in used), np.zeros(left.shape))
        size = sum(part * plane.size for part, plane in used)
        return self._bound(left, constant, total, size, kappa), x

    def _bound(self, left: Array, constant: float, total: Array, size: float, kappa: Array) -> float:
        """Return the bound of a node at prices of its rows."""
        kappa = np.where(
            kappa > 0.0, np.where(np.isfinite(self.most), kappa, 0.0), np.where(np.isfinite(self.least), kappa, 0.0)
        )
        side = np.where(kappa > 0.0, self.most, self.least)
        paid = np.where(kappa != 0.0, kappa * np.where(kappa != 0.0, side, 0.0), 0.0)
        low = np.where(left, total + np.tensordot(kappa, self.weight, 1), np.inf).min(axis=1)
        sizes = size + np.abs(paid).sum() + np.abs(kappa) @ np.abs(self.weight).max(axis=2).sum(axis=1)
        return float(constant + low.sum() - paid.sum() - ROUNDING * sizes)

    def _none(self, left: Array) -> bool:
        """Whether rows are proved to leave a node no decision: the least sum of overruns says by which prices."""
        rows, count = len(self.most), left.size
        matrix, limit, sides = self._rows()
        cost = np.concatenate([np.zeros(count), np.ones(len(limit))])
        found = _linear(
            cost,
            np.concatenate([matrix, -np.eye(len(limit))], axis=1),
            limit,
            left,
            np.zeros(len(limit)),
            np.full(len(limit), np.inf),
        )
        if found is None:
            return False
        kappa = np.zeros(rows)
        for price, (row, sign) in zip(found[1], sides, strict=True):
            kappa[row] += sign * price
        bound = self._bound(left, 0.0, np.zeros(left.shape), 0.0, kappa)
        size = np.abs(kappa) @ np.abs(self.weight).max(axis=2).sum(axis=1)
        return bool(bound > MARGIN * size)

    def _rows(self) -> tuple[Array, Array, list[tuple[int, float]]]:
        above, below = np.flatnonzero(np.isfinite(self.most)), np.flatnonzero(np.isfinite(self.least))
        flat = self.weight.reshape(len(self.weight), self.able.size)
        matrix = np.concatenate([flat[above], -flat[below]])
        limit = np.concatenate([self.most[above], -self.least[below]])
        return matrix, limit, [*((int(row), 1.0) for row in above), *((int(row), -1.0) for row in below)]

    def _solved(self, left: Array) -> tuple[Array | None, Array | None, Array | None, bool]:
        """Return a relaxed decision, weights of planes, prices of rows, and whether there is said to be none."""
        matrix, limit, sides = self._rows()
        flat = np.array([plane.part.reshape(-1) for plane in self.planes]).reshape(len(self.planes), left.size)
        constants = np.array([plane.constant for plane in self.planes])
        middle = float(constants.mean()) if constants.size else 0.0
        spread = float(np.abs(flat).max(initial=0.0)) or 1.0
        height = np.concatenate([-np.ones(len(flat)), np.zeros(len(limit))])[:, None]
        found = _linear(
            np.append(np.zeros(left.size), 1.0 if len(flat) else 0.0),
            np.concatenate([np.concatenate([flat / spread, matrix]), height], axis=1),
            np.concatenate([(middle - constants) / spread, limit]),
            left,
            np.array([-np.inf if len(flat) else 0.0]),
            np.array([np.inf if len(flat) else 0.0]),
        )
        if found is None:
            return None, None, None, True
        x, prices = found
        kappa = np.zeros(len(self.most))
        for price, (row, sign) in zip(prices[len(flat) :], sides, strict=True):
            kappa[row] += sign * price * spread
        return x[: left.size].reshape(left.shape), prices[: len(flat)], kappa, False


WIDER = 2e-15
"""By what conclusions widen limits, in parts of the sum of sizes of their weights."""


def _linear(cost: Array, matrix: Array, limit: Array, left: Array, lower: Array, upper: Array) -> tuple[Array, Array] | None:
    """Return a solution of a linear program over decisions and more variables, and multipliers; None without any."""
    from scipy.optimize import linprog

    users, choices = left.shape
    more = len(lower)
    once = np.concatenate([np.kron(np.eye(users), np.ones((1, choices))), np.zeros((users, more))], axis=1)
    bounds = np.stack(
        [np.concatenate([np.zeros(left.size), lower]), np.concatenate([left.reshape(-1).astype(float), upper])], axis=1
    )
    found = linprog(
        cost,
        A_ub=matrix if len(matrix) else None,
        b_ub=limit if len(matrix) else None,
        A_eq=once,
        b_eq=np.ones(users),
        bounds=bounds,
        method="highs",
    )
    if found.x is None:
        return None
    return found.x, -found.ineqlin.marginals if len(matrix) else np.zeros(0)
