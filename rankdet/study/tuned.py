"""How the learning rate of a run was chosen, in words for the report."""

import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from rankdet.repository import ROOT
from rankdet.results.schemas.tuning import Search, TuningRecord
from rankdet.study import rates
from rankdet.study.recipes import Case
from rankdet.study.runs import Run

FROM_PAPER, OF_STUDY, NOT_TUNED = "rate from its paper", "rate set by the study", "rate not tuned"


def how_tuned(
    run: Run,
    card: Mapping[str, Any],
    preset: str,
    schedule: Mapping[str, Any],
    root: Path = ROOT,
) -> str:
    """Returns how the rate of a run was chosen.

    Args:
        run: The run.
        card: Its loss card, with the variants merged in.
        preset: `small` or `full`.
        schedule: Its schedule.
        root: The repository: the card's record of `rankdet tune` is a file of it.

    Returns:
        `rate 0.02: best of 5, 1,500 iterations, held-out shapes` if the record that the card cites
        has this loss on this detector, and its best rate is the run's; `rate from its paper` for
        the papers' rates of full-size detectors; `rate set by the study` if the group of the run
        has a rate, or the study's config has another one than the card; else `rate not tuned`.
        If the record has the loss with another best rate, that rate follows: `rate set by the
        study; the best of 5 was 0.04 (held-out shapes)`. Empty for an untrained detector.
    """
    if not run.trained:
        return ""
    record, search = _search(run, card, preset, root)
    if record and search and _is_best(search, schedule):
        return _best_of(search, record, schedule["lr"])
    return _unsearched(run, card, preset, schedule) + _other(search, record)


def _unsearched(run: Run, card: Mapping[str, Any], preset: str, schedule: Mapping[str, Any]) -> str:
    """How a rate was chosen that is not the best of a search."""
    own = rates.card_rate(card, run.detector, preset, schedule["batch_size"])
    of_card = own is not None and math.isclose(own, schedule["lr"], rel_tol=1e-9)
    if preset == "full" and card.get("paper") and (of_card or _has_rate(run.cases)):
        return FROM_PAPER
    return NOT_TUNED if of_card and not _set_by_group(run) else OF_STUDY


def _set_by_group(run: Run) -> bool:
    """Whether the run's group gives its rate; it may be equal to the card's."""
    given = run.schedule_change.lr
    return run.loss in given or run.loss_name in given if isinstance(given, dict) else bool(given)


def _has_rate(cases: Iterable[Case]) -> bool:
    """Whether the paper's schedule sets the rate."""
    return any(case.schedule.lr is not None for case in cases)


def _search(
    run: Run, card: Mapping[str, Any], preset: str, root: Path
) -> tuple[TuningRecord | None, Search | None]:
    """The record that the card cites, and its search for the run's loss, if that has learned."""
    cited = card.get("training", {}).get("tuned")
    places = (root, Path())  # of the product, or of the folder in which the study runs
    there = [place / cited for place in places if (place / cited).is_file()] if cited else []
    record = _read(there[0], there[0].stat().st_mtime_ns) if there else None
    if record is None or record.preset != preset:
        return None, None
    search = record.search(run.detector, run.backbone, run.loss)
    return record, search if search and search.best and search.learned else None


@lru_cache
def _read(path: Path, _changed: int) -> TuningRecord | None:
    return TuningRecord.read(path)[0]


def _is_best(search: Search, schedule: Mapping[str, Any]) -> bool:
    best = search.best
    return best is not None and math.isclose(best.lr, schedule["lr"], rel_tol=1e-5)  # six digits


def _best_of(search: Search, record: TuningRecord, rate: float) -> str:
    iterations = f"{search.iterations:,} iterations"
    edge = ", on the edge of the grid" if search.edge else ""
    return (
        f"rate {rate:g}: best of {len(search.candidates)}, {iterations}, {record.data.words}{edge}"
    )


def _other(search: Search | None, record: TuningRecord | None) -> str:
    """The best rate of a search, for a run that has another one."""
    if search is None or search.best is None or record is None:
        return ""
    return f"; the best of {len(search.candidates)} was {search.best.lr:g} ({record.data.words})"
