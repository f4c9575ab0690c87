"""`rankdet thresholds`: the LRP-optimal score threshold of each class of a run."""

import argparse
import json
from pathlib import Path

from rankdet.commands.arguments import check_writable
from rankdet.errors import InputError
from rankdet.files import write_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "run", type=Path, metavar="RUN", help="folder of a run with its metrics.json, or that file"
    )
    parser.add_argument("--out", metavar="thresholds.json", help="write them as JSON")


def run(args: argparse.Namespace) -> int:
    """Writes the thresholds to the chosen file, and prints them."""
    from rankdet.results.thresholds import thresholds_record

    check_writable(args.out, reads=(args.run,))
    record = thresholds_record(metrics_file(args.run))
    if args.out:
        write_text(args.out, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    data = record["dataset"] or {}
    if data:
        print(f"chosen on split {data.get('split')!r} of {data.get('name')}, by oLRP of boxes")
    width = max([len(one["name"]) for one in record["classes"]] + [5])
    for one in record["classes"]:
        shown = "–" if one["threshold"] is None else f"{one['threshold']:.4f}"
        print(f"{one['id']:>6}  {one['name']:<{width}}  {shown}")
    return 0


def metrics_file(run: Path) -> Path:
    """Returns the `metrics.json` of a run's folder; a file is returned unchanged.

    Raises:
        InputError: If there is none.
    """
    path = run / "metrics.json" if run.is_dir() else run
    if not path.is_file():
        raise InputError(
            f"{path}: not found; name the folder of an evaluated run, "
            "results/<study>/<dataset>/<detector>/<loss>/seed<n>"
        )
    return path
