"""The entry point: loads a command only when it is called, and turns errors into one line and an exit code."""

from __future__ import annotations

import codecs
import importlib
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import click

from mecopt.cli.screened import emptied, screened
from mecopt.running import interrupts

COMMANDS = {
    "list": "Problems, their backends, solvers and presets, and what is installed.",
    "sample": "Draw instances of a problem and write them to a file.",
    "schema": "Print the JSON Schema of a problem's hand-written instances.",
    "solve": "Solve the instances of a file, with proof.",
    "label": "Write the instances of a file with their proved optima, for whoever learns from them.",
    "train": "Train a policy that proposes decisions, to be compared with exact solvers.",
    "compare": "Run methods side by side on the same instances.",
    "sweep": "Run methods over a grid of settings and seeds, and draw every figure over every axis.",
    "rollout": "Carry out policies slot after slot on one common path, beside what is proved of the long run.",
    "reproduce": "Run a paper's evaluation again, beside the optimum, with a verdict per claim.",
    "explain": "Tell how a problem becomes convex, step by step, every step checked.",
    "bench": "Measure mecopt beside what a user would otherwise call, as ratios.",
    "warm-up": "Compile all kernels now, so that no later command waits for them.",
}

EXIT_CODES = """\b
Exit codes:
  0    everything asked for was done
  1    at least one instance has no answer
  2    bad input or wrong use, or stored answers made with other data
  3    a solver is not installed
  4    a limit cut at least one answer short (it is printed, with its true gap)
  5    a worker process was lost; finished parts are kept
  6    what should not happen; a file with its traceback is named
  130  interrupted; finished parts are kept (143: by SIGTERM)"""


class Terminated(KeyboardInterrupt):
    """A signal asks this process to end, as an interrupt does; says which."""


class Commands(click.Group):
    """Commands by name, imported when needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order they are usually needed."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = importlib.import_module(f"mecopt.cli.{cmd_name.replace('-', '_')}").command
        return found

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Say which command was meant where a name is unknown."""
        from mecopt.contract.errors import closest

        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"no command {args[0]!r}{closest(args[0], COMMANDS)} Commands: {', '.join(COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=Commands, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mecopt")
def group() -> None:
    """Resource allocation in mobile edge computing: solved exactly, certified, and compared honestly."""


def main(arguments: list[str] | None = None) -> Any:
    """Run a command; errors become one line on standard error, and an exit code."""
    lacking = _spelling_out_what_a_code_page_lacks()
    if arguments is None:
        _on_request(_tidy)
    if arguments is None and hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `mecopt list | head` ends like any other program
    with screened():
        code = _code(arguments)
        for encoding in sorted(lacking):
            _say(f"note: {encoding} lacks characters of this output, which are spelt out; set PYTHONUTF8=1 for them")
        why = emptied()
        if why is not None:
            _say(f"error: not all of the output could be written: {why}")
            code = code or 2
    if arguments is None:
        interrupts.end_quietly()
        _on_request(_ending_anyway)
    sys.exit(code)


def _code(arguments: list[str] | None) -> int:
    """Run a command, and return its exit code."""
    from mecopt.cli.doubts import told_in_a_line
    from mecopt.contract.errors import BackendUnavailable, MecoptError, SolveFailed
    from mecopt.running.workers import WorkerLost

    try:
        interrupts.hear()
        with told_in_a_line():
            code = group.main(args=arguments, prog_name="mecopt", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except (click.Abort, KeyboardInterrupt) as error:  # click turns the one into the other while a command runs
        cause = error.__cause__ or error
        number = cause.args[0] if isinstance(cause, Terminated) else signal.SIGINT
        _say("interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}")
        return 128 + int(number)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except MecoptError as error:
        codes = {BackendUnavailable: 3, SolveFailed: 1, WorkerLost: 5}
        _say(f"error: {error}")
        return next((code for kind, code in codes.items() if isinstance(error, kind)), 2)
    except OSError as error:
        place = f"{error.filename}: " if error.filename and error.strerror else ""
        _say(f"error: {place}{error.strerror or error}")
        return 2
    except MemoryError as error:
        _say(f"error: there is not enough memory{f': {error}' if str(error) else ''}")
        return 2
    except SystemExit:
        raise
    except BaseException as error:  # the last line of defence, against panics of compiled Rust as well
        from mecopt.cli.unforeseen import kept

        _say(f"error: {kept(error)}")
        return 6


def _say(text: str) -> None:
    """Print a line on standard error, if it takes one."""
    with suppress(OSError):
        click.echo(text, err=True)


def _tidy(number: int, frame: Any) -> None:
    """Let a request to end, made once, leave nothing behind; one more ends the process at once."""
    signal.signal(number, signal.SIG_DFL)
    raise Terminated(number)


def _ending_anyway(number: int, frame: Any) -> None:
    """Let a request to end that comes when all is done disturb nothing; one more ends the process at once."""
    signal.signal(number, signal.SIG_DFL)


def _on_request(heard: Callable[[int, Any], None]) -> None:
    """Say what a request to end does, unless somebody else has said so."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) in (signal.SIG_DFL, _tidy):
            signal.signal(number, heard)


def _spelling_out_what_a_code_page_lacks() -> set[str]:
    """Let no character that an output cannot show cost the work; the set returned will name whatever lacked one."""
    lacking: set[str] = set()

    def replaced(encoding: str, error: UnicodeError) -> tuple[str, int]:
        if not isinstance(error, UnicodeEncodeError):
            raise error
        lacking.add(encoding)
        return error.object[error.start : error.end].encode("ascii", errors="backslashreplace").decode("ascii"), error.end

    for name, stream in (("mecopt.stdout", sys.stdout), ("mecopt.stderr", sys.stderr)):
        if getattr(stream, "errors", None) in ("strict", "surrogateescape", name):  # the second is the locale C's
            codecs.register_error(name, partial(replaced, stream.encoding))
            stream.reconfigure(errors=name)  # type: ignore[union-attr]
    return lacking


if __name__ == "__main__":
    main()
