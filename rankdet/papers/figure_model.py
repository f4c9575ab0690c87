"""The data of a figure: charts on every dataset of a study, and the table of printed values."""

from dataclasses import dataclass

from rankdet.charts.chart import Chart
from rankdet.papers.spec import Spec
from rankdet.papers.table_model import Table


@dataclass(frozen=True)
class Drawing:
    """A figure's charts on one dataset.

    Attributes:
        dataset: the study's dataset; empty for a computed figure.
        title: its display title.
        stem: name of its files without ending: `figure`, and `figure-<dataset>` for later datasets.
        charts: empty if no run has the needed records.
    """

    dataset: str
    title: str
    stem: str
    charts: tuple[Chart, ...]


@dataclass(frozen=True)
class Figure:
    """A paper's figure: a drawing for each block of its table."""

    table: Table
    drawings: tuple[Drawing, ...]

    @property
    def spec(self) -> Spec:
        """The specification."""
        return self.table.spec
