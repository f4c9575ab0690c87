"""Balance of positives and negatives over a training, from its record (`train.parquet`).

Gradient balance: aLRP paper (Oksuz et al., NeurIPS 2020), Figure 4 and Theorem 2. Ratios of
instances and of classification tasks: Rank & Sort Loss (Oksuz et al., ICCV 2021), supplement, S7.
"""

from collections.abc import Sequence

import pandas as pd


def gradient_rates(record: pd.DataFrame, prefix: str = "") -> pd.Series:
    """Returns Σ|∂L/∂s| over negatives divided by the same over positives, per iteration.

    Args:
        record: columns `iteration`, `<prefix>grad_pos`, `<prefix>grad_neg`. A resumed training
            repeats iterations; the last record of an iteration is used.
        prefix: prefix of one head: `rpn_`, `s0_`, ...; empty for all heads together.

    Returns:
        By iteration, ascending; NaN where the positives have no gradient.
    """
    record = record.drop_duplicates("iteration", keep="last").sort_values("iteration")
    positive = record[f"{prefix}grad_pos"]
    rates = record[f"{prefix}grad_neg"] / positive.where(positive > 0)
    return pd.Series(rates.to_numpy(), index=record["iteration"], name="rate")


def rate_summary(rates: pd.Series) -> dict[str, float | int | None]:
    """Returns the extremes of the gradient rates.

    Args:
        rates: as `gradient_rates` returns them.

    Returns:
        `min_rate`, `max_rate`, `min_rate_inverse` (1 / min rate, as the paper prints it) and
        `iterations` (number of iterations with a rate). The rates are None if no iteration has one;
        `min_rate_inverse` is also None if the smallest rate is 0.
    """
    known = rates.dropna()
    if known.empty:
        return {"min_rate": None, "max_rate": None, "min_rate_inverse": None, "iterations": 0}
    low, high = float(known.min()), float(known.max())
    return {
        "min_rate": low,
        "max_rate": high,
        "min_rate_inverse": 1 / low if low > 0 else None,
        "iterations": len(known),
    }


def band(curves: Sequence[pd.Series]) -> pd.DataFrame:
    """Returns the mean curve of repeated runs, with the smallest and largest values.

    Args:
        curves: at least one, by iteration.

    Returns:
        By iteration: `mean`, `low`, `high`, over the runs that have a value there.
    """
    together = pd.concat(list(curves), axis=1).sort_index()
    return pd.DataFrame(
        {
            "mean": together.mean(axis=1),
            "low": together.min(axis=1),
            "high": together.max(axis=1),
        }
    )


def imbalance(positives: pd.Series, negatives: pd.Series, classes: int) -> dict[str, float | None]:
    """Returns how many negatives there are for each positive.

    With O classes and one sigmoid each, a positive instance is 1 positive and O − 1 negative tasks,
    a negative instance O negative tasks.

    Args:
        positives: positive instances (anchors, proposals) per iteration.
        negatives: negative instances per iteration.
        classes: O, at least 1.

    Returns:
        `instances` and `tasks`: negatives per positive, averaged over the iterations that have a
        positive; None if no iteration has one.
    """
    positives, negatives = positives.reset_index(drop=True), negatives.reset_index(drop=True)
    some = positives > 0
    if not some.any():
        return {"instances": None, "tasks": None}
    positives, negatives = positives[some], negatives[some]
    tasks = (positives * (classes - 1) + negatives * classes) / positives
    return {"instances": float((negatives / positives).mean()), "tasks": float(tasks.mean())}
