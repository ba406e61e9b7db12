"""Decisions that are quantities: what is admissible, drawn, shown, and refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mecopt import InstanceError
from mecopt.contract.decision import SKIP, Interval

SPACE = Interval(np.array([[60.0, 40.0], [10.0, 0.0]]), "nJ", "keeps")


def test_drawn_quantities_lie_below_the_most_of_their_user_and_some_skip() -> None:
    drawn = SPACE.sample(np.random.default_rng(0), (2, 500))
    kept = np.where(drawn == SKIP, 0.0, drawn)
    assert drawn.shape == (2, 500, 2)
    assert (kept >= 0.0).all()
    assert (kept <= SPACE.most[:, None]).all()
    assert kept[0, :, 0].max() > 55.0
    assert 0.2 < (drawn == SKIP).mean() < 0.3
    assert SPACE.contains(drawn).all()


def test_a_shape_without_the_batch_takes_the_largest_most() -> None:
    drawn = SPACE.sample(np.random.default_rng(0), (500,))
    assert drawn.shape == (500, 2)
    assert drawn[:, 0].max() > 50.0
    assert (drawn[:, 1] <= 40.0).all()


@pytest.mark.parametrize(
    ("decision", "text"),
    [
        ([[1.0, -2.0]] * 2, r"decision\[0, 1\] is -2.0; allowed: a finite number >= 0 in nJ, or -1 to skip"),
        ([[np.nan, 1.0]] * 2, r"decision\[0, 0\] is nan"),
        ([[1.0, np.inf]] * 2, r"decision\[0, 1\] is inf"),
        ([[1.0, 2.0, 3.0]] * 2, r"allowed: 2 entries on the last axis, one per user"),
        ([["a", "b"]] * 2, r"decision is of type"),
        ([[1.0], [1.0, 2.0]], r"decision is no rectangular array"),
    ],
)
def test_what_is_no_quantity_is_named(decision: Any, text: str) -> None:
    with pytest.raises(InstanceError, match=text):
        SPACE.validate(decision, (2,))


def test_more_than_the_most_can_be_told_and_whole_numbers_are_taken() -> None:
    held = SPACE.validate([[61, -1], [3, 0]], (2,))
    assert held.dtype == float
    assert held.tolist() == [[61.0, -1.0], [3.0, 0.0]]


def test_decisions_that_are_held_are_admitted_without_a_copy() -> None:
    held = SPACE.sample(np.random.default_rng(0), (2, 5))
    assert SPACE.admitted(held, (2,)) is held
    for wrong in (np.nan, -0.5, np.inf):
        with pytest.raises(InstanceError, match=r"decision\[1, 3, 0\] is"):
            SPACE.admitted(np.where(np.arange(20).reshape(2, 5, 2) == 16, wrong, held), (2,))


def test_words_for_readers() -> None:
    assert SPACE.shown(np.array(12.5)) == "keeps 12.5 nJ"
    assert SPACE.shown(np.array(-1.0)) == "skips"
    assert SPACE.told(np.array([12.5, -1.0])) == "keeps 12.5 nJ: user 0; skips: 1"
    assert SPACE.told(np.array([[12.5, -1.0], [2.5, 3.0]])) == (
        "25 % of the users skip; who does not, keeps 6 nJ on average"
    )
    assert SPACE.told(np.full((2, 2), SKIP)) == "all users skip"
    assert SPACE.told(np.arange(2.0)) == "keeps 0 nJ: user 0; keeps 1 nJ: user 1"
