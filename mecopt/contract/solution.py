"""What an answer is: its numbers with their certificate, and how readers get at them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mecopt.contract.certified import Certified
from mecopt.contract.fields import AllocationT, DualT, Variables
from mecopt.show import rows as tables
from mecopt.show import solution as shown
from mecopt.show.page import Page


@dataclass(frozen=True, eq=False)
class Solution(Certified[AllocationT, DualT]):
    """An answer to a problem, with its certificate.

    It is equal to itself only, and neither true nor false: what two answers share is a question to their arrays, how good
    one is a question to its `status`.

    `objective` and `violation` are recomputed from the problem's own formulas; `bound` is weak duality at a dual, or what
    mecopt's own exact search proved by its closed tree; none is copied from an outside solver. Where nothing is proved the
    bound is infinite and so is the gap. All arrays have the shape of the batch (and of the candidates, if several decisions
    per instance were asked for). Type checkers and editors know allocation and dual by the problem's variables.
    """

    def to_arrow(self, names: Mapping[str, tuple[Any, ...]] | None = None) -> Any:
        """Return a row per instance and user as an Arrow table; `names` is `Dataset.names`, numbers from 0 without it."""
        return tables.to_arrow(self, names)

    def to_frame(self, names: Mapping[str, tuple[Any, ...]] | None = None) -> Any:
        """Return the table of `to_arrow` as a pandas data frame.

        Raises
        ------
        BackendUnavailable
            if pandas is not installed.
        """
        return tables.to_frame(self, names)

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists and numbers, fit for JSON; non-finite numbers become None, complex ones two parts."""

        def plain(value: Any) -> Any:
            array = np.asarray(value)
            if array.dtype.kind == "c":
                return {"real": plain(array.real), "imaginary": plain(array.imag)}
            if array.dtype.kind == "f":
                numbers = array.astype(object)
                numbers[~np.isfinite(array)] = None
                return numbers.tolist()
            return array.tolist()

        def variables(values: Variables | None) -> dict[str, Any] | None:
            return None if values is None else {name: plain(value) for name, value in values.as_dict().items()}

        names = np.vectorize(lambda status: status.name, otypes=[object])(np.asarray(self.status, dtype=object))
        return {
            "problem": self.problem.name,
            "method": self.stats.method,
            "status": names.tolist(),
            "objective": plain(self.objective),
            "objective_unit": self.problem.objective_unit,
            "bound": plain(self.bound),
            "gap": plain(self.gap),
            "violation": plain(self.violation),
            "decision": plain(self.decision),
            "allocation": variables(self.allocation),
            "per_user": {name: plain(value) for name, value in self.per_user().items()},
            "dual": variables(self.dual),
            "iterations": plain(self.stats.iterations),
            "solver_calls": plain(self.stats.solver_calls),
            "model_seconds": self.stats.model_seconds,
            "solve_seconds": self.stats.solve_seconds,
            "predict_seconds": self.stats.predict_seconds,
            "compile_seconds": self.stats.compile_seconds,
            "load_seconds": self.stats.load_seconds,
            "start_used": self.stats.start_used,
            "messages": {str(k): v for k, v in self.stats.messages.items()},
        }

    def table(self, rows: Iterable[int] | slice | None = None) -> Page:
        """Return a page of rows, to be printed or shown: users of a single answer, instances of a batch; all by default.

        Parameters
        ----------
        rows
            numbers of users (or, in a batch, of instances, counted through), as ``range(100, 200)``,
            ``slice(100, 200)`` or ``[17, 58]``.

        Examples
        --------
        >>> import mecopt
        >>> from mecopt.models import BinaryOffloading
        >>> mecopt.solve(BinaryOffloading(data_size=[12.0, 7.5, 20.1], capacity=30.0)).table([0, 2])
        binary-offloading, OPTIMAL by exact
        <BLANKLINE>
        user  decision  server rate [MB/s]
           0  offload              9.72514
           2  offload              12.5865
        """
        return shown.table(self, rows)

    def plot(self) -> Any:
        """Return the answer as a figure of matplotlib: what each user has and pays, and prices; or the answers of a batch.

        Raises
        ------
        InstanceError
            if no instance has an answer.
        """
        from mecopt.show.answer import pictured
        from mecopt.show.drawn import drawn

        return drawn(pictured(self))

    def _line(self) -> str:
        return shown.line(self)

    def _page(self) -> Page:
        return shown.page(self)
