"""`rankdet evaluate`: AP, oLRP and score-IoU correlation of any COCO-format detections."""

import argparse
import json
import os
from pathlib import Path
from typing import Any

HELP = "AP, oLRP and score-IoU correlation of any COCO-format detections"

# (title, keys shown side by side); rates in percent as the papers print them.
_GROUPS = (
    ("AP (%)", ("AP", "AP50", "AP65", "AP75", "AP80", "AP90", "AP95")),
    ("by area (%)", ("AP_small", "AP_medium", "AP_large")),
    ("by frequency (%)", ("AP_rare", "AP_common", "AP_frequent")),
    ("AR (%)", ("AR1", "AR10", "AR100", "AR_small", "AR_medium", "AR_large")),
    ("oLRP (%), lower is better", ("oLRP", "oLRP_Loc", "oLRP_FP", "oLRP_FN")),
    ("score-IoU correlation, class mean", ("pearson", "spearman", "kendall")),
    ("  over all true positives", ("pearson_pooled", "spearman_pooled", "kendall_pooled")),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("ground_truth", metavar="GT.json", help="COCO-format annotations")
    parser.add_argument("detections", metavar="DETECTIONS.json", help="COCO results format")
    parser.add_argument("--iou-type", choices=("bbox", "segm"), default="bbox")
    parser.add_argument(
        "--backend",
        choices=("hotcoco", "pycocotools"),
        default="hotcoco",
        help="who computes AP; same numbers, hotcoco is faster (default)",
    )
    parser.add_argument("--out", metavar="metrics.json", help="write all numbers, per class too")
    parser.add_argument(
        "--matches", metavar="matches.parquet", help="write which detection matched what"
    )
    parser.add_argument(
        "--ignore-unknown",
        action="store_true",
        help="leave out detections of images or categories that GT.json has not",
    )
    parser.add_argument(
        "--lrp-thresholds",
        choices=("exact", "grid101"),
        default="exact",
        help="score thresholds tried for oLRP: every score, or 0, .01, ... 1",
    )


def run(args: argparse.Namespace) -> int:
    """Evaluates, prints a table and writes what was asked for."""
    from analysis.evaluate import evaluate_files

    for path in (args.out, args.matches):
        _check_writable(path)
    result = evaluate_files(
        args.ground_truth,
        args.detections,
        iou_type=args.iou_type,
        backend=args.backend,
        ignore_unknown=args.ignore_unknown,
        matches_path=args.matches,
        lrp_thresholds=args.lrp_thresholds,
    )
    print(table(result))
    if args.out:
        _write(Path(args.out), json.dumps(result, indent=1, allow_nan=False) + "\n")
    return 0


def table(result: dict[str, Any]) -> str:
    """Returns the measures as a compact text table."""
    metrics, counts = result["metrics"], result["counts"]
    lines = [
        f"{counts['images']} images, {counts['ground_truth']} objects (+ {counts['crowd']} crowd), "
        f"{counts['detections']} detections, {result['settings']['iou_type']}"
    ]
    for title, keys in _GROUPS:
        keys = tuple(k for k in keys if k in metrics)
        if not keys:
            continue
        percent = "%" in title
        width = max(len(_short(k)) for k in keys) + 2
        lines.append("")
        lines.append(f"{title:<36}" + "".join(f"{_short(k):>{width}}" for k in keys))
        values = (_text(metrics[k], percent) for k in keys)
        lines.append(" " * 36 + "".join(f"{v:>{width}}" for v in values))
    lines.append("")
    lines.append(
        f"classes with objects: {counts['classes']}, "
        f"with a defined correlation: {counts['correlation_classes']}"
    )
    lines.extend(f"note: {note}" for note in result["notes"])
    return "\n".join(lines)


def _short(key: str) -> str:
    return key.removesuffix("_pooled").removeprefix("oLRP_")


def _text(value: float | None, percent: bool) -> str:
    if value is None:
        return "–"
    return f"{100 * value:.1f}" if percent else f"{value:.3f}"


def _check_writable(path: str | None) -> None:
    from rankdet.errors import InputError

    # Before the work, not after it.
    if path is not None and Path(path).is_dir():
        raise InputError(f"{path}: is a folder; name a file")


def _write(path: Path, text: str) -> None:
    from rankdet.errors import InputError

    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None
    finally:
        if part.exists():
            part.unlink()
