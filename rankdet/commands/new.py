"""`rankdet new`: creates a new loss from the template."""

import argparse
import re
from pathlib import Path

from rankdet.commands.arguments import check_repository
from rankdet.errors import InputError
from rankdet.files import write_text

TAKEN = ("untrained",)  # the name for a detector before training
NAME = re.compile(r"[a-z][a-z0-9_]*")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds `loss` and its name."""
    parts = parser.add_subparsers(dest="part", metavar="part", required=True)
    loss = parts.add_parser("loss", help="write workflows/losses/NAME.py")
    loss.add_argument("name", metavar="NAME", help="lower-case letters, digits and _")


def run(args: argparse.Namespace) -> int:
    """Writes the file and prints the next steps."""
    check_repository("new")
    from rankdet.files import shown
    from rankdet.repository import LOSSES

    path = shown(new_loss(args.name, LOSSES))
    print(
        f"{path}: write your loss there. Add {args.name!r} to `losses` of a study, or try it with:"
    )
    runs = f'[{{"dataset": "shapes", "detectors": ["retinanet"], "losses": ["{args.name}"]}}]'
    print(f"snakemake --cores all --config study={args.name} 'runs={runs}'")
    return 0


def new_loss(name: str, folder: Path) -> Path:
    """Copies the template of a loss under a new name; never overwrites a file.

    Args:
        name: The name of the loss and of its file.
        folder: The folder of the losses, which contains `_template.py`.

    Raises:
        InputError: If the name is not allowed, or the file exists or cannot be written.
    """
    if not NAME.fullmatch(name):
        raise InputError(f"name: found {name!r}; use lower-case letters, digits and _")
    if name in TAKEN:
        raise InputError(f"name: {name!r} has another meaning in a study; choose another name")
    path = folder / f"{name}.py"
    if path.exists():
        raise InputError(f"{path} exists; choose another name, or edit that file")
    text = (folder / "_template.py").read_text(encoding="utf-8")
    body = text.partition('"""\n')[2]  # the copy does not need the instructions for copying
    summary = f'"""<What {name} does, in one line>.\n\n<Authors: title, venue year.>\n"""\n'
    body = body.replace('"name": "template"', f'"name": "{name}"').replace(
        "`template+", f"`{name}+"
    )
    write_text(path, summary + body)
    return path
