"""What is given broken input: each target writes valid files once, breaks one, and reads it."""

from collections.abc import Callable
from pathlib import Path

from tests.fuzz.outcome import Try
from tests.fuzz.targets.csv_files import (
    archive_lists,
    leaderboards,
    published_values,
    released_settings,
)
from tests.fuzz.targets.evaluation import annotations, compared, detections
from tests.fuzz.targets.results import checkpoints, records, report_records, reports
from tests.fuzz.targets.specifications import specs
from tests.fuzz.targets.studies import config_values, studies
from tests.fuzz.targets.workflow_files import backbones, cards, detectors

TARGETS: dict[str, Callable[[Path], Try]] = {
    make.__name__: make
    for make in (
        studies,
        config_values,
        annotations,
        detections,
        cards,
        detectors,
        backbones,
        specs,
        published_values,
        released_settings,
        archive_lists,
        leaderboards,
        compared,
        records,
        reports,
        report_records,
        checkpoints,
    )
}
