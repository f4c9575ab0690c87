"""Valid files of annotations and results, and checks of the message after a change."""

import copy
import json

from rankdet.cli import main

TRUTH = {
    "images": [{"id": i, "height": 50, "width": 60} for i in (1, 2)],
    "categories": [{"id": 1, "name": "cat"}, {"id": 3, "name": "dog"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 10], "area": 100}
        | {"iscrowd": 0, "segmentation": [[0, 0, 10, 0, 10, 10, 0, 10]]},
        {"id": 2, "image_id": 2, "category_id": 3, "bbox": [5, 5, 20, 10], "area": 200}
        | {"iscrowd": 0, "segmentation": [[5, 5, 25, 5, 25, 15, 5, 15]]},
    ],
}

RESULTS = [
    {"image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 9], "score": 0.9},
    {"image_id": 2, "category_id": 3, "bbox": [5, 5, 20, 9], "score": 0.8},
]


def write(folder, truth=TRUTH, results=RESULTS):
    paths = folder / "gt.json", folder / "dt.json"
    for path, data in zip(paths, (truth, results), strict=True):
        path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
    return [str(p) for p in paths]


def changed(data, path, value):
    """Returns a copy with the entry at `path` set, or removed where `value` is ..."""
    data = copy.deepcopy(data)
    *parents, last = path
    inner = data
    for key in parents:
        inner = inner[key]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return data


def fails(folder, capsys, *words, truth=TRUTH, results=RESULTS, options=()):
    code = main(["evaluate", *write(folder, truth, results), *options])
    captured = capsys.readouterr()
    assert code == 2
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ")
    for word in words:
        assert word in lines[0]
