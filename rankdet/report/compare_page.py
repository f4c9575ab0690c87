"""What a comparison page shows: a detector's losses against one of them, and side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rankdet.errors import InputError
from rankdet.evaluation.interval_store import difference
from rankdet.evaluation.intervals import Difference
from rankdet.papers.table import unusable
from rankdet.papers.table_model import DIGITS
from rankdet.papers.values import finite
from rankdet.report.sample_images import Sample, samples
from rankdet.results.leaderboard import COLUMNS
from rankdet.results.records import Run, Study, slug

SHOWN = tuple(c for c in COLUMNS if c.metric in ("AP", "AP50", "AP75", "AP90", "oLRP"))
FAMILY = {"AP": "ap", "oLRP": "olrp"}


@dataclass(frozen=True)
class Line:
    """One run: values in printed units, and each one's difference to the reference's."""

    run: Run
    values: tuple[float | None, ...]
    differences: tuple[Difference | None, ...]
    samples: tuple[Sample, ...]


@dataclass(frozen=True)
class Group:
    """The runs of one detector on one dataset, the reference first."""

    dataset: str
    title: str
    page: str
    lines: tuple[Line, ...]
    left_out: tuple[tuple[Run, str], ...]
    problem: str | None

    @property
    def reference(self) -> Run:
        """What the others are compared with: the first one in the plan's order."""
        return self.lines[0].run

    @property
    def best(self) -> Line:
        """The run with the highest AP beside the reference."""
        return max(self.lines[1:], key=lambda line: line.values[0] or 0.0)


def compare_page(run: Run) -> str:
    """The comparison page of a run's detector, relative to the report's folder."""
    name = "-".join(filter(None, [run.detector, run.backbone]))
    return f"compare/{slug(run.dataset)}/{slug(name)}.html"


def groups(study: Study, report: Path) -> list[Group]:
    """One group a dataset and detector with at least two trained runs that can be compared.

    Writes the sample images into the report's folder where they are not yet.
    """
    pages: dict[str, list[Run]] = {}
    for run in study.runs:
        if not run.untrained:
            pages.setdefault(compare_page(run), []).append(run)
    made = (_group(study, page, runs, report) for page, runs in pages.items())
    return [group for group in made if len(group.lines) > 1]


def _group(study: Study, page: str, runs: Sequence[Run], report: Path) -> Group:
    checksum = study.manifests.get(runs[0].dataset, {}).get("checksum")
    reasons = {run.key: unusable(run, checksum) for run in runs}
    usable = [run for run in runs if not reasons[run.key]]
    left_out = tuple((run, why) for run in runs if (why := reasons[run.key]))
    lines, problem = [], None
    for run in usable:
        drawn: Sequence[Sample] = ()
        try:
            drawn = samples(study, run.dataset, run.main, report)
        except InputError as error:
            problem = str(error)
        values = [finite(run.main.metrics.get(c.metric)) for c in SHOWN]
        printed = tuple(
            None if v is None else round(v * c.scale, DIGITS)
            for v, c in zip(values, SHOWN, strict=True)
        )
        lines.append(Line(run, printed, _differences(study, usable[0], run), tuple(drawn)))
    title = " ".join(filter(None, [runs[0].title("detector"), runs[0].backbone]))
    return Group(runs[0].dataset, title, page, tuple(lines), left_out, problem)


def _differences(study: Study, reference: Run, run: Run) -> tuple[Difference | None, ...]:
    if run is reference:
        return (None,) * len(SHOWN)
    base, own = (r.main.folder / "matches.parquet" for r in (reference, run))
    found: list[Difference | None] = []
    for column in SHOWN:
        family = FAMILY[column.metric.rstrip("0123456789")]
        try:
            one = difference(base, own, column.metric, family, study.folder / "intervals")
        except (InputError, OSError):
            one = None
        found.append(one and one.scaled(column.scale))
    return tuple(found)
