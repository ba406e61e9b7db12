"""Where code stands: modules import each other in no circle, and every room is small enough to be one idea."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]

MOST_LINES = 400


def test_the_machinery_imports_itself_in_no_circle() -> None:
    """Imports inside functions and for type checkers count as any other."""
    graph = grimp.build_graph("mecopt", exclude_type_checking_imports=False, cache_dir=None)
    machinery = [name for name in graph.modules if name.split(".")[1:2] not in (["models"], ["learners"])]
    imports = {name: graph.find_modules_directly_imported_by(name) for name in machinery}
    assert len(imports) > 100
    assert sum(map(len, imports.values())) > len(imports)
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(f"imports go round in a circle: {' <- '.join(error.args[1])}")


def test_no_room_is_a_hall() -> None:
    rooms = [room for folder in ("mecopt", "models", "learners") for room in (ROOT / folder).glob("**/*.py")]
    lines = {room.relative_to(ROOT).as_posix(): len(room.read_text(encoding="utf-8").splitlines()) for room in rooms}
    own = {name: count for name, count in lines.items() if not name.startswith(("mecopt/models/", "mecopt/learners/"))}
    assert len(own) > 300
    assert not {name: count for name, count in own.items() if count > MOST_LINES}
