"""From a run's names to everything that its jobs need: loaded and checked once, here.

`resolve` turns a `Run` into a `ResolvedRun`. The plan, the job specs, the hashes and the estimates
read it; nothing else loads a loss card, a detector, a backbone or a schedule for a run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.files import shown
from rankdet.repository import BACKBONES
from rankdet.results.course import LENGTH
from rankdet.study import (
    backbones,
    batches,
    cards,
    compatibility,
    detectors,
    hashes,
    published,
    rates,
    recipes,
)
from rankdet.study.config.model import StudyConfig
from rankdet.study.model_keys import unknown_keys
from rankdet.study.runs import UNTRAINED, Run, split_loss
from rankdet.suggest import merged_by_type

UNTRAINED_LOSS = "focal"  # building an untrained detector needs a criterion, which is never used
ONLY_BOXES = "test.multi_scale and test.flip: mmdet merges boxes of several images, not masks"


class PartError(InputError):
    """A detector, backbone or loss that cannot be used.

    Attributes:
        key: The key of a group of runs that names it; empty if several parts do not fit together.
    """

    def __init__(self, message: str, key: str = "") -> None:
        super().__init__(message)
        self.key = key


@dataclass(frozen=True)
class Model:
    """A detector with its backbone, and the loss that trains it.

    Attributes:
        detector_spec: The detector's file, with the backbone merged in.
        loss_file: The loss's file.
        card: The loss card, with the variants merged in.
        titles: `detector` and `loss`, for readers.
    """

    detector_spec: Mapping[str, Any]
    loss_file: cards.LossFile
    card: Mapping[str, Any]
    titles: Mapping[str, str]

    @property
    def predicts_masks(self) -> bool:
        """Whether the detector predicts masks."""
        return bool(self.detector_spec.get("masks"))


@dataclass(frozen=True, kw_only=True)
class ResolvedRun(Run):
    """A run with everything that its jobs need.

    Attributes:
        preset: `small` or `full`.
        model: The detector and the loss.
        schedule: The schedule, with one learning rate `lr` if the run is trained.
        test: The settings of the run's main test.
        titles: `dataset`, `detector` and `loss`, for readers.
        hashes: What the training depends on: `config`, `code` and `loss`. The data's checksum is
            added when a job runs.
        first_weights: First digits of the hash of the weights that the training starts from; empty
            for initial weights of its own. `hashes.config` contains all of it.
        gpu_note: The GPUs that were chosen and what differs, if they are as published or fewer
            than asked for; else empty.
    """

    preset: str
    model: Model
    schedule: Mapping[str, Any]
    test: Mapping[str, Any]
    titles: Mapping[str, str]
    hashes: Mapping[str, str]
    first_weights: str = ""
    gpu_note: str = ""
    _tested: dict[Any, tuple["ResolvedRun", str]] = field(
        default_factory=dict, compare=False, repr=False
    )  # hashes of tests, which runs share that differ in their seed alone

    @property
    def gpus(self) -> int:
        """How many GPUs (processes) train the run."""
        return int(self.schedule.get("gpus", 1))

    @property
    def predicts_masks(self) -> bool:
        """Whether the run's detector predicts masks."""
        return self.model.predicts_masks

    @property
    def rest_hash(self) -> str:
        """What the settings of the training are apart from its length, as `hashes.config`."""
        rest = {key: value for key, value in self.schedule.items() if key not in LENGTH}
        own = hashes.config_hash(self.model.detector_spec, self.preset, rest)
        return hashes.digest(own, self.first_weights)

    def test_settings(
        self, variant: str | None = None, threshold: str | float | None = None
    ) -> dict[str, Any]:
        """Returns the settings of one test of the run.

        Args:
            variant: One of `test_variants`; None for the main test.
            threshold: Another lowest score before NMS.
        """
        change = dict(self.test_variants)[variant].model_dump(exclude_none=True) if variant else {}
        found = merged_by_type(self.test, change)
        return found if threshold is None else {**found, "score_threshold": float(threshold)}

    def test_hash(self, variant: str | None = None, threshold: str | float | None = None) -> str:
        """Returns what detections depend on, apart from the model's weights and the data.

        A study asks several times for each run, so it is computed once for all seeds.
        """
        parts = (self.model, self.schedule, self.test, self.test_variants)
        key = (*map(id, parts), variant, threshold)
        if key not in self._tested:  # the run keeps these objects, so no other one gets their ids
            self._tested[key] = (self, self._test_hash(variant, threshold))
        return self._tested[key][1]

    def _test_hash(self, variant: str | None, threshold: str | float | None) -> str:
        size = {"image_size": self.schedule["image_size"]}
        spec, test = self.model.detector_spec, self.test_settings(variant, threshold)
        code = [hashes.model_code_hash("predict", spec)]
        if test.get("thresholds") == "lrp":
            code.append(hashes.step_hash("thresholds"))
        return hashes.digest(code, test, hashes.config_hash(spec, self.preset, size))


