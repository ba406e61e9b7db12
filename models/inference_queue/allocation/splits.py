"""The decision is fixed: the best split of the work that leaves every queue, and what proves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.backend import ClosedForm
from mecopt.contract.derived import of_data, once_a_call, shared
from mecopt.kernels.arrays import plain
from mecopt.models.inference_queue import terms
from mecopt.models.inference_queue.allocation import service
from mecopt.models.inference_queue.terms import TOLERATED
from mecopt.models.inference_queue.variables import TaskAllocation, WorkPrice
from mecopt.show.numbers import counted

if TYPE_CHECKING:
    from mecopt.models.inference_queue.problem import InferenceQueue

Array = NDArray[Any]


def by_device(problem: InferenceQueue, *values: Array) -> tuple[Array, ...]:
    """Return arrays of the batch and users as compiled code takes them, ``(instances, users)``."""
    shape = (*problem.batch_shape, problem.users)
    flat = (problem.instances, problem.users)
    whole = (value if value.shape == shape else np.broadcast_to(value, shape) for value in values)
    return tuple(plain(value.reshape(flat), np.float64) for value in whole)


@of_data
def constants(problem: InferenceQueue) -> tuple[Array, Array, Array]:
    """Return rows ``(instances, users, 5)``, SNRs per watt, and prices of what is offloaded, ``(instances, users)``."""
    rows = shared(terms.rows, problem).reshape(problem.instances, problem.users, terms.COLUMNS)
    snr, price = by_device(problem, problem.snr_per_watt, shared(terms.price, problem))
    return rows, snr, price


@of_data
def _radio_and_speed(problem: InferenceQueue) -> tuple[Array, Array, Array]:
    """Return the power of one nat in W per nat of SNR, its logarithm, and the speed in cycle/s that does a task a block."""
    gap = terms.per_user(problem, "snr_gap")
    with np.errstate(all="ignore"):
        log_noise = np.log(gap) - np.log(problem.snr_per_watt)
        return gap / problem.snr_per_watt, log_noise, problem.work / shared(terms.block, problem)


@once_a_call
def work_of(problem: InferenceQueue, decision: Array) -> Array:
    """Return the work of decisions in tasks, the started one included, ``(*batch, *candidates, users)``."""
    return np.asarray(decision + problem.aligned(shared(terms.fraction, problem), decision))


def blocks(problem: InferenceQueue, decision: Array) -> tuple[Array, ...]:
    """Return what compiled code takes: rows, SNRs, prices, and the work of every decision."""
    work = work_of(problem, decision).reshape(problem.instances, -1, problem.users)
    return (*shared(constants, problem), plain(work, np.float64))


def kernel() -> Any:
    """Return the compiled split."""
    from mecopt.models.inference_queue.compiled.batch import split_blocks

    return split_blocks


def told(problem: InferenceQueue, decision: Array, offloaded: Array) -> TaskAllocation:
    """Return the allocation that offloads so much of each piece, and computes the rest; nan stays nan.

    What rounding leaves of the rest beyond what the processor does at most is left out.
    """
    rest, able = work_of(problem, decision) - offloaded, problem.aligned(shared(terms.most_local, problem), decision)
    local = np.where(rest - able <= TOLERATED * (rest + offloaded), np.minimum(rest, able), rest)

    def aligned(value: Array) -> Array:
        return problem.aligned(value, decision)

    noise, log_noise, speed = map(aligned, shared(_radio_and_speed, problem))
    with np.errstate(all="ignore"):
        nats = aligned(shared(terms.nats, problem)) * offloaded
        few = nats < 600.0
        power = noise * np.expm1(nats)
        if not few.all():
            power = np.where(few, power, np.exp(np.minimum(log_noise, 800.0) + nats))
        power = np.where(offloaded == 0.0, 0.0, power)
        rate = local * speed
    served = np.broadcast_to(aligned(shared(service.best_work, problem)), local.shape[:-1])
    return TaskAllocation(
        local_work=local,
        offloaded=np.asarray(offloaded),
        transmit_power=power,
        cpu_rate=rate,
        server_work=served,
        server_rate=np.broadcast_to(aligned(shared(service.best_rate, problem)), served.shape),
    )


def spelled_out(one: InferenceQueue, slot: InferenceQueue, local: Array, offloaded: Array, served: Array) -> TaskAllocation:
    """Return the whole allocation of blocks whose constants are all those of a single one; for rollouts.

    Parameters
    ----------
    one
        a single block.
    slot
        blocks ``(*batch)`` that differ from it in channels, queues and arrivals alone.
    local, offloaded
        z and y in tasks, ``(*batch, users)``.
    served
        X in tasks, ``(*batch)``.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        power = one.snr_gap / slot.snr_per_watt * np.expm1(terms.nats(one) * offloaded)
    return TaskAllocation(
        local_work=local,
        offloaded=offloaded,
        transmit_power=np.where(offloaded == 0.0, 0.0, power),
        cpu_rate=local * (one.work / terms.block(one)),
        server_work=served,
        server_rate=service.rate(one, served),
    )


def outputs(problem: InferenceQueue, decision: Array, raw: tuple[Array, ...]) -> tuple[TaskAllocation, WorkPrice]:
    """Turn splits into the allocation; nan for all users of a decision that one of them cannot carry out."""
    _, _, offloaded, prices = (part.reshape(decision.shape) for part in raw)
    never = hopeless(problem, decision)[..., None]
    return (
        told(problem, decision, np.where(never, np.nan, offloaded)),
        WorkPrice(work_price=np.where(never, np.nan, prices)),
    )


