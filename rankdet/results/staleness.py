"""Is a run older than its plan? Its record has the hashes of what it was made of."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from rankdet.files import sha256
from rankdet.results.layout import DATASET, IMPORTS, RUN
from rankdet.results.schemas.dataset import DatasetManifest
from rankdet.results.schemas.run import Provenance, RunRecord
from rankdet.results.seals import is_same

# The hashes of a plan to those of a record, and what each is made of, for readers.
PARTS = {
    "config": ("config_hash", "the settings of the training"),
    "loss": ("loss_hash", "the loss"),
    "code": ("code_hash", "the code of the training"),
    "detections": ("detections_hash", "the imported detections"),
}


def older_parts(planned: Mapping[str, str], made: Provenance | None) -> list[str]:
    """Returns the keys of `PARTS` that have changed since a run was made.

    What a record does not have, such as that of an old version, is not compared.

    Args:
        planned: The hashes of the plan; empty if the run is not trained.
        made: The provenance of the run.
    """
    found = []
    for key, (name, _) in PARTS.items():
        was = made.get(name) if made else None
        if was and key in planned and planned[key] != was:
            found.append(key)
    return found


def is_other_data(folder: Path, made: Provenance | None) -> bool:
    """Returns whether the data of a run's study has another checksum than the run was made with.

    Args:
        folder: The run's folder, `<study>/<dataset>/<detector>/<loss>/seed<k>`.
        made: The provenance of the run.
    """
    manifest, _ = DatasetManifest.read(folder.parents[2] / DATASET)
    was, now = made.get("data_checksum") if made else None, manifest.checksum if manifest else None
    return bool(was and now and was != now)


def older_data(
    manifest: DatasetManifest | None,
    planned: Mapping[str, Any] | None,
    files: Sequence[str] | None = None,
) -> str | None:
    """Returns what has changed since a dataset was prepared, in words; None if nothing has.

    Args:
        manifest: its manifest; one of an old version, without `made_of`, is not compared.
        planned: what the plan makes it of: `code` and `config`, whose paths may be the ends of
            those that were used. None if it is not known.
        files: its annotation files. None: those it was prepared from.
    """
    made = manifest.get("made_of") if manifest else None
    if not made:
        return None
    if planned:
        if not _is_same_config(made["config"], planned["config"]):
            return "the options of the dataset"
        if made["code"] != planned["code"]:
            return "the code that prepares the data"
    stamps = made["files"]
    once = dict.fromkeys(files or stamps)  # two splits may have one file
    for path, was in zip(once, stamps.values(), strict=False):
        if not is_same(Path(path), was):
            return Path(path).name
    return None


def _is_same_config(was: Any, now: Any) -> bool:
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        return was.keys() == now.keys() and all(_is_same_config(was[k], now[k]) for k in was)
    ends = isinstance(was, str) and isinstance(now, str) and was.endswith(f"/{now}")
    return bool(was == now) or ends


def stale(folder: Path, planned: Mapping[str, str], record: RunRecord | None) -> str | None:
    """Returns why a run is older than the plan, in one line; None if it is not, or there is none.

    Args:
        folder: The run's folder.
        planned: As in `older_parts`.
        record: The run's record.
    """
    if record is None or record.provenance is None:
        return None
    changed = older_parts(planned, record.provenance)
    if "detections" not in changed and _is_import_edited(folder, record.provenance):
        changed.append("detections")
    words = [PARTS[key][1] for key in changed]
    words += ["the data"] if is_other_data(folder, record.provenance) else []
    if not words:
        return None
    listed = " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
    return f"older than the plan: {listed} changed; run the study again"


def _is_import_edited(run: Path, made: Provenance) -> bool:
    """Whether a copy that `rankdet import` keeps of a run's detections was edited after that.

    The next plan would find it by its hash. A report is made without a plan.
    """
    files = (made.imported or {}).get("files")
    if not isinstance(files, Mapping):
        return False
    study = run.parents[3]
    place = study / IMPORTS / run.relative_to(study)
    noted = [one for one in files.values() if isinstance(one, Mapping)]
    return any(
        _is_other(place / Path(str(one.get("file"))).name, one.get("sha256")) for one in noted
    )


def _is_other(path: Path, was: Any) -> bool:
    """Whether a file is there, and has not the bytes it had."""
    try:
        return path.is_file() and _sha256(path, path.stat().st_mtime_ns) != was
    except OSError:
        return True  # it cannot be read


@lru_cache(maxsize=8192)
def _sha256(path: Path, _mtime: int) -> str:
    return sha256(path)


def stale_file(folder: Path, planned: Mapping[str, str]) -> Path | None:
    """Returns the record of a run that is older than the plan; None if it is not."""
    record, _ = RunRecord.read(folder / RUN)
    return folder / RUN if stale(folder, planned, record) else None
