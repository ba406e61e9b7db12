"""Reproducing a paper: claims with verdicts, tables and pictures, and the one folder they are written to.

A reproduction is found by the paper's number under the entry point group `mecopt.reproductions`. It measures; a verdict is
computed from what was measured, never written by hand.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from mecopt.show.numbers import counted
from mecopt.show.printable import encoded
from mecopt.storage.atomic import write_whole

Verdict = Literal["holds", "exceeded", "fails", "depends on the reading", "cannot tell", "cannot be tested", "not judged"]
Progress = Callable[[str, int, int], None]

OURS = "ours"
"""What the place of a sentence begins with that is not the paper's."""


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper and what became of it."""

    where: str
    text: str
    verdict: Verdict
    evidence: str
    """The figures behind the verdict, in words; a line for each reading."""


@dataclass(frozen=True)
class Table:
    """Rows of text under a caption."""

    name: str
    caption: str
    headers: tuple[str, ...]
    rows: list[list[str]]


BRIEF = "the quick version"
"""Key, among the settings of a quick run, of what is smaller in it than headings say."""


@dataclass(frozen=True)
class Picture:
    """A PNG under a caption."""

    name: str
    caption: str
    content: bytes


@dataclass(frozen=True)
class Findings:
    """Everything a reproduction found."""

    title: str
    settings: dict[str, Any]
    claims: list[Claim]
    tables: list[Table]
    pictures: list[Picture] = field(default_factory=list)

    @property
    def stated(self) -> list[Claim]:
        """The claims as they are written down: a quick run judges none, whatever its figures would say."""
        quick = self.settings.get("quick")
        if not quick:
            return self.claims
        return [replace(claim, verdict="not judged", evidence=_without_verdicts(claim.evidence)) for claim in self.claims]

    def markdown(self) -> str:
        """Return the findings as Markdown; pictures are taken from beside the file."""
        parts = [f"# {self.title}", "## Verdicts"]
        if self.settings.get("quick"):
            brief = (
                "This is the quick version, a test that everything runs: its figures mean nothing, and nothing is judged."
            )
            parts.append(f"{brief} {self.settings.get(BRIEF, '')}".strip())
        numbered = dict(enumerate(sorted(self.stated, key=lambda claim: claim.where.startswith(OURS)), start=1))
        for head, ours in (("the paper says", False), ("ours, not the paper's", True)):
            claims = {number: claim for number, claim in numbered.items() if claim.where.startswith(OURS) == ours}
            if claims:
                if not self.settings.get("quick"):
                    parts.append(told(list(claims.values())) + ".")
                rows = [[str(n), claim.text, claim.where, f"**{claim.verdict}**"] for n, claim in claims.items()]
                parts.append(_grid(("", head, "where", "verdict"), rows))
        if numbered:
            parts += ["## Evidence", "\n".join(_evidence(*one) for one in numbered.items())]
        for table in self.tables:
            parts += [f"## {table.name}", table.caption, _grid(table.headers, table.rows)]
        for picture in self.pictures:
            parts += [f"## {picture.name}", picture.caption, f"![{picture.name}]({_file(picture.name)})"]
        parts += ["## How it was measured", "\n".join(f"- {key}: {value}" for key, value in self.settings.items())]
        return "\n\n".join(parts) + "\n"

    def write(self, out: str | Path) -> list[str]:
        """Write ``results.md``, ``results.json`` and the pictures; return the files' names."""
        folder = Path(out)
        for picture in self.pictures:
            write_whole(folder / _file(picture.name), picture.content)
        content = {
            "title": self.title,
            "settings": self.settings,
            "claims": [asdict(claim) for claim in self.stated],
            "tables": [asdict(table) for table in self.tables],
        }
        write_whole(folder / "results.json", (json.dumps(content, indent=1, default=str) + "\n").encode())
        write_whole(folder / "results.md", encoded(self.markdown()))
        return ["results.md", "results.json", *(_file(picture.name) for picture in self.pictures)]


def told(claims: Sequence[Claim]) -> str:
    """Say how many sentences there are, and how many of each verdict."""
    verdicts = Counter(claim.verdict for claim in claims)
    each = ", ".join(f"{verdict}: {verdicts[verdict]}" for verdict in get_args(Verdict) if verdicts[verdict])
    return f"{counted(len(claims), 'sentences')}; {each}"


def _without_verdicts(measured: str) -> str:
    """Leave out what single readings would say."""
    words = "|".join(get_args(Verdict))
    none = r"; no reading holds$|^no reading holds\n"
    return re.sub(rf" \((?:{words})\)|\b(?:{words}) (?=by \d+(?: of |, ))|{none}", "", measured, flags=re.MULTILINE)


class Reproduction(ABC):
    """The evaluation of one paper, run again."""

    paper: str
    title: str
    seeds: int = 5

    @abstractmethod
    def run(self, out: Path, *, seeds: int, quick: bool, progress: Progress) -> Findings:
        """Run everything; finished trainings stand in ``out/runs`` and are not run again.

        Parameters
        ----------
        seeds
            repetitions with different random numbers.
        quick
            a smoke test: everything once through on a small scale, whose claims are not judged.
        """


def _evidence(number: int, claim: Claim) -> str:
    """Return an item of a numbered list, a line of evidence each below it."""
    lines = "".join(f"\n    - {line}" for line in claim.evidence.splitlines())
    return f"{number}. {claim.text} ({claim.where}): **{claim.verdict}**{lines}"


def _grid(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def _file(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name.lower()).strip("-") + ".png"
