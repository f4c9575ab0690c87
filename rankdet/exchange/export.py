"""`rankdet export`: a study as one archive, or as tidy tables in Parquet."""

import json
import platform
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rankdet.errors import InputError
from rankdet.exchange.crate import crate
from rankdet.exchange.files import (
    CONFIG,
    CONFIGS,
    CRATE,
    ENVIRONMENT,
    STUDY,
    study_files,
)
from rankdet.exchange.own_files import here, own_files
from rankdet.files import atomic, writing
from rankdet.results import open as open_results
from rankdet.results.layout import METRICS, RUN
from rankdet.results.outside import check_outside_studies
from rankdet.results.records import RecordedStudy, read_study
from rankdet.results.study_config import config_files
from rankdet.whole_folders import check_replaceable, replacing

ENVIRONMENT_SCHEMA = "rankdet.environment/1"


@dataclass(frozen=True)
class Written:
    """What an archive has.

    Attributes:
        files: The number of files.
        config: The config that was found.
        others: Other configs here that describe the same runs.
        left_out: The user's own files here with which the study was made; they are not in it.
    """

    files: int
    config: Path | None
    others: tuple[Path, ...] = ()
    left_out: tuple[str, ...] = ()


def write_archive(
    plan_path: Path,
    out: Path,
    *,
    weights: bool = False,
    config: Path | None = None,
    license_url: str = "",
) -> Written:
    """Writes the records of a study, its config, the environment and RO-Crate metadata as a zip.

    Data, logs, caches, unfinished work, and runs that are no longer planned, are left out.

    Args:
        plan_path: The study's `plan.json`.
        out: The zip.
        weights: Whether the weights (`model.pth`) are in it.
        config: The study's config; None looks for it in the current folder and in `config/`.
        license_url: The address of the licence of the results.

    Raises:
        InputError: If the plan or the config cannot be used, or the zip cannot be written.
    """
    study = read_study(plan_path)
    configs = [config] if config else config_files(study)
    found = configs[0] if configs else None
    if found is not None and (not found.is_file() or found.suffix not in CONFIGS):
        raise InputError(f"{found}: not a YAML file of a study; name it with --configfile")
    entries = dict(_entries(study, found, weights))
    _check_complete(study, entries)
    texts = {ENVIRONMENT: _json(environment())}
    sizes = {quote(name): path.stat().st_size for name, path in entries.items()}
    sizes |= {name: len(text.encode()) for name, text in texts.items()}
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    texts[CRATE] = _json(crate(study.title, study.scale, now, sizes, license_url))
    with (
        writing(out),
        atomic(out) as part,
        zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name, text in texts.items():
            archive.writestr(name, text)
        for name, path in entries.items():
            archive.write(path, name)
    own = tuple(here(own_files(study)))
    return Written(len(entries) + len(texts), found, tuple(configs[1:]), own)


def write_parquet(plan_path: Path, folder: Path) -> dict[str, int]:
    """Writes the tidy frames of a study as Parquet, one file each (docs/results.md).

    Args:
        plan_path: The study's `plan.json`.
        folder: A new folder, or one that this function has written.

    Returns:
        Name of each file to its number of rows.

    Raises:
        InputError: If the plan cannot be used, no run has results, or the folder has other files or
            is inside a study's.
    """
    check_outside_studies(folder)
    check_replaceable(folder)
    frames = open_results(plan_path).frames()
    if frames["metrics"].empty:
        raise InputError(f"{plan_path.parent}: no run has results yet; run the study first")
    with replacing(folder) as part:
        for name, frame in frames.items():
            frame.to_parquet(part / f"{name}.parquet", index=False)
    return {f"{name}.parquet": len(frame) for name, frame in frames.items()}


def environment() -> dict[str, Any]:
    """Returns the versions of Python and of all installed packages, and the system."""
    packages = {one.name: one.version for one in metadata.distributions() if one.name}
    return {
        "schema": ENVIRONMENT_SCHEMA,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": dict(sorted(packages.items(), key=lambda pair: pair[0].lower())),
    }


def _entries(
    study: RecordedStudy, config: Path | None, weights: bool
) -> Iterator[tuple[str, Path]]:
    planned = {run.key for run in study.runs}  # what was taken out of a study does not travel
    for name in study_files(study.folder, planned, weights=weights):
        yield f"{STUDY}/{name.as_posix()}", study.folder / name
    if config is not None:
        yield f"{CONFIG}/{config.name}", config


def _check_complete(study: RecordedStudy, entries: Mapping[str, Path]) -> None:
    """Checks that no run with results is left out.

    Raises:
        InputError: If one is; the message names it.
    """
    for run in study.runs:
        for file in (RUN, METRICS):
            name = f"{run.key}/{file}"
            if (study.folder / name).is_file() and f"{STUDY}/{name}" not in entries:
                raise InputError(
                    f"{study.folder / name}: would not be in the archive: it is reached by "
                    "a link, or its name begins with a dot; put the files there themselves"
                )


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
