"""Tables of rows of a run that cannot be read: what a page and the terminal say about them.

A reader of such a file gives None, as for a file that is not there. A figure without a seed is
another figure, so the file is named.
"""

from collections.abc import Callable
from pathlib import Path

from rankdet.errors import InputError
from rankdet.evaluation.metrics.matches import read_matches
from rankdet.files import open_regular
from rankdet.results.layout import MATCHES, METRICS, RUN, TRAINING
from rankdet.results.recorded_run import RecordedRun
from rankdet.results.training_record import read_rows, training_file

READERS: dict[str, Callable[[Path], object]] = {TRAINING: read_rows, MATCHES: read_matches}
REMEDIES = {
    TRAINING: f"delete it and {RUN}, and run the study again: this trains the run again",
    MATCHES: f"delete it and {METRICS}, and run the study again: this evaluates the run again",
}


def unreadable(run: RecordedRun, name: str, folder: str = "") -> str | None:
    """Returns why a run's table of rows cannot be read, and what to do, in one line.

    Args:
        run: the run.
        name: `train.parquet` or `matches.parquet`.
        folder: the folder of another evaluation, in the run's.

    Returns:
        The line; None if the file can be read, or is not there.
    """
    path = training_file(run) if name == TRAINING else run.folder / folder / name
    file = "/".join(filter(None, [run.key, folder, name]))
    try:
        with open_regular(path) as content:
            content.read(1)
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"{file} cannot be read: {error.strerror or error}"
    try:
        READERS[name](path)
    except InputError:
        return f"{file} is damaged; {REMEDIES[name]}"
    return None
