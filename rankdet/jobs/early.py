"""Detections that the process of a training makes at its end, for the job that detects.

That job would import torch and mmdet again, which takes longer than the detections of a small
study. It takes these if it would make the same, and detects itself otherwise.
"""

import hashlib
import json
import shutil
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rankdet.files import read_record, sha256, synchronise, write_record
from rankdet.jobs.images import check_unchanged
from rankdet.results.layout import DETECTIONS, EARLY, MODEL, RUN, SPEED, WORK
from rankdet.results.schemas.dataset import DatasetManifest
from rankdet.results.schemas.run import RunRecord

FILES = (DETECTIONS, SPEED)
NOTE = "made-of.json"
TRIED = "detected"  # in `work`: a second try could stop the training again
# With more images the start of a process does not count, and the rule `predict` may have more
# memory than `train`.
MOST_IMAGES = 500


def detect_early(spec: Mapping[str, Any], run: Path) -> None:
    """Detects on the main split after a training on a CPU, if that split is small.

    Call it when the outputs of the run are written and `work/` is still there: a process that is
    killed here resumes from there. An error is printed, but does not end the training.

    Args:
        spec: the run's spec, with the checksum of its data.
        run: the run's folder.
    """
    split, made, tried = spec["splits"][0], run / EARLY, run / WORK / TRIED
    shutil.rmtree(made, ignore_errors=True)
    try:
        manifest = DatasetManifest.from_disk(spec["manifest"])
        if tried.exists() or not _is_small(manifest, split) or not _was_on_cpu(run):
            return
        tried.touch()
        check_unchanged(spec["manifest"], manifest, [split])
        from rankdet.training import predict

        predict(dict(spec), run, split, made)
        files = {name: _sha256(made / name) for name in FILES}
        write_record(made / NOTE, {"made_of": _made_of(spec, run, split), "files": files})
    except Exception:
        traceback.print_exc()  # to the log; the job that detects will tell the user
        shutil.rmtree(made, ignore_errors=True)


def take_early(spec: Mapping[str, Any], run: Path, split: str, out: Path) -> bool:
    """Moves such detections into a folder, if they are those that `predict` would write.

    Args:
        spec: the run's spec, with the checksum of its data.
        run: the folder with the model.
        split: a split of the run's dataset.
        out: the folder to write to.

    Returns:
        Whether they were there, whole, and made of the same model, data, settings and code.
    """
    made = run / EARLY
    note, problem = read_record(made / NOTE)
    if problem or note.get("made_of") != _made_of(spec, run, split):
        return False
    if any(_sha256(made / name) != note.get("files", {}).get(name) for name in FILES):
        return False
    for name in FILES:
        (made / name).replace(out / name)
    synchronise(out)
    shutil.rmtree(made, ignore_errors=True)
    return True


def _made_of(spec: Mapping[str, Any], run: Path, split: str) -> str:
    """A hash of everything that detections depend on. It includes keys that change nothing."""
    from rankdet.training.provenance import versions

    values = [spec, split, _sha256(run / MODEL), versions()]
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()


def _sha256(path: Path) -> str:
    """The checksum of a file; empty if there is none."""
    try:
        return sha256(path)
    except FileNotFoundError:
        return ""


def _is_small(manifest: DatasetManifest, split: str) -> bool:
    images = manifest.splits[split].n_images
    return images is not None and images <= MOST_IMAGES


def _was_on_cpu(run: Path) -> bool:
    """On a GPU cuDNN's choices in training could change the last digits of the detections."""
    provenance = RunRecord.from_disk(run / RUN).to_dict()["provenance"]
    return bool(provenance["hardware"]["device"] == "cpu")
