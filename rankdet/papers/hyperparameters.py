"""Counts of the hyperparameters that loss cards declare (aLRP paper, Tables 1 and A.11).

A plan contains the names (`hyperparameters`: loss with variants to list). Names of the box part
begin with `box`; `box weight` is the weight between the two parts.
"""

from collections.abc import Sequence

from rankdet.papers.spec import Spec
from rankdet.results.records import RecordedStudy

Values = dict[str, dict[str, float]]


def hyperparameter_counts(study: RecordedStudy | None, spec: Spec) -> Values:
    """Row to counts of `all`, `classification` and `box`; rows without a card are left out.

    Args:
        study: its plan contains the names; without a study there are no counts.
        spec: the `inputs` of a row name a `loss`, and `part: box` if the row is about its box part.
    """
    declared = study.plan.get("hyperparameters") or {} if study else {}
    rows = {}
    for row in spec.rows:
        names = declared.get(row.inputs.get("loss", ""))
        if names is not None:
            rows[row.key] = counts(names, of_box=row.inputs.get("part") == "box")
    return rows


def counts(names: Sequence[str], of_box: bool = False) -> dict[str, float]:
    """Counts the names of a card; with `of_box`, "classification" is the count of the box part."""
    box = [name for name in names if name.split()[0] == "box" and name != "box weight"]
    classification = [name for name in names if name.split()[0] != "box"]
    own = box if of_box else classification
    return {"all": len(names), "classification": len(own), "box": len(box)}
