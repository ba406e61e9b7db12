"""Files and command lines that went wrong in some way: each ends in an answer to what it says, or in a sentence.

Valid files of every problem and format are mutated: bytes flipped, cut, doubled; numbers replaced by what people and
programs write in their place; keys and columns renamed, units changed. What is read must be what stands there, as a plain
reader of the format (`json`, `csv`) sees it; all else must be a `MecoptError`. What is read is solved. Likewise for command
lines.
"""

import contextlib
import csv
import io
import json
import math
import os
import re
import signal
import warnings
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator

import mecopt
from mecopt.cli.main import COMMANDS, main
from mecopt.contract.problem import Problem
from mecopt.data import load, save

TOTAL = int(os.environ.get("MECOPT_FUZZ", "20000"))
"""Inputs in all."""

PATIENCE = 120
"""Seconds after which an input counts as hanging; each takes milliseconds, and kernels are warm."""

FORMATS = (".json", ".csv", ".tsv", ".parquet", ".npz", ".mat")

TOKENS = (
    *(
        "NaN",
        "nan",
        "Infinity",
        "-Infinity",
        "inf",
        "-1",
        "0",
        "-0.0",
        "1e999",
        "1e-999",
        "1e308",
        "5e-324",
        "",
        " ",
        "null",
        "None",
    ),
    *(
        "true",
        "1,5",
        "1.234,5",
        "1_000",
        "0x10",
        "1+2j",
        "[]",
        "{}",
        '"12"',
        '"23 dBm"',
        '"5 GHz"',
        "１２",
        "--3",
        "1e",
        "٣",
        "#N/A",
        "\x00",
    ),
)
WORDS = (
    "",
    "users",
    "data_size",
    "channel_gain",
    "capacity",
    "problem",
    "unit",
    "value",
    "weigth_of",
    "Data_Size",
    "index",
    "μ",
    "a" * 300,
)
UNITS = ("MB", "Mbit", "mb", "dB", "dBm", "GHz", "kB/s", "", "furlong", "W/W", "1", "s^-1", "bit^999", "MB MB", "%")


@contextlib.contextmanager
def no_hang() -> Iterator[None]:
    """End what takes minutes, where the system has alarms."""

    def too_long(*_: Any) -> None:
        raise AssertionError(f"no end within {PATIENCE} s")

    if not hasattr(signal, "SIGALRM"):
        yield
        return
    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def valid(cls: type[Problem], suffix: str, rng: Generator, folder: Path) -> bytes:
    """Return the content of a file of small instances."""
    path = folder / f"valid{suffix}"
    instances = cls.sample(rng, () if rng.random() < 0.5 else (int(rng.integers(1, 4)),), users=int(rng.integers(1, 5)))
    if suffix == ".mat":
        from scipy.io import savemat

        savemat(path, {"problem": cls.name, **instances.data()})
    else:
        save(path, instances, provenance={"seed": 0})
    return path.read_bytes()


def bytes_changed(content: bytes, rng: Generator) -> bytes:
    """Flip, cut, double or insert a few bytes."""
    found = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        at, length = int(rng.integers(0, max(len(found), 1))), int(rng.integers(1, 40))
        kind = int(rng.integers(0, 5))
        if kind == 0 and found:
            found[at] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1:
            del found[at : at + length]
        elif kind == 2:
            found[at:at] = found[at : at + length]
        elif kind == 3:
            found[at:at] = rng.bytes(length)
        else:
            del found[at:]
    return bytes(found)


def tokens_changed(content: bytes, rng: Generator) -> bytes:
    """Replace numbers by other tokens, or names by other words."""
    text = content.decode("utf-8", errors="surrogateescape")
    for _ in range(int(rng.integers(1, 3))):
        pattern, others = (r"-?\d[\d.e+-]*", TOKENS) if rng.random() < 0.7 else (r"[A-Za-z_]{3,}", WORDS)
        places = list(re.finditer(pattern, text))
        if places:
            place = places[int(rng.integers(0, len(places)))]
            text = text[: place.start()] + str(rng.choice(np.array(others, dtype=object))) + text[place.end() :]
    return text.encode("utf-8", errors="surrogateescape")


