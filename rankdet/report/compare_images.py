"""The images of a comparison page, with the detections of each loss."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rankdet.errors import InputError
from rankdet.evaluation.metrics.matches import Matches, read_matches
from rankdet.evaluation.shown import WITHOUT_THRESHOLD, limits_of_classes
from rankdet.report.compare_tables import Line
from rankdet.report.image_errors import (
    ChosenImage,
    choose_images,
    image_errors,
    object_counts,
    operating_rows,
)
from rankdet.report.sample_images import Sample, samples
from rankdet.results.layout import MATCHES
from rankdet.results.records import RecordedStudy

MOST_BOXES = 4000  # drawn on a page: about 2 MB


@dataclass(frozen=True)
class Pictures:
    """The images of a page.

    Attributes:
        images: which images; see `choose_images`.
        shown: position of each line with pictures to its samples, one for each image.
        left_out: positions of the lines without pictures, because the page would be too large.
        problem: why there are none, in one line; None if there are.
    """

    images: tuple[ChosenImage, ...] = ()
    shown: tuple[tuple[int, tuple[Sample, ...]], ...] = ()
    left_out: tuple[int, ...] = ()
    problem: str | None = None

    @property
    def categories(self) -> list[str]:
        """The classes of all boxes, by name."""
        drawn = [one for _, made in self.shown for one in made]
        found = {box.category for one in drawn for box in one.truths}
        return sorted(found | {box.category for one in drawn for box in one.detections})


def pictures(study: RecordedStudy, lines: Sequence[tuple[int, Line]], report: Path) -> Pictures:
    """Chooses the images by the errors of all losses, and draws the first counted seed of each.

    Args:
        study: the study.
        lines: the losses with their positions on the page, the most important first.
        report: the report's folder; images are written into it.
    """
    try:
        return _pictures(study, lines, report)
    except InputError as error:
        return Pictures(problem=str(error))


def _pictures(study: RecordedStudy, lines: Sequence[tuple[int, Line]], report: Path) -> Pictures:
    known: list[Matches] = []
    errors = []
    for _, line in lines:
        evaluation = line.run.main
        known.append(read_matches(evaluation.folder / MATCHES))
        limits = limits_of_classes(evaluation.per_class)
        rows = operating_rows(known[-1].detections, limits, WITHOUT_THRESHOLD)
        errors.append(image_errors(known[-1], rows))
    images = choose_images(errors, object_counts(known[0]))
    shown: list[tuple[int, tuple[Sample, ...]]] = []
    boxes, left_out = 0, []
    for (at, line), matches in zip(lines, known, strict=True):
        if boxes > MOST_BOXES:
            left_out.append(at)
            continue
        run = line.run
        ids = [one.image_id for one in images]
        made = tuple(samples(study, run.dataset, run.main, report, ids, matches))
        boxes += sum(len(one.detections) + len(one.truths) for one in made)
        shown.append((at, made))
    return Pictures(tuple(images), tuple(shown), tuple(left_out))
