"""A study: what is trained, on what it is measured, what is claimed of it; and the one runner that all studies share.

A study says which plans are trained and how all methods are measured on the stream of one setting and seed; everything that
is random hangs on the seed, so methods meet the same luck and differences are paired. The runner trains the plans side by
side, measures, takes times one after the other, keeps each finished part in a file, and goes on where it was interrupted.
Parts that another study, other code, other versions of `PACKAGES` or other trainings wrote are not taken for its own, nor
what is not as it was written. Tables, pictures and verdicts follow from the one table of measurements.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar

from mecopt.contract.errors import InstanceError
from mecopt.evaluation.claims import Claim
from mecopt.evaluation.measurements import Measurements, Row, gathered
from mecopt.evaluation.pictures import Drawing
from mecopt.evaluation.reproduction import BRIEF, Findings, Progress, Reproduction
from mecopt.evaluation.shared import measuring, training
from mecopt.evaluation.tables import Pivot
from mecopt.parallel import Task, at_work, before_gathering, folder_of_run
from mecopt.parallel.places import is_shared
from mecopt.show.numbers import counted
from mecopt.storage import sealed as stored
from mecopt.storage.atomic import class_digest, code_digest, sweep

PACKAGES = ("mecopt", "numpy", "scipy", "numba", "torch", "gymnasium", "stable-baselines3")
"""Whose versions a report names, where they are installed."""

LONG = "measurements.parquet"
"""The table of everything that was measured, beside the report."""


@dataclass(frozen=True)
class Plan:
    """A training: a method with its settings, for a setting of the study, once per seed."""

    method: str
    setting: str
    learner: str
    """Name of the learner; what it means is the study's business."""
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    also: tuple[str, ...] = ()
    """Other settings of the study in which it is measured, too, trained once."""


