"""Doubts: what physics rules out and shapes that may not be meant are questioned once, and refused in strict mode."""

from __future__ import annotations

import contextvars
import json
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from scipy.io import savemat

import mecopt
from mecopt import AmbiguousShape, DoubtfulData, ImplausibleData, InstanceError, Problem
from mecopt.cli.main import main
from mecopt.data import from_mapping, load, save
from mecopt.models import (
    BackscatterFrame,
    BandwidthPower,
    BinaryOffloading,
    ComputationRate,
    MultiServerOffloading,
    PricedPower,
)

Array = NDArray[Any]
PRESETS = [(cls, preset) for cls in mecopt.problems().values() for preset in cls.presets]
GAINS = np.full(200, 1e-6)


@pytest.mark.parametrize(("cls", "preset"), PRESETS, ids=lambda value: getattr(value, "name", value))
def test_no_preset_is_doubtful(cls: type[Problem], preset: str, tmp_path: Path) -> None:
    with mecopt.strict():
        for seed, shape, users in ((0, (), 3), (1, (7,), 1), (2, (3,), 3), (3, (40,), 10)):
            drawn = cls.sample(np.random.default_rng(seed), shape, preset=preset, users=users)
            for suffix in (".npz", ".json"):
                save(tmp_path / f"x{suffix}", drawn, provenance={})
                assert load(tmp_path / f"x{suffix}").problem.batch_shape == shape


IMPLAUSIBLE: list[tuple[Callable[[], Problem], str]] = [
    (lambda: ComputationRate(channel_gain=[1e-6, 120.0, 90.0]), r"channel_gain\[1\] is 120 \(as are 1 more\).*'-120 dB'"),
    (lambda: ComputationRate(channel_gain=["120 dB"]), r"channel_gain\[0\] is 1e\+12.*below 0 dB: '-120 dB'"),
    (lambda: BandwidthPower(channel_gain=[1.001]), r"channel_gain\[0\] is 1\.001"),
    (lambda: MultiServerOffloading(channel_gain=[[1e-8, 2.0]]), r"channel_gain\[0, 1\] is 2"),
    (lambda: PricedPower(channel_gain=[1e6]), r"channel_gain\[0\] is 1e\+06"),
    (
        lambda: BackscatterFrame(channel=[[3j, 0.1]], workload=1.0, battery=1.0),
        r"channel\[0, 0\] is 0\+3j, an amplitude gain",
    ),
    (lambda: ComputationRate(channel_gain=[1e-6], harvesting_efficiency=70), r"harvesting_efficiency is 70.*'70 %'"),
    (
        lambda: BandwidthPower(channel_gain=[1e-8], noise_density="-204 dBm/Hz"),
        r"noise_density is 3\.98107e-24 J, less than",
    ),
    (lambda: PricedPower(channel_gain=[1e-8], noise_power="-174 dBm"), r"noise_power is .*multiplied by the bandwidth"),
    (lambda: MultiServerOffloading(channel_gain=[[1e-8]], noise_power=4e-21), r"noise_power is 4e-21 W, over the bandwidth"),
    (lambda: BackscatterFrame(channel=[[0.1]], workload=1, battery=1, noise_power=1e-18), r"noise_power is 1e-18 mW"),
]


@pytest.mark.parametrize(("made", "said"), IMPLAUSIBLE, ids=[said[:28] for _, said in IMPLAUSIBLE])
def test_what_physics_rules_out_is_questioned_once_at_the_line_that_gave_it(made: Callable[[], Problem], said: str) -> None:
    with pytest.warns(ImplausibleData, match=said) as caught:
        made()
    assert len(caught) == 1
    assert caught[0].filename == __file__
    with mecopt.strict(), pytest.raises(ImplausibleData, match=said):
        made()


