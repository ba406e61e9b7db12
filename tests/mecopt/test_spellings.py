"""Spellings of units and decibels: the guide's table is what is read, conversions are exact, hints change no meaning."""

from __future__ import annotations

import dataclasses
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mecopt import InstanceError, problems
from mecopt.contract.fields import declared
from mecopt.contract.units import converted, parse
from mecopt.quantities.hints import Wanted, require
from mecopt.quantities.settings import field_values
from mecopt.quantities.spellings import by_case, in_words
from mecopt.quantities.values import in_units, plain, read

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "units.md"
ROWS = [line.strip("| ").split("|") for line in GUIDE.read_text(encoding="utf-8").splitlines() if line.count("`") > 12]
FIELDS = [(cls, f) for cls in problems().values() for f in declared(cls) if not f.metadata["choices"]]
LINEAR = [(cls, f) for cls, f in FIELDS if not f.metadata["complex"]]
TENS = st.integers(-30, 30)
LEVELS = st.floats(-250, 250)


def ticked(cell: str) -> list[str]:
    return re.findall("`([^`]+)`", cell)


def pairs(column: int) -> list[tuple[str, str, bool]]:
    """Return every unit of fields with every spelling of a column, and whether decibels may tell it."""
    table = [row for row in ROWS if len(row) == 4]
    assert len(table) == 14
    return [
        (unit, spelling, row[0].strip().startswith(("ratio of powers", "ratio at a power", "noise per hertz")))
        for row in table
        for unit in ticked(row[1])
        for spelling in ticked(row[column])
    ]


@pytest.mark.parametrize(("unit", "spelling", "decibels"), pairs(2))
def test_what_the_guide_says_is_accepted_is_read(unit: str, spelling: str, decibels: bool) -> None:
    require(spelling, Wanted("Problem.field", unit, decibels), 3.0)
    assert math.isfinite(float(converted(3.0, spelling, unit)))


@pytest.mark.parametrize(("unit", "spelling", "decibels"), pairs(3))
def test_what_the_guide_says_is_refused_is_refused_with_what_to_write(unit: str, spelling: str, decibels: bool) -> None:
    with pytest.raises(InstanceError, match=r"Problem\.field: .*(write|did you mean)"):
        require(spelling, Wanted("Problem.field", unit, decibels), 3.0)


def test_every_unit_of_a_field_stands_in_the_guide() -> None:
    known = {parse(unit).exponents for unit, _, _ in pairs(2)}
    units = {f.metadata["unit"] for _, f in FIELDS}
    compound = {"1/W", "1/J", "bit/cycle", "mJ/kbit", "kbit/nJ", "1/nJ", "s/nJ"}
    assert {unit for unit in units if parse(unit).exponents not in known} <= compound


# ---------------------------------------------------------------------- decibels


@given(TENS)
def test_tens_of_decibels_are_powers_of_ten_to_the_last_digit(tens: int) -> None:
    assert float(converted(10 * tens, "dB", "1")) == pytest.approx(float(f"1e{tens}"), rel=4e-16)
    assert float(converted(10 * tens, "dBm", "W")) == pytest.approx(float(f"1e{tens - 3}"), rel=4e-16)


@given(LEVELS)
def test_a_level_is_ten_times_the_logarithm_of_what_it_converts_to(level: float) -> None:
    assert 10 * math.log10(float(converted(level, "dBm", "mW"))) == pytest.approx(level, abs=1e-12)
    assert float(converted(level, "dBW", "W")) == pytest.approx(float(converted(level + 30, "dBm", "W")), rel=1e-13)
    assert float(converted(level, "dBm/Hz", "J")) == pytest.approx(float(converted(level, "dBm", "W")), rel=1e-15)


@given(LEVELS, LEVELS)
def test_levels_add_where_ratios_multiply(first: float, second: float) -> None:
    product = float(converted(first, "dB", "1")) * float(converted(second, "dB", "1"))
    assert float(converted(first + second, "dB", "1")) == pytest.approx(product, rel=1e-12)


@pytest.mark.parametrize(
    ("level", "given_unit", "wanted", "value"),
    [
        (23, "dBm", "mW", 10**2.3),
        (0, "dBm", "W", 1e-3),
        (-174, "dBm/Hz", "J", 10**-17.4 * 1e-3),
        (-114, "dBm/MHz", "W/Hz", 10**-11.4 * 1e-9),
        (3, "dBi", "1", 10**0.3),
        (-90, "dB", "%", 1e-7),
    ],
)
def test_known_levels(level: float, given_unit: str, wanted: str, value: float) -> None:
    assert float(converted(level, given_unit, wanted)) == pytest.approx(value, rel=1e-14)


