"""`rankdet merge A B --out C`: one study of parts that were computed on several machines."""

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.exchange.files import is_hidden, travels_of_run
from rankdet.exchange.merge_checks import check_parts, same_results
from rankdet.exchange.sides import Side, read_sides
from rankdet.files import shown, write_record
from rankdet.results import layout
from rankdet.results.outside import check_outside_studies
from rankdet.results.recorded_run import RecordedRun
from rankdet.results.records import RecordedStudy
from rankdet.results.schemas.dataset import DatasetManifest
from rankdet.results.schemas.plan import Plan
from rankdet.results.status import NOT_RUN, WITHOUT_RESULTS
from rankdet.whole_folders import followed, is_foreign, replacing

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
LISTS = ("tables", "figures", "sources", "datasets")  # of a plan; entries of both are kept
IDENTITY = {"tables": "id", "figures": "id", "sources": "name", "datasets": "name"}


@dataclass(frozen=True)
class Merged:
    """How many runs came from each part, and how many were in both with the same results.

    Attributes:
        scale: The banner of the report of the new study.
        other_seeds: Whether the parts have different seeds, so that their banner may be wrong now.
    """

    first: int
    second: int
    both: int
    scale: str = ""
    other_seeds: bool = False


def merge(
    first: Path,
    second: Path,
    out: Path,
    *,
    mixed_versions: bool = False,
    title: str = "",
    scale: str = "",
) -> Merged:
    """Writes the runs of two studies as one study.

    A run of both with the same results is taken from the first. A run that only one of them has
    finished is taken from that one.

    Args:
        first: The `plan.json` of a study.
        second: That of another.
        out: The folder of the new study; a folder that this function has written is replaced.
        mixed_versions: Whether the parts may have been made with different versions of packages.
        title: The heading of its report; empty takes that of the first part.
        scale: The banner of its report; empty takes that of the parts, which is the same.

    Raises:
        InputError: If the data, the settings, the losses, the code or the versions of the parts
            differ, a run of both has other results, or `out` has other files.
    """
    sides = read_sides(first, second)
    parts = sides[0].study, sides[1].study
    if parts[0].folder == parts[1].folder:
        raise InputError(f"{parts[0].folder}: both parts are this study; name two studies")
    if not NAME.fullmatch(out.name):
        raise InputError(
            f"{out}: its name is that of the new study: use lower-case letters, digits, '.', '_' "
            "and '-'"
        )
    for part in parts:
        if out.resolve() == part.folder:
            raise InputError(f"{out}: this command reads it; name another folder")
    check_outside_studies(out.parent)
    if is_foreign(followed(out), ".rankdet"):
        raise InputError(f"{out}: has files that are not a merged study; name another folder")
    check_parts(*sides, mixed_versions=mixed_versions)
    chosen = list(_chosen(*sides))
    content = _plan(*parts, chosen, out.name)
    said = {"title": title, "scale": scale}
    content["study"] |= {key: text for key, text in said.items() if text}
    with replacing(out) as folder:
        for study, run in chosen:
            _copy(study.folder / run.key, folder / run.key, travels_of_run)
        for study in reversed(parts):  # the first one stays
            _copy_shared(study, folder, out)
        write_record(folder / layout.PLAN, content)
    keys = [{run.key for run in part.runs if run.status != NOT_RUN} for part in parts]
    counts = len(keys[0] - keys[1]), len(keys[1] - keys[0]), len(keys[0] & keys[1])
    return Merged(*counts, content["study"].get("scale", ""), _other_seeds(*parts))


def _other_seeds(*parts: RecordedStudy) -> bool:
    """Whether the parts were trained with other seeds than each other."""
    seeds = [{run.seed for run in part.runs if not run.untrained} for part in parts]
    return seeds[0] != seeds[1]


def _chosen(first: Side, second: Side) -> Iterator[tuple[RecordedStudy, RecordedRun]]:
    """The study that gives each run, in the order of the first plan, then of the second.

    Raises:
        InputError: If both have a run, with other results.
    """
    others = {run.key: run for run in second.runs}
    for run in first.runs:
        other = others.pop(run.key, None)
        if other is None or other.status in WITHOUT_RESULTS:
            yield first.study, run
        elif run.status in WITHOUT_RESULTS:
            yield second.study, other
        else:
            same_results(first, run, second, other)
            yield first.study, run
    yield from ((second.study, run) for run in others.values())


def _plan(
    first: RecordedStudy,
    second: RecordedStudy,
    chosen: Sequence[tuple[RecordedStudy, RecordedRun]],
    name: str,
) -> dict[str, Any]:
    content, other = first.plan.to_dict(), second.plan.to_dict()
    for key in LISTS:
        entries = {one[IDENTITY[key]]: one for one in (*other.get(key, ()), *content.get(key, ()))}
        order = [one[IDENTITY[key]] for one in (*content.get(key, ()), *other.get(key, ()))]
        content[key] = [entries[one] for one in dict.fromkeys(order)]
    content["runs"] = [
        {**run.planned.to_dict(), "dir": f"results/{name}/{run.key}"} for _, run in chosen
    ]
    content["study"] = {**content["study"], "name": name}
    content["hyperparameters"] = {
        **(other.get("hyperparameters") or {}),
        **(content.get("hyperparameters") or {}),
    }
    if content.get("papers") or other.get("papers"):
        content["papers"] = _papers(content.get("papers") or {}, other.get("papers") or {})
    if not content.get("cost") and other.get("cost"):
        content["cost"] = other["cost"]
    Plan.model_validate(content)
    return content


def _papers(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Which of the papers' data both have; what only one of them lacks is not missing."""
    found = {**second, **first}
    if first and second:
        theirs = second.get("missing") or []
        found["missing"] = [one for one in first.get("missing") or [] if one in theirs]
    return found


def _all(name: Path) -> bool:
    return not is_hidden(name)


def _copy(source: Path, target: Path, goes: Callable[[Path], bool] = _all) -> None:
    """Copies the files of a folder with their times; links are left out."""
    for path in source.rglob("*"):
        name = path.relative_to(source)
        if path.is_symlink() or not path.is_file() or not goes(name):
            continue
        new = target / name
        new.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, new)


def _copy_shared(study: RecordedStudy, folder: Path, out: Path) -> None:
    """Copies what runs share: manifests with their annotations, imports, the cost of losses."""
    for dataset in study.datasets():
        place = study.folder / dataset
        if (place / layout.DATASET).is_file():
            (folder / dataset).mkdir(exist_ok=True)
            _copy_manifest(place / layout.DATASET, folder / dataset / layout.DATASET, study, out)
            _copy(place / layout.DATA, folder / dataset / layout.DATA)
    _copy(study.folder / layout.IMPORTS, folder / layout.IMPORTS)
    if (study.folder / layout.COST).is_file():
        shutil.copy2(study.folder / layout.COST, folder / layout.COST)


def _copy_manifest(source: Path, target: Path, study: RecordedStudy, out: Path) -> None:
    """Copies a manifest. Annotations and images in the study's folder are in the new one, too."""
    content = DatasetManifest.from_disk(source).to_dict()
    old = (study.folder.as_posix(), f"results/{study.name}", shown(study.folder))
    for split in content["splits"].values():
        for key in ("annotations", "images"):
            start = next((one for one in old if split[key].startswith(f"{one}/")), None)
            if start:
                split[key] = shown(out) + split[key].removeprefix(start)
    write_record(target, content)
    shutil.copystat(source, target)
