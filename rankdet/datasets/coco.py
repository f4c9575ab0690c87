"""COCO 2017, COCO-minitrain and LVIS v1: their counts are compared with the published ones.

All three use COCO's images in `train2017/` and `val2017/` below one folder. Lin et al., "Microsoft
COCO: Common Objects in Context", ECCV 2014; Samet et al., "HoughNet", ECCV 2020 (minitrain); Gupta
et al., "LVIS: A Dataset for Large Vocabulary Instance Segmentation", CVPR 2019.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rankdet.datasets import coco_folder, lvis
from rankdet.errors import InputError
from rankdet.suggest import nearest

CATEGORIES = {"coco": 80, "coco-minitrain": 80, "lvis": 1203}


@dataclass(frozen=True)
class Published:
    """The published counts of a split; None: not published."""

    images: int
    annotations: int | None


COUNTS = {
    "coco": {
        "train": Published(118_287, 860_001),
        "val": Published(5_000, 36_781),
        "test-dev": Published(20_288, None),
    },
    "coco-minitrain": {"train": Published(25_000, None), "val": Published(5_000, 36_781)},
    "lvis": {"train": Published(100_170, 1_270_141), "val": Published(19_809, 244_707)},
}


def prepare(name: str, config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Checks both splits, and compares them with the published counts; see `datasets.prepare`.

    Args:
        name: the dataset's name.
        config: `kind` (`coco`, `coco-minitrain`, `lvis`), `title`, and the splits `train` and
            `val` (for `coco` also `test-dev`), each with `images` and `annotations`.
        folder: the output folder for the manifest and the cleaned annotations.

    Raises:
        InputError: the counts differ from the published ones, or the data cannot be used.
    """
    kind = config["kind"]
    known = ["kind", "title", *COUNTS[kind]]
    for key in config:
        if key not in known:
            raise InputError(f"dataset {name!r}: unknown key {key!r}; {nearest(str(key), known)}")
    title, splits = coco_folder.read_config(name, config)
    for split, files in splits.items():
        _check_layout(f"dataset {name!r}, {split}", *files)

    def adapt(split: str, data: dict[str, Any]) -> dict[str, Any]:
        where = f"dataset {name!r}, {split}: {splits[split][1]}"
        _check_counts(where, kind, split, data)
        return lvis.adapt(where, data) if kind == "lvis" else data

    return coco_folder.write(name, kind, title, splits, folder, adapt)


def _check_layout(where: str, images: Path, annotations: Path) -> None:
    if not images.is_dir() or not annotations.is_file():
        missing = annotations if images.is_dir() else images
        raise InputError(f"{where}: {missing} does not exist; config/README.md has the layout")


def _check_counts(where: str, kind: str, split: str, data: Mapping[str, Any]) -> None:
    expected = COUNTS[kind][split]
    counts = {
        "images": expected.images,
        "annotations": expected.annotations,
        "categories": CATEGORIES[kind],
    }
    for key, count in counts.items():
        if count is not None and len(data[key]) != count:
            raise InputError(
                f"{where} has {len(data[key]):,} {key}, the published {split} of {kind!r} has "
                f"{count:,}; download it again, or use `kind: coco-folder` for other data"
            )
