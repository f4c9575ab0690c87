"""`rankdet submission`: the zip of a run's detections for COCO's evaluation server."""

import argparse
from pathlib import Path

from rankdet.commands.arguments import check_writable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a run")
    parser.add_argument("--split", default="test-dev", help="default: test-dev")
    parser.add_argument("--out", type=Path, metavar="FILE.zip", help="default: the server's name")
    parser.add_argument("--name", default="", help="name of the method (default: detector-loss)")
    parser.add_argument(
        "--iou-type", choices=("bbox", "segm"), default="bbox", help="boxes (default) or masks"
    )


def run(args: argparse.Namespace) -> int:
    """Writes the file and says how many detections are in it."""
    from rankdet.results.submission import write_submission

    check_writable(args.out, reads=(args.run,))
    masks = args.iou_type == "segm"
    path, count = write_submission(args.run, args.split, args.out, name=args.name, masks=masks)
    print(f"{path}: {count:,} detections on {args.split}")
    return 0
