"""Units: known conversions, refusals that say why, and the algebra that any system of units obeys."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecopt import InstanceError, problems
from mecopt.contract.units import BASES, conversion, converted, known_symbols, parse, rescaling

units = st.lists(st.tuples(st.sampled_from(known_symbols()), st.integers(-3, 3).filter(bool)), min_size=1, max_size=4).map(
    lambda factors: " ".join(f"{symbol}^{power}" for symbol, power in factors)
)


@pytest.mark.parametrize(
    ("given_unit", "wanted", "factor"),
    [
        ("Mbit/s", "MB/s", 1 / 8),
        ("B", "bit", 8),
        ("GB", "MB", 1e3),
        ("TB", "kB", 1e9),
        ("ms", "s", 1e-3),
        ("us", "ns", 1e3),
        ("pW", "W", 1e-12),
        ("J", "W s", 1),
        ("kJ", "W*s", 1e3),
        ("1/W", "1/mW", 1e-3),
        ("MHz", "1/s", 1e6),
        ("kcycle/bit", "cycle/B", 8e3),
        ("W s^3/cycle^3", "W s^3/Gcycle^3", 1e27),
        ("s^-2", "1/ms^2", 1e-6),
        ("GB/Mbit", "1", 8e3),
        (" MB/s ", "MB/s", 1),
    ],
)
def test_a_conversion_is_what_the_definition_of_its_units_says(given_unit: str, wanted: str, factor: float) -> None:
    assert conversion(given_unit, wanted) == pytest.approx(factor, rel=1e-14)


@given(units)
def test_a_unit_is_worth_exactly_one_of_itself(unit: str) -> None:
    assert conversion(unit, unit) == 1.0


@given(units, st.sampled_from(known_symbols()), st.sampled_from(["", "k", "M", "G", "T", "Ki", "Mi"]))
def test_converting_there_and_back_changes_nothing(unit: str, symbol: str, prefix: str) -> None:
    first, second = f"{unit} bit", f"{unit} {prefix}bit"
    assert conversion(first, second) * conversion(second, first) == pytest.approx(1.0, rel=1e-12)
    assert conversion(f"{unit} {symbol}/{symbol}", unit) == pytest.approx(1.0, rel=1e-12)


@given(units, units)
def test_the_size_of_a_product_is_the_product_of_the_sizes(left: str, right: str) -> None:
    both, one, other = parse(f"{left} {right}"), parse(left), parse(right)
    assert both.size == pytest.approx(one.size * other.size, rel=1e-12)
    assert both.exponents == tuple(a + b for a, b in zip(one.exponents, other.exponents, strict=True))


@given(units, st.sampled_from(BASES), st.floats(0.01, 100))
def test_rescaling_two_bases_is_the_same_in_either_order(unit: str, base: str, factor: float) -> None:
    assert rescaling(unit, base, factor) == pytest.approx(factor ** parse(unit).exponents[BASES.index(base)], rel=1e-12)
    assert rescaling(unit, base, factor) * rescaling(unit, base, 1 / factor) == pytest.approx(1.0, rel=1e-9)


def test_a_rate_grows_by_eight_when_bits_replace_bytes() -> None:
    assert rescaling("bit/s", "bit", 8.0) == 8.0
    assert rescaling("s/bit", "bit", 8.0) == 1 / 8
    assert rescaling("W", "bit", 8.0) == 1.0


@pytest.mark.parametrize(
    ("given_unit", "wanted"), [("MB", "MB/s"), ("W", "J"), ("1", "s"), ("cycle", "bit"), ("Hz", "s"), ("W^2", "W")]
)
def test_units_that_measure_different_things_do_not_convert(given_unit: str, wanted: str) -> None:
    with pytest.raises(InstanceError, match="measure different things"):
        conversion(given_unit, wanted)


@pytest.mark.parametrize(
    "text", ["", " ", "/", "MB/", "/s", "MB//s", "MB^", "MB^x", "MB^1.5", "k1", "MB^999", "3", "2 MB", "MB-s", "[MB]", "é"]
)
def test_text_that_is_no_unit_is_refused_and_an_example_is_given(text: str) -> None:
    with pytest.raises(InstanceError, match=r"unknown unit.*write for example"):
        parse(text)


@pytest.mark.parametrize("text", ["parsec", "mb", "kb", "kk", "MBs", "xB/s", "W furlong"])
def test_an_unknown_symbol_is_refused_by_name(text: str) -> None:
    with pytest.raises(InstanceError, match=r"unknown unit .*is not known"):
        parse(text)


def test_every_field_of_every_problem_has_a_unit_that_can_be_read() -> None:
    fields = [f for cls in problems().values() for f in dataclasses.fields(cls)]
    assert fields
    for f in fields:
        assert math.isfinite(parse(f.metadata["unit"]).size)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.int8, np.int64])
@pytest.mark.parametrize(("unit", "wanted"), [("kB", "MB"), ("GHz", "cycle/s"), ("MiB", "MB"), ("dBm", "W"), ("ms", "s")])
def test_the_precision_of_an_array_is_not_that_of_its_conversion(kind: type, unit: str, wanted: str) -> None:
    assert converted(np.array([3], dtype=kind), unit, wanted)[0] == converted(3.0, unit, wanted)
    assert converted(np.array([3j], dtype=np.complex64), "ms", "s")[0] == converted(3j, "ms", "s")
