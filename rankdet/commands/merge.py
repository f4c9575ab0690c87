"""`rankdet merge`: parts of a study that were computed on several machines become one study."""

import argparse
import sys
from pathlib import Path

from rankdet.errors import counted
from rankdet.results.find import find_plan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the parts and the new study."""
    for name in ("first", "second"):
        parser.add_argument(name, metavar=name.upper(), help="a study, or its folder")
    parser.add_argument(
        "--results", type=Path, default=Path("results"), metavar="DIR", help="default: results"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="results/<name of the new study>"
    )
    parser.add_argument(
        "--mixed-versions",
        action="store_true",
        help="also merge parts that were made with different versions of packages",
    )
    for name, what in (("title", "heading"), ("scale", "banner")):
        parser.add_argument(
            f"--{name}", default="", help=f"{what} of the report (default: that of FIRST)"
        )


def run(args: argparse.Namespace) -> int:
    """Writes the merged study and says where its runs come from."""
    paths = [find_plan(one, args.results) for one in (args.first, args.second)]
    from rankdet.exchange.merge import merge

    done = merge(
        paths[0],
        paths[1],
        args.out,
        mixed_versions=args.mixed_versions,
        title=" ".join(args.title.split()),
        scale=" ".join(args.scale.split()),
    )
    print(
        f"{args.out}: {counted(done.first, 'run')} of {args.first}, {done.second} of "
        f"{args.second}, {done.both} that both have"
    )
    if done.other_seeds and done.scale and not args.scale:
        print(
            f"note: the report will say {done.scale!r}, as those of the parts, which have other "
            "seeds than each other; if it is wrong now, merge again with --scale TEXT",
            file=sys.stderr,
        )
    return 0
