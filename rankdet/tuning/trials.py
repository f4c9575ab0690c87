"""The trainings of a search: their specs, from the runs of a study."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rankdet.errors import InputError
from rankdet.strict import Strict
from rankdet.study import hashes
from rankdet.study.config.check import check_config
from rankdet.study.config.groups import RunGroup
from rankdet.study.config.model import StudyConfig
from rankdet.study.model import PartError, load_model
from rankdet.study.plan import Study
from rankdet.study.resolved_run import ResolvedRun
from rankdet.study.runs import UNTRAINED
from rankdet.suggest import choice
from rankdet.tuning.halving import Candidate
from rankdet.tuning.held_out import SEED, HeldOut

SOURCE = "rankdet tune"
NEVER = 10**9  # iterations between checkpoints: a trial that was stopped is made again
TRAINING_SEED = 1 + SEED


@dataclass(frozen=True)
class Pair:
    """A loss on a detector.

    Attributes:
        run: The study's run, with its schedule and the loss's own rate.
        spec: Its job spec.
    """

    run: ResolvedRun
    spec: Mapping[str, Any]

    @property
    def name(self) -> str:
        """For readers and for rows: `retinanet alrp+iou`."""
        run = self.run
        detector = f"{run.detector}@{run.backbone}" if run.backbone else run.detector
        return f"{detector} {run.loss}"

    @property
    def rate(self) -> float:
        """The rate of the loss in its card or study."""
        return float(self.run.schedule["lr"])

    def epochs(self, images: int) -> int:
        """Returns the epochs of the study's schedule, with epochs of some images."""
        schedule = self.run.schedule
        if schedule.get("epochs"):
            return int(schedule["epochs"])
        return math.ceil(schedule["iterations"] / self.per_epoch(images))

    def per_epoch(self, images: int) -> int:
        """Returns the iterations of an epoch of some images."""
        return math.ceil(images / self.run.schedule["batch_size"])


def chosen_dataset(config: StudyConfig, name: str | None, source: str) -> str:
    """Returns the dataset of a search.

    Args:
        config: The study's config.
        name: What the user chose; None if the study has one dataset.
        source: The config file, for messages.

    Raises:
        InputError: If it is unknown, or the study has several and none was chosen.
    """
    if name is None and len(config.datasets) == 1:
        return next(iter(config.datasets))
    if name is None:
        raise InputError(
            f"{source} has several datasets; choose one with --dataset: "
            f"{', '.join(config.datasets)}"
        )
    if name not in config.datasets:
        raise InputError(f"--dataset: found {name!r}; {choice(name, config.datasets)}")
    return name


def pairs(
    study: Study, dataset: str, detectors: Sequence[str], losses: Sequence[str]
) -> list[Pair]:
    """Returns every loss on every detector, each with the study's schedule for the detector.

    The first group of runs of the study that has the detector on this dataset, and the schedule of
    the study (no `schedule_name`), changes the schedule for all losses alike.

    Args:
        study: The study.
        dataset: One of its datasets.
        detectors: Files of `workflows/detectors`.
        losses: Files of `workflows/losses`, with variants.

    Raises:
        InputError: If a detector or loss is unknown, a loss does not train a detector or has no
            rate, or the schedule takes several GPUs.
    """
    config = study.config
    groups = []
    for detector in dict.fromkeys(detectors):
        own = _group_of(config, dataset, detector)
        for loss in dict.fromkeys(losses):
            _check_pair(detector, own.backbone or "" if own else "", loss, config.preset)
        groups.append(_values(own, dataset, detector, list(dict.fromkeys(losses))))
    values = {**_dumped(config), "runs": groups, "untrained": False, "threads": 1}
    for key in ("runs_of_tables", "tables", "figures", "cost"):
        values.pop(key, None)
    tuned = Study(check_config(values, SOURCE), study.source, with_data=False)
    for run in tuned.runs:
        if run.gpus > 1:
            raise InputError(
                f"{study.source}: {run.detector} trains on {run.gpus} GPUs, but a trial is one "
                "process; override it: --config 'schedule={\"gpus\": 1}'"
            )
    return [Pair(run, tuned.run_spec(run)) for run in tuned.runs]


def _group_of(config: StudyConfig, dataset: str, detector: str) -> RunGroup | None:
    same = (
        group
        for group in config.runs
        if group.dataset == dataset and detector in group.detectors and not group.schedule_name
    )
    return next(same, None)


def _check_pair(detector: str, backbone: str, loss: str, preset: str) -> None:
    if loss == UNTRAINED:
        raise InputError(f"loss {loss!r}: an untrained detector has no rate; leave it out")
    try:
        load_model(detector, backbone, loss, preset)
    except PartError as error:
        if error.key:
            raise InputError(str(error)) from None
        raise InputError(
            f"loss {loss!r} does not train detector {detector!r}: {error}; leave one of them out"
        ) from None


def _values(own: RunGroup | None, dataset: str, detector: str, losses: list[str]) -> dict[str, Any]:
    group = {"dataset": dataset, "detectors": [detector], "losses": losses}
    kept = {} if own is None else {k: _dumped(v) for k in KEPT if (v := getattr(own, k))}
    return {**kept, **group, "seeds": [TRAINING_SEED]}


KEPT = ("backbone", "schedule", "test")  # what a group of runs changes for all its losses


def _dumped(value: Any) -> Any:
    return value.model_dump(exclude_unset=True) if isinstance(value, Strict) else value


def trial_spec(pair: Pair, candidate: Candidate, epochs: int, data: HeldOut) -> dict[str, Any]:
    """Returns the spec of a training: the study's schedule, shortened, with other settings.

    Warm-up shrinks with the length; rates fall at the same shares of it.

    Args:
        pair: The loss and the detector.
        candidate: What is tried.
        epochs: Length.
        data: The held-out data.
    """
    own = {**pair.run.schedule, **dict(candidate.change)}
    whole = pair.epochs(data.epoch_images)
    schedule = {
        **{key: value for key, value in own.items() if key != "iterations" and value is not None},
        "lr": rate(pair, candidate),
        "epochs": epochs,
        "warmup": round((own.get("warmup") or 0) * epochs / whole),
        "checkpoint_every": NEVER,
    }
    run = pair.run
    config = hashes.config_hash(run.model.detector_spec, run.preset, schedule)
    return {
        **pair.spec,
        "schedule": schedule,
        "manifest": str(data.path),
        "splits": [data.split],
        "hashes": {**pair.spec["hashes"], "config": config, "data": data.content.checksum},
    }


def rate(pair: Pair, candidate: Candidate) -> float:
    """Returns the learning rate of a candidate, with six digits."""
    return float(f"{pair.rate * candidate.factor:.6g}")


def tried_settings(pair: Pair, candidate: Candidate) -> dict[str, Any]:
    """Returns what the record says about a candidate; see `TriedSettings`."""
    own = {**pair.run.schedule, **dict(candidate.change)}
    return {
        "factor": candidate.factor,
        "lr": rate(pair, candidate),
        "grad_clip": own.get("grad_clip"),
        "warmup": int(own.get("warmup") or 0),
    }


def trial_key(spec: Mapping[str, Any]) -> str:
    """Returns the hash of everything on which the score of a training depends."""
    return hashes.digest(spec["hashes"], spec["test"], spec["seed"])