# ---------------------------------------------------------------------- linear units


@given(st.sampled_from(list(by_case())), st.sampled_from(list(by_case())), st.floats(1e-6, 1e6))
def test_a_number_there_and_back_is_itself_exactly_where_dimensions_agree(left: str, right: str, number: float) -> None:
    if parse(left).exponents == parse(right).exponents:
        assert float(converted(converted(number, left, right), right, left)) == pytest.approx(number, rel=1e-14)
    elif not parse(left).hertz:
        with pytest.raises(InstanceError, match="measure different things"):
            converted(number, left, right)


def test_hertz_are_cycles_per_second_exactly_where_cycles_are_counted() -> None:
    assert converted(20, "GHz", "cycle/s") == 2e10
    assert converted(1e-28, "W/Hz^3", "W s^3/cycle^3") == 1e-28
    for given_unit, wanted in (("cycle/s", "Hz"), ("1/s", "cycle/s"), ("Hz", "cycle"), ("GHz", "bit/s")):
        with pytest.raises(InstanceError, match="measure different things"):
            converted(1.0, given_unit, wanted)


@pytest.mark.parametrize(
    ("spelling", "bits"),
    [
        ("KiB", 8192),
        ("MiB", 8 * 2**20),
        ("kB", 8e3),
        ("Mb", 1e6),
        ("MB", 8e6),
        ("Kbit", 1e3),
        ("Kibit", 1024),
        ("gigabytes", 8e9),
    ],
)
def test_prefixes_of_data_are_what_the_standards_say(spelling: str, bits: float) -> None:
    assert float(converted(1.0, spelling, "bit")) == bits


# ---------------------------------------------------------------------- hints

MANGLED = st.sampled_from([*by_case(), *in_words()]).flatmap(
    lambda text: st.sampled_from([text.lower(), text.upper(), text.swapcase(), text + text[-1:], text[1:] + text[:1]])
)


@given(MANGLED, st.sampled_from(LINEAR), st.floats(1, 1000))
def test_a_hint_measures_what_the_field_measures(spelling: str, owner: tuple[Any, Any], number: float) -> None:
    cls, f = owner
    wanted = Wanted(f"{cls.__name__}.{f.name}", f.metadata["unit"], f.metadata["decibels"])
    assume(spelling)
    said = ""
    try:
        require(spelling, wanted, number)
    except InstanceError as error:
        said = str(error)
    assert all(wanted.fits(hint) for hint in re.findall("'([^']+)'", said.partition("; ")[2])), said


@pytest.mark.parametrize(
    ("spelling", "unit", "named"),
    [
        ("mb", "bit", {"Mbit", "MB"}),
        ("kb", "bit", {"kbit", "kB"}),
        ("KB", "bit", {"kB", "KiB"}),
        ("mbps", "MB/s", {"Mbit/s", "MB/s"}),
        ("mw", "W", {"MW", "mW"}),
        ("mhz", "Hz", {"MHz", "mHz"}),
        ("ghz", "cycle/s", {"GHz"}),
        ("mbit", "bit", {"Mbit"}),
        ("cycl/bit", "cycle/bit", {"cycle/bit"}),
        ("dbm", "W", {"dBm"}),
    ],
)
def test_every_reading_of_an_unknown_spelling_is_named_with_its_number(spelling: str, unit: str, named: set[str]) -> None:
    with pytest.raises(InstanceError) as caught:
        require(spelling, Wanted("Problem.field", unit, False), 3.0)
    hint = str(caught.value).partition("; ")[2]
    assert set(re.findall("'([^']+)'", hint)) == named
    for name in named:
        assert f"3 {name} is {float(converted(3.0, name, unit)):.8g}" in hint


# ---------------------------------------------------------------------- values


@given(st.floats(-1e9, 1e9), st.sampled_from(["dBm", "MB", "s^-1", "W·s³/cycle³"]), st.sampled_from(["", " ", "  "]))
def test_a_number_and_its_unit_are_read_digit_by_digit(number: float, unit: str, space: str) -> None:
    assert read(f" {number!r}{space}{unit} ") == (number, unit)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("\u221290 dB", (-90.0, "dB")),
        ("2×10⁻⁹ W", (2e-9, "W")),
        ("2x10^{-9}W", (2e-9, "W")),
        ("10^-9 W", (1e-9, "W")),
        ("+3dB", (3.0, "dB")),
        (".5 s", (0.5, "s")),
        ("2 1/W", (2.0, "1/W")),
        ("7", (7.0, "")),
        ("ten", None),
        ("", None),
        ("1.2.3 W", None),
        ("information", None),
        ("1e", (1.0, "e")),
    ],
)
def test_forms_of_numbers(text: str, found: Any) -> None:
    assert read(text) == found


