"""A sentence of a paper, how it may be read, and what measurements say of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from mecopt.contract.errors import InstanceError
from mecopt.evaluation.measurements import Measurements
from mecopt.evaluation.reproduction import Claim as Judged
from mecopt.evaluation.reproduction import Verdict as Reported
from mecopt.evaluation.rules import Answer, NotMeasured, Rule, Verdict, common
from mecopt.show.numbers import counted

MANY = 6
"""Readings of a claim whose figures are all told; of more, some are."""


@dataclass(frozen=True)
class Claim:
    """A sentence of a paper with the rules that read it, written down before anything is measured."""

    where: str
    """Figure, table or section; what is not a sentence of the paper's begins with `mecopt.evaluation.reproduction.OURS`."""
    text: str
    """What is claimed, in short."""
    readings: Rule | Mapping[str, Rule]
    """How the sentence is read; several readings by what they assume, where the paper leaves it open."""
    untestable: str = ""
    """Why it cannot be tested at all, with no readings then."""
    revised: str = ""
    """What of the rule was changed after data had been seen, and why; empty where nothing was."""

    def __post_init__(self) -> None:
        if bool(self.untestable) == bool(self.readings):
            raise InstanceError(f"the claim {self.text!r} needs either readings or a reason why it cannot be tested")

    def judge(self, found: Measurements) -> Answer:
        """Say what all readings agree on, or that clear ones contradict one another and the claim depends on the reading."""
        if self.untestable:
            return Answer("cannot tell", self.untestable)
        readings = {"": self.readings} if isinstance(self.readings, Rule) else self.readings
        answers = {name: rule.judge(found) for name, rule in readings.items()}
        said = (
            _counted(answers) if len(answers) > MANY else "\n".join(_told(*one, len(answers) > 1) for one in answers.items())
        )
        verdict = _common([answer.verdict for answer in answers.values()])
        unmeasured = {name for name, rule in readings.items() if isinstance(rule, NotMeasured)}
        lead = _lead(verdict, answers, unmeasured)
        return Answer(verdict, f"{lead}\n{said}" if lead else said)

    def judged(self, found: Measurements) -> Judged:
        """Return the sentence with its verdict, as it is reported."""
        answer = self.judge(found)
        revised = f"\nrule revised after seeing data: {self.revised}" if self.revised else ""
        verdict: Reported = "cannot be tested" if self.untestable else answer.verdict
        return Judged(self.where, self.text, verdict, answer.evidence + revised)


def _told(name: str, answer: Answer, judged: bool) -> str:
    return f"{f'{name}: ' if name else ''}{answer.evidence}{f' ({answer.verdict})' if judged else ''}"


def _lead(verdict: Verdict, answers: Mapping[str, Answer], unmeasured: Set[str]) -> str:
    """Say first how readings are shared where they differ, and, where nobody can tell but some fail, that none holds.

    The other way round nothing is said: a reading that cannot be told may be one that a rule keeps from failing. Where
    all that were measured agree, and others were not, that is said.
    """
    verdicts = {answer.verdict for answer in answers.values()}
    if len(verdicts) == 1 or verdict not in ("depends on the reading", "cannot tell"):
        return ""
    parts = [_shares(answers)] if len(answers) <= MANY else []
    measured = {answer.verdict for name, answer in answers.items() if name not in unmeasured}
    if verdict == "cannot tell" and unmeasured and len(measured) == 1:
        count = len(answers) - len(unmeasured)
        parts.append(f"{measured.pop()} by {count} of {counted(count, 'readings')} that were measured")
    elif verdict == "cannot tell" and "fails" in verdicts:
        parts.append("no reading holds")
    return "; ".join(parts)


def _shares(answers: Mapping[str, Answer]) -> str:
    """Say by how many readings each verdict comes out."""
    verdicts = Counter(answer.verdict for answer in answers.values())
    each = ", ".join(f"{verdict} by {count}" for verdict, count in verdicts.most_common())
    return f"{each} of {counted(len(answers), 'readings')}"


def _counted(answers: Mapping[str, Answer]) -> str:
    """Say how many readings answer alike, with the figures of one of each; all but the most frequent ones are named."""
    alike: dict[Verdict, list[str]] = {}
    for name, answer in answers.items():
        alike.setdefault(answer.verdict, []).append(name)
    said: list[str] = []
    for verdict, names in sorted(alike.items(), key=lambda one: -len(one[1])):
        others = f"; also by {' / '.join(names[1:])}" if said and names[1:] else ""
        told = _told(names[0], answers[names[0]], judged=False)
        said.append(f"{verdict} by {len(names)} of {counted(len(answers), 'readings')}, so by {told}{others}")
    return "\n".join(said)


def _common(verdicts: Sequence[Verdict]) -> Verdict:
    """Return what several readings agree on, that some contradict others, or that one of them leaves it open.

    Where some fail and the others cannot be told the paper may mean one of the latter, so that nobody can tell; the same
    where some hold.
    """
    agreed = common(verdicts)
    contradict = "fails" in verdicts and not {"holds", "exceeded"}.isdisjoint(verdicts)
    return "depends on the reading" if contradict else agreed
