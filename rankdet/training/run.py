"""Trains a run with mmengine, and writes its model, its per-iteration record and `run.json`."""

import itertools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.results import course
from rankdet.results.layout import MODEL, PROGRESS, RUN, TRAINING
from rankdet.training import provenance
from rankdet.training.environment import set_up
from rankdet.training.progress import note_printer, progress_reporter

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
    import torch
    from mmengine.runner import Runner

    from rankdet.losses.scope import set_rank_scope
    from rankdet.training import acceleration, config, hooks, recording, together, tracking
    from rankdet.training.averaging import AverageHook
    from rankdet.training.checkpoint_store import CheckpointStore, SaveHook
    from rankdet.training.first_weights import FirstWeightsHook, first_weights
    from rankdet.training.going_on import LongerRatesHook
    from rankdet.training.kept_epochs import KeepEpochsHook
    from rankdet.training.steps import Steps, with_steps

    schedule, manifest = spec["schedule"], config.load_manifest(spec)
    seed = int(spec["seed"])
    model = _model(spec, manifest, device, note)
    loader_settings = acceleration.loader(config.train_loader(spec, manifest), device)
    loader = Runner.build_dataloader(loader_settings, seed=seed)
    loader.generator = torch.Generator()  # else it draws from the model's, and not in each epoch
    several = together.process_count() > 1
    steps = Steps(int(schedule.get("accumulate", 1)), len(loader))
    precision = schedule.get("precision", "fp32")
    epochs, iterations = course.epochs_and_iterations(schedule, steps.per_epoch)
    every = max(1, round(schedule.get("checkpoint_every", 100) / steps.per_epoch))
    custom = [hooks.EpochSeedHook(seed), hooks.InertCheckpointHook()]
    custom.append(hooks.EndEpochHook(int(schedule.get("warmup", 0)), steps))
    log_every, block = schedule.get("log_every", 50), acceleration.block(device)
    tracked = tracking.visualizer(spec, work) if together.is_main() else None
    custom.append(
        recording.RecordHook(work / PROGRESS, device, steps, block, log_every, bool(tracked))
    )
    if schedule.get("ema"):
        custom.append(AverageHook(schedule["ema"], steps))
    if several:
        custom.append(together.ProcessBuffersHook())
    last = course.last_epoch(schedule, epochs)
    custom.append(KeepEpochsHook(spec, work, epochs, last, steps))
    start = FirstWeightsHook(note)
    custom += [start, LongerRatesHook()]
    if report is not None:
        custom.append(hooks.ProgressHook(report, steps))
    store = CheckpointStore(work, work / PROGRESS)
    custom.append(SaveHook(store, every, steps))
    by_steps = {"accumulate": steps.accumulate, "epoch_length": steps.epoch_length}
    runner = Runner(
        model=acceleration.model(model, device),
        work_dir=str(work),
        train_dataloader=loader,
        train_cfg={"type": "EpochBasedTrainLoop", "max_epochs": last},
        optim_wrapper=with_steps(config.optimizer_config(spec), steps, precision, device),
        param_scheduler=course.lr_schedule(schedule, iterations) or None,
        default_hooks={
            "logger": None,  # the training record writes lines to the log
            "timer": None,
            "runtime_info": {"type": "PlainInfoHook"},
            "checkpoint": None,
            "param_scheduler": {"type": "StepsParamSchedulerHook", **by_steps},
        },
        custom_hooks=custom,
        env_cfg=acceleration.environment(schedule, device),
        randomness={"seed": seed},
        default_scope="mmdet",
        launcher="pytorch" if several else "none",
        visualizer=tracked or tracking.nothing(),
        experiment_name=_unused_name(spec),
        cfg=_parallel_settings(spec, device) if several else None,
    )
    if tracked:
        tracking.describe(runner, spec, work)
    detector = hooks.inner_model(runner)
    if spec.get("init_from"):
        start.first = first_weights(spec, config.class_names(manifest), detector)
    if schedule.get("rank_scope"):
        set_rank_scope(detector, schedule["rank_scope"])
    config.check_parts(schedule, spec["detector"], [n for n, _ in detector.named_parameters()])
    acceleration.adapt(detector, schedule)
    return runner


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


def train_run(
    spec: dict[str, Any], run_dir: Path, finish: Callable[[], None] | None = None
) -> None:
    """Trains a run, or resumes it from its last checkpoint.

    It writes `model.pth`, `train.parquet` and `run.json` into `run_dir`, and then removes the
    `work/` folder with the checkpoints. If the loss is not finite, the run ends with the status
    `diverged` and a reason. This is a result, too.

    Args:
        spec: The run's spec from the study's plan.
        run_dir: The run's folder.
        finish: As for `train_process`.

    Raises:
        InputError: If the spec, the data or the loss cannot be used.
    """
    train_process(spec, run_dir, set_up(spec), progress_reporter(run_dir), finish)


