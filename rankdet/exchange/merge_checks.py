"""May two studies be merged? Their data, settings, losses, code and versions must be the same."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from rankdet.errors import InputError
from rankdet.exchange.made_of import changed, hash_of
from rankdet.exchange.sides import Side
from rankdet.results.recorded_run import RecordedRun
from rankdet.results.staleness import PARTS

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


def check_parts(first: Side, second: Side, *, mixed_versions: bool) -> None:
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


def same_results(first: Side, run: RecordedRun, second: Side, other: RecordedRun) -> None:
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
                f"{_short(value)} in {first.called} and {_short(found)} in {second.called}; delete "
                "its folder in one of them"
            )


def _check_study(first: Side, second: Side) -> None:
    for key in OF_A_STUDY:
        values = [getattr(one.study.plan.study, key) for one in (first, second)]
        if values[0] != values[1]:
            raise InputError(
                f"{key} of the studies differs: {values[0]!r} in {first.called}, {values[1]!r} in "
                f"{second.called}; merge parts of one study"
            )


def _check_data(first: Side, second: Side) -> None:
    for name in (one for one in first.study.datasets() if one in second.study.datasets()):
        sums = {*_checksums(first, name), *_checksums(second, name)}
        if len(sums) > 1:
            shown = " and ".join(sorted(text[:19] for text in sums))
            raise InputError(
                f"dataset {name!r}: {first.called} and {second.called} have other images or "
                f"annotations (checksums {shown}); run both on the same data"
            )


def _checksums(side: Side, dataset: str) -> Iterable[str]:
    made_on = (run.provenance.data_checksum for run in side.runs if run.dataset == dataset)
    return filter(None, [side.study.checksum(dataset), *made_on])


def _check_plans(first: Side, second: Side) -> None:
    others = {run.key: run.planned for run in second.runs}
    for run in first.runs:
        other = others.get(run.key)
        for key in OF_A_RUN if other else ():
            ours, theirs = getattr(run.planned, key), getattr(other, key)
            if ours != theirs:
                raise InputError(
                    f"{run.key}: {key} differs: {_short(ours)} in {first.called}, {_short(theirs)} "
                    f"in {second.called}; use one config"
                )


def _check_hashes(first: Side, second: Side) -> None:
    """Runs that differ in their seed alone must be made of the same settings, loss and code."""
    seen: dict[tuple[Any, ...], dict[str, tuple[Side, RecordedRun]]] = defaultdict(dict)
    for side in (first, second):
        for run in side.runs:
            if run.untrained or run.imported:
                continue
            group = (run.dataset, run.detector, run.backbone, run.full_loss, run.schedule)
            for part in PARTS:
                if hash_of(run, part):
                    _check_hash(part, seen[group].setdefault(part, (side, run)), (side, run))


def _check_hash(
    part: str, first: tuple[Side, RecordedRun], second: tuple[Side, RecordedRun]
) -> None:
    (side, run), (other_side, other) = first, second
    hashes = hash_of(run, part), hash_of(other, part)
    if hashes[0] == hashes[1]:
        return
    where = f"{side.called} and {other_side.called}"
    if side is other_side:
        where = f"seed {run.seed} and seed {other.seed} of {side.called}"
    names = changed(run, other)
    raise InputError(
        f"{run.key.rpartition('/')[0]}: {PARTS[part][1]} differs between {where} ({part} hash "
        f"{hashes[0]:.8} and {hashes[1]:.8}{f': {names}' if names else ''}); run one of them again "
        "with the other's files"
    )


def _check_versions(first: Side, second: Side) -> None:
    seen: dict[str, tuple[str, str]] = {}
    for side in (first, second):
        for run in side.runs:
            versions: Mapping[str, str] = run.provenance.versions or {}
            for name in (one for one in PACKAGES if one in versions):
                known, where = seen.setdefault(name, (versions[name], side.called))
                if known != versions[name]:
                    raise InputError(
                        f"{name} is {known} in {where} and {versions[name]} in {side.called} "
                        f"({run.key}): numbers of different versions are not comparable; "
                        "--mixed-versions merges them anyway"
                    )


def _equal(first: Any, second: Any) -> bool:
    if first is None or second is None:
        return first is second
    return abs(float(first) - float(second)) <= SAME


def _short(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
