"""A wheel of one platform, where it is given compiled kernels; the pure one otherwise.

    python -m pip wheel . --no-deps --config-settings=--build-option=--prebuilt=FILE

Its tag names the interpreter and the platform of who builds it, as for any compiled code: cp311-cp311-linux_x86_64. It can
be installed wherever the tag says; where its kernels are for another processor, numba or llvmlite, they lie unused.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import ClassVar

from setuptools.command.bdist_wheel import bdist_wheel

PLACE = Path("mecopt", "kernels")
"""Where mecopt looks for it."""


class Wheel(bdist_wheel):
    """The wheel of setuptools, with an archive of `tools/prebuilt.py` if one is named."""

    user_options: ClassVar = [
        *bdist_wheel.user_options,
        ("prebuilt=", None, "archive of kernels that tools/prebuilt.py made"),
    ]

    def initialize_options(self) -> None:
        """Name no archive."""
        super().initialize_options()
        self.prebuilt: str | None = None

    def finalize_options(self) -> None:
        """Say that what holds machine code is of a platform."""
        if self.prebuilt is not None:
            self.distribution.has_ext_modules = lambda: True
        super().finalize_options()

    def write_wheelfile(self, wheelfile_base: str, **named: str) -> None:
        """Add the archive to what was laid out, before it is packed."""
        super().write_wheelfile(wheelfile_base, **named)
        if self.prebuilt is not None:
            shutil.copyfile(self.prebuilt, Path(self.bdist_dir) / PLACE / Path(self.prebuilt).name)
