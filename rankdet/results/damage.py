"""Finished files that are damaged: found before a study runs, and set aside to be remade.

Snakemake looks at the times of files, not at their content. It would fail at each run on a record
that was cut, or never make it again.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from rankdet.files import read_record, shown
from rankdet.results import layout
from rankdet.results.schemas.base import Record, has_no_file
from rankdet.results.schemas.cost import CostRecord
from rankdet.results.schemas.metrics import MetricsRecord
from rankdet.results.schemas.plan import Plan
from rankdet.results.schemas.run import RunRecord
from rankdet.results.schemas.sweep import SpeedRecord, SweepRecord

RECORDS: dict[str, type[Record]] = {
    layout.PLAN: Plan,
    layout.COST: CostRecord,
    layout.RUN: RunRecord,
    layout.METRICS: MetricsRecord,
    layout.SPEED: SpeedRecord,
    layout.SWEEP: SweepRecord,
}
OBJECTS = (layout.TABLE, layout.FIGURE)
PARQUET = (layout.TRAINING, layout.MATCHES)
PARQUET_ENDS = b"PAR1"
SMALLEST_PARQUET = 12  # bytes: both ends, and the length of the footer
# Files of the same job. Snakemake makes a job again only if a file is missing that others ask for.
PARTNERS = {
    layout.TRAINING: layout.RUN,
    layout.SPEED: layout.DETECTIONS,
    layout.TABLE: "table.csv",
    layout.FIGURE: "figure.svg",
}
NOT_OUTPUTS = (layout.WORK, layout.LAST, layout.EARLY, "logs")
ASIDE = ".set-aside"


def damage(path: Path) -> str | None:
    """Returns what is wrong with a finished file, in one line; None if it is whole or not there.

    Tables of rows and detections are only checked for being complete, because they are large.
    """
    if not path.is_file():
        return None
    if path.name in RECORDS:
        _, problem = RECORDS[path.name].read(path)
    elif path.name in OBJECTS:
        _, problem = read_record(path)
    elif path.name in PARQUET:
        problem = _incomplete_parquet(path)
    elif path.name == layout.DETECTIONS:
        problem = _incomplete_list(path)
    else:
        return None
    return None if has_no_file(problem) else problem


def set_aside_damaged(study: Path, runs: Iterable[str]) -> list[str]:
    """Renames damaged files of a study to `<name>.set-aside`, so that they are made again.

    What is made from them is renamed, too. A damaged `dataset.json` stays, because all runs on that
    data would be trained again; the jobs that read it name it.

    Args:
        study: The study's folder.
        runs: The keys of its runs.

    Returns:
        A line for each damaged file.
    """
    lines = []
    for folder, run in _folders(study, runs):
        for path in sorted(path for path in folder.glob("*") if path.is_file()):
            problem = damage(path)
            if problem is None:
                continue
            then = f"it is renamed to {path.name}{ASIDE} and made again"
            try:
                for one in {path, *_made_with(path, run)}:
                    with suppress(FileNotFoundError):
                        one.rename(one.with_name(one.name + ASIDE))
            except OSError as error:
                then = f"it cannot be renamed ({error.strerror})"
            lines.append(f"{shown(path)}: {problem}; {then}")
    return lines


def _folders(study: Path, runs: Iterable[str]) -> Iterator[tuple[Path, Path | None]]:
    """Yields the folders with finished files, and the folder of the run they belong to."""
    yield study, None
    for file in sorted(
        [*study.glob("tables/*/*/table.json"), *study.glob("figures/*/*/figure.json")]
    ):
        yield file.parent, None
    for run in (study / key for key in runs):
        yield run, run
        for folder in sorted(path for path in run.glob("*") if path.is_dir()):
            if folder.name not in NOT_OUTPUTS:
                yield folder, run


def _made_with(path: Path, run: Path | None) -> Iterator[Path]:
    """Yields the files that the same job makes, and the records that are made from them."""
    if path.name in PARTNERS:
        yield path.with_name(PARTNERS[path.name])
    if run is None:
        return
    yield path.with_name(layout.METRICS)
    yield run / layout.SWEEP
    if path.parent == run and path.name in (layout.RUN, layout.TRAINING):
        yield from run.glob(f"*/{layout.METRICS}")


def _incomplete_parquet(path: Path) -> str | None:
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(max(0, size - 8))
        end = file.read(8)
    footer = int.from_bytes(end[:4], "little") + SMALLEST_PARQUET
    if start == end[4:] == PARQUET_ENDS and SMALLEST_PARQUET <= footer <= size:
        return None
    return f"{path.name} is not complete"


def _incomplete_list(path: Path) -> str | None:
    with path.open("rb") as file:
        start = file.read(1)
        file.seek(max(0, path.stat().st_size - 2))
        end = file.read().strip()[-1:]
    return None if start + end == b"[]" else f"{path.name} is not complete"
