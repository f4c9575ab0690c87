"""The specification of a paper's table or figure; `rankdet.papers.load` reads it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from rankdet.evaluation.metric import arrow
from rankdet.papers.claims import Claim

AT_SCORE = "score>="  # begins a threshold in a view: `score>=0.40`, `masks score>=0.40`
HYPERPARAMETERS = "hyperparameters"  # `computed_by` of a table of counts from the loss cards
MULTI_SCALE = "multi-scale"  # the run's test variant of this name: the view `multi-scale test`


def threshold(view: str) -> float | None:
    """The score threshold of a view; None for a view without a threshold."""
    found = (word for word in view.split() if word.startswith(AT_SCORE))
    return next((float(word.removeprefix(AT_SCORE)) for word in found), None)


@dataclass(frozen=True)
class RunRequest:
    """The run that a cell shows, in the paper's terms; a study maps it to its own runs.

    Attributes:
        detector: file of `workflows/detectors`, without `.yaml`.
        loss: file of `workflows/losses`, with variants: `alrp+iou+no-sb`.
        dataset: the paper's data, such as `coco`; a study maps it to one of its datasets.
        backbone: `r101`, `x101-dcn` …; empty for the detector's own (ResNet-50).
        schedule: a name in `workflows/schedules.yaml`.
        epoch: the cell shows the training after this epoch of the schedule; empty for its end.
    """

    detector: str
    loss: str
    dataset: str = "coco"
    backbone: str = ""
    schedule: str = ""
    epoch: str = ""


@dataclass(frozen=True)
class Column:
    """One metric of a table.

    Attributes:
        metric: key in `metrics.json`, or in another record: see `rankdet.papers.values`.
        header: the paper's name of the metric.
        scale: factor from the record's unit to the printed one (100 for AP).
        decimals: printed digits after the point.
        better: "higher" or "lower"; None if neither direction is better.
        published: column of the published CSV, or None.
        variant: variants that this column adds to its row's loss, such as `w5`; for tables whose
            columns are settings.
        run: other changes of this column to its row's run: keys of `RunRequest`, and `view`.
    """

    metric: str
    header: str
    scale: float = 1.0
    decimals: int = 1
    better: str | None = None
    published: str | None = None
    variant: str = ""
    run: Mapping[str, str] = field(default_factory=dict)

    @property
    def arrow(self) -> str:
        """↑ if higher is better, ↓ if lower is better, else empty."""
        return arrow(self.better)


@dataclass(frozen=True)
class Row:
    """One row: its key in the published CSV, the paper's labels, and the run that it shows.

    Attributes:
        key: name of the row in the published values.
        labels: label column to text.
        run: keys of `RunRequest`, and `view`; None for a row without a run.
        section: heading above this row and the following ones.
        reason: why there is no run, if this is known in advance.
        split: the split of the published values, if it is not COCO minival.
        inputs: values of the row for a computed table.
    """

    key: str
    labels: Mapping[str, str]
    run: Mapping[str, str] | None
    section: str = ""
    reason: str = ""
    split: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)

    def request(self, column: Column | None = None) -> RunRequest | None:
        """The run of this row's cell in a column, or of the row alone; None without a run."""
        if self.run is None:
            return None
        keys = {**self.run, **(column.run if column else {})}
        keys.pop("view", None)
        loss = "+".join(filter(None, [keys["loss"], column.variant if column else ""]))
        return RunRequest(**{**keys, "loss": loss})

    def view(self, column: Column | None = None) -> str:
        """The view of the run that a cell shows; see `rankdet.papers.values`."""
        return {**(self.run or {}), **(column.run if column else {})}.get("view", "")


@dataclass(frozen=True)
class Spec:
    """A table or figure of a paper.

    Attributes:
        id: `<paper>/<table>`: its folder and file name.
        title: heading in the report.
        caption: text below the heading.
        columns: the metrics.
        rows: the rows, in the order of the published CSV.
        published: row key to column to published value; None for an illegible cell.
        notes: remarks below the table.
        claims: the paper's claims about it.
        figure: for figures: a file of `analysis/figures`, without `.py`.
        computed_by: for tables without runs: `<file>.<function>` of the paper's folder, or
            `hyperparameters`.
        other_losses: whether a figure also shows other losses with the models of its rows.
        measured_on: machine and settings of published times.
        datasets: names of the study's datasets that it is about; empty for all.
    """

    id: str
    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    published: Mapping[str, Mapping[str, float | None]]
    notes: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    figure: str = ""
    computed_by: str = ""
    other_losses: bool = False
    measured_on: str = ""
    datasets: tuple[str, ...] = ()

    def on(self, datasets: Sequence[str]) -> list[str]:
        """Returns those of a study's datasets that it is about; all if the study has none."""
        return [name for name in datasets if name in self.datasets] or list(datasets)

    @property
    def kind(self) -> str:
        """`figure` or `table`."""
        return "figure" if self.figure else "table"

    @property
    def paper(self) -> str:
        """The first part of the id: `alrp` of `alrp/table2`."""
        return self.id.split("/")[0]

    @property
    def label_names(self) -> list[str]:
        """Names of the label columns, in the order of their first appearance."""
        return list(dict.fromkeys(name for row in self.rows for name in row.labels))

    @cached_property
    def cells(self) -> list[tuple[RunRequest, str]]:
        """Run and view of every cell, row by row; empty for a computed table."""
        columns: list[Column | None] = [*self.columns] or [None]
        every = [(row.request(c), row.view(c)) for row in self.rows for c in columns]
        every += [(self._row_of(claim), claim.view) for claim in self.claims if claim.view]
        return [] if self.computed_by else [(run, view) for run, view in every if run]

    def _row_of(self, claim: Claim) -> RunRequest | None:
        """The run of a claim's worse side."""
        header = claim.over or claim.column
        column = next(c for c in self.columns if c.header == header)
        return next(row for row in self.rows if row.key == claim.worse).request(column)

    @cached_property
    def requests(self) -> list[RunRequest]:
        """Every run that is shown, in the order of the rows."""
        return list(dict.fromkeys(request for request, _ in self.cells))

    @property
    def sweeps(self) -> dict[RunRequest, list[float]]:
        """The runs that are shown at score thresholds, with their thresholds in ascending order."""
        found: dict[RunRequest, set[float]] = {}
        for request, view in self.cells:
            lowest = threshold(view)
            if lowest is not None:
                found.setdefault(request, set()).add(lowest)
        return {request: sorted(thresholds) for request, thresholds in found.items()}

    @property
    def multi_scale(self) -> set[RunRequest]:
        """The runs whose results at several test scales are shown."""
        return {request for request, view in self.cells if view == f"{MULTI_SCALE} test"}

    def shows_other_losses_of(self, detector: str, backbone: str) -> bool:
        """Whether a figure also shows the study's other losses with this model.

        Only a study that lists its runs in its config shows them. A study that takes its runs from
        the papers' tables has many losses, and each is in another table or figure.
        """
        return self.other_losses and (detector, backbone) in self._models

    @cached_property
    def _models(self) -> set[tuple[str, str]]:
        return {(request.detector, request.backbone) for request in self.requests}
