"""Numbers that people type: in the digits 0 to 9, and in nothing else that Python would take for a number.

``int`` and ``float`` read ``1_0``, `` 5`` and the digits of every script. Who types these means something else, or has not
seen what stands there.
"""

from __future__ import annotations

import re

LONGEST = 4000
"""Characters of a number; Python reads whole numbers of up to 4,300."""

_WHOLE = re.compile(r"[+-]?[0-9]+")
_REAL = re.compile(r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|inf|nan)", re.IGNORECASE | re.ASCII)


def whole(text: str) -> int | None:
    """Return the whole number that a text is, if it is one.

    >>> whole("10"), whole("-3"), whole("1_0"), whole(" 5"), whole("\u0661"), whole("1.0")
    (10, -3, None, None, None, None)
    """
    return int(text) if len(text) <= LONGEST and _WHOLE.fullmatch(text) else None


def real(text: str) -> float | None:
    """Return the number that a text is, if it is one; ``inf`` and ``nan``, too, to be refused where they mean nothing.

    >>> real("2.5"), real("-1e3"), real(".5"), real("inf"), real("1_0.0"), real("2.5 "), real("\u0665")
    (2.5, -1000.0, 0.5, inf, None, None, None)
    """
    return float(text) if len(text) <= LONGEST and _REAL.fullmatch(text) else None
