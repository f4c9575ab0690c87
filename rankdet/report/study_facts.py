"""Where a report's numbers come from, for its footer, and how to make a run or a table again."""

from collections.abc import Iterable, Mapping
from typing import Any

from rankdet.papers.study_provenance import study_provenance
from rankdet.report.formatting import duration
from rankdet.results.layout import PLAN
from rankdet.results.records import RecordedStudy
from rankdet.results.study_config import config_name

SHORT = 12  # characters of a commit or checksum
Facts = list[tuple[str, str]]


def study_facts(study: RecordedStudy) -> Facts:
    """Returns names and texts of the study's provenance; what is unknown is left out."""
    origin = study_provenance(study, study.folder / PLAN)
    changed = origin["uncommitted_changes"]
    dates = dict.fromkeys(day[:10] for day in (origin["started"], origin["finished"]) if day)
    facts = {
        "trained": " to ".join(dates),
        "commit": _several(str(one["value"])[:SHORT] for one in origin["commits"] if one["value"])
        + (f" (with uncommitted changes in {_counted(changed, 'run')})" if changed else ""),
        "plan": f"sha256 {origin['plan_sha256'][:SHORT]}",
        "data": _several(f"{name} {sum_[:19]}" for name, sum_ in origin["data"].items() if sum_),
        "versions": _several(
            ", ".join(f"{name} {number}" for name, number in one.items() if name != "runs")
            for one in origin["versions"]
        ),
        "machine": _several(_machine(one) for one in origin["machines"]),
        "training time": duration(origin["training_hours"] * 3600),
    }
    return [(name, text) for name, text in facts.items() if text]


def _machine(one: Mapping[str, Any]) -> str:
    threads = one.get("threads")
    words = _counted(threads, "thread") if threads else ""
    return ", ".join(filter(None, [str(one.get("gpu") or one.get("cpu") or ""), words]))


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _several(texts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(text for text in texts if text))


def command(study: RecordedStudy, file: str) -> str:
    """Returns the command that makes a file of the study, such as `<key of a run>/metrics.json`."""
    # The file comes first, because `--configfile` takes all that follows it.
    return f"snakemake --cores all '{record(study, file)}' --configfile {config_name(study)}"


def record(study: RecordedStudy, file: str) -> str:
    """Returns the path of a file of the study, relative to where the study runs."""
    return f"results/{study.name}/{file}"