@given(st.sampled_from(LINEAR), st.lists(st.floats(0.5, 900), min_size=1, max_size=4))
def test_text_objects_lists_and_settings_mean_the_same(owner: tuple[Any, Any], values: list[float]) -> None:
    cls, f = owner
    unit = {"1": "%", "W s^3/cycle^3": "J s^2/cycle^3"}.get(f.metadata["unit"], f.metadata["unit"])
    expected = converted(values, unit, f.metadata["unit"])
    listed = ", ".join(f"{value!r}" for value in values)
    forms = [
        [f"{value!r} {unit}" for value in values],
        {"value": values, "unit": unit},
        {"value": np.array(values), "unit": unit},
        [{"value": value, "unit": unit} for value in values],
        np.array([f"{value!r} {unit}" for value in values]),
        field_values(cls, [f"{f.name}=[{listed}] {unit}"])[f.name],
    ]
    for form in forms:
        np.testing.assert_array_equal(np.asarray(plain(form, f, cls.__name__), dtype=float), expected)
        np.testing.assert_array_equal(np.asarray(in_units(form, f, cls.__name__), dtype=float), expected)


def field(name: str, problem: str = "multi-server-offloading") -> tuple[dataclasses.Field[Any], str]:
    cls = problems()[problem]
    return next(f for f in declared(cls) if f.name == name), cls.__name__


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("channel_gain", [["-90 dB", 1e-9]], r"channel_gain\[0, 1\] is 1e-09, a number without a unit, beside '-90 dB'"),
        ("max_power", ["23 dBm", 0.1], r"max_power\[1\] is 0\.1, a number without a unit"),
        ("max_power", "23", "text and no number; write 23, or '23 W'"),
        ("max_power", "1,5 W", "with a point"),
        ("max_power", "1 500 mW", "without separators"),
        ("max_power", "-10 dB", r"-10 dBm is 0\.0001 W, -10 dBW is 0\.1 W"),
        ("data_size", {"value": [[420.0, 30.0]], "unit": "KB"}, "420 kB is 3360000 bit.*420 KiB is 3440640 bit"),
        ("data_size", "3 dB", "decibels make no sense of data_size"),
        ("weight", "3 dB", "weight is no ratio of powers"),
        ("channel_gain", [["-90 dBm"]], "ratio of powers; write 'dB'"),
        ("noise_power", "-174 dBm/Hz", "over 1 MHz -174 dBm/Hz are '-114 dBm'"),
        ("noise_power", "4e-21 W/Hz", r"multiply by the bandwidth and write 'W': over 1 MHz 4e-21 W/Hz are .* 4e-15 W"),
        ("max_power", {"value": [math.inf], "unit": "dBm"}, "no finite number"),
        ("max_power", {"value": -math.inf, "unit": "dBm"}, "no finite number"),
        ("deadline", "1e400 s", "no float can hold"),
        ("deadline", {"value": 1e308, "unit": "h"}, "no finite number"),
        ("least_speed", {"value": [True], "unit": "GHz"}, None),
        ("max_power", {"value": 1}, "exactly 'value' and 'unit'"),
        ("max_power", {"value": 1, "unit": None}, "unknown unit 'None'"),
    ],
)
def test_a_value_that_is_no_number_of_the_field_is_refused(name: str, value: Any, said: str | None) -> None:
    f, owner = field(name)
    if said is None:  # stays as it is, for the field to refuse
        assert np.asarray(plain(value, f, owner)).tolist() == [True]
        return
    with pytest.raises(InstanceError, match=said):
        plain(value, f, owner)


def test_a_limit_that_is_missing_stands_beside_numbers_with_units() -> None:
    f, owner = field("deadline")
    assert plain(["20 ms", None, "inf"], f, owner).tolist() == [0.02, None, math.inf]


def test_power_and_density_are_not_taken_for_each_other() -> None:
    f, owner = field("noise_density", "bandwidth-power")
    with pytest.raises(InstanceError, match=r"power per hertz.*'dBm/Hz'"):
        plain("-104 dBm", f, owner)
    f, owner = field("energy_budget", "bandwidth-power")
    with pytest.raises(InstanceError, match="decibels make no sense of energy_budget"):
        plain("-104 dBm/Hz", f, owner)
