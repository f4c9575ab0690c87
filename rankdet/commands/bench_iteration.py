"""`rankdet bench iteration`: time and memory of a loss, alone and in a training iteration."""

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rankdet.commands.arguments import (
    check_loss_variables,
    check_memory,
    check_most,
    check_threads,
    check_writable,
)
from rankdet.files import write_text

STOCK_LOSSES = {"two-stage": "ce+l1"}  # mmdet's losses, by family; the others have focal loss
# Above these the losses are the same problem, only larger: memory would be the only limit.
MOST = {"image_size": 8192, "batch_size": 1024, "classes": 10_000}
# What one pixel of a batch needs at least; measured were 2,500 and 500 bytes.
BYTES_A_PIXEL = {"full": 2000, "small": 200}
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
        "first (default focal, ap, alrp, rs, ape; with --stock the detector's own)",
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
        help="measurements of each loss; the fastest is reported (default 3; with --stock the "
        "median of 15)",
    )
    parser.add_argument(
        "--stock",
        action="store_true",
        help="compare our adapters with mmdet's own heads and losses, on the same batch; with "
        "--loss, mmdet's heads keep their own losses",
    )
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default 1)")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--out", type=Path, help="also write the record as JSON")


def run(args: argparse.Namespace) -> int:
    """Measures each detector and loss; writes the record, then prints one line for each.

    The file is also written while it measures, so that a command that is stopped loses nothing.
    """
    from rankdet.strict import read
    from rankdet.study.config.model import Cost
    from rankdet.study.cost import cost_spec

    check_threads(args)
    check_most(args, **MOST)
    check_writable(args.out)
    options = ("preset", "image_size", "batch_size", "classes")
    values: dict[str, Any] = {name: getattr(args, name) for name in options}
    values["rounds"] = (15 if args.stock else 3) if args.rounds is None else args.rounds
    detectors = args.detector or ["retinanet"]
    source = "rankdet bench iteration"

    def spec_of(detectors: list[str], losses: list[str]) -> dict[str, Any]:
        own = {**values, "detectors": detectors, "losses": losses}
        return cost_spec(read(Cost, own, source), source, args.threads, args.device)

    def keep(record: Mapping[str, Any]) -> None:
        if args.out:
            write_text(args.out, json.dumps(record, indent=1, ensure_ascii=False) + "\n")

    if args.stock:
        specs = [spec_of([name], args.loss or [_stock_loss(name)]) for name in detectors]
        # One measurement of all, because the others of the first specification are equal.
        spec = {**specs[0], "entries": [entry for one in specs for entry in one["entries"]]}
    else:
        spec = spec_of(detectors, args.loss or ["focal", "ap", "alrp", "rs", "ape"])
    check_loss_variables(args.device)
    _check_memory(args)
    show = _stock(spec, keep) if args.stock else _cost(spec, keep)
    show()
    return 0


def _check_memory(args: argparse.Namespace) -> None:
    """Raises InputError if a CPU cannot hold the batch."""
    import torch

    if args.device == "cpu" or not torch.cuda.is_available():
        needed = BYTES_A_PIXEL[args.preset] * args.batch_size * args.image_size**2
        options = f"--image-size {args.image_size} with --batch-size {args.batch_size}"
        check_memory(needed, options)


def _stock_loss(detector: str) -> str:
    from rankdet.study.detectors import load_detector

    family = load_detector(detector.partition("@")[0], "full")["family"]
    return STOCK_LOSSES.get(family, "focal")


def _cost(spec: Mapping[str, Any], keep: Callable[[dict[str, Any]], None]) -> Callable[[], None]:
    """Measures the losses; returns what prints the record."""
    from rankdet.training.cost import measure_cost

    record = measure_cost(spec, lambda partial: keep(partial.to_dict()))
    return lambda: _print(record)


def _stock(spec: Mapping[str, Any], keep: Callable[[dict[str, Any]], None]) -> Callable[[], None]:
    """Measures our adapters beside mmdet's own heads; returns what prints the record."""
    from rankdet.training.stock import measure_stock

    record = measure_stock(spec, keep)
    return lambda: _print_stock(record)


def _print_stock(record: Mapping[str, Any]) -> None:
    settings, hardware = record["settings"], record["hardware"]
    print(
        f"{_shown(settings, hardware, record['versions'])}; medians of {settings['rounds']} steps, "
        f"{settings['clock']}"
    )
    print("ours with the loss of the row, beside mmdet with its own losses")
    width = max(len(row["stock_loss"]) for row in record["rows"])
    print(
        f"{'detector':12} {'loss':16} {'mmdet has':{width}} {'ours s':>9} {'mmdet s':>9} "
        f"{'ratio':>7}"
    )
    for row in record["rows"]:
        print(
            f"{row['detector']:12} {row['loss']:16} {row['stock_loss']:{width}} "
            f"{row['ours_s']:9.4f} {row['stock_s']:9.4f} {row['ratio']:7.3f}"
        )


def _shown(settings: Any, hardware: Mapping[str, Any], versions: Mapping[str, str]) -> str:
    return (
        f"{settings['preset']} detectors, {settings['image_size']} px, batch "
        f"{settings['batch_size']}, {settings['threads']} thread(s), "
        f"{hardware.get('gpu') or hardware['cpu']}, torch {versions['torch']}"
    )


def _print(record: "CostRecord") -> None:
    shown = _shown(record.settings.model_dump(), record.hardware, record.versions or {})
    print(f"{shown}; best of {record.settings.rounds} rounds, {record.settings.clock}")
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
