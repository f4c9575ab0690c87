"""The record of a search: read again, extended trial by trial, and written after each."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.files import shown, writing
from rankdet.results.learning import LEARNED_AP50
from rankdet.results.schemas.base import has_no_file
from rankdet.results.schemas.tuning import Measurement, Search, Trial, TuningRecord
from rankdet.training import provenance
from rankdet.tuning import halving
from rankdet.tuning.halving import Candidate, Plan
from rankdet.tuning.held_out import HeldOut
from rankdet.tuning.trials import Pair, trial_key, trial_spec, tried_settings

OF_A_ROW = ("AP", "AP50", "oLRP", "iterations", "epochs", "seconds", "seconds_per_iteration")


def read_earlier(path: Path, study: str) -> TuningRecord | None:
    """Returns the record of an earlier call; None if there is none.

    Args:
        path: The record.
        study: Name of the study that is searched now.

    Raises:
        InputError: If the file is not such a record, or is of another study.
    """
    found, problem = TuningRecord.read(path)
    if has_no_file(problem):
        return None
    if found is None:
        raise InputError(f"--out {shown(path)}: {problem}; name another file")
    if found.study != study:
        raise InputError(
            f"--out {shown(path)}: it is of the study {found.study!r}, not {study!r}; name another "
            "file"
        )
    return found


def check_keeps(
    earlier: TuningRecord | None, names: Sequence[str], factors: Sequence[float], path: Path
) -> None:
    """Checks that a search does not replace trials at other rates, which were part of its budget.

    Args:
        earlier: What the file holds already.
        names: The pairs of loss and detector that are searched.
        factors: The factors of the rates that are tried now.
        path: The file.

    Raises:
        InputError: For the first pair that was searched at further rates.
    """
    for one in earlier.searches if earlier else []:
        tried = {trial.factor for trial in one.trials}
        if name_of(one) in names and not tried <= {*factors}:
            rates = ",".join(f"{factor:g}" for factor in sorted(tried | {*factors}))
            raise InputError(
                f"{path}: {name_of(one)}: this search would replace trials at other rates; "
                f"give --rates {rates}, or another file with --out"
            )


def check_budget_keeps(
    earlier: TuningRecord | None, plan: Plan, epochs: Mapping[str, int], path: Path
) -> None:
    """Checks that a plan that a budget has cut does not replace a larger, finished search.

    Args:
        earlier: What the file holds already.
        plan: What will be tried.
        epochs: The pairs of loss and detector that are searched, to the epochs of their schedules.
        path: The file.

    Raises:
        InputError: For the first pair with more candidates or longer trainings in the file.
    """
    for one in earlier.searches if earlier else []:
        if one.best is None or name_of(one) not in epochs:
            continue
        had = (len(one.candidates), max(rung.epochs for rung in one.rungs))
        now = (len(plan.candidates), plan.rungs[-1].epochs(epochs[name_of(one)]))
        if now[0] < had[0] or now[1] < had[1]:
            raise InputError(
                f"{shown(path)}: {name_of(one)}: its search has {had[0]} candidates and {had[1]} "
                f"epochs, and the budget allows {now[0]} and {now[1]}; give a larger --budget, or "
                "another file with --out"
            )


def check_same_data(earlier: TuningRecord | None, data: HeldOut, path: Path) -> None:
    """Checks that the trials of an earlier call are comparable with new ones.

    Raises:
        InputError: If they were made with other data.
    """
    if earlier and earlier.data.checksum != data.content.checksum:
        raise InputError(
            f"--out {shown(path)}: its trials are from other data ({earlier.data.words}, "
            f"{earlier.data.name}); name another file"
        )


class Outcome:
    """The record so far.

    Args:
        path: The file.
        earlier: What it holds already.
        facts: Fields of `TuningRecord` apart from `searches`.
        data: The held-out data.
        plan: What is tried.
    """

    def __init__(
        self,
        path: Path,
        earlier: TuningRecord | None,
        facts: Mapping[str, Any],
        data: HeldOut,
        plan: Plan,
    ) -> None:
        self.path, self.data, self.plan = path, data, plan
        self._facts = dict(facts)
        kept = earlier.searches if earlier else []
        self._searches = {name_of(one): one.to_dict() for one in kept}
        self._known = {name_of(one): {trial.key: trial for trial in one.trials} for one in kept}

    def open(self, pair: Pair, pace: Measurement) -> None:
        """Starts the search of a pair; trials that the record holds stay in it."""
        whole, per_epoch = pace.epochs, pace.iterations
        run = pair.run
        self._searches[pair.name] = {
            "detector": run.detector,
            "backbone": run.backbone,
            "loss": run.loss,
            "rate": pair.rate,
            "schedule": {key: value for key, value in run.schedule.items() if key != "lr"},
            "pace": pace.to_dict(),
            "candidates": [tried_settings(pair, one) for one in self.plan.candidates],
            "rungs": [
                {
                    "candidates": rung.candidates,
                    "epochs": rung.epochs(whole),
                    "iterations": rung.epochs(whole) * per_epoch,
                }
                for rung in self.plan.rungs
            ],
            "trials": [trial.to_dict() for trial in self._known.get(pair.name, {}).values()],
        }

    def trial(self, pair: Pair, key: str) -> Trial | None:
        """Returns a trial of a pair that was made already."""
        return self._known.get(pair.name, {}).get(key)

    def add(self, pair: Pair, key: str, candidate: Candidate, rung: int, row: Any) -> Trial:
        """Adds a trial and writes the record.

        Args:
            pair: The loss and the detector.
            key: See `trials.trial_key`.
            candidate: What was tried.
            rung: From 1 on.
            row: What the training returned; see `rankdet.training.one_training`.
        """
        trial = Trial.model_validate(
            {
                **tried_settings(pair, candidate),
                "key": key,
                "rung": rung,
                "score": score(row),
                "outcome": row["outcome"],
                "outcome_reason": row["outcome_reason"],
                **{name: row[name] for name in OF_A_ROW},
            }
        )
        self._known.setdefault(pair.name, {})[key] = trial
        self._searches[pair.name]["trials"].append(trial.to_dict())
        self.flush()
        return trial

    def close(self, pair: Pair, trials: Sequence[Trial], best: Trial, edge: str | None) -> None:
        """Ends the search of a pair; only the trials of its plan stay.

        Args:
            pair: The loss and the detector.
            trials: Of all rungs.
            best: One of them.
            edge: `lowest` or `highest` if its rate is on the edge of the grid.
        """
        made = {trial.key: trial for trial in trials}.values()  # two candidates may share one
        self._searches[pair.name] |= {
            "trials": [trial.to_dict() for trial in trials],
            "best": best.to_dict(),
            "edge": edge is not None,
            "edge_side": edge,
            "learned": learned(best),
            "iterations": sum(trial.iterations for trial in made),
            "seconds": round(sum(trial.seconds for trial in made), 1),
            "commit": self._facts["commit"],
            "finished": provenance.now(),
        }

    def finish(self) -> TuningRecord:
        """Writes the record as finished."""
        self._facts["finished"] = provenance.now()
        return self.flush()

    def flush(self) -> TuningRecord:
        """Writes the record as it is now.

        Raises:
            InputError: If it cannot be written.
        """
        record = TuningRecord.of(**self._facts, searches=list(self._searches.values()))
        with writing(self.path):
            record.to_disk(self.path)
        return record


def name_of(search: Search) -> str:
    """Returns the name of a search's pair, as `Pair.name`."""
    model = f"{search.detector}@{search.backbone}" if search.backbone else search.detector
    return f"{model} {search.loss}"


