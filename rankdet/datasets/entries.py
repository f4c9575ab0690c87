"""Entries of the lists in a COCO file: images, annotations and categories."""

from typing import Any

from rankdet import errors
from rankdet.datasets.problems import Problems
from rankdet.evaluation.coco.ids import fits

Entry = dict[str, Any]


def is_id(value: Any) -> bool:
    """Returns whether a value read from JSON is a whole number; a boolean is not."""
    return isinstance(value, int) and not isinstance(value, bool)


def refers_by_number(annotation: Entry, problems: Problems) -> bool:
    """Returns whether image and category of an annotation are whole numbers; else adds an error."""
    for key in ("image_id", "category_id"):
        value = annotation.get(key)
        if not is_id(value):
            what = f"annotations whose {key} is not a whole number"
            example = f"annotation {annotation['id']}: {value!r:.20}"
            problems.error(what, example, "write the id as in the list it refers to: no quotes")
            return False
    return True


def identified(entries: list[Entry], kind: str, problems: Problems) -> list[Entry]:
    """Returns the entries with a unique whole number as `id`; the others are errors."""
    kept, ids = [], set()
    for position, entry in enumerate(entries):
        if not is_id(entry.get("id")):
            example = f"{errors.entry(position)}: {entry.get('id')!r:.20}"
            problems.error(f"{kind} without a whole number as id", example, "number them")
        elif not fits(entry["id"]):
            what = f"{kind} with an id of more than 64 bits"
            example = f"{errors.entry(position)}: {entry['id']!r:.30}"
            problems.error(what, example, "number them from 1")
        elif entry["id"] in ids:
            problems.error(f"{kind} with an id used before", str(entry["id"]), "use unique ids")
        else:
            ids.add(entry["id"])
            kept.append(entry)
    return kept
