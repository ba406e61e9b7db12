"""Pyomo models as HiGHS and SCIP take them, in any number of threads, with nothing of the process redirected."""

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import mecopt
from mecopt.backends.written import Linear, nonlinear, scip_model, tangents
from mecopt.models import BinaryOffloading

pyo = pytest.importorskip("pyomo.environ")


def knapsack(sense: Any = None) -> Any:
    """Most of 3 x + 2 y + z with x, y in {0, 1}, integer z in 0..4, a fixed variable, an equation, and a range."""
    model = pyo.ConcreteModel()
    model.x, model.y = pyo.Var(domain=pyo.Binary), pyo.Var(domain=pyo.Binary)
    model.z = pyo.Var(domain=pyo.Integers, bounds=(0, 4))
    model.held, model.free = pyo.Var(initialize=2.0), pyo.Var()
    model.held.fix()
    model.room = pyo.Constraint(expr=2 * model.x + model.y + model.z + model.held <= 6)
    model.equal = pyo.Constraint(expr=model.free == model.z - 1)
    model.between = pyo.Constraint(expr=(-1, model.free, 2))
    model.worth = pyo.Objective(expr=3 * model.x + 2 * model.y + model.z + 5, sense=pyo.maximize)
    return model


def test_the_linear_part_is_written_whole() -> None:
    model = knapsack()
    master = Linear(model, {"mip_rel_gap": 0.0})
    assert master.run(None) == "Optimal"
    assert master.value == master.bound == 11.0
    found = {one.name: round(level) for one, level in zip(master.variables, master.levels(), strict=True)}
    assert found == {"x": 1, "y": 1, "z": 1, "free": 0}
    master.add([([model.x], [1.0], -np.inf, 0.0)])
    assert master.run(None) == "Optimal"
    assert master.value == 10.0


def test_what_cannot_be_is_said_in_the_words_of_the_solver() -> None:
    model = knapsack()
    model.never = pyo.Constraint(expr=model.x + model.y >= 3)
    assert Linear(model, {}).run(None) == "Infeasible"


def test_tangents_lie_below_a_convex_function_and_touch_it() -> None:
    model = pyo.ConcreteModel()
    model.x, model.y = pyo.Var(bounds=(-2.0, 2.0), initialize=0.7), pyo.Var(bounds=(-9.0, 99.0), initialize=0.0)
    model.curve = pyo.Constraint(expr=pyo.exp(model.x) + model.x**2 - model.y <= 0.0)
    ((variables, slopes, lower, upper),) = tangents(nonlinear(model))
    by_name = dict(zip((one.name for one in variables), slopes, strict=True))
    assert lower == -np.inf
    for x in np.linspace(-2.0, 2.0, 41):
        y = np.exp(x) + x**2
        assert by_name["x"] * x + by_name["y"] * y <= upper + 1e-12
    assert by_name["x"] * 0.7 + by_name["y"] * (np.exp(0.7) + 0.49) == pytest.approx(upper, abs=1e-12)


@pytest.mark.parametrize("sense", ["minimize", "maximize"])
def test_scip_is_told_functions_products_ranges_and_the_sense(sense: str) -> None:
    pytest.importorskip("pyscipopt")
    model = pyo.ConcreteModel()
    model.x, model.y = pyo.Var(bounds=(0.5, 3.0)), pyo.Var(bounds=(0.0, 9.0))
    model.half = pyo.Param(initialize=0.5, mutable=True)
    model.held = pyo.Var(initialize=4.0)
    model.held.fix()
    model.between = pyo.Constraint(expr=(1.0, model.x * model.y, 4.0))
    model.least = pyo.Constraint(expr=model.y * model.held >= model.x * 4.0)
    part = pyo.exp(model.x) + pyo.log(model.y + 1.0) - pyo.sqrt(model.x) / 2 - model.half * model.x**2
    model.objective = pyo.Objective(expr=part, sense=getattr(pyo, sense))
    written, pairs = scip_model(model)
    written.optimize()
    x, y = np.meshgrid(np.linspace(0.5, 3.0, 2001), np.linspace(0.0, 9.0, 2001))
    allowed = (x * y >= 1.0 - 1e-9) & (x * y <= 4.0 + 1e-9) & (y >= x - 1e-9)
    value = np.where(allowed, np.exp(x) + np.log(y + 1.0) - np.sqrt(x) / 2 - 0.5 * x**2, np.nan)
    best = np.nanmin(value) if sense == "minimize" else np.nanmax(value)
    assert written.getObjVal() == pytest.approx(best, abs=2e-2)
    assert {variable.name for variable, _ in pairs} == {"x", "y"}


