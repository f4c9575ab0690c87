"""What a specification of a paper's table or figure says; `rankdet.papers.load` reads it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

AT_EPOCH = "epoch "  # begins a view that a run of its own makes: `epoch 50`
AT_SCORE = "score>="  # in a view of a run's sweep: `score>=0.40`, `masks score>=0.40`

HYPERPARAMETERS = "hyperparameters"  # `exact` of a table that counts them, from the loss cards
MULTI_SCALE = "multi-scale"  # the run's further test of this name: the view `multi-scale test`


def threshold(view: str) -> float | None:
    """The score threshold of a view; None for a view that has none."""
    found = (word for word in view.split() if word.startswith(AT_SCORE))
    return next((float(word.removeprefix(AT_SCORE)) for word in found), None)


@dataclass(frozen=True)
class Wanted:
    """The run that a cell shows, in the paper's terms; a study says what it makes of them.

    Attributes:
        detector: file of `workflows/detectors`, without `.yaml`.
        loss: file of `workflows/losses`, with variants: `alrp+iou+no-sb`.
        dataset: the paper's data: `coco`, `minitrain` or `lvis`.
        backbone: `r101`, `x101-dcn` …; empty for the detector's own (ResNet-50).
        schedule: how it was trained, a name in `workflows/schedules.yaml`.
        epoch: after which epoch of that schedule; empty for its end.
    """

    detector: str
    loss: str
    dataset: str = "coco"
    backbone: str = ""
    schedule: str = ""
    epoch: str = ""


@dataclass(frozen=True)
class Column:
    """One metric of a table: `scale` and `decimals` say how it is printed.

    Attributes:
        metric: key in `metrics.json`, or one of another room: see `rankdet.papers.values`.
        header: what the paper calls it.
        scale: factor from the record's unit to the printed one (100 for AP).
        decimals: digits printed after the point.
        better: "higher", "lower", or None where no value is better than another.
        published: column of the published CSV, or None.
        variant: variants that this column adds to its row's loss, such as `w5`; for tables whose
            columns are settings.
        run: what else it changes in its row's run: keys of `Wanted`, and `view`.
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
        """↑ where higher is better, ↓ where lower is, else nothing."""
        return {"higher": "↑", "lower": "↓"}.get(self.better or "", "")


@dataclass(frozen=True)
class Row:
    """One row: its key in the published CSV, the paper's labels, and the run that makes it.

    Attributes:
        key: name of the row in the published values.
        labels: label column to text.
        run: keys of `Wanted` and `view`; None where it is no run of this benchmark.
        section: heading over this row and the following ones.
        reason: why there is no run, where that is known in advance.
    """

    key: str
    labels: Mapping[str, str]
    run: Mapping[str, str] | None
    section: str = ""
    reason: str = ""

    def wanted(self, column: Column | None = None) -> Wanted | None:
        """The run behind this row's cell in a column (or in none); None if there is none."""
        if self.run is None:
            return None
        made = {**self.run, **(column.run if column else {})}
        view = str(made.pop("view", ""))
        if view.startswith(AT_EPOCH):
            made["epoch"] = view.removeprefix(AT_EPOCH)
        made["loss"] = "+".join(filter(None, [made["loss"], column.variant if column else ""]))
        return Wanted(**made)

    def view(self, column: Column | None = None) -> str:
        """How the run is looked at: `lower`, `upper`, `score>=0.40`, …; empty for as it is."""
        view = {**(self.run or {}), **(column.run if column else {})}.get("view") or ""
        return "" if view.startswith(AT_EPOCH) else str(view)  # that is another run


@dataclass(frozen=True)
class Claim:
    """A claim of the paper that our numbers can be asked: one cell against another.

    Attributes:
        text: what the paper claims, in a few words.
        source: where it says so.
        column: header of the metric's column; with `over`, that of the better side.
        better: row that the claim says is better; empty in a table with one row.
        worse: row that it is better than.
        over: header of the worse side's column, where that is another one.
        within: the claim is that both are the same to this much (printed units); else None.
    """

    text: str
    source: str
    column: str
    better: str
    worse: str
    over: str = ""
    within: float | None = None


@dataclass(frozen=True)
class Spec:
    """A table or figure of a paper."""

    id: str
    kind: str
    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    published: Mapping[str, Mapping[str, float | None]]
    notes: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    figure: str = ""
    exact: str = ""
    other_runs: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def paper(self) -> str:
        """The first part of the id: `alrp` of `alrp/table2`."""
        return self.id.split("/")[0]

    @property
    def wanted(self) -> list[Wanted]:
        """Every run that is shown, in the order of the rows; none where nothing is trained."""
        if self.exact:
            return []
        columns: list[Column | None] = [*self.columns] or [None]
        cells = (row.wanted(column) for row in self.rows for column in columns)
        return list(dict.fromkeys(wanted for wanted in cells if wanted))

    def takes_in(self, detector: str, backbone: str) -> bool:
        """Whether `other_runs` adds the runs of a model: one of a row's, trained by another loss.

        Only of a study that lists its runs by hand: one that takes them from the papers' tables
        has dozens, and each of them has a figure or table that is about it.
        """
        models = {(wanted.detector, wanted.backbone) for wanted in self.wanted}
        return self.other_runs and (detector, backbone) in models

    @property
    def sweeps(self) -> dict[Wanted, list[float]]:
        """The runs that are shown at score thresholds, and at which ones, ascending."""
        found: dict[Wanted, set[float]] = {}
        columns: list[Column | None] = [*self.columns] or [None]
        for row in self.rows:
            for column in columns:
                wanted, lowest = row.wanted(column), threshold(row.view(column))
                if wanted and lowest is not None:
                    found.setdefault(wanted, set()).add(lowest)
        return {wanted: sorted(thresholds) for wanted, thresholds in found.items()}

    @property
    def multi_scale(self) -> set[Wanted]:
        """The runs that are shown as tested at several scales."""
        columns: list[Column | None] = [*self.columns] or [None]
        cells = ((row.wanted(c), row.view(c)) for row in self.rows for c in columns)
        return {wanted for wanted, view in cells if wanted and view == f"{MULTI_SCALE} test"}

    @property
    def label_names(self) -> list[str]:
        """Names of the label columns, in the order of their first appearance."""
        return list(dict.fromkeys(name for row in self.rows for name in row.labels))
