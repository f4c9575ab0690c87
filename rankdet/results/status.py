"""How far a run has come, from what it has left on disk."""

from pathlib import Path

from rankdet.files import read_record
from rankdet.results.failures import failure_file


def state(study: Path, key: str) -> str:
    """Returns a run's state in a few words: `not run yet`, `trained`, `AP .41`, `failed: ...`.

    Whether its settings have changed since is Snakemake's to say (`snakemake -n`).

    Args:
        study: The study's folder, `results/<study>`.
        key: The run's key, its folder below the study's.
    """
    folder = study / key
    failure, _ = read_record(failure_file(folder))
    if not failure:
        return _reached(folder)
    job, reason = failure.get("job", ""), failure.get("reason", "no reason was recorded")
    if job.startswith("train ") or not (folder / "metrics.json").exists():
        return f"failed: {reason}"
    return f"{_reached(folder)}; failed after that: {reason}"


def _reached(folder: Path) -> str:
    record, metrics = (read_record(folder / name)[0] for name in ("run.json", "metrics.json"))
    if metrics:
        status = metrics.get("status", "trained")
        ap = (metrics.get("metrics") or {}).get("AP")
        return status if ap is None else f"{status}, AP {100 * ap:.1f}"
    if record:
        return f"{record.get('status', 'trained')}, not evaluated"
    if (folder / "work").is_dir():
        return _progress(folder / "work")
    return "not run yet"


def _progress(work: Path) -> str:
    try:
        with (work / "train.jsonl").open(encoding="utf-8") as rows:
            return f"started, at iteration {sum(1 for _ in rows)}"
    except OSError:
        return "started"
