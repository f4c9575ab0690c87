"""Jobs that train a run or write its detections."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from rankdet.files import sha256
from rankdet.jobs.claim import claimed
from rankdet.jobs.early import detect_early, take_early
from rankdet.jobs.finished import keep_finished, take_finished
from rankdet.jobs.images import check_unchanged
from rankdet.results.layout import DETECTIONS, RUN
from rankdet.results.schemas.dataset import DatasetManifest
from rankdet.results.schemas.run import RunRecord
from rankdet.results.seals import seal_detections

LRP = "lrp"  # the test setting `thresholds`: keep scores from the class's LRP-optimal threshold on


def train_run(spec: Mapping[str, Any], run: Path, say: Callable[[str], None]) -> None:
    """Trains a run, or continues its training, and detects at its end if this saves time.

    See `rankdet.training.train`, `rankdet.jobs.early`, and for other processes that train this run
    `rankdet.jobs.claim`.

    Args:
        spec: the run's spec.
        run: the run's folder.
        say: prints a line on the terminal; called if the loss collapsed or was not finite.
    """
    from rankdet.training import train

    known = with_data(spec, ["train"])
    with claimed(run, lambda line: say(f"note: {'/'.join(run.parts[-4:])}: {line}")):
        if not take_finished(known, run):
            train(_with_first_weights(known), run, partial(_at_the_end, known, run))
    record = RunRecord.from_disk(run / RUN)
    if record.status != "trained":
        say(f"note: {'/'.join(run.parts[-4:])}: {record.status}: {record.reason}")


def _with_first_weights(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Adds the checksum of the file that the training starts from, which a resume compares."""
    path = Path(spec.get("init_from") or "")
    first = {"first": sha256(path)} if path.is_file() else {}
    return {**spec, "hashes": {**spec["hashes"], **first}}


def _at_the_end(spec: Mapping[str, Any], run: Path) -> None:
    """What is left to do when the outputs of a training are written."""
    keep_finished(spec, run)
    detect_early(spec, run)


def take_checkpoint(spec: Mapping[str, Any], run: Path) -> None:
    """Takes a given checkpoint as the model of a run; see `rankdet.training.given_weights`."""
    from rankdet.training import given

    given(with_data(spec), run)


def detect(
    spec: Mapping[str, Any], run: Path, split: str, out: Path, thresholds: str | None = None
) -> None:
    """Writes a run's detections on one split; takes those that its training made, if they fit.

    Args:
        spec: the run's spec.
        run: the run's folder.
        split: a split of the run's dataset.
        out: the folder to write to.
        thresholds: the `metrics.json` whose LRP-optimal thresholds are applied, if the spec asks
            for them; None chooses them on this split.
    """
    from rankdet.training import predict

    known = with_data(spec, [split])
    if not take_early(known, run, split, out):
        predict(known, run, split, out)
    _keep_confident(spec, split, out, thresholds)
    seal_detections(out, run, spec["test_hash"])


def detect_untrained(spec: Mapping[str, Any], run: Path) -> None:
    """Writes the detections of a detector that was not trained, on the main split."""
    from rankdet.training import untrained

    untrained(with_data(spec, spec["splits"][:1]), run)
    _keep_confident(spec, spec["splits"][0], run)
    seal_detections(run, run, spec["test_hash"])


def _keep_confident(
    spec: Mapping[str, Any], split: str, out: Path, thresholds: str | None = None
) -> None:
    if spec["test"].get("thresholds") == LRP:
        from rankdet.results.thresholds import keep_confident

        keep_confident(out / DETECTIONS, spec["manifest"], split, thresholds)


def with_data(spec: Mapping[str, Any], splits: Iterable[str] = ()) -> dict[str, Any]:
    """Returns a run's spec with the checksum of its data, which is known only when the job runs.

    Args:
        spec: the run's spec.
        splits: the splits whose images the job reads. They must be those of the checksum.

    Raises:
        InputError: If the dataset's manifest cannot be read, or images have changed since.
    """
    manifest = DatasetManifest.from_disk(spec["manifest"])
    check_unchanged(spec["manifest"], manifest, splits)
    return {**spec, "hashes": {**spec["hashes"], "data": manifest.checksum}}
