"""`rankdet bench gpu`: checks one card: correct losses, their times, iterations, trainings."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rankdet.commands.arguments import check_loss_variables, check_writable
from rankdet.errors import InputError
from rankdet.suggest import choice

HELP = "check one GPU in a few minutes: correct losses, their times, iterations, trainings"
LEAST_MINUTES = 0.2

if TYPE_CHECKING:
    from rankdet.gpu_check.record import GpuRecord


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `gpu`."""
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("results/gpu-check"),
        help="folder for the record, the page and the plots (default results/gpu-check)",
    )
    parser.add_argument(
        "--minutes", type=float, default=8.0, help="time of the whole check (default 8)"
    )
    parser.add_argument(
        "--parts", help="parts to run, separated by commas (default: all; see docs/gpu-check.md)"
    )
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument(
        "--size",
        choices=("full", "tiny"),
        default="full",
        help="full (default), or tiny: seconds on a CPU, its numbers have no meaning",
    )


def run(args: argparse.Namespace) -> int:
    """Runs the check; returns 1 if a loss differs from the CPU or a part failed."""
    if not args.minutes >= LEAST_MINUTES:
        raise InputError(f"--minutes {args.minutes:g}: choose {LEAST_MINUTES:g} or more")
    check_writable(args.out / "record")
    from rankdet.gpu_check.parts import PARTS

    parts = tuple(args.parts.split(",")) if args.parts else tuple(PARTS)
    for name in parts:
        if name not in PARTS:
            raise InputError(f"--parts: unknown part {name!r}; {choice(name, PARTS)}")
    check_loss_variables(args.device)
    from rankdet.gpu_check.check import Settings, run_check

    settings = Settings(args.out, args.minutes, parts, args.device, args.size)
    record, path = run_check(settings)
    return _print(record, path)


def _print(record: "GpuRecord", path: Path) -> int:
    from rankdet.gpu_check.page import STATES, summary
    from rankdet.training.attempts import FAILED

    heads = ("part", "status", "s", "budget", *STATES)
    print()
    for cells in (heads, *summary(record)):
        print("".join(f"{cell:<13}" for cell in cells).rstrip())
    failed = [row for part in record.parts for row in part.rows if row["status"] == FAILED]
    broken = [part for part in record.parts if part.status == "failed"]
    for part in broken:
        print(f"{part.name} failed: {part.reason}")
    for row in failed:
        print(f"failed: {' '.join(str(v) for v in row.values() if isinstance(v, str))}")
    print(f"record: {path}; page: {path.with_suffix('.md').name}")
    return 1 if failed or broken else 0
