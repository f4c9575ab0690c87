"""`rankdet import`: takes detections made elsewhere into a study, or an exported study."""

import argparse
import sys
from pathlib import Path

from rankdet.commands.studies import say_left_out
from rankdet.errors import InputError, counted
from rankdet.results.find import find_plan

TAKEN = ("name", "dataset", "detector", "seed", "split", "title", "speed", "url")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the file, and what is known about detections."""
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="detections in COCO's results format, or a .zip"
    )
    parser.add_argument(
        "--as", dest="name", metavar="NAME", help="name of the method, or of the study"
    )
    parser.add_argument(
        "--study", help="the study that gets the row (default: the only one in --results)"
    )
    parser.add_argument(
        "--results", type=Path, default=Path("results"), metavar="DIR", help="default: results"
    )
    parser.add_argument("--dataset", help="default: the only dataset of the study")
    parser.add_argument(
        "--detector",
        help="name of its detector; if the study has this detector, the row is compared with its "
        "runs",
    )
    parser.add_argument(
        "--seed",
        type=int,
        help="a number that distinguishes several trainings of the method (default: 1)",
    )
    parser.add_argument("--split", help="default: the main split of the study")
    parser.add_argument("--title", help="shown in reports (default: the name)")
    parser.add_argument("--speed", type=Path, metavar="FILE", help="a speed.json")
    parser.add_argument("--url", help="where the model is described")
    parser.add_argument(
        "--replace",
        action="store_true",
        help="replace earlier detections with the same name, detector, seed and split",
    )


def run(args: argparse.Namespace) -> int:
    """Takes the file, and says what was done."""
    if not args.file.is_file():
        known = args.file.exists()
        problem = "is not a file; name a zip or detections" if known else "no such file"
        raise InputError(f"{args.file}: {problem}")
    if args.file.suffix.lower() == ".zip":
        return _study(args)
    if not args.name:
        raise InputError("--as: missing; give the method of these detections a name")
    from rankdet.exchange.take import Taken, take

    plan = _plan(args)
    said = Taken(**{key: getattr(args, key) for key in TAKEN})
    found = take(plan, args.file, said, replace_it=args.replace, say=_note)
    for note in found.notes:
        _note(note)
    print(f"{found.key}: {found.text}")
    print(f"`rankdet report {plan.parent.name}` shows the row; so does the next `snakemake`")
    return 0


def _note(line: str) -> None:
    print(f"note: {line}", file=sys.stderr)


def _plan(args: argparse.Namespace) -> Path:
    if args.study:
        return find_plan(args.study, args.results)
    found = sorted(args.results.glob("*/plan.json"))
    if len(found) == 1:
        return found[0]
    names = ", ".join(path.parent.name for path in found) or "none"
    raise InputError(f"--study: missing; studies in {args.results}/: {names}")


def _study(args: argparse.Namespace) -> int:
    for key in ("study", *TAKEN):
        if key != "name" and getattr(args, key) is not None:
            raise InputError(f"--{key}: is for detections, but {args.file} is an exported study")
    if args.replace:
        raise InputError("--replace: a study is never replaced; give another name with --as")
    from rankdet.exchange.arrive import arrive
    from rankdet.exchange.own_files import here, listed, own_files
    from rankdet.results.status import WITHOUT_RESULTS

    study = arrive(args.file, args.results, args.name or "")
    say_left_out(study, how="has no numbers")
    folder = args.results / study.name
    found = [run for run in study.runs if run.status not in WITHOUT_RESULTS]
    print(f"{folder}: {len(found)} of {counted(len(study.runs), 'run')} with results")
    own = own_files(study)
    if missing := [name for name in own if name not in here(own)]:
        print(
            f"note: not here and not in the archive: {listed(missing)}; to go on with the study, "
            "copy these files from where it was made",
            file=sys.stderr,
        )
    print(f"`rankdet report {folder}` shows it")
    return 0
