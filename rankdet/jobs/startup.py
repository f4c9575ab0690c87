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
from rankdet.jobs.folders import folder_problems
from rankdet.jobs.progress import show_progress
from rankdet.jobs.terminal import MessageFilter
from rankdet.lifetime import mark_workflow
from rankdet.repository import unusable
from rankdet.results.damage import set_aside_damaged
from rankdet.study.config.model import check_config, load_config
from rankdet.study.plan import Study


def start(config: Mapping[str, Any], files: Sequence[str], root: str) -> Study:
    """Returns the study; if the config has an error, prints it and exits with 2.

    Args:
        config: Snakemake's merged config.
        files: The config files, for messages.
        root: The repository; it is put on the Python path of every script.
    """
    paths = [str(root), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    source = " + ".join(shown(file) for file in files) or "--config"
    try:
        if problem := unusable(root, sys.executable):
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
        interrupt_once()
        for problem, remedy in folder_problems():
            print(f"error: {problem}; {remedy}", file=sys.stderr)
            sys.exit(2)
        for line in set_aside_damaged(Path(study.folder), [run.key for run in study.runs]):
            print(f"note: {line}", file=sys.stderr)
        show_progress(workflow, study)


def share_settings_of_train(workflow: Any, study: Study) -> None:
    """Makes what is set for the rule `train` count for all rules that train.

    A profile or the command line may set threads and resources of `train`. Call this before the
    first rule: Snakemake reads them when it reads a rule.

    Args:
        workflow: Snakemake's workflow.
        study: The study.
    """
    train, *others = [training.rule for training in study.trainings()]
    resources = workflow.resource_settings
    for name in ("overwrite_threads", "overwrite_resources"):
        given = dict(getattr(resources, name))
        if train in given:
            setattr(resources, name, {**dict.fromkeys(others, given[train]), **given})