@pytest.mark.parametrize(
    "made",
    [
        lambda: ComputationRate(channel_gain=[1.0, 0.0, 1e-12], harvesting_efficiency=1.0),
        lambda: ComputationRate(channel_gain=["-120 dB"], noise_power="-114 dBm", bandwidth="1 MHz"),
        lambda: BandwidthPower(channel_gain=["0 dB"], noise_density="-174 dBm/Hz"),
        lambda: BackscatterFrame(channel=[[0.6 + 0.8j]], workload=1.0, battery=1.0),
        lambda: MultiServerOffloading(channel_gain=[[1e-8]], noise_power="4e-14 W", bandwidth=["10 MHz"]),
    ],
)
def test_what_physics_allows_is_not_questioned(made: Callable[[], Problem]) -> None:
    with mecopt.strict():
        made()


def test_a_doubt_is_an_error_of_mecopt_and_a_warning() -> None:
    assert issubclass(DoubtfulData, InstanceError)
    assert issubclass(DoubtfulData, UserWarning)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ImplausibleData)
        with pytest.raises(mecopt.MecoptError):
            ComputationRate(channel_gain=[2.0])
        with pytest.warns(AmbiguousShape):  # another kind of doubt
            ComputationRate(channel_gain=[[1e-6], [2e-6]])


# ---------------------------------------------------------------------- shapes

AMBIGUOUS: list[tuple[Callable[[], Problem], tuple[int, ...], str]] = [
    (
        lambda: ComputationRate(channel_gain=GAINS[:, None]),
        (200,),
        r"shape \(200, 1\): 200 instances of one user each.*channel_gain\[:, 0\]",
    ),
    (lambda: BinaryOffloading(data_size=[12.0], upload_rate=[[2.0], [3.0]]), (2,), "2 instances of one user each"),
    (
        lambda: ComputationRate(channel_gain=GAINS, bandwidth=np.full(200, 1e6)),
        (200,),
        "200 instances, as many as there are users; bandwidth is one per instance",
    ),
    (
        lambda: ComputationRate(channel_gain=GAINS, bandwidth=np.full((200, 1), 1e6)),
        (200, 1),
        r"bandwidth has shape \(200, 1\), a column: with it the batch has shape \(200, 1\)",
    ),
    (
        lambda: ComputationRate(channel_gain=np.full((5, 3), 1e-6), bandwidth=np.full((5, 1), 1e6)),
        (5, 5),
        r"a column: with it the batch has shape \(5, 5\)",
    ),
    (
        lambda: MultiServerOffloading(channel_gain=np.full((3, 5), 1e-8), noise_power=np.full((3, 5), 1e-9)),
        (3,),
        "3 instances, as many as there are users; noise_power is one per server",
    ),
    (
        lambda: MultiServerOffloading(channel_gain=np.full((3, 5), 1e-8), workload=np.full((5, 3), 1e9)),
        (5,),
        "5 instances, as many as there are servers; workload is one per user",
    ),
]


@pytest.mark.parametrize(("made", "batch", "said"), AMBIGUOUS, ids=[said[:28] for _, _, said in AMBIGUOUS])
def test_a_batch_that_may_not_be_meant_is_named_unless_it_is(
    made: Callable[[], Problem], batch: tuple[int, ...], said: str
) -> None:
    with pytest.warns(AmbiguousShape, match=said) as caught:
        assert made().batch_shape == batch
    assert len(caught) == 1
    assert caught[0].filename == __file__
    with mecopt.strict():
        with pytest.raises(AmbiguousShape, match=said):
            made()
        with mecopt.shapes_meant():
            assert made().batch_shape == batch


