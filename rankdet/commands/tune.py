"""`rankdet tune`: searches the learning rate of losses, with the same budget for every loss."""

import argparse
import math
import os
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from rankdet.commands.arguments import check_least, check_writable
from rankdet.errors import InputError

FACTORS = "0.25,0.5,1,2,4"
MOST_FACTOR = 1e4
LEAST_STEP = 1e-3  # of a factor to the next one
Value = TypeVar("Value")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    # A list such as `-1,1` is a value, for which there is a message, and not an unknown option.
    parser._negative_number_matcher = re.compile(r"-[\d.][\d.,e+-]*$")
    parser.add_argument(
        "losses",
        nargs="+",
        metavar="LOSS",
        help="files of workflows/losses; add variants with +: alrp+iou",
    )
    parser.add_argument(
        "--detector",
        nargs="+",
        required=True,
        metavar="NAME",
        help="files of workflows/detectors",
    )
    parser.add_argument(
        "--configfile",
        nargs="+",
        metavar="FILE",
        help="the study whose data and schedule are used (default: config/smoke.yaml)",
    )
    parser.add_argument(
        "--config",
        nargs="+",
        metavar="KEY=VALUE",
        default=[],
        help="keys that override the file: data_root=../my-data",
    )
    parser.add_argument("--dataset", metavar="NAME", help="which dataset, if the study has several")
    parser.add_argument(
        "--budget",
        type=float,
        metavar="MINUTES",
        help="limits the whole search to this time, equally for every loss (default: no limit)",
    )
    parser.add_argument(
        "--jobs", type=int, default=_cores(), help="trainings at a time (default: one per core)"
    )
    parser.add_argument(
        "--rates",
        default=FACTORS,
        metavar="FACTORS",
        help=f"factors on each loss's own rate (default {FACTORS})",
    )
    parser.add_argument(
        "--clip",
        metavar="NORMS",
        help="largest norms of the gradient, for example none,10 (default: as in the study)",
    )
    parser.add_argument(
        "--warmup",
        metavar="ITERATIONS",
        help="lengths of the warm-up, for example 20,40 (default: as in the study)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="the record (default results/tuning/<study>.json); trials in it are not made again",
    )


def run(args: argparse.Namespace) -> int:
    """Searches; prints the plan, each trial and the best settings."""
    check_least(args, jobs=1)
    if args.budget is not None and not 0 < args.budget < math.inf:
        raise InputError(f"--budget {args.budget:g}: choose minutes above 0")
    from rankdet.commands.arguments import config_overrides
    from rankdet.repository import default_study
    from rankdet.study.load import load_study
    from rankdet.tuning.halving import candidates

    factors = listed("--rates", args.rates, _factor)
    _check_distinct(args.rates, factors)
    tried = candidates(
        factors,
        listed("--clip", args.clip, _clip),
        listed("--warmup", args.warmup, _warmup),
    )
    if len(tried) < 2:
        raise InputError(f"--rates {args.rates}: a search needs two candidates or more")
    study = load_study(
        args.configfile or [default_study()], config_overrides(args.config), with_data=False
    )
    out = args.out or Path("results") / "tuning" / f"{study.name}.json"
    check_writable(out, reads=args.configfile or [])
    _check_warmup(args, study)
    return _search(args, study, tried, out)


def _search(args: argparse.Namespace, study: Any, tried: Any, out: Path) -> int:
    from rankdet.tuning.outcome import other_plans
    from rankdet.tuning.search import Settings, run_search
    from rankdet.tuning.trials import chosen_dataset
    from rankdet.tuning.words import outcome_lines

    dataset = chosen_dataset(study.config, args.dataset, study.source)
    budget = None if args.budget is None else 60 * args.budget
    settings = Settings(study, dataset, args.detector, args.losses, tried, budget, args.jobs, out)
    record = run_search(settings, lambda line: print(line, flush=True))
    for line in outcome_lines(record):
        print(line)
    others = other_plans(record, args.detector, args.losses)
    if others:
        print(f"searched with another plan, so not comparable: {', '.join(others)}")
    print(f"record: {out}; a loss card cites it as training.tuned (docs/tuning.md)")
    return 0


def listed(option: str, text: str | None, read: Callable[[str], Value]) -> list[Value]:
    """Returns the values of an option that lists them with commas; none if it is not given.

    Raises:
        InputError: For the first value that cannot be read.
    """
    found = []
    for part in text.split(",") if text is not None else ():
        try:
            found.append(read(part.strip()))
        except ValueError as error:
            raise InputError(f"{option} {text}: found {part.strip()!r}; {error}") from None
    return found


def _factor(text: str) -> float:
    value = _number(text)
    if value is None or not 1 / MOST_FACTOR <= value <= MOST_FACTOR:
        raise ValueError("give factors above 0, separated by commas: 0.5,1,2")
    return value


def _clip(text: str) -> float | None:
    value = _number(text)
    if text != "none" and (value is None or not 0 < value < math.inf):
        raise ValueError("give `none` or norms above 0, separated by commas: none,10")
    return value


def _check_distinct(text: str, factors: list[float]) -> None:
    """Refuses two rates that are one rate in the six digits of a trial, and a bit more."""
    ordered = sorted(set(factors))
    for low, high in pairwise(ordered):
        if high < low * (1 + LEAST_STEP):
            raise InputError(
                f"--rates {text}: {low} and {high} are nearly one rate; leave one of them out"
            )


def _check_warmup(args: argparse.Namespace, study: Any) -> None:
    """Refuses a warm-up that is longer than every training: no rate would be reached."""
    from rankdet.study.estimate import iterations

    lengths = [iterations(study, run) for run in study.runs if run.trained]
    known = [length for length in lengths if length is not None]
    longest = max(listed("--warmup", args.warmup, _warmup), default=0)
    if known and len(known) == len(lengths) and longest >= max(known):
        raise InputError(
            f"--warmup {args.warmup}: {longest} is not shorter than the trainings of "
            f"{study.source}, {max(known)} iterations; choose a part of them"
        )


def _warmup(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise ValueError("give whole numbers of iterations, separated by commas: 0,40")
    return int(text)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1
