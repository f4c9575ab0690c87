"""A run's detections as COCO's evaluation server accepts them: one JSON file in a zip.

The server's format: https://cocodataset.org/#upload. The file must be named
`detections_<testset>_<name>_results.json`; boxes and masks are separate submissions.
"""

import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rankdet.errors import InputError, in_words
from rankdet.files import atomic
from rankdet.results.layout import DETECTIONS, METRICS, RUN, split_folder
from rankdet.results.schemas.metrics import MetricsRecord
from rankdet.results.schemas.run import RunRecord

TESTSETS = {"val": "val2017", "test-dev": "test-dev2017"}  # the server's names of COCO's splits
DECIMALS = 3  # of boxes, in pixels


def write_submission(
    run: Path, split: str, out: Path | None = None, *, name: str = "", masks: bool = False
) -> tuple[Path, int]:
    """Writes the zip of a run's detections on one split.

    Args:
        run: The run's folder.
        split: A split that the study predicted on.
        out: The zip file; None names it as the server does, in the current folder.
        name: What the server calls the method; empty for loss and detector of the run.
        masks: Whether to submit the masks instead of the boxes.

    Returns:
        The file, and the number of detections in it.

    Raises:
        InputError: If the run has no detections on the split, or they have no masks.
    """
    found = _detections(detections_file(run, split))
    entries = list(_of_masks(found) if masks else _of_boxes(found))
    if found and not entries:
        raise InputError(f"{run}: its detections have no masks; submit boxes (--iou-type bbox)")
    stem = f"detections_{_testset(run, split)}_{_plain(name or _method(run))}_results"
    target = out or Path(f"{stem}.zip")
    content = json.dumps(entries, separators=(",", ":"))
    try:
        with atomic(target) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{stem}.json", content)
    except OSError as error:
        raise InputError(f"{target}: cannot be written: {error.strerror or error}") from None
    return target, len(entries)


def detections_file(run: Path, split: str) -> Path:
    """Returns the file of a run's detections on a split, the main split or another one.

    Raises:
        InputError: If there is none.
    """
    other = run / split_folder(split) / DETECTIONS
    if other.is_file():
        return other
    main, _ = MetricsRecord.read(run / METRICS)
    if main and main.dataset and main.dataset.split == split and (run / DETECTIONS).is_file():
        return run / DETECTIONS
    on = sorted(p.parent.name.removeprefix("on-") for p in run.glob(f"on-*/{DETECTIONS}"))
    on = [main.dataset.split or "?", *on] if main and main.dataset else on
    raise InputError(
        f"{run}: no detections on split {split!r} (found: {', '.join(on) or 'none'}); choose one "
        "with --split, or add it to `splits` of the study and run it again"
    )


def _detections(path: Path) -> list[dict[str, Any]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: cannot be read: {in_words(error)}; delete it and run again"
        ) from None
    if not isinstance(found, list):
        raise InputError(f"{path}: not a list of detections; delete it and run again")
    return found


def _of_boxes(found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for one in found:
        box = [round(value, DECIMALS) for value in one["bbox"]]
        yield {**_who(one), "bbox": box, "score": one["score"]}


def _of_masks(found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Masks without boxes: if there is a box, COCO's tools use its area and not the mask's."""
    for one in found:
        if "segmentation" in one:
            yield {**_who(one), "segmentation": one["segmentation"], "score": one["score"]}


def _who(one: Mapping[str, Any]) -> dict[str, Any]:
    return {"image_id": one["image_id"], "category_id": one["category_id"]}


def _testset(run: Path, split: str) -> str:
    main, _ = MetricsRecord.read(run / METRICS)
    kind = main.dataset.kind if main and main.dataset else None
    return _plain(TESTSETS.get(split, split) if kind == "coco" else split)


def _method(run: Path) -> str:
    identity = RunRecord.from_disk(run / RUN).run
    parts = (identity.detector, identity.backbone, identity.loss, identity.variant)
    return "-".join(filter(None, parts))


def _plain(text: str) -> str:
    """The text with only letters, digits, `.` and `-`: the server splits the name at `_`."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-") or "x"
