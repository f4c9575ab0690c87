"""The job that evaluates detections."""

import re
from pathlib import Path
from typing import Any

from rankdet.results.layout import INTERVALS
from rankdet.results.metrics_record import write_split_metrics
from rankdet.results.seals import seal_metrics

IS_RUN = re.compile(r"seed\d+")  # the folder of a run, not of one of its further tests


def evaluate_run(split: str, made_of: str, record: str, out_metrics: str, **files: Any) -> None:
    """Writes `metrics.json` and `matches.parquet`, and notes what they were made of.

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
    write_split_metrics(split, run_json=record, out_metrics=out_metrics, draws_store=store, **files)
    seal_metrics(folder, Path(record).parent, made_of)
