"""A study of two detectors and two losses that tests change key by key."""

from rankdet.study.config.check import check_config
from rankdet.study.plan import Study

BASE = {
    "study": "tiny",
    "title": "A tiny study",
    "scale": "Nothing real",
    "preset": "small",
    "datasets": {"shapes": {"kind": "shapes", "title": "Shapes"}},
    "runs": [
        {"dataset": "shapes", "detectors": ["retinanet", "atss"], "losses": ["ap", "alrp+iou"]}
    ],
    "schedule": {"image_size": 64, "batch_size": 2, "iterations": 3},
    "tables": ["alrp/table2"],
}


def study(**changes):
    return Study(check_config({**BASE, **changes}, "s.yaml"), "s.yaml")


def group(**changes):
    return {**BASE["runs"][0], **changes}


def named(made, key):
    """The run of a study with this key."""
    return next(run for run in made.runs if run.key == key)


def wildcards(run, **more):
    """The wildcards of a job of a run, as in the workflow's paths."""
    dataset, detector, loss, seed = run.key.split("/")
    names = {"dataset": dataset, "detector": detector, "loss": loss}
    return {**names, "seed": seed.removeprefix("seed"), **more}
