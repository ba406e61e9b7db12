"""Text in the encodings in which editors, spreadsheets and shells write it."""

from __future__ import annotations

import codecs
from pathlib import Path

from mecopt.contract.errors import InstanceError
from mecopt.running import memory

PARSED = 8
"""Bytes of what becomes of each byte of text, at least."""

_OTHERS = {
    b"PK\x03\x04": "a spreadsheet (.xlsx, .ods) or an archive, of which one sheet can be saved as CSV",
    b"\xd0\xcf\x11\xe0": "a spreadsheet (.xls), of which one sheet can be saved as CSV",
    b"PAR1\x15": "a Parquet file, whose name ends in .parquet",
    b"\x1f\x8b": "a compressed file",
}
"""What is often called .csv, by its first bytes."""


def text_of(path: Path, *, unicode_alone: bool = False) -> str:
    """Return the text of a file in UTF-8, in UTF-16 as Excel and PowerShell write it, or else in Windows-1252.

    Parameters
    ----------
    unicode_alone
        whether other bytes than of UTF-8 and UTF-16 are damage, as in JSON, which knows no code pages.

    Raises
    ------
    InstanceError
        if the content is no text but what is known by its first bytes; or naming the line with bytes that no encoding has,
        where names would come back as others.
    """
    memory.require(PARSED * path.stat().st_size, f"the numbers in {path}")
    content = path.read_bytes()
    for begin, what in _OTHERS.items():
        if content.startswith(begin):
            raise InstanceError(f"{path} holds no text but {what}")
    encoding = _encoding(content, "utf-8-sig" if unicode_alone else "cp1252")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        number = error.object[: error.start].decode(encoding, errors="replace").count("\n") + 1
        tried = {"cp1252": "UTF-8 or Windows-1252", "utf-8-sig": "UTF-8"}.get(encoding, "UTF-16")
        raise InstanceError(
            f"{path}, line {number} holds bytes that are no text in {tried}; allowed: text, best in UTF-8"
        ) from None


def _encoding(content: bytes, otherwise: str) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if content.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if b"\0" in content[:200]:
        return "utf-16-le" if content[1:2] == b"\0" else "utf-16-be"
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return otherwise
    return "utf-8-sig"
