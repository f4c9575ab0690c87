"""`rankdet bench gpu`: checks one card: correct losses, their times, iterations, trainings."""

import argparse
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rankdet.commands.arguments import (
    check_folder,
    check_loss_variables,
    check_writable,
    folder,
)
from rankdet.errors import InputError, first_of
from rankdet.suggest import choice

HELP = "check one GPU in a few minutes: correct losses, their times, iterations, trainings"
OUT = Path("results/gpu-check")
LEAST_MINUTES, MOST_MINUTES = 0.2, 24 * 60.0

if TYPE_CHECKING:
    from rankdet.gpu_check.record import GpuRecord
    from rankdet.gpu_check.stop import Stop


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `gpu`."""
    parser.add_argument(
        "--out",
        type=folder,
        metavar="DIR",
        help=f"folder for the record, the page and the plots (default {OUT}; with --page that of "
        "the record)",
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
    parser.add_argument(
        "--page",
        type=Path,
        metavar="RECORD.json",
        help="check nothing; make the page and the plots of this record of a check",
    )


def run(args: argparse.Namespace) -> int:
    """Runs the check.

    Returns:
        0; 1 if a loss differs from the CPU, a part failed, or nothing was measured; after a signal
        128 and its number, as shells count it.
    """
    if args.page is not None:
        return _make_page(args.page, args.out or args.page.parent)
    if not args.minutes >= LEAST_MINUTES:
        raise InputError(f"--minutes {args.minutes:g}: choose {LEAST_MINUTES:g} or more")
    if args.minutes > MOST_MINUTES:
        raise InputError(
            f"--minutes {args.minutes:g}: choose at most {MOST_MINUTES:g}, which are 24 hours"
        )
    out = args.out or OUT
    check_folder(out)
    from rankdet.gpu_check.stop import Stop

    with Stop().listening() as stop:
        from rankdet.gpu_check.parts import PARTS

        parts = _chosen(args.parts, tuple(PARTS))
        check_loss_variables(args.device)
        from rankdet.gpu_check.check import Settings, run_check

        settings = Settings(out, args.minutes, parts, args.device, args.size)
        record, path = run_check(settings, stop)
        if not stop.number:
            return _print(record, path) or _check_measured(record)
        with suppress(OSError):  # a terminal that was closed
            _print(record, path)
            _print_stop(stop, path)
        return stop.code


def _chosen(text: str | None, known: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the parts that `--parts` names."""
    if text is None:
        return known
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if name not in known:
            raise InputError(f"--parts {text!r}: unknown part {name!r}; {choice(name, known)}")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"--parts {text}: {first_of(twice, 3)} is given twice; remove one")
    return names


def _make_page(path: Path, out: Path) -> int:
    from rankdet.gpu_check.page import write_page
    from rankdet.gpu_check.record import GpuRecord

    if path.is_dir():
        raise InputError(f"--page {path}: is a folder; name a record, gpu-<name>-<date>.json")
    record, problem = GpuRecord.read(path)
    if record is None:
        raise InputError(f"--page {path}: {problem}; name a record that `rankdet bench gpu` wrote")
    check_folder(out)
    page, log = out / f"{path.stem}.md", out / f"{path.stem}.log"
    check_writable(page, log, reads=[path])
    write_page(record, out, path.stem, log)
    print(f"page: {page}")
    return 0


def _print(record: "GpuRecord", path: Path) -> int:
    from rankdet.gpu_check.page import STATES, summary
    from rankdet.training.attempts import FAILED

    heads = ("part", "status", "s", "budget", *STATES)
    print()
    for cells in (heads, *summary(record)):
        print("".join(f"{cell:<13}" for cell in cells).rstrip())
    rows = [row for part in record.parts for row in part.rows]
    failed = [row for row in rows if row["status"] == FAILED]
    broken = [part for part in record.parts if part.status == "failed"]
    for part in broken:
        print(f"{part.name} failed: {part.reason}")
    for row in failed:
        print(f"failed: {' '.join(str(v) for v in row.values() if isinstance(v, str))}")
    print(f"record: {path}; page: {path.with_suffix('.md').name}")
    return 1 if failed or broken else 0


def _check_measured(record: "GpuRecord") -> int:
    from rankdet.training.attempts import MEASURED

    if any(row["status"] == MEASURED for part in record.parts for row in part.rows):
        return 0
    print("nothing was measured: give more --minutes, or fewer --parts", file=sys.stderr)
    return 1


def _print_stop(stop: "Stop", path: Path) -> None:
    sys.stdout.flush()
    plots = f"; `rankdet bench gpu --page {path}` draws the missing plots" if stop.pending else ""
    print(f"{stop.reason}{plots}", file=sys.stderr)