@pytest.mark.parametrize(
    ("made", "batch"),
    [
        (lambda: ComputationRate(channel_gain=GAINS), ()),
        (lambda: ComputationRate(channel_gain=GAINS[None]), (1,)),
        (lambda: ComputationRate(channel_gain=np.full((5, 3), 1e-6)), (5,)),
        (lambda: ComputationRate(channel_gain=[[1e-6]]), (1,)),
        (lambda: ComputationRate(channel_gain=[[1e-6], [2e-6]], bandwidth=[1e6, 2e6]), (2,)),
        (lambda: ComputationRate(channel_gain=GAINS, bandwidth=[1e6, 2e6, 3e6]), (3,)),
        (lambda: ComputationRate(channel_gain=GAINS, weight=np.ones((7, 200))), (7,)),
        (lambda: BinaryOffloading(data_size=np.ones((3, 3)), capacity=[1.0, 2.0, 3.0]), (3,)),
        (lambda: MultiServerOffloading(channel_gain=np.full((200, 1), 1e-8)), ()),
        (lambda: MultiServerOffloading(channel_gain=np.full((2, 2), 1e-8), noise_power=[1e-9, 1e-9]), ()),
        (lambda: BinaryOffloading(data_size=np.ones((4, 1, 3)), capacity=[1.0, 2.0]), (4, 2)),
        (lambda: BinaryOffloading(data_size=np.ones((7, 5)), capacity=[[1.0], [2.0], [3.0]]), (3, 7)),
    ],
)
def test_a_batch_that_is_told_by_its_shape_is_not_questioned(made: Callable[[], Problem], batch: tuple[int, ...]) -> None:
    with mecopt.strict():
        assert made().batch_shape == batch


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"local_speed": np.full((3, 1), 1e9)}, r"it is a column: pass local_speed\[\.\.\., 0\]"),
        ({"local_speed": np.full(5, 1e9)}, "one per user, and rows of channel_gain are users: is that transposed"),
        ({"server_speed": np.full(3, 1e9)}, "one per server, and rows of channel_gain are users: is that transposed"),
    ],
)
def test_a_shape_that_does_not_fit_says_how_it_would(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InstanceError, match=said):
        MultiServerOffloading(channel_gain=np.full((3, 5), 1e-8), **fields)


def test_instances_that_are_drawn_are_questioned_only_for_what_replaces_them() -> None:
    rng = np.random.default_rng(0)
    with mecopt.strict():
        ComputationRate.sample(rng, (4,), users=4, bandwidth=np.full(4, 1e6))
        with pytest.raises(AmbiguousShape, match="as many as there are users"):
            ComputationRate.sample(rng, users=4, bandwidth=np.full(4, 1e6))
        with pytest.raises(ImplausibleData):
            ComputationRate.sample(rng, users=2, channel_gain=[2.0, 1e-6])


def test_shapes_meant_in_one_thread_are_not_meant_in_another() -> None:
    seen: list[str] = []

    def elsewhere() -> None:
        try:
            with mecopt.strict():
                ComputationRate(channel_gain=[[1e-6], [2e-6]])
        except AmbiguousShape as error:
            seen.append(str(error))

    with mecopt.shapes_meant():
        thread = threading.Thread(target=contextvars.Context().run, args=(elsewhere,))
        thread.start()
        thread.join()
    assert len(seen) == 1


# ---------------------------------------------------------------------- kinds of arrays


def refused(said: str, **fields: Any) -> None:
    with pytest.raises(InstanceError, match=said):
        ComputationRate(**{"channel_gain": [1e-6, 2e-6], **fields})


def test_masked_entries_never_become_numbers() -> None:
    masked = np.ma.masked_less([1e-6, -1.0, -1.0], 0.0)
    refused(r"channel_gain\[1\] is masked \(2 entries are\).*nothing is guessed", channel_gain=masked)
    refused(r"channel_gain\[1\] is masked", channel_gain=[masked, masked])
    refused(r"channel_gain\[1\] is masked", channel_gain={"value": masked, "unit": "%"})
    refused(r"bandwidth is masked", bandwidth=np.ma.masked)
    with pytest.raises(InstanceError, match=r"deadline\[1\] is masked"):
        MultiServerOffloading(channel_gain=[[1e-8], [1e-8]], deadline=np.ma.array([1.0, 2.0], mask=[False, True]))
    assert ComputationRate(channel_gain=np.ma.array([1e-6, 2e-6])).channel_gain.tolist() == [1e-6, 2e-6]


def test_numbers_of_any_precision_are_read_as_they_are() -> None:
    from decimal import Decimal
    from fractions import Fraction

    for kind in (np.float16, np.float32, np.longdouble, object):
        value = np.array([0.5, 0.25], dtype=kind)
        assert ComputationRate(channel_gain=value).channel_gain.tolist() == [0.5, 0.25]
    read = ComputationRate(channel_gain=[Decimal("0.1"), Fraction(1, 8)], weight=[2**60, np.uint8(3)])
    assert read.channel_gain.tolist() == [0.1, 0.125]
    assert read.weight.tolist() == [2.0**60, 3.0]
    assert ComputationRate(channel_gain={"value": [Decimal(50)], "unit": "%"}).channel_gain.tolist() == [0.5]
    refused("no float can hold", weight=[10**400, 1])
    if np.finfo(np.longdouble).max > np.finfo(float).max:
        with pytest.raises(InstanceError, match="no float can hold"):
            PricedPower(channel_gain=[1e-8], interference_limit=np.longdouble("1e400"))