CLOSED_FORM = ClosedForm(blocks, kernel, outputs, "Lambert's W, with a price Newton on its logarithm; batched")


def bounds(problem: InferenceQueue, decision: Array, dual: WorkPrice) -> Array:
    """Return a lower bound of what each user's piece costs, at any price of work, ``(*batch, *candidates, users)``."""
    from mecopt.models.inference_queue.compiled.batch import bounded_blocks

    rows, snr, price, work = blocks(problem, decision)
    prices = plain(np.broadcast_to(dual.work_price, decision.shape).reshape(work.shape), np.float64)
    return np.asarray(bounded_blocks(rows, snr, price, work, prices).reshape(decision.shape))


def left_over(problem: InferenceQueue, decision: Array) -> Array:
    """Return what the tasks are worth that no split lets leave, and those that come, ``(*batch, *candidates, users)``."""
    waiting = np.maximum(problem.aligned(shared(terms.whole_tasks, problem), decision) - decision, 0.0)
    return np.asarray(problem.aligned("backlog_value", decision) * (waiting + problem.aligned("arrivals", decision)))


def response(problem: InferenceQueue, decision: Array, price: Array) -> TaskAllocation:
    """Return the allocation that answers prices of work: what the radio offers at them, cut to what the block allows."""
    rows = shared(terms.rows, problem)
    most, least, work = carried(problem, decision), lower(problem, decision), work_of(problem, decision)

    def aligned(value: Array) -> Array:
        return problem.aligned(value, decision)

    with np.errstate(all="ignore"):
        log_slope = np.log(rows[..., 3]) - np.log(problem.snr_per_watt)
        above = np.maximum(price - aligned(shared(terms.price, problem)), 0.0)
        offered = (np.log(above) - aligned(log_slope)) / aligned(rows[..., 2])
    offered = np.where(np.isnan(offered), 0.0, offered)
    offloaded = np.maximum(np.minimum(offered, np.minimum(most, work)), np.minimum(least, most))
    never = hopeless(problem, decision)[..., None]
    return told(problem, decision, np.where(never, np.nan, offloaded))


# ---------------------------------------------------------------------- what can leave


@of_data
def limits(problem: InferenceQueue) -> tuple[Array, Array]:
    """Return the most tasks that can leave each queue, -1 where none can, and what full power carries of one."""
    from mecopt.models.inference_queue.compiled.batch import limits as found

    rows = shared(terms.rows, problem).reshape(-1, terms.COLUMNS)
    snr, backlog = by_device(problem, problem.snr_per_watt, problem.backlog)
    most, part = found(rows, snr.reshape(-1), backlog.reshape(-1))
    shape = problem.backlog.shape
    return most.reshape(shape), part.reshape(shape)


def carried(problem: InferenceQueue, decision: Array) -> Array:
    """Return the part of a task that full power carries, aligned with decisions."""
    return problem.aligned(shared(limits, problem)[1], decision)


def lower(problem: InferenceQueue, decision: Array) -> Array:
    """Return what has to be offloaded since the processor cannot do it, ``(*batch, *candidates, users)``."""
    work = work_of(problem, decision)
    missing = work - problem.aligned(shared(terms.most_local, problem), decision)
    return np.asarray(np.where(missing <= TOLERATED * work, 0.0, missing))


def impossible(problem: InferenceQueue, decision: Array) -> Array:
    """Whether so many tasks cannot leave each queue, ``(*batch, *candidates, users)``."""
    return np.asarray(decision > problem.aligned(shared(limits, problem)[0], decision))


@once_a_call
def hopeless(problem: InferenceQueue, decision: Array) -> Array:
    """Whether so many tasks cannot leave somebody's queue, ``(*batch, *candidates)``."""
    return np.asarray(impossible(problem, decision).any(axis=-1))


def mended(problem: InferenceQueue, decision: Array) -> Array:
    """Return decisions in which no more tasks leave than can."""
    most = problem.aligned(np.maximum(shared(limits, problem)[0], 0.0), decision)
    return np.minimum(decision, most.astype(np.int64))


def reason(problem: InferenceQueue, decision: Array | None) -> str:
    """Say what keeps the first user's tasks in its queue; one instance. Of no decision (None), why nothing can be done."""
    most, part = shared(limits, problem)
    given = np.zeros(problem.users, dtype=np.int64) if decision is None else decision
    u = int(np.flatnonzero(given > most)[0])
    waiting, local = problem.backlog[u], shared(terms.most_local, problem)[u]
    if given[u] > np.floor(waiting):
        return f"{counted(given[u], 'tasks')} cannot leave the queue of user {u}: its backlog is {waiting:.6g}"
    what = f"{given[u]} task{'' if given[u] == 1 else 's'}" if given[u] else "the started task"
    why = "it has no link" if problem.snr_per_watt[u] == 0.0 else f"with a max_power of {problem.max_power[u]:.6g} W"
    return (
        f"{what} cannot leave the queue of user {u} in one block: at most {local:.6g} are computed, by a cpu_speed of "
        f"{problem.cpu_speed[u]:.6g} cycle/s, and {part[u]:.6g} offloaded, {why}"
    )
