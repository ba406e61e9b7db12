"""Threads and forked processes: nothing kept is shared while it is used, nothing of the process is left changed."""

import os
import pickle
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import mecopt
from mecopt.backends.conic import TAKE_INTERRUPTS, Conic
from mecopt.models import BandwidthPower, BinaryOffloading
from mecopt.running.concurrency import Lent, unheard


def in_two_threads(first: Callable[[threading.Barrier], Any], second: Callable[[threading.Barrier], Any]) -> list[Any]:
    """Run two functions that meet at a barrier."""
    barrier = threading.Barrier(2, timeout=60.0)
    with ThreadPoolExecutor(2) as threads:
        return [one.result() for one in [threads.submit(first, barrier), threads.submit(second, barrier)]]


# ---------------------------------------------------------------------- what is lent


def test_what_one_thread_uses_no_other_has() -> None:
    lent: Lent[int, list[int]] = Lent()

    def use(barrier: threading.Barrier) -> int:
        with lent.of(1, list) as thing:
            barrier.wait()
            return id(thing)

    assert len(set(in_two_threads(use, use))) == 2
    with lent.of(1, list) as one, lent.of(1, list) as other, lent.of(1, list) as third:
        assert len({id(one), id(other), id(third)}) == 3
    made: list[int] = []
    for _ in range(3):
        with lent.of(1, lambda: made):
            pass
    assert made == []


def test_what_its_user_raised_with_is_not_lent_again() -> None:
    lent: Lent[int, list[int]] = Lent()
    with pytest.raises(ValueError, match="spoiled"), lent.of(1, lambda: [1]):
        raise ValueError("spoiled")
    with lent.of(1, lambda: [2]) as thing:
        assert thing == [2]


def test_a_copy_in_another_process_lends_nothing_that_was_made_here() -> None:
    lent: Lent[int, list[int]] = Lent()
    with lent.of(1, lambda: [1]):
        pass
    with pickle.loads(pickle.dumps(lent)).of(1, lambda: [2]) as thing:
        assert thing == [2]


def test_two_threads_fill_programs_of_their_own() -> None:
    backend = BandwidthPower.backends["clarabel"]
    assert isinstance(backend, Conic)
    model, decision = backend.model, np.ones(3, dtype=int)
    instances = [BandwidthPower.sample(np.random.default_rng(seed), users=3) for seed in (0, 1)]

    def filled(number: int) -> Callable[[threading.Barrier], bool]:
        def fill(barrier: threading.Barrier) -> bool:
            with model.kept_program(instances[number], decision) as program:
                barrier.wait()
                numbers = model.numbers(instances[number], decision)
                return all(np.array_equal(program.parameters[name].value, value) for name, value in numbers.items())

        return fill

    assert in_two_threads(filled(0), filled(1)) == [True, True]


# ---------------------------------------------------------------------- Ctrl-C

HEARD_AFTERWARDS = """
import os, signal, sys, threading
signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs in the background are born deaf
import numpy as np
import mecopt
from mecopt.models import BinaryOffloading

sys.setswitchinterval(1e-6)
names, batch = sys.argv[1:], BinaryOffloading.sample(np.random.default_rng(0), (30,), users=100, preset="heterogeneous")
decision = np.ones(100, dtype=np.int8)
def work(name):
    mecopt.allocate(batch, decision, backend=name, throw=False)
threads = [threading.Thread(target=work, args=(name,)) for name in 3 * names]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
try:
    os.kill(os.getpid(), signal.SIGINT)
    print("not heard")
except KeyboardInterrupt:
    print("heard")
"""


@pytest.mark.skipif(os.name == "nt", reason="a process of Windows cannot send itself Ctrl-C alone")
def test_ctrl_c_is_heard_after_solvers_that_take_it_for_themselves_have_run_in_threads() -> None:
    names = [name.lower() for name in TAKE_INTERRUPTS if BinaryOffloading.backends[name.lower()].is_available()]
    done = subprocess.run([sys.executable, "-c", HEARD_AFTERWARDS, *names], capture_output=True, text=True, check=False)
    assert done.stdout == "heard\n", done.stderr


# ---------------------------------------------------------------------- forks

FORKS = """
import os, threading
from mecopt.running.concurrency import INTERRUPTS, MODELLING
import mecopt.kernels.compiled
from numba.core.compiler_lock import global_compiler_lock

locks, over = [INTERRUPTS, MODELLING, global_compiler_lock], threading.Event()
def hold():
    while not over.is_set():
        with locks[0], locks[1], locks[2]:
            sum(range(10_000))
threads = [threading.Thread(target=hold) for _ in range(2)]
for thread in threads:
    thread.start()
free = 0
for _ in range(20):
    child = os.fork()
    if not child:
        os._exit(0 if all(getattr(lock, "_lock", lock).acquire(blocking=False) for lock in locks) else 1)
    free += os.waitpid(child, 0)[1] == 0
over.set()
print(free)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_no_forked_process_finds_a_lock_held_by_a_thread_that_it_does_not_have() -> None:
    done = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True, check=False)
    assert done.stdout == "20\n", done.stderr


# ---------------------------------------------------------------------- warnings


def test_a_warning_is_unheard_where_it_was_asked_for_and_heard_in_other_threads() -> None:
    def silent(barrier: threading.Barrier) -> None:
        with unheard("of no"):
            barrier.wait()
            warnings.warn("of no importance", stacklevel=1)
            with pytest.raises(UserWarning, match="of some"):
                warnings.warn("of some importance", stacklevel=1)
            barrier.wait()

    def heard(barrier: threading.Barrier) -> None:
        barrier.wait()
        with pytest.raises(UserWarning, match="of no"):
            warnings.warn("of no importance", stacklevel=1)
        barrier.wait()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        in_two_threads(silent, heard)
        with pytest.raises(UserWarning, match="of no"):
            warnings.warn("of no importance", stacklevel=1)


def test_silence_that_overlaps_in_two_threads_ends() -> None:
    """Who began first ends first: putting back what was found would put back the silence of the other."""

    def first(barrier: threading.Barrier) -> None:
        with unheard():
            barrier.wait()
        barrier.wait()

    def second(barrier: threading.Barrier) -> None:
        barrier.wait()
        with unheard():
            barrier.wait()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        in_two_threads(first, second)
        with pytest.raises(UserWarning):
            warnings.warn("anything", stacklevel=1)


def test_filters_do_not_pile_up() -> None:
    with warnings.catch_warnings():
        for _ in range(5):
            with unheard():
                pass
            warnings.simplefilter("error")
        known = len(warnings.filters)
        for _ in range(5):
            with unheard():
                pass
            warnings.simplefilter("error")
        assert len(warnings.filters) == known


def test_backends_leave_the_filters_of_the_process_alone() -> None:
    """Whatever order their threads end in."""
    batch = BinaryOffloading.sample(np.random.default_rng(0), (4,), users=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with ThreadPoolExecutor(4) as threads:
            for name in ("clarabel", "slsqp"):
                list(
                    threads.map(
                        lambda problem, name=name: mecopt.allocate(problem, [1, 1, 0], backend=name), list(batch) * 4
                    )
                )
        with pytest.raises(UserWarning):
            warnings.warn("anything", stacklevel=1)
