"""Single moves under limits: which ones break a limit, and the way from a decision that breaks some to one that does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.limits.linear import kept_decision, share
from mecopt.contract.limits.rows import decision_rows
from mecopt.contract.limits.rule import Rule, before_of, bounds_of, broken, sums, weights_of
from mecopt.running.budget import granted

Array = NDArray[Any]


def moves_that_break(problem: Any, decision: Array) -> Array:
    """Whether decisions ``(*batch, users)`` break a limit after each single move, ``(*batch, users, choices)``."""
    choices = len(problem.choices.labels)
    found = np.zeros((*decision.shape, choices), dtype=bool)
    own = decision[..., None].astype(np.intp)
    for rule in problem.limits:
        if rule.alike:
            found |= _apart(problem, rule, decision, choices)
            continue
        weights = weights_of(problem, rule)
        least, most = (bound[..., None, None] for bound in bounds_of(problem, rule))
        after = sums(problem, weights, decision)[..., None, None] - np.take_along_axis(weights, own, axis=-1) + weights
        found |= (after < least) | (after > most)
    return found


def _apart(problem: Any, rule: Rule, decision: Array, choices: int) -> Array:
    """Whether users of a group decide differently after each single move."""
    head = np.broadcast_to(np.arange(problem.users), decision.shape).copy()
    before = np.broadcast_to(before_of(problem, rule), decision.shape)
    for user in range(problem.users):  # who is before somebody is before it in the order of users, too
        own = before[..., user, None]
        head[..., user] = np.take_along_axis(head, own, axis=-1)[..., 0]
    heads, chosen = head.reshape(-1, problem.users), decision.reshape(-1, problem.users)
    rows = np.arange(len(heads))[:, None]
    counts = np.zeros((*heads.shape, choices), dtype=np.int64)
    np.add.at(counts, (rows, heads, chosen), 1)
    members, alike = counts.sum(axis=-1), counts.max(axis=-1)
    differs = alike < members
    own = chosen[..., None] == np.arange(choices)
    others = members[rows, heads][..., None] - 1 > counts[rows, heads] - own
    elsewhere = differs.sum(axis=-1, keepdims=True) > differs[rows, heads]
    return np.asarray(others | elsewhere[..., None]).reshape(*decision.shape, choices)


@np.errstate(all="ignore")
def repaired(problem: Any, decision: Array, of: Callable[[str], Callable[..., Any]]) -> Array:
    """Return decisions in whose place other ones stand where they break limits, as far as single moves lead to some.

    Users who decide alike first do as the first of them does, and move together from then on. Then the move is made, again
    and again, that costs least for what it takes from the sum of violations, until all limits are kept or no move takes any.
    Where that is so the nearest decision that keeps all stands. What the call has no time for stays as it is.

    Parameters
    ----------
    of
        from the name of a formula to the problem's own without limits.
    """
    breaks = np.flatnonzero(broken(problem, decision))
    if not breaks.size:
        return decision
    flat, rows = problem.paired(decision)
    some, found = flat[breaks], rows[breaks].copy()
    blocks = _blocks(some)
    found = np.take_along_axis(found, blocks, axis=-1)
    sized = [(_of_blocks(weights_of(some, rule), blocks), *bounds_of(some, rule)) for rule in some.limits if not rule.alike]
    sizes = [np.maximum(np.abs(weights).max(axis=(-2, -1)), 1e-300) for weights, _, _ in sized]
    active = np.flatnonzero(broken(some, found))
    budget = granted()
    for _ in range(2 * problem.users):
        if not active.size or budget.spent:
            break
        part, now = some[active], found[active]
        total, after = np.zeros(active.size), np.zeros((active.size, problem.users, len(problem.choices.labels)))
        for (weights, least, most), size in zip(sized, sizes, strict=True):
            own, low, high, unit = weights[active], least[active], most[active], size[active]
            mine = np.take_along_axis(own, now[..., None].astype(np.intp), axis=-1)
            value = mine[..., 0].sum(axis=-1)
            total += np.maximum(np.maximum(value - high, low - value), 0.0) / unit
            moved = value[:, None, None] - mine + own
            over = np.maximum(np.maximum(moved - high[:, None, None], low[:, None, None] - moved), 0.0)
            after += over / unit[:, None, None]
        taken = total[:, None, None] - after
        heads = (blocks[active] == np.arange(problem.users))[..., None]
        helps = heads & (taken > 0.0)
        cost = problem.sign * np.asarray(of("move_values")(part, now), dtype=float)
        before = problem.sign * np.asarray(of("optimal_value")(part, now), dtype=float)[:, None, None]
        rise = _of_blocks(np.where(np.isfinite(cost) & np.isfinite(before), cost - before, np.inf), blocks[active])
        rise = np.where(np.isfinite(before), rise, np.where(np.isfinite(cost), 0.0, 1e300))
        rank = np.where(helps, rise / np.where(helps, taken, 1.0), np.inf)
        # where every move that helps is impossible by itself the one that takes most is made
        stuck = ~np.isfinite(rank).any(axis=(1, 2))
        rank[stuck] = np.where(helps[stuck], -taken[stuck], np.inf)
        best = rank.reshape(active.size, -1).argmin(axis=-1)
        able = np.take_along_axis(helps.reshape(active.size, -1), best[:, None], axis=-1)[:, 0]
        users, choices = np.divmod(best, len(problem.choices.labels))
        moves = (blocks[active] == users[:, None]) & able[:, None]
        found[active] = np.where(moves, choices[:, None].astype(found.dtype), now)
        active = active[able]
        active = active[broken(some[active], found[active])] if active.size else active
    rest = np.flatnonzero(broken(some, found)).tolist()
    for place, k in enumerate(rest):
        nearest, none = _nearest(some[k], found[k], of, share(budget, len(rest) - place))
        found[k] = found[k] if nearest is None else nearest
        budget.cut |= nearest is None and not none
    whole = rows.copy()
    whole[breaks] = found
    return whole.reshape(decision.shape)


def _nearest(
    problem: Any, decision: Array, of: Callable[[str], Callable[..., Any]], seconds: float
) -> tuple[Array | None, bool]:
    """Return the decision of one instance that keeps all limits and changes fewest users, and whether there is none."""
    rows, users = decision_rows(problem), np.arange(problem.users)
    changes = np.ones((problem.users, len(problem.choices.labels)))
    changes[users, decision] = 0.0
    values = np.asarray(of("move_values")(problem, decision), dtype=float)
    able = np.isfinite(values) | (not np.isfinite(values).any()) | (changes == 0.0)
    nearest, none = kept_decision(rows.weight[0], rows.least[0], rows.most[0], changes, able, seconds)
    # the solver's tolerances are wider than ours
    return (None, True) if nearest is not None and broken(problem, nearest) else (nearest, none)


def _blocks(problem: Any) -> Array:
    """Return for each user the first of those who have to decide alike with it, ``(instances, users)``."""
    found = np.broadcast_to(np.arange(problem.users), (problem.instances, problem.users)).copy()
    before = [before_of(problem, rule) for rule in problem.limits if rule.alike]
    while before:
        earlier = found.copy()
        for one in before:
            first = np.minimum(found, np.take_along_axis(found, one, axis=-1))
            # who is before somebody is as early as those behind
            for i in range(problem.users - 1, -1, -1):
                rows = np.arange(problem.instances)
                first[rows, one[:, i]] = np.minimum(first[rows, one[:, i]], first[:, i])
            found = first
        if (found == earlier).all():
            break
    return found


def _of_blocks(values: Array, blocks: Array) -> Array:
    """Return values ``(instances, users, choices)`` of whole blocks at their first user, 0 at the others."""
    found = np.zeros_like(values)
    np.add.at(found, (np.arange(len(values))[:, None], blocks), values)
    return found
