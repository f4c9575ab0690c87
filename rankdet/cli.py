"""The command line: `rankdet <command> ...`; a command is imported only when it is called."""

import argparse
import importlib
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import takewhile
from keyword import iskeyword
from typing import Any, NoReturn

from rankdet import __version__
from rankdet.errors import InputError
from rankdet.files import DISK_FULL
from rankdet.suggest import close, nearest

COMMANDS = {
    "evaluate": "compute AP, oLRP and score-IoU correlations of COCO-format detections",
    "data": "check a COCO-format dataset, download COCO or LVIS, or write the built-in shapes",
    "plan": "list the runs of a study without starting them",
    "init": "make a folder for your own studies, losses and tables",
    "new": "create a new loss from the template",
    "thresholds": "print the LRP-optimal score threshold of each class of a run",
    "submission": "write a run's detections in the format of COCO's evaluation server",
    "tune": "search for the best learning rate of each loss, with the same budget for all",
    "compare": "compare the metrics of runs, and test their differences (paired bootstrap)",
    "bench": "time the losses, the evaluation, and a training iteration; check a GPU",
    "report": "build or open the report of a study",
    "watch": "show the progress and the report of a running study in the browser",
    "record": "write the results of a study into a folder that can be committed",
    "import": "add detections of another tool to a study, or import an exported study",
    "export": "write a study as one archive, or as tidy tables in Parquet",
    "export-model": "write a trained run as a config and a checkpoint of mmdet",
    "merge": "join parts of a study that were computed on several machines",
    "diff": "show what differs between two studies, in configs and numbers",
    "agree": "compare a study's results with a record of the same study",
    "figure": "draw a figure of a study for a paper, as PDF, SVG or PNG",
    "completion": "print a script with which a shell completes commands and options",
    "doctor": "check this machine and its packages, and say how to solve each problem",
}
EVERY = "*"  # `build_parser`: every command gets its arguments
# Packages of the extra `bench`; all others are in the extra `evaluate`.
OF_STUDIES = {"torch", "mmdet", "mmengine", "mmcv", "sklearn", "snakemake", "matplotlib", "seaborn"}
OF_STUDIES |= {"yaml", "jinja2", "cv2"}
TERMINATED = 143  # by SIGTERM, as shells count it
NOBODY_READS = 141  # `rankdet ... | head`, as other programs that SIGPIPE ends


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, as all errors of the commands are.

    An unknown option is named by the parser of its command, with the nearest one, and before
    arguments that are missing.
    """

    has_commands = False

    def error(self, message: str) -> NoReturn:
        """Raises the error of an argument.

        Raises:
            InputError: Always.
        """
        end = " " if message.endswith("?") else "; "
        raise InputError(f"{message}{end}`{self.prog} --help` lists all options")

    def add_subparsers(self, **options: Any) -> Any:
        """Adds commands: options after the name of a command are not those of this parser."""
        self.has_commands = True
        return super().add_subparsers(**options)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parses the arguments; there are none that nobody knows.

        Raises:
            InputError: For an unknown option, or an argument too many.
        """
        words = list(sys.argv[1:] if args is None else args)
        if not self.has_commands:
            self._check_options(words)
        found, unknown = super().parse_known_args(words, namespace)
        if unknown:
            self._unknown(unknown)
        return found, unknown

    def _check_options(self, words: list[str]) -> None:
        before = takewhile(lambda word: word != "--", words)
        options = [word for word in before if word.startswith("--") and " " not in word]
        known = self._option_string_actions
        wrong = [w for w in options if not any(o.startswith(w.partition("=")[0]) for o in known)]
        if wrong:
            self._unknown(wrong)

    def _unknown(self, words: list[str]) -> NoReturn:
        option = next((word.partition("=")[0] for word in words if word.startswith("-")), "")
        known = {name.lstrip("-"): name for name in self._option_string_actions}
        near = close(option.lstrip("-"), known) if option else None
        hint = f"; did you mean {known[near]}?" if near else ""
        self.error(f"unrecognized arguments: {' '.join(words)}{hint}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        choices = list(action.choices or ())
        if choices and value not in choices:
            hint = nearest(value, map(str, choices))
            raise argparse.ArgumentError(action, f"invalid choice: {value!r}; {hint}")


def build_parser(command: str | None) -> argparse.ArgumentParser:
    """Returns the parser; only `command` gets its arguments (`EVERY`: all commands)."""
    parser = Parser(
        prog="rankdet",
        description="Ranking-based losses for object detection: evaluate, compare, report.",
    )
    parser.add_argument("--version", action="version", version=f"rankdet {__version__}")
    parser.set_defaults(whole_parser=partial(build_parser, EVERY))  # for `completion`
    parsers = parser.add_subparsers(dest="command", metavar="command", required=True)
    for name, help_text in COMMANDS.items():
        sub = parsers.add_parser(name, help=help_text, description=help_text)
        if command in (name, EVERY):
            importlib.import_module(module_of(name)).add_arguments(sub)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: The arguments without the program's name; None takes those of the process.

    Returns:
        The exit code. Bad input, a missing package and a file that cannot be read or written print
        one line and give 2, also if the file is the standard output (`> /dev/full`).
    """
    _print_anything()
    try:
        with _cleaned_up():
            code = _run(list(sys.argv[1:] if argv is None else argv))
    finally:  # here, because nobody handles an error at the end of the process
        lost = _flush()
    if code or lost is None:
        return code
    if isinstance(lost, BrokenPipeError):
        return NOBODY_READS
    return _system_error(lost)


def _run(argv: list[str]) -> int:
    command = next((word for word in argv if not word.startswith("-")), None)
    try:
        args = build_parser(command).parse_args(argv)
        module = importlib.import_module(module_of(args.command))
        return int(module.run(args) or 0)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", "rankdet"):  # a bug in this package, not in the environment
            raise
        print(f"error: {missing(command, package)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        _ignore_interrupts()
        print("stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return NOBODY_READS
    except OSError as error:  # a folder that cannot be read or written, a full disk
        return _system_error(error)


def module_of(command: str) -> str:
    """Returns the module of a command; a name that Python keeps for itself ends in `_`."""
    name = command.replace("-", "_")
    return f"rankdet.commands.{name}_" if iskeyword(name) else f"rankdet.commands.{name}"


def _flush() -> OSError | None:
    """Writes what was printed; returns the error if it cannot be written, and then drops it."""
    try:
        if sys.stdout is not None:  # None: closed by the shell (`>&-`)
            sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return error
    return None


def _system_error(error: OSError) -> int:
    where = f"{error.filename}: " if error.filename else ""
    remedy = "; free some space and run again" if error.errno in DISK_FULL else ""
    print(f"error: {where}{error.strerror or error}{remedy}", file=sys.stderr)
    return 2


def _print_anything() -> None:
    """Lets a terminal that lacks a character, such as an arrow, show a question mark."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


@contextmanager
def _cleaned_up() -> Iterator[None]:
    """Lets a command that SIGTERM ends remove its temporary files, as after Ctrl-C."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    owner = os.getpid()

    def end(*_: object) -> None:
        if os.getpid() != owner:  # a process that the command has started by a fork
            os._exit(TERMINATED)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise SystemExit(TERMINATED)

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _ignore_interrupts() -> None:
    """Lets the command end with one line: a user often presses Ctrl-C twice."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def missing(command: str | None, package: str) -> str:
    """Returns the message for a command whose package is not installed."""
    extra = "bench" if package in OF_STUDIES else "evaluate"
    return (
        f"`rankdet {command}` needs the Python package {package!r}, which is not installed: run "
        f"`make setup` in a clone of RankDet Bench, or pip install '.[{extra}]' there"
    )


if __name__ == "__main__":
    sys.exit(main())
