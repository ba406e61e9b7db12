"""Whatever is given for a field becomes numbers that the field admits, or an error of mecopt's; never anything else."""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mecopt
from mecopt import InstanceError, MecoptError, problems
from mecopt.contract.fields import declared, numbers
from mecopt.models import BinaryOffloading, ComputationRate, MultiServerOffloading
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


DURATIONS: list[Callable[[], Any]] = [
    lambda: np.timedelta64(100, "ms"),
    lambda: np.array([100, 200], dtype="timedelta64[ms]"),
    lambda: [np.timedelta64(100, "ms"), np.timedelta64(200, "ms")],
    lambda: np.array([np.timedelta64(100, "ms"), 0.2], dtype=object),
    lambda: np.datetime64("2026-01-01"),
    lambda: datetime.timedelta(milliseconds=100),
    lambda: {"value": np.timedelta64(100, "ms"), "unit": "s"},
    lambda: pytest.importorskip("pandas").Series(pytest.importorskip("pandas").to_timedelta([100, 200], unit="ms")),
    lambda: [pytest.importorskip("pandas").Timedelta(100, unit="ms")] * 2,
]


@pytest.mark.parametrize("made", DURATIONS)
def test_a_duration_of_another_library_is_not_the_number_that_it_holds(made: Callable[[], Any]) -> None:
    with pytest.raises(InstanceError, match=r"(?s)deadline.* a duration or date.*'100 ms'"):
        MultiServerOffloading(channel_gain=[[1e-8], [1e-9]], deadline=made())


def test_a_duration_is_no_time_limit() -> None:
    with pytest.raises(InstanceError, match="time_limit"):
        mecopt.solve(ComputationRate(channel_gain=[1e-6]), time_limit=np.timedelta64(100, "ms"))  # type: ignore[arg-type]


def test_masked_decisions_are_refused_as_fields_are() -> None:
    problem = BinaryOffloading(data_size=[12.0, 7.5, 20.1])
    masked = np.ma.masked_array([1, 0, 1], mask=[False, True, False])
    for call in (mecopt.allocate, lambda problem, decision: problem.optimal_value(decision)):
        with pytest.raises(mecopt.InstanceError, match=r"decision\[1\] is masked, so there is no number"):
            call(problem, masked)
    with pytest.raises(mecopt.InstanceError, match=r"start\[1\] is masked"):
        mecopt.solve(problem, start=masked)
    whole = np.ma.masked_array([1, 0, 1], mask=False)
    assert np.isclose(mecopt.allocate(problem, whole).objective, problem.optimal_value(np.array([1, 0, 1])), rtol=1e-14)
