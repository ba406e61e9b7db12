"""Modules that lie beside the package: examples, pictures, extensions of the documentation."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

EXAMPLES = Path(__file__).parents[2] / "examples"


def module_of(path: Path, name: str | None = None) -> ModuleType:
    """Return a file as a module of its own, fresh at every call, so that a test may change it."""
    chosen = path.stem if name is None else name
    spec = importlib.util.spec_from_file_location(chosen, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[chosen] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def example(name: str) -> ModuleType:
    """Return an example as a module."""
    return module_of(EXAMPLES / f"{name}.py")
