"""The images and annotations of the fake study."""

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

HOSTILE = "<script>alert(1)</script>"
CLASSES = ["circle", "square", HOSTILE]
CHECKSUM = "sha256:" + "ab" * 32


def write_json(path: Path, data: object) -> None:
    """Writes a JSON file and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data), encoding="utf-8")


def make_split(folder: Path, split: str, seed: int) -> dict[str, object]:
    """Writes a split and returns its part of the manifest."""
    rng = np.random.default_rng(seed)
    (folder / split).mkdir(parents=True, exist_ok=True)
    images, annotations = [], []
    for image_id, count in enumerate((0, 1, 2, 3, 4, 6, 9, 14), start=1):
        picture = Image.new("RGB", (128, 128), tuple(int(v) for v in rng.integers(40, 110, 3)))
        draw = ImageDraw.Draw(picture)
        for _ in range(count):
            category = int(rng.integers(1, 4))
            x, y = rng.uniform(2, 84, 2).round(1)
            w, h = rng.uniform(14, 40, 2).round(1)
            shape = draw.ellipse if category == 1 else draw.rectangle
            shape((x, y, x + w, y + h), fill=tuple(int(v) for v in rng.integers(110, 250, 3)))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": category,
                    "bbox": [float(x), float(y), float(w), float(h)],
                    "area": float(w * h),
                    "iscrowd": int(len(annotations) == 20),
                }
            )
        file_name = f"{image_id:03d}.png"
        picture.save(folder / split / file_name)
        images.append({"id": image_id, "file_name": file_name, "width": 128, "height": 128})
    categories = [{"id": i, "name": c} for i, c in enumerate(CLASSES, start=1)]
    write_json(
        folder / f"{split}.json",
        {
            "images": images,
            "annotations": annotations,
            "categories": categories,
        },
    )
    return {
        "annotations": str(folder / f"{split}.json"),
        "images": str(folder / split),
        "n_images": len(images),
        "n_annotations": len(annotations),
        "n_crowd": sum(a["iscrowd"] for a in annotations),
        "checksum": CHECKSUM,
    }
