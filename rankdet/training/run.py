"""Trains a run with mmengine, and writes its model, its per-iteration record and `run.json`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rankdet.results.layout import MODEL, RUN, TRAINING
from rankdet.training import provenance
from rankdet.training.environment import set_up
from rankdet.training.progress import note_printer, progress_reporter
from rankdet.training.runner import build_runner


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
    from rankdet.training.first_weights import first_weights_hook
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
    first = first_weights_hook(runner.hooks).first
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