def structure_changed(content: bytes, rng: Generator) -> bytes:
    """Change a JSON file as its writer might: a unit, a missing or a further level, a removed, doubled or foreign entry."""
    values = json.loads(content)
    name = str(rng.choice([key for key in values if key not in ("problem", "provenance")]))
    kind = int(rng.integers(0, 7))
    if kind == 0:
        values[name] = {"value": values[name], "unit": str(rng.choice(UNITS))}
    elif kind == 1:
        values[name] = [values[name]]
    elif kind == 2:
        values[name] = values[name][0] if isinstance(values[name], list) else [values[name], values[name]]
    elif kind == 3:
        del values[name]
    elif kind == 4:
        values[str(rng.choice(WORDS))] = values[name]
    elif kind == 5:
        values[name] = [values[name], 1.0]
    else:
        values[name] = json.loads(json.dumps(values[name]).replace("[", "[-1.0, ", 1))
    return json.dumps(values).encode()


CHANGES: dict[str, tuple[Callable[[bytes, Generator], bytes], ...]] = {
    ".json": (bytes_changed, tokens_changed, structure_changed, structure_changed),
    ".csv": (bytes_changed, tokens_changed, tokens_changed),
    ".tsv": (bytes_changed, tokens_changed, tokens_changed),
    ".parquet": (bytes_changed,),
    ".npz": (bytes_changed,),
    ".mat": (lambda content, rng: content[: int(rng.integers(0, len(content)))],),  # other damage kills scipy's reader
}


def admissible(problem: Problem) -> None:
    """State of the data what the fields declare."""
    for f in fields(problem):
        value = getattr(problem, f.name)
        assert not np.isnan(value).any(), f.name
        if not f.metadata["complex"]:
            assert (value >= 0).all(), f.name
            assert f.metadata["unlimited"] or np.isfinite(value).all(), f.name


def says_so(problem: Problem, suffix: str, content: bytes) -> None:
    """State that the numbers of a JSON or CSV file, as a plain reader sees them, are the data, and its names fields."""
    names = {f.name: f for f in fields(problem)}
    if suffix == ".json":
        values = json.loads(content.decode("utf-8-sig"))
        for name, given in values.items():
            if name in ("problem", "$schema", "provenance"):
                continue
            assert name in names, f"{name!r} is no field, and was read without a word"
            if isinstance(given, int | float | list) and not names[name].metadata["choices"]:
                with contextlib.suppress(ValueError, TypeError):
                    plain = np.array(given, dtype=float)  # of None it makes nan
                    if names[name].metadata["unlimited"]:
                        plain = np.where(np.isnan(plain), np.inf, plain)
                    own = getattr(problem, name)
                    assert np.array_equal(np.broadcast_to(plain, own.shape), own), name
    elif suffix in (".csv", ".tsv"):
        text = content.decode("utf-8-sig")
        rows = list(csv.reader(io.StringIO(text), delimiter="," if suffix == ".csv" else "\t"))
        lines = [row for row in rows if row and not row[0].startswith("#")]
        numbers = {float(value) for value in np.concatenate([np.ravel(v) for v in parts(problem)])}
        for row in lines[1:]:
            for head, cell in zip(lines[0], row, strict=False):
                if head.strip().lower() in ("instance", "user", "server", "antenna", "problem"):
                    continue
                with contextlib.suppress(ValueError):
                    number = float(cell)
                    assert number in numbers or math.isnan(number), f"{cell} below {head} is not in the data"


def parts(problem: Problem) -> Iterator[Any]:
    for value in problem.data().values():
        yield from (value.real, value.imag) if np.iscomplexobj(value) else (value,)


def outcome(cls: type[Problem], suffix: str, content: bytes, folder: Path) -> str:
    """Read a file and solve what it holds; say how it ended."""
    path = folder / f"changed{suffix}"
    path.write_bytes(content)
    try:
        problem = load(path, cls.name).problem
    except mecopt.MecoptError:
        return "refused"
    admissible(problem)
    says_so(problem, suffix, content)
    if problem.instances <= 50 and problem.users <= 50:
        solution = mecopt.solve(problem, time_limit=5.0, throw=False)
        assert solution.statuses()
        optimal = np.ravel(np.asarray(solution.status, dtype=object)) == mecopt.Status.OPTIMAL
        assert (np.ravel(solution.gap)[optimal] <= 1e-6).all()
        assert (np.ravel(solution.violation)[optimal] <= 1e-8).all()
    return "answered"


