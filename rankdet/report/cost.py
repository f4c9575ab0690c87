"""What the report says of the losses' cost: our measurement beside the papers' times."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rankdet.files import read_record
from rankdet.papers.load import load_spec
from rankdet.repository import PAPERS
from rankdet.results.records import Study

SCHEMA = "rankdet.cost/1"
PUBLISHED = PAPERS / "alrp" / "timings.yaml"
COLUMN = "seconds per iteration"


@dataclass(frozen=True)
class CostLine:
    """A detector with a loss; times in ms and s, memory in MB, None where not known.

    `ratio` is the iteration's time by that of the detector's first loss, `published` and
    `published_ratio` are the paper's.
    """

    detector: str
    loss: str
    loss_ms: float
    loss_memory_mb: float | None
    iteration_s: float
    ratio: float
    memory_mb: float | None
    published: float | None
    published_ratio: float | None


@dataclass(frozen=True)
class Cost:
    """The section: its lines with the settings they were measured in, or why there are none."""

    lines: tuple[CostLine, ...] = ()
    settings: Mapping[str, Any] | None = None
    hardware: Mapping[str, Any] | None = None
    problem: str | None = None

    @property
    def first(self) -> str:
        """The loss that the others are compared with."""
        return self.lines[0].loss if self.lines else ""


def cost_of(study: Study) -> Cost | None:
    """Reads a study's `cost.json`; None if the study does not ask for one."""
    if "cost" not in study.plan:
        return None
    record, problem = read_record(study.folder / "cost.json")
    if problem is None and record.get("schema") != SCHEMA:
        problem = f"cost.json has schema {record.get('schema')!r}, expected {SCHEMA!r}"
    if problem:
        return Cost(problem=problem)
    published = _published()
    first: dict[str, Mapping[str, Any]] = {}
    lines = []
    for row in record["rows"]:
        base = first.setdefault(row["detector"], row)
        paper = published.get((row["detector"], row["loss"]))
        paper_base = published.get((base["detector"], base["loss"]))
        ratio = None if paper is None or paper_base is None else paper / paper_base
        lines.append(
            CostLine(
                row["titles"]["detector"],
                row["titles"]["loss"],
                row["loss_ms"],
                row["loss_memory_mb"],
                row["iteration_s"],
                row["iteration_s"] / base["iteration_s"],
                row["memory_mb"],
                paper,
                ratio,
            )
        )
    return Cost(tuple(lines), record["settings"], record["hardware"])


def _published() -> dict[tuple[str, str], float]:
    """Detector and loss to the paper's seconds of an iteration."""
    spec = load_spec(PUBLISHED)
    values = {
        (row.run["detector"], row.run["loss"]): spec.published[row.key][COLUMN]
        for row in spec.rows
        if row.run
    }
    return {key: value for key, value in values.items() if value is not None}


def write_cost(cost: Cost, path: Path) -> None:
    """Writes the lines as CSV."""
    names = list(CostLine.__dataclass_fields__)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([getattr(line, name) for name in names] for line in cost.lines)
