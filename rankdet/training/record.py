"""The record of a training: `run.json` and `train.parquet`, and the verdict on what happened."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from rankdet.errors import counted
from rankdet.evaluation.metrics.gradient_balance import imbalance
from rankdet.files import atomic
from rankdet.results.schemas.run import AtEpoch, RunRecord
from rankdet.training.provenance import provenance

# Keys of a schedule that are recorded if given: how the batch was shared, ranked and computed.
SHARED = ("gpus", "images_per_gpu", "accumulate", "rank_scope", "sync_bn")
COMPUTED = ("precision", "compile", "channels_last")
COUNTS = ("num_pos", "num_neg")
# The first of these that a detector has is at most 1. In a cascade, stage 0 has weight 1.
FEWEST = 5  # iterations at the end, for a loss that has become a constant
RANKING_LOSSES = ("loss_cls", "loss_rank", "s0_loss_cls", "s0_loss_rank")


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """Writes the per-iteration record as parquet, atomically."""
    with atomic(path) as temporary:
        pd.DataFrame(rows).to_parquet(temporary, index=False)


def verdict(rows: list[dict[str, Any]], card: Mapping[str, Any]) -> tuple[str, str | None]:
    """Returns whether a finished training has learned a ranking until its end.

    If the learning rate of a ranking loss is too high, all logits become very small. The positives
    are then ranked below almost all negatives, and the loss, which is at most 1, stays near 1. A
    loss that becomes a constant other than 0, without a gradient, also ends the learning.

    Args:
        rows: The per-iteration record.
        card: The loss card. Its optional `collapse_above` is the upper bound for the mean of the
            ranking loss (`loss_cls` or `loss_rank`) over the last tenth of the training.

    Returns:
        (`trained` | `collapsed`, reason or None).
    """
    bound = card.get("collapse_above")
    tail = rows[-max(1, len(rows) // 10) :]
    name = next((name for name in RANKING_LOSSES if any(name in row for row in tail)), "")
    values = [row[name] for row in tail if row.get(name) is not None]
    if len(values) >= FEWEST and len(set(values)) == 1 and values[0] and all(map(_is_idle, tail)):
        return "collapsed", (
            f"{name} was {values[0]:.6g} without a gradient in all of the last {len(tail)} "
            "iterations: nothing was learned any more; see where the loss becomes a constant"
        )
    if bound is None or not values:
        return "trained", None
    mean = sum(values) / len(values)
    if mean <= bound:
        return "trained", None
    return "collapsed", (
        f"{name} stayed at {mean:.3f} over the last {counted(len(tail), 'iteration')} (collapse "
        f"above {bound}): the ranking was not learned; lower the learning rate"
    )


def _is_idle(row: Mapping[str, Any]) -> bool:
    """Whether an iteration with positives had no gradient at any logit."""
    return bool(row.get("num_pos")) and row.get("grad_pos") == row.get("grad_neg") == 0


def imbalance_ratios(
    rows: list[dict[str, Any]], heads: Mapping[str, int]
) -> dict[str, float | None]:
    """Returns the number of negatives per positive of each head in epoch 1 (RS, Table S7).

    Args:
        rows: The per-iteration record.
        heads: Prefix of a head's columns to its number of classes; 1 for an RPN.

    Returns:
        `instance_ratio` and `task_ratio` (a class of an instance is a task) of a detector with one
        head; with several heads `instance_ratio_rpn`, `task_ratio_s0` and so on; None without
        positives.
    """
    first = pd.DataFrame([row for row in rows if row["epoch"] == 1])
    ratios: dict[str, float | None] = {}
    for prefix, classes in heads.items():
        head = f"_{prefix.removesuffix('_')}" if prefix else ""
        known = f"{prefix}num_pos" in first
        positives, negatives = (
            first[f"{prefix}{name}"] if known else pd.Series() for name in COUNTS
        )
        found = imbalance(positives, negatives, classes)
        ratios[f"instance_ratio{head}"] = found["instances"]
        ratios[f"task_ratio{head}"] = found["tasks"]
    return ratios


def training_summary(
    rows: list[dict[str, Any]],
    device: str,
    resumed_from: list[int],
    epochs: int,
    heads: Mapping[str, int],
) -> dict[str, Any]:
    """Returns the `training` block of `run.json`; times are seconds, memory MB.

    Args:
        rows: The per-iteration record.
        device: As `environment.set_up` returned it.
        resumed_from: Iterations at which the run was resumed.
        epochs: How many epochs there were.
        heads: As in `imbalance_ratios`.
    """
    seconds = [row["seconds"] for row in rows]
    steady = sorted(seconds[5:] or seconds)  # the first iterations warm caches
    return {
        "iterations": len(rows),
        "epochs": epochs,
        "seconds": round(sum(seconds), 3),
        "seconds_per_iteration": round(steady[len(steady) // 2], 5) if steady else None,
        "peak_memory_mb": round(max((row["memory_mb"] for row in rows), default=0.0), 1),
        "device": device,
        "resumed_from": resumed_from,
        **imbalance_ratios(rows, heads),
    }


def run_record(
    spec: Mapping[str, Any],
    *,
    status: str,
    reason: str | None,
    training: Mapping[str, Any] | None,
    device: str,
    started: str,
    at_epoch: AtEpoch | None = None,
    first: Mapping[str, Any] | None = None,
) -> RunRecord:
    """Returns the content of `run.json`, of a run or of an epoch that it kept."""
    keys = ("study", "dataset", "detector", "loss", "variant", "seed", "preset")
    schedule = spec["schedule"]
    sizes = {key: schedule[key] for key in ("image_size", "batch_size")}
    sizes |= {"gpus": 1, "images_per_gpu": schedule["batch_size"]}
    sizes |= {key: schedule[key] for key in SHARED + COMPUTED if schedule.get(key) is not None}
    return RunRecord.of(
        run={**{key: spec[key] for key in keys}, "backbone": spec.get("backbone", "")},
        status=status,
        reason=reason,
        training={**training, **sizes} if training else None,
        **({"at_epoch": at_epoch} if at_epoch else {}),
        provenance=provenance(spec, device, started) | ({"init_from": first} if first else {}),
    )


@dataclass(frozen=True)
class Written:
    """What the records of a finished training are written from.

    Attributes:
        spec: The run's spec.
        status: `trained`, `collapsed` or `diverged`.
        reason: Why it is not `trained`, in one line.
        rows: The per-iteration record.
        device: As `environment.set_up` returned it.
        state: The state of its workspace: `started`, `resumed_from` and `went_on`.
        heads: As in `imbalance_ratios`.
        first: The file that the training started from, for `provenance.init_from`; None if it had
            initial weights of its own.
    """

    spec: Mapping[str, Any]
    status: str
    reason: str | None
    rows: list[dict[str, Any]]
    device: str
    state: Mapping[str, Any]
    heads: Mapping[str, int]
    first: Mapping[str, Any] | None = None

    def at_end(self, kept: Mapping[str, int]) -> RunRecord:
        """Returns the record of the run.

        Args:
            kept: Names of the kept epochs, with their iterations.
        """
        epochs = {"kept_epochs": dict(kept)} if kept else {}
        return self._record(self.status, self._summary(self.rows) | epochs)

    def at_epoch(self, iteration: int | None, place: AtEpoch) -> RunRecord:
        """Returns the record of an epoch on the way.

        A training that diverged later was still trained at this epoch. A training that collapsed
        is one at each of its epochs, because this is known only at its end.

        Args:
            iteration: The last iteration of the epoch; None if the training diverged before.
            place: Where the epoch is.
        """
        if iteration is None:
            return self._record(self.status, self._summary(self.rows), place)
        status = "trained" if self.status == "diverged" else self.status
        rows = [row for row in self.rows if row["iteration"] <= iteration]
        return self._record(status, self._summary(rows), place)

    def _summary(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        epochs, iterations = (rows[-1]["epoch"], rows[-1]["iteration"]) if rows else (0, 0)
        resumed = [one for one in self.state["resumed_from"] if one <= iterations]
        went_on = [one["epoch"] for one in self.state.get("went_on", ()) if one["epoch"] <= epochs]
        summary = training_summary(rows, self.device, resumed, epochs, self.heads)
        return summary | ({"went_on_from": went_on} if went_on else {})

    def _record(
        self, status: str, training: Mapping[str, Any], place: AtEpoch | None = None
    ) -> RunRecord:
        return run_record(
            self.spec,
            status=status,
            reason=self.reason if status == self.status else None,
            training=training,
            device=self.device,
            started=self.state["started"],
            at_epoch=place,
            first=self.first,
        )