class Study(Reproduction):
    """The evaluation of one paper as data: settings, plans, measures, claims, tables and pictures."""

    settings: ClassVar[Sequence[str]]
    """What is measured separately: presets, reward weights, sizes."""
    first_seed: ClassVar[int] = 0
    """The seeds are this one and those that follow: others than those on which rules or methods were revised."""
    timed: ClassVar[Sequence[str]] = ()
    """Settings in which times are measured, too, when nothing else is at work."""
    claims: ClassVar[Sequence[Claim]]
    tables: ClassVar[Sequence[Pivot]] = ()
    drawings: ClassVar[Sequence[Drawing]] = ()
    brief: ClassVar[str] = ""
    """What is smaller in a quick run than headings say, and what follows from it."""
    remarks: ClassVar[Mapping[str, str]] = {}
    """What a reader of the report should know, by its label."""

    def plans(self, quick: bool) -> Sequence[Plan]:
        """Return what is trained; nothing, unless a study says so."""
        return ()

    def train(self, plan: Plan, seed: int, folder: Path, quick: bool) -> None:
        """Train one plan with one seed into a folder; what stands there finished is left, what was interrupted goes on."""
        raise NotImplementedError

    @abstractmethod
    def measure(self, setting: str, seed: int, trained: Mapping[str, Path], quick: bool) -> Iterable[Row]:
        """Measure all methods in a setting on the stream of a seed; `trained` holds the folders of its plans by method.

        Its rows are of this setting and this seed.
        """

    def measure_times(self, setting: str, seed: int, trained: Mapping[str, Path], quick: bool) -> Iterable[Row]:
        """Measure what work beside it would disturb, in a setting of `timed`; otherwise as `measure`."""
        return ()

    def measure_once(self, quick: bool) -> Iterable[Row]:
        """Measure what no seed changes: proved bounds, times; rows without a seed, of a setting or of none."""
        return ()

    def run(self, out: Path, *, seeds: int, quick: bool, progress: Progress) -> Findings:
        """Train, measure, judge; what stands finished in `out` is not done again."""
        with folder_of_run(out):
            found = self.measured(out, seeds=seeds, quick=quick, progress=progress)
            found.write(out / LONG)
        return Findings(
            title=self.title,
            settings={
                "seeds": seeds,
                **({"random numbers": f"of the seeds from {self.first_seed} on"} if self.first_seed else {}),
                "quick": quick,
                "versions": _versions(),
                "machine": f"{counted(os.cpu_count() or 1, 'cores')}, {platform.machine()}, Python "
                f"{platform.python_version()}",
                "command": f"mecopt reproduce {self.paper} -o FOLDER --seeds {seeds}{' --quick' if quick else ''}",
                "spread": "mean ± standard error over seeds",
                "verdicts": "from 95 % confidence intervals over seeds, of paired differences where two methods are "
                "compared; what scatters too much to be told is not refuted",
                **self.remarks,
                **({BRIEF: self.brief} if quick and self.brief else {}),
            },
            claims=[claim.judged(found) for claim in self.claims],
            tables=[pivot.table(found) for pivot in self.tables],
            pictures=[drawing.picture(found) for drawing in self.drawings],
        )

    def measured(self, out: Path, *, seeds: int, quick: bool, progress: Progress) -> Measurements:
        """Train and measure everything, and return the long table."""
        if isinstance(seeds, bool) or not isinstance(seeds, int) or seeds < 1:
            raise InstanceError(f"seeds is {seeds!r}; allowed: a whole number of at least 1")
        plans, numbers = self.plans(quick), range(self.first_seed, self.first_seed + seeds)
        for k, plan in enumerate(plans):
            for setting in (plan.setting, *plan.also):
                if setting not in self.settings:
                    raise InstanceError(f"a plan is of the setting {setting!r}; allowed: {', '.join(self.settings)}")
            if any((plan.method, plan.setting) == (other.method, other.setting) for other in plans[:k]):
                raise InstanceError(f"{plan.method!r} is planned twice in the setting {plan.setting!r}; allowed: once")
        places = _Places(out, [self.paper, class_digest(type(self)), _versions(), quick])
        trainings = [
            training(self, plan, seed, places.folder(plan, seed), quick, number)
            for number, (plan, seed) in enumerate((plan, seed) for plan in plans for seed in numbers)
        ]
        _all(trainings, "training", progress)
        parts: list[_Part] = [_Once(self, *places.file("once", []), quick)]
        for setting in self.settings:
            for seed in numbers:
                here = [plan for plan in plans if setting in (plan.setting, *plan.also)]
                trained = {plan.method: places.folder(plan, seed) for plan in here}
                learned = {method: _left(folder) for method, folder in trained.items()}
                key = [setting, seed, [_said(plan) for plan in plans], learned]
                parts.append(_Measuring(self, setting, seed, trained, *places.file(f"{setting}-{seed}", key), quick))
                if setting in self.timed:
                    parts.append(_Timing(self, setting, seed, trained, *places.file(f"times-{setting}-{seed}", key), quick))
        if not is_shared():
            sweep(parts[0].file.parent)
        unusable: list[str] = []
        left = [(number, part) for number, part in enumerate(parts) if stored.standing(part.read, unusable) is None]
        stored.tell(unusable)
        timed = [measuring(part, number) for number, part in left if isinstance(part, _Timing)]
        _all([measuring(part, number) for number, part in left if not isinstance(part, _Timing)], "measuring", progress)
        before_gathering()
        _all(timed, "measuring times", progress, here=True)
        return gathered(part.read() for part in parts)


@dataclass(frozen=True)
class _Once:
    study: Study
    file: Path
    key: str
    quick: bool
    trained: ClassVar[Mapping[str, Path]] = {}

    def measure(self, trained: Mapping[str, Path]) -> Iterable[Row]:
        """Measure what is to stand in the file, given the folders of what was trained, wherever they are."""
        return self.study.measure_once(self.quick)

    def content(self, trained: Mapping[str, Path]) -> bytes:
        """Return what is to stand in the file."""
        rows = tuple(self.measure(trained))
        self.require(rows)
        return Measurements(rows).content(self.key)

    def read(self) -> Measurements:
        """Return what was measured; raises `mecopt.storage.sealed.Unusable`."""
        return _read(self)

    def require(self, rows: Sequence[Row]) -> None:
        """Refuse rows of a seed, or of another setting."""
        _require(rows, "once", (*self.study.settings, ""), None)


