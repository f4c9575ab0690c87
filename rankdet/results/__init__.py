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
        study: The study's name, its folder, such as `results/smoke`, or its `plan.json`. A name is
            looked for in `results/` of the current folder.

    Raises:
        InputError: If there is no plan, or it cannot be used. A run with damaged
            files raises nothing: its `reason` says what is wrong.
    """
    from rankdet.results.find import find_plan
    from rankdet.results.frames import Results
    from rankdet.results.records import read_study

    return Results(read_study(find_plan(study)))
