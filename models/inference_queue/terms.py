"""What the mathematics needs of a device: a row of numbers, in tasks, nats, and units of the cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.derived import of_data

if TYPE_CHECKING:
    from mecopt.models.inference_queue.problem import InferenceQueue

Array = NDArray[Any]

LN2 = float(np.log(2.0))
LITERAL = 1.0
"""Number of the second word of the choice `queue`."""
TOLERATED = 1e-12
"""Part of the work by which rounding may put it beyond what device and radio can do."""
COLUMNS = 5
"""Of a row, in the order of `compiled.Device`."""


def per_user(problem: InferenceQueue, name: str) -> Array:
    """Return a field with an entry per user, whatever it is given per: ``(*batch, users)``, or an axis of length 1."""
    value: Array = getattr(problem, name)
    return value if value.ndim == problem.backlog.ndim else value[..., None]


@of_data
def block(problem: InferenceQueue) -> Array:
    """Return n tau, the seconds of a block, with an axis of length 1."""
    with np.errstate(over="ignore"):
        return np.asarray(per_user(problem, "slots") * per_user(problem, "slot"))


@of_data
def most_local(problem: InferenceQueue) -> Array:
    """Return what each device computes in a block at most, in tasks: f_max n tau / W."""
    return np.asarray(problem.cpu_speed / problem.work * block(problem))


@of_data
def nats(problem: InferenceQueue) -> Array:
    """Return L, the nats per channel use of a whole task offloaded in a slot: zeta W ln 2 / (tau B)."""
    bits = problem.output_per_cycle * problem.work
    return np.asarray(bits / problem.bandwidth / per_user(problem, "slot") * LN2)


@of_data
def rows(problem: InferenceQueue) -> Array:
    r"""Return the constants of every device, ``(*batch, users, 5)``, in the order of `compiled.Device`.

    .. math::
        A = w_4 \frac{\xi W^3}{(n\tau)^2}, \quad z_{\max} = \frac{f_{\max} n \tau}{W}, \quad
        L = \frac{\zeta W \ln 2}{\tau B}, \quad h R L = w_4 \Gamma \frac{\zeta W \ln 2}{B}, \quad
        \frac{p_{\max}}{\Gamma} .
    """
    length, gap = block(problem), per_user(problem, "snr_gap")
    with np.errstate(all="ignore"):
        speed = problem.work / length
        columns = (
            problem.energy_weight * (problem.energy_coefficient * speed * speed * problem.work),
            most_local(problem),
            nats(problem),
            problem.energy_weight * gap * (problem.output_per_cycle * problem.work / problem.bandwidth * LN2),
            problem.max_power / gap,
        )
    whole = np.empty((*problem.batch_shape, problem.users, COLUMNS))
    for k, column in enumerate(columns):
        whole[..., k] = column
    return whole


@of_data
def whole_tasks(problem: InferenceQueue) -> Array:
    """Return the whole tasks in each queue, ``(*batch, users)``."""
    return np.asarray(np.floor(problem.backlog))


def most_at_once(local: Array) -> Array:
    """Return the most whole tasks that leave a long queue over a perfect channel: those computed, and one more."""
    return np.asarray(np.floor((local + 1.0) * (1.0 + TOLERATED)))


@of_data
def most_pieces(problem: InferenceQueue) -> Array:
    """Return the most whole tasks that can leave each queue over a perfect channel."""
    return np.asarray(np.minimum(whole_tasks(problem), most_at_once(most_local(problem))))


@of_data
def fraction(problem: InferenceQueue) -> Array:
    """Return the started task in each queue, in [0, 1): 0 unless the queue is literal."""
    return np.asarray(problem.backlog - np.floor(problem.backlog))


@of_data
def price(problem: InferenceQueue) -> Array:
    """Return what a task offloaded costs beside energy: lambda, and where equation (1) is literal what it is worth, too."""
    stays = per_user(problem, "queue") == LITERAL
    return np.asarray(problem.offload_price + np.where(stays, problem.backlog_value, 0.0))
