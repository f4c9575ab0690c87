"""The learning rates of a study, and how each was chosen."""

from collections.abc import Iterable
from dataclasses import dataclass

from rankdet.results.recorded_run import RecordedRun
from rankdet.results.records import RecordedStudy

OF_STUDY = "rate set by the study"  # as a plan says it; it knows of no search for this rate
NO_SEARCH = "; no search for it is recorded"


@dataclass(frozen=True)
class Rate:
    """A row of the table of rates; a rate is None if the plan does not have it.

    `dataset` is empty in a study with one dataset. `how` says how the rate was chosen.
    """

    loss: str
    detector: str
    dataset: str
    rate: float | None
    how: str


def rate_words(run: RecordedRun) -> str:
    """Returns the rate of a run and how it was chosen.

    An example is `rate 0.04, set by the study; no search for it is recorded`. Empty if the plan
    does not say it.
    """
    return _with_rates(_how(run), [run])


def tuning_lines(study: RecordedStudy) -> list[dict[str, str]]:
    """Returns how the rates were chosen: `words` with the `losses` that they are true of.

    A loss is named with its detector if its rates were not chosen alike on all detectors. The rates
    that were used come first, from the lowest to the highest.
    """
    chosen: dict[str, dict[str, None]] = {}
    known = [run for run in study.runs if _how(run)]
    for run in known:
        chosen.setdefault(run.title("loss"), {})[_how(run)] = None
    named: dict[str, dict[str, None]] = {}
    members: dict[str, list[RecordedRun]] = {}
    for run in known:
        loss, detector = run.title("loss"), run.title("detector")
        name = loss if len(chosen[loss]) == 1 else f"{loss} with {detector}"
        named.setdefault(_how(run), {})[name] = None
        members.setdefault(_how(run), []).append(run)
    if len(named) == 1 and all(_how(run) or run.untrained for run in study.runs):
        named = {words: {"all losses": None} for words in named}
    return [
        {"losses": ", ".join(names), "words": _with_rates(words, members[words])}
        for words, names in named.items()
    ]


def rates(study: RecordedStudy) -> list[Rate]:
    """Returns the rate of each loss, detector and dataset, in the plan's order, each once."""
    several = len({run.dataset for run in study.runs}) > 1
    found: dict[Rate, None] = {}
    for run in study.runs:
        if _how(run) or _rate(run) is not None:
            detector = " ".join(filter(None, [run.title("detector"), run.backbone]))
            loss = " · ".join(filter(None, [run.title("loss"), run.schedule]))
            dataset = study.dataset_title(run.dataset) if several else ""
            found[Rate(loss, detector, dataset, _rate(run), _how(run))] = None
    return list(found)


def _how(run: RecordedRun) -> str:
    return f"{run.tuning}{NO_SEARCH}" if run.tuning == OF_STUDY else run.tuning


def _rate(run: RecordedRun) -> float | None:
    found = run.settings.get("lr")
    return None if run.untrained or not isinstance(found, int | float) else float(found)


def _with_rates(words: str, runs: Iterable[RecordedRun]) -> str:
    """The words with the rates of the runs in front, unless these are unknown or named there."""
    known = sorted({rate for run in runs if (rate := _rate(run)) is not None})
    if not known or any(words.startswith(f"rate {rate:g}") for rate in known):
        return words
    ends = " to ".join(f"{rate:g}" for rate in dict.fromkeys((known[0], known[-1])))
    return words.replace("rate ", f"rate {ends}, ", 1)
