"""The same data on both sides of a split is found by content, and told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from mecopt.cli.main import main
from mecopt.data import save
from mecopt.data.stream import distinct, repeated
from mecopt.models import BackscatterFrame, BinaryOffloading


def test_equal_data_are_found_wherever_they_stand() -> None:
    rng = np.random.default_rng(0)
    once = BinaryOffloading.sample(rng, (6,), users=3)
    order = [0, 1, 2, 3, 1, 4, 0, 5, 4]
    frames = once[np.array(order)]
    assert repeated(frames, 4) == [(4, 1), (6, 0)]
    assert repeated(frames, 6) == [(6, 0), (8, 5)]
    assert repeated(once, 3) == []
    np.testing.assert_array_equal(distinct(frames).data()["data_size"], once.data()["data_size"])


def test_frames_differ_where_any_field_does_by_a_digit() -> None:
    size = np.array([[1.0, 2.0]] * 3)
    frames = BinaryOffloading(data_size=size, capacity=[10.0, np.nextafter(10.0, 11.0), 10.0])
    assert repeated(frames, 1) == [(2, 0)]
    drawn = BackscatterFrame.sample(np.random.default_rng(0), (2,), users=2)
    assert repeated(drawn[np.array([0, 1, 0])], 2) == [(2, 0)]


def test_a_data_card_says_how_many_instances_are_repeated(tmp_path: Path) -> None:
    drawn = BinaryOffloading.sample(np.random.default_rng(0), (4,), users=2)
    save(tmp_path / "x.npz", drawn, provenance={})
    assert "earlier one" not in (tmp_path / "x.npz.card.md").read_text()
    save(tmp_path / "x.npz", drawn[np.array([0, 1, 0, 0])], provenance={})
    assert "2 of the instances have the data of an earlier one." in (tmp_path / "x.npz.card.md").read_text()


def test_compare_tells_of_instances_on_both_sides_of_the_split(tmp_path: Path, capsys: Any) -> None:
    drawn = BinaryOffloading.sample(np.random.default_rng(0), (8,), users=2)
    save(tmp_path / "x.npz", drawn[np.array([0, 1, 2, 3, 4, 5, 6, 7, 3, 1])], provenance={})

    def said(*options: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["compare", str(tmp_path / "x.npz"), "--methods", "exact", "--jobs", "1", "-o", str(tmp_path), *options])
        assert ended.value.code == 0
        return " ".join(capsys.readouterr().out.split())

    told = "2 of the 2 instances that --split keeps back have the data of one before it (instance 8 is instance 3)"
    assert told in said("--split", "0.8")
    origin = json.loads(pq.read_schema(tmp_path / "results.parquet").metadata[b"mecopt"])
    assert any(told in note for note in origin["notes"])
    assert "1 of the 1 instance that --split keeps back has" in said("--split", "0.8", "--first", "1")
    assert "keeps back" not in said("--split", "0.5", "--first", "3")
    assert "keeps back" not in said()
