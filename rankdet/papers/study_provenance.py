"""Where the results of a study come from: code, data, versions, machines and hours."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rankdet.files import sha256
from rankdet.results.recorded_run import RecordedRun
from rankdet.results.records import RecordedStudy

SCHEMA = "rankdet.study-record/1"
MACHINE = ("cpu", "gpu", "cores", "threads", "system", "device")  # of the hardware of a run


def study_provenance(study: RecordedStudy, plan: Path) -> dict[str, Any]:
    """Returns the content of `provenance.json`.

    Facts that differ between runs are lists with the number of runs of each value.

    Args:
        study: the study.
        plan: its `plan.json`; its checksum stands for the whole config.
    """
    trained = [r for r in study.runs if r.record and not r.untrained and not r.imported]
    origins = [run.provenance for run in trained]
    finished = sorted(origin.finished for origin in origins if origin.finished)
    started = sorted(origin.started for origin in origins if origin.started)
    hardware = [origin.hardware or {} for origin in origins]
    machines = [{k: one[k] for k in MACHINE if one.get(k) is not None} for one in hardware]
    return {
        "schema": SCHEMA,
        "study": study.name,
        "title": study.title,
        "scale": study.scale,
        "started": started[0] if started else None,
        "finished": finished[-1] if finished else None,
        "training_hours": round(sum(_seconds(run) for run in trained) / 3600, 3),
        "runs": _counts(study),
        "plan_sha256": sha256(plan),
        "commits": _counted(origin.commit for origin in origins),
        "uncommitted_changes": sum(bool(origin.dirty) for origin in origins),
        "data": {name: study.checksum(name) for name in study.datasets()},
        "versions": _different(origin.versions or {} for origin in origins),
        "machines": _different(machines),
    }


def _seconds(run: RecordedRun) -> float:
    return float(run.training.seconds or 0.0)


def _counts(study: RecordedStudy) -> dict[str, Any]:
    return {
        "planned": len(study.runs),
        "with results": sum(run.main.metrics.get("AP") is not None for run in study.runs),
        "status": dict(Counter(run.status for run in study.runs)),
    }


def _counted(values: Iterable[Any]) -> list[dict[str, Any]]:
    return [{"value": value, "runs": count} for value, count in Counter(values).items()]


def _different(values: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The different mappings, with the number of runs of each."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for value in values:
        key = tuple(sorted((name, str(one)) for name, one in value.items()))
        found.setdefault(key, {**value, "runs": 0})["runs"] += 1
    return list(found.values())
