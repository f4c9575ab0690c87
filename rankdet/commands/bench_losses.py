"""`rankdet bench losses`: speed and memory of the losses, compared with loops over positives."""

import argparse
import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rankdet.commands.arguments import check_least, check_writable
from rankdet.errors import InputError
from rankdet.files import write_text

HELP = "speed and memory of the losses, compared with loops over positives"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `losses`."""
    parser.add_argument("--loss", action="append", help="ap, alrp, rank_sort or ape; repeatable")
    parser.add_argument("--quick", action="store_true", help="only the smallest size (seconds)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default 1)")
    parser.add_argument("--out", type=Path, help="also write the rows as JSON")


def run(args: argparse.Namespace) -> int:
    """Measures the losses; writes and prints a row for each loss, size and stage of training.

    The file has each row before the terminal, so that a terminal that is gone loses nothing.
    """
    import torch

    from rankdet.losses import benchmark
    from rankdet.losses.reference_loops import LOOPED

    for name in args.loss or ():
        if name not in LOOPED:
            raise InputError(f"loss {name!r} is not timed; choose from {', '.join(LOOPED)}")
    check_least(args, threads=1)
    check_writable(args.out)
    torch.set_num_threads(args.threads)
    names = args.loss or list(benchmark.LOSSES)
    rows: list[dict[str, Any]] = []
    for row in benchmark.measure(names, benchmark.SIZES[:1] if args.quick else benchmark.SIZES):
        rows.append(row)
        _write(args, rows, {})
        if len(rows) == 1:
            _print_head(args.threads)
        _print(row)
    growth = {} if args.quick else {name: benchmark.growth(name) for name in names}
    _write(args, rows, growth)
    for (name, positives, logits), mean in _means(rows).items():
        print(f"{name} at P {positives}, N {logits}: {mean:.1f}x (geometric mean over the stages)")
    for name, factor in growth.items():
        print(f"{name}: time x {factor['n']:.2f} for 2 N, x {factor['p']:.2f} for 2 P")
    return 0


def _write(
    args: argparse.Namespace, rows: Sequence[Mapping[str, Any]], growth: Mapping[str, Any]
) -> None:
    import torch

    if args.out:
        record = {
            "schema": "rankdet.bench.losses/1",
            "rows": rows,
            "growth": growth,
            "threads": args.threads,
            "torch": torch.__version__,
            "machine": platform.processor() or platform.machine(),
        }
        write_text(args.out, json.dumps(record, indent=1) + "\n")


def _print_head(threads: int) -> None:
    import torch

    print(f"torch {torch.__version__}, {threads} thread(s); forward and backward")
    print(f"{'loss':10} {'P':>5} {'N':>8} {'stage':7} {'ms':>8} {'looped':>9} {'ratio':>7} B/logit")


def _print(row: Mapping[str, Any]) -> None:
    memory = row["bytes_per_logit"]
    print(
        f"{row['loss']:10} {row['positives']:5} {row['logits']:8} {row['stage']:7} "
        f"{row['ms']:8.2f} {row['looped_ms']:9.1f} {row['ratio']:6.1f}x "
        f"{'?' if memory is None else format(memory, '.0f'):>7}",
        flush=True,
    )


def _means(rows: list[dict[str, Any]]) -> dict[tuple[str, int, int], float]:
    from rankdet.losses.benchmark import geometric_mean

    groups: dict[tuple[str, int, int], list[float]] = {}
    for row in rows:
        key = (row["loss"], row["positives"], row["logits"])
        groups.setdefault(key, []).append(row["ratio"])
    return {key: geometric_mean(ratios) for key, ratios in groups.items()}
