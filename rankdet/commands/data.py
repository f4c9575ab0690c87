"""`rankdet data check`, `rankdet data get` and `rankdet data shapes`."""

import argparse
import sys
from pathlib import Path

from rankdet.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the subcommands."""
    commands = parser.add_subparsers(dest="data_command", metavar="check|get|shapes", required=True)
    check = commands.add_parser(
        "check",
        help="count the content of a dataset and report errors in it",
        description="Reads COCO annotations and all images; exits with 2 if they cannot be used.",
    )
    check.add_argument("images", type=Path, metavar="IMAGES_DIR", help="folder of the images")
    check.add_argument("annotations", type=Path, metavar="ANNOTATIONS.json", help="COCO JSON file")
    get = commands.add_parser(
        "get",
        help="download COCO 2017 or LVIS v1 and unpack it",
        description="Resumes an interrupted download; existing files are kept.",
    )
    get.add_argument("dataset", metavar="DATASET", help="coco or lvis (see data/datasets.csv)")
    get.add_argument(
        "root", type=Path, metavar="FOLDER", help="target folder of train2017/, annotations/, ..."
    )
    get.add_argument(
        "--file", action="append", metavar="NAME", help="only this archive; repeatable"
    )
    get.add_argument("--keep", action="store_true", help="keep the archives after unpacking")
    shapes = commands.add_parser(
        "shapes",
        help="write the built-in shapes as PNG images and COCO annotations",
        description="The same arguments give the same bytes on every machine.",
    )
    shapes.add_argument(
        "folder", type=Path, metavar="FOLDER", help="target folder of dataset.json and data/"
    )
    for option, help_text in (
        ("seed", "seed of the images (default 1)"),
        ("image-size", "side in pixels (default 128)"),
        ("train-images", "images to train on (default 96)"),
        ("val-images", "images to evaluate on (default 48)"),
        ("max-objects", "largest number of objects in an image (default 60)"),
        ("classes", "number of shapes (default 8)"),
    ):
        shapes.add_argument(f"--{option}", type=int, metavar="N", help=help_text)
    for option, help_text in (
        ("empty-fraction", "fraction of images without objects (default .05)"),
        ("crowd-fraction", "fraction of images with a crowd (default .08)"),
        ("color-noise", "fraction of objects with the colour of a random class (default .1)"),
    ):
        shapes.add_argument(f"--{option}", type=float, metavar="X", help=help_text)
    shapes.add_argument(
        "--object-size",
        type=int,
        nargs=2,
        metavar=("MIN", "MAX"),
        help="range of the sides in pixels",
    )
    shapes.add_argument(
        "--no-masks", dest="masks", action="store_false", default=None, help="boxes only"
    )
    shapes.add_argument(
        "--long-tail",
        action="store_true",
        default=None,
        help="rare to frequent classes, as in LVIS",
    )


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand."""
    return {"check": _check, "get": _get, "shapes": _shapes}[args.data_command](args)


def _get(args: argparse.Namespace) -> int:
    from rankdet.datasets.download import archives, get

    for archive in archives(args.dataset, args.file):
        print(f"{archive.name}: {archive.size:,} bytes, {archive.licence}", flush=True)
        print(f"  {get(archive, args.root, keep=args.keep)}", flush=True)
    return 0


def _check(args: argparse.Namespace) -> int:
    from rankdet.datasets.checks import check

    checked = check(args.images, args.annotations)
    problems = checked.problems
    if not problems.errors:
        _print_summary(checked.data, checked.dropped)
    for line in problems.warnings:
        print(f"warning: {line}")
    sys.stdout.flush()
    for line in problems.errors:
        print(f"error: {line}", file=sys.stderr)
    return 2 if problems.errors else 0


def _print_summary(data: dict, dropped: int) -> None:
    from rankdet.datasets import left_out
    from rankdet.datasets.summary import summarise

    counts = summarise(data)
    used = sum(n > 0 for n in counts["classes"].values())
    sizes = ", ".join(f"{name} {n}" for name, n in counts["sizes"].items())
    bins = ", ".join(f"{label}: {n}" for label, n in counts["bins"].items())
    print(f"images             {counts['images']} ({counts['empty_images']} without objects)")
    print(f"annotations        {counts['annotations']} ({counts['crowds']} crowds)")
    unused = left_out.described(left_out.count(data["annotations"], dropped))
    print(f"not trained on     {unused or 'none'}")
    print(f"sizes              {sizes}")
    print(f"objects per image  {bins}")
    print(f"classes            {len(counts['classes'])} ({used} with objects)")
    width = max(map(len, counts["classes"]))
    for name, n in counts["classes"].items():
        print(f"  {name:<{width}} {n:>7}")


def _check_owned(folder: Path) -> None:
    """Checks that a folder for the shapes has no data set of somebody else.

    Raises:
        InputError: If its `dataset.json` was not written by `rankdet data shapes`, or something
            stands where its data would be.
    """
    from rankdet.files import read_record
    from rankdet.whole_folders import MARKER

    own, data = folder / "dataset.json", folder / "data"
    record = read_record(own)[0] if own.exists() else {"kind": "shapes"}
    foreign = data.exists() and not (data / MARKER).exists()
    if record.get("kind") != "shapes" or (foreign and (data.is_file() or any(data.iterdir()))):
        raise InputError(
            f"{data if foreign else own} exists and was not written by `rankdet data shapes`: "
            "give another folder"
        )


def _shapes(args: argparse.Namespace) -> int:
    from rankdet.datasets import prepare
    from rankdet.datasets.options import ShapesOptions

    _check_owned(args.folder)
    given = {name: getattr(args, name, None) for name in ShapesOptions.model_fields}
    config = {key: value for key, value in given.items() if value is not None}
    manifest = prepare("shapes", {"kind": "shapes", **config}, args.folder)
    for split, entry in manifest["splits"].items():
        print(
            f"{split}: {entry['n_images']} images, {entry['n_annotations']} annotations"
            f" ({entry['n_crowd']} crowds): {entry['annotations']}"
        )
    print(manifest["checksum"])
    return 0
