"""After a workflow: what failed, in one line each, and a report of what there is."""

import atexit
import logging
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from rankdet.files import write_record
from rankdet.results.failures import failure, record_failure
from rankdet.results.layout import PLAN, WORK
from rankdet.study.plan import Study

KILLED = (
    "stopped from outside before it was finished (killed, or the machine ran out of memory); "
    "run again to go on from its last checkpoint"
)


def failures(study: Study) -> dict[str, str]:
    """Returns the key and the reason of every run whose last job failed.

    A job that was killed could not write its reason: its `work/` folder tells.
    """
    found = {}
    for run in study.runs:
        folder = Path(study.folder) / run.key
        record = failure(folder)
        if record is None and (folder / WORK).is_dir():
            record_failure(folder, f"train {run.key}", KILLED)
            record = failure(folder)
        if record is not None:
            found[run.key] = record.reason
    return found


def on_error(study: Study) -> None:
    """Lists the failures, builds the report with what there is, and says how to go on."""
    for key, reason in failures(study).items():
        print(f"failed: {key}: {reason}", file=sys.stderr)
    plan = Path(study.folder) / PLAN
    if not plan.exists():
        with suppress(OSError):
            write_record(plan, study.plan())
    command = [sys.executable, "-m", "rankdet.cli", "report", study.name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        told = (done.stderr.strip() or done.stdout.strip()).splitlines()
        print(f"no partial report: {told[-1] if told else 'no message'}", file=sys.stderr)
    else:
        print(f"Finished runs are kept. Partial report: {study.report}", file=sys.stderr)


def on_success(study: Study) -> None:
    """Says where the report is, after everything that Snakemake has to say."""
    if Path(study.report).exists():  # not if only some file was asked for
        atexit.register(print, f"Report: {study.report}", file=sys.stderr)


class Quiet(logging.Filter):
    """Keeps Snakemake's bookkeeping off the terminal, so that the runs can be followed.

    Args:
        study: The study, whose report is named when there is nothing to be done.
    """

    NOISE = ("Select jobs to execute", "Execute ", "Using shell", "Conda environments: ignored")
    # A script of ours that fails has said why in one line, and exits with 1.
    SAID = re.compile(r"CalledProcessError.*/scripts/.*non-zero exit status 1\.$", re.DOTALL)

    def __init__(self, study: Study) -> None:
        super().__init__()
        self.study = study

    def filter(self, record: logging.LogRecord) -> bool:
        """Returns whether a record is for the terminal."""
        message = str(record.msg)
        if message.startswith("Nothing to be done") and Path(self.study.report).exists():
            record.msg = f"{message}\nReport: {self.study.report}"
        return not message.startswith(self.NOISE) and not self.SAID.search(message)
