"""The example of RS Loss (supplement, Figures S1 and S2), computed from definitions.

Tables name these functions in `computed_by`. Each returns row to column to value.
"""

Values = dict[str, dict[str, float]]

LOGITS = (3.0, 2.0, 1.0, 0.0, -1.0, -2.0, -3.0, -4.0)
LABELS = (0.9, 0.4, 0.0, 0.0, 0.8, 0.0, 0.1, 0.0)


def error_table() -> Values:
    """Figure S1: errors, targets and losses, with an unsmoothed step."""
    positives = [i for i, label in enumerate(LABELS) if label > 0]
    rows: Values = {}
    for i in positives:
        above = [k for k in positives if LOGITS[k] >= LOGITS[i]]
        better = [k for k in above if LABELS[k] >= LABELS[i]]
        false_positives = sum(
            label == 0 and logit >= LOGITS[i] for logit, label in zip(LOGITS, LABELS, strict=True)
        )
        ranking = false_positives / (len(above) + false_positives)
        sorting = sum(1 - LABELS[k] for k in above) / len(above)
        target = sum(1 - LABELS[k] for k in better) / len(better)
        rows[f"i={i}"] = {
            "current ranking error": ranking,
            "current sorting error": sorting,
            "target ranking error": 0.0,
            "target sorting error": target,
            "ranking loss": ranking,
            "sorting loss": sorting - target,
            "total loss": ranking + sorting - target,
        }
    loss = sum(row["total loss"] for row in rows.values()) / len(rows)
    return {key: {**row, "RS Loss": loss} for key, row in rows.items()}


def primary_term_table() -> Values:
    """Figure S2: primary terms L_ij (S4) and gradients (S7, S16)."""
    positives = [i for i, label in enumerate(LABELS) if label > 0]
    count = len(LOGITS)
    errors = error_table()
    terms = {i: [0.0] * count for i in positives}
    for i in positives:
        above = [j for j in range(count) if LOGITS[j] >= LOGITS[i] and j != i]
        negatives = [j for j in above if LABELS[j] == 0]
        worse = [j for j in above if 0 < LABELS[j] < LABELS[i]]
        for group, loss in ((negatives, "ranking loss"), (worse, "sorting loss")):
            for j in group:
                terms[i][j] = errors[f"i={i}"][loss] / len(group)
    gradient = [
        (sum(terms[i][j] for i in positives) - sum(terms.get(j, []))) / len(positives)
        for j in range(count)
    ]
    rows = {"L_4j": terms[4], "L_6j": terms[6], "gradient": gradient}
    return {key: {f"j={j}": v for j, v in enumerate(values)} for key, values in rows.items()}
