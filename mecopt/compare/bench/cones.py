"""Conic solvers called without a modelling layer, on the very cone program that each model writes for cvxpy.

``minimise q . x`` under ``A x + s = b``, s in a product of cones. A, b and q are affine in the numbers of an instance; which
number goes where is found once per shape, by changing one after the other. What is timed is what one would write by hand:
the numbers of the instance, one sparse product that puts them in place, and the solver.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mecopt.backends.conic import Conic, ConicModel
from mecopt.compare.bench.rivals import TOL, Prepared, Rival
from mecopt.contract.derived import forget
from mecopt.contract.problem import Problem

Array = NDArray[Any]

TIGHTER = 0.1
"""What conic solvers are given of a tolerance, as `mecopt.backends.conic` does."""

ENDED = ("Solved", "AlmostSolved")
"""Words of either solver for an answer; whether it is one is seen from its value."""


@dataclass(frozen=True)
class Layout:
    """Where the numbers of a shape go: ``(values of A, b, q) = constant + matrix @ numbers``."""

    names: tuple[str, ...]
    constant: Array
    matrix: sparse.csr_matrix
    rows: Array
    """Of the entries of A."""
    columns: Array
    shape: tuple[int, int]
    cones: Mapping[str, Any]
    """Sizes by kind: zero, nonnegative, second-order, exponential."""

    def filled(self, numbers: Mapping[str, Any]) -> tuple[Array, Array, Array]:
        """Return the values of A, b and q."""
        found = self.constant + self.matrix @ _flat(self.names, numbers)
        entries = self.rows.size
        return found[:entries], found[entries : entries + self.shape[0]], found[entries + self.shape[0] :]


def _flat(names: tuple[str, ...], numbers: Mapping[str, Any]) -> Array:
    return np.concatenate([np.ravel(numbers[name]) for name in names])


def laid_out(model: ConicModel, problem: Problem, decision: Array) -> Layout:
    """Find the layout of a shape by changing one number of an instance after the other."""
    program = model.program(problem, decision)
    numbers = {name: np.asarray(value, float) for name, value in model.numbers(problem, decision).items()}
    names = tuple(sorted(numbers))

    def written(changed: Mapping[str, Array]) -> tuple[sparse.csc_matrix, Array, Any]:
        for name, value in changed.items():
            program.parameters[name].value = value
        data, _, _ = program.problem.get_problem_data("CLARABEL")
        return sparse.csc_matrix(data["A"]), np.concatenate([data["b"], data["c"]]), data["dims"]

    base, vector, dims = written(numbers)
    moved: list[tuple[sparse.coo_matrix, Array]] = []
    for name in names:
        value = numbers[name]
        for place in np.ndindex(value.shape):
            step = abs(float(value[place])) or 1.0
            other = value.copy()
            other[place] += step
            matrix, both, _ = written({name: other})
            moved.append((((matrix - base) / step).tocoo(), (both - vector) / step))
        written({name: value})
    size = base.shape
    places = [_places(base), *(_places(matrix) for matrix, _ in moved)]
    pattern = np.unique(np.concatenate(places))  # by columns, and by rows in each
    columns, rows = np.divmod(pattern, size[0])
    found = [
        np.concatenate([np.searchsorted(pattern, place), pattern.size + np.flatnonzero(both)])
        for place, (_, both) in zip(places[1:], moved, strict=True)
    ]
    values = [np.concatenate([matrix.data, both[both != 0]]) for matrix, both in moved]
    which = np.repeat(np.arange(len(moved)), [len(one) for one in found])
    matrix = sparse.csr_matrix(
        (np.concatenate(values), (np.concatenate(found), which)), (pattern.size + vector.size, len(moved))
    )
    entries = np.zeros(pattern.size)
    entries[np.searchsorted(pattern, places[0])] = base.tocoo().data
    cones = {"zero": dims.zero, "nonneg": dims.nonneg, "soc": list(dims.soc), "exp": dims.exp}
    constant = np.concatenate([entries, vector]) - matrix @ _flat(names, numbers)
    return Layout(names, constant, matrix, rows, columns, size, cones)


def _places(matrix: Any) -> Array:
    """Return where the entries of a matrix stand, columns one after the other."""
    found = matrix.tocoo()
    return np.asarray(found.col.astype(np.int64) * matrix.shape[0] + found.row)


class _OnCones(Rival):
    """Base: the layout of every shape is kept."""

    def __init__(self) -> None:
        self._layouts: dict[tuple[str, Hashable], Layout] = {}

    def takes(self, cls: type[Problem]) -> bool:
        """Whether a problem has a cone program of its decisions."""
        return _model(cls) is not None

    def layout(self, problem: Problem, decision: Array) -> Layout:
        """Return the layout of an instance's shape."""
        model = _model(type(problem))
        assert model is not None
        key = (problem.name, model.shape(problem, decision))
        if key not in self._layouts:
            self._layouts[key] = laid_out(model, problem, decision)
        return self._layouts[key]


def _model(cls: type[Problem]) -> ConicModel | None:
    """Return the cone program that a problem hands to Clarabel by cvxpy."""
    found = cls.backends.get("clarabel")
    return found.model if isinstance(found, Conic) else None


