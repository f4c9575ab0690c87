"""The start of the workflow: from Snakemake's config to a checked study."""

import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.files import shown
from rankdet.garbage import collect_seldom
from rankdet.jobs.folders import folder_problems
from rankdet.jobs.images import are_replaced
from rankdet.jobs.progress import show_progress
from rankdet.jobs.terminal import MessageFilter
from rankdet.lifetime import mark_workflow
from rankdet.repository import CODE, IN_CLONE, unusable
from rankdet.results.damage import set_aside_damaged
from rankdet.results.layout import DATASET, PLAN
from rankdet.results.schemas.plan import Plan
from rankdet.results.staleness import stale_file
from rankdet.study.config.check import check_config, load_config
from rankdet.study.older import older_results
from rankdet.study.plan import Study
from rankdet.study.plan_entries import planned_hashes


def start(config: Mapping[str, Any], files: Sequence[str]) -> Study:
    """Returns the study; if the config has an error, prints it and exits with 2.

    Args:
        config: Snakemake's merged config.
        files: The config files, for messages.
    """
    collect_seldom()
    if IN_CLONE:  # scripts import the package of this clone; an installed one is on their path
        paths = [str(CODE), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    source = " + ".join(shown(file) for file in files) or "--config"
    try:
        if problem := unusable(CODE, sys.executable):
            raise InputError(problem)
        for file in files:  # Snakemake has merged them, and drops keys that are given twice
            load_config(Path(file))
        study = Study(check_config(config, source), source)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    logging.getLogger("snakemake.logging").addFilter(MessageFilter(study))
    return study


def interrupt_once() -> None:
    """Ignores every Ctrl-C after the first one.

    Snakemake needs seconds to end its jobs, and a second Ctrl-C in that time is a traceback.
    """

    def interrupt(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)


def begin(workflow: Any, study: Study) -> None:
    """Prepares the workflow that the user started; does nothing in the processes of its jobs.

    Its jobs end when it ends. Damaged files of the study are set aside, so that they are remade.
    Its runs have one view of their progress, if there is a terminal.
    If a folder for temporary files cannot be written, it prints that and exits with 2.

    Args:
        workflow: Snakemake's workflow.
        study: The study.
    """
    if not workflow.subprocess_exec:
        mark_workflow()
    if workflow.is_main_process:
        collect_seldom()
        interrupt_once()
        for problem, remedy in folder_problems():
            print(f"error: {problem}; {remedy}", file=sys.stderr)
            sys.exit(2)
        for line in set_aside_damaged(Path(study.folder), _keys(study)):
            print(f"note: {line}", file=sys.stderr)
        show_progress(workflow, study)
        make_again(workflow, [*stale_files(study), *_older(study)])


def _keys(study: Study) -> list[str]:
    return [run.key for run in study.every]


def stale_files(study: Study) -> list[str]:
    """Returns the records of the study that are older than its plan.

    Snakemake notices such records by its own notes in `.snakemake/`, which do not come along when
    results are copied or merged. The hashes in the records do.

    Args:
        study: The study.
    """
    folder = Path(study.folder)
    plan, _ = Plan.read(folder / PLAN)
    found = [folder / PLAN] if plan is not None and plan.to_dict() != study.plan() else []
    for run in study.runs:
        if record := stale_file(folder / run.key, planned_hashes(run)):
            found.append(record)
    for imported in study.imports.runs:
        if record := stale_file(folder / imported.key, imported.hashes):
            found.append(record)
    return [path.as_posix() for path in found]


def _older(study: Study) -> list[str]:
    """Returns the data, detections and metrics to be made again, and says why."""
    files: dict[str, list[str]] = {}
    for older in older_results(study):
        files.setdefault(older.why, []).append(older.path.as_posix())
    for why, (first, *others) in files.items():
        more = f" and {len(others)} more" if others else ""
        print(f"note: {first}{more}: {why}; made again", file=sys.stderr)
    folders = [f"{study.folder}/{name}" for name in study.datasets]
    images = [f"{folder}/{DATASET}" for folder in folders if are_replaced(folder)]  # has its note
    return [*images, *(file for some in files.values() for file in some)]


def make_again(workflow: Any, files: Sequence[str]) -> None:
    """Makes Snakemake run the jobs that write some files, also if it sees no reason.

    Args:
        workflow: Snakemake's workflow; it is still being read, and has no such settings yet.
        files: Outputs of rules.
    """
    original = workflow.execute

    def execute(*args: Any, **options: Any) -> Any:
        settings = workflow.dag_settings
        settings.forcerun = {*settings.forcerun, *files}
        return original(*args, **options)

    if files:
        workflow.execute = execute