def score(row: Mapping[str, Any]) -> float:
    """Returns the score of a training: AP; 0 if it collapsed or diverged, or AP is undefined."""
    return float(row["AP"] or 0.0) if row["outcome"] == "trained" else 0.0


def learned(best: Trial) -> bool:
    """Returns whether a training has learned, so that its rate can be compared with others."""
    return best.score > 0 and (best.AP50 or 0) >= LEARNED_AP50


def of_candidate(trial: Trial, pair: Pair, candidate: Candidate) -> Trial:
    """Returns a trial with the settings of a candidate.

    Two lengths of a warm-up may be equal in a short training, which is then made once.
    """
    return trial.model_copy(update=tried_settings(pair, candidate))


def other_plans(record: TuningRecord, detectors: Sequence[str], losses: Sequence[str]) -> list[str]:
    """Returns the searches of these detectors whose plan differs from that of these losses."""
    same = [one for one in record.searches if one.detector in detectors]
    mine = {_plan(one) for one in same if one.loss in losses}
    return [name_of(one) for one in same if _plan(one) not in mine]


def _plan(search: Search) -> tuple[Any, ...]:
    tried = tuple((one.factor, one.grad_clip, one.warmup) for one in search.candidates)
    return search.detector, tried, tuple((one.candidates, one.epochs) for one in search.rungs)


def ends(
    outcome: Outcome, pair: Pair, made: Sequence[Mapping[Candidate, Trial]]
) -> tuple[Trial, str | None]:
    """Ends the search of a pair: the best trial of the last rung, and the edge that it is on.

    Args:
        outcome: The record so far.
        pair: The loss and the detector.
        made: For each rung its trials.
    """
    last = made[-1]
    best = halving.ranked({candidate: trial.score for candidate, trial in last.items()})[0]
    edge = halving.edge(best, outcome.plan.candidates)
    trials = [
        trial.model_copy(update={"rung": number})  # of an earlier plan it may be another one
        for number, rung in enumerate(made, 1)
        for trial in rung.values()
    ]
    outcome.close(pair, trials, trials[-len(last) + list(last).index(best)], edge)
    return last[best], edge


def key_of(outcome: Outcome, pair: Pair, candidate: Candidate, epochs: int) -> tuple[str, Any]:
    """Returns the key and the spec of a trial."""
    spec = trial_spec(pair, candidate, epochs, outcome.data)
    return trial_key(spec), spec