def test_what_has_no_order_or_a_unit_of_its_own_is_refused() -> None:
    class Measured:
        magnitude = 3.0

        def __array__(self, *args: Any, **kwargs: Any) -> Array:
            return np.array([3.0])

    scipy = pytest.importorskip("scipy.sparse")
    refused("is a generator, which is no array; pass a list", weight=(w for w in [1.0, 2.0]))
    refused("is a set, which is no array", weight={1.0, 2.0})
    refused("has a unit of its own", weight=Measured())
    refused(r"is a sparse csr_.*pass weight\.toarray\(\)", weight=scipy.csr_array([[1.0, 2.0]]))
    refused(r"weight\[0\] is b'1', which is no number", weight=[b"1", b"2"])
    refused(r"weight is .*2020.*, a duration or date", weight=np.array(["2020-01-01", "2020-01-02"], dtype="M8[D]"))
    assert ComputationRate(channel_gain=[1e-6, 2e-6], weight=range(1, 3)).weight.tolist() == [1.0, 2.0]


def test_tensors_are_read_unless_something_would_be_lost() -> None:
    torch = pytest.importorskip("torch")
    assert ComputationRate(channel_gain=torch.tensor([0.5, 0.25]).bfloat16()).channel_gain.tolist() == [0.5, 0.25]
    refused(r"tensor with gradients, which end here; pass weight\.detach\(\)", weight=torch.ones(2, requires_grad=True))
    refused(r"tensor with gradients", weight=[torch.ones(1, requires_grad=True), torch.ones(1)])
    refused(r"tensor on meta; pass weight\.cpu\(\)", weight=torch.ones(2, device="meta"))


def test_labelled_rows_count_by_position_and_in_one_order() -> None:
    pandas = pytest.importorskip("pandas")
    gains = pandas.Series([1e-6, 2e-6], index=[1, 0])
    assert ComputationRate(channel_gain=gains).channel_gain.tolist() == [1e-6, 2e-6]
    assert ComputationRate(channel_gain=gains, weight=pandas.Series([3.0, 4.0], index=[1, 0])).weight.tolist() == [3.0, 4.0]
    assert ComputationRate(channel_gain=gains.to_numpy(), weight=[3.0, 4.0]).weight.tolist() == [3.0, 4.0]
    refused(
        "channel_gain has rows labelled 1, 0, and weight has its users in another order", channel_gain=gains, weight=[1, 2]
    )
    refused("in another order or without labels", channel_gain=gains, weight=pandas.Series([1.0, 2.0]))
    named = pandas.Series([1e-6, 2e-6], index=["a", "b"])
    assert ComputationRate(channel_gain=named, weight=[1, 2]).users == 2
    refused("rows labelled a, b", channel_gain=named, weight=pandas.Series([1.0, 2.0], index=["b", "a"]))
    refused(r"channel_gain\[1\] is nan|<NA>", channel_gain=pandas.Series([1e-6, None], dtype="Float64"))
    assert MultiServerOffloading(channel_gain=pandas.DataFrame({"s": [1e-8], "t": [2e-8]})).servers == 2


# ---------------------------------------------------------------------- the command line


@pytest.fixture
def loud(tmp_path: Path) -> Path:
    path = tmp_path / "loud.json"
    path.write_text(json.dumps({"problem": "binary-offloading", "data_size": [[12.0], [7.5]]}))
    return path


