"""What commands share of their arguments: checked before the work starts, written after it."""

import argparse
import os
from pathlib import Path

from rankdet.errors import InputError


def check_least(args: argparse.Namespace, **least: int) -> None:
    """Checks that options are not below their least value.

    Args:
        args: The command's arguments.
        **least: An option's name to the smallest number that it may be.

    Raises:
        InputError: For the first that is smaller.
    """
    for name, number in least.items():
        if getattr(args, name) < number:
            option = name.replace("_", "-")
            raise InputError(f"--{option} {getattr(args, name)}: choose {number} or more")


def check_writable(*paths: Path | str | None) -> None:
    """Checks that files can be written, before the work and not after it.

    Raises:
        InputError: For the first that is a folder, or lies in one that takes no files.
    """
    for path in paths:
        if path is None:
            continue
        if Path(path).is_dir():
            raise InputError(f"{path}: is a folder; name a file")
        above = next(parent for parent in Path(path).absolute().parents if parent.exists())
        if not above.is_dir() or not os.access(above, os.W_OK):
            raise InputError(f"{path}: cannot be written: {above} takes no files")
