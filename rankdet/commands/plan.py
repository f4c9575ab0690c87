"""`rankdet plan`: the runs of a study, before anything starts."""

import argparse
import json
from pathlib import Path
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
    from rankdet.garbage import collect_seldom
    from rankdet.jobs.folders import folder_problems
    from rankdet.repository import CONFIG, default_study
    from rankdet.study.plan import load_study

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
    console.print(_table(study))
    console.print(Text(_summary(study)))
    for note in dict.fromkeys(run.gpu_note for run in study.runs if run.gpu_note):
        console.print(Text(note))
    _print_estimates(study, console)
    try:
        study.check_data()
    except InputError as error:
        console.print(Text(f"before it can run: {error}", style="yellow"))
    return 0


def _print_estimates(study: Any, console: Any) -> None:
    from rich.table import Table

    from rankdet.study.estimate import estimates, unmeasured

    unit = "GPU-hours" if study.gpus else "CPU-hours"
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("training for")
    for name in ("runs", "iterations", unit):
        table.add_column(name, justify="right")
    unknown = False
    for name, found in estimates(study).items():
        unknown |= found.unknown > 0
        length = "not counted yet" if found.iterations is None else f"{found.iterations:,}"
        table.add_row(name, str(found.runs), length, hours(found))
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


def hours(found: Any) -> str:
    """Returns the hours of an estimate as text, with the number of runs that were not measured."""
    if found.unknown == found.runs:
        return "not measured here" if found.runs else "0"
    shown = f"{found.hours:,.1f}" if found.hours < 100 else f"{found.hours:,.0f}"
    return f"{shown} + {found.unknown} not measured" if found.unknown else shown


def _table(study: Any) -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("dataset", "detector", "loss", "seed"):
        table.add_column(name)
    table.add_column("iterations", justify="right")
    table.add_column("rate", justify="right")
    table.add_column("splits")
    table.add_column("status", overflow="fold")
    for planned in study.runs:
        schedule = planned.schedule
        table.add_row(
            planned.dataset,
            f"{planned.detector}@{planned.backbone}" if planned.backbone else planned.detector,
            planned.loss,
            str(planned.seed),
            _length(schedule) if planned.trained else "",
            f"{schedule['lr']:g}" if planned.trained else "",
            " ".join(planned.splits),
            escape(_status(study, planned)),
        )
    for one in study.imports.runs:
        found = _status_of_import(study, one)
        seed, splits = str(one.seed), " ".join(one.splits)
        table.add_row(one.dataset, one.detector, one.name, seed, "", "", splits, escape(found))
    return table


def _status(study: Any, planned: Any) -> str:
    from rankdet.results.epochs import not_kept, words
    from rankdet.results.layout import DETECTIONS
    from rankdet.results.status import NOT_RUN, run_status
    from rankdet.study.made_of import listed
    from rankdet.study.older import older_evaluations

    folder = Path(study.folder) / planned.key
    found = run_status(folder, study.config.learned_ap50)
    text = found.text
    if found.record is None:
        return "new" if found.status == NOT_RUN and text == "not run yet" else text
    if again := _changes(study, planned, folder, found.record):
        return _again(planned, folder, again, listed(again))
    missing = not_kept(folder, [kept.name for kept in planned.kept_epochs])
    if missing:
        return f"{text}; will be trained again, because it did not keep {words(missing[0])}"
    if older := older_evaluations(study, planned):
        step = "detected" if older[0].path.name == DETECTIONS else "evaluated"
        return f"will be {step} again, because {older[0].why}"
    return f"up to date: {text}" if found.metrics else text


def _again(planned: Any, folder: Path, changes: list[str], words: str) -> str:
    """What happens to a run that has changed: it starts again, or goes on to more epochs."""
    from rankdet.results.course import LENGTH
    from rankdet.study.going_on import goes_on_from

    lengths = tuple(f"schedule.{key} " for key in LENGTH)
    longer = all(change.startswith(lengths) for change in changes)
    found = goes_on_from(planned, folder) if longer else None
    if found is None:
        return f"will be trained again, because {words} changed"
    epoch, why = found
    if why is None:
        return f"will go on from epoch {epoch}, because {words} changed"
    return f"will be trained again, because {words} changed; cannot go on from epoch {epoch}: {why}"


def _status_of_import(study: Any, one: Any) -> str:
    from rankdet.results.status import NOT_RUN, STALE, run_status

    folder = Path(study.folder) / one.key
    found = run_status(folder, study.config.learned_ap50, one.hashes)
    if found.status == NOT_RUN:
        return "imported, new"
    again = "imported, will be evaluated again, because its files or the data changed"
    return again if found.status == STALE else found.text


def _changes(study: Any, planned: Any, folder: Path, record: Any) -> list[str]:
    """What has changed since a run was made; empty if nothing has."""
    from rankdet.results.staleness import is_other_data
    from rankdet.study.made_of import changes

    found = changes(planned, record)
    found += ["the data"] * is_other_data(folder, record.provenance)
    return found + _data_changes(study, planned.dataset)


def _data_changes(study: Any, name: str) -> list[str]:
    from rankdet.datasets import image_record
    from rankdet.study.older import older_dataset

    older = older_dataset(study, name)
    images = image_record.state(Path(study.folder) / name / "data")[1]
    found = [older.why.removesuffix(" changed")] if older else []
    return found + ([f"images: {image_record.described(images)}"] if images else [])


def _length(schedule: dict[str, Any]) -> str:
    return str(schedule.get("iterations") or f"{schedule['epochs']} epochs")


def _summary(study: Any) -> str:
    trained = [planned for planned in study.runs if planned.trained]
    counted = [planned.schedule.get("iterations", 0) for planned in trained]
    total = f", {sum(counted):,} iterations" if all(counted) else ""
    papers = [*study.tables, *study.figures]
    made = f"; makes {', '.join(papers)}" if papers else ""
    count = f"{len(trained)} training{'s' * (len(trained) != 1)}"
    epochs = sum(len(planned.kept_epochs) for planned in trained)
    tested = f"; tested after {epochs} epochs on the way too" if epochs else ""
    return f"{count}{total}{tested}{made}. Report: {study.report}"
