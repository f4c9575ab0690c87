"""Valid data in COCO's format; tests damage copies of it."""

import pytest
from PIL import Image


@pytest.fixture
def good(tmp_path):
    """Three images, two classes, one crowd; returns (folder of images, annotations)."""
    folder = tmp_path / "images"
    folder.mkdir()
    images = []
    for k, size in enumerate(((40, 30), (50, 20), (16, 16)), 1):
        Image.new("RGB", size, (k, 9, 9)).save(folder / f"{k}.png")
        images.append({"id": k, "file_name": f"{k}.png", "width": size[0], "height": size[1]})
    boxes = [(1, 1, [2, 3, 10, 12]), (1, 2, [5, 5, 20, 20]), (2, 1, [0, 0, 50, 20])]
    annotations = [
        {"id": k, "image_id": i, "category_id": c, "bbox": b, "area": b[2] * b[3], "iscrowd": 0}
        for k, (i, c, b) in enumerate(boxes, 1)
    ]
    annotations[1]["iscrowd"] = 1
    annotations.append({**annotations[0], "id": 9, "category_id": 2})
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    return folder, {"images": images, "annotations": annotations, "categories": categories}
