"""Trains a run with mmengine, and writes its model, its per-iteration record and `run.json`."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

from rankdet.files import atomic
from rankdet.results.layout import MODEL, PROGRESS, RUN, TRAINING
from rankdet.training import provenance
from rankdet.training.environment import set_up


def progress_reporter(run_dir: Path) -> Callable[[int, int, float, float], None]:
    """Returns a callback that prints a line of progress.

    If the workflow has set `RANKDET_TERMINAL` (a file descriptor of the terminal; other output of
    the job goes to its log), the line goes there, otherwise to standard error.
    """
    from rich.console import Console

    stream: TextIO
    try:
        stream = os.fdopen(os.dup(int(os.environ["RANKDET_TERMINAL"])), "w")
    except (KeyError, OSError, ValueError):
        stream = sys.stderr
    console = Console(file=stream, highlight=False, soft_wrap=True)
    name = "/".join(run_dir.parts[-4:])  # dataset, detector, loss, seed

    def report(done: int, total: int, pace: float, value: float) -> None:
        left = pace * (total - done)
        filled = round(10 * done / total)
        bar = f"[green]{'━' * filled}[/green][dim]{'━' * (10 - filled)}[/dim]"
        eta = f"{int(left // 60)}:{int(left % 60):02d} left" if done < total else "done"
        console.print(
            f"{bar} {name}  {done}/{total}  loss {value:.3f}  {pace:.2f} s/iteration  {eta}"
        )

    return report


def build_runner(
    spec: Mapping[str, Any], work: Path, device: str, report: Callable[..., None] | None = None
) -> Any:
    """Returns the mmengine runner of a run.

    Args:
        spec: The run's spec.
        work: Folder for checkpoints and logs.
        device: As `environment.set_up` returned it.
        report: Progress callback. None: progress is not printed.
    """
    from mmengine.runner import Runner

    from rankdet.detectors.models import model_config
    from rankdet.training import config, hooks
    from rankdet.training.pretrained import fetch

    schedule, manifest = spec["schedule"], config.load_manifest(spec)
    seed = int(spec["seed"])
    loader = Runner.build_dataloader(config.train_loader(spec, manifest), seed=seed)
    epochs, iterations = config.epochs_and_iterations(schedule, len(loader))
    every = max(1, round(schedule.get("checkpoint_every", 100) / len(loader)))
    custom = [hooks.EpochSeedHook(seed)]
    custom.append(hooks.EndEpochHook(warmup=int(schedule.get("warmup", 0))))
    custom.append(hooks.RecordHook(work / PROGRESS, device))
    if report is not None:
        custom.append(hooks.ProgressHook(report))
    return Runner(
        model=fetch(
            model_config(
                spec["detector_spec"],
                spec["card"],
                preset=spec["preset"],
                classes=config.class_names(manifest),
                loss_file=spec["loss_file"],
                test=spec.get("test"),
            )
        ),
        work_dir=str(work),
        train_dataloader=loader,
        train_cfg={
            "type": "EpochBasedTrainLoop",
            "max_epochs": config.last_epoch(schedule, epochs),
        },
        optim_wrapper=config.optimizer_config(spec),
        param_scheduler=config.lr_schedule(schedule, iterations) or None,
        default_hooks={
            "logger": {"type": "LoggerHook", "interval": schedule.get("log_every", 50)},
            "checkpoint": {"type": "CheckpointHook", "interval": every, "max_keep_ckpts": 2},
        },
        custom_hooks=custom,
        randomness={"seed": seed},
        default_scope="mmdet",
        env_cfg={"dist_cfg": {"backend": "nccl" if device.startswith("cuda") else "gloo"}},
        launcher=os.environ.get("RANKDET_LAUNCHER", "none"),
        experiment_name=f"{spec['study']}-{os.getpid()}-{id(spec)}",
    )


def train_run(spec: dict[str, Any], run_dir: Path) -> None:
    """Trains a run, or resumes it from its last checkpoint.

    It writes `model.pth`, `train.parquet` and `run.json` into `run_dir`, and then removes the
    `work/` folder with the checkpoints. If the loss is not finite, the run ends with the status
    `diverged` and a reason. This is a result, too.

    Args:
        spec: The run's spec from the study's plan.
        run_dir: The run's folder.

    Raises:
        InputError: If the spec, the data or the loss cannot be used.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    device = set_up(spec)
    import torch

    from rankdet.training import record
    from rankdet.training.checkpoints import Workspace, allow_mmengine_checkpoints
    from rankdet.training.hooks import Diverged, criterion_heads, inner_model

    allow_mmengine_checkpoints()
    space = Workspace(run_dir, spec)
    started = space.state.setdefault("started", provenance.now())
    runner = build_runner(spec, space.path, device, progress_reporter(run_dir))
    _resume(runner, space)
    status, reason = "trained", None
    try:
        runner.train()
    except Diverged as error:
        status, reason = "diverged", str(error)
    rows = space.rows_until(sys.maxsize)
    if status == "trained":
        status, reason = record.verdict(rows, spec["card"])
    heads = {h.record_prefix: h.num_classes for h in criterion_heads(inner_model(runner))}
    epochs = rows[-1]["epoch"] if rows else 0
    summary = record.training_summary(rows, device, space.state["resumed_from"], epochs, heads)
    _save_model(torch, runner, spec, run_dir / MODEL)
    record.write_rows(run_dir / TRAINING, rows)
    record.run_record(
        spec, status=status, reason=reason, training=summary, device=device, started=started
    ).to_disk(run_dir / RUN)
    space.remove()


def _resume(runner: Any, space: Any) -> None:
    """Makes the runner resume from the last checkpoint, and removes later rows of the record."""
    checkpoint = space.latest_checkpoint()
    iteration = 0
    if checkpoint is not None:
        import torch

        iteration = torch.load(checkpoint, map_location="cpu")["meta"]["iter"]
        runner._load_from, runner._resume = str(checkpoint), True
        space.state["resumed_from"].append(iteration)
    rows = space.rows_until(iteration)
    with atomic(space.rows_path) as temporary:
        temporary.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    space.save_state()


def _save_model(torch: Any, runner: Any, spec: Mapping[str, Any], path: Path) -> None:
    """Saves the weights, with the keys of the run."""
    from rankdet.training.hooks import inner_model

    state = {name: value.cpu() for name, value in inner_model(runner).state_dict().items()}
    meta = {key: spec[key] for key in ("dataset", "detector", "loss", "variant", "seed", "preset")}
    with atomic(path) as temporary:
        torch.save({"state_dict": state, "meta": meta}, temporary)
