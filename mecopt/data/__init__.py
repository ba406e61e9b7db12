"""Instances in and out: JSON by hand, NPZ for batches, and the authors' .mat layout with stored optima.

Nothing here unpickles. Files are written whole or not at all: to a temporary name first, then renamed. Beside every file
that is written stands a data card, ``<file name>.card.md``, which says what it holds and how its labels were made.
"""

from mecopt.data.dataset import Dataset, Labels, digest
from mecopt.data.files import load, save
from mecopt.data.frames import from_frame, read_frame
from mecopt.data.mapping import from_mapping
from mecopt.data.schema import schema
from mecopt.quantities.values import in_units

__all__ = ["Dataset", "Labels", "digest", "from_frame", "from_mapping", "in_units", "load", "read_frame", "save", "schema"]
