"""The command line: `rankdet <command> ...`; a command is imported only when it is called."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from rankdet import __version__

COMMANDS = {
    "evaluate": "AP, oLRP and score-IoU correlation of any COCO-format detections",
    "data": "check a dataset in COCO format, fetch COCO or LVIS, or write the built-in shapes",
    "plan": "what a study would run, before anything starts",
    "new": "start a loss of your own from the template",
    "compare": "runs side by side, with a paired bootstrap of their differences",
    "bench": "time losses and evaluation against slower versions, and losses in an iteration",
    "report": "build a study's report from what is on disk, or open it",
    "doctor": "versions, devices and what is wrong with this machine, with remedies",
}


def build_parser(command: str | None) -> argparse.ArgumentParser:
    """Returns the parser, with the arguments of `command` alone filled in."""
    parser = argparse.ArgumentParser(
        prog="rankdet",
        description="Ranking-based losses for object detection: measure, compare, report.",
    )
    parser.add_argument("--version", action="version", version=f"rankdet {__version__}")
    parsers = parser.add_subparsers(dest="command", metavar="command", required=True)
    for name, help_text in COMMANDS.items():
        sub = parsers.add_parser(name, help=help_text, description=help_text)
        if name == command:
            importlib.import_module(f"rankdet.commands.{name}").add_arguments(sub)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; bad input prints one line and exits with 2."""
    argv = list(sys.argv[1:] if argv is None else argv)
    command = next((word for word in argv if not word.startswith("-")), None)
    args = build_parser(command).parse_args(argv)
    from rankdet.errors import InputError
    from rankdet.errors import InputError as AnalysisError

    module = importlib.import_module(f"rankdet.commands.{args.command}")
    try:
        return int(module.run(args) or 0)
    except (InputError, AnalysisError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `rankdet ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


if __name__ == "__main__":
    sys.exit(main())
