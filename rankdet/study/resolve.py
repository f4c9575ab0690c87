"""From a run's names to everything that its jobs need.

`resolve` turns a `Run` into a `ResolvedRun`. The plan, the job specs, the hashes and the estimates
read it; nothing else reads a backbone, a learning rate or a schedule for a run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.study import batches, hashes, published, rates, recipes
from rankdet.study.config.model import StudyConfig
from rankdet.study.model import Model, PartError, load_model
from rankdet.study.resolved_run import ResolvedRun
from rankdet.study.runs import UNTRAINED, Run
from rankdet.suggest import merged_by_type

ONLY_BOXES = "test.multi_scale and test.flip: mmdet merges boxes of several images, not masks"


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
