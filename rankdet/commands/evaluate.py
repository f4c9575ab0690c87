"""`rankdet evaluate`: AP, oLRP and score-IoU correlation of any COCO-format detections."""

import argparse
import json
from typing import Any

from rankdet.commands.arguments import check_least, check_writable
from rankdet.files import write_text

# (title, keys shown side by side); rates in percent as the papers print them.
_GROUPS = (
    ("AP (%)", ("AP", "AP50", "AP65", "AP75", "AP80", "AP90", "AP95")),
    ("by area (%)", ("AP_small", "AP_medium", "AP_large")),
    ("by frequency (%)", ("AP_rare", "AP_common", "AP_frequent")),
    ("AR (%)", ("AR1", "AR10", "AR100", "AR300", "AR_small", "AR_medium", "AR_large")),
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
    parser.add_argument(
        "--bootstrap",
        type=int,
        default=0,
        metavar="N",
        help="95 %% intervals of AP, oLRP and correlations from N draws of the images",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of those draws (default 0)")
    parser.add_argument(
        "--errors", action="store_true", help="what each kind of error costs (TIDE)"
    )
    parser.add_argument(
        "--sparsity-edges",
        type=_edges,
        default=(0, 4, 9, 21),
        metavar="0,4,9,21",
        help="AP by objects per image: the lowest count of each bin",
    )
    parser.add_argument(
        "--sparsity-crowds", action="store_true", help="count crowds as objects there"
    )


def run(args: argparse.Namespace) -> int:
    """Evaluates, prints a table and writes what was asked for."""
    from rankdet.evaluation.evaluate import evaluate_files

    check_least(args, seed=0)
    check_writable(args.out, args.matches)
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
    print(table(result))
    if args.out:
        write_text(args.out, json.dumps(result, indent=1, allow_nan=False) + "\n")
    return 0


def _edges(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no list such as 0,4,9,21") from None


def table(result: dict[str, Any]) -> str:
    """Returns the measures as a compact text table."""
    metrics, counts = result["metrics"], result["counts"]
    lines = [
        f"{counts['images']} images, {counts['ground_truth']} objects (+ {counts['crowd']} crowd), "
        f"{counts['detections']} detections, {result['settings']['iou_type']}"
    ]
    for title, keys in _GROUPS:
        known = {_short(k): metrics[k] for k in keys if k in metrics}
        lines += _group(title, known, "%" in title)
    bounds = {f"{side} bound": part["AP"] for side, part in result["bounds"].items()}
    lines += _group("AP (%) were IoU ranked by score", dict(reversed(bounds.items())), True)
    lines += _group(
        "AP (%) by objects per image",
        {_range(b["low"], b["high"]): b["AP"] for b in result["sparsity"]},
        True,
    )
    calibration = {k: result["calibration"][k] for k in ("D_ECE", "LaECE")}
    lines += _group("calibration error (%)", calibration, True)
    if "errors" in result:
        lines += _group("AP50 (%) lost to", result["errors"].get("delta_ap", {}), True)
    lines += _interval_lines(result)
    lines.append("")
    lines.append(
        f"classes with objects: {counts['classes']}, "
        f"with a defined correlation: {counts['correlation_classes']}"
    )
    lines.extend(f"note: {note}" for note in result["notes"])
    return "\n".join(lines)


def _group(title: str, values: dict[str, float | None], percent: bool) -> list[str]:
    if not values:
        return []
    width = max(*map(len, values), 5) + 2
    head = f"{title:<36}" + "".join(f"{name:>{width}}" for name in values)
    return ["", head, " " * 36 + "".join(f"{_text(v, percent):>{width}}" for v in values.values())]


def _interval_lines(result: dict[str, Any]) -> list[str]:
    intervals = result.get("intervals")
    if intervals is None:
        return []
    level, draws = intervals["level"], intervals["replicates"]
    lines = ["", f"{100 * level:.0f} % intervals from {draws} draws of the images"]
    for name in ("AP", "AP50", "AP75", "oLRP", "pearson", "spearman", "kendall"):
        ends, percent = intervals["metrics"][name], name[0] in "Ao"
        text = "–" if ends is None else " to ".join(_text(v, percent) for v in ends)
        lines.append(f"  {name + (' (%)' if percent else ''):<34}{text}")
    return lines


def _range(low: int, high: int | None) -> str:
    return f"{low}+" if high is None else f"{low}-{high}"


def _short(key: str) -> str:
    return key.removesuffix("_pooled").removeprefix("oLRP_")


def _text(value: float | None, percent: bool) -> str:
    if value is None:
        return "–"
    return f"{100 * value:.1f}" if percent else f"{value:.3f}"
