"""What a figure is: charts on every dataset of a study, and the table of its printed values."""

from dataclasses import dataclass

from rankdet.charts.chart import Chart
from rankdet.papers.spec import Spec
from rankdet.papers.table_model import Table


@dataclass(frozen=True)
class Drawing:
    """A figure's charts on one dataset.

    Attributes:
        dataset: the study's dataset; empty where nothing is trained.
        title: its display title.
        stem: name of its files without ending: `figure`, and `figure-<dataset>` for later datasets.
        charts: empty where no run has what the figure needs.
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
