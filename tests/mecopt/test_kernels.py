"""Compiled kernels against their plain numpy twins."""

import os
from pathlib import Path

import numpy as np
import pytest

from mecopt.kernels import rank_one
from mecopt.kernels.capacity import square_root_rule
from mecopt.kernels.compiled import discard_stale
from mecopt.kernels.lambert import log_ratio, log_ratio_numpy, log_ratios


def _data(seed: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    local, upload, root = rng.lognormal(0, 2, (3, 5, 9))
    return local, upload, root, rng.lognormal(0, 1, 5), rng.integers(0, 2, (5, 40, 9), dtype=np.int8)


def test_costs_are_those_of_numpy() -> None:
    for seed in range(20):
        data = _data(seed)
        assert np.allclose(rank_one.costs(*data), rank_one.costs_numpy(*data), rtol=1e-13)


def test_flip_costs_are_costs_of_flipped_decisions() -> None:
    local, upload, root, capacity, decisions = _data(3)
    decision = decisions[:, 0]
    flipped = np.bitwise_xor(decision[:, None, :], np.eye(9, dtype=np.int8)).astype(np.int8)
    expected = rank_one.costs_numpy(local, upload, root, capacity, flipped)
    assert np.allclose(rank_one.flip_costs(local, upload, root, capacity, decision), expected, rtol=1e-12)


def test_compiled_shares_are_the_square_root_rule() -> None:
    _, _, root, capacity, decisions = _data(4)
    share, price = rank_one.shares(root, capacity, decisions)
    rule = square_root_rule(np.where(decisions == 1, root[:, None] ** 2, 0.0), np.broadcast_to(capacity[:, None], (5, 40)))
    assert np.allclose(share, rule.share, rtol=1e-13)
    assert np.allclose(price, rule.price, rtol=1e-13)


def test_costs_do_not_cancel_between_magnitudes() -> None:
    local, upload, root = np.array([[1e20, 1.0]]), np.array([[1.0, 1e20]]), np.array([[1.0, 1.0]])
    cost = rank_one.costs(local, upload, root, np.array([1.0]), np.array([[[1, 0]]], dtype=np.int8))
    assert cost[0, 0] == 3.0


@pytest.mark.parametrize("magnitude", [1e-6, 1e-3, 1.0, 10.0, 300.0])
def test_log_ratio_is_lambert_w(magnitude: float) -> None:
    q = magnitude * np.random.default_rng(0).uniform(0.5, 2.0, 200)
    relative = 1e-6 if magnitude < 1e-4 else 1e-10
    assert np.allclose(log_ratios(q), log_ratio_numpy(q), rtol=relative)


@pytest.mark.parametrize("q", [1e-300, 1e-20, 1e-12, 9.9e-10, 1.1e-9, 1e-6, 4.9e-5, 5.1e-5, 0.1, 1.0, 50.0, 1e3, 1e9, 1e300])
def test_log_ratio_solves_its_equation_where_lambert_w_cannot(q: float) -> None:
    import mpmath

    with mpmath.workdps(340 if q < 1e-100 else 60):
        u = mpmath.mpf(log_ratio(q))
        residual = (u + mpmath.exp(-u) - 1 - mpmath.mpf(q)) / (-mpmath.expm1(-u)) / u
    assert abs(float(residual)) < 1e-14 if q > 1e-9 else abs(float(residual)) < 1e-9


def test_log_ratio_of_nothing_is_nothing() -> None:
    assert log_ratio(0.0) == 0.0


def test_compiled_caches_go_when_any_source_of_compiled_code_has_changed(tmp_path: Path) -> None:
    cache = tmp_path / "package" / "__pycache__"
    cache.mkdir(parents=True)
    one, other = cache.parent / "one.py", cache.parent / "other.py"
    for path in (one, other):
        path.write_text("from numba import njit\n")
    discard_stale(tmp_path)
    built = [cache / "one.f-1.py311.nbi", cache / "one.f-1.py311.1.nbc"]
    for path in built:
        path.touch()
    assert discard_stale(tmp_path) == 0
    assert all(path.exists() for path in built)
    other.write_text("from numba import vectorize\n")
    os.utime(other, (1_000, 1_000))
    assert discard_stale(tmp_path) == 2
    assert not any(path.exists() for path in built)
