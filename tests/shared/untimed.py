"""What stands for `mecopt.compare.bench.turns.by_turns` where it does not matter how long calls take."""

from __future__ import annotations

from collections.abc import Mapping

from mecopt.compare.bench.turns import Timing, Work


def once(works: Mapping[str, Work], seconds: float, most: int = 0, turn: float = 0.0) -> dict[str, Timing]:
    """Do everything once, for what is done matters here, not how long it takes."""
    found = {}
    for name, work in works.items():
        work.call()
        found[name] = Timing((12.0,), (24.0,))
    return found