def load_model(detector: str, backbone: str, loss: str, preset: str) -> Model:
    """Loads a detector, its backbone and a loss, and checks that the loss can train the detector.

    Args:
        detector: A file of `workflows/detectors`, without `.yaml`.
        backbone: Entries of `workflows/backbones.yaml`; empty for the detector's default backbone.
        loss: A file of `workflows/losses` with variants: `alrp+iou`; or `untrained`.
        preset: `small` or `full`.

    Raises:
        PartError: If one of them is unknown, faulty or has no such preset, or the loss does not
            train the detector.
    """
    spec = _part("detectors", detectors.load_detector, detector, preset)
    if backbone:
        part = _part("backbone", backbones.load_backbone, backbone, preset)
        spec = backbones.with_backbone(spec, part, preset)
        for fault in unknown_keys(spec["base"], spec[preset], spec.get("head") or ""):
            raise PartError(f"{shown(BACKBONES)}: {backbone}: {preset}.{fault}", "backbone")
    untrained = loss == UNTRAINED
    name, variant = split_loss(UNTRAINED_LOSS if untrained else loss)
    file = _part("losses", cards.load_loss, name)
    card = _part("losses", file.variant, variant)
    if untrained:
        card = {**card, "name": UNTRAINED, "title": UNTRAINED}
    elif reason := compatibility.objection(spec, name, variant, card):
        raise PartError(reason)
    title = "Untrained" if untrained else file.title(variant)
    return Model(spec, file, card, {"detector": spec["title"], "loss": title})


def _part(key: str, load: Any, *arguments: Any) -> Any:
    try:
        return load(*arguments)
    except InputError as error:
        raise PartError(str(error), key) from None


def resolve(config: StudyConfig, run: Run, source: str) -> ResolvedRun:
    """Loads and checks everything that a run's jobs need.

    Raises:
        InputError: If a part is unknown or faulty, the loss does not train the detector, there is
            no learning rate or no checkpoint, or the detector cannot be tested as the config says.
    """
    if run.checkpoint and not Path(run.checkpoint).is_file():
        raise InputError(
            f"{source}: runs[{run.group}].checkpoint: no such file: {run.checkpoint}; put it there"
        )
    model = _with_cases(_model(config, run, source), run, config.preset)
    schedule, gpu_note = _schedule(config, run, model, source)
    dataset = config.datasets[run.dataset].title or run.dataset
    resolved = ResolvedRun(
        **vars(run),
        preset=config.preset,
        model=model,
        schedule=schedule,
        test=_test(config, run, model),
        titles={"dataset": dataset, **model.titles},
        hashes={
            "config": hashes.config_hash(model.detector_spec, config.preset, schedule),
            "code": hashes.model_code_hash("train", model.detector_spec),
            "loss": UNTRAINED
            if run.untrained
            else hashes.loss_hash(model.loss_file, model.card, model.detector_spec),
        },
        gpu_note=gpu_note,
    )
    _check_tests(resolved, source)
    return resolved


def _model(config: StudyConfig, run: Run, source: str) -> Model:
    where = _where(run, source)
    try:
        model = load_model(run.detector, run.backbone, run.loss, config.preset)
    except PartError as error:
        if error.key:
            raise InputError(f"{where}{_key(config, run, error.key)}: {error}") from None
        raise InputError(
            f"{where}: loss {run.loss!r} does not train detector {run.detector!r}: {error}; move "
            "one of them to another group of runs"
        ) from None
    if model.predicts_masks and not getattr(config.datasets[run.dataset], "masks", True):
        raise InputError(
            f"{where}{_key(config, run, 'detectors')}: {run.detector!r} needs masks, but dataset "
            f"{run.dataset!r} says `masks: false`"
        )
    return model


def _with_cases(model: Model, run: Run, preset: str) -> Model:
    """Applies the changes of the paper's schedule to a run's model and loss."""
    spec = recipes.changed_detector(model.detector_spec, preset, run.cases)
    card = recipes.changed_card(model.card, run.cases)
    return replace(model, detector_spec=spec, card=card)


