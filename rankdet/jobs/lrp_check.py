"""The job that compares a run's oLRP with the package that LRP's authors released."""

from pathlib import Path

from rankdet.results.schemas.dataset import DatasetManifest


def check_run(manifest: str, split: str, detections: str, metrics: str, out: str | Path) -> None:
    """Writes `lrp-check.json`; see `rankdet.evaluation.lrp_check.check_lrp`.

    Args:
        manifest: `dataset.json` of the run's dataset.
        split: the split of the detections.
        detections: COCO's results format.
        metrics: the run's `metrics.json`.
        out: where to write.

    Raises:
        InputError: If a file cannot be used.
    """
    from rankdet.evaluation.lrp_check import check_lrp

    truth = DatasetManifest.from_disk(manifest).splits[split].annotations
    check_lrp(truth, detections, metrics, out)
