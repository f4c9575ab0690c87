"""Comparison pages: the losses of a detector against a reference, all pairs, curves and images."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

from markupsafe import Markup

from rankdet.charts.colours import colour
from rankdet.evaluation.seeds import SeedDifference
from rankdet.papers.loss_looks import loss_looks
from rankdet.report.compare_charts import (
    Curves,
    Records,
    class_chart,
    class_differences,
    curves,
)
from rankdet.report.compare_classes import ClassTable, class_data, class_table
from rankdet.report.compare_images import Pictures, pictures
from rankdet.report.compare_tables import Line, against, make_line, texts
from rankdet.report.pairwise_matrix import Loss, Matrix, matrices
from rankdet.report.paths import compare_page
from rankdet.results.recorded_run import RecordedRun
from rankdet.results.records import RecordedStudy
from rankdet.results.usable import unusable

MOST_CURVES = 16  # losses with curves and pictures
AT_ONCE = 5  # losses that are shown at the beginning


@dataclass(frozen=True)
class Comparison:
    """The losses of one detector on one dataset, the reference first.

    Attributes:
        dataset: name of the dataset.
        title: of the detector, with its backbone.
        page: path of the page.
        runs: all its runs, also those that are left out.
        lines: the losses.
        drawn: positions of the losses with curves and pictures: the reference, then the others by
            AP, best first. The first five are shown at the beginning.
        left_out: runs that cannot be compared, with the reason.
        study: the study.
        report: the report's folder.
    """

    dataset: str
    title: str
    page: str
    runs: tuple[RecordedRun, ...]
    lines: tuple[Line, ...]
    drawn: tuple[int, ...]
    left_out: tuple[tuple[RecordedRun, str], ...]
    study: RecordedStudy
    report: Path

    @property
    def reference(self) -> Line:
        """The loss that the others are compared with: the first in the plan's order."""
        return self.lines[0]

    @property
    def at_once(self) -> list[Line]:
        """The losses whose curves are shown at the beginning, the reference first."""
        return [self.lines[at] for at in self.drawn[:AT_ONCE]]

    @property
    def several_seeds(self) -> bool:
        """Whether a loss has more than one seed."""
        return any(len(line.runs) > 1 for line in self.lines)

    @cached_property
    def differences(self) -> list[dict[str, SeedDifference]]:
        """The differences of each line to the reference, by metric."""
        return against(self.study, self.lines, 0)

    @cached_property
    def matrices(self) -> tuple[Matrix, ...]:
        """All pairs."""
        return matrices([Loss(one.values, one.learned, one.run.schedule) for one in self.lines])

    @cached_property
    def pictures(self) -> Pictures:
        """The images where the losses differ."""
        return pictures(self.study, [(at, self.lines[at]) for at in self.drawn], self.report)

    @cached_property
    def _records(self) -> Records:
        lines = [self.lines[at] for at in self.drawn]
        return Records(
            {line.label: line.runs for line in lines},
            {line.label: self._looks[line.run.full_loss] for line in lines},
        )

    @cached_property
    def _looks(self) -> dict[str, int]:
        return loss_looks(self.study)

    @property
    def colours(self) -> dict[str, str]:
        """Label of a loss to its colour, as in all charts."""
        return {line.label: colour(self._looks[line.run.full_loss]) for line in self.lines}

    @cached_property
    def curves(self) -> list[Curves]:
        """The curves of the drawn losses."""
        return curves(self._records)

    @property
    def damaged(self) -> list[str]:
        """A line for each file that could not be read for what was shown so far."""
        return self._records.damaged

    @cached_property
    def class_chart(self) -> Markup | None:
        """The differences by class of the losses that are shown at the beginning."""
        return class_chart(self._records, [line.label for line in self.at_once])

    @cached_property
    def class_table(self) -> ClassTable | None:
        """The same as a table."""
        reference, *others = (line.label for line in self.at_once)
        return class_table(self._classes, reference, others)

    @cached_property
    def _classes(self) -> Any:
        return class_differences(self._records)

    @property
    def references(self) -> list[int]:
        """Positions of the losses that a reader can choose as the reference.

        All pairs of a study with many losses would be most of the page: it has the first loss and
        those with curves.
        """
        return sorted({0, *self.drawn})

    def _texts(self, at: int) -> list[list[tuple[str, bool] | None]]:
        others = against(self.study, self.lines, at, images=False) if at else self.differences
        return texts(others)

    @property
    def data(self) -> Markup:
        """What the script of the page needs, as JSON that is safe inside an element."""
        found = {
            "losses": [
                {"key": line.key, "name": name, "loss": line.run.full_loss, "colour": shade}
                for line, (name, shade) in zip(self.lines, self.colours.items(), strict=True)
            ],
            "drawn": self.drawn,
            "differences": {at: self._texts(at) for at in self.references},
            "classes": class_data(self._classes, [line.label for line in self.lines]),
            "errors": [one.errors for one in self.pictures.images],
        }
        text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
        return Markup(text.replace("<", "\\u003c"))  # no end tag can occur in it


