"""`mecopt warm-up` leaves nothing to compile: for no verb, no method, no preset, and no layout of arrays."""

import json
import subprocess
import sys

import pytest

from mecopt.registry import problem_names

LISTENING = """
import json, sys
import numba.core.event as event

class Heard(event.Listener):
    kernels = []
    def on_start(self, started):
        function = started.data["dispatcher"].py_func
        self.kernels.append(f"{function.__module__}.{function.__qualname__} for {started.data['args']}")
    def on_end(self, ended):
        pass

event.register("numba:compile", Heard())
"""

WARMING = """
from mecopt.registry import find_problem
from mecopt.running.warm_up import steps
for step in steps(find_problem(sys.argv[1])):
    step()
"""

USING = """
import tempfile
import numpy as np
import mecopt
from mecopt.running import clock
from mecopt.contract.backend import Feature
from mecopt.compare import compare, default_methods
from mecopt.dynamic import Choices, State, luck, policy_of, rollout
from mecopt.registry import dynamics_names, find_dynamics, find_problem
from mecopt.storage.policies import all_shipped
from mecopt.contract.warmstart import from_dual

cls = find_problem(sys.argv[1])

def readonly(array):
    copy = np.array(array)
    copy.flags.writeable = False
    return copy

LAYOUTS = {
    "as it is": np.array,
    "Fortran": np.asfortranarray,
    "read-only": readonly,
    "reversed": lambda array: np.array(array)[..., ::-1].copy()[..., ::-1],
    "strided": lambda array: np.repeat(np.array(array), 2, axis=-1)[..., ::2] if np.ndim(array) else array,
    "broadcast": lambda array: np.broadcast_to(array, np.shape(array)),
    "list": lambda array: np.array(array).tolist(),
}

def sizes(users):
    return {name: {"users": users, "servers": 3}.get(name, 2) for name in cls.size_names()}

def decisions(problem, *shape):
    return problem.decision_space.sample(np.random.default_rng(0), (*problem.batch_shape, *shape))

def outside(method):
    return method.package is not None

for preset in cls.presets:
    # layouts of the data and of decisions
    problem = cls.sample(np.random.default_rng(0), (2,), preset=preset, **sizes(3))
    some = decisions(problem, 3)
    for layout in LAYOUTS.values():
        other = cls(**{name: layout(value) for name, value in problem.data().items()})
        mecopt.solve(other, throw=False)
        given = layout(some)
        answer = mecopt.allocate(other, given, throw=False)
        other.optimal_value(np.asarray(given))
        dual = type(answer.dual)(**{name: np.asarray(layout(value)) for name, value in answer.dual.as_dict().items()})
        if np.isfinite(np.concatenate([np.ravel(value) for value in dual.as_dict().values()])).all():
            from_dual(other, given, dual)
    # parts of a batch, batches of batches, one instance, one user
    whole = cls.sample(np.random.default_rng(1), (2, 2), preset=preset, **sizes(3))
    alone = cls.sample(np.random.default_rng(2), preset=preset, **sizes(1))
    for part in (whole, whole[0], whole[:, 1], whole[0][::2], whole[1, 1], whole.flat()[[0, 3]], alone):
        mecopt.solve(part, throw=False)
        mecopt.allocate(part, decisions(part), throw=False)
        mecopt.allocate(part, decisions(part, 2, 2), throw=False)
    # methods, their starts and their limits
    small = cls.sample(np.random.default_rng(3), (2,), preset=preset, **sizes(3))
    for name, solver in cls.solvers.items():
        if not outside(solver):
            try:
                answer = mecopt.solve(small, solver=name, throw=False, gap=1e-2, time_limit=5.0)
            except mecopt.InstanceError:  # a theorem's own algorithm, where the theorem does not hold
                continue
            if Feature.WARM_PRIMAL in solver.features:
                mecopt.solve(small, solver=name, start=answer, throw=False)
                mecopt.solve(small[0], solver=name, start=decisions(small[0]), throw=False)
    for name, backend in cls.backends.items():
        if not outside(backend):
            answer = mecopt.allocate(small, decisions(small), backend=name, throw=False)
            if backend.features & (Feature.WARM_PRIMAL | Feature.WARM_PRIMAL_DUAL):
                mecopt.allocate(small, decisions(small), backend=name, start=answer, throw=False)

for policy in all_shipped(cls.name, "proposer"):
    preset = policy.card.get("preset", "paper")
    fitting = cls.sample(np.random.default_rng(4), (2,), preset=preset, **policy.sizes)
    with tempfile.TemporaryDirectory() as folder:
        compare(fitting, default_methods(fitting), out=folder, jobs=1)

if cls.name in dynamics_names():
    dynamics = find_dynamics(cls.name)()
    path = dynamics.stream(np.random.default_rng(5), 3, 2)
    for name in dynamics.policies():
        found = rollout(dynamics, path, policy_of(dynamics, name), np.random.default_rng(6))
        if dynamics.control_variate() is not None:
            luck(dynamics.control_variate(), path, found)
    for actions in dynamics.worlds():
        world = dynamics.world(actions)
        for slots, lanes in ((path[0], (2,)), (path[0, 0], ())):
            chooses = isinstance(world.acted, Choices)
            action = np.zeros(lanes, dtype=int) if chooses else np.full((*lanes, *world.acted.shape), world.acted.high)
            state = State(slots, world.prepared(slots, np.random.default_rng(7)))
            world.observation(world.transition(state, action, np.random.default_rng(7)))

try:
    lesson = cls.lesson()
except mecopt.InstanceError:
    lesson = None
if lesson is not None:
    lesson.run(8)

print(json.dumps([*Heard.kernels, *([clock.compiled_seconds()] if clock.compiled_seconds() else [])]))
"""


def run(code: str, *arguments: str) -> str:
    command = [sys.executable, "-c", LISTENING + code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", problem_names())
def test_after_it_nothing_is_compiled(name: str) -> None:
    run(WARMING, name)
    compiled = json.loads(run(USING, name))
    assert not compiled, "\n".join(map(str, compiled))
