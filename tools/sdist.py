"""The source archive holds the tree as it is, its two links included, which setuptools alone would leave out or copy."""

from __future__ import annotations

import os
from collections.abc import Sequence

from setuptools.command.sdist import sdist

LINKS = ("mecopt/models", "mecopt/learners")
CACHED = (".pyc", ".nbi", ".nbc")


class Sdist(sdist):
    """The archive of setuptools with the links `mecopt/models` and `mecopt/learners`."""

    def make_release_tree(self, base_dir: str, files: Sequence[str]) -> None:
        """Lay out what MANIFEST.in names, and then the links, which are none in a clone without symbolic links."""
        through = tuple(f"{link}/" for link in LINKS)
        named = [name.replace(os.sep, "/") for name in files]
        super().make_release_tree(base_dir, [n for n in named if not n.startswith(through) and not n.endswith(CACHED)])
        for link in LINKS:
            path = os.path.join(base_dir, link)
            if os.path.lexists(path):
                os.unlink(path)
            os.symlink(f"../{os.path.basename(link)}", path)
