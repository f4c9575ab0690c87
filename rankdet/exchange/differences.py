"""`rankdet diff A B`: what differs between two studies in their plans, data and trainings."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rankdet.errors import first_of
from rankdet.exchange.made_of import changed_files, files_of, hash_of
from rankdet.exchange.sides import Side
from rankdet.results.older import PARTS as OF_RESULTS
from rankdet.results.recorded_run import RecordedRun
from rankdet.results.staleness import PARTS

OF_A_STUDY = ("title", "scale", "preset", "learned_ap50")
OF_A_RUN = ("splits", "score_thresholds", "test_variants", "kept_epochs")
OF_A_SEED = ("tuning", "checkpoint", "init_from")  # may be another file for each seed
SHOWN = 4  # runs that a line names


def differences(first: Side, second: Side) -> list[str]:
    """Returns what differs apart from numbers, a line each; `first → second`.

    A run is compared with the same run of the other study, or else with one that differs from it in
    its seed alone. Losses, detectors and the evaluation are compared also where the studies have no
    such runs. Equal differences of several runs are one line.
    """
    lines = [
        f"{key}: {_short(ours)} → {_short(theirs)}"
        for key in OF_A_STUDY
        if (ours := getattr(first.study.plan.study, key))
        != (theirs := getattr(second.study.plan.study, key))
    ]
    lines += _data(first, second)
    keys = [[run.key for run in side.runs] for side in (first, second)]
    lines += _only(first, [key for key in keys[0] if key not in keys[1]])
    lines += _only(second, [key for key in keys[1] if key not in keys[0]])
    found: dict[str, list[str]] = {}
    for key, ours, theirs in _pairs(first, second):
        for text in _of_pair(ours, theirs):
            found.setdefault(text, []).append(key)
    lines += [f"{text}  ({_named(keys)})" for text, keys in found.items()]
    return [*lines, *_of_steps(first, second)]


def _data(first: Side, second: Side) -> Iterator[str]:
    sides = first.study, second.study
    for name in dict.fromkeys([*sides[0].datasets(), *sides[1].datasets()]):
        sums = [one.checksum(name) if name in one.datasets() else "not in it" for one in sides]
        if sums[0] != sums[1]:
            yield f"dataset {name}: {_short(sums[0])} → {_short(sums[1])}"


def _only(side: Side, keys: list[str]) -> Iterator[str]:
    if keys:
        yield f"only in {side.called}: {_named(keys)}"


def _pairs(first: Side, second: Side) -> Iterator[tuple[str, RecordedRun, RecordedRun]]:
    """The runs that are compared, with the key that names them."""
    keys = [{run.key: run for run in side.runs} for side in (first, second)]
    groups = [_first_of_each(side.runs, _without_seed) for side in (first, second)]
    for key, run in keys[0].items():
        other = keys[1].get(key) or groups[1].get(_without_seed(run))
        if other:
            yield key, run, other
    for key, run in keys[1].items():
        if key not in keys[0] and _without_seed(run) in groups[0]:
            yield key, groups[0][_without_seed(run)], run


def _without_seed(run: RecordedRun) -> tuple[Any, ...]:
    return (run.key.rpartition("/")[0], run.backbone, run.schedule)


def _first_of_each(runs: Iterable[RecordedRun], key: Any) -> dict[Any, RecordedRun]:
    """The first run of each group, one with a record if there is one."""
    found: dict[Any, RecordedRun] = {}
    for run in runs:
        known = found.setdefault(key(run), run)
        if known.record is None and run.record is not None:
            found[key(run)] = run
    return found


def _of_pair(ours: RecordedRun, theirs: RecordedRun) -> Iterator[str]:
    same = ours.seed == theirs.seed
    for key in (*OF_A_RUN, *(OF_A_SEED if same else ())):
        values = getattr(ours.planned, key), getattr(theirs.planned, key)
        if values[0] != values[1]:
            yield f"{key}: {_short(values[0])} → {_short(values[1])}"
    left_out = () if same else ("init_from",)
    settings = _settings(ours, theirs)
    yield from _mapping("", settings[0], settings[1], left_out)
    if files_of(ours) and files_of(theirs):
        yield from (f"file: {name}" for name in changed_files(ours, theirs))
    else:
        yield from _hashes(ours, theirs, same)
    for part, words in OF_RESULTS.items():
        yield from _hash(words, *((run.planned.hashes or {}).get(part) for run in (ours, theirs)))
    versions = [run.provenance.versions or {} for run in (ours, theirs)]
    if all(versions):
        yield from _mapping("version of ", *versions)


def _hashes(ours: RecordedRun, theirs: RecordedRun, same: bool) -> Iterator[str]:
    for part, (_, words) in PARTS.items():
        if same or part != "detections":  # of imports, each with its own files
            yield from _hash(words, hash_of(ours, part), hash_of(theirs, part))


def _hash(words: str, ours: str | None, theirs: str | None) -> Iterator[str]:
    if ours and theirs and ours != theirs:
        yield f"{words}: hash {ours:.8} → {theirs:.8}"


def _of_steps(first: Side, second: Side) -> Iterator[str]:
    """What differs in the code of losses, detectors and steps that no pair of runs has shown."""
    known = {_without_seed(run) for run in first.runs} & {_without_seed(run) for run in second.runs}
    runs = [
        [one for one in side.runs if not one.imported and _without_seed(one) not in known]
        for side in (first, second)
    ]
    trained = [[one for one in some if not one.untrained] for some in runs]
    yield from _of_groups(trained, "loss", lambda run: (run.full_loss, *_model(run)))
    yield from _of_groups(trained, "code", _model)
    if not known:
        hashes = [
            next((h["evaluate"] for one in side.runs if "evaluate" in (h := _planned(one))), None)
            for side in (first, second)
        ]
        yield from _hash(OF_RESULTS["evaluate"], *hashes)


def _model(run: RecordedRun) -> tuple[str, ...]:
    return tuple(filter(None, (run.detector, run.backbone)))


def _planned(run: RecordedRun) -> Mapping[str, str]:
    return run.planned.hashes or {}


def _of_groups(runs: list[list[RecordedRun]], part: str, key: Any) -> Iterator[str]:
    ours, theirs = (_first_of_each(some, key) for some in runs)
    for group in (one for one in ours if one in theirs):
        for text in _hash(PARTS[part][1], *(hash_of(one[group], part) for one in (ours, theirs))):
            yield f"{text}  ({' on '.join(group)})"


def _settings(ours: RecordedRun, theirs: RecordedRun) -> list[Mapping[str, Any]]:
    """All settings of two trainings, or those that the plans list if a record has none."""
    made = [(run.provenance.made_of or {}).get("settings") for run in (ours, theirs)]
    if made[0] and made[1]:
        return [made[0], made[1]]
    return [{f"schedule.{k}": v for k, v in run.settings.items()} for run in (ours, theirs)]


def _mapping(
    what: str, ours: Mapping[str, Any], theirs: Mapping[str, Any], left_out: Iterable[str] = ()
) -> Iterator[str]:
    for key in dict.fromkeys([*ours, *theirs]):
        if key not in left_out and ours.get(key) != theirs.get(key):
            yield f"{what}{key}: {_short(ours.get(key))} → {_short(theirs.get(key))}"


def _named(keys: list[str]) -> str:
    return first_of(keys, SHOWN)


def _short(value: Any) -> str:
    if isinstance(value, tuple):
        value = list(value)
    text = "none" if value in (None, "", []) else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
