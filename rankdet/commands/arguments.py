"""Checks that several commands make before they start to work."""

import argparse
import operator
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from rankdet.errors import InputError, in_words
from rankdet.machine import memory_bytes
from rankdet.whole_folders import followed

MOST_DRAWS = 100_000  # of images for intervals


def check_least(args: argparse.Namespace, **least: int) -> None:
    """Checks that options are at least as large as their smallest allowed value.

    Args:
        args: The command's arguments.
        **least: The smallest allowed value by the option's name.

    Raises:
        InputError: If an option is smaller; the message names the first one.
    """
    _check_limits(args, least, operator.lt, "{:,} or more")


def check_most(args: argparse.Namespace, **most: int) -> None:
    """Checks that options are not larger than their largest allowed value.

    Args:
        args: The command's arguments.
        **most: The largest allowed value by the option's name.

    Raises:
        InputError: If an option is larger; the message names the first one.
    """
    _check_limits(args, most, operator.gt, "at most {:,}")


def _check_limits(
    args: argparse.Namespace,
    limits: Mapping[str, int],
    is_wrong: Callable[[Any, int], bool],
    words: str,
) -> None:
    for name, limit in limits.items():
        if is_wrong(getattr(args, name), limit):
            option = name.replace("_", "-")
            raise InputError(f"--{option} {getattr(args, name)}: choose {words.format(limit)}")


def check_threads(args: argparse.Namespace) -> None:
    """Checks `--threads`: torch crashes if it is asked for more than the system can start.

    Raises:
        InputError: If there are none, or more than the machine has cores.
    """
    check_least(args, threads=1)
    cores = os.cpu_count() or 1
    if args.threads > cores:
        raise InputError(
            f"--threads {args.threads}: choose at most {cores}, the number of this machine's cores"
        )


def check_memory(needed: int, options: str) -> None:
    """Checks that data can be in memory: else the system would end the command without a word.

    Args:
        needed: The bytes that are needed at least.
        options: The options that the bytes follow from, for the message.

    Raises:
        InputError: If this machine has less memory.
    """
    total = memory_bytes()
    if total is not None and needed > total:
        raise InputError(
            f"{options}: needs more than {needed / 1e9:,.0f} GB of memory, and this machine has "
            f"{total / 1e9:,.0f} GB; choose less"
        )


def check_loss_variables(device: str) -> None:
    """Checks the environment variables of the losses before a benchmark starts.

    Args:
        device: `auto`, `cpu` or `cuda`.

    Raises:
        InputError: If a variable has a value that is not known, or the kernels cannot run.
    """
    import torch

    from rankdet.losses.device import check_variables

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        check_variables(device)
    except ValueError as error:
        raise InputError(error) from None


def check_draws(args: argparse.Namespace, option: str) -> None:
    """Checks that an option asks for a number of draws that a machine can hold.

    Args:
        args: The command's arguments.
        option: The option's name.

    Raises:
        InputError: If there are more than `MOST_DRAWS`.
    """
    if (getattr(args, option) or 0) > MOST_DRAWS:
        raise InputError(
            f"--{option} {getattr(args, option)}: choose at most {MOST_DRAWS:,}; "
            "1,000 are enough for an interval of 95 %"
        )


def config_overrides(pairs: Sequence[str]) -> dict[str, Any]:
    """Returns the keys of `--config KEY=VALUE ...`, values read as YAML.

    Raises:
        InputError: For the first pair that cannot be read, or a key that is given twice.
    """
    from rankdet.parsing import parse_yaml

    overrides = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign or not key:
            raise InputError(f"--config {_as_text(pair)}: give KEY=VALUE")
        if key in overrides:
            raise InputError(f"--config {_as_text(pair)}: {key} is given twice; remove one")
        try:
            overrides[key] = parse_yaml(value)
        except ValueError as error:
            raise InputError(f"--config {_as_text(pair)}: {error}") from None
    return overrides


def _as_text(pair: str) -> str:
    return ascii(pair) if len(pair) <= 60 else f"{pair[:57]!a}..."


def check_writable(*paths: Path | str | None, reads: Iterable[Path | str] = ()) -> None:
    """Checks that files can be written, so that no work is lost at its end.

    Args:
        *paths: The files; None is skipped.
        reads: The files and folders that the command reads.

    Raises:
        InputError: If a path is a folder or a device, its folder is not writable, it is a file that
            the command reads (also by a link), or two paths are one file.
    """
    named = [Path(path) for path in paths if path is not None]
    for path in named:
        if path.is_dir():
            raise InputError(f"{path}: is a folder; name a file")
        if path.exists() and not path.is_file():
            raise InputError(f"{path}: is not a file that can be replaced; name another file")
        _check_makes_files(path, path.absolute().parents)
    for path in named:
        for read in map(Path, reads):
            if _same(path, read) or (path.exists() and read.is_dir() and _inside(path, read)):
                raise InputError(
                    f"{path}: this command reads it and would write over it; name another file"
                )
    for first, second in combinations(named, 2):
        if _same(first, second):
            raise InputError(f"{second}: two outputs have this name; give each its own file")


def folder(text: str) -> Path:
    """Returns the folder that an option names; `Path` takes an empty text for the current folder.

    Raises:
        ArgumentTypeError: If the text is empty.
    """
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty; name a folder")
    return Path(text)


def check_folder(path: Path) -> None:
    """Checks that files can be written into a folder, which may be missing.

    Raises:
        InputError: If it is a file, or a link to nothing, or is not writable.
    """
    followed(path)
    _check_makes_files(path, [path.absolute(), *path.absolute().parents])


def _check_makes_files(path: Path, folders: Iterable[Path]) -> None:
    """Makes a temporary file in the first of the folders that exists."""
    above = next(one for one in folders if one.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise InputError(f"{path}: cannot be written: {above} is not a writable folder")
    try:
        TemporaryFile(dir=above).close()
    except OSError as error:  # /proc, a full or remote disk: rights do not tell
        raise InputError(
            f"{path}: cannot be written: no file can be made in {above} ({in_words(error)})"
        ) from None


def _same(first: Path, second: Path) -> bool:
    try:
        return first.samefile(second)
    except OSError:  # one of them does not exist
        return first.resolve() == second.resolve()


def _inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())
