"""Counts of the hyperparameters that loss cards declare.

For aLRP Loss, Tables 1 and A.11, and Rank & Sort Loss, section S3.3.

A plan contains the names (`hyperparameters`: loss with variants to list). Names of the box part
begin with `box`; `box weight` is the weight between the two parts.
"""

from collections.abc import Mapping, Sequence

from rankdet.papers.spec import Spec
from rankdet.results.records import RecordedStudy

Values = dict[str, dict[str, float]]
BOX_WEIGHT = "box weight"


def in_two_stages(inputs: Mapping[str, str]) -> bool:
    """Whether a row with these `inputs` counts a two-stage detector: `stages: two`."""
    return inputs.get("stages") == "two"


def counted_name(inputs: Mapping[str, str]) -> str:
    """What a plan calls the hyperparameters of a row: its loss, with the stages if these count."""
    loss = inputs.get("loss", "")
    return f"{loss} in two stages" if in_two_stages(inputs) else loss


def hyperparameter_counts(study: RecordedStudy | None, spec: Spec) -> Values:
    """Row to counts of `all`, `classification` and `box`; rows without a card are left out.

    Args:
        study: its plan contains the names; without a study there are no counts.
        spec: the `inputs` of a row name a `loss`, and `part: box` if the row is about its box part,
            or `stages: two` if it is about Faster R-CNN with this loss.
    """
    declared = study.plan.get("hyperparameters") or {} if study else {}
    rows = {}
    for row in spec.rows:
        names = declared.get(counted_name(row.inputs))
        if names is not None:
            rows[row.key] = counts(names, of_box=row.inputs.get("part") == "box")
    return rows


def counts(names: Sequence[str], of_box: bool = False) -> dict[str, float]:
    """Counts the names of a card; with `of_box`, "classification" is the count of the box part."""
    box = [name for name in names if name.split()[0] == "box" and name != BOX_WEIGHT]
    classification = [name for name in names if name.split()[0] != "box"]
    own = box if of_box else classification
    return {"all": len(names), "classification": len(own), "box": len(box)}
