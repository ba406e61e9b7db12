"""Whatever is given for a field becomes numbers that the field admits, or an error of mecopt's; never anything else."""

from __future__ import annotations

import warnings
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mecopt import MecoptError, problems
from mecopt.fields import declared, numbers
from mecopt.quantities.settings import field_values


class Broken:
    """An array of another library that cannot be converted."""

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("no array")


class Hollow:
    """A sequence whose entries cannot be had."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> Any:
        raise KeyError(index)


FIELDS = [(cls, f) for cls in problems().values() for f in declared(cls)]
UNITS = st.sampled_from(
    ["dB", "dBm", "dBm/Hz", "MB", "mb", "W", "GHz", "1", "", "%", "µs", "W/Hz^3", "//", "()", "^", "\x00"]
)
TEXTS = st.one_of(
    st.text(max_size=8),
    st.builds("{} {}".format, st.floats(allow_nan=True, allow_infinity=True), UNITS),
    st.sampled_from(["1e999 W", "1,5 MB", "1 000 kB", "٣ W", "2×10⁻⁹ W", "-inf dB", "inf"]),
)
SCALARS = st.one_of(
    st.floats(),
    st.integers(),
    st.sampled_from(
        [10**400, None, True, 1j, b"1", np.float32(2.0), np.longdouble("1e400"), np.datetime64("2020"), np.ma.masked]
    ),
    st.sampled_from(
        [Decimal("sNaN"), Decimal("1e999"), Fraction(1, 3), {}, object(), Broken(), Hollow(), range(2), np.str_("3 W")]
    ),
    TEXTS,
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(TEXTS, min_size=1, max_size=3).map(np.array),
        st.lists(st.floats(), max_size=3).map(lambda entries: np.ma.masked_less(entries, 0.0)),
        st.fixed_dictionaries({"value": inner, "unit": UNITS}),
        st.fixed_dictionaries({"real": inner, "imaginary": inner}),
    ),
    max_leaves=6,
)


@given(st.sampled_from(FIELDS), VALUES)
def test_a_field_takes_numbers_or_says_what_is_wrong(owner: tuple[Any, Any], value: Any) -> None:
    cls, f = owner
    said, found = "", np.zeros(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = numbers(cls.__name__, f, value)
        except MecoptError as error:
            said = str(error)
    assert said == "" or f"{cls.__name__}.{f.name}" in said
    assert said or found.dtype == (complex if f.metadata["complex"] else float)
    assert not np.isnan(found).any()
    assert f.metadata["unlimited"] or np.isfinite(found).all()


@given(st.sampled_from(FIELDS), st.text(alphabet='0123456789.eE+-[]{}",: /^×⁻⁹µ%dBmMWskbit', max_size=14))
def test_a_setting_is_read_or_says_what_is_wrong(owner: tuple[Any, Any], text: str) -> None:
    cls, f = owner
    said, names = "", {f.name}
    try:
        names = set(field_values(cls, [f"{f.name}={text}"]))
    except MecoptError as error:
        said = str(error)
    assert names == {f.name}
    assert said == "" or f.name in said