def formats_of(cls: type[Problem]) -> tuple[str, ...]:
    """Return the formats that hold a problem's instances: tables have no columns for complex numbers."""
    tables = (".csv", ".tsv", ".parquet")
    return tuple(s for s in FORMATS if s not in tables or not any(f.metadata["complex"] for f in fields(cls)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "suffix"), [(name, suffix) for name, cls in mecopt.problems().items() for suffix in formats_of(cls)]
)
def test_changed_files_are_answered_as_they_say_or_refused(name: str, suffix: str, tmp_path: Path) -> None:
    cls = mecopt.problems()[name]
    share = math.ceil(0.9 * TOTAL / len(FORMATS) / len(mecopt.problems()))
    counts = {"refused": 0, "answered": 0}
    for number in range(share):
        rng = np.random.default_rng([number, *name.encode(), *suffix.encode()])
        content = valid(cls, suffix, rng, tmp_path)
        change = CHANGES[suffix][int(rng.integers(0, len(CHANGES[suffix])))]
        changed = change(content, rng)
        try:
            with warnings.catch_warnings(), no_hang():
                warnings.simplefilter("ignore", UserWarning)
                counts[outcome(cls, suffix, changed, tmp_path)] += 1
        except BaseException as error:
            error.add_note(
                f"input {number} of {name}{suffix} by {getattr(change, '__name__', 'cutting')}: {changed[:2000]!r}"
            )
            raise
    assert counts["refused"]


ARGUMENTS = {
    "solve": [
        "FILE",
        "--index",
        "1",
        "--gap",
        "1e-3",
        "--time-limit",
        "2",
        "--seed",
        "3",
        "--json",
        "--solver",
        "local-search",
    ],
    "sample": ["PROBLEM", "--count", "3", "--seed", "1", "--preset", "paper", "--set", "users=3", "-o", "out.npz"],
    "compare": [
        "FILE",
        "--methods",
        "exact,random",
        "-o",
        "out",
        "--first",
        "2",
        "--jobs",
        "1",
        "--seed",
        "2",
        "--time-limit",
        "5",
    ],
    "schema": ["PROBLEM"],
    "list": [],
    "explain": ["PROBLEM", "--seed", "-1"],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", mecopt.problems())
def test_changed_command_lines_end_with_a_code_and_a_sentence(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cls = mecopt.problems()[name]
    save("slots.npz", cls.sample(np.random.default_rng(0), (3,), users=3), provenance={})
    others = [
        *(token for token in TOKENS if token != "\x00"),  # no system hands such an argument on
        *WORDS,
        *UNITS,
        "--",
        "-",
        "-h",
        "--nothing",
        "slots.npz",
        "missing.json",
        "/",
        ".",
        "users=-1",
        "users=1e9",
        "=",
        name,
    ]
    for number in range(math.ceil(0.1 * TOTAL / len(mecopt.problems()))):
        rng = np.random.default_rng([number, *name.encode()])
        command = str(rng.choice(list(ARGUMENTS)))
        words = [{"FILE": "slots.npz", "PROBLEM": name}.get(word, word) for word in ARGUMENTS[command]]
        for _ in range(int(rng.integers(1, 4))):
            at = int(rng.integers(0, len(words) + 1))
            if rng.random() < 0.3 and words:
                del words[min(at, len(words) - 1)]
            elif rng.random() < 0.5 and words:
                words[min(at, len(words) - 1)] = str(rng.choice(np.array(others, dtype=object)))
            else:
                words.insert(at, str(rng.choice(np.array(others, dtype=object))))
        out, err = io.StringIO(), io.StringIO()
        try:
            with (
                no_hang(),
                contextlib.redirect_stdout(out),
                contextlib.redirect_stderr(err),
                pytest.raises(SystemExit) as end,
            ):
                main([command, *words])
            assert end.value.code in (0, 1, 2, 3, 4), end.value.code
            assert end.value.code in (0, 4) or (out.getvalue() + err.getvalue()).strip()
            assert "Traceback" not in out.getvalue() + err.getvalue()
        except BaseException as error:
            error.add_note(f"command line {number}: mecopt {command} {words}")
            raise
    assert set(ARGUMENTS) <= set(COMMANDS)
