"""An interrupt while a kernel is made ready is heard, wherever it comes."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from numba.core.registry import cpu_target

from mecopt.kernels import interrupted
from mecopt.kernels.compiled import compiled


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """Hear interrupts, as a process does not that was begun in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def kernel(expression: str) -> Any:
    """Compile a function of x that is in no file, so that no run finds it in a cache."""
    return compiled(eval(f"lambda x: {expression}", {"__name__": __name__}))


@pytest.fixture
def engine() -> Any:
    """Return what LLVM calls back."""
    kernel("x + 0.5")(1.0)
    return cpu_target.target_context.codegen()._engine._ee


@pytest.fixture
def ignored(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return the exceptions that Python prints and ignores."""
    found: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", found.append)
    return found


def interrupting(before: Callable[..., Any]) -> Callable[..., Any]:
    def called(*given: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return before(*given)

    return called


@pytest.mark.parametrize("callback", ["_object_cache_notify", "_object_cache_getbuffer"])
def test_an_interrupt_in_a_callback_of_llvm_is_raised_when_the_kernel_is_ready(
    callback: str, engine: Any, ignored: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = kernel("2.0 * x + 1.0")
    with monkeypatch.context() as patched:
        patched.setattr(engine, callback, interrupting(getattr(engine, callback)))
        with pytest.raises(KeyboardInterrupt):
            line(1.0)
    assert not ignored
    assert line(1.0) == 3.0
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


class Gone:
    """Interrupts as it goes."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


def work(interrupts: Callable[[], Any], went_on: list[str]) -> None:
    with interrupted.heard():
        interrupts()
        went_on.append("yes")


def test_an_interrupt_in_a_finaliser_is_raised_at_the_end(ignored: list[Any]) -> None:
    went_on: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        work(Gone, went_on)
    assert went_on
    assert not ignored


def test_an_interrupt_anywhere_else_is_heard_at_once() -> None:
    went_on: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        work(lambda: signal.raise_signal(signal.SIGINT), went_on)
    assert not went_on
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_ones_own_is_called_once_and_stays(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def own(number: int, frame: Any) -> None:
        calls.append(number)

    before = signal.signal(signal.SIGINT, own)
    try:
        monkeypatch.setattr(engine, "_object_cache_notify", interrupting(engine._object_cache_notify))
        assert kernel("3.0 * x")(2.0) == 6.0
        assert set(calls) == {signal.SIGINT}
        assert signal.getsignal(signal.SIGINT) is own
    finally:
        signal.signal(signal.SIGINT, before)
