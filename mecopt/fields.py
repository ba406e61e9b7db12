"""How a model declares its data and its variables: names with units, one entry per user or per instance."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]

if TYPE_CHECKING:

    class Quantity:
        """A field's type: anything like an array goes in, an array comes out."""

        def __get__(self, instance: object, owner: object = None) -> Array: ...
        def __set__(self, instance: object, value: ArrayLike | None) -> None: ...
else:
    Quantity = Array


@dataclass(frozen=True, eq=False)
class Variables:
    """Base of a problem's allocations and duals: named arrays over batch and candidates."""

    def __getitem__(self, index: Any) -> Self:
        """Return the variables of one instance, or of a slice of the batch."""
        return type(self)(**{name: value[index] for name, value in self.as_dict().items()})

    def as_dict(self) -> dict[str, Array]:
        """Return the arrays by name."""
        return {f.name: getattr(self, f.name) for f in declared(type(self))}  # type: ignore[arg-type]

    @classmethod
    def stack(cls, parts: Sequence[Self | None], users: int, shape: tuple[int, ...]) -> Self:
        """Gather the variables of single instances into a batch of this `shape`; a None becomes nan."""
        columns = {}
        for f in declared(cls):  # type: ignore[arg-type]
            tail = (users,) if f.metadata["per"] == "user" else ()
            blank = np.full(tail, np.nan)
            rows = [blank if part is None else getattr(part, f.name) for part in parts]
            columns[f.name] = np.reshape(np.array(rows, dtype=float), shape + tail)
        return cls(**columns)


def variable(unit: str, *, per: Literal["user", "instance"]) -> Any:
    """Declare an array of an allocation or dual: one entry per user, or one per instance and candidate."""
    return dataclasses.field(metadata={"unit": unit, "per": per})


def quantity(
    unit: str,
    symbol: str,
    meaning: str,
    *,
    per: Literal["user", "instance"] = "user",
    default: float | Callable[[int], ArrayLike] | None = None,
    zero_allowed: bool = False,
) -> Any:
    """Declare a field of a problem.

    Parameters
    ----------
    unit, symbol, meaning
        the unit numbers are taken in, the paper's symbol, and what it is.
    per
        "user": shape ``(*batch, users)``; "instance": shape ``(*batch)``.
    default
        a number, or a function from the number of users to an array; None makes the field required.
    zero_allowed
        whether 0 is admissible; all quantities are finite and not negative.
    """
    metadata = {
        "unit": unit,
        "symbol": symbol,
        "meaning": meaning,
        "per": per,
        "default": default,
        "zero_allowed": zero_allowed,
    }
    if default is None:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=None, metadata=metadata)


@cache
def declared(cls: Any) -> tuple[dataclasses.Field[Any], ...]:
    """Return the fields of a problem or of variables, in order; looked up once per class."""
    return dataclasses.fields(cls)
