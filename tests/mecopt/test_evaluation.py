"""Claims judged by intervals: what holds, what fails, and that scatter alone never refutes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mecopt.contract.errors import InstanceError, UnknownName
from mecopt.evaluation.claims import Claim
from mecopt.evaluation.figures import Across, Curve, Of, Scatter, Stated
from mecopt.evaluation.intervals import Interval, NoNumber, Values, interval, paired, standard_error
from mecopt.evaluation.measurements import Measurements, Row
from mecopt.evaluation.moments import Reached, Settled
from mecopt.evaluation.rules import (
    NotMeasured,
    Provided,
    Rule,
    about,
    around,
    at_most,
    every,
    falls,
    known,
    more,
    on_scales,
    ordered,
    proved_more,
    reaches,
    rises,
    same,
    settled_by,
)
from mecopt.evaluation.tables import Pivot


def measured(**figures: Sequence[float] | float) -> Measurements:
    """Return a table of the quantity R: per method a value for every seed, or one that is not random."""
    rows = []
    for method, values in figures.items():
        if isinstance(values, float):
            rows.append(Row("R", values, method))
        else:
            rows += [Row("R", value, method, seed=seed) for seed, value in enumerate(values)]
    return Measurements(tuple(rows))


def curve(*seeds: Sequence[float]) -> Measurements:
    return Measurements(
        tuple(Row("R", value, seed=seed, x=float(x)) for seed, values in enumerate(seeds) for x, value in enumerate(values))
    )


def verdict(rule: Rule, **figures: Sequence[float] | float) -> str:
    return rule.judge(measured(**figures)).verdict


A, B = Of("R", "a"), Of("R", "b")
numbers = st.lists(st.floats(-100.0, 100.0), min_size=2, max_size=6)


# ---------------------------------------------------------------------- intervals


@given(numbers)
def test_the_interval_is_students(values: list[float]) -> None:
    found = interval(dict(enumerate(values)))
    known = stats.ttest_1samp(values, 0.0).confidence_interval(0.95) if np.std(values) > 1e-6 else None
    if known is not None:
        assert found.low == pytest.approx(known.low, rel=1e-9, abs=1e-9)
        assert found.high == pytest.approx(known.high, rel=1e-9, abs=1e-9)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    drawn = np.random.default_rng(0).normal(3.0, 2.0, (4000, 5))
    covered = [(one := interval(dict(enumerate(row)))).low <= 3.0 <= one.high for row in drawn.tolist()]
    assert abs(np.mean(covered) - 0.95) < 5.0 * math.sqrt(0.95 * 0.05 / 4000)


def test_one_seed_tells_nothing_and_what_is_not_random_tells_all() -> None:
    alone, sure = interval({0: 1.0}), interval({None: 1.0})
    assert (alone.low, alone.high) == (-math.inf, math.inf)
    assert (sure.low, sure.high) == (1.0, 1.0)
    with pytest.raises(InstanceError, match="both of seeds and not random"):
        interval({None: 1.0, 0: 2.0})
    with pytest.raises(InstanceError, match="no values"):
        interval({})
    with pytest.raises(NoNumber, match="nan"):
        interval({0: 1.0, 1: math.nan})


def test_values_that_are_the_same_have_an_interval_of_one_point_to_the_last_digit() -> None:
    for count in (2, 3, 7):
        found = interval(dict.fromkeys(range(count), 0.1))
        assert (found.low, found.middle, found.high) == (0.1, 0.1, 0.1)
    assert verdict(at_most(A, 0.1), a=[0.1, 0.1, 0.1]) == "holds"


@pytest.mark.parametrize("scale", [1e-15, 1e-9, 1.0, 1e6])
@pytest.mark.parametrize("spread", [0.0, 1e-3, 1.0])
def test_an_interval_is_told_in_digits_that_tell_it(scale: float, spread: float) -> None:
    found = interval({k: scale * (3.0 + spread * k) for k in range(4)})
    words = str(found).replace(",", "").split()  # "middle, 95 % interval low to high (4 seeds)"
    middle, low, high = (float(words[k]) for k in (0, 4, 6))
    width = found.high - found.low
    for told, value in ((middle, found.middle), (low, found.low), (high, found.high)):
        assert told == pytest.approx(value, abs=max(0.1 * width, 1e-3 * abs(value) if width == 0.0 else 0.0), rel=1e-12)


def test_an_interval_of_what_may_never_happen_holds_the_median_as_often_as_it_says() -> None:
    """Exponential times that never come with probability 0.3: the median of all is -ln(1 - 0.5 / 0.7)."""
    rng, median = np.random.default_rng(3), -math.log(1.0 - 0.5 / 0.7)
    for count in (2, 5, 6, 9, 20):
        times = np.where(rng.random((2000, count)) < 0.3, math.inf, rng.exponential(size=(2000, count)))
        found = [interval(dict(enumerate(row))) for row in times.tolist() if not np.isfinite(row).all()]
        assert {one.of for one in found if one.low < one.high} == {"median"}
        apart = [one for one in found if one.low < one.high]
        missed = np.mean([not one.low <= median <= one.high for one in apart])
        assert missed <= 0.05 + 5.0 * math.sqrt(0.05 * 0.95 / len(apart)), count
        if count < 6:
            assert all((one.low, one.high) == (-math.inf, math.inf) for one in apart)


def test_a_single_repetition_that_never_came_refutes_nothing() -> None:
    assert verdict(at_most(A, 1.0), a=[2.0, math.inf]) == "cannot tell"
    assert verdict(at_most(A, 1.0), a=[2.0, 3.0, 2.5, 4.0, 2.2, math.inf]) == "fails"
    assert verdict(reaches(A, 1.0), a=[2.0, 3.0, 2.5, 4.0, 2.2, math.inf]) == "holds"


def test_figures_are_paired_by_seed_only() -> None:
    assert paired({0: 1.0, 1: 2.0}, {1: 5.0, 0: 4.0}, "a and b") == [(0, 1.0, 4.0), (1, 2.0, 5.0)]
    assert paired({0: 1.0, 1: 2.0}, {None: 5.0}, "a and b") == [(0, 1.0, 5.0), (1, 2.0, 5.0)]
    with pytest.raises(InstanceError, match="a and b were measured with different seeds, of which 1 is of one only"):
        paired({0: 1.0, 1: 2.0}, {0: 5.0}, "a and b")
    both: Values = {None: 1.0, 0: 2.0}
    one: Values = {0: 5.0}
    for first, second in ((both, one), (one, both)):
        with pytest.raises(InstanceError, match="both of seeds and not random"):
            paired(first, second, "a and b")


def test_a_single_value_and_an_infinite_one_have_no_standard_error() -> None:
    assert math.isnan(standard_error([1.0]))
    assert math.isnan(standard_error([1.0, math.inf]))
    assert standard_error([1.0, 3.0]) == pytest.approx(1.0)


# ---------------------------------------------------------------------- rules


def test_a_difference_that_luck_shares_is_seen_through_its_scatter() -> None:
    luck = [0.0, 10.0, -20.0, 5.0]
    assert verdict(more(A, B), a=[1.0 + x for x in luck], b=[0.9 + 0.999 * x for x in luck]) == "holds"


@pytest.mark.parametrize(
    ("rule", "a", "b", "expected"),
    [
        (more(A, B), [3.0, 3.1, 3.2], [1.0, 1.1, 1.3], "holds"),
        (more(A, B), [1.0, 1.1, 1.3], [3.0, 3.1, 3.2], "fails"),
        (more(A, B), [3.0, 1.0, 2.0], [2.0, 2.1, 1.9], "cannot tell"),
        (more(A, B), [3.0], [1.0], "cannot tell"),
        (more(A, B), 3.0, 1.0, "holds"),
        (more(A, B), 1.0, 1.0, "fails"),
        (more(A, B), [1.0, 2.0], [1.0, 2.0], "cannot tell"),
        (same(A, B, margin=0.5), [1.0, 1.1, 1.2], [1.1, 1.1, 1.3], "holds"),
        (same(A, B, margin=0.5), [1.0, 1.1, 1.2], [2.1, 2.1, 2.3], "fails"),
        (same(A, B, margin=0.5), [1.0, 2.1, 0.2], [2.1, 1.1, 1.3], "cannot tell"),
        (about(A / B, 1.5, factor=1.2), [1.5, 3.1, 4.5], [1.0, 2.0, 3.0], "holds"),
        (about(A / B, 1.5, factor=1.2, better="more"), [3.0, 6.1, 9.1], [1.0, 2.0, 3.0], "exceeded"),
        (about(A / B, 1.5, factor=1.2, better="less"), [3.0, 6.1, 9.1], [1.0, 2.0, 3.0], "fails"),
        (about(A / B, 1.5, factor=1.2), [3.0, 6.1, 9.1], [1.0, 2.0, 3.0], "fails"),
        (about(A / B, 1.5, factor=1.2, better="more"), [1.6, 3.8, 5.7], [1.0, 2.0, 3.0], "holds"),
        (around(A, 0.9, margin=0.05), [0.5, 1.2, 0.8], 0.0, "cannot tell"),
        (at_most(A, 1.0), [0.5, 0.6, 0.7], 0.0, "holds"),
        (at_most(A, 1.0), [1.5, 1.6, 1.7], 0.0, "fails"),
        (at_most(A, 1.0), [0.5, 1.6, 1.7], 0.0, "cannot tell"),
        (reaches(A, 1.0), [1.5, 1.6, 1.7], 0.0, "holds"),
        (reaches(A, 1.0), [0.5, 0.6, 0.7], 0.0, "fails"),
        (every(more(A, B), at_most(A, 10.0)), [3.0, 3.1, 3.2], [1.0, 1.1, 1.2], "holds"),
        (every(more(A, B), at_most(A, 2.0)), [3.0, 3.1, 3.2], [1.0, 1.1, 1.2], "fails"),
        (every(more(A, B), at_most(A, 3.1)), [3.0, 3.1, 3.2], [1.0, 1.1, 1.2], "cannot tell"),
        (ordered(A, B, Stated(0.0)), [3.0, 3.1, 3.2], [1.0, 1.1, 1.2], "holds"),
    ],
)
def test_rules_say_what_the_interval_says(rule: Rule, a: Sequence[float], b: Sequence[float], expected: str) -> None:
    assert verdict(rule, a=a, b=b) == expected


def test_what_never_happens_is_later_than_what_does() -> None:
    found = measured(never=[math.inf] * 6, once=[5.0, 6.0, 5.5, 6.5, 5.0, 6.0])
    never, once = Of("R", "never"), Of("R", "once")
    assert (never - once).values(found) == dict.fromkeys(range(6), math.inf)
    assert more(never, once).judge(found).verdict == "holds"
    assert more(once, never).judge(found).verdict == "fails"
    assert more(never, never).judge(found).verdict == "cannot tell"
    few = measured(never=[math.inf] * 5, once=[5.0, 6.0, 5.5, 6.5, 5.0])
    assert more(never, once).judge(few).verdict == "cannot tell", "so would a coin fall in 1 of 16 cases"


@pytest.mark.parametrize("size", [1e-308, 1e-160, 1.0, 1e160, 1e306])
def test_an_interval_is_of_any_size(size: float) -> None:
    there, unit = interval({0: 0.3 * size, 1: 0.7 * size}), interval({0: 0.3, 1: 0.7})
    for name in ("middle", "low", "high"):
        assert getattr(there, name) / size == pytest.approx(getattr(unit, name), rel=1e-12)


@given(numbers, st.data())
def test_more_holds_one_way_exactly_where_it_fails_the_other(values: list[float], data: st.DataObject) -> None:
    others = data.draw(st.lists(st.floats(-100.0, 100.0), min_size=len(values), max_size=len(values)))
    there, back = verdict(more(A, B), a=values, b=others), verdict(more(B, A), a=values, b=others)
    if np.allclose(values, others, rtol=1e-12, atol=0.0):
        assert there == back == "cannot tell"
    else:
        assert {there, back} in ({"holds", "fails"}, {"cannot tell"})


@given(numbers, st.floats(-100.0, 100.0), st.floats(0.1, 10.0))
def test_an_interval_that_meets_what_is_stated_refutes_nothing(values: list[float], stated: float, margin: float) -> None:
    inside = interval(dict(enumerate(values)))
    if inside.low <= stated <= inside.high:
        for rule in (around(A, stated, margin=margin), at_most(A, stated), reaches(A, stated)):
            assert verdict(rule, a=values) != "fails"


def test_where_two_methods_are_equal_few_studies_say_otherwise() -> None:
    drawn = np.random.default_rng(1).normal(0.0, 1.0, (2000, 2, 5)).tolist()
    said = [verdict(more(A, B), a=a, b=b) for a, b in drawn]
    for word in ("holds", "fails"):
        assert said.count(word) / 2000 < 0.025 + 5.0 * math.sqrt(0.025 * 0.975 / 2000)


def test_parts_of_a_sentence_divide_the_risk() -> None:
    drawn = np.random.default_rng(2).normal(0.0, 1.0, (500, 2, 4)).tolist()
    rule = every(*[at_most(A, 0.0)] * 8)
    said = [verdict(rule, a=a, b=b) for a, b in drawn]
    alone = [verdict(at_most(A, 0.0), a=a, b=b) for a, b in drawn]
    assert said.count("fails") < alone.count("fails")


def test_what_differs_by_rounding_is_the_same() -> None:
    a, b = [0.1 + 0.2, 0.7 + 0.1], [0.3, 0.8]
    assert a != b
    assert verdict(more(A, B), a=a, b=b) == verdict(more(B, A), a=a, b=b) == "cannot tell"
    rounded = curve([0.3, 0.1 + 0.2, 0.3], [0.3, 0.3, 0.1 + 0.2])
    assert (rises(R).judge(rounded).verdict, falls(R).judge(rounded).verdict) == ("cannot tell", "cannot tell")


@pytest.mark.parametrize(
    ("a", "condition", "doubt", "expected"),
    [
        (3.0, 1.0, 0.0, "holds"),
        (1.0, 1.0, 0.0, "fails"),
        (3.0, -1.0, 0.0, "cannot tell"),
        (3.0, 1.0, 2.0, "cannot tell"),
        (1.0, -1.0, 0.0, "cannot tell"),
    ],
)
def test_a_rule_is_asked_where_its_condition_holds_and_nothing_is_in_doubt(
    a: float, condition: float, doubt: float, expected: str
) -> None:
    asked = Provided(more(A, known(2.0)), more(Of("R", "c"), known(0.0)), more(Of("R", "d"), known(1.0)), words="this")
    answer = asked.judge(measured(a=a, c=condition, d=doubt))
    assert answer.verdict == expected
    assert ("this is" in answer.evidence) is (expected == "cannot tell")


@pytest.mark.parametrize(
    ("greater", "smaller", "expected"),
    [
        ((2.0, 3.0), (0.5, 1.5), "holds"),
        ((1.0, 3.0), (0.5, 1.5), "cannot tell"),
        ((0.5, 1.5), (1.0, 3.0), "cannot tell"),
        ((1.0, 2.0), (1.0, 2.0), "cannot tell"),
        ((0.5, 1.5), (2.0, 3.0), "fails"),
        ((1.0, 1.0), (1.0, 1.0), "fails"),
    ],
)
def test_brackets_that_overlap_prove_nothing(
    greater: tuple[float, float], smaller: tuple[float, float], expected: str
) -> None:
    names = ("a", "b", "c", "d")
    rule = proved_more((Of("R", "a"), Of("R", "b")), (Of("R", "c"), Of("R", "d")))
    assert verdict(rule, **dict(zip(names, (*greater, *smaller), strict=True))) == expected


def test_rules_without_sense_are_refused() -> None:
    with pytest.raises(InstanceError, match="a positive margin"):
        same(A, B, margin=0.0)
    with pytest.raises(InstanceError, match="a margin of at least 0"):
        around(A, 1.0, margin=-0.1)
    with pytest.raises(InstanceError, match="two numbers in order"):
        at_most(A, math.nan)
    with pytest.raises(InstanceError, match="at least 2 blocks"):
        Settled(R, 0.1, 1)
    with pytest.raises(InstanceError, match="a positive number"):
        Settled(R, 0.0, 10)
    for part in (0.0, 1.5):
        with pytest.raises(InstanceError, match="more than 0, at most 1"):
            R.late(part)
    with pytest.raises(InstanceError, match="factor > 1"):
        about(A, 1.0, factor=1.0)
    with pytest.raises(InstanceError, match="at least one rule"):
        every()


# ---------------------------------------------------------------------- curves

R = Curve("R")


@pytest.mark.parametrize(
    ("seeds", "rising", "falling"),
    [
        (([1.0, 2.0, 3.0], [1.1, 2.1, 3.2]), "holds", "fails"),
        (([1.0, 4.0, 3.0], [1.1, 4.1, 3.2], [1.0, 4.0, 3.1]), "fails", "fails"),
        (([1.0, 9.0, 3.0], [1.1, 1.0, 3.2], [1.0, 2.0, 3.1]), "holds", "fails"),
        (([1.0, 2.0, 3.0], [3.0, 2.0, 1.0]), "cannot tell", "cannot tell"),
        (([1.0, 2.0, 3.0],), "cannot tell", "cannot tell"),
        # A step of t = 5 against the trend among six: too little to refute it at a divided risk, too much to hold.
        (tuple([0.0, 9.0, 9.0 - d, 20.0, 30.0, 40.0, 50.0] for d in (0.01, 0.03, 0.05, 0.07, 0.09)), "cannot tell", "fails"),
    ],
)
def test_a_trend_is_of_ends_and_of_no_step_back(seeds: Sequence[list[float]], rising: str, falling: str) -> None:
    found = curve(*seeds)
    assert (rises(R).judge(found).verdict, falls(R).judge(found).verdict) == (rising, falling)


def test_a_curve_settles_where_it_enters_its_end_for_good() -> None:
    steps = curve([0.0] * 40 + [1.0] * 60, [0.0] * 50 + [1.0] * 50)
    assert Settled(R, 0.1, 10).values(steps) == {0: 40.0, 1: 50.0}
    again = curve([1.0] * 40 + [0.0] * 20 + [1.0] * 40)
    assert Settled(R, 0.1, 10).values(again) == {0: 60.0}
    rising = curve(list(np.linspace(0.0, 1.0, 100)))
    for blocks in (2, 3, 4, 5, 10):
        assert Settled(R, 0.05, blocks).values(rising) == {0: math.inf}, "no curve ends near an end that is its last block"
    flat = curve([5.0] * 100)
    with pytest.raises(NoNumber, match="near from the beginning with seed 0"):
        Settled(R, 0.5, 10, relative=True).values(flat)
    assert Settled(R, 0.5, 10, relative=True, already=True).values(flat) == {0: 0.0}


def test_what_differs_by_less_than_the_grid_cannot_be_told() -> None:
    a, b = Curve("R", "a"), Curve("R", "b")
    rows = [
        Row("R", float(x >= (50 if method == "a" else later)), method, seed=seed, x=float(x))
        for later in (55,)
        for method in "ab"
        for seed in range(3)
        for x in range(100)
    ]
    found = Measurements(tuple(rows))
    for blocks, expected in ((10, "cannot tell"), (50, "holds")):
        first, other = (Settled(one, 0.1, blocks) for one in (a, b))
        assert more(other, first).judge(found).verdict == expected
    assert more(Reached(b, Stated(1.0), 1), Reached(a, Stated(1.0), 1)).judge(found).verdict == "holds"


def test_settling_earlier_is_exceeding_and_never_is_failing() -> None:
    early, late = curve(*[[0.0] * 10 + [1.0] * 90] * 3), curve(*[[0.0] * 60 + [1.0] * 40] * 3)
    never = curve(*[list(np.linspace(0.0, 1.0, 100))] * 6)
    rule = settled_by(R, 40.0, tolerance=0.1, blocks=10, factor=1.2)
    assert [rule.judge(found).verdict for found in (early, late, never)] == ["exceeded", "fails", "fails"]
    some = curve([0.0] * 40 + [1.0] * 60, list(np.linspace(0.0, 1.0, 100)))
    assert rule.judge(some).verdict == "cannot tell"


def test_the_end_of_a_curve_is_its_last_part() -> None:
    assert R.late(0.3).values(curve([0.0] * 7 + [1.0, 2.0, 3.0])) == {0: 2.0}


def test_a_part_of_a_curve_begins_after_one_x_and_ends_with_another() -> None:
    found = curve([0.0, 1.0, 4.0, 9.0, 16.0], [0.0, 2.0, 8.0, 18.0, 32.0])
    part = R.between(1.0, 3.0)
    assert part.points(found)[1].tolist() == [2.0, 3.0]
    assert part.mean().values(found) == {0: 6.5, 1: 13.0}
    assert (R.mean() * Stated(2.0)).values(found) == {0: 12.0, 1: 24.0}
    assert str(part.mean()) == "mean R from 1 to 3"
    with pytest.raises(InstanceError, match="R from 5 to 6 was measured nowhere; it was from 0 to 4"):
        R.between(5.0, 6.0).mean().values(found)


def test_a_level_is_reached_with_the_first_window_whose_mean_is_there() -> None:
    found = curve([0.0] * 10 + [1.0] * 20, [0.0] * 20 + [1.0] * 10)
    assert Reached(R, Stated(1.0), 5).values(found) == {0: 14.0, 1: 24.0}
    assert Reached(R, Stated(0.2), 5).values(found) == {0: 10.0, 1: 20.0}, "a fifth of a window is there"
    assert Reached(R, Stated(1.1), 5).values(found) == {0: math.inf, 1: math.inf}
    with pytest.raises(NoNumber, match="begins there with seed 0"):
        Reached(R, Stated(0.0), 5, falling=True).values(found)
    assert Reached(R, R.late() - Stated(0.5), 1).values(found) == {0: 10.0, 1: 20.0}
    assert Reached(R.between(9.0, 29.0), Stated(1.0), 2, already=True).values(found) == {0: 11.0, 1: 21.0}
    with pytest.raises(InstanceError, match="has 30 points; allowed: at least 31, one window"):
        Reached(R, Stated(1.0), 31).values(found)
    with pytest.raises(InstanceError, match="means over 0 points"):
        Reached(R, Stated(1.0), 0)


def test_cells_say_how_often_something_never_happened() -> None:
    shown = Pivot("T", "", "", {"a": {"x": A}}, "{:.0f}")
    for values, cell in (
        ([3.0, 5.0, math.inf], "5, never in 1 of 3"),
        ([3.0, math.inf, math.inf], "never in 2 of 3"),
        ([math.inf, math.inf], "never"),
        ([3.0, 5.0], "4 ± 1"),
    ):
        assert shown.table(measured(a=values)).rows == [["a", cell]]


def test_scatter_is_of_the_last_part_and_blind_to_the_level() -> None:
    found = curve([9.0] * 7 + [1.0, 2.0, 3.0], [0.0] * 7 + [11.0, 12.0, 13.0])
    assert Scatter(R, 0.3).values(found) == {0: 1.0, 1: 1.0}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((Row("R", 1.0, seed=0, x=0.0), Row("R", 1.0, seed=1, x=1.0)), "other x with seed 1 than with seed 0"),
        ((Row("R", 1.0, seed=0, x=0.0),), "measured at 1 points; allowed: at least 2"),
    ],
)
def test_curves_that_are_none_are_refused(rows: tuple[Row, ...], message: str) -> None:
    with pytest.raises(InstanceError, match=message):
        R.points(Measurements(rows))


def test_a_curve_across_settings_is_the_curve_of_one_setting_with_the_same_figures() -> None:
    values = {1.0: (1.0, 1.1), 2.0: (2.0, 2.2), 4.0: (3.0, 3.1)}
    one = [Row("R", value, setting="s", seed=seed, x=x) for x, each in values.items() for seed, value in enumerate(each)]
    each = [Row("R", value, setting=f"{x:g}", seed=seed) for x, each in values.items() for seed, value in enumerate(each)]
    found = Measurements((*one, *each))
    across, along = Across("R", "", "s", {4.0: "4", 1.0: "1", 2.0: "2"}), Curve("R", "", "s")
    assert across.points(found)[0] == along.points(found)[0]
    assert all((a == b).all() for a, b in zip(across.points(found)[1:], along.points(found)[1:], strict=True))
    assert rises(across).judge(found) == rises(along).judge(found)


def test_a_curve_across_settings_needs_two_and_the_same_seeds() -> None:
    found = Measurements((Row("R", 1.0, setting="a", seed=0), Row("R", 1.0, setting="b", seed=1)))
    with pytest.raises(InstanceError, match="across 1 settings; allowed: at least 2"):
        Across("R", "", "s", {1.0: "a"}).points(found)
    with pytest.raises(InstanceError, match="with other seeds at 2 than at 1"):
        Across("R", "", "s", {1.0: "a", 2.0: "b"}).points(found)


def test_a_narrow_interval_is_told_in_ten_digits_at_most() -> None:
    assert str(Interval(1.0, 1.0 - 1e-16, 1.0, 6)) == "1, 95 % interval 1 to 1 (6 seeds)"
    assert str(Interval(3e-10, 2.9e-10, 3.1e-10, 6)) == "3.00e-10, 95 % interval 2.90e-10 to 3.10e-10 (6 seeds)"


# ---------------------------------------------------------------------- claims


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [(1.0, 2.0, "holds"), (4.0, 5.0, "fails"), (1.0, 5.0, "depends on the reading")],
)
def test_readings_that_contradict_one_another_decide_themselves(first: float, second: float, expected: str) -> None:
    claim = Claim("figure 1", "at most 3", {"this way": at_most(A, 3.0), "that way": at_most(B, 3.0)})
    answer = claim.judge(measured(a=first, b=second))
    assert answer.verdict == expected
    assert "this way: R of a: 1" in answer.evidence or first != 1.0


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ("holds, cannot tell", "cannot tell"),
        ("fails, cannot tell", "cannot tell"),
        ("exceeded, cannot tell", "cannot tell"),
        ("exceeded, fails", "depends on the reading"),
        ("holds, cannot tell, fails", "depends on the reading"),
        ("exceeded, exceeded", "exceeded"),
    ],
)
def test_only_clear_readings_contradict_one_another(verdicts: str, expected: str) -> None:
    figures = {"holds": [1.0, 1.01], "exceeded": [3.0, 3.01], "fails": [-1.0, -1.01], "cannot tell": [0.0, 2.0]}
    words = verdicts.split(", ")
    readings = {str(k): around(Of("R", str(k)), 1.0, margin=0.5, better="more") for k in range(len(words))}
    found = measured(**{str(k): figures[word] for k, word in enumerate(words)})
    assert Claim("", "", readings).judge(found).verdict == expected
    scales = on_scales(readings).judge(found)
    assert scales.verdict == ("cannot tell" if expected == "depends on the reading" else expected)
    assert scales.evidence.count("R of ") == len(words)


def test_of_many_readings_each_verdict_is_told_once_in_figures_and_what_differs_by_name() -> None:
    values = {"one": 1.0, "two": 1.1, "three": 5.0, "four": 1.2, "five": 1.3, "six": 6.0, "seven": 1.4}
    answer = Claim("", "", {name: at_most(Of("R", name), 3.0) for name in values}).judge(measured(**values))
    assert answer.verdict == "depends on the reading"
    assert answer.evidence == (
        "holds by 5 of 7 readings, so by one: R of one: 1\nfails by 2 of 7 readings, so by three: R of three: 5; also by six"
    )
    fewer = {name: at_most(Of("R", name), 3.0) for name in list(values)[:6]}
    assert Claim("", "", fewer).judge(measured(**values)).evidence.count("R of ") == 6


@pytest.mark.parametrize(
    ("verdicts", "lead"),
    [
        ("fails, cannot tell, fails", "fails by 2, cannot tell by 1 of 3 readings; no reading holds\n"),
        ("holds, cannot tell", "holds by 1, cannot tell by 1 of 2 readings\n"),
        ("fails, cannot tell, fails, fails, fails, fails, fails", "no reading holds\nfails by 6 of 7 readings, so by 0: "),
        ("cannot tell, cannot tell", "0: R of 0"),
        ("fails, fails", "0: R of 0"),
    ],
)
def test_where_nobody_can_tell_but_some_readings_fail_it_is_said_that_none_holds(verdicts: str, lead: str) -> None:
    words = verdicts.split(", ")
    at = {"holds": [1.0, 1.001], "fails": [5.0, 5.001], "cannot tell": [0.0, 4.0]}
    rows = [Row("R", value, str(k), seed=seed) for k, word in enumerate(words) for seed, value in enumerate(at[word])]
    readings = {str(k): around(Of("R", str(k)), 1.0, margin=0.5) for k in range(len(words))}
    answer = Claim("", "", readings).judge(Measurements(tuple(rows)))
    assert answer.evidence.startswith(lead)


@pytest.mark.parametrize(
    ("others", "lead"),
    [
        ([5.0, 6.0], "fails by 2, cannot tell by 1 of 3 readings; fails by 2 of 2 readings that were measured\n"),
        ([1.0, 1.1], "holds by 2, cannot tell by 1 of 3 readings; holds by 2 of 2 readings that were measured\n"),
        ([5.0, 1.0], "fails by 1, holds by 1, cannot tell by 1 of 3 readings\n"),
    ],
)
def test_a_reading_of_which_nothing_was_measured_leaves_open_what_the_others_say(others: list[float], lead: str) -> None:
    names = [str(k) for k in range(len(others))]
    readings: dict[str, Rule] = {name: at_most(Of("R", name), 3.0) for name in names}
    readings["elsewhere"] = NotMeasured("nobody was there")
    answer = Claim("", "", readings).judge(measured(**dict(zip(names, others, strict=True))))
    assert answer.verdict == ("cannot tell" if "measured" in lead else "depends on the reading")
    assert answer.evidence.startswith(lead)
    assert answer.evidence.endswith("elsewhere: not measured: nobody was there (cannot tell)")
    alone = Claim("", "", NotMeasured("nobody was there")).judge(measured(a=1.0))
    assert (alone.verdict, alone.evidence) == ("cannot tell", "not measured: nobody was there")


def test_one_scale_is_none() -> None:
    with pytest.raises(InstanceError, match="on 1 scale; allowed: at least two"):
        on_scales({"alone": at_most(A, 1.0)})


def test_holding_by_one_reading_and_exceeding_by_another_is_holding() -> None:
    readings = {"near": around(A, 1.0, margin=0.1), "far": around(A, 0.5, margin=0.1, better="more")}
    assert Claim("", "", readings).judge(measured(a=1.0)).verdict == "holds"


def test_a_claim_has_readings_or_a_reason_why_not() -> None:
    silent = Claim("section 4", "best", {}, untestable="no figure is given")
    assert (silent.judged(measured()).verdict, silent.judged(measured()).evidence) == (
        "cannot be tested",
        "no figure is given",
    )
    with pytest.raises(InstanceError, match="needs either readings or a reason"):
        Claim("section 4", "best", {})


def test_a_rule_that_was_changed_says_so() -> None:
    claim = Claim("", "", at_most(A, 3.0), revised="factor widened")
    assert "rule revised after seeing data: factor widened" in claim.judged(measured(a=1.0)).evidence


# ---------------------------------------------------------------------- measurements


def test_a_figure_is_said_once_and_is_a_number() -> None:
    with pytest.raises(InstanceError, match="row 1 of the measurements says quantity 'R', method 'a', seed 0 once more"):
        Measurements((Row("R", 1.0, "a", seed=0), Row("R", 2.0, "a", seed=0)))
    with pytest.raises(InstanceError, match=r"row 0 of the measurements, quantity 'R', x 2, is nan"):
        Measurements((Row("R", math.nan, x=2.0),))
    with pytest.raises(InstanceError, match="is at no x"):
        Measurements((Row("R", 1.0, x=math.nan),))


@pytest.mark.parametrize(
    ("figure", "message"),
    [
        (Of("Q"), "measured quantity"),
        (Of("R", "c"), "method of which 'R' was measured"),
        (Of("R", "a", "other"), "setting in which"),
    ],
)
def test_what_was_not_measured_is_named(figure: Of, message: str) -> None:
    with pytest.raises(UnknownName, match=message):
        figure.values(measured(a=1.0))
    with pytest.raises(InstanceError, match="R of a at 3 was not measured at 3 with seed None"):
        Of("R", "a", x=3.0).values(measured(a=1.0))


def test_what_is_no_number_cannot_be_told_and_says_why() -> None:
    never = [math.inf, math.inf]
    with pytest.raises(NoNumber, match="R of a over R of b is 0 over 0 with seed 0, which is no number"):
        (A / B).values(measured(a=[0.0], b=[0.0]))
    answer = every(reaches(A / B, 1.0), reaches(A, 100.0)).judge(measured(a=[1.0, 0.0], b=[1.0, 0.0]))
    assert answer.verdict == "fails", "the other part of the sentence can be told"
    assert "0 over 0 with seed 1" in answer.evidence
    for rule in (more(A, B), reaches(A / B, 1.0)):
        found = rule.judge(measured(a=never, b=never))
        assert found.verdict == "cannot tell"
        assert "inf" in found.evidence
    assert rises(R).judge(curve([math.inf, math.inf], [math.inf, math.inf])).verdict == "cannot tell"
    assert Pivot("T", "", "", {"a": {"ratio": A / B}}).table(measured(a=[0.0], b=[0.0])).rows == [["a", "-"]]
    assert (A / B).values(measured(a=[-1.0], b=[0.0])) == {0: -math.inf}
