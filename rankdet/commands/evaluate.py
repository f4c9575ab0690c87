"""`rankdet evaluate`: AP, oLRP and score-IoU correlation of any COCO-format detections."""

import argparse
import json
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from rankdet.commands.arguments import check_draws, check_least, check_writable
from rankdet.evaluation import registry
from rankdet.evaluation.metric import EVALUATE, LEADERBOARD, LOWER, PERCENT, Metric
from rankdet.files import write_text

LINE, INDENT = 120, 36  # in characters: length of a line, and space to the left of the values


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("ground_truth", metavar="GT.json", help="COCO-format annotations")
    parser.add_argument("detections", metavar="DETECTIONS.json", help="COCO results format")
    parser.add_argument("--iou-type", choices=("bbox", "segm"), default="bbox")
    parser.add_argument(
        "--backend",
        choices=("matches", "hotcoco", "pycocotools"),
        default="matches",
        help="what computes AP: our matches (default, fastest) or a package; all give the same "
        "numbers",
    )
    parser.add_argument(
        "--out", metavar="metrics.json", help="write all numbers, also those of each class"
    )
    parser.add_argument(
        "--matches", metavar="matches.parquet", help="write which detection matches which object"
    )
    parser.add_argument(
        "--ignore-unknown",
        action="store_true",
        help="leave out detections of images or categories that are not in GT.json",
    )
    parser.add_argument(
        "--lrp-thresholds",
        choices=("exact", "grid101"),
        default="exact",
        help="score thresholds tried for oLRP: every score, or 0, .01, ... 1",
    )
    parser.add_argument(
        "--bootstrap",
        type=int,
        default=0,
        metavar="N",
        help="95 %% intervals of AP, oLRP and correlations from N draws of the images",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of those draws (default 0)")
    parser.add_argument(
        "--errors", action="store_true", help="print how much AP50 each kind of error costs (TIDE)"
    )
    parser.add_argument(
        "--sparsity-edges",
        type=_edges,
        default=(0, 4, 9, 21),
        metavar="0,4,9,21",
        help="lowest number of objects of each bin, for AP by objects per image",
    )
    parser.add_argument(
        "--sparsity-crowds", action="store_true", help="count crowds as objects in these bins"
    )


def run(args: argparse.Namespace) -> int:
    """Evaluates, writes the chosen files and prints a table."""
    from rankdet.evaluation.evaluate import evaluate_files

    check_least(args, seed=0)
    check_draws(args, "bootstrap")
    check_writable(args.out, args.matches, reads=(args.ground_truth, args.detections))
    result = evaluate_files(
        args.ground_truth,
        args.detections,
        iou_type=args.iou_type,
        backend=args.backend,
        ignore_unknown=args.ignore_unknown,
        matches_path=args.matches,
        lrp_thresholds=args.lrp_thresholds,
        bootstrap=args.bootstrap,
        seed=args.seed,
        errors=args.errors,
        sparsity_edges=args.sparsity_edges,
        sparsity_crowds=args.sparsity_crowds,
    )
    if args.out:
        write_text(args.out, json.dumps(result, indent=1, allow_nan=False) + "\n")
    print(table(result))
    return 0


def _edges(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list such as 0,4,9,21") from None


def table(result: dict[str, Any]) -> str:
    """Returns the metrics of an evaluation as a compact text table."""
    counts = result["counts"]
    lines = [
        f"{counts['images']} images, {counts['ground_truth']} objects (+ {counts['crowd']} crowd), "
        f"{counts['detections']} detections, {result['settings']['iou_type']}"
    ]
    found = registry.values(result)
    shown = [metric for metric in registry.shown_in(EVALUATE) if metric.key in found]
    for title, metrics in registry.grouped(shown):
        lines += _metrics(title, metrics, found)
    ap = registry.by_key()["AP"]
    sparsity = {registry.object_range(b): ap.text(b["AP"]) for b in result["sparsity"]}
    lines += _group(f"AP{_unit(ap)} by objects per image", sparsity)
    if "errors" in result:
        costs = result["errors"].get("delta_ap", {})
        lines += _group("AP50 (%) lost to", {kind: ap.text(v) for kind, v in costs.items()})
    lines += _interval_lines(result)
    lines += ["", "↓ lower is better"]
    lines.append(
        f"classes with objects: {counts['classes']}, "
        f"with a defined correlation: {counts['correlation_classes']}"
    )
    lines.extend(f"note: {note}" for note in result["notes"])
    return "\n".join(lines)


def _metrics(title: str, metrics: Sequence[Metric], found: Mapping[str, Any]) -> list[str]:
    """Returns the lines of a group; if all metrics are in percent, only the title has the unit."""
    percent = all(_unit(metric) for metric in metrics)
    values = {}
    for metric in metrics:
        arrow = f" {metric.arrow}" if metric.better == LOWER else ""
        unit = "" if percent else _unit(metric)
        values[f"{metric.header}{unit}{arrow}"] = metric.text(found[metric.key])
    return _group(f"{title} (%)" if percent else title, values)


def _group(title: str, values: dict[str, str]) -> list[str]:
    """Returns lines with names above their values, as many columns as a line can hold."""
    lines = [""]
    width = max([*map(len, values), 5]) + 2
    per_line = max(1, (LINE - INDENT) // width)
    rest = iter(values.items())
    while part := list(islice(rest, per_line)):
        head = title if lines == [""] else ""
        lines.append(f"{head:<{INDENT}}" + "".join(f"{name:>{width}}" for name, _ in part))
        lines.append(" " * INDENT + "".join(f"{text:>{width}}" for _, text in part))
    return lines if values else []


def _interval_lines(result: dict[str, Any]) -> list[str]:
    intervals = result.get("intervals")
    if intervals is None:
        return []
    level, draws = intervals["level"], intervals["replicates"]
    lines = ["", f"{100 * level:.0f} % intervals from {draws} draws of the images"]
    for metric in registry.shown_in(LEADERBOARD):
        if metric.interval:
            ends = intervals["metrics"][metric.key]
            text = "–" if ends is None else " to ".join(metric.text(v) for v in ends)
            if ends and metric.key in intervals["approximate"]:
                text += "  (approximate)"
            lines.append(f"  {metric.header + _unit(metric):<34}{text}")
    return lines


def _unit(metric: Metric) -> str:
    return " (%)" if metric.scale == PERCENT else ""
