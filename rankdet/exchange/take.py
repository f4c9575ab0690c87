"""`rankdet import DETECTIONS.json`: detections become a row of a study, at once."""

import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rankdet.errors import InputError, counted
from rankdet.exchange.alone import alone
from rankdet.files import atomic, sha256, shown, writing
from rankdet.results.imported import (
    check_detections,
    read_speed,
    take_detections,
    write_import_record,
)
from rankdet.results.layout import (
    DATASET,
    DETECTIONS,
    IMPORT,
    IMPORTS,
    MATCHES,
    METRICS,
    RUN,
    SHOWN,
    SPEED,
    reserved,
    split_folder,
)
from rankdet.results.metrics_record import write_split_metrics
from rankdet.results.schemas.base import first_problem
from rankdet.results.schemas.dataset import DatasetManifest
from rankdet.results.schemas.imports import ImportRecord
from rankdet.results.schemas.metrics import MetricsRecord
from rankdet.results.schemas.plan import Plan
from rankdet.results.seals import seal_metrics
from rankdet.study.config.imported import ELSEWHERE
from rankdet.study.hashes import step_hash
from rankdet.study.imported import ImportedRun, taken_run, with_main_first
from rankdet.suggest import choice

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
LARGEST_SEED = 2**32 - 1


@dataclass(frozen=True)
class Taken:
    """What a user says about detections; None is not said.

    Attributes:
        name: Name of the method.
        dataset: Name of the dataset.
        detector: Name of its detector.
        seed: Tells several trainings of the method apart.
        split: The split.
        title: Its title in reports.
        speed: A `speed.json`.
        url: Where the model is described.
    """

    name: str
    dataset: str | None = None
    detector: str | None = None
    seed: int | None = None
    split: str | None = None
    title: str | None = None
    speed: Path | None = None
    url: str | None = None


@dataclass(frozen=True)
class Done:
    """A row that was made: its key, what is in it, in one line, and what is unusual about it."""

    key: str
    text: str
    notes: tuple[str, ...] = ()


