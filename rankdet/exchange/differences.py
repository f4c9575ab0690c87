"""`rankdet diff A B`: what differs between two studies in their plans, data and trainings."""

from collections.abc import Iterator, Mapping
from typing import Any

from rankdet.results.recorded_run import RecordedRun
from rankdet.results.records import RecordedStudy
from rankdet.results.staleness import PARTS

OF_A_STUDY = ("title", "scale", "preset", "learned_ap50")
OF_A_RUN = (
    "splits",
    "score_thresholds",
    "test_variants",
    "kept_epochs",
    "tuning",
    "checkpoint",
    "init_from",
)
SHOWN = 4  # runs that a line names


def differences(first: RecordedStudy, second: RecordedStudy) -> list[str]:
    """Returns what differs apart from numbers, a line each; `first → second`.

    Equal differences of several runs are one line.
    """
    lines = [
        f"{key}: {_short(ours)} → {_short(theirs)}"
        for key in OF_A_STUDY
        if (ours := getattr(first.plan.study, key)) != (theirs := getattr(second.plan.study, key))
    ]
    lines += _data(first, second)
    ours, theirs = ({run.key: run for run in one.runs} for one in (first, second))
    lines += _only(first.name, [key for key in ours if key not in theirs])
    lines += _only(second.name, [key for key in theirs if key not in ours])
    found: dict[str, list[str]] = {}
    for key in (one for one in ours if one in theirs):
        for text in _of_run(ours[key], theirs[key]):
            found.setdefault(text, []).append(key)
    return [*lines, *(f"{text}  ({_named(keys)})" for text, keys in found.items())]


def _data(first: RecordedStudy, second: RecordedStudy) -> Iterator[str]:
    for name in dict.fromkeys([*first.datasets(), *second.datasets()]):
        sums = [
            one.checksum(name) if name in one.datasets() else "not in it" for one in (first, second)
        ]
        if sums[0] != sums[1]:
            yield f"dataset {name}: {_short(sums[0])} → {_short(sums[1])}"


def _only(study: str, keys: list[str]) -> Iterator[str]:
    if keys:
        yield f"only in {study}: {_named(keys)}"


def _of_run(ours: RecordedRun, theirs: RecordedRun) -> Iterator[str]:
    for key in OF_A_RUN:
        values = getattr(ours.planned, key), getattr(theirs.planned, key)
        if values[0] != values[1]:
            yield f"{key}: {_short(values[0])} → {_short(values[1])}"
    made = [_made_of(run) for run in (ours, theirs)]
    yield from _mapping("", _settings(ours, made[0]), _settings(theirs, made[1]))
    files = [one.get("files", {}) for one in made]
    if all(files):
        changed = [k for k in dict.fromkeys([*files[0], *files[1]]) if _of(files, k)]
        yield from (f"file: {name}" for name in changed)
    else:
        for part, (name, words) in PARTS.items():
            hashes = [_hash(run, name, part) for run in (ours, theirs)]
            if all(hashes) and hashes[0] != hashes[1]:
                yield f"{words}: hash {hashes[0]:.8} → {hashes[1]:.8}"
    versions = [run.provenance.versions or {} for run in (ours, theirs)]
    if all(versions):
        yield from _mapping("version of ", *versions)


def _of(files: list[Mapping[str, str]], name: str) -> bool:
    return files[0].get(name) != files[1].get(name)


def _made_of(run: RecordedRun) -> Mapping[str, Any]:
    return run.provenance.made_of or {}


def _settings(run: RecordedRun, made: Mapping[str, Any]) -> Mapping[str, Any]:
    """All settings of a training, or those that the plan lists if its record has none."""
    return made.get("settings") or {f"schedule.{k}": v for k, v in run.settings.items()}


def _hash(run: RecordedRun, name: str, part: str) -> str:
    return str(run.provenance.get(name) or (run.planned.hashes or {}).get(part) or "")


def _mapping(what: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[str]:
    for key in dict.fromkeys([*ours, *theirs]):
        if ours.get(key) != theirs.get(key):
            yield f"{what}{key}: {_short(ours.get(key))} → {_short(theirs.get(key))}"


def _named(keys: list[str]) -> str:
    more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
    return ", ".join(keys[:SHOWN]) + more


def _short(value: Any) -> str:
    if isinstance(value, tuple):
        value = list(value)
    text = "none" if value in (None, "", []) else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
