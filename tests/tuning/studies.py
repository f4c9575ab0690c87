"""Small studies to search, and trainings that are computed instead of made."""

import yaml

from rankdet.datasets import prepare
from rankdet.study.load import load_study
from rankdet.training.attempts import MEASURED

SHAPES = {
    "kind": "shapes", "seed": 1, "image_size": 128, "train_images": 8, "val_images": 4,
    "empty_fraction": 0.0,
}  # fmt: skip
STUDY = {
    "study": "tiny",
    "title": "A tiny study",
    "scale": "Nothing real",
    "preset": "small",
    "device": "cpu",
    "datasets": {"shapes": SHAPES},
    "runs": [{"dataset": "shapes", "detectors": ["retinanet"], "losses": ["focal"]}],
    "schedule": {"image_size": 128, "batch_size": 4, "iterations": 4, "warmup": 2},
}


def config_file(folder, **changes):
    """Writes a study's config; returns its path."""
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump({**STUDY, **changes}))
    return path


def study(folder, **changes):
    return load_study([config_file(folder, **changes)], with_data=False)


def coco(folder, images=10):
    """Draws shapes and names them as data in COCO's format; returns the dataset's config."""
    prepare("drawn", {**SHAPES, "train_images": images}, folder)
    splits = {
        split: {
            "images": str(folder / "data" / split),
            "annotations": f"{folder}/data/{split}.json",
        }
        for split in ("train", "val")
    }
    return {"kind": "coco-folder", "splits": splits}


class Trainings:
    """Stands for the pool: its AP is a function of the spec, and it keeps the specs.

    Args:
        ap: Spec to AP, or to `collapsed`, `diverged` or an error's text.
        most: After how many trainings it is stopped as by Ctrl-C.
    """

    def __init__(self, ap, most=10**6):
        self.ap, self.most, self.specs = ap, most, []

    def __call__(self, tasks, processes, work, log, **_):
        for item, spec in tasks:
            if len(self.specs) == self.most:
                raise KeyboardInterrupt
            self.specs.append(spec)
            yield {**item, **self.row(spec)}

    def row(self, spec):
        ap = self.ap(spec)
        if isinstance(ap, str) and ap not in ("collapsed", "diverged"):
            return {"status": "failed", "reason": ap}
        epochs = spec["schedule"]["epochs"]
        return {
            "status": MEASURED,
            "outcome": ap if isinstance(ap, str) else "trained",
            "outcome_reason": "why" if isinstance(ap, str) else None,
            **{"AP": 0.9 if isinstance(ap, str) else ap, "AP50": 0.5, "oLRP": 0.8},
            **{"iterations": 2 * epochs, "epochs": epochs, "seconds_per_iteration": 0.1},
            **{"seconds_per_image": 0.05, "train_seconds": 0.2 * epochs},
            "seconds": 0.2 * epochs + 1.3,
        }
