"""Settings of learners: numbers and names, checked when they are made."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from mecopt.contract.errors import InstanceError, unknown

KINDS: Mapping[type, str] = {bool: "true or false", int: "a whole number", float: "a finite number", str: "a name"}
"""What settings are, by the kind of their defaults."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Base of a learner's settings: numbers and names, checked when they are made."""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Make settings from names and values, lists counting as tuples; unknown names and wrong kinds are refused."""
        fields = {f.name: f for f in dataclasses.fields(cls)}
        values = {}
        for name, value in given.items():
            if name not in fields:
                raise unknown("setting", name, fields)
            default = fields[name].default
            if isinstance(default, tuple):
                value = tuple(value) if isinstance(value, list | tuple) else (value,)
            if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
                try:
                    value = float(value)
                except OverflowError:
                    raise InstanceError(
                        f"setting {name} is beyond what a float can hold; allowed: a finite number"
                    ) from None
            if type(value) is not type(default):
                kind = KINDS.get(type(default), "a value")
                raise InstanceError(f"setting {name} is {value!r}; allowed: {kind}, as its default, {default!r}")
            values[name] = value
        return cls(**values)

    def without_effect(self) -> Mapping[str, str]:
        """Return the settings that change nothing beside the others, with what makes them so."""
        return {}

    def require_effect(self, names: Iterable[str]) -> None:
        """Raise `InstanceError` where one of these settings, set by hand, changes nothing."""
        idle = self.without_effect()
        for name in names:
            if name in idle:
                raise InstanceError(f"setting {name} has no effect with {idle[name]}; leave it out, or change that")

    def require_at_least_one(self, *names: str) -> None:
        """Raise `InstanceError` unless these settings are 1 or more, or tuples of such whole numbers."""
        for name in names:
            value = getattr(self, name)
            entries = value if isinstance(value, tuple) else (value,)
            if not all(type(entry) is int and entry >= 1 for entry in entries):
                raise InstanceError(f"setting {name} is {value}; allowed: whole numbers of at least 1")

    def require_fraction(self, *names: str) -> None:
        """Raise `InstanceError` unless these settings lie between 0 and 1."""
        for name in names:
            if not 0.0 < getattr(self, name) < 1.0:
                raise InstanceError(f"setting {name} is {getattr(self, name)}; allowed: between 0 and 1")

    def require_part(self, *names: str) -> None:
        """Raise `InstanceError` unless these settings are from 0 to 1."""
        for name in names:
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise InstanceError(f"setting {name} is {getattr(self, name)}; allowed: from 0 to 1")

    def require_one_of(self, name: str, allowed: Sequence[str]) -> None:
        """Raise `InstanceError` unless a setting is one of the names allowed."""
        if getattr(self, name) not in allowed:
            raise InstanceError(f"setting {name} is {getattr(self, name)!r}; allowed: {', '.join(allowed)}")
