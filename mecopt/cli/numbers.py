"""Numbers as options take them: in plain digits; see `mecopt.quantities.digits`."""

from __future__ import annotations

from typing import Any

import click

from mecopt.quantities import digits


class Whole(click.IntRange):
    """A whole number of at least so much."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number, or fail with what is allowed."""
        if isinstance(value, str) and digits.whole(value) is None:
            self.fail(f"{value!r} is not a valid integer; allowed: digits, as 10.", param, ctx)
        return super().convert(value, param, ctx)


class Number(click.types.FloatParamType):
    """A number."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number, or fail with what is allowed."""
        if isinstance(value, str) and digits.real(value) is None:
            self.fail(f"{value!r} is not a valid float; allowed: digits, as 10, 0.5 or 1e-3.", param, ctx)
        return super().convert(value, param, ctx)


NUMBER = Number()
