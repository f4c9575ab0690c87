"""The record of a training: `train.parquet`, one row per iteration."""

from collections.abc import Sequence

import pandas as pd

from rankdet.results.layout import TRAINING
from rankdet.results.records import RecordedRun

CLASSIFICATION = "loss_cls"
OF_RANK_SORT = ("loss_rank", "loss_sort")  # Rank & Sort Loss records its two parts


def training_record(run: RecordedRun, columns: Sequence[str] | None = None) -> pd.DataFrame | None:
    """Returns a run's `train.parquet` by iteration; None if it is missing or unreadable.

    Of a run at a kept epoch, the rows end with that epoch.

    The column `loss_cls` of a loss that records its parts, Rank & Sort Loss, is their sum.

    A resumed training repeats the iterations after its checkpoint: their later rows are returned.
    """
    last = run.record.at_epoch if run.record else None
    path = (run.folder.parent if last else run.folder) / TRAINING
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError):
        return None
    if CLASSIFICATION not in frame and set(OF_RANK_SORT) <= set(frame.columns):
        frame[CLASSIFICATION] = frame[list(OF_RANK_SORT)].sum(axis=1, skipna=False)
    if frame.empty or "iteration" not in frame or not set(columns or ()) <= set(frame.columns):
        return None
    if last and last.iteration is not None:
        frame = frame[frame["iteration"] <= last.iteration]
    frame = frame if columns is None else frame[list(columns)]
    latest = frame.drop_duplicates("iteration", keep="last")
    return latest.sort_values("iteration", ignore_index=True)
