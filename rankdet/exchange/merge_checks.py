"""May two studies be merged? Their data, settings, losses, code and versions must be the same."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from rankdet.errors import InputError
from rankdet.results.recorded_run import RecordedRun
from rankdet.results.records import RecordedStudy
from rankdet.results.staleness import PARTS
from rankdet.results.status import WITHOUT_RESULTS

OF_A_STUDY = ("preset", "scale", "learned_ap50")  # that all numbers share
OF_A_RUN = (
    "splits",
    "score_thresholds",
    "test_variants",
    "kept_epochs",
    "settings",
    "checkpoint",
    "init_from",
)
# Packages whose versions change numbers. Those of Python and of tools do not.
PACKAGES = ("rankdet", "torch", "mmdet", "mmengine", "mmcv-lite", "mmcv", "numpy")
SAME = 1e-6  # of metrics in [0, 1]: the last digits depend on the processor


def check_parts(first: RecordedStudy, second: RecordedStudy, *, mixed_versions: bool) -> None:
    """Checks that the numbers of two studies may stand in one table.

    Args:
        first: A study.
        second: Another one.
        mixed_versions: Whether versions of packages may differ.

    Raises:
        InputError: For the first difference, with its place and both values.
    """
    _check_study(first, second)
    _check_data(first, second)
    _check_plans(first, second)
    _check_hashes(first, second)
    if not mixed_versions:
        _check_versions(first, second)


def same_results(
    first: RecordedStudy, run: RecordedRun, second: RecordedStudy, other: RecordedRun
) -> None:
    """Checks that a run of both studies has the same metrics on every split.

    Raises:
        InputError: If they differ by more than 1e-6; the message names the run.
    """
    theirs = {one.split: one.metrics for one in other.evaluations}
    for one in run.evaluations:
        for key, value in one.metrics.items():
            found = theirs.get(one.split, {}).get(key)
            if key.startswith(("training.", "speed.")) or _equal(value, found):
                continue
            raise InputError(
                f"{run.key}: both have this run, with different results: {key} on {one.split!r} is "
                f"{_short(value)} in {first.name} and {_short(found)} in {second.name}; delete its "
                "folder in one of them"
            )


def _check_study(first: RecordedStudy, second: RecordedStudy) -> None:
    for key in OF_A_STUDY:
        values = [getattr(one.plan.study, key) for one in (first, second)]
        if values[0] != values[1]:
            raise InputError(
                f"{key} of the studies differs: {values[0]!r} in {first.name}, {values[1]!r} in "
                f"{second.name}; merge parts of one study"
            )


def _check_data(first: RecordedStudy, second: RecordedStudy) -> None:
    for name in (one for one in first.datasets() if one in second.datasets()):
        sums = {*_checksums(first, name), *_checksums(second, name)}
        if len(sums) > 1:
            shown = " and ".join(sorted(text[:19] for text in sums))
            raise InputError(
                f"dataset {name!r}: {first.name} and {second.name} have other images or "
                f"annotations (checksums {shown}); run both on the same data"
            )


def _checksums(study: RecordedStudy, dataset: str) -> Iterable[str]:
    made_on = (run.provenance.data_checksum for run in study.runs if run.dataset == dataset)
    return filter(None, [study.checksum(dataset), *made_on])


def _check_plans(first: RecordedStudy, second: RecordedStudy) -> None:
    others = {run.key: run.planned for run in second.runs}
    for run in first.runs:
        other = others.get(run.key)
        for key in OF_A_RUN if other else ():
            ours, theirs = getattr(run.planned, key), getattr(other, key)
            if ours != theirs:
                raise InputError(
                    f"{run.key}: {key} differs: {_short(ours)} in {first.name}, {_short(theirs)} "
                    f"in {second.name}; use one config"
                )


def _check_hashes(first: RecordedStudy, second: RecordedStudy) -> None:
    """Runs that differ in their seed alone must be made of the same settings, loss and code."""
    seen: dict[tuple[Any, ...], dict[str, tuple[str, str]]] = defaultdict(dict)
    for study in (first, second):
        for run in study.runs:
            if run.untrained or run.imported:
                continue
            group = (run.dataset, run.detector, run.backbone, run.full_loss, run.schedule)
            for part, value in _hashes(run):
                known, where = seen[group].setdefault(part, (value, study.name))
                if known != value:
                    raise InputError(
                        f"{run.key.rpartition('/')[0]}: {PARTS[part][1]} differs between "
                        f"{where} and {study.name} ({part} hash {known[:8]} and {value[:8]}); run "
                        "one of them again with the other's files"
                    )


def _hashes(run: RecordedRun) -> Iterable[tuple[str, str]]:
    """What a run with results was made of, or what one without them will be made of."""
    planned = run.planned.hashes or {}
    for part, (name, _) in PARTS.items():
        made = None if run.status in WITHOUT_RESULTS else run.provenance.get(name)
        if value := made or planned.get(part):
            yield part, str(value)


def _check_versions(first: RecordedStudy, second: RecordedStudy) -> None:
    seen: dict[str, tuple[str, str]] = {}
    for study in (first, second):
        for run in study.runs:
            versions: Mapping[str, str] = run.provenance.versions or {}
            for name in (one for one in PACKAGES if one in versions):
                known, where = seen.setdefault(name, (versions[name], study.name))
                if known != versions[name]:
                    raise InputError(
                        f"{name} is {known} in {where} and {versions[name]} in {study.name} "
                        f"({run.key}): numbers of different versions are not comparable; "
                        "--mixed-versions merges them all the same"
                    )


def _equal(first: Any, second: Any) -> bool:
    if first is None or second is None:
        return first is second
    return abs(float(first) - float(second)) <= SAME


def _short(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
