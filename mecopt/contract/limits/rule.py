r"""What a limit is apart from its numbers, and what its numbers make of decisions.

A rule is kept by a decision z of an instance where

.. math:: l - \delta \le \sum_i w_{i, z_i} \le u + \delta, \qquad \delta = 10^{-12} (\sum_i \max_c |w_{ic}| + |b|),

b being the bound l or u; or, of a rule that users decide alike, where all users of a group have the same choice. The
:math:`\delta` is what sums of floats may be off; whole numbers up to 10^11 are told apart. A decision keeps a rule or does
not, there is no nearly.

The numbers are fields of the limited problem: weights of local computing per user, those of offloading per user, or per user
and server where a choice names a server, bounds per instance.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import Field
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.fields import quantity

Array = NDArray[Any]

ROUNDING = 1e-12
"""What a sum may be off, as a part of the largest it could be made of."""

LOCAL, OFFLOAD, GROUP = "local", "offload", "group"
"""Weights of the choice 0, and of all the others; numbers of groups that decide alike, 0 for none."""

LEAST, MOST, EQUAL = "least", "most", "equal"

BROKEN = 1e-3
"""Least violation of a rule that is broken, however large its numbers are beside what it is broken by."""


class Rule(NamedTuple):
    """A limit without its numbers: these are fields of the problem that it limits."""

    name: str
    unit: str
    weights: tuple[str, ...]
    """Those of `LOCAL` and `OFFLOAD` that have weights; or `GROUP` alone; or the quantity that is decided."""
    bounds: tuple[str, ...]
    """Those of `LEAST`, `MOST` and `EQUAL` that it has."""
    wide: bool
    """Whether weights of offloading are per user and server."""

    @property
    def alike(self) -> bool:
        """Whether it says that users decide alike."""
        return self.weights == (GROUP,)

    def field(self, part: str) -> str:
        """Return the name of the field that holds a part of its numbers."""
        return f"{prefix(self.name)}_{part}"

    @property
    def price(self) -> str:
        """The name of its price in the dual."""
        return self.field("price")


@cache
def prefix(name: str) -> str:
    """Return what the fields of a limit begin with: letters and digits of any script, the code points where there are none.

    >>> prefix("at most five offload (5G)"), prefix("Höchstens fünf"), prefix("≤!")
    ('limit_at_most_five_offload_5g', 'limit_höchstens_fünf', 'limit_u2264_u21')
    """
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).lower())
    kept = "".join(sign if f"a{sign}".isidentifier() else " " for sign in plain)
    return "limit_" + (
        re.sub("[ _]+", "_", kept).strip("_") or "_".join(f"u{ord(sign):x}" for sign in "".join(name.split()))
    )


def field_of(rule: Rule, part: str) -> Field[Any]:
    """Return the declaration of a field that holds a part of a rule's numbers; it has no default."""
    of = f"limit {rule.name!r}"
    per: Any = "instance" if part in (LEAST, MOST, EQUAL) else "user and server" if part == OFFLOAD and rule.wide else "user"
    meaning = {
        LOCAL: f"{of}: weight of computing locally",
        OFFLOAD: f"{of}: weight of offloading",
        GROUP: f"{of}: number of the group that decides alike (0: none)",
        LEAST: f"{of}: least sum of weights",
        MOST: f"{of}: greatest sum of weights",
        EQUAL: f"{of}: sum of weights",
    }.get(part, f"{of}: weight of the quantity {part}")
    unit, signed = ("1", 0.0) if part == GROUP else (rule.unit, -np.inf)
    if per == "user" and part not in (LOCAL, OFFLOAD):
        unit = "1"
    found: Field[Any] = quantity(
        unit, "", meaning, per=per, zero_allowed=True, unlimited=part == MOST, least=signed, unread=True
    )
    found.name = rule.field(part)
    return found


def parts_of(rule: Rule) -> tuple[str, ...]:
    """Return the parts of a rule's numbers, each a field."""
    return (*rule.weights, *rule.bounds)


def weights_of(problem: Any, rule: Rule) -> Array:
    """Return a rule's weight of each choice of each user, ``(*batch, users, choices)``."""
    found = np.zeros((*problem.batch_shape, problem.users, len(problem.choices.labels)))
    if LOCAL in rule.weights:
        found[..., 0] = getattr(problem, rule.field(LOCAL))
    if OFFLOAD in rule.weights:
        away = getattr(problem, rule.field(OFFLOAD))
        found[..., 1:] = away if rule.wide else away[..., None]
    return found


