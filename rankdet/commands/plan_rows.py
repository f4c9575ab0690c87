"""The rows of `rankdet plan`: each run with its length, learning rate and status."""

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

COLUMNS = ("dataset", "detector", "loss", "seed", "iterations", "rate", "splits")
TO_THE_RIGHT = ("iterations", "rate")


class Row(NamedTuple):
    """A run of the study.

    Attributes:
        cells: Its texts, in the order of `COLUMNS`.
        status: Whether it is new, up to date, or made again, and why.
        run: The run, if it is to be trained now; else None.
    """

    cells: tuple[str, ...]
    status: str
    run: Any = None


def rows(study: Any) -> list[Row]:
    """Returns the runs of a study, and then its imported detections."""
    return [*(_row(study, one) for one in study.runs), *_imports(study)]


def _imports(study: Any) -> Iterable[Row]:
    """Yields the rows of imported detections."""
    for one in study.imports.runs:
        cells = (one.dataset, one.detector, one.name, str(one.seed), "", "", " ".join(one.splits))
        yield Row(cells, _status_of_import(study, one))


def _row(study: Any, planned: Any) -> Row:
    status, to_train = _status(study, planned)
    detector = f"{planned.detector}@{planned.backbone}" if planned.backbone else planned.detector
    trained = planned.trained
    cells = (
        *(planned.dataset, detector, planned.loss, str(planned.seed)),
        _length(planned.schedule) if trained else "",
        f"{planned.schedule['lr']:g}" if trained else "",
        " ".join(planned.splits),
    )
    return Row(cells, status, planned if trained and to_train else None)


def print_rows(found: Sequence[Row], console: Any) -> None:
    """Prints the rows; where lines are too short for all columns, each status is below its row."""
    from rich.text import Text

    table = _table((*COLUMNS, "status"), [(*row.cells, row.status) for row in found])
    if console.measure(table, options=console.options.update(max_width=10**6)).maximum <= (
        console.width
    ):
        console.print(table)
        return
    first, *others = _lines(_table(COLUMNS, [row.cells for row in found]))
    console.print(Text(first, style="bold"), soft_wrap=True)
    for line, row in zip(others, found, strict=True):
        console.print(Text(line), soft_wrap=True)
        for part in Text(row.status).wrap(console, max(20, console.width - 4)):
            console.print(Text("    ") + part, soft_wrap=True)


def _table(columns: Sequence[str], cells: Iterable[Sequence[str]]) -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        justify: Any = "right" if name in TO_THE_RIGHT else "left"
        table.add_column(name, justify=justify, no_wrap=True)
    for one in cells:
        table.add_row(*map(escape, one))
    return table


def _lines(table: Any) -> list[str]:
    """The lines of a table that may be wider than the terminal."""
    from rich.console import Console

    file = io.StringIO()
    Console(file=file, width=10**4).print(table)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def _status(study: Any, planned: Any) -> tuple[str, bool]:
    """The status in words, and whether the run is to be trained now."""
    from rankdet.results.epochs import not_kept, words
    from rankdet.results.layout import DETECTIONS
    from rankdet.results.status import NOT_RUN, run_status
    from rankdet.study.made_of import listed
    from rankdet.study.older import older_evaluations

    folder = Path(study.folder) / planned.key
    found = run_status(folder, study.config.learned_ap50)
    text = found.text
    if found.record is None:
        return "new" if found.status == NOT_RUN and text == "not run yet" else text, True
    if again := _changes(study, planned, folder, found.record):
        return _again(planned, folder, again, listed(again)), True
    missing = not_kept(folder, [kept.name for kept in planned.kept_epochs])
    if missing:
        return f"{text}; will be trained again, because it did not keep {words(missing[0])}", True
    if older := older_evaluations(study, planned):
        step = "detected" if older[0].path.name == DETECTIONS else "evaluated"
        return f"will be {step} again, because {older[0].why}", False
    return f"up to date: {text}" if found.metrics else text, False


def _again(planned: Any, folder: Path, changes: list[str], words: str) -> str:
    """What happens to a run that has changed: it starts again, or goes on to more epochs."""
    from rankdet.results.course import LENGTH
    from rankdet.study.going_on import goes_on_from

    lengths = tuple(f"schedule.{key} " for key in LENGTH)
    longer = all(change.startswith(lengths) for change in changes)
    found = goes_on_from(planned, folder) if longer else None
    if found is None:
        return f"will be trained again, because {words} changed"
    epoch, why = found
    if why is None:
        return f"will go on from epoch {epoch}, because {words} changed"
    return f"will be trained again, because {words} changed; cannot go on from epoch {epoch}: {why}"


def _status_of_import(study: Any, one: Any) -> str:
    from rankdet.results.status import NOT_RUN, STALE, run_status

    folder = Path(study.folder) / one.key
    found = run_status(folder, study.config.learned_ap50, one.hashes)
    if found.status == NOT_RUN:
        return "imported, new"
    again = "imported, will be evaluated again, because its files or the data changed"
    return again if found.status == STALE else found.text


def _changes(study: Any, planned: Any, folder: Path, record: Any) -> list[str]:
    """What has changed since a run was made; empty if nothing has."""
    from rankdet.results.staleness import is_other_data
    from rankdet.study.made_of import changes

    found = changes(planned, record)
    found += ["the data"] * is_other_data(folder, record.provenance)
    return found + _data_changes(study, planned.dataset)


def _data_changes(study: Any, name: str) -> list[str]:
    from rankdet.datasets import image_record
    from rankdet.study.older import older_dataset

    older = older_dataset(study, name)
    images = image_record.state(Path(study.folder) / name / "data")[1]
    found = [older.why.removesuffix(" changed")] if older else []
    return found + ([f"images: {image_record.described(images)}"] if images else [])


def _length(schedule: dict[str, Any]) -> str:
    return str(schedule.get("iterations") or f"{schedule['epochs']} epochs")