def train_process(
    spec: dict[str, Any],
    run_dir: Path,
    device: str,
    report: Callable[..., None],
    finish: Callable[[], None] | None = None,
) -> None:
    """Trains as the only process of a run, or as one of several; the main one writes all files.

    Args:
        spec: The run's spec.
        run_dir: The run's folder.
        device: As `environment.set_up` returned it.
        report: Progress callback, for the main process.
        finish: Called when the outputs are written, before `work/` is removed.

    Raises:
        InputError: If the spec, the data or the loss cannot be used. Errors in the loss's file have
            its place.
    """
    from rankdet.detectors.loss_faults import located_in

    with located_in(spec["loss_file"]):
        _train_and_write(spec, run_dir, device, report, finish)


def _train_and_write(
    spec: dict[str, Any],
    run_dir: Path,
    device: str,
    report: Callable[..., None],
    finish: Callable[[], None] | None,
) -> None:
    from rankdet.training import record, together
    from rankdet.training.checkpoints import Workspace, save_model
    from rankdet.training.first_weights import first_of
    from rankdet.training.gradient_checks import require_gradient
    from rankdet.training.hooks import criterion_heads, inner_model
    from rankdet.training.kept_epochs import keeper

    run_dir.mkdir(parents=True, exist_ok=True)
    main = together.is_main()
    note = note_printer(run_dir) if main else None
    space = Workspace(run_dir, spec, note) if note else None
    work = together.from_main(space and space.path)
    runner = build_runner(spec, work, device, report if main else None, note)
    _resume(runner, spec, space)
    status, reason = _train(runner)
    if space is None:
        return
    rows = space.all_rows(_iterations(runner) if status == "trained" else None)
    criteria = criterion_heads(inner_model(runner))
    if status == "trained":
        require_gradient(rows, criteria)
        status, reason = record.verdict(rows, spec["card"])
    heads = {head.record_prefix: head.num_classes for head in criteria}
    epochs = keeper(runner.hooks)
    first = first_of(runner.hooks)
    origin = first.to_record() if first else None
    written = record.Written(spec, status, reason, rows, device, space.state, heads, origin)
    save_model(runner, spec, run_dir / MODEL)
    epochs.write(run_dir, written.at_epoch)
    record.write_rows(run_dir / TRAINING, rows)
    written.at_end({kept.name: iteration for kept, iteration in epochs.reached().items()}).to_disk(
        run_dir / RUN
    )
    if finish is not None:
        finish()
    space.remove(keep_last=status != "diverged" and spec["schedule"].get("keep_state", True))


def _iterations(runner: Any) -> int:
    """Returns the iterations of a training that has not stopped on the way."""
    from rankdet.training.kept_epochs import keeper

    return keeper(runner.hooks).steps.count(runner.max_iters)


def _train(runner: Any) -> tuple[str, str | None]:
    """Trains; returns the status and, if the loss was not finite, the reason."""
    from rankdet.training.recording import Diverged, record_hook
    from rankdet.training.together import process_count

    try:
        runner.train()
    except Diverged as error:
        return "diverged", str(error)
    except Exception as error:
        reason = record_hook(runner).cause_of_failure()
        if reason is None:
            raise
        if process_count() > 1:  # the others wait for this process, and do not know the reason
            raise RuntimeError(f"{reason}, then {type(error).__name__}: {error}") from error
        return "diverged", reason
    finally:
        record_hook(runner).close()
    return "trained", None


def _resume(runner: Any, spec: Mapping[str, Any], space: Any) -> None:
    """Makes the runner resume from the last checkpoint, and removes later rows of the record.

    A training that has passed an epoch without keeping it, because no table showed that epoch
    then, starts again.

    Args:
        runner: The runner.
        spec: The run's spec.
        space: The run's workspace in the main process, which chooses the checkpoint for all.
    """
    from rankdet.training.going_on import course_record, longer_rates
    from rankdet.training.kept_epochs import keeper
    from rankdet.training.together import from_main

    epochs = keeper(runner.hooks)
    found = space and (*_last_checkpoint(space, epochs), space.went_on_at)
    checkpoint, passes, went_on_at = from_main(found)
    iteration = epochs.steps.count(passes)
    goes_on = checkpoint is not None and iteration == went_on_at
    longer_rates(runner.hooks).iterations = iteration if goes_on else 0
    if checkpoint is not None:
        runner._load_from, runner._resume = str(checkpoint), True
    if space is None:
        return
    space.state.setdefault("started", provenance.now())
    epochs.forget(passes // epochs.steps.epoch_length)
    space.state["course"] = course_record(spec, epochs.steps.per_epoch)
    if checkpoint is not None and not goes_on:
        space.state["resumed_from"].append(iteration)
    space.cut_rows(iteration)
    space.save_state()


def _last_checkpoint(space: Any, epochs: Any) -> tuple[Path | None, int]:
    """Returns the checkpoint to resume from and its forward passes; (None, 0) to start."""
    from rankdet.training.inert import load_inert

    checkpoint = space.checkpoints.last_whole(space.say)
    if checkpoint is None:
        space.start_again()
        return None, 0
    load_inert(checkpoint.path)  # refuses what could run code, in one line
    lost = epochs.missing(checkpoint.passes // epochs.steps.epoch_length)
    if not lost:
        return checkpoint.path, checkpoint.passes
    space.say(f"{lost[0].words} was not kept when the training passed it: it starts again")
    space.start_again()
    return None, 0
