"""Detections that were made elsewhere, as rows of a study: from its config, or `rankdet import`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.files import sha256, shown
from rankdet.results.layout import IMPORT, IMPORTS
from rankdet.results.schemas.imports import ImportRecord
from rankdet.results.status import IMPORTED
from rankdet.study import detectors, hashes
from rankdet.study.config.imported import ELSEWHERE
from rankdet.study.config.model import StudyConfig
from rankdet.study.runs import run_key
from rankdet.suggest import choice


@dataclass(frozen=True)
class ImportedRun:
    """Detections of one model that was trained elsewhere.

    Attributes:
        dataset: A name in the config's `datasets`.
        detector: Name of its detector.
        name: Name of the method.
        seed: Tells several trainings of a method apart.
        detections: Split to the file with its detections, the main split first.
        speed: File with the speed of its inference; empty if it is not known.
        title: Its title in reports.
        url: Where it is described; empty if it is not known.
        taken: Whether `rankdet import` has taken them; else the config names them.
    """

    dataset: str
    detector: str
    name: str
    seed: int
    detections: Mapping[str, str]
    speed: str = ""
    title: str = ""
    url: str = ""
    taken: bool = False
    predicts_masks: bool = field(default=False, init=False)  # the file decides
    test: Mapping[str, Any] = field(default_factory=dict, init=False)  # made elsewhere

    @property
    def key(self) -> str:
        """Its folder below its study's folder."""
        return f"{self.dataset}/{self.detector}/{self.name}@{IMPORTED}/seed{self.seed}"

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that it has detections of, the main split first."""
        return tuple(self.detections)

    @property
    def hashes(self) -> dict[str, str]:
        """What its record is made of, apart from the data: the contents of its files."""
        files = [*self.detections.values(), *filter(None, [self.speed])]
        return {"detections": hashes.digest(self.url, [_content(Path(path)) for path in files])}

    def spec(self, study: str) -> dict[str, Any]:
        """Returns what the jobs of its record need; JSON-serialisable.

        Args:
            study: The study's name.
        """
        return {
            "study": study,
            "dataset": self.dataset,
            "detector": self.detector,
            "name": self.name,
            "seed": self.seed,
            "detections": dict(self.detections),
            "speed": self.speed,
            "url": self.url,
            "hash": self.hashes["detections"],
        }

    def entry(self, folder: str, dataset_title: str, preset: str | None) -> dict[str, Any]:
        """Returns its entry in `plan.json`.

        Args:
            folder: The study's folder.
            dataset_title: The title of its dataset.
            preset: The study's preset, in which the detector's title is looked up.
        """
        detector = _detector_title(self.detector, preset)
        return {
            "key": self.key,
            "dir": f"{folder}/{self.key}",
            "dataset": self.dataset,
            "detector": self.detector,
            "loss": self.name,
            "seed": self.seed,
            "schedule": IMPORTED,
            "titles": {"dataset": dataset_title, "detector": detector, "loss": self.title},
            "splits": list(self.splits),
            "hashes": self.hashes,
            "imported": True,
            **({"taken": True} if self.taken else {}),
            "url": self.url,
        }


class Imports:
    """The imported detections of a study: those of its config, then those of `rankdet import`.

    Args:
        config: The checked config.
        folder: The study's folder.
        source: The config file's name, for messages.

    Attributes:
        runs: All of them.

    Raises:
        InputError: If a file is missing, a split is unknown, the main split is missing, or two have
            the same key.
    """

    def __init__(self, config: StudyConfig, folder: Path, source: str) -> None:
        self._config, self._folder = config, folder
        self._runs: dict[str, ImportedRun] = {}
        for where, run in [*_of_config(config, source), *_taken(config, folder)]:
            known = config.datasets[run.dataset].split_names
            _check(run, known, config.splits[0], where)
            if run.key in self._runs:
                raise InputError(f"{where}: {run.key} is imported twice; choose another name")
            self._runs[run.key] = run
        self.runs = tuple(self._runs.values())

    def get(self, key: str) -> ImportedRun | None:
        """Returns the import of a key; None if there is none."""
        return self._runs.get(key)

    def of(self, wildcards: Mapping[str, str]) -> ImportedRun:
        """Returns the import of a job.

        Raises:
            InputError: If there is none.
        """
        key = run_key(wildcards)
        if key not in self._runs:
            raise InputError(f"no import {key!r} in this study; {choice(key, self._runs)}")
        return self._runs[key]

    def files(self, wildcards: Mapping[str, str]) -> list[str]:
        """Returns the files of a job that takes detections: those of its split, and the speed."""
        run = self.of(wildcards)
        split = wildcards.get("split", self._config.splits[0])
        if split not in run.detections:
            raise InputError(f"{run.key}: has no detections of split {split!r}")
        return [run.detections[split], *filter(None, [run.speed])]

    def spec(self, wildcards: Mapping[str, str]) -> dict[str, Any]:
        """Returns the spec of a job that takes detections."""
        return self.of(wildcards).spec(self._config.study)

    def made_of(self, wildcards: Mapping[str, str]) -> list[Any]:
        """Returns what the files of a job depend on, apart from the data."""
        return [hashes.step_hash("imported"), self.of(wildcards).hashes]

    def entries(self) -> list[dict[str, Any]]:
        """Returns their entries in `plan.json`."""
        config, folder = self._config, self._folder.as_posix()
        titles = {name: one.title or name for name, one in config.datasets.items()}
        return [run.entry(folder, titles[run.dataset], config.preset) for run in self.runs]


def with_main_first(detections: Mapping[str, str], main: str) -> dict[str, str]:
    """Returns detections by split, the main split first, the others by name."""
    return {split: detections[split] for split in sorted(detections, key=lambda s: (s != main, s))}


def taken_run(file: Path) -> ImportedRun:
    """Returns what an `import.json` describes.

    Raises:
        InputError: If it cannot be read.
    """
    record = ImportRecord.from_disk(file)
    place = file.parent
    return ImportedRun(
        record.dataset,
        record.detector,
        record.name,
        record.seed,
        {split: shown(place / Path(name).name) for split, name in record.detections.items()},
        shown(place / Path(record.speed).name) if record.speed else "",
        record.title or record.name,
        record.url,
        taken=True,
    )


def taken_files(folder: Path) -> list[Path]:
    """Returns the `import.json` of each import into a study."""
    return sorted((folder / IMPORTS).glob(f"*/*/*/*/{IMPORT}"))


def _of_config(config: StudyConfig, source: str) -> Iterable[tuple[str, ImportedRun]]:
    for index, one in enumerate(config.imported):
        yield (
            f"{source}: imported[{index}]",
            ImportedRun(
                one.dataset,
                one.detector,
                one.name,
                one.seed,
                with_main_first(one.detections, config.splits[0]),
                one.speed or "",
                one.title or one.name,
                one.url or "",
            ),
        )


def _taken(config: StudyConfig, folder: Path) -> Iterable[tuple[str, ImportedRun]]:
    for file in taken_files(folder):
        run = taken_run(file)
        if run.dataset not in config.datasets:
            raise InputError(
                f"{shown(file)}: dataset {run.dataset!r} is not in this study, but detections were "
                f"imported on it; give a dataset this name again, or move {shown(file.parent)} out "
                "of the study"
            )
        yield shown(file), run


def _check(run: ImportedRun, known: Iterable[str], main: str, where: str) -> None:
    for split, path in run.detections.items():
        if split not in known:
            raise InputError(f"{where}: detections: found {split!r}; {choice(split, known)}")
        _is_file(path, f"{where}: detections.{split}")
    if main not in run.detections:
        raise InputError(
            f"{where}: detections: the main split {main!r} is missing; add its detections"
        )
    if run.speed:
        _is_file(run.speed, f"{where}: speed")


def _is_file(path: str, where: str) -> None:
    if not Path(path).is_file():
        raise InputError(f"{where}: no such file: {path}; put it there")


def _content(path: Path) -> str:
    found = path.stat()
    return _sha256(path, found.st_mtime_ns, found.st_size)


@lru_cache
def _sha256(path: Path, _mtime: int, _size: int) -> str:
    return sha256(path)


def _detector_title(name: str, preset: str | None) -> str:
    """The title of one of our detectors; another name is its own title."""
    if name == ELSEWHERE or name not in detectors.detector_names():
        return name
    try:
        return str(detectors.load_detector(name, preset or "small")["title"])
    except InputError:
        return name
