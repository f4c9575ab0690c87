"""mmengine's runner of a training: its model, loader, optimiser and hooks."""

import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rankdet.errors import InputError
from rankdet.results import course
from rankdet.results.layout import PROGRESS

if TYPE_CHECKING:
    from rankdet.training.steps import Steps

_STARTED = itertools.count()


def _unused_name(spec: Mapping[str, Any]) -> str:
    """Returns a name that no other run of this process has.

    mmengine keeps a visualizer for each name, with the folder of the run that it was made for. A
    second run of the same name would write into the first run's folder.
    """
    return f"{spec['study']}-{os.getpid()}-{next(_STARTED)}"


def build_runner(
    spec: Mapping[str, Any],
    work: Path,
    device: str,
    report: Callable[..., None] | None = None,
    note: Callable[[str], None] | None = None,
) -> Any:
    """Returns the mmengine runner of a run.

    Args:
        spec: The run's spec.
        work: Folder for checkpoints and logs.
        device: As `environment.set_up` returned it.
        report: Progress callback. None: progress is not printed.
        note: Prints a line about the loss that the user should know.

    Raises:
        InputError: If the data, the schedule or the loss cannot be used.
    """
    from mmengine.runner import Runner

    from rankdet.training import acceleration, config, together, tracking
    from rankdet.training.steps import Steps, with_steps

    schedule, manifest = spec["schedule"], config.load_manifest(spec)
    model = _model(spec, manifest, device, note)
    loader = _loader(spec, manifest, device)
    steps = Steps(int(schedule.get("accumulate", 1)), len(loader))
    epochs, iterations = course.epochs_and_iterations(schedule, steps.per_epoch)
    tracked = tracking.visualizer(spec, work) if together.is_main() else None
    by_steps = {"accumulate": steps.accumulate, "epoch_length": steps.epoch_length}
    several = together.process_count() > 1
    precision = schedule.get("precision", "fp32")
    runner = Runner(
        model=acceleration.model(model, device),
        work_dir=str(work),
        train_dataloader=loader,
        train_cfg={
            "type": "EpochBasedTrainLoop",
            "max_epochs": course.last_epoch(schedule, epochs),
        },
        optim_wrapper=with_steps(config.optimizer_config(spec), steps, precision, device),
        param_scheduler=course.lr_schedule(schedule, iterations) or None,
        default_hooks={
            "logger": None,  # the training record writes lines to the log
            "timer": None,
            "runtime_info": {"type": "PlainInfoHook"},
            "checkpoint": None,
            "param_scheduler": {"type": "StepsParamSchedulerHook", **by_steps},
        },
        custom_hooks=_hooks(spec, work, device, steps, bool(tracked), report, note),
        env_cfg=acceleration.environment(schedule, device),
        randomness={"seed": int(spec["seed"])},
        default_scope="mmdet",
        launcher="pytorch" if several else "none",
        visualizer=tracked or tracking.nothing(),
        experiment_name=_unused_name(spec),
        cfg=_parallel_settings(spec, device) if several else None,
    )
    if tracked:
        tracking.describe(runner, spec, work)
    _prepare_detector(runner, spec, config.class_names(manifest))
    return runner


def _loader(spec: Mapping[str, Any], manifest: Mapping[str, Any], device: str) -> Any:
    """Returns the loader of the training images."""
    import torch
    from mmengine.runner import Runner

    from rankdet.training import acceleration, config

    settings = acceleration.loader(config.train_loader(spec, manifest), device)
    loader = Runner.build_dataloader(settings, seed=int(spec["seed"]))
    loader.generator = torch.Generator()  # else it draws from the model's, and not in each epoch
    return loader


def _hooks(
    spec: Mapping[str, Any],
    work: Path,
    device: str,
    steps: "Steps",
    tracked: bool,
    report: Callable[..., None] | None,
    note: Callable[[str], None] | None,
) -> list[Any]:
    """Returns the hooks of a training; those of one priority run in this order."""
    from rankdet.training import acceleration, hooks, recording, together
    from rankdet.training.averaging import AverageHook
    from rankdet.training.checkpoint_store import CheckpointStore, SaveHook
    from rankdet.training.first_weights import FirstWeightsHook
    from rankdet.training.going_on import LongerRatesHook
    from rankdet.training.kept_epochs import KeepEpochsHook

    schedule, progress = spec["schedule"], work / PROGRESS
    log_every, block = schedule.get("log_every", 50), acceleration.block(device)
    epochs, _ = course.epochs_and_iterations(schedule, steps.per_epoch)
    last = course.last_epoch(schedule, epochs)
    every = max(1, round(schedule.get("checkpoint_every", 100) / steps.per_epoch))
    return [
        hooks.EpochSeedHook(int(spec["seed"])),
        hooks.InertCheckpointHook(),
        hooks.EndEpochHook(int(schedule.get("warmup", 0)), steps),
        recording.RecordHook(progress, device, steps, block, log_every, tracked),
        *([AverageHook(schedule["ema"], steps)] if schedule.get("ema") else []),
        *([together.ProcessBuffersHook()] if together.process_count() > 1 else []),
        KeepEpochsHook(spec, work, epochs, last, steps),
        FirstWeightsHook(note),
        LongerRatesHook(),
        *([hooks.ProgressHook(report, steps)] if report else []),
        SaveHook(CheckpointStore(work, progress), every, steps),
    ]


def _prepare_detector(runner: Any, spec: Mapping[str, Any], classes: Sequence[str]) -> None:
    """Gives the built detector its first weights, its scope of ranks and what makes it fast."""
    from rankdet.losses.scope import set_rank_scope
    from rankdet.training import acceleration, config, hooks
    from rankdet.training.first_weights import first_weights, first_weights_hook

    schedule, detector = spec["schedule"], hooks.inner_model(runner)
    if spec.get("init_from"):
        first_weights_hook(runner.hooks).first = first_weights(spec, classes, detector)
    if schedule.get("rank_scope"):
        set_rank_scope(detector, schedule["rank_scope"])
    config.check_parts(schedule, spec["detector"], [n for n, _ in detector.named_parameters()])
    acceleration.adapt(detector, schedule)


def _model(
    spec: Mapping[str, Any],
    manifest: Mapping[str, Any],
    device: str,
    note: Callable[[str], None] | None,
) -> dict[str, Any]:
    """Returns the detector's config, with a loss that was tried on random tensors.

    Pretrained weights are fetched once for all processes; a run with `init_from` needs none.
    """
    from rankdet.detectors.trial import try_losses
    from rankdet.training.config import class_names, model_settings
    from rankdet.training.pretrained import fetch
    from rankdet.training.together import main_first

    settings = model_settings(spec, class_names(manifest))
    try_losses(settings, device, note)
    if spec.get("init_from"):
        if settings.get("backbone"):
            settings["backbone"]["init_cfg"] = None
        return settings
    with main_first():
        return fetch(settings)


def _parallel_settings(spec: Mapping[str, Any], device: str) -> dict[str, Any]:
    """Returns how the processes' models are joined: each keeps its own buffers."""
    on_gpu = device.startswith("cuda")
    sync_bn = spec["schedule"].get("sync_bn", False)
    if sync_bn and not on_gpu:
        raise InputError("sync_bn: true needs GPUs, and this run is on a CPU; leave it out")
    wrapper: dict[str, Any] = {"type": "MMDistributedDataParallel", "broadcast_buffers": False}
    if not on_gpu:
        wrapper["device_ids"] = None
    return {"model_wrapper_cfg": wrapper, **({"sync_bn": "torch"} if sync_bn else {})}
