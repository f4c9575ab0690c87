"""Charts of a kind for the losses of one detector, without a specification of a paper."""

from collections.abc import Callable, Sequence
from typing import Any

from rankdet.charts.chart import Chart
from rankdet.charts.looks import with_looks
from rankdet.errors import InputError
from rankdet.papers.figure_kinds import FigureOfRuns
from rankdet.papers.loss_looks import loss_looks
from rankdet.results.epochs import at_epoch
from rankdet.results.recorded_run import RecordedRun
from rankdet.results.records import RecordedStudy
from rankdet.suggest import choice


def comparison_charts(
    study: RecordedStudy,
    kind: FigureOfRuns,
    dataset: str = "",
    detector: str = "",
    losses: Sequence[str] = (),
    told: Callable[[str], None] = lambda line: None,
) -> list[Chart]:
    """Draws a kind of figure for the losses of a detector, in the order of the plan.

    A loss that has runs at the study's usual schedule is drawn with these alone, unless the kind
    shows what differs between schedules.

    Args:
        study: the study.
        kind: the kind.
        dataset: by default the first one that has a run that can be drawn.
        detector: likewise.
        losses: losses with their variants, such as `alrp+iou`, in this order; by default all.
        told: gets a line for each damaged file, whose run is not drawn.

    Returns:
        Charts whose labels are titles of losses; the records of all seeds are one label.

    Raises:
        InputError: a name is unknown, or no run can be drawn.
    """
    trained = [run for run in study.runs if not run.untrained]
    for what, name, known in (
        ("dataset", dataset, [run.dataset for run in trained]),
        ("detector", detector, [run.detector for run in trained]),
        *(("loss", loss, [run.full_loss for run in trained]) for loss in losses),
    ):
        if name and name not in known:
            known = list(dict.fromkeys(known))
            raise InputError(f"{study.name} has no {what} {name!r}; {choice(name, known)}")
    wanted = [
        run
        for run in trained
        if dataset in ("", run.dataset)
        and detector in ("", run.detector)
        and (not losses or run.full_loss in losses)
    ]
    reasons = {run.key: kind.unusable(run, study.checksum(run.dataset)) for run in wanted}
    for run in wanted:
        if reasons[run.key] is not None and (line := kind.damage(run)):
            told(line)
    usable = [run for run in wanted if reasons[run.key] is None]
    if not usable:
        why = next((f"{key}: {reason}" for key, reason in reasons.items()), "no run is planned")
        raise InputError(f"{study.name}: no run can be drawn ({why}); run the study first")
    group = _group(kind, usable[0])
    chosen = _at_usual_schedules(kind, [run for run in usable if _group(kind, run) == group])
    if losses:
        chosen.sort(key=lambda run: losses.index(run.full_loss))
    of_losses = loss_looks(study)
    looks = {_label(kind, chosen, run): of_losses[run.full_loss] for run in chosen}
    return [with_looks(chart, looks) for chart in kind.charts(_by_label(kind, chosen))]


def _group(kind: FigureOfRuns, run: RecordedRun) -> tuple[str, str, str]:
    """What the runs of one drawing share."""
    return "" if kind.across else run.dataset, run.detector, run.backbone


def _at_usual_schedules(kind: FigureOfRuns, runs: Sequence[RecordedRun]) -> list[RecordedRun]:
    """Leaves out the named schedules of losses that also have the unnamed one."""
    usual = {run.full_loss for run in runs if not run.schedule}
    return [run for run in runs if kind.schedules or not run.schedule or run.full_loss not in usual]


def _by_label(kind: FigureOfRuns, runs: Sequence[RecordedRun]) -> dict[str, list[Any]]:
    of_losses: dict[str, list[RecordedRun]] = {}
    for run in runs:
        of_losses.setdefault(_label(kind, runs, run), []).append(run)
    return {label: _records(kind, kind.drawn(own)) for label, own in of_losses.items()}


def _records(kind: FigureOfRuns, runs: Sequence[RecordedRun]) -> list[Any]:
    every = []
    for run in runs:
        kept = [at_epoch(run, name) for name in run.kept_epochs] if kind.epochs else []
        every += [*kept, run]
    return [record for run in every if (record := kind.read(run)) is not None]


def _label(kind: FigureOfRuns, runs: Sequence[RecordedRun], run: RecordedRun) -> str:
    """The name of a run's curve: its loss, with the schedule if the runs have several."""
    several = len({one.schedule for one in runs}) > 1 and not kind.schedules
    title = run.title("loss")
    return f"{title}, {run.schedule or 'default'}" if several else title
