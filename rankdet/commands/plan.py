"""`rankdet plan`: the runs of a study, before anything starts."""

import argparse
import json
from typing import Any

from rankdet.commands.arguments import config_overrides
from rankdet.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "--configfile",
        nargs="+",
        metavar="FILE",
        help="the study (default: study.yaml here, else config/smoke.yaml); a later file overrides "
        "an earlier one",
    )
    parser.add_argument(
        "--config",
        nargs="+",
        metavar="KEY=VALUE",
        default=[],
        help="keys that override the file, as for snakemake: data_root=../my-data, or "
        "'schedule={iterations: 20}'",
    )
    parser.add_argument(
        "--settings",
        metavar="TABLE",
        help="compare the settings of a table's runs with the released code: alrp/table2 "
        "(default study: config/coco.yaml)",
    )
    parser.add_argument(
        "--check", action="store_true", help="check the study; print nothing if it is right"
    )
    parser.add_argument("--json", action="store_true", help="print the plan as JSON instead")


def run(args: argparse.Namespace) -> int:
    """Prints the runs of a study with their length, learning rate and status."""
    from rankdet.commands.plan_rows import print_rows, rows
    from rankdet.garbage import collect_seldom
    from rankdet.jobs.folders import folder_problems
    from rankdet.repository import CONFIG, default_study
    from rankdet.study.load import load_study

    collect_seldom()
    overrides = config_overrides(args.config)
    if args.settings:
        from rich.console import Console

        from rankdet.commands.plan_settings import print_settings

        study = load_study(args.configfile or [CONFIG / "coco.yaml"], overrides, with_data=False)
        print_settings(study, args.settings, Console())
        return 0
    study = load_study(args.configfile or [default_study()], overrides, with_data=False)
    if args.check:
        for problem, remedy in folder_problems():  # Snakemake would end with a traceback
            raise InputError(f"{problem}; {remedy}")
        return 0
    if args.json:
        print(json.dumps(study.plan(), indent=1, ensure_ascii=False))
        return 0
    from rich.console import Console
    from rich.text import Text

    console = Console()
    console.print(Text.assemble((study.config.title, "bold"), f"  ({study.source})"))
    console.print(Text(study.config.scale, style="dim"))
    found = rows(study)
    print_rows(found, console)
    to_train = [row.run for row in found if row.run is not None]
    console.print(Text(_summary(study, len(to_train))))
    for note in dict.fromkeys(run.gpu_note for run in study.runs if run.gpu_note):
        console.print(Text(note))
    _print_estimates(study, to_train, console)
    try:
        study.check_data()
    except InputError as error:
        console.print(Text(f"before it can run: {error}", style="yellow"))
    return 0


def _print_estimates(study: Any, to_train: Any, console: Any) -> None:
    from rich.table import Table

    from rankdet.study.estimate import estimate, estimates, unmeasured

    unit = "GPU time" if study.gpus else "CPU time"
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("training for")
    for name in ("runs", "iterations", unit):
        table.add_column(name, justify="right")
    unknown = False
    parts = estimates(study)
    if len(to_train) < parts["all"].runs:
        parts["to be trained now"] = estimate(study, to_train)
    for name, found in parts.items():
        unknown |= found.unknown > 0
        length = "not counted yet" if found.iterations is None else f"{found.iterations:,}"
        table.add_row(name, str(found.runs), length, time_of(found))
    console.print(table)
    if unknown:
        said = (
            "Not measured here: results/ has no timing of an iteration with that detector, image "
            "size and batch size on this machine. A finished run adds it."
        )
        command = next(filter(None, map(_measuring, unmeasured(study))), None)
        if command:
            said += f" So does `{command}`."
        console.print(said, style="dim", highlight=False)


def _measuring(pace: Any) -> str | None:
    """The command that measures an iteration; None if no command measures such a one."""
    plain = (pace.gpus, pace.accumulate, pace.precision) == (1, 1, "fp32")
    if len(set(pace.image_size)) > 1 or not plain:
        return None
    detector = f"{pace.detector}@{pace.backbone}" if pace.backbone else pace.detector
    return (
        f"rankdet bench iteration --detector {detector} --preset {pace.preset} --image-size "
        f"{pace.image_size[0]} --batch-size {pace.batch_size} --out results/bench/cost.json"
    )


def time_of(found: Any) -> str:
    """Returns the time of an estimate as text, with the number of runs that were not measured."""
    if found.unknown == found.runs:
        return "not measured here" if found.runs else "0"
    return duration(found.hours) + (f" + {found.unknown} not measured" if found.unknown else "")


def duration(hours: float) -> str:
    """Returns hours as text, in seconds or minutes if they are few."""
    if hours * 3600 < 99.5:
        return f"{hours * 3600:.0f} s"
    if hours * 60 < 99.5:
        return f"{hours * 60:.0f} min"
    return f"{hours:,.1f} h" if hours < 100 else f"{hours:,.0f} h"


def _summary(study: Any, to_train: int) -> str:
    trained = [planned for planned in study.runs if planned.trained]
    counted = [planned.schedule.get("iterations", 0) for planned in trained]
    total = f", {sum(counted):,} iterations" if all(counted) else ""
    papers = [*study.tables, *study.figures]
    made = f"; makes {', '.join(papers)}" if papers else ""
    count = f"{len(trained)} training{'s' * (len(trained) != 1)}"
    epochs = sum(len(planned.kept_epochs) for planned in trained)
    tested = f"; tested after {epochs} epochs before the end, too" if epochs else ""
    now = "" if to_train == len(trained) else f", {to_train or 'none'} to be trained now"
    return f"{count}{total}{now}{tested}{made}. Report: {study.report}"
