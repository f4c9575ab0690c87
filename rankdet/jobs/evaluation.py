"""The job that evaluates detections."""

from pathlib import Path
from typing import Any

from rankdet.results.metrics_record import write_split_metrics
from rankdet.results.seals import seal_metrics


def evaluate_run(split: str, made_of: str, record: str, out_metrics: str, **files: Any) -> None:
    """Writes `metrics.json` and `matches.parquet`, and notes what they were made of.

    Args:
        split: a split of the run's dataset.
        made_of: the hash of the code that evaluates.
        record: the `run.json` of the run, or of an epoch that it kept.
        out_metrics: the `metrics.json` to write.
        files: the other arguments of `write_split_metrics`.
    """
    write_split_metrics(split, run_json=record, out_metrics=out_metrics, **files)
    seal_metrics(Path(out_metrics).parent, Path(record).parent, made_of)
