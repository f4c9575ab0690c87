"""`rankdet bench losses`: speed and memory of the losses, compared with loops over positives."""

import argparse
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rankdet.commands.arguments import check_loss_variables, check_threads, check_writable
from rankdet.errors import InputError
from rankdet.files import write_text
from rankdet.suggest import choice

HELP = "speed and memory of the losses, compared with loops over positives"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `losses`."""
    parser.add_argument(
        "--loss",
        action="append",
        help="ap, alrp, rank_sort, ape (default: these four), or ape_official (APE Loss with all "
        "pairs); repeatable",
    )
    parser.add_argument(
        "--quick", action="store_true", help="only the smallest size (under a minute)"
    )
    parser.add_argument(
        "--threads",
        type=int,
        default=1,
        help="CPU threads (default 1: processor time; more: wall time, with other programs)",
    )
    parser.add_argument("--out", type=Path, help="also write the rows as JSON")


def run(args: argparse.Namespace) -> int:
    """Measures the losses; writes and prints a row for each loss, size and stage of training.

    The file has each row before the terminal, so that a terminal that is gone loses nothing.
    """
    check_threads(args)
    check_writable(args.out)
    import torch

    from rankdet.losses import benchmark

    names = args.loss or list(benchmark.LOSSES)
    for name in names:
        if name not in benchmark.NAMES:
            raise InputError(f"loss {name!r} is not timed; {choice(name, benchmark.NAMES)}")
    check_loss_variables("cpu")
    torch.set_num_threads(args.threads)
    record = _facts(args.threads)
    rows, growth = record["rows"], record["growth"]
    sizes = benchmark.SIZES[:1] if args.quick else benchmark.SIZES
    for row in benchmark.measure(names, sizes, threads=args.threads):
        rows.append(row)
        _write(args.out, record)
        if len(rows) == 1:
            _print_head(record)
        _print(row)
    for (name, positives, logits), mean in _means(rows).items():
        print(f"{name} at P {positives}, N {logits}: {mean:.1f}x (geometric mean over the stages)")
    for name in names:
        growth[name] = factor = benchmark.growth(name, threads=args.threads)
        _write(args.out, record)
        print(f"{name}: time x {factor['n']:.2f} for 2 N, x {factor['p']:.2f} for 2 P", flush=True)
    return 0


def _facts(threads: int) -> dict[str, Any]:
    """Returns the record without rows: how, where and when they are measured."""
    from rankdet.losses.turns import clock_name
    from rankdet.training import provenance

    return {
        "schema": "rankdet.bench.losses/1",
        "rows": [],
        "growth": {},
        "threads": threads,
        "clock": clock_name(threads),
        "hardware": provenance.hardware("cpu"),
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "versions": provenance.versions(),
        "commit": provenance.commit(),
        "dirty": provenance.changed(),
        "when": provenance.now(),
    }


def _write(path: Path | None, record: Mapping[str, Any]) -> None:
    if path:
        write_text(path, json.dumps(record, indent=1) + "\n")


def _print_head(record: Mapping[str, Any]) -> None:
    print(
        f"torch {record['versions']['torch']}, {record['threads']} thread(s) of "
        f"{record['hardware']['cpu']}; forward and backward, best {record['clock']} of the rounds"
    )
    print(
        f"{'loss':12} {'P':>5} {'N':>8} {'stage':7} {'ms':>8} {'looped':>9} {'ratio':>7} rounds "
        "B/logit"
    )


def _print(row: Mapping[str, Any]) -> None:
    memory = row["bytes_per_logit"]
    print(
        f"{row['loss']:12} {row['positives']:5} {row['logits']:8} {row['stage']:7} "
        f"{row['ms']:8.2f} {row['looped_ms']:9.1f} {row['ratio']:6.1f}x "
        f"{row['rounds']:6} "
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
