r"""Many processes that one coupling joins: one price for all of them, and the bound that it proves.

Processes k = 1, ..., K draw independently of each other. In slot t process k earns :math:`r_{k t}` and takes
:math:`y_{k t}` of something common, so that in every slot, whatever is drawn,

.. math:: \sum_k y_{k t} \le 0 \qquad \text{or} \qquad \sum_k y_{k t} = 0 ;

who provides (a server that works off what devices send, a budget) is one of the processes and takes a negative amount.
With a price :math:`\lambda`, at least 0 for an inequality and of any sign for an equation, let

.. math:: V_k(\lambda) = \max\ \mathrm{E} \sum_t \gamma^t (r_{k t} - \lambda y_{k t}), \qquad
    D(\lambda) = \sum_k V_k(\lambda) ,

each process for itself. Then no policy that decides for all of them together, whatever it knows of the past, earns more than
:math:`D(\lambda)`: it keeps the coupling, so that :math:`\lambda \sum_t \gamma^t \sum_k y_{k t}` takes nothing from it;
what is left is a sum over processes; and what it does with process k is a policy for that process, which what the others
draw merely randomises. The same holds for average rewards. D is convex, a maximum of affine functions, so the best bound is
found by a search in one dimension; and every price that is tried proves a bound of its own.

The price is worth more than its bound: devices that are told :math:`\lambda` and nothing else decide for themselves what a
centre would have to decide for all of them.

Reference: Hawkins, A Lagrangian decomposition approach to weakly coupled dynamic optimization problems, PhD thesis, MIT,
2003; Adelman and Mersereau, Oper. Res. 56(3), 2008 (how the bound relates to others).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mecopt.contract.errors import InstanceError


@dataclass(frozen=True)
class Priced:
    """The least bound that was found, its price, and all that were tried."""

    price: float
    bound: float
    """What no policy exceeds."""
    tried: tuple[tuple[float, float], ...]
    """Prices and their bounds, by price."""


def best_price(
    bound: Callable[[float], float], low: float, high: float, *, tolerance: float = 1e-3, trials: int = 40
) -> Priced:
    r"""Find the price whose bound is least.

    Parameters
    ----------
    bound
        :math:`D(\lambda)`: a PROVED upper bound on what the processes earn at a price.
    low, high
        prices between which to look, both of which are tried; low is at least 0 for an inequality.
    tolerance
        how near to come to the best price, as a part of the interval.
    trials
        after so many at most.

    Raises
    ------
    InstanceError
        for an interval that is none, or where no price has a bound.

    Examples
    --------
    One that earns 3 for each of up to 2 units, one that earns 1, and 2 units in all, in a single slot:

    >>> found = best_price(lambda price: 2 * max(3 - price, 0) + 2 * max(1 - price, 0) + 2 * price, 0.0, 4.0)
    >>> round(found.bound, 6), 1.0 <= found.price <= 3.0
    (6.0, True)
    """
    from scipy.optimize import minimize_scalar

    if not -np.inf < low < high < np.inf:
        raise InstanceError(f"low and high are {low!r} and {high!r}; allowed: finite numbers, low < high")
    if not 0.0 < tolerance < 1.0 or trials < 3:
        raise InstanceError(
            f"tolerance and trials are {tolerance!r} and {trials!r}; allowed: 0 < tolerance < 1, trials >= 3"
        )
    tried: dict[float, float] = {}

    def at(price: float) -> float:
        if price not in tried:
            tried[price] = float(bound(price))
            if np.isnan(tried[price]):
                raise InstanceError(
                    f"the bound at price {price:.9g} is nan; allowed: a number, or infinity where there is none"
                )
        return tried[price]

    at(float(low)), at(float(high))
    minimize_scalar(
        at, bounds=(low, high), method="bounded", options={"xatol": tolerance * (high - low), "maxiter": trials - 2}
    )
    price = min(sorted(tried), key=tried.__getitem__)
    if not tried[price] < np.inf:
        raise InstanceError(f"no price from {low:.6g} to {high:.6g} has a bound; allowed: an interval where one has")
    return Priced(float(price), tried[price], tuple(sorted((float(one), value) for one, value in tried.items())))
