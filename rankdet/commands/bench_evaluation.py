"""`rankdet bench evaluation`: time of all metrics, compared with other evaluators for AP."""

import argparse
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rankdet.commands.arguments import check_draws, check_least, check_memory, check_writable
from rankdet.files import write_text

BYTES_AN_IMAGE, BYTES_A_DETECTION = 1500, 300  # at least; measured were 2,600 and 500
HELP = "time and memory of all metrics, compared with other evaluators for AP"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `evaluation`."""
    parser.add_argument("--images", type=int, default=5000, help="number of images (default 5000)")
    parser.add_argument(
        "--detections", type=int, default=500_000, help="number of detections (default 500000)"
    )
    parser.add_argument("--classes", type=int, default=80, help="number of classes (default 80)")
    parser.add_argument(
        "--federated",
        action="store_true",
        help="federated annotations, as in LVIS; other evaluators are not run",
    )
    parser.add_argument(
        "--draws", type=int, default=100, help="bootstrap draws for intervals (default 100)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the synthetic data (default 0)"
    )
    parser.add_argument(
        "--against",
        action="append",
        choices=("pycocotools", "hotcoco", "faster-coco-eval"),
        help="compare with this evaluator only, if it is installed; repeatable (default: all; "
        "pycocotools takes minutes)",
    )
    parser.add_argument("--alone", action="store_true", help="do not run other evaluators")
    parser.add_argument(
        "--growth",
        action="store_true",
        help="also measure with a quarter and a half of the detections",
    )
    parser.add_argument("--out", type=Path, help="also write the times as JSON")


def run(args: argparse.Namespace) -> int:
    """Measures the processor time of each step in seconds; writes, then prints it."""
    from rankdet.machine import THREAD_VARIABLES

    # One thread, as in the workflow's jobs: threads that wait for each other use processor time.
    for variable in THREAD_VARIABLES:
        os.environ.setdefault(variable, "1")
    from rankdet.evaluation import benchmark

    check_least(args, images=1, detections=1, classes=1, draws=2, seed=0)
    needed = BYTES_AN_IMAGE * args.images + BYTES_A_DETECTION * args.detections
    check_memory(needed, f"--images {args.images} with --detections {args.detections}")
    check_draws(args, "draws")
    check_writable(args.out)
    size = (args.images, args.detections, args.draws, args.seed)
    against = () if args.alone else args.against or benchmark.OTHERS
    result = benchmark.run(*size, against, args.classes, federated=args.federated)
    if args.growth:
        sizes = [max(1, args.detections // k) for k in (4, 2, 1)]
        result["growth"] = benchmark.growth(args.images, sizes, args.draws, args.seed, args.classes)
    if args.out:
        record = {"schema": benchmark.SCHEMA, **result}
        write_text(args.out, json.dumps(record, indent=1) + "\n")
    _print(args, result)
    return 0


def _print(args: argparse.Namespace, result: Mapping[str, Any]) -> None:
    print(
        f"{args.images} images, {args.detections} detections, {args.classes} classes; "
        "processor time in seconds, peak memory so far in GB"
    )
    for step, seconds in result["ours_seconds"].items():
        print(f"{'ours':<18}{step:<42}{seconds:8.2f}{result['ours_peaks_gb'][step]:8.2f}")
    print(f"{'ours':<18}{'total':<42}{result['ours_total']:8.2f}{result['ours_peak_gb']:8.2f}")
    for name, other in result["others"].items():
        for step, seconds in other["seconds"].items():
            print(f"{name:<18}{step:<42}{seconds:8.2f}")
        print(f"{name:<18}{'total':<42}{other['total']:8.2f}{other['peak_gb']:8.2f}")
    for step, seconds in result["pycocotools_seconds"].items():
        print(f"{'pycocotools':<18}{step:<42}{seconds:8.2f}")
    for name, other in result["others"].items():
        print(
            f"our reading, matching and AP take {other['ap_part_ratio']:.2f} times the time of "
            f"{name}, with equal AP"
        )
    print(f"peak memory of our evaluation {result['ours_peak_gb']:.2f} GB")
    if result["ratio"]:
        print(
            f"all of ours is {result['ratio']:.1f} times faster than pycocotools' AP, with equal "
            "precision tables"
        )
    for row in result.get("growth", ()):
        print(
            f"{row['detections']:>9} detections: {row['seconds']:.2f} s, "
            f"and {row['interval_seconds']:.2f} s for intervals"
        )
