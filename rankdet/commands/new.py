"""`rankdet new`: creates a new loss from the template, where the user is."""

import argparse
import re
from pathlib import Path

from rankdet.errors import InputError
from rankdet.files import shown, write_text
from rankdet.repository import IN_CLONE, LOSSES, ROOT, runs_studies

TAKEN = ("untrained",)  # the name for a detector before training
NAME = re.compile(r"[a-z][a-z0-9_]*")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds `loss` and its name."""
    parts = parser.add_subparsers(dest="part", metavar="part", required=True)
    loss = parts.add_parser(
        "loss", help="write losses/NAME.py, in a clone workflows/losses/NAME.py"
    )
    loss.add_argument("name", metavar="NAME", help="lower-case letters, digits and _")


def run(args: argparse.Namespace) -> int:
    """Writes the file and prints the next steps."""
    in_clone = IN_CLONE and Path.cwd().is_relative_to(ROOT)
    if not in_clone and not runs_studies(Path()):
        raise InputError(
            f"{Path.cwd()}: no Snakefile here, so no study could use the loss; make a lab first, "
            f"`rankdet init my-lab && cd my-lab`, then `rankdet new loss {args.name}`"
        )
    path = shown(new_loss(args.name, LOSSES if in_clone else Path("losses")))
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
        folder: The folder to write to.

    Raises:
        InputError: If the name is not allowed, or the file exists or cannot be written.
    """
    if not NAME.fullmatch(name):
        raise InputError(f"name: found {name!r}; use lower-case letters, digits and _")
    if name in TAKEN:
        raise InputError(f"name: {name!r} has another meaning in a study; choose another name")
    path = folder / f"{name}.py"
    if (LOSSES / path.name).exists() and folder != LOSSES:
        raise InputError(f"name: rankdet has a loss {name!r}; choose another name")
    if path.exists():
        raise InputError(f"{path} exists; choose another name, or edit that file")
    text = (LOSSES / "_template.py").read_text(encoding="utf-8")
    body = text.partition('"""\n')[2]  # the copy does not need the instructions for copying
    summary = f'"""<What {name} does, in one line>.\n\n<Authors: title, venue year.>\n"""\n'
    for old, new in (
        ('"name": "template"', f'"name": "{name}"'),
        ('"title": "My Loss"', f'"title": "{title(name)}"'),
        ("`template+", f"`{name}+"),
    ):
        body = body.replace(old, new)
    write_text(path, summary + body)
    return path


def title(name: str) -> str:
    """Returns the title of a loss from its name: `soft_rank` is `Soft Rank Loss`."""
    words = [word.capitalize() for word in name.split("_") if word]
    return " ".join(words if words[-1:] == ["Loss"] else [*words, "Loss"])
