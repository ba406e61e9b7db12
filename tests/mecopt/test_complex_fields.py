"""Fields that are complex or words: in files, by hand, and in the schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

import mecopt
from mecopt import InstanceError, UnknownName
from mecopt.data import from_mapping, load, save, schema
from mecopt.models.backscatter_frame import BackscatterFrame

NAME = BackscatterFrame.name
BY_HAND: dict[str, Any] = {
    "problem": NAME,
    "channel": {"real": [[0.02, 0.0], [0.01, 0.03]], "imaginary": [[0.0, 0.01], [0.02, 0.0]]},
    "workload": [40, 30],
    "battery": 0.2,
    "mode": "active-enabled",
}


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mecopt.data.mapping.find_problem", lambda name: BackscatterFrame)


@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_what_is_written_is_what_is_read(suffix: str, tmp_path: Path) -> None:
    frames = BackscatterFrame.sample(np.random.default_rng(0), (3,), mode=["hybrid", "active-enabled", "mec-disabled"])
    save(tmp_path / f"frames{suffix}", frames, provenance={"seed": 0})
    found = load(tmp_path / f"frames{suffix}").problem
    for name, value in frames.data().items():
        np.testing.assert_array_equal(getattr(found, name), value)
    assert "channel" in (tmp_path / f"frames{suffix}.card.md").read_text()


def test_an_instance_by_hand_fits_the_schema_and_is_read() -> None:
    jsonschema.validate(BY_HAND, schema(BackscatterFrame))
    frame = from_mapping(BY_HAND)
    assert isinstance(frame, BackscatterFrame)
    np.testing.assert_array_equal(frame.channel, [[0.02, 0.01j], [0.01 + 0.02j, 0.03]])
    assert frame.mode == 1.0


def test_json_says_words_and_parts(tmp_path: Path) -> None:
    save(tmp_path / "one.json", from_mapping(BY_HAND), provenance={})
    document = json.loads((tmp_path / "one.json").read_text())
    jsonschema.validate(document, schema(BackscatterFrame))
    assert document["mode"] == "active-enabled"
    assert document["channel"] == BY_HAND["channel"]


def test_solutions_with_complex_decisions_are_fit_for_json() -> None:
    solution = mecopt.solve(from_mapping(BY_HAND))
    found = json.loads(json.dumps(solution.to_dict()))["decision"]
    np.testing.assert_array_equal(np.array(found["real"]) + 1j * np.array(found["imaginary"]), solution.decision)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("channel", {"real": [[1.0]]}, r"channel has the keys \['real'\]; allowed: .* 'unit', or 'real' and 'imaginary'"),
        ("channel", {"real": [[1.0]], "imaginary": [[1.0, 2.0]]}, "real has shape .* imaginary .* equal shapes"),
        ("channel", {"real": [["a"]], "imaginary": [[1.0]]}, r"channel: real\[0, 0\] is 'a', which is no number"),
        ("channel", {"real": [[1.0]], "imaginary": [[None]]}, r"channel: imaginary\[0, 0\] is None, which is no number"),
        ("channel", {"real": [[1.0]], "imaginary": [[True]]}, r"channel: imaginary\[0, 0\] is True, which is no number"),
        ("battery", {"value": 1.0, "unit": "kbit"}, "battery: unit 'kbit' cannot be converted to 'mJ'"),
        ("battery", {"value": 1.0, "unit": "nonsense"}, "battery: "),
        ("channel", {"real": [[1.0], [1.0, 2.0]], "imaginary": [[1.0]]}, "real is not a rectangular array"),
        ("workload", {"real": [1.0], "imaginary": [0.0]}, "workload has the keys"),
        ("mode", "active-enable", "did you mean 'active-enabled'"),
    ],
)
def test_what_is_wrong_is_named(field: str, value: Any, said: str) -> None:
    with pytest.raises((InstanceError, UnknownName), match=said):
        from_mapping({**BY_HAND, field: value})