def _objective(problem: Problem, decision: Array, layout: Layout, x: Array, z: Array) -> float:
    """Return the problem's own objective at the solver's point."""
    model = _model(type(problem))
    assert model is not None
    program = model.program(problem, decision)
    data, _, _ = program.problem.get_problem_data("CLARABEL")
    first = data["param_prob"].var_id_to_col
    values = {
        name: x[first[v.id] : first[v.id] + v.size].reshape(v.shape, order="F") for name, v in program.variables.items()
    }
    multipliers, ends = {}, 0
    sizes = {constraint.id: constraint.size for constraint in program.constraints.values()}
    places = {}
    for constraint in data["param_prob"].constraints:
        places[constraint.id] = z[ends : ends + sizes[constraint.id]]
        ends += sizes[constraint.id]
    for name, constraint in program.constraints.items():
        multipliers[name] = places[constraint.id]
    allocation, _ = model.read(problem, decision, values, multipliers)
    return float(problem.objective(decision, allocation))


class ClarabelDirect(_OnCones):
    """Clarabel by its own interface; a solver per instance: one that is refilled keeps the scaling of its first numbers."""

    name = "Clarabel, called directly"
    summary = "the model's cone program in Clarabel's own interface, its matrix laid out once per shape"
    package = "clarabel"
    imports = ("clarabel", "cvxpy")

    def prepared(self, problem: Problem, decision: Array | None) -> Prepared:
        """Lay the program out."""
        import clarabel

        assert decision is not None
        model, layout = _model(type(problem)), self.layout(problem, decision)
        assert model is not None
        settings = clarabel.DefaultSettings()
        settings.verbose = settings.presolve_enable = settings.input_sparse_dropzeros = False
        settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = TIGHTER * TOL
        sizes = layout.cones
        cones = [clarabel.ZeroConeT(sizes["zero"])] if sizes["zero"] else []
        cones += [clarabel.NonnegativeConeT(sizes["nonneg"])] if sizes["nonneg"] else []
        cones += [clarabel.SecondOrderConeT(size) for size in sizes["soc"]]
        cones += [clarabel.ExponentialConeT()] * sizes["exp"]
        nothing = sparse.csc_matrix((layout.shape[1], layout.shape[1]))
        pattern = sparse.csc_matrix((np.ones(layout.rows.size), (layout.rows, layout.columns)), layout.shape)

        def built() -> Any:
            values, limits, costs = layout.filled(model.numbers(problem, decision))
            matrix = sparse.csc_matrix((values, pattern.indices, pattern.indptr), layout.shape)
            return clarabel.DefaultSolver(nothing, costs, matrix, limits, cones, settings)

        def value(answer: Any) -> float:
            if str(answer.status) not in ENDED:
                return float("nan")
            return _objective(problem, decision, layout, np.asarray(answer.x), np.asarray(answer.z))

        ready = built()
        return Prepared(lambda: built().solve(), value, ready.solve)


class MoreauDirect(_OnCones):
    """Moreau's compiled solver, one instance or a batch with a structure in common."""

    name = "Moreau, called directly"
    summary = "the model's cone program in Moreau's own interface, compiled once per shape"
    package = "moreau"
    extra = "moreau"
    imports = ("moreau", "cvxpy")
    batches = True

    def __init__(self) -> None:
        super().__init__()
        self._compiled: dict[tuple[int, int], Any] = {}

    def prepared(self, problem: Problem, decision: Array | None) -> Prepared:
        """Compile the program."""
        assert decision is not None
        model = _model(type(problem))
        assert model is not None
        flat, decisions = problem.paired(decision)
        singles = [(flat[i], decisions[i]) for i in range(len(decisions))]
        layout = self.layout(*singles[0])
        solver, order = self._solver(layout, len(singles))
        quadratic = np.zeros((len(singles), 0))

        def ready() -> tuple[Array, Array]:
            forget(*(one for one, _ in singles))
            values, limits, costs = zip(*(layout.filled(model.numbers(*one)) for one in singles), strict=True)
            solver.setup(quadratic, np.stack(values)[:, order])
            return np.stack(costs), np.stack(limits)

        def value(answer: Any) -> Array:
            ended = [status.name for status in solver.info.status]
            found = [
                _objective(*one, layout, x, z) if status in ENDED else float("nan")
                for one, x, z, status in zip(singles, answer.x, answer.z, ended, strict=True)
            ]
            return np.reshape(found, problem.decision_space.lead(decision))

        costs, limits = ready()
        return Prepared(lambda: solver.solve(*ready()), value, lambda: solver.solve(costs, limits))

    def _solver(self, layout: Layout, count: int) -> tuple[Any, Array]:
        """Return a compiled solver, and the order in which it takes the entries of A: by rows."""
        import moreau

        order = np.lexsort((layout.columns, layout.rows))
        key = (id(layout), count)
        if key not in self._compiled:
            sizes = layout.cones
            cones = moreau.Cones(
                num_zero_cones=sizes["zero"],
                num_nonneg_cones=sizes["nonneg"],
                so_cone_dims=sizes["soc"],
                num_exp_cones=sizes["exp"],
            )
            tight = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), TIGHTER * TOL)
            settings = moreau.Settings(device="cpu", batch_size=count, ipm_settings=moreau.IPMSettings(**tight))
            offsets = np.concatenate([[0], np.cumsum(np.bincount(layout.rows, minlength=layout.shape[0]))])
            self._compiled[key] = moreau.CompiledSolver(
                n=layout.shape[1],
                m=layout.shape[0],
                P_row_offsets=np.zeros(layout.shape[1] + 1, dtype=int),
                P_col_indices=np.zeros(0, dtype=int),
                A_row_offsets=offsets,
                A_col_indices=layout.columns[order],
                cones=cones,
                settings=settings,
            )
        return self._compiled[key], order


CONES: tuple[Rival, ...] = (ClarabelDirect(), MoreauDirect())
