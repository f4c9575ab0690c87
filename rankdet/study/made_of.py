"""What a training is made of, key by key and file by file: which edit makes it run again?

The hashes of a run (`rankdet.study.hashes`) say that something has changed. These parts, which go
into the record too, say what.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rankdet.errors import first_of
from rankdet.results.schemas.run import RunRecord
from rankdet.results.staleness import PARTS, older_parts
from rankdet.study import hashes
from rankdet.study.resolved_run import ResolvedRun

SHOWN = 3  # changes in a message


def made_of(run: ResolvedRun) -> dict[str, dict[str, Any]]:
    """Returns what a training is made of; JSON-serialisable.

    Args:
        run: A run that is trained.

    Returns:
        `settings`: key of the schedule, the card or the detector to its value; `files`: file to the
        hash of the statements that the run uses.
    """
    model = run.model
    settings = {
        "schedule": {k: v for k, v in run.schedule.items() if k not in hashes.PACE_ONLY},
        "card": hashes.training_card(model.card, model.detector_spec),
        "detector": {k: model.detector_spec.get(k) for k in ("family", "base", "head", "masks")}
        | dict(model.detector_spec[run.preset] or {}),
    }
    first = {"init_from": f"{run.first_weights} {run.init_from}"} if run.init_from else {}
    files = hashes.loss_files(model.loss_file, model.card, model.detector_spec)
    return {
        "settings": {"preset": run.preset, **dict(_flat(settings)), **first},
        "files": {**hashes.model_code_files("train", model.detector_spec), **files},
    }


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        name = f"{above}.{key}" if above else str(key)
        if isinstance(value, Mapping) and value:
            yield from _flat(value, name)
        else:
            yield name, list(value) if isinstance(value, tuple) else value


def changes(run: ResolvedRun, record: RunRecord) -> list[str]:
    """Returns what has changed since a run was made; empty if its hashes are those of the plan.

    Args:
        run: The planned run.
        record: The record of its training.
    """
    older = older_parts(run.hashes, record.provenance) if run.trained else []
    was = record.provenance.get("made_of") if record.provenance else None
    if not older:
        return []
    if not was:  # the record of an old version
        return [PARTS[key][1] for key in older]
    now = made_of(run)
    found = [*_settings(was.get("settings", {}), now["settings"])]
    found += _files(was.get("files", {}), now["files"])
    return found or [PARTS[key][1] for key in older]


def _settings(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for key in dict.fromkeys([*now, *was]):
        if key not in was:
            yield f"{key} (now {_short(now[key])})"
        elif key not in now:
            yield f"{key} (left out)"
        elif was[key] != now[key]:
            yield f"{key} ({_short(was[key])}, now {_short(now[key])})"


def _files(was: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    yield from (name for name in dict.fromkeys([*now, *was]) if was.get(name) != now.get(name))


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 30 else f"{text[:29]}…"


def listed(found: Iterable[str]) -> str:
    """Returns the first changes in words, and how many more there are."""
    return first_of(list(found), SHOWN)
