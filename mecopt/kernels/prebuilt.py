"""Kernels that come with mecopt, compiled beforehand for a processor that most others contain.

A platform wheel has an archive of them beside this file; a checkout and the pure wheel have none. What a user's own caches
lack is taken from it before anything is compiled. It is a zip of the same sealed files, each found by the same key, in which
the baseline stands for the processor; it is read only where nobody can have written it who could not have changed mecopt. An
archive of other sources, another Python, numba or llvmlite, or for a processor that this one does not contain, and what is
damaged in one, are as good as missing.

Kernels for the very processor may be faster. Where they are in the caches they come first; `mecopt warm-up --this-processor`
compiles them.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import io
import json
import os
import re
import sys
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mecopt.kernels.caches import file_name, own_digest, trusted, unsealed

FOLDER = Path(__file__).parent

SWITCH = "MECOPT_PREBUILT"
"""Environment variable: 0 leaves the archive alone."""

ABOUT = "about.json"
"""Member of an archive: what it was built for and with, and the problems whose kernels it has."""

Target = tuple[str, str, str]
"""What numba compiles for: LLVM's triple, name of the processor, features."""


@dataclass(frozen=True)
class Baseline:
    """A processor that others contain, by the name and the features that LLVM knows it by."""

    name: str
    features: tuple[str, ...]

    @property
    def flags(self) -> str:
        """The features as LLVM takes them."""
        return ",".join(f"+{feature}" for feature in self.features)

    @property
    def settings(self) -> dict[str, str]:
        """Environment in which numba compiles for it."""
        return {"NUMBA_CPU_NAME": self.name, "NUMBA_CPU_FEATURES": self.flags}

    @property
    def archive(self) -> str:
        """Name of the file with its kernels."""
        return f"prebuilt-{self.name}.zip"


X86_64_V3 = Baseline(
    "x86-64-v3",
    (
        *("cmov", "cx8", "fxsr", "mmx", "sse", "sse2"),
        *("cx16", "sahf", "popcnt", "sse3", "sse4.1", "sse4.2", "ssse3"),
        *("avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe", "xsave"),
    ),
)
"""The third level of the x86-64 psABI supplement: Intel's since Haswell (2013), AMD's since Excavator (2015)."""

ARMV8 = Baseline("generic", ("fp-armv8", "neon"))
"""Every 64-bit Arm processor."""

BASELINES = {"x86_64": X86_64_V3, "aarch64": ARMV8, "arm64": ARMV8}
"""By the first part of LLVM's triple."""


def for_all(target: Target) -> Target | None:
    """Return the baseline of a target, as a target; None where the target lacks a feature of it or has no baseline."""
    triple, _, features = target
    baseline = BASELINES.get(triple.partition("-")[0])
    if baseline is None or not set(baseline.flags.split(",")) <= set(features.split(",")):
        return None
    return triple, baseline.name, baseline.flags


def named(target: Target) -> Target:
    """Return a target without the version of its operating system, which code does not depend on."""
    return re.sub(r"[\d.]+$", "", target[0]), *target[1:]


def made_with() -> dict[str, str]:
    """Name the compiler and the interpreter, as far as machine code and pickled objects depend on them.

    Of one minor version of Python all releases have one bytecode and one ABI, by which the names of extension modules go.
    """
    import llvmlite
    import numba

    final = sys.version_info.releaselevel == "final"
    bytecode, abi = importlib.util.MAGIC_NUMBER.hex(), importlib.machinery.EXTENSION_SUFFIXES[0]
    python = f"{sys.implementation.cache_tag} {bytecode} {abi}" if final else sys.version
    return {"Python": python, "numba": numba.__version__, "llvmlite": llvmlite.__version__}


# ---------------------------------------------------------------------- the archive


@dataclass(frozen=True)
class Prebuilt:
    """What came with mecopt, as this process can use it."""

    archive: zipfile.ZipFile | None = None
    baseline: str = ""
    problems: tuple[str, ...] = ()
    """Names of the problems whose kernels are there."""
    obstacle: str = ""
    """Why an archive that is there cannot be used."""

    def load(self, name: str, key: str) -> bytes | None:
        """Return a kernel, or None where there is nothing that can be believed."""
        if self.archive is None:
            return None
        try:
            content = self.archive.read(file_name(own_digest(), name, key))
        except Exception:  # there is none, or whatever a damaged archive makes the reader raise
            return None
        return unsealed(content, key)


@cache
def prebuilt() -> Prebuilt:
    """Return what came with mecopt; it is read once in a process, at the first kernel that no cache has."""
    from numba.core.registry import cpu_target

    target = cpu_target.target_context.codegen().magic_tuple()
    baseline = BASELINES.get(target[0].partition("-")[0])
    content = None if baseline is None or os.environ.get(SWITCH) == "0" else trusted(FOLDER / baseline.archive)
    if baseline is None or content is None:
        return Prebuilt()
    if for_all(target) is None:
        return Prebuilt(obstacle=f"they are for processors that have all of {baseline.name}, which this one has not")
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        about = json.loads(archive.read(ABOUT))
        built, problems = about["built"], tuple(map(str, about["problems"]))
    except Exception:  # whatever a damaged archive makes the readers raise
        return Prebuilt(obstacle=f"{FOLDER / baseline.archive} is damaged")
    here = _built()
    others = [f"{name} {built.get(name)}, and this is {here[name]}" for name in here if built.get(name) != here[name]]
    if others:
        return Prebuilt(obstacle=f"they were built with {others[0]}")
    return Prebuilt(archive, baseline.name, problems)


def _built() -> dict[str, str]:
    return {**made_with(), "sources": own_digest()[:12]}


def pack(files: Iterable[Path], problems: Iterable[str]) -> bytes:
    """Return an archive of kernels that were compiled for a baseline; the same files give the same archive."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        about = {"built": _built(), "problems": sorted(problems)}
        for name, content in [(ABOUT, json.dumps(about, indent=1).encode()), *_contents(files)]:
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED, 9)
    return sink.getvalue()


def _contents(files: Iterable[Path]) -> list[tuple[str, Any]]:
    return [(path.name, path.read_bytes()) for path in sorted(files, key=lambda path: path.name)]
