"""Doubts: data that can be read, but hardly mean what they say, are questioned in a warning; strict mode makes it an error.

A power gain above 1, a noise below that of any receiver, a column that makes 200 instances of one user: mecopt answers them
as they stand and says what looks wrong. A warning is also a `mecopt.MecoptError`, so that whoever asks for errors gets one
of the usual kind.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError

Array = NDArray[Any]


class DoubtfulData(InstanceError, UserWarning):
    """Data that can be read but hardly mean what they say; a warning, and an error under `mecopt.strict`."""


class ImplausibleData(DoubtfulData):
    """A number that physics rules out, such as a power gain above 1; names the field, the entry, and what may be meant."""


class AmbiguousShape(DoubtfulData):
    """An array whose shape makes a batch that may not be meant; names the field, the batch, and how to say what is."""


@dataclass(frozen=True)
class Plausible:
    """What is known for certain of a field's magnitude, in the field's own unit."""

    why: str
    """What is wrong with an entry outside, as the end of a sentence."""
    most: float = np.inf
    least: float = 0.0
    over: str = ""
    """The field by whose smallest number entries are divided before they are judged, if any."""
    meant: Callable[[float], str] = field(default=lambda entry: "")
    """From the entry: a sentence on what may be meant, or nothing."""


EXACT = 2.0**53
"""Whole number up to which floats hold all of them."""

_batch_known: ContextVar[tuple[int, ...] | None] = ContextVar("batch_known", default=None)
_strict: ContextVar[bool] = ContextVar("strict", default=False)
_shapes_meant: ContextVar[bool] = ContextVar("shapes_meant", default=False)


@contextmanager
def strict() -> Iterator[None]:
    """Make every doubt an error, in this thread and whatever the filters of warnings say.

    >>> import mecopt
    >>> from mecopt.models import ComputationRate
    >>> with mecopt.strict():
    ...     ComputationRate(channel_gain=["120 dB"])
    Traceback (most recent call last):
    ...
    mecopt.quantities.doubts.ImplausibleData: ComputationRate.channel_gain[0] is 1e+12, ...
    """
    token = _strict.set(True)
    try:
        yield
    finally:
        _strict.reset(token)


@contextmanager
def shapes_meant() -> Iterator[None]:
    """Say that the shapes of arrays are meant as they are: 200 instances of one user each, a sweep over as many as users.

    >>> import mecopt
    >>> from mecopt.models import ComputationRate
    >>> with mecopt.shapes_meant():
    ...     ComputationRate(channel_gain=[[1e-6], [2e-6]]).batch_shape
    (2,)
    """
    token = _shapes_meant.set(True)
    try:
        yield
    finally:
        _shapes_meant.reset(token)


@contextmanager
def batch_told(shape: tuple[int, ...] | None) -> Iterator[None]:
    """Say that the batch is known, as where instances are drawn or a file says what its rows are; None: it is not."""
    token = _batch_known.set(shape)
    try:
        yield
    finally:
        _batch_known.reset(token)


def known_batch() -> tuple[int, ...] | None:
    """Return the batch that was told, if one was."""
    return _batch_known.get()


def doubt_shape(message: str) -> None:
    """Warn of a shape, unless shapes are meant as they are."""
    if not _shapes_meant.get():
        doubt(AmbiguousShape(f"{message}; where it is meant, say so: with mecopt.shapes_meant(): ..."))


def doubt(warning: DoubtfulData) -> None:
    """Warn, at the line outside mecopt that gave the data; raise where strict mode says so."""
    if _strict.get():
        raise warning
    warnings.warn(warning, stacklevel=_outside())


def _outside() -> int:
    """Return the level of the first caller that is neither mecopt nor a method written by dataclasses."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None:
        frame, level = frame.f_back, level + 1
        ours = str(frame.f_globals.get("__name__", "")).partition(".")[0] == "mecopt"
        if not ours and frame.f_code.co_filename != "<string>":
            return level
    return level


def question_digits(where: str, entries: Any, read: Array) -> None:
    """Warn once if some whole number has more digits than a float, so that another one is computed with.

    Nobody measures so exactly: it may be a name, or a moment.

    Parameters
    ----------
    entries
        the numbers as given, an array of whole numbers or of objects.
    read
        the same as floats.
    """
    for index in map(tuple, np.argwhere(np.abs(read) >= EXACT).tolist()):
        entry = entries[index].item() if isinstance(entries[index], np.generic) else entries[index]
        held = float(read[index].real)
        if isinstance(entry, int) and not isinstance(entry, bool) and entry != held:
            said = f"{where}{list(index) or ''} is {str(entry)[:40]}, which is computed with as {f'{held:.0f}'[:40]}"
            doubt(DoubtfulData(said))
            return


def question(where: str, unit: str, known: Plausible, entries: Array, divisor: float = 1.0) -> None:
    """Warn once if some entry of a field is outside what is plausible.

    Parameters
    ----------
    entries
        the field's numbers as given; of complex ones the magnitude counts.
    divisor
        what they are divided by before they are judged.
    """
    size = np.abs(entries) if np.iscomplexobj(entries) else entries
    most, least = known.most * divisor, known.least * divisor
    if size.max() <= most and size.min() >= least:
        return
    bad = (size > most) | (size < least)
    index = tuple(int(i) for i in np.argwhere(bad)[0])
    count = int(np.count_nonzero(bad))
    shown = f"{list(index) or ''} is {entries[index]:.6g}{'' if unit == '1' else f' {unit}'}"
    others = f" (as are {count - 1} more)" if count > 1 else ""
    hint = known.meant(float(np.abs(entries[index])))
    doubt(ImplausibleData(f"{where}{shown}{others}, {known.why}{'; ' if hint else ''}{hint}"))
