"""The job that evaluates detections."""

import re
from pathlib import Path
from typing import Any

from rankdet.results.layout import INTERVALS, SHOWN, split_folder
from rankdet.results.metrics_record import write_split_metrics
from rankdet.results.seals import seal_metrics

IS_RUN = re.compile(r"seed\d+")  # the folder of a run, not of one of its further tests


def evaluate_run(split: str, made_of: str, record: str, out_metrics: str, **files: Any) -> None:
    """Writes `metrics.json` and `matches.parquet`, and notes what they were made of.

    For a split of a run it also writes what pages show of single detections.

    Args:
        split: a split of the run's dataset.
        made_of: the hash of the code that evaluates.
        record: the `run.json` of the run, or of an epoch that it kept.
        out_metrics: the `metrics.json` to write.
        files: the other arguments of `write_split_metrics`.
    """
    folder = Path(out_metrics).parent
    # Comparisons are of the main evaluation; of other tests they compute the draws themselves.
    store = folder.parents[3] / INTERVALS if IS_RUN.fullmatch(folder.name) else None
    drawn = store is not None or folder.name == split_folder(split)
    write_split_metrics(
        split,
        run_json=record,
        out_metrics=out_metrics,
        draws_store=store,
        out_shown=folder / SHOWN if drawn else None,
        **files,
    )
    seal_metrics(folder, Path(record).parent, made_of)
