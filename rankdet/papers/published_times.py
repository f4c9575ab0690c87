"""The papers' times of a training iteration, from the tables that have `measured_on`."""

from collections.abc import Mapping
from dataclasses import dataclass

from rankdet.files import read_text
from rankdet.papers.folders import Paper, paper_of, spec_paths
from rankdet.papers.load import load_spec
from rankdet.papers.spec import Spec
from rankdet.parsing import MOST_YAML

SECONDS = "training.seconds_per_iteration"


@dataclass(frozen=True)
class PublishedTimes:
    """The times of one paper.

    Attributes:
        paper: the paper.
        measured_on: machine and settings.
        seconds: detector (with `@backbone`) and loss to seconds of an iteration.
    """

    paper: Paper
    measured_on: str
    seconds: Mapping[tuple[str, str], float]


def published_times() -> list[PublishedTimes]:
    """The times of every paper that has them, in reading order."""
    paths = (path for path in spec_paths() if "measured_on:" in read_text(path, MOST_YAML))
    specs = (load_spec(path) for path in paths)
    return [PublishedTimes(paper_of(s.paper), s.measured_on, _seconds(s)) for s in specs]


def _seconds(spec: Spec) -> dict[tuple[str, str], float]:
    found = {}
    for row in spec.rows:
        for column in spec.columns:
            request = row.request(column)
            value = spec.published.get(row.key, {}).get(column.published or "")
            if request and value is not None and column.metric == SECONDS:
                model = "@".join(filter(None, [request.detector, request.backbone]))
                found[model, request.loss] = value
    return found
