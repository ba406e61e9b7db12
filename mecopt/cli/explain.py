"""`mecopt explain`."""

from __future__ import annotations

import contextlib
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mecopt.cli.numbers import Whole

if TYPE_CHECKING:
    from rich.console import Console

    from mecopt.lesson import Lesson, Outcome

READABLE = 100
"""Columns of text that the eye still follows from line to line."""


@click.command("explain")
@click.argument("problem", required=False)
@click.option("--seed", type=Whole(0), default=0, show_default=True, help="Seed of the checks' random instances.")
@click.option("--step", type=Whole(1), help="Only this step.")
@click.option("--markdown", is_flag=True, help="Print Markdown with LaTeX, as the documentation has it.")
@click.option("--html", "page", type=click.Path(dir_okay=False), help="Write one page with sliders, which needs no network.")
@click.option("--serve", is_flag=True, help="Serve that page on 127.0.0.1, its figures computed for any value of a slider.")
@click.option("--port", type=Whole(0, 65535), default=0, help="Port of --serve; a free one by default.")
def command(
    problem: str | None, seed: int, step: int | None, markdown: bool, page: str | None, serve: bool, port: int
) -> int:
    """Tell how a PROBLEM becomes convex, step by step, and check every step numerically.

    Without a PROBLEM, list those that have a lesson. The exit code is 1 if a check fails.
    """
    from mecopt.registry import find_problem
    from mecopt.storage.atomic import require_file

    if problem is None:
        if markdown or step is not None or page or serve:
            raise click.UsageError("name a PROBLEM; `mecopt explain` lists those that have a lesson")
        _list()
        return 0
    whole = [name for name, given in (("--markdown", markdown), ("--html", page), ("--serve", serve)) if given]
    if len(whole) > 1:
        raise click.UsageError(f"{' and '.join(whole)} exclude each other")
    if whole and step is not None:
        raise click.UsageError(f"{whole[0]} tells the whole lesson; leave --step out")
    lesson = find_problem(problem).lesson()
    if whole:
        if page:
            require_file(Path(page))
        outcomes = lesson.run(seed)
        if markdown:
            click.echo(lesson.markdown(outcomes), nl=False)
        elif page:
            _write(lesson, outcomes, seed, page)
        else:
            _serve(lesson, outcomes, seed, port)
    else:
        outcomes = _tell(lesson, seed, step)
    return 0 if all(outcome.passed for outcome in outcomes) else 1


def _list() -> None:
    from mecopt.cli.console import console
    from mecopt.contract.errors import InstanceError
    from mecopt.registry import problems

    screen = console()
    for name, cls in problems().items():
        try:
            lesson = cls.lesson()
        except InstanceError:
            continue
        screen.print(f"[bold]{name}[/bold]  {lesson.title}, {len(lesson.steps)} steps")
    screen.print("\nread one: mecopt explain NAME")


def _write(lesson: Lesson, outcomes: list[Outcome], seed: int, where: str) -> None:
    """Write the page of a lesson, whole or not at all."""
    from mecopt.cli.console import console
    from mecopt.show.printable import encoded
    from mecopt.storage.atomic import write_whole
    from mecopt.teach.page import page

    content = encoded(page(lesson, outcomes, seed))
    write_whole(Path(where), content)
    console().print(f"{where}: {len(lesson.steps)} steps, {len(content) / 1e6:.2f} MB; open it in a browser", soft_wrap=True)


def _serve(lesson: Lesson, outcomes: list[Outcome], seed: int, port: int) -> None:
    """Serve the page of a lesson until Ctrl-C."""
    from mecopt.cli.console import console
    from mecopt.teach.serve import serve

    try:
        server = serve(lesson, outcomes, seed, port)
    except OSError as error:
        raise click.UsageError(f"port {port} cannot be used: {error.strerror}") from None
    with server, contextlib.suppress(KeyboardInterrupt):
        address, number = server.server_address[:2]
        console().print(f"http://{address!s}:{number}/  (Ctrl-C ends it)", soft_wrap=True)
        server.serve_forever()


def _tell(lesson: Lesson, seed: int, only: int | None) -> list[Outcome]:
    """Print the lesson; every check runs after its step was shown."""
    from rich.rule import Rule
    from rich.text import Text

    from mecopt.cli.console import console

    screen = console()
    screen.width = min(screen.width, READABLE)
    numbers = range(1, len(lesson.steps) + 1) if only is None else [only]
    if only is None:
        screen.print(Text(f"\n{lesson.title}\n", style="bold"))
        _paragraphs(screen, lesson.introduction)
    outcomes = []
    for number in numbers:
        step = lesson.step(number)
        screen.print(Rule(Text(f"{number}  {step.title}", style="bold cyan"), align="left", style="cyan"))
        screen.print()
        _paragraphs(screen, step.statement)
        screen.print(Text("Why", style="bold"))
        _paragraphs(screen, step.argument, indent=2)
        with screen.status("checking ..."):
            outcome = lesson.outcome(number, seed)
        _checked(screen, outcome)
        outcomes.append(outcome)
    held = sum(outcome.passed for outcome in outcomes)
    style = "bold green" if held == len(outcomes) else "bold red"
    screen.print(Text(f"{held} of {len(outcomes)} checks passed (seed {seed})", style=style))
    return outcomes


def _paragraphs(screen: Console, text: str, indent: int = 0) -> None:
    """Print words wrapped and displayed formulas as they are, a blank line after each."""
    from rich.text import Text

    from mecopt.cli.console import spelt
    from mecopt.lesson import is_display, paragraphs

    margin = " " * indent
    for paragraph in paragraphs(text):
        if is_display(paragraph):
            lines = [margin + line for line in paragraph.splitlines()]
        else:
            lines = _wrapped(paragraph, screen.width, margin)
        shown = Text(spelt("\n".join(lines), screen.encoding) + "\n", style="bold" if is_display(paragraph) else "")
        screen.print(shown, no_wrap=True, overflow="ignore", crop=False)


def _wrapped(paragraph: str, width: int, margin: str) -> list[str]:
    """Break a paragraph into lines, but not where a space belongs to a formula."""
    from mecopt.lesson import words

    tied = re.sub(r" ([−+=≤≥<>≠∈→]) ", "\u00a0\\1\u00a0", words(paragraph))
    tied = re.sub(r"([Σ·]) ", "\\1\u00a0", tied)
    tied = re.sub(r"[(\[{][^()\[\]{}]{1,14}[)\]}]", lambda found: found[0].replace(" ", "\u00a0"), tied)
    lines = textwrap.wrap(tied, width, initial_indent=margin, subsequent_indent=margin, break_on_hyphens=False)
    return [line.replace("\u00a0", " ") for line in lines]


def _checked(screen: Console, outcome: Outcome) -> None:
    """Print every measurement with its mark and what is allowed."""
    from rich.text import Text

    from mecopt.cli.console import spelt

    screen.print(Text("Check", style="bold"))
    for part in outcome.parts or (outcome,):
        style = "bold green" if part.passed else "bold red"
        first, *rest = _wrapped(spelt(part.line, screen.encoding), screen.width, "    ")
        screen.print(Text.assemble("  ", (part.mark, style), first[3:], *(f"\n{line}" for line in rest)), no_wrap=True)
    screen.print()
