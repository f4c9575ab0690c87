"""Runs a search: measures the pace, prints the plan, trains rung by rung, writes the record."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rankdet.files import remove_leftovers, shown
from rankdet.results.schemas.tuning import Measurement, Trial, TuningRecord
from rankdet.study import data as files
from rankdet.study.plan import Study
from rankdet.training import provenance
from rankdet.training.attempts import MEASURED, Row
from rankdet.training.lock import WriterLock
from rankdet.training.pool import train_all
from rankdet.tuning import budget, halving, pilot
from rankdet.tuning.halving import Candidate, Plan, Rung
from rankdet.tuning.held_out import HeldOut, prepare_held_out
from rankdet.tuning.outcome import (
    Outcome,
    check_budget_keeps,
    check_keeps,
    check_same_data,
    ends,
    key_of,
    learned,
    of_candidate,
    read_earlier,
)
from rankdet.tuning.trials import TRAINING_SEED, Pair, pairs
from rankdet.tuning.words import edge_line, plan_lines, trial_line

Say = Callable[[str], None]
Rows = dict[str, dict[Candidate, Trial]]  # name of a pair to its trials in a rung


@dataclass(frozen=True)
class Settings:
    """What to search.

    Attributes:
        study: The study whose data and schedule are used.
        dataset: One of its datasets.
        detectors: Files of `workflows/detectors`.
        losses: Files of `workflows/losses`, with variants.
        tried: The candidates; see `halving.candidates`.
        budget: Seconds to which the search is cut; None for no limit.
        jobs: Trainings at a time.
        out: The record.
    """

    study: Study
    dataset: str
    detectors: Sequence[str]
    losses: Sequence[str]
    tried: Sequence[Candidate]
    budget: float | None
    jobs: int
    out: Path


def run_search(settings: Settings, say: Say) -> TuningRecord:
    """Searches, and writes the record after each trial.

    Trials that the record holds are not made again.

    Args:
        settings: What to search.
        say: Prints a line.

    Returns:
        The finished record.

    Raises:
        InputError: If a loss, detector, dataset or budget cannot be used, a training fails, or
            another search writes the record.
    """
    study, out = settings.study, settings.out
    tuned = pairs(study, settings.dataset, settings.detectors, settings.losses)
    with _alone(out, say):
        return _search(settings, tuned, say)


@contextmanager
def _alone(out: Path, say: Say) -> Iterator[None]:
    """Holds the record: another search would write it with its own trials alone."""
    out.parent.mkdir(parents=True, exist_ok=True)
    lock = WriterLock(out.with_name(f".{out.name}.lock"))
    lock.acquire(say, patience=0)
    try:
        yield
    finally:
        lock.path.unlink(missing_ok=True)
        lock.release()


def _search(settings: Settings, tuned: Sequence[Pair], say: Say) -> TuningRecord:
    study, out = settings.study, settings.out
    earlier = read_earlier(out, study.name)
    check_keeps(earlier, [pair.name for pair in tuned], [one.factor for one in settings.tried], out)
    files.check(study.config, [settings.dataset], study.source)
    work = out.with_name(f".{out.stem}.work.{os.getpid()}")
    remove_leftovers(out.with_name(f"{out.stem}.work"))
    log = out.with_suffix(".log")
    try:
        data = prepare_held_out(study, settings.dataset, work / "data")
        check_same_data(earlier, data, out)
        say(f"measuring the pace of {len(tuned)} pairs of loss and detector")
        measured = pilot.measure(tuned, data, settings.jobs, work, log, earlier)
        plan = _plan(settings, measured)
        lengths = {name: pace.epochs for name, pace in measured.items()}
        check_budget_keeps(earlier, plan, lengths, out)
        outcome = Outcome(out, earlier, _facts(settings, data, earlier), data, plan)
        for pair in tuned:
            outcome.open(pair, measured[pair.name])
        outcome.flush()
        paces, start = pilot.paces(measured)
        seconds = budget.seconds(plan, paces.values(), settings.jobs, start)
        for line in plan_lines(plan, tuned, measured, data, seconds, settings.jobs):
            say(line)
        return _run(settings, tuned, outcome, measured, work, log, say)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _plan(settings: Settings, measured: Mapping[str, Measurement]) -> Plan:
    paces, start = pilot.paces(measured)
    epochs = min(pace.epochs for pace in paces.values())
    made = list(halving.plans(settings.tried, epochs))
    return budget.fitted(made, paces, settings.jobs, start, settings.budget)


def _facts(settings: Settings, data: HeldOut, earlier: TuningRecord | None) -> dict[str, Any]:
    now = provenance.now()
    device = "cuda" if settings.study.gpus else "cpu"
    found = provenance.provenance({"seed": TRAINING_SEED}, device, now)
    found["hardware"]["threads"] = 1  # of each training
    return {
        "study": settings.study.name,
        "preset": settings.study.config.preset,
        "data": {
            "name": settings.dataset,
            "kind": data.content.kind or "",
            "words": data.words,
            "split": data.split,
            "seed": data.seed,
            "train_images": data.train.n_images,
            "held_out_images": data.scored.n_images,
            "checksum": data.content.checksum,
        },
        "seeds": {"data": data.seed, "training": TRAINING_SEED},
        "jobs": settings.jobs,
        "budget_minutes": None if settings.budget is None else settings.budget / 60,
        **{key: found[key] for key in ("hardware", "versions", "commit", "dirty")},
        "started": earlier.started if earlier else now,
        "finished": None,
    }


def _run(
    settings: Settings,
    tuned: Sequence[Pair],
    outcome: Outcome,
    measured: Mapping[str, Measurement],
    work: Path,
    log: Path,
    say: Say,
) -> TuningRecord:
    plan = outcome.plan
    going = {pair.name: list(plan.candidates) for pair in tuned}
    made: list[Rows] = []
    for number, rung in enumerate(plan.rungs, 1):
        going = {name: kept[: rung.candidates] for name, kept in going.items()}
        rows = _rung(settings, tuned, going, outcome, measured, (number, rung), work, log, say)
        made.append(rows)
        going = {
            name: halving.ranked({one: trial.score for one, trial in trials.items()})
            for name, trials in rows.items()
        }
    lines = []
    for pair in tuned:
        best, side = ends(outcome, pair, [rows[pair.name] for rows in made])
        if side and learned(best):  # else no rate is better than another
            lines.append(edge_line(pair, best, side, plan))
    record = outcome.finish()
    for line in lines:
        say(line)
    return record


def _rung(
    settings: Settings,
    tuned: Sequence[Pair],
    going: Mapping[str, Sequence[Candidate]],
    outcome: Outcome,
    measured: Mapping[str, Measurement],
    rung: tuple[int, Rung],
    work: Path,
    log: Path,
    say: Say,
) -> Rows:
    """Makes the trials of a rung that the record does not hold; returns all trials of the rung."""
    number, length = rung
    by_name = {pair.name: pair for pair in tuned}
    found: Rows = {pair.name: {} for pair in tuned}
    tasks = []
    alike: dict[tuple[str, str], list[Candidate]] = {}  # candidates with one and the same training
    # Candidates first, pairs second: a search that is stopped has tried the same with every loss.
    for position in range(length.candidates):
        for pair in tuned:
            candidate = going[pair.name][position]
            epochs = length.epochs(measured[pair.name].epochs)
            key, spec = key_of(outcome, pair, candidate, epochs)
            known = outcome.trial(pair, key)
            if known:
                found[pair.name][candidate] = of_candidate(known, pair, candidate)
                continue
            alike.setdefault((pair.name, key), []).append(candidate)
            if len(alike[pair.name, key]) == 1:
                item = {"pair": pair.name, "key": key, "candidate": candidate}
                tasks.append((item, spec))
    made = sum(map(len, found.values()))
    if made:
        say(f"rung {number}: {made} trials are in {shown(settings.out)} already")
    rows: list[Row] = []
    for row in train_all(tasks, settings.jobs, work, log) if tasks else ():
        rows.append(row)
        if row["status"] == MEASURED:
            pair = by_name[row["pair"]]
            trial = outcome.add(pair, row["key"], row["candidate"], number, row)
            for one in alike[pair.name, row["key"]]:
                found[pair.name][one] = of_candidate(trial, pair, one)
            say(trial_line(pair, trial, len(outcome.plan.rungs)))
    pilot.check_made(rows, log)
    return {name: {one: trials[one] for one in going[name]} for name, trials in found.items()}
