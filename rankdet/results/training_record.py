"""The record of a training: `train.parquet`, one row per iteration."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from rankdet.errors import InputError, in_words
from rankdet.files import open_regular
from rankdet.results.layout import TRAINING
from rankdet.results.recorded_run import RecordedRun

CLASSIFICATION = "loss_cls"
OF_RANK_SORT = ("loss_rank", "loss_sort")  # Rank & Sort Loss records its two parts


def training_record(run: RecordedRun, columns: Sequence[str] | None = None) -> pd.DataFrame | None:
    """Returns a run's `train.parquet` by iteration; None if it is missing or unreadable.

    Of a run at a kept epoch, the rows end with that epoch.

    The column `loss_cls` of a loss that records its parts, Rank & Sort Loss, is their sum.

    A resumed training repeats the iterations after its checkpoint: their later rows are returned.
    """
    last = run.record.at_epoch if run.record else None
    try:
        frame = read_rows(training_file(run), columns)
    except InputError:
        return None
    if frame is None or frame.empty or "iteration" not in frame:
        return None
    if last and last.iteration is not None:
        frame = frame[frame["iteration"] <= last.iteration]
    if not frame["iteration"].is_monotonic_increasing or not frame["iteration"].is_unique:
        frame = frame.drop_duplicates("iteration", keep="last").sort_values("iteration")
    return frame[list(columns or frame.columns)].reset_index(drop=True)


def training_file(run: RecordedRun) -> Path:
    """Returns the path of a run's rows; of a run at a kept epoch, those of the whole training."""
    at_epoch = run.record and run.record.at_epoch
    return (run.folder.parent if at_epoch else run.folder) / TRAINING


def read_rows(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame | None:
    """Reads a `train.parquet`.

    Args:
        path: the file.
        columns: these columns and `iteration`; None reads all.

    Returns:
        One row per iteration; None if there is no such file or it lacks a column.

    Raises:
        InputError: the file is damaged, or a column has no numbers.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with open_regular(path) as opened, pq.ParquetFile(opened) as file:
            known = file.schema_arrow.names
            parts = set() if CLASSIFICATION in known else {*OF_RANK_SORT} & {*known}
            sums = parts == set(OF_RANK_SORT)
            wanted = dict.fromkeys(known if columns is None else ["iteration", *columns])
            if sums and columns is not None and CLASSIFICATION in wanted:
                wanted = dict.fromkeys([*wanted, *OF_RANK_SORT])
            read = [name for name in wanted if name in known]
            frame = file.read(read, use_threads=False).to_pandas()
    except FileNotFoundError:
        return None
    except (pa.ArrowException, OSError, LookupError, TypeError, ValueError, MemoryError) as error:
        raise InputError(f"{path}: is damaged ({in_words(error)})") from None
    for name, kind in frame.dtypes.items():
        if not pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_complex_dtype(kind):
            raise InputError(f"{path}: is damaged (column {name} has no numbers)")
    if sums and (columns is None or CLASSIFICATION in wanted):
        frame[CLASSIFICATION] = frame[list(OF_RANK_SORT)].sum(axis=1, skipna=False)
    return frame if set(wanted) <= set(frame.columns) else None
