"""Which of Snakemake's messages a user sees."""

import logging
import re
from pathlib import Path

from rankdet.study.plan import Study

HIDDEN_STARTS = (
    "Select jobs to execute",
    "Execute ",
    "Using shell",
    "Conda environments: ignored",
    "Singularity containers: ignored",
)
# A script of this project that fails has already printed its reason, and exits with 1.
SCRIPT_FAILED = re.compile(r"CalledProcessError.*/scripts/.*non-zero exit status 1\.$", re.DOTALL)


class MessageFilter(logging.Filter):
    """Hides Snakemake's bookkeeping, so that the progress of the runs is easy to read.

    Args:
        study: The study. Its report is named if there is nothing to do.
    """

    def __init__(self, study: Study) -> None:
        super().__init__()
        self.study = study

    def filter(self, record: logging.LogRecord) -> bool:
        """Returns whether a message is shown on the terminal."""
        message = str(record.msg)
        if message.startswith("Nothing to be done") and Path(self.study.report).exists():
            record.msg = f"{message}\nReport: {self.study.report}"
        return not message.startswith(HIDDEN_STARTS) and not SCRIPT_FAILED.search(message)