def called(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return int(ended.value.code or 0), capsys.readouterr().err


def test_a_doubt_is_one_line_on_standard_error_and_strict_ends_in_2(loud: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = called(capsys, "solve", str(loud))
    lines = [line for line in said.splitlines() if "data_size" in line]
    assert code == 0
    assert len(lines) == 1
    assert lines[0].startswith("warning: BinaryOffloading.data_size has shape (2, 1): 2 instances of one user each")
    code, said = called(capsys, "solve", str(loud), "--strict")
    assert code == 2
    assert said.startswith("error: BinaryOffloading.data_size has shape (2, 1)")
    out = str(loud.with_name("x.npz"))
    words = ("sample", "computation-rate", "--set", "users=2", "--set", "harvesting_efficiency=70", "-o", out)
    assert called(capsys, *words)[0] == 0
    assert called(capsys, *words, "--strict")[0] == 2


def test_an_instance_by_hand_is_questioned_as_one_from_python() -> None:
    with pytest.warns(AmbiguousShape):
        from_mapping({"problem": "computation-rate", "channel_gain": [[1e-6], [2e-6]]})
    with pytest.warns(ImplausibleData):
        from_mapping({"problem": "computation-rate", "channel_gain": {"value": [95], "unit": "dB"}})


def test_strict_mode_does_not_ask_the_filters_of_warnings_and_leaves_them_alone() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = list(warnings.filters)
        with mecopt.strict():
            assert warnings.filters == before
            with pytest.raises(ImplausibleData):
                ComputationRate(channel_gain=[2.0])
        ComputationRate(channel_gain=[2.0])


def test_strict_mode_of_one_thread_is_not_that_of_another() -> None:
    seen: list[str] = []

    def elsewhere() -> None:
        with pytest.warns(ImplausibleData):
            ComputationRate(channel_gain=[2.0])
        seen.append("warned")

    with mecopt.strict():
        thread = threading.Thread(target=contextvars.Context().run, args=(elsewhere,))
        thread.start()
        thread.join()
    assert seen == ["warned"]


TOO_LONG = 2**53 + 1
"""A whole number that no float holds."""


@pytest.mark.parametrize(
    "given",
    [
        [1.0, TOO_LONG],
        [1, TOO_LONG],
        np.array([1, TOO_LONG]),
        np.array([1, TOO_LONG], dtype=np.uint64),
        [1, 2**64 + 1],
        {"value": [1, TOO_LONG], "unit": "kB"},
        {"value": np.array([1, TOO_LONG]), "unit": "kB"},
        {"value": [1, 2**64 + 1], "unit": "kB"},
    ],
    ids=str,
)
def test_a_whole_number_that_no_float_holds_is_questioned(given: Any, tmp_path: Path) -> None:
    with pytest.warns(DoubtfulData, match=r"data_size\[1\] is \d+, which is computed with as \d+$"):
        BinaryOffloading(data_size=given)
    with mecopt.strict(), pytest.raises(DoubtfulData, match="computed with as"):
        BinaryOffloading(data_size=given)


def test_a_whole_number_that_no_float_holds_is_questioned_in_every_file(tmp_path: Path) -> None:
    sizes = [1, TOO_LONG]
    (tmp_path / "a.json").write_text(json.dumps({"problem": "binary-offloading", "data_size": sizes}), encoding="utf-8")
    (tmp_path / "a.csv").write_text(f"data_size\n1\n{TOO_LONG}\n", encoding="utf-8")
    np.savez(tmp_path / "a.npz", problem="binary-offloading", data_size=np.array(sizes))
    savemat(tmp_path / "a.mat", {"problem": "binary-offloading", "data_size": np.array(sizes)})
    pq.write_table(pa.table({"data_size": sizes}), tmp_path / "a.parquet")
    for suffix in ("json", "csv", "npz", "mat", "parquet"):
        with pytest.warns(DoubtfulData, match=f"{TOO_LONG}, which is computed with as {TOO_LONG - 1}"):
            load(tmp_path / f"a.{suffix}", "binary-offloading", rows="users" if suffix in ("csv", "parquet") else None)


def test_whole_numbers_that_floats_hold_are_none_to_question() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", DoubtfulData)
        for given in ([2**53], [3 * 2**60], np.array([2**62]), [float(TOO_LONG)], {"value": [2**53], "unit": "kB"}):
            BinaryOffloading(data_size=given)