SIDE_BY_SIDE = """
import faulthandler, sys, threading
import numpy as np
import mecopt
from mecopt.models import BinaryOffloading

faulthandler.dump_traceback_later(300, exit=True)
sys.setswitchinterval(1e-5)
names, batch = sys.argv[1:], BinaryOffloading.sample(np.random.default_rng(0), (6,), users=5, preset="heterogeneous")
def answers(name):
    solution = mecopt.solve(batch, solver=name)
    return solution.decision.tolist(), solution.objective.tolist(), solution.stats.claimed_bound.tolist()
alone, found = {name: answers(name) for name in names}, []
threads = [threading.Thread(target=lambda name=name: found.append((name, answers(name)))) for name in 2 * names]
for thread in threads:
    thread.start()
for _ in range(200):
    print("beside")
for thread in threads:
    thread.join()
print(len(found) == 2 * len(names) and all(answer == alone[name] for name, answer in found))
"""


def test_threads_side_by_side_answer_as_alone_and_what_others_print_stays_where_it_belongs() -> None:
    names = [name for name in ("highs", "scip") if BinaryOffloading.solvers[name].is_available()]
    done = subprocess.run([sys.executable, "-c", SIDE_BY_SIDE, *names], capture_output=True, text=True, check=False)
    assert done.stdout == "beside\n" * 200 + "True\n", done.stderr


@pytest.mark.parametrize("name", ["highs", "scip"])
def test_outside_solvers_print_nothing(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    if not BinaryOffloading.solvers[name].is_available():
        pytest.skip(f"{name} is not installed")
    problem = BinaryOffloading.sample(np.random.default_rng(0), users=5, preset="heterogeneous")
    start = mecopt.solve(problem)
    mecopt.solve(problem, solver=name)
    mecopt.solve(problem, solver=name, start=start)
    assert capfd.readouterr() == ("", "")


INTERRUPTED = """
import os, signal, threading
signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs in the background are born deaf
import numpy as np
import pyomo.environ as pyo
from mecopt.backends.written import Linear

rng, model = np.random.default_rng(0), pyo.ConcreteModel()
model.x = pyo.Var(range(60), domain=pyo.Binary)
model.rows = pyo.ConstraintList()
for _ in range(40):
    model.rows.add(pyo.quicksum(float(a) * model.x[i] for i, a in enumerate(rng.integers(1, 1000, 60))) <= 9000)
worth = [float(c) for c in rng.integers(1, 1000, 60)]
model.total = pyo.Objective(expr=pyo.quicksum(worth[i] * model.x[i] for i in range(60)), sense=-1)
master = Linear(model, {"mip_rel_gap": 0.0})
begun = master._highs.run
def run():
    os.kill(os.getpid(), signal.SIGINT)
    begun()
master._highs.run = run
try:
    master.run(None)
    print("went on")
except KeyboardInterrupt:
    print("stopped", threading.active_count())
"""


@pytest.mark.skipif(os.name == "nt", reason="a process of Windows cannot send itself Ctrl-C alone")
def test_ctrl_c_stops_highs() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=False)
    assert done.stdout == "stopped 1\n", done.stdout + done.stderr


def test_a_model_whose_variables_are_all_fixed_is_solved_by_highs_and_by_scip() -> None:
    model = pyo.ConcreteModel()
    model.x = pyo.Var(bounds=(0.0, 2.0))
    model.x.fix(1.0)
    model.row = pyo.Constraint(expr=model.x <= 1.5)
    model.total = pyo.Objective(expr=3.0 * model.x)
    master = Linear(model, {})
    assert master.run(None) == "Optimal"
    assert (master.value, master.bound) == (3.0, 3.0)
    pytest.importorskip("pyscipopt")
    written, pairs = scip_model(model)
    written.optimize()
    assert written.getStatus() == "optimal"
    assert written.getObjVal() == pytest.approx(3.0)
    assert pairs == []


@pytest.mark.parametrize(
    ("ended", "limit"),
    [
        ("Unknown", None),
        ("Unknown", 60.0),
        ("Solve error", 60.0),
        ("Time limit reached", None),
        ("Time limit reached", 0.05),
    ],
)
def test_a_master_that_stops_is_told_from_one_whose_time_is_up(
    ended: str, limit: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands is the best decision so far, here the first one, judged by our own proof."""
    instance = BinaryOffloading.sample(np.random.default_rng(6), users=5, preset="heterogeneous")
    first = mecopt.solve(instance, solver="all-local")
    assert first.objective > mecopt.solve(instance).objective * 1.01
    monkeypatch.setattr(Linear, "run", lambda self, time_limit: ended)
    answer = mecopt.solve(instance, solver="highs", time_limit=limit)
    assert answer.objective == first.objective
    assert answer.bound <= mecopt.solve(instance).objective * (1.0 + 1e-9)
    if ended == "Time limit reached":
        assert answer.status is mecopt.Status.LIMIT
    else:
        assert answer.status is mecopt.Status.FEASIBLE
        assert answer.stats.messages == {0: f"highs: the master stopped: {ended}; what stands is the best found before that"}
