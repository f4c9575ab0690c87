"""Specs of trainings that take seconds: few small images, without a study."""

from rankdet.datasets import prepare
from rankdet.study.detectors import load_detector

AP = {"name": "ap", "classification": {"type": "APLoss"}, "box": {"type": "giou"}}


def tiny_run(folder, schedule, *, images=(4, 1), detector="retinanet", card=AP, **more):
    """Returns a spec, and writes its data.

    Args:
        folder: for the data: images of 64 px, each with an object.
        schedule: keys besides the image size and a learning rate of .001.
        images: number of images in `train` and `val`.
        detector: a file of `workflows/detectors`.
        card: a loss card.
        **more: further keys of the spec.
    """
    train, val = images
    data = {"kind": "shapes", "title": "t", "seed": 1, "train_images": train, "val_images": val}
    prepare("shapes", {**data, "image_size": 64, "empty_fraction": 0}, folder)
    return {
        "study": "test",
        "dataset": "shapes",
        "detector": detector,
        "loss": card["name"],
        "variant": "",
        "seed": 1,
        "preset": "small",
        "manifest": str(folder / "dataset.json"),
        "detector_spec": load_detector(detector, "small"),
        "card": card,
        "loss_file": None,
        "schedule": {"image_size": 64, "lr": 0.001, **schedule},
        "splits": ["val"],
        "test": {"score_threshold": 0.0, "nms_iou": 0.5},
        "hashes": {"config": "c", "code": "k", "loss": "l", "data": "d"},
        "threads": 1,
        "device": "cpu",
        **more,
    }