def comparisons(study: RecordedStudy, report: Path) -> list[Comparison]:
    """Returns the comparisons of a study: one per dataset and detector.

    A comparison needs two trained losses with comparable numbers. A loss with a seed that failed
    has no mean and is left out, as in the tables. Images that are missing are written into the
    report's folder when the page is written.
    """
    pages: dict[str, dict[str, list[RecordedRun]]] = {}
    for run in study.runs:
        if not run.untrained:
            losses = pages.setdefault(compare_page(run), {})
            losses.setdefault(run.key.rpartition("/")[0], []).append(run)
    made = (_comparison(study, page, losses, report) for page, losses in pages.items())
    return [one for one in made if len(one.lines) > 1]


def _comparison(
    study: RecordedStudy, page: str, losses: Mapping[str, Sequence[RecordedRun]], report: Path
) -> Comparison:
    every = [run for runs in losses.values() for run in runs]
    checksum = study.checksum(every[0].dataset)
    left_out = tuple((run, why) for run in every if (why := unusable(run, checksum)))
    without = {run.key for run, _ in left_out}
    usable = [runs for runs in losses.values() if not any(run.key in without for run in runs)]
    labels = _labels([runs[0] for runs in usable])
    lines = [make_line(label, runs) for label, runs in zip(labels, usable, strict=True)]
    return Comparison(
        dataset=every[0].dataset,
        title=" ".join(filter(None, [every[0].title("detector"), every[0].backbone])),
        page=page,
        runs=tuple(every),
        lines=tuple(lines),
        drawn=_drawn(lines),
        left_out=left_out,
        study=study,
        report=report,
    )


def _labels(runs: Sequence[RecordedRun]) -> list[str]:
    """Titles of losses, with the schedule if there are several; equal titles get their key."""
    several = len({run.schedule for run in runs}) > 1
    titles = [
        f"{run.title('loss')} · {run.schedule}" if several and run.schedule else run.title("loss")
        for run in runs
    ]
    return [
        title if titles.count(title) == 1 else f"{title} ({run.full_loss})"
        for title, run in zip(titles, runs, strict=True)
    ]


def _drawn(lines: Sequence[Line]) -> tuple[int, ...]:
    """The reference, then the others by AP; named schedules only where there are no others.

    A search over learning rates is no comparison of losses: its runs would fill the page.
    """
    usual = [i for i, line in enumerate(lines) if line.run.imported or not line.run.schedule]
    chosen = usual if len(usual) > 1 else list(range(len(lines)))
    others = sorted(chosen[1:], key=lambda at: -fmean(lines[at].values["AP"] or [0.0]))
    return (*chosen[:1], *others)[:MOST_CURVES]
