"""`rankdet bench iteration`: time and memory of a loss, alone and in a training iteration."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rankdet.commands.arguments import check_least, check_repository, check_writable
from rankdet.files import write_text

HELP = "time and memory of losses, alone and in a training iteration of a detector"

if TYPE_CHECKING:
    from rankdet.results.schemas.cost import CostRecord


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `iteration`."""
    parser.add_argument(
        "--detector",
        action="append",
        help="a file of workflows/detectors (default retinanet); add a backbone with @: atss@r101",
    )
    parser.add_argument(
        "--loss",
        action="append",
        help="a file of workflows/losses; add variants with +; the others are compared with the "
        "first (default focal, ap, alrp, rs)",
    )
    parser.add_argument("--preset", choices=("full", "small"), default="full")
    parser.add_argument("--image-size", type=int, default=512, help="in pixels (default 512)")
    parser.add_argument("--batch-size", type=int, default=1, help="in images (default 1)")
    parser.add_argument(
        "--classes", type=int, default=80, help="number of classes (default 80, as in COCO)"
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=3,
        help="measurements of each loss; the fastest is reported (default 3)",
    )
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default 1)")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--out", type=Path, help="also write the record as JSON")


def run(args: argparse.Namespace) -> int:
    """Measures and prints one line per detector and loss."""
    check_repository("bench iteration")
    from rankdet.strict import read
    from rankdet.study.config.model import Cost
    from rankdet.study.cost import cost_spec

    check_least(args, threads=1)
    check_writable(args.out)
    options = ("preset", "image_size", "batch_size", "classes", "rounds")
    values: dict[str, Any] = {name: getattr(args, name) for name in options}
    values["detectors"] = args.detector or ["retinanet"]
    values["losses"] = args.loss or ["focal", "ap", "alrp", "rs"]
    source = "rankdet bench iteration"
    spec = cost_spec(read(Cost, values, source), source, args.threads, args.device)
    from rankdet.training.cost import measure_cost

    record = measure_cost(spec)
    _print(record)
    if args.out:
        write_text(args.out, json.dumps(record.to_dict(), indent=1, ensure_ascii=False) + "\n")
    return 0


def _print(record: "CostRecord") -> None:
    settings, hardware = record.settings, record.hardware
    print(
        f"{settings.preset} detectors, {settings.image_size} px, batch {settings.batch_size}, "
        f"{settings.threads} thread(s), {hardware.get('gpu') or hardware['cpu']}, "
        f"torch {(record.versions or {})['torch']}; best of {settings.rounds} rounds"
    )
    print(f"{'':29} loss alone        one iteration")
    print(f"{'detector':12} {'loss':16} {'ms':>6} {'+ MB':>6} {'s':>9} {'ratio':>6} {'MB':>6}")
    first: dict[str, float] = {}
    for row in record.rows:
        ratio = row.iteration_s / first.setdefault(row.detector, row.iteration_s)
        print(
            f"{row.detector:12} {row.loss:16} {row.loss_ms:6.1f} "
            f"{_megabytes(row.loss_memory_mb)} {row.iteration_s:9.3f} {ratio:6.2f} "
            f"{_megabytes(row.memory_mb)}"
        )


def _megabytes(value: float | None) -> str:
    return f"{'?':>6}" if value is None else f"{value:6.0f}"
