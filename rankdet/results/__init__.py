"""Runs on disk: their folders, records, status and failures. Never imports torch.

`rankdet.results.open("results/smoke")` reads a study for a notebook.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rankdet.results.frames import Results


def open(study: str | Path) -> "Results":
    """Reads the results of a study: its runs as typed records, and tidy pandas frames.

    Args:
        study: The study's folder, such as `results/smoke`, or its `plan.json`.

    Raises:
        InputError: If there is no plan, or it cannot be used. A run with damaged
            files raises nothing: its `reason` says what is wrong.
    """
    from rankdet.results.frames import Results
    from rankdet.results.layout import PLAN
    from rankdet.results.records import read_study

    path = Path(study)
    return Results(read_study(path / PLAN if path.is_dir() else path))
