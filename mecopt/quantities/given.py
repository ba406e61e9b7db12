"""What a user hands in for a field: lists, arrays and what other libraries have instead; nothing is dropped unseen.

A mask, a gradient, a unit of another library's own or the labels of a table's rows would all be lost by a plain conversion
to an array. Here they are honoured or refused, with the way out.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mecopt.contract.errors import InstanceError

_PLAIN = {int, float, bool, str, bytes, complex, type(None), dict}


def settled(where: str, value: Any) -> Any:
    """Return `value` as numpy reads it without loss: arrays of numbers, or what it was.

    Raises
    ------
    InstanceError
        for masked entries, tensors with gradients or on a device, sparse matrices, durations and dates, quantities of other
        libraries, and what has no order.
    """
    if _is_time(value):
        raise InstanceError(
            f"{where} is {str(value)[:40]}, a duration or date, which would lose its unit; pass a number "
            "and its unit, for example '100 ms' or {'value': [100, 200], 'unit': 'ms'}"
        )
    if isinstance(value, np.ma.MaskedArray):
        return _unmasked(where, value)
    if isinstance(value, list | tuple):
        return value if set(map(type, value)) <= _PLAIN else [settled(where, entry) for entry in value]
    if type(value) in _PLAIN or type(value) is np.ndarray or isinstance(value, np.generic):
        return value
    library = type(value).__module__.partition(".")[0]
    if library == "pandas" and hasattr(value, "to_numpy"):
        return settled(where, value.to_numpy())
    if library == "torch" and hasattr(value, "detach"):
        return _from_torch(where, value)
    if any(hasattr(value, name) for name in ("unit", "units", "magnitude")):
        raise InstanceError(
            f"{where} has a unit of its own ({str(value)[:40]}); pass its number and unit as text, "
            "for example {'value': 23.0, 'unit': 'dBm'}"
        )
    if hasattr(value, "toarray"):
        raise InstanceError(f"{where} is a sparse {type(value).__name__}; pass {where.rpartition('.')[2]}.toarray()")
    if isinstance(value, Iterable) and not isinstance(value, Sequence | Mapping) and not _is_array(value):
        raise InstanceError(f"{where} is a {type(value).__name__}, which is no array; pass a list")
    return value


def entries_of(where: str, value: Any) -> Any:
    """Return the entries of a list or array as they are, or say that it is not rectangular."""
    try:
        return np.asarray(value, dtype=object)
    except Exception:  # of ragged lists, and whatever other libraries raise for their own arrays
        raise InstanceError(f"{where} is not a rectangular array of numbers") from None


def _is_time(value: Any) -> bool:
    """Whether it is a duration or a date, which numpy takes for the whole number that it holds, whatever its unit."""
    if isinstance(value, np.ndarray) and value.dtype == object:
        return any(_is_time(entry) for entry in value.flat)
    known = datetime.timedelta | datetime.date | np.timedelta64 | np.datetime64
    return isinstance(value, known) or getattr(getattr(value, "dtype", None), "kind", "") in ("m", "M")


def _is_array(value: Any) -> bool:
    return any(hasattr(value, name) for name in ("__array__", "__array_interface__", "__dlpack__")) or hasattr(
        value, "tobytes"
    )


def _unmasked(where: str, value: Any) -> Any:
    mask = np.ma.getmaskarray(value)
    if mask.any():
        index = [int(i) for i in np.argwhere(mask)[0]]
        count = int(mask.sum())
        others = f" ({count} entries are)" if count > 1 else ""
        raise InstanceError(
            f"{where}{index or ''} is masked{others}, so there is no number; "
            "fill it (value.filled(...)) or leave the user out: nothing is guessed"
        )
    return np.asarray(value)


def _from_torch(where: str, value: Any) -> Any:
    name = where.rpartition(".")[2]
    if value.requires_grad:
        raise InstanceError(f"{where} is a tensor with gradients, which end here; pass {name}.detach()")
    if value.device.type != "cpu":
        raise InstanceError(f"{where} is a tensor on {value.device}; pass {name}.cpu()")
    if not value.is_complex() and value.is_floating_point():
        value = value.double()  # exact, and numpy has no bfloat16
    return value.numpy()


def require_one_order(owner: str, values: Mapping[str, tuple[str, Any]]) -> None:
    """Refuse labelled rows beside rows in another order, for arrays count by position.

    Parameters
    ----------
    owner
        the problem's class.
    values
        field: the name of its first own axis, and what was given.

    Raises
    ------
    InstanceError
        naming both fields.
    """
    labelled = {name: (axis, value.index) for name, (axis, value) in values.items() if _has_index(value)}
    odd = {name: (axis, index) for name, (axis, index) in labelled.items() if not _counts(index)}
    for name, (axis, index) in odd.items():
        for other, (along, value) in values.items():
            if other == name or along != axis or not _is_listed(value):
                continue
            same = index.equals(labelled[other][1]) if other in labelled else index.dtype.kind not in "iu"
            if not same:
                shown = ", ".join(str(label) for label in index[:4])
                raise InstanceError(
                    f"{owner}.{name} has rows labelled {shown}{', ...' if len(index) > 4 else ''}, and {other} has its "
                    f"{axis} in another order or without labels; entries count by position: sort both alike, then pass "
                    f"{name}.to_numpy()"
                )


def _has_index(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "pandas" and hasattr(value, "index") and hasattr(value, "to_numpy")


def _counts(index: Any) -> bool:
    return index.dtype.kind in "iu" and np.array_equal(index, np.arange(len(index)))


def _is_listed(value: Any) -> bool:
    return isinstance(value, list | tuple) or getattr(value, "ndim", 0) > 0
