"""Limits of one's own, slot after slot: every slot that is drawn has them, and nobody's answer breaks one unseen.

Who acts in limited slots sees them as fields of the slot's problem: solvers keep them as anywhere, ways of acting and
policies move to what keeps them, and whose answer breaks one is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.contract.fields import axes, declared
from mecopt.contract.instances import restored
from mecopt.contract.limits import Limit, limits_of

Array = NDArray[Any]

C = TypeVar("C", bound=Callable[..., Any])

TOLERATED = 1e-6
"""Violation of a limit, beside its bound, that an answer may have; as of every constraint."""


def under(limited: Any, slots: Any) -> Any:
    """Return slots with the limits of a single one.

    Parameters
    ----------
    limited
        one slot with limits.
    slots
        any batch of slots of its sizes, without limits.
    """
    kind: Any = type(limited)
    values, sizes = dict(slots.data()), limited.sizes
    for f in declared(kind):
        if f.name not in values:
            shape = (*slots.batch_shape, *(sizes[axis] for axis in axes(f)))
            values[f.name] = np.broadcast_to(getattr(limited, f.name), shape)
    return restored(kind, values)


def drawn_under_limits(draw: C) -> C:
    """Let what a dynamics draws have its limits."""

    @wraps(draw)
    def limited(self: Any, *given: Any, **named: Any) -> Any:
        found = draw(self, *given, **named)
        return found if self.limited_slot is None or found.own_limits else under(self.limited_slot, found)

    return cast(C, limited)


def proved_without_limits(prove: Callable[..., Any], otherwise: Callable[[Any], Any]) -> Callable[..., Any]:
    """Let a dynamics prove nothing of the long run where its slots are limited: its grids know nothing of limits."""

    @wraps(prove)
    def limited(self: Any) -> Any:
        return prove(self) if self.limited_slot is None else otherwise(self)

    return limited


def why_unproved(dynamics: Any) -> str:
    """Say that grids know nothing of limits."""
    return f"the grid of {dynamics.name} knows nothing of limits of one's own, and {_names(dynamics.limited_slot)} is one"


def _names(slot: Any) -> str:
    return repr(slot.own_limits[0].name)


def limits_along(stream: Any) -> list[Limit]:
    """Return the limits that every slot of a stream has, or say which number differs from slot to slot."""
    first = (0,) * len(stream.batch_shape)
    for name in stream.data().keys() - {f.name for f in declared(stream.unlimited)}:
        values = getattr(stream, name)
        if not (values == values[first]).all():
            raise InstanceError(f"{name} differs from slot to slot; allowed here: limits that are the same in every slot")
    return limits_of(stream[first])


def require_kept(problem: Any, decision: Array, allocation: Any) -> None:
    """Raise `InstanceError` where an answer breaks a limit of one's own, which is named, with the lane."""
    if not problem.own_limits:
        return
    found, own = problem.violations(decision, allocation), problem.unlimited.violations(problem, decision, allocation)
    for name, value in found.items():
        broken = ~(np.asarray(value) <= TOLERATED) if name not in own else np.zeros(np.shape(value), dtype=bool)
        if broken.any():
            index = tuple(int(k) for k in np.argwhere(broken)[0])
            where = f"lane {list(index)}: " if index else ""
            raise InstanceError(
                f"{where}the answer breaks the limit {name!r} by {np.asarray(value)[index]:.3g} (relative); allowed: "
                "policies and ways of acting that keep limits"
            )
