"""After a workflow: the reason of each failure, and a report of the finished runs."""

import atexit
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from rankdet.files import write_record
from rankdet.jobs.progress import end_progress
from rankdet.results.failures import failure, record_failure
from rankdet.results.layout import PLAN, WORK
from rankdet.study.plan import Study

KILLED = (
    "the process was stopped (killed, or the machine ran out of memory); run again to continue "
    "from its last checkpoint"
)


def failures(study: Study) -> dict[str, str]:
    """Returns key and reason of every run whose last job failed.

    A job that was killed has no reason, but it leaves a folder `work/`.
    """
    found = {}
    for run in study.every:
        folder = Path(study.folder) / run.key
        record = failure(folder)
        if record is None and (folder / WORK).is_dir():
            record_failure(folder, f"train {run.key}", KILLED)
            record = failure(folder)
        if record is not None:
            found[run.key] = record.reason
    return found


def on_error(study: Study) -> None:
    """Prints the failures and builds a partial report."""
    end_progress()
    for key, reason in failures(study).items():
        print(f"failed: {key}: {reason}", file=sys.stderr)
    plan = Path(study.folder) / PLAN
    if not plan.exists():
        with suppress(OSError):
            write_record(plan, study.plan())
    command = [sys.executable, "-m", "rankdet.cli", "report", study.name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
        print(f"no partial report: {lines[-1] if lines else 'no message'}", file=sys.stderr)
    else:
        print(f"Finished runs are kept. Partial report: {study.report}", file=sys.stderr)


def on_success(study: Study) -> None:
    """Prints where the report is, after the messages of Snakemake."""
    end_progress()
    if Path(study.report).exists():  # it does not if only other files were requested
        atexit.register(print, f"Report: {study.report}", file=sys.stderr)
