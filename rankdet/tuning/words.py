"""What a search prints: its plan, its trials, its outcome."""

from collections.abc import Iterator, Mapping, Sequence

from rankdet.results.learning import LEARNED_AP50
from rankdet.results.schemas.tuning import Measurement, Trial, TuningRecord
from rankdet.tuning.halving import Change, Plan
from rankdet.tuning.held_out import HeldOut
from rankdet.tuning.outcome import name_of
from rankdet.tuning.trials import Pair

HEADS = (
    "detector",
    "loss",
    "rate",
    "clip",
    "warm-up",
    "AP",
    "AP50",
    "oLRP",
    "best of",
    "iterations",
)


def plan_lines(
    plan: Plan,
    tuned: Sequence[Pair],
    measured: Mapping[str, Measurement],
    data: HeldOut,
    seconds: float,
    jobs: int,
) -> Iterator[str]:
    """Yields the plan: data, candidates, rungs, iterations and expected time."""
    yield (
        f"scores: {data.words} ({data.scored.n_images:,} images; {data.train.n_images:,} to train "
        "on); never a split that the study reports"
    )
    factors = ", ".join(f"{f:g}" for f in sorted({one.factor for one in plan.candidates}))
    changes = list(dict.fromkeys(one.change for one in plan.candidates))
    count = len(plan.candidates)
    yield f"candidates: {count} for each loss: its rate times {factors}{_changes(changes)}"
    shown = set()
    for pair in tuned:
        one, detector = measured[pair.name], pair.run.detector
        if detector in shown:
            continue
        shown.add(detector)
        rungs = ", ".join(
            f"{rung.candidates} x {rung.epochs(one.epochs) * one.iterations:,}"
            for rung in plan.rungs
        )
        total = plan.epochs(one.epochs) * one.iterations
        yield f"rungs on {detector}: {rungs} iterations; {total:,} for each loss"
    trainings = len(tuned) * sum(rung.candidates for rung in plan.rungs)
    yield (
        f"{trainings} trainings, {jobs} at a time: about {seconds / 60:.1f} minutes "
        f"(measured on {len(measured)} pair{'' if len(measured) == 1 else 's'})"
    )


def _changes(changes: Sequence[Change]) -> str:
    if changes == [()]:
        return ""
    words = [
        " and ".join(f"{key} {'none' if value is None else f'{value:g}'}" for key, value in change)
        for change in changes
    ]
    return f"; each with {', or '.join(words)}"


def trial_line(pair: Pair, trial: Trial, rungs: int) -> str:
    """Returns a line on a trial that has ended."""
    clip = f" clip {trial.grad_clip:g}" if trial.grad_clip else ""
    return (
        f"{pair.name}  rung {trial.rung}/{rungs}  rate {trial.lr:g}{clip}  AP {trial.score:.4f}  "
        f"{trial.outcome}  {trial.iterations:,} iterations  {trial.seconds:.0f} s"
    )


def edge_line(pair: Pair, best: Trial, side: str, plan: Plan) -> str:
    """Returns what to do if the best rate is on the edge of the grid."""
    factors = sorted({one.factor for one in plan.candidates})
    step = factors[1] / factors[0] if len(factors) > 1 else 2.0
    if best.factor == factors[0]:
        factors = [factors[0] / step, *factors]
    else:
        factors = [*factors, factors[-1] * step]
    wider = ",".join(f"{factor:g}" for factor in factors)
    return (
        f"{pair.name}: the best rate {best.lr:g} is the {side} that was tried, so a better one may "
        f"lie beyond it; search every loss with --rates {wider}"
    )


def outcome_lines(record: TuningRecord) -> Iterator[str]:
    """Yields a table of the best settings of each search that has ended.

    Of a search in which nothing learned it has no rate, and a line says why.
    """
    rows: list[tuple[str, ...]] = [HEADS]
    for one in record.searches:
        best = one.best
        if best is None:
            continue
        clip = "none" if best.grad_clip is None else f"{best.grad_clip:g}"
        parts = [
            f"{value:.4f}" if value is not None else "-"
            for value in (best.AP, best.AP50, best.oLRP)
        ]
        rate = f"{best.lr:g}" if one.learned else "nothing learned"
        counts = (str(len(one.candidates)), f"{one.iterations:,}")
        rows.append((one.detector, one.loss, rate, clip, str(best.warmup), *parts, *counts))
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADS))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    for one in record.searches:
        if one.best is not None and not one.learned:
            yield (
                f"{name_of(one)}: nothing learned: no training of the last rung reached AP50 "
                f"{LEARNED_AP50:g}, so no rate is better than another; give other --rates, or a "
                "study with a longer schedule"
            )