def take(
    plan_path: Path,
    file: Path,
    said: Taken,
    *,
    replace_it: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Done:
    """Checks detections, copies them into a study, evaluates them and adds them to its plan.

    The copy is in `<study>/imported/`, where the next plan of the study finds it. With another
    split, an import of the same name, dataset, detector and seed is completed. Another import into
    the same study is waited for.

    Args:
        plan_path: The study's `plan.json`.
        file: The detections.
        said: What is known about them.
        replace_it: Whether they take the place of other detections of the same name and split.
        say: Called with a line if it has to wait for another import.

    Raises:
        InputError: If something that was said, or a file, cannot be used, or there are other
            detections of this name. Nothing is written then.
    """
    Plan.from_disk(plan_path)
    with alone(plan_path.resolve().parent, say):
        return _take(plan_path, file, said, replace_it)


def _take(plan_path: Path, file: Path, said: Taken, replace_it: bool) -> Done:
    plan, study = Plan.from_disk(plan_path), plan_path.resolve().parent
    said, main = _complete(said, plan)
    manifest_path = study / str(said.dataset) / DATASET
    if not manifest_path.is_file():
        raise InputError(
            f"{manifest_path}: not there yet; run the study first, or at least its data: "
            f"snakemake --cores all results/{plan.study.name}/{said.dataset}/{DATASET}"
        )
    split = said.split or main
    manifest = DatasetManifest.from_disk(manifest_path)
    _check_annotations(manifest, study.parent.parent)
    checked = check_detections(file, manifest, split)
    if said.speed:
        read_speed(said.speed)
    _check_name(plan, study, file, said, split, replace_it)
    run = _keep(study, file, said, split, main)
    out = study / run.key
    with writing(out):
        spec = run.spec(plan.study.name)
        places = {one: out if one == main else out / split_folder(one) for one in run.splits}
        for one, here in places.items():
            here.mkdir(parents=True, exist_ok=True)
            take_detections(spec, str(manifest_path), one, here)
        write_import_record(spec, str(manifest_path), out)
        for one, here in places.items():  # all of them: the metrics have the record's provenance
            _evaluate(one, out, here, manifest_path)
        _plan_it(plan_path, run)
    record = MetricsRecord.from_disk(places[split] / METRICS)
    ap = record.metrics.get("AP")
    found = record.skipped or ("AP undefined" if ap is None else f"AP {100 * ap:.1f}")
    notes = (*checked.notes, *_unknown_detector(plan, run.detector))
    return Done(run.key, f"{counted(checked.count, 'detection')} on {split!r}, {found}", notes)


def _check_annotations(manifest: DatasetManifest, root: Path) -> None:
    """Checks that the annotations are found from the current folder, to which they are relative."""
    for split in manifest.splits.values():
        if not Path(split.annotations).exists() and (root / split.annotations).exists():
            raise InputError(
                f"{split.annotations}: no such file in the current folder, but in {root}; run this "
                "command there"
            )


def _unknown_detector(plan: Plan, name: str) -> Iterator[str]:
    known = dict.fromkeys(one.detector for one in plan.runs if not one.imported)
    if name != ELSEWHERE and name not in known:
        yield (
            f"detector {name!r}: the study has no run of it, so the row is compared with none; "
            f"{choice(name, known)}"
        )


def _check_name(
    plan: Plan, study: Path, file: Path, said: Taken, split: str, replace_it: bool
) -> None:
    """Checks that no other detections would be lost.

    Raises:
        InputError: If the config or an earlier import has other detections of this name.
    """
    run = _row(said)
    older = study / IMPORTS / run.key / IMPORT
    if not older.is_file():
        if any(one.key == run.key and not one.taken for one in plan.runs):
            raise InputError(
                f"--as {said.name}: the study's config has an import of this name ({run.key}); "
                "choose another name"
            )
        return
    there = Path(taken_run(older).detections.get(split, ""))
    if replace_it or not there.is_file() or there.samefile(file) or sha256(there) == sha256(file):
        return
    raise InputError(
        f"--as {said.name}: {shown(there)} has other detections of this name; choose another name "
        "or --seed, or replace them with --replace"
    )


def _row(said: Taken) -> ImportedRun:
    """The row of what was said, without files."""
    return ImportedRun(str(said.dataset), str(said.detector), said.name, int(said.seed or 0), {})


def _complete(said: Taken, plan: Plan) -> tuple[Taken, str]:
    """What was said, checked and with defaults; and the study's main split."""
    for option, name in (("as", said.name), ("detector", said.detector)):
        if name is not None and not NAME.fullmatch(name):
            raise InputError(
                f"--{option} {name!r:.100}: use lower-case letters, digits, '.', '_' and '-'"
            )
    if fault := reserved("detector", said.detector or ELSEWHERE):
        raise InputError(f"--detector: {fault}")
    if said.seed is not None and not 0 <= said.seed <= LARGEST_SEED:
        raise InputError(f"--seed {said.seed}: give a number from 0 to {LARGEST_SEED}")
    names = [one.name for one in plan.datasets]
    dataset = said.dataset or (names[0] if len(names) == 1 else None)
    if dataset not in names:
        raise InputError(f"--dataset: found {dataset!r}; {choice(str(dataset), names)}")
    main = next((run.splits[0] for run in plan.runs), "val")
    seed = 1 if said.seed is None else said.seed
    return replace(said, dataset=dataset, detector=said.detector or ELSEWHERE, seed=seed), main


def _keep(study: Path, file: Path, said: Taken, split: str, main: str) -> ImportedRun:
    """Copies the files into the study's folder of imports, the record last."""
    place = study / IMPORTS / _row(said).key
    older = taken_run(place / IMPORT) if (place / IMPORT).is_file() else None
    others = dict(older.detections) if older and split != main else {}
    if split != main and main not in others:
        raise InputError(f"--split {split}: import the detections on the main split {main!r} first")
    if split == main and older:
        others = {key: path for key, path in older.detections.items() if key != main}
    names = {key: f"{key}.json" for key in others} | {split: f"{split}.json"}
    speed = SPEED if said.speed or (older and older.speed) else ""
    values: Mapping[str, Any] = {
        "name": said.name,
        "dataset": said.dataset,
        "detector": said.detector,
        "seed": said.seed,
        "detections": with_main_first(names, main),
        "speed": speed,
        "title": said.title or (older.title if older else ""),
        "url": said.url or (older.url if older else ""),
    }
    try:
        record = ImportRecord.of(**values)
    except ValidationError as error:
        fault = "give an address that starts with http:// or https://"
        raise InputError(f"--url {said.url!r:.100}: {fault} ({first_problem(error)})") from None
    with writing(place):
        _copy(file, place / f"{split}.json")
        if said.speed:
            _copy(said.speed, place / SPEED)
        record.to_disk(place / IMPORT)
    return taken_run(place / IMPORT)


def _copy(source: Path, target: Path) -> None:
    if target.exists() and source.samefile(target):
        return
    with atomic(target) as temporary:
        shutil.copyfile(source, temporary)


def _evaluate(split: str, run: Path, here: Path, manifest: Path) -> None:
    write_split_metrics(
        split,
        detections=here / DETECTIONS,
        run_json=run / RUN,
        dataset_json=manifest,
        out_metrics=here / METRICS,
        out_matches=here / MATCHES,
        out_shown=here / SHOWN,
    )
    seal_metrics(here, run, step_hash("evaluate"))


def _plan_it(path: Path, run: ImportedRun) -> None:
    """Adds the run to the plan, as the next plan of the study will do.

    The plan is read again: a workflow may have written it during the evaluation.
    """
    plan = Plan.from_disk(path)
    content = plan.to_dict()
    titles = {one.name: one.title for one in plan.datasets}
    folder = f"results/{plan.study.name}"
    entry = run.entry(folder, titles[run.dataset] or run.dataset, plan.study.preset)
    runs = [one for one in content["runs"] if one["key"] != run.key]
    Plan.of(**{**content, "runs": [*runs, entry]}).to_disk(path)