def bounds_of(problem: Any, rule: Rule) -> tuple[Array, Array]:
    """Return the least and the greatest sum of weights that count as kept, ``(*batch)``, rounding included."""
    key = bounds_of, rule
    known: tuple[Array, Array] | None = problem._derived.get(key)
    if known is None:
        known = problem._derived[key] = _bounds(problem, rule)
        for bound in known:
            bound.flags.writeable = False
    return known


def _bounds(problem: Any, rule: Rule) -> tuple[Array, Array]:
    missing = np.full(problem.batch_shape, np.inf)
    if EQUAL in rule.bounds:
        least = most = getattr(problem, rule.field(EQUAL))
    else:
        least = getattr(problem, rule.field(LEAST)) if LEAST in rule.bounds else -missing
        most = getattr(problem, rule.field(MOST)) if MOST in rule.bounds else missing
    sizes = np.moveaxis(np.abs(weights_of(problem, rule)), -1, 0)  # numpy takes long for maxima along an axis of few
    largest = np.maximum.reduce(list(sizes)).sum(axis=-1)
    slack = [ROUNDING * (largest + np.where(np.isfinite(one), np.abs(one), 0.0)) for one in (least, most)]
    return np.asarray(least - slack[0]), np.asarray(most + slack[1])


def before_of(problem: Any, rule: Rule) -> Array:
    """Return for each user the one before it in its group, itself where there is none, ``(*batch, users)``."""
    group = np.broadcast_to(getattr(problem, rule.field(GROUP)), (*problem.batch_shape, problem.users))
    order = group.argsort(axis=-1, kind="stable")
    sorted_ = np.take_along_axis(group, order, axis=-1)
    follows = (sorted_[..., 1:] == sorted_[..., :-1]) & (sorted_[..., 1:] > 0)
    before = order.copy()
    before[..., 1:] = np.where(follows, order[..., :-1], order[..., 1:])
    found = np.empty_like(order)
    np.put_along_axis(found, order, before, axis=-1)
    return found


def sums(problem: Any, weights: Array, decision: Array) -> Array:
    """Return the sums of weights ``(*batch, users, choices)`` of decisions ``(*batch, *candidates, users)``."""
    own = problem.aligned(weights, decision)
    own = np.broadcast_to(own, (*decision.shape, weights.shape[-1]))
    return np.asarray(np.take_along_axis(own, decision[..., None].astype(np.intp), axis=-1)[..., 0].sum(axis=-1))


def excess(problem: Any, rule: Rule, decision: Array) -> Array:
    """Return by how much decisions break a rule, 0 where they keep it: in its unit, or the users who decide otherwise."""
    lead = decision.shape[:-1]
    if rule.alike:
        before = np.broadcast_to(problem.aligned(before_of(problem, rule), decision), decision.shape)
        return np.asarray((np.take_along_axis(decision, before, axis=-1) != decision).sum(axis=-1), dtype=float)
    least, most = (np.broadcast_to(problem.aligned(one, decision), lead) for one in bounds_of(problem, rule))
    value = sums(problem, weights_of(problem, rule), decision)
    return np.maximum(np.maximum(value - most, least - value), 0.0)


def violation(problem: Any, rule: Rule, decision: Array) -> Array:
    """Return how far decisions break a rule, beside its bound or the largest weight; 0 where they keep it."""
    over = excess(problem, rule, decision)
    if rule.alike:
        return over / problem.users
    size = np.abs(weights_of(problem, rule)).max(axis=(-2, -1))
    for bound in rule.bounds:
        given = np.abs(getattr(problem, rule.field(bound)))
        size = np.maximum(size, np.where(np.isfinite(given), given, 0.0))
    scale = problem.aligned(np.where(size > 0, size, 1.0), decision)
    return np.asarray(np.where(over > 0, np.maximum(over / scale, BROKEN), 0.0))


def broken(problem: Any, decision: Array) -> Array:
    """Whether decisions break any limit of a problem, ``(*batch, *candidates)``."""
    found = np.zeros(decision.shape[:-1], dtype=bool)
    for rule in problem.limits:
        found |= excess(problem, rule, decision) > 0
    return found
