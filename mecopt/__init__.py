"""Resource allocation in mobile edge computing: solved exactly, certified, and compared honestly.

Every problem here has one shape: a discrete decision (who offloads) around a continuous allocation that is convex
once the decision is fixed. `allocate` answers the inner problem, `solve` the whole one; both return a `Solution` that
carries its certificate.
"""

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

# The first, so that an interrupt while the rest is imported ends quietly.
from mecopt.running import interrupts as interrupts  # isort: skip
from mecopt.contract.certified import Certificate, Statistics, Status
from mecopt.contract.decision import Binary, DecisionSpace
from mecopt.contract.errors import (
    BackendUnavailable,
    InstanceError,
    MecoptError,
    NoSuchInstance,
    SolveFailed,
    StartIgnored,
    UnknownName,
)
from mecopt.contract.limits import Limit
from mecopt.contract.problem import Problem
from mecopt.contract.scenario import Reference, Scenario
from mecopt.contract.solution import Solution
from mecopt.quantities.doubts import AmbiguousShape, DoubtfulData, ImplausibleData, shapes_meant, strict
from mecopt.registry import find_problem, problems
from mecopt.solve import allocate, solve
from mecopt.storage.policies import load_policy

if not (Path(__file__).parent / "models" / "__init__.py").is_file():  # no wheel, and no link of a clone
    found = find_spec("mecopt.models")
    if found is None or found.origin is None:
        raise ImportError(
            "this tree was laid out without symbolic links: mecopt/models and mecopt/learners lead nowhere. Install it by "
            "`pip install .` and work in another folder, or clone it again by `git clone -c core.symlinks=true` (on Windows "
            "in Developer Mode)"
        )

try:
    __version__ = version("mecopt")
except PackageNotFoundError:
    raise ImportError(
        f"mecopt lies in {Path(__file__).parent}, but this Python has not installed it: `pip install .` beside it does"
    ) from None

__all__ = [
    "AmbiguousShape",
    "BackendUnavailable",
    "Binary",
    "Certificate",
    "DecisionSpace",
    "DoubtfulData",
    "ImplausibleData",
    "InstanceError",
    "Limit",
    "MecoptError",
    "NoSuchInstance",
    "Problem",
    "Reference",
    "Scenario",
    "Solution",
    "SolveFailed",
    "StartIgnored",
    "Statistics",
    "Status",
    "UnknownName",
    "__version__",
    "allocate",
    "find_problem",
    "load_policy",
    "problems",
    "shapes_meant",
    "solve",
    "strict",
]
