"""`rankdet export`: a study as one archive for others, or as tidy tables in Parquet."""

import argparse
import sys
from pathlib import Path

from rankdet.commands.studies import add_study, check_out, say_left_out
from rankdet.errors import InputError, counted
from rankdet.results.find import find_plan
from rankdet.results.outside import check_outside_studies
from rankdet.whole_folders import check_replaceable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the study and what is written."""
    add_study(parser)
    parser.add_argument(
        "--out", type=Path, metavar="FILE.zip", help="records, config, environment, RO-Crate"
    )
    parser.add_argument("--weights", action="store_true", help="also the weights of all runs")
    parser.add_argument(
        "--configfile",
        type=Path,
        metavar="FILE",
        help="default: the config of the study, in this folder or in config/",
    )
    parser.add_argument(
        "--license", default="", metavar="URL", help="licence of the results, for the metadata"
    )
    parser.add_argument(
        "--parquet", type=Path, metavar="DIR", help="write tidy tables (docs/results.md)"
    )


def run(args: argparse.Namespace) -> int:
    """Writes the archive and the tables, and says what is in them."""
    plan = find_plan(args.study, args.results)
    if args.out is None and args.parquet is None:
        raise InputError("--out: missing; name a zip, or a folder with --parquet")
    if args.out is not None and args.out.suffix.lower() != ".zip":
        raise InputError(f"--out {args.out}: give a name that ends in .zip")
    if args.license and not args.license.startswith(("https://", "http://")):
        raise InputError(f"--license {args.license!r:.100}: give an address, https://...")
    check_out(args.out, reads=(plan.parent,))
    from rankdet.exchange.export import write_archive, write_parquet
    from rankdet.exchange.own_files import listed
    from rankdet.results.records import read_study

    if args.parquet is not None:
        check_outside_studies(args.parquet)
        check_replaceable(args.parquet)  # before the archive is written
    if args.out is not None:
        done = write_archive(
            plan,
            args.out,
            weights=args.weights,
            config=args.configfile,
            license_url=args.license,
        )
        missing = "no config here has these runs: write one, and name it with --configfile"
        found = f"config {done.config}" if done.config else missing
        print(f"{args.out}: {done.files} files, {found}")
        if done.others:
            names = ", ".join(map(str, done.others))
            print(
                f"note: {names} may be the study's config as well as {done.config}, which is in "
                "the archive; --configfile chooses one",
                file=sys.stderr,
            )
        if done.left_out:
            print(
                f"note: not in the archive: {listed(list(done.left_out))}; copy these files "
                "yourself to go on elsewhere",
                file=sys.stderr,
            )
    if args.parquet is not None:
        for name, rows in write_parquet(plan, args.parquet).items():
            print(f"{args.parquet / name}: {counted(rows, 'row')}")
    say_left_out(read_study(plan), how="has no numbers")
    return 0
