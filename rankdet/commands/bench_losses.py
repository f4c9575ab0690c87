"""`rankdet bench losses`: speed and memory of the losses, compared with loops over positives."""

import argparse
import json
import platform
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
    """Measures the losses and prints one line per loss, size and stage of training."""
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
    print(f"torch {torch.__version__}, {args.threads} thread(s); forward and backward")
    rows = _measure(names, benchmark.SIZES[:1] if args.quick else benchmark.SIZES)
    for (name, positives, logits), mean in _means(rows).items():
        print(f"{name} at P {positives}, N {logits}: {mean:.1f}x (geometric mean over the stages)")
    growth = {} if args.quick else {name: benchmark.growth(name) for name in names}
    for name, factor in growth.items():
        print(f"{name}: time x {factor['n']:.2f} for 2 N, x {factor['p']:.2f} for 2 P")
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
    return 0


def _measure(names: list[str], sizes: Any) -> list[dict[str, Any]]:
    from rankdet.losses import benchmark

    print(f"{'loss':10} {'P':>5} {'N':>8} {'stage':7} {'ms':>8} {'looped':>9} {'ratio':>7} B/logit")
    rows: list[dict[str, Any]] = []
    for row in benchmark.measure(names, sizes):
        rows.append(row)
        memory = row["bytes_per_logit"]
        print(
            f"{row['loss']:10} {row['positives']:5} {row['logits']:8} {row['stage']:7} "
            f"{row['ms']:8.2f} {row['looped_ms']:9.1f} {row['ratio']:6.1f}x "
            f"{'?' if memory is None else format(memory, '.0f'):>7}",
            flush=True,
        )
    return rows


def _means(rows: list[dict[str, Any]]) -> dict[tuple[str, int, int], float]:
    from rankdet.losses.benchmark import geometric_mean

    groups: dict[tuple[str, int, int], list[float]] = {}
    for row in rows:
        key = (row["loss"], row["positives"], row["logits"])
        groups.setdefault(key, []).append(row["ratio"])
    return {key: geometric_mean(ratios) for key, ratios in groups.items()}
