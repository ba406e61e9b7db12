"""Text as a terminal may have it: what would move its cursor, change its colours or cannot be encoded is spelt out."""

from __future__ import annotations

import re

_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but for tabs and ends of lines, marks that change the direction of reading, halves of characters."""


def printable(text: str) -> str:
    r"""Return a text with escapes in place of what has no place on a screen.

    >>> printable("Z\u00fcrich \x1b[2J"), printable("name\udcff")
    ('Zürich \\x1b[2J', 'name\\udcff')
    """
    return text if text.isprintable() else _UNSEEN.sub(_spelt, text)


def encoded(text: str) -> bytes:
    r"""Return a text in UTF-8; halves of characters, as names of files that are no text have them, are spelt out.

    >>> encoded("Z\u00fcrich \udcff")
    b'Z\xc3\xbcrich \\udcff'
    """
    return text.encode(errors="backslashreplace")


def encodable(text: str) -> str:
    r"""Return a text that every file of words holds.

    >>> encodable("Z\u00fcrich \udcff")
    'Zürich \\udcff'
    """
    return encoded(text).decode()


def _spelt(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape", errors="backslashreplace").decode("ascii")