def _key(config: StudyConfig, run: Run, key: str) -> str:
    """Returns the place in a group that names a part: `.losses[2]`, `.backbone`."""
    if run.group is None:
        return ""
    names = {"detectors": run.detector, "losses": run.loss}
    listed = getattr(config.runs[run.group], key)
    named = key in names and names[key] in listed
    return f".{key}[{listed.index(names[key])}]" if named else f".{key}"


def _schedule(
    config: StudyConfig, run: Run, model: Model, source: str
) -> tuple[dict[str, Any], str]:
    """The study's schedule, the group's changes to it, one learning rate; a note on the GPUs."""
    study = config.schedule.model_dump(exclude_none=True)
    change = run.schedule_change.model_dump(exclude_none=True)
    if "iterations" in change or "epochs" in change:
        study = {key: value for key, value in study.items() if key not in ("iterations", "epochs")}
    configured = [change.pop("lr", None), study.pop("lr", None)]
    cases = [case.schedule.model_dump(exclude_none=True) for case in run.cases]
    configured[:0] = [case.pop("lr") for case in reversed(cases) if "lr" in case]
    levels = [study, change, *cases]
    sizes = _sizes(levels, run, f"{_where(run, source)}: {run.key}")
    schedule = {
        key: value
        for key, value in merged_by_type(study, change, *cases).items()
        if key not in batches.OF_A_BATCH
    } | sizes
    if "betas" in schedule and schedule.get("optimizer", "sgd") != "adamw":
        raise InputError(
            f"{_where(run, source)}: schedule.betas: SGD has no betas; add `optimizer: adamw`, or "
            "leave betas out"
        )
    factor = schedule.pop("lr_factor", 1.0)
    if run.trained:
        batch = schedule["batch_size"]
        rate = rates.learning_rate(configured, run, model.card, config.preset, batch, source)
        schedule["lr"] = rate * factor
    return _shared(config, run, schedule, published.followed(levels, run, sizes), source)


def _where(run: Run, source: str) -> str:
    return source if run.group is None else f"{source}: runs[{run.group}]"


def _sizes(levels: Sequence[Mapping[str, Any]], run: Run, where: str) -> dict[str, int]:
    """How the batch is shared: each level changes the sizes of the level before it."""
    sizes: dict[str, int] = {}
    try:
        for level in published.in_numbers(levels, run):
            sizes = batches.changed(sizes, level)
    except ValueError as error:
        raise InputError(f"{where}: schedule: {error}") from None
    return sizes


def _shared(
    config: StudyConfig, run: Run, schedule: dict[str, Any], paper: str, source: str
) -> tuple[dict[str, Any], str]:
    """The schedule for the available GPUs, and a note if these are as published or too few."""
    scope = schedule.get("rank_scope", "gpu") if run.trained else ""
    fault = batches.faults({**schedule, "rank_scope": scope}, config.device)
    if fault:
        raise InputError(f"{_where(run, source)}: {run.key}: schedule: {fault}")
    if not run.trained or "gpus" not in schedule:
        return schedule, ""
    sizes = {key: schedule[key] for key in batches.OF_A_BATCH}
    most = config.max_gpus or batches.gpus_here(config.device) or sizes["gpus"]
    found = batches.fitted(sizes, most)
    return schedule | found, batches.gpu_note(sizes, found, scope, most, paper)


def _test(config: StudyConfig, run: Run, model: Model) -> dict[str, Any]:
    """The settings of the main test: the loss card's, the study's, the group's.

    The cards have the papers' score thresholds, for detectors trained for days on COCO. Ranking
    losses order scores but do not calibrate them. After a few hundred iterations such a threshold
    removes what was learned, so the preset `small` keeps every score.
    """
    two_stage = model.detector_spec["family"] == "two-stage"
    boxes = model.card.get("rcnn", {}).get("test", {}) if two_stage else {}
    small = {"score_threshold": 0.0} if config.preset == "small" else {}
    levels = (config.test, run.test_change, *(case.test for case in run.cases))
    changes = (level.model_dump(exclude_none=True) for level in levels)
    return merged_by_type(model.card.get("test", {}), boxes, small, *changes)


def _check_tests(run: ResolvedRun, source: str) -> None:
    """Checks that mmdet can merge the detections of every test of a run."""
    tests = [run.test, *(run.test_settings(name) for name, _ in run.test_variants)]
    several = any(test.get("multi_scale") or test.get("flip") for test in tests)
    if several and run.predicts_masks:
        raise InputError(f"{source}: {run.key}: {ONLY_BOXES}; leave them out for this detector")
