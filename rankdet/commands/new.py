"""`rankdet new`: starts a loss of one's own from the template."""

import argparse
import re
from pathlib import Path

from rankdet.errors import InputError
from rankdet.files import write_text

TAKEN = ("untrained",)  # what a study calls a detector that was not trained
NAME = re.compile(r"[a-z][a-z0-9_]*")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds `loss` and its name."""
    parts = parser.add_subparsers(dest="part", metavar="part", required=True)
    loss = parts.add_parser("loss", help="write workflows/losses/NAME.py")
    loss.add_argument("name", metavar="NAME", help="small letters, digits and _")


def run(args: argparse.Namespace) -> int:
    """Writes the file and says what to do next."""
    from rankdet.files import shown
    from rankdet.repository import LOSSES

    path = shown(new_loss(args.name, LOSSES))
    print(
        f"{path}: write your loss there, and add {args.name!r} to `losses` of a study, or try it:"
    )
    runs = f'[{{"dataset": "shapes", "detectors": ["retinanet"], "losses": ["{args.name}"]}}]'
    print(f"snakemake --cores all --config study={args.name} 'runs={runs}'")
    return 0


def new_loss(name: str, folder: Path) -> Path:
    """Copies the template of a loss under a new name; never overwrites.

    Args:
        name: The loss's name, and its file's.
        folder: The folder of the losses, with `_template.py`.

    Raises:
        InputError: If the name cannot be a loss's, there is such a file, or it cannot be written.
    """
    if not NAME.fullmatch(name):
        raise InputError(f"name: found {name!r}; a loss's name is small letters, digits and _")
    if name in TAKEN:
        raise InputError(f"name: {name!r} means something else in a study; choose another name")
    path = folder / f"{name}.py"
    if path.exists():
        raise InputError(f"{path} exists; choose another name, or edit that file")
    text = (folder / "_template.py").read_text(encoding="utf-8")
    body = text.partition('"""\n')[2]  # how to copy it is of no use in the copy
    summary = f'"""<What {name} is in one line>.\n\n<Authors: title, venue year.>\n"""\n'
    body = body.replace('"name": "template"', f'"name": "{name}"').replace(
        "`template+", f"`{name}+"
    )
    write_text(path, summary + body)
    return path
