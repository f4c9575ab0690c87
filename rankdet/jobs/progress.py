"""Starts the progress view on the terminal of a workflow, and tells it what Snakemake's jobs do.

On a terminal the runs have one view. Elsewhere (a file, a pipe, a log of a batch system) every job
prints its lines.
"""

import atexit
import logging
import os
import re
import signal
import sys
import threading
from contextlib import suppress
from typing import Any

from rankdet.jobs.screen import Screen
from rankdet.jobs.view import WorkflowView, planned_job
from rankdet.study.plan import Study

PLAIN = "RANKDET_PLAIN"  # set it for plain lines on a terminal, too
# A line of `rankdet.training.progress`; the view has these numbers.
OF_A_TRAINING = re.compile(r"━+ .*  \d+/\d+  loss ")


def show_progress(workflow: Any, study: Study) -> None:
    """Prepares the view for the jobs of a workflow; it begins with the first job.

    Does nothing if standard error is not a terminal, for a dry run, with `--quiet all`, or if
    `RANKDET_PLAIN` is set.

    Args:
        workflow: Snakemake's workflow, in the process that the user started.
        study: The study.
    """
    quiet = map(str, workflow.output_settings.quiet or ())
    if wanted() and "all" not in quiet:
        logging.getLogger("snakemake.logging").addFilter(JobEvents(workflow, study))


def wanted() -> bool:
    """Returns whether standard error is a terminal on which a view can be drawn."""
    dumb = os.environ.get("TERM", "dumb") == "dumb"
    return not dumb and not os.environ.get(PLAIN) and os.isatty(2)


class JobEvents(logging.Filter):
    """Hears Snakemake's messages about jobs, before they are hidden; hides none itself.

    Args:
        workflow: Snakemake's workflow.
        study: The study.
    """

    def __init__(self, workflow: Any, study: Study) -> None:
        super().__init__()
        self.workflow, self.study = workflow, study
        self._view: WorkflowView | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        """Tells the view about a message; a fault here must not stop a study."""
        with suppress(Exception):
            self._hear(str(getattr(record, "event", "") or ""), record)
        return True

    def _hear(self, event: str, record: Any) -> None:
        if event == "run_info" and self._view is None and not self.workflow.dryrun:
            self._begin()
        elif self._view is None:
            return
        elif event == "job_info":
            self._view.started(record.jobid, planned_job(record.rule_name, record.wildcards))
        elif event == "job_error":
            self._view.ended(record.jobid, failed=True)

    def _begin(self) -> None:
        dag = self.workflow.dag
        jobs = {dag.jobid(job): job for job in dag.needrun_jobs()}
        self._view = view = WorkflowView(
            self.study,
            colours="NO_COLOR" not in os.environ,
            has_ended=lambda number: number in jobs and dag.finished(jobs[number]),
        )
        view.plan({i: planned_job(one.rule.name, one.wildcards_dict) for i, one in jobs.items()})
        screen = Screen(view.lines, lambda line: bool(OF_A_TRAINING.match(line)))
        screen.start()
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGCONT, lambda *_: screen.forget())
        END.append(lambda: _end(screen, view))
        atexit.register(end_progress)


END: list[Any] = []  # what ends the view that has begun


def end_progress() -> None:
    """Ends the view, if there is one; the terminal has only ordinary lines then."""
    while END:
        END.pop()()


def _end(screen: Screen, view: WorkflowView) -> None:
    screen.stop()
    with suppress(OSError):
        print(view.summary(), file=sys.stderr, flush=True)
