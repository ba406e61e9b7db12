"""One budget of seconds for everything that one call does: what an item leaves over goes to those that were cut.

Nobody knows beforehand which items of a batch are hard. So the items are gone through in passes: first each gets an equal
share of what is left, and whatever the easy ones do not use is shared among those that were cut, until all are done or the
time is used up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from mecopt.running import clock

LONGER = 2.0
"""An item that can only be begun anew gets at least so many times the seconds that did not do: fewer would end alike."""

NOT_BEGUN = "the time limit was used up before this item was begun"

Watcher = Callable[[int, int], None]

_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Tell somebody how many items of a batch are done, and of how many, whenever there is news.

    >>> with watched(lambda done, count: print(f"{done} of {count}")):
    ...     in_passes(2, Budget(None), lambda item, seconds: False, anew=True)
    1 of 2
    2 of 2
    """
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def told(done: int, count: int) -> None:
    """Tell whoever watches how many items are done."""
    tell = _watcher.get()
    if tell is not None:
        tell(done, count)


class Budget:
    """Seconds from now on; None for as many as it takes.

    >>> Budget(None).left, Budget(0.0).spent
    (inf, True)
    """

    def __init__(self, seconds: float | None) -> None:
        self.limited = seconds is not None
        self.cut = False
        """Whether something was left undone for it."""
        self._ends = float("inf") if seconds is None else clock.now() + seconds

    @property
    def left(self) -> float:
        """The seconds that are left, at least 0; infinite without a limit."""
        return max(self._ends - clock.now(), 0.0) if self.limited else float("inf")

    @property
    def spent(self) -> bool:
        """Whether nothing is left."""
        return self.left <= 0.0

    @property
    def limit(self) -> float | None:
        """What is left as a solver takes it: None where there is no limit."""
        return self.left if self.limited else None


_within: ContextVar[Budget | None] = ContextVar("within", default=None)


@contextmanager
def within(seconds: float | None) -> Iterator[Budget]:
    """Have whatever is called meanwhile, and is told no time of its own, find in `granted` what is left of so many seconds.

    >>> with within(0.0):
    ...     granted().spent
    True
    >>> granted().spent
    False
    """
    around = granted()
    budget = Budget(min(around.left, around.left if seconds is None else seconds) if around.limited else seconds)
    token = _within.set(budget)
    try:
        yield budget
    finally:
        _within.reset(token)


def granted() -> Budget:
    """Return the budget of the call that is going on; without one, as much as it takes."""
    return _within.get() or Budget(None)


def in_passes(count: int, budget: Budget, attempt: Callable[[int, float], bool], *, anew: bool) -> None:
    """Attempt every item with its share of a budget, and again those that were cut, as long as some of it is left.

    Parameters
    ----------
    count
        of items.
    attempt
        from an item and its seconds (infinite without a limit, 0 where nothing is left) to whether it was cut by them.
    anew
        whether an attempt begins at the beginning: then what one leaves over goes to the next at once, and it is repeated
        only with `LONGER` times the seconds. Otherwise it goes on where it stopped, and all have the same in each pass.

    Examples
    --------
    >>> in_passes(2, Budget(None), lambda item, seconds: print(item, seconds), anew=True)
    0 inf
    1 inf
    """
    given, done, tell = [0.0] * count, 0, _watcher.get()

    def cut(item: int, seconds: float) -> bool:
        nonlocal done
        given[item] = seconds
        stopped = attempt(item, seconds)
        done += not stopped
        if tell is not None:
            tell(done, count)
        return stopped

    def share(left: float, place: int, of: int, equal: float) -> float:
        return left / (of - place) if anew else min(equal, left)

    equal = budget.left / max(count, 1)
    waiting = [item for item in range(count) if cut(item, share(budget.left, item, count, equal))]
    while waiting and not budget.spent:
        still, begun, equal = [], False, budget.left / len(waiting)
        for place, item in enumerate(waiting):
            left = budget.left
            seconds = max(share(left, place, len(waiting), equal), LONGER * given[item] if anew else 0.0)
            if not 0.0 < seconds <= left:
                still.append(item)
                continue
            begun = True
            if cut(item, seconds):
                still.append(item)
        if not begun:
            break
        waiting = still
