"""The cost of the losses in the report: our measurements and the papers' times."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rankdet.papers.published_times import PublishedTimes, published_times
from rankdet.results.layout import COST
from rankdet.results.records import RecordedStudy
from rankdet.results.schemas.cost import CostRecord, CostRow, CostSettings

Time = tuple[float | None, float | None]  # seconds of an iteration, and their ratio
Model = tuple[str, str]  # detector and loss


@dataclass(frozen=True)
class CostLine:
    """A detector with a loss; times in ms and s, memory in MB, None if unknown.

    `share` is the time of the loss alone in percent of the iteration's. `ratio` is the iteration's
    time divided by that of the detector's first loss; `published` has the seconds and the ratio of
    each of `Cost.papers`.
    """

    detector: str
    loss: str
    loss_ms: float
    share: float
    loss_memory_mb: float | None
    iteration_s: float
    ratio: float
    memory_mb: float | None
    published: tuple[Time, ...]


@dataclass(frozen=True)
class Cost:
    """The section: its lines with the settings of the measurement, or the problem.

    `papers` are the papers with times of these losses: empty without a GPU, because they measured
    theirs on GPUs.
    """

    lines: tuple[CostLine, ...] = ()
    settings: CostSettings | None = None
    hardware: Mapping[str, Any] | None = None
    problem: str | None = None
    papers: tuple[PublishedTimes, ...] = ()

    @property
    def shares(self) -> tuple[float, float]:
        """The lowest and the highest share of a loss in an iteration, in percent."""
        found = [line.share for line in self.lines]
        return min(found), max(found)

    @property
    def first(self) -> str:
        """The loss that the others are compared with."""
        return self.lines[0].loss if self.lines else ""


def cost_of(study: RecordedStudy) -> Cost | None:
    """Reads a study's `cost.json`; None if the study does not ask for one."""
    if study.plan.cost is None:
        return None
    record, problem = CostRecord.read(study.folder / COST)
    if record is None:
        return Cost(problem=problem)
    models = {(row.detector, row.loss) for row in record.rows}
    times_of_papers = published_times() if record.hardware.get("gpu") else []
    papers = tuple(times for times in times_of_papers if models & set(times.seconds))
    first: dict[str, CostRow] = {}
    lines = []
    for row in record.rows:
        base = first.setdefault(row.detector, row)
        pair = (row.detector, row.loss), (base.detector, base.loss)
        lines.append(
            CostLine(
                row.titles.detector,
                row.titles.loss,
                row.loss_ms,
                row.loss_ms / 10 / row.iteration_s,
                row.loss_memory_mb,
                row.iteration_s,
                row.iteration_s / base.iteration_s,
                row.memory_mb,
                _times(*pair, papers),
            )
        )
    return Cost(tuple(lines), record.settings, record.hardware, papers=papers)


def _times(row: Model, base: Model, papers: Sequence[PublishedTimes]) -> tuple[Time, ...]:
    """Each paper's seconds for a row, and their ratio to those for the detector's first row."""
    times = []
    for paper in papers:
        seconds, first = paper.seconds.get(row), paper.seconds.get(base)
        times.append((seconds, None if seconds is None or first is None else seconds / first))
    return tuple(times)


def write_cost(cost: Cost, path: Path) -> None:
    """Writes the lines as CSV; the two columns of each paper begin with its name."""
    names = [name for name in CostLine.__dataclass_fields__ if name != "published"]
    papers = [times.paper.name for times in cost.papers]
    header = [f"{name} {column}" for name in papers for column in ("published", "published ratio")]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([*names, *header])
        for line in cost.lines:
            times = [value for time in line.published for value in time]
            writer.writerow([*(getattr(line, name) for name in names), *times])