@dataclass(frozen=True)
class _Measuring:
    study: Study
    setting: str
    seed: int
    trained: Mapping[str, Path]
    file: Path
    key: str
    quick: bool

    def measure(self, trained: Mapping[str, Path]) -> Iterable[Row]:
        """Measure what is to stand in the file, given the folders of what was trained, wherever they are."""
        return self.study.measure(self.setting, self.seed, trained, self.quick)

    def content(self, trained: Mapping[str, Path]) -> bytes:
        """Return what is to stand in the file."""
        rows = tuple(self.measure(trained))
        self.require(rows)
        return Measurements(rows).content(self.key)

    def read(self) -> Measurements:
        """Return what was measured; raises `mecopt.storage.sealed.Unusable`."""
        return _read(self)

    def require(self, rows: Sequence[Row]) -> None:
        """Refuse rows of another seed or setting."""
        _require(rows, f"in {self.setting!r} with seed {self.seed}", (self.setting,), self.seed)


@dataclass(frozen=True)
class _Timing(_Measuring):
    def measure(self, trained: Mapping[str, Path]) -> Iterable[Row]:
        """Measure times."""
        return self.study.measure_times(self.setting, self.seed, trained, self.quick)


_Part = _Once | _Measuring


def _all(tasks: Sequence[Task], what: str, progress: Progress, here: bool = False) -> None:
    """Do all tasks where the caller of the run said, or here, one after the other."""
    if not tasks:
        return
    progress(what, 0, len(tasks))
    with at_work(tasks, here=here) as finished:
        done = 0
        for _, last in finished:
            done += last
            progress(what, done, len(tasks))


def _require(rows: Sequence[Row], how: str, settings: Sequence[str], seed: int | None) -> None:
    """Refuse rows of what was not asked for: they would be taken for, or collide with, those of another part."""
    for row in rows:
        if row.seed != seed or row.setting not in settings:
            raise InstanceError(f"measured {how}, a row says {row.setting!r}, {row.seed}")


def _read(part: _Part) -> Measurements:
    """Return the rows of a part, where they are what was written, and of what it measures."""
    try:
        found = Measurements.read(part.file, part.key)
        part.require(found.rows)
    except stored.Missing:
        raise
    except InstanceError as error:
        raise stored.Unusable(str(error)) from None
    return found


def _left(folder: Path) -> str:
    """Name what a training left: its numbers, and what is told of them."""
    kinds = (".json", ".parquet", ".safetensors")
    files = sorted(path for path in folder.rglob("*") if path.suffix in kinds and path.is_file())
    content = {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    return stored.digest_of(content)


def _said(plan: Plan) -> str:
    try:
        return json.dumps([plan.method, plan.setting, plan.learner, dict(plan.settings)], sort_keys=True)
    except TypeError as error:
        raise InstanceError(f"the settings of the plan {plan.method!r} are no plain data: {error}") from None


@dataclass(frozen=True)
class _Places:
    """Where parts stand, under names that differ where anything differs on which they depend."""

    out: Path
    common: Sequence[Any]
    """What all parts of a run depend on."""

    def folder(self, plan: Plan, seed: int) -> Path:
        return (
            self.out / "runs" / code_digest() / self._name(f"{plan.setting}-{plan.method}-seed-{seed}", [_said(plan), seed])
        )

    def file(self, words: str, key: Sequence[Any]) -> tuple[Path, str]:
        """Return a file, and the key of what it is to hold."""
        folder = self.out / "measured" / code_digest()
        return folder / f"{self._name(words, key)}.parquet", stored.digest_of([code_digest(), self.common, words, key])

    def _name(self, words: str, key: Sequence[Any]) -> str:
        readable = "".join(c if c.isalnum() or c in "-." else "-" for c in words)[:60]
        return f"{readable}-{stored.digest_of([self.common, readable, key])[:10]}"


def _versions() -> str:
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)
