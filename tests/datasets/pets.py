"""Three images of cats and dogs in COCO's format, and what the checks find after a change."""

import copy
import json

from rankdet.datasets import checks


def write(folder, data):
    path = folder.parent / "annotations.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


def problems_of(good, change=None):
    """Checks the good data after a change; returns (errors, warnings, cleaned data)."""
    folder, data = good
    data = copy.deepcopy(data)
    if change:
        change(data)
    checked = checks.check(folder, write(folder, data))
    return checked.problems.errors, checked.problems.warnings, checked.data


def config(folder, path, **more):
    split = {"images": str(folder), "annotations": str(path)}
    return {"kind": "coco-folder", "train": split, **more}


def set_in(key, index, **values):
    return lambda data: data[key][index].update(values)


def drop_from(key, index, name):
    return lambda data: data[key][index].pop(name)
