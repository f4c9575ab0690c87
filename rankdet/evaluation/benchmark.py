"""Speed of evaluation: all our metrics, compared with other evaluators for AP alone.

Processor seconds of all threads are compared. They depend little on other work on the machine and
on the number of cores. All sides read the same synthetic files.
"""

import contextlib
import io
import json
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rankdet.evaluation.benchmark_others import MODULES, installed, measured, peak_gb, timed
from rankdet.evaluation.metric import FAMILIES

SCHEMA = "rankdet.bench.evaluation/1"
IMAGES, DETECTIONS, DRAWS = 5000, 500_000, 100
CLASSES = 80
INTERVALS = "intervals of"
OTHERS = ("pycocotools", *MODULES)
AP_PART = ("read ground truth", "read detections", "match", "AP", "AP, summary")


def make_case(
    folder: Path,
    images: int,
    detections: int,
    seed: int = 0,
    classes: int = CLASSES,
    federated: bool = False,
) -> tuple[Path, Path]:
    """Writes synthetic annotations (7.3 per image, classes of uneven size) and detections.

    Args:
        folder: the folder of the new files gt.json and dt.json.
        images: number of images.
        detections: number of detections. 60 % of them are near an object, the others anywhere.
        seed: seed of all random numbers.
        classes: number of classes.
        federated: whether the images have LVIS's lists: five drawn classes are known to be absent,
            one of the classes of its objects is not annotated completely.

    Returns:
        The paths of gt.json and dt.json.
    """
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(1, classes + 1)
    share /= share.sum()
    labels = np.arange(1, classes + 1)
    count = int(7.3 * images)
    image = rng.integers(1, images + 1, count)
    category = rng.choice(labels, count, p=share)
    side = np.exp(rng.uniform(np.log(8), np.log(400), (count, 2)))
    boxes = np.c_[rng.uniform(0, 500, (count, 2)), side].round(2)
    truth: dict[str, Any] = {
        "images": [{"id": i, "height": 640, "width": 640} for i in range(1, images + 1)],
        "categories": [{"id": c, "name": f"class {c}"} for c in labels.tolist()],
        "annotations": _rows(
            id=np.arange(1, count + 1),
            image_id=image,
            category_id=category,
            bbox=boxes,
            area=boxes[:, 2] * boxes[:, 3],
            iscrowd=(rng.random(count) < 0.012).astype(int),
        ),
    }
    if federated:
        _add_lists(truth["images"], image, category, np.random.default_rng(seed + 1))
    near = rng.integers(0, count, detections)
    # Error of a detection as a fraction of its object's size: a few detections hit, most miss.
    off = rng.exponential(0.12, detections)[:, None] * rng.normal(size=(detections, 4))
    found = boxes[near] + off * np.tile(boxes[near, 2:], 2)
    found[:, 2:] = np.maximum(found[:, 2:], 1)
    anywhere = rng.random(detections) < 0.4
    found[anywhere, :2] = rng.uniform(0, 500, (int(anywhere.sum()), 2))
    other = rng.random(detections) < 0.3
    label = np.where(other, rng.choice(labels, detections, p=share), category[near])
    score = rng.beta(1, 6, detections) + 0.5 * ~anywhere * rng.random(detections)
    results = {
        "image_id": image[near],
        "category_id": label,
        "bbox": np.round(found, 2),
        "score": np.round(np.minimum(score, 1), 4),
    }
    paths = folder / "gt.json", folder / "dt.json"
    paths[0].write_text(json.dumps(truth))
    with paths[1].open("w") as file:
        file.writelines(_json_list(results))
    return paths


def _add_lists(
    images: list[dict[str, Any]], image: np.ndarray, category: np.ndarray, rng: np.random.Generator
) -> None:
    """Adds LVIS's lists of classes to images; objects are given by their image and category."""
    present: dict[int, set[int]] = {one["id"]: set() for one in images}
    for i, c in zip(image.tolist(), category.tolist(), strict=True):
        present[i].add(c)
    absent = rng.integers(1, category.max() + 1, (len(images), 5))
    for one, drawn in zip(images, absent.tolist(), strict=True):
        one["neg_category_ids"] = sorted({*drawn} - present[one["id"]])
        one["not_exhaustive_category_ids"] = sorted(present[one["id"]])[:1]


def _rows(**columns: np.ndarray) -> list[dict[str, Any]]:
    lists = (values.tolist() for values in columns.values())
    return [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]


def _json_list(columns: dict[str, np.ndarray], block: int = 20_000) -> Iterable[str]:
    """Yields the JSON text of a list of objects in blocks, which limits the memory."""
    for start in range(0, len(columns["score"]), block):
        part = {name: values[start : start + block] for name, values in columns.items()}
        yield (", " if start else "[") + json.dumps(_rows(**part))[1:-1]
    yield "]"


def ours(
    gt_path: Path, dt_path: Path, draws: int, families: Sequence[str] = FAMILIES
) -> tuple[dict[str, float], dict[str, float], np.ndarray]:
    """Evaluates with all our metrics.

    Returns:
        The processor seconds of each step, the peak memory in GB up to each step, and the table of
        precision.
    """
    # The time of imports is measured on neither side.
    import pyarrow.csv
    import pyarrow.json
    import pyarrow.parquet  # noqa: F401
    import scipy.stats  # noqa: F401

    from rankdet.evaluation.coco.loading import load_detections, load_ground_truth
    from rankdet.evaluation.intervals import bootstrap_intervals
    from rankdet.evaluation.metrics.ap import ap_tables, summarise
    from rankdet.evaluation.metrics.bounds import correlation_bounds
    from rankdet.evaluation.metrics.calibration import calibration
    from rankdet.evaluation.metrics.correlation import correlations
    from rankdet.evaluation.metrics.matches import write_matches
    from rankdet.evaluation.metrics.matching import match
    from rankdet.evaluation.metrics.olrp import olrp
    from rankdet.evaluation.metrics.sparsity import sparsity_bins

    steps: dict[str, float] = {}
    memory: dict[str, float] = {}

    def step(name: str, function: Any) -> Any:
        result = timed(steps, name, function)
        # Linux reads the peak from counters of each thread, so it can fall by some pages.
        memory[name] = max([*memory.values(), peak_gb()])
        return result

    truth = step("read ground truth", lambda: load_ground_truth(gt_path))
    found = step("read detections", lambda: load_detections(dt_path, truth))
    matches = step("match", lambda: match(truth, found))
    path = gt_path.with_name("matches.parquet")
    step("write matches", lambda: write_matches(matches, path))
    tables = step("AP", lambda: ap_tables(matches))
    step("AP, summary", lambda: summarise(tables, {}, matches.category_ids))
    step("oLRP, exact", lambda: olrp(matches))
    step("oLRP, grid101", lambda: olrp(matches, "grid101"))
    step("correlations", lambda: correlations(matches))
    step("bounds", lambda: correlation_bounds(matches))
    step("sparsity", lambda: sparsity_bins(matches))
    step("calibration", lambda: calibration(matches))
    for family in families:
        rng = np.random.default_rng(0)
        name = f"{INTERVALS} {family} ({draws} draws)"
        step(
            name, lambda rng=rng, family=family: bootstrap_intervals(matches, rng, draws, [family])
        )
    return steps, memory, tables.precision


def pycocotools(gt_path: Path, dt_path: Path) -> tuple[dict[str, float], np.ndarray]:
    """Returns the processor seconds of each step of pycocotools, and its table of precision."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    steps: dict[str, float] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        truth = timed(steps, "read ground truth", lambda: COCO(str(gt_path)))
        found = timed(steps, "read detections", lambda: truth.loadRes(str(dt_path)))
        evaluator = COCOeval(truth, found, "bbox")
        timed(steps, "evaluate", evaluator.evaluate)
        timed(steps, "accumulate", evaluator.accumulate)
    return steps, evaluator.eval["precision"][..., -1]


def run(
    images: int = IMAGES,
    detections: int = DETECTIONS,
    draws: int = DRAWS,
    seed: int = 0,
    against: Sequence[str] = ("pycocotools",),
    classes: int = CLASSES,
    families: Sequence[str] = FAMILIES,
    federated: bool = False,
) -> dict[str, Any]:
    """Times all sides on the same files.

    Args:
        images: number of images, with 7.3 objects each on average.
        detections: number of detections.
        draws: number of bootstrap draws for the intervals.
        seed: seed of the files and of the draws.
        against: any of `OTHERS`; one that is not installed is left out. pycocotools takes minutes.
        classes: number of classes.
        families: metrics with intervals: any of "ap", "olrp", "correlation".
        federated: whether the annotations are federated (LVIS). The others do not evaluate these,
            so only ours is timed.

    Returns:
        JSON-serialisable: the processor seconds of each step and their totals, the peak memory of
        our evaluation in GB, `ratio`, the total of pycocotools divided by ours (None if pycocotools
        was not timed), and `others` by name: their seconds, peak memory and `ap_part_ratio`, the
        time of our reading, matching and AP divided by theirs.

    Raises:
        AssertionError: a value of precision or AP differs by more than 1e-9.
    """
    against = () if federated else against
    others: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        paths = make_case(Path(folder), images, detections, seed, classes, federated)
        mine, memory, precision = ours(*paths, draws, families)
        ap_part = sum(mine[step] for step in AP_PART)
        for name in (n for n in MODULES if n in against and installed(n)):
            others[name] = measured(name, *paths)
            others[name]["ap_part_ratio"] = ap_part / others[name]["total"]
            expected = precision[..., 0][precision[..., 0] > -1].mean()
            np.testing.assert_allclose(others[name]["AP"], expected, rtol=0, atol=1e-9)
        theirs: dict[str, float] = {}
        if "pycocotools" in against:
            theirs, table = pycocotools(*paths)
            np.testing.assert_allclose(precision, table, rtol=0, atol=1e-9)
    return {
        "images": images,
        "detections": detections,
        "classes": classes,
        "federated": federated,
        "draws": draws,
        "seed": seed,
        "ours_seconds": mine,
        "ours_total": sum(mine.values()),
        "ours_peaks_gb": memory,
        "ours_peak_gb": max(memory.values()),
        "ap_part": ap_part,
        "others": others,
        "pycocotools_seconds": theirs,
        "pycocotools_total": sum(theirs.values()),
        "ratio": sum(theirs.values()) / sum(mine.values()) if theirs else None,
    }


def growth(
    images: int = IMAGES,
    sizes: Sequence[int] = (DETECTIONS // 4, DETECTIONS // 2, DETECTIONS),
    draws: int = DRAWS,
    seed: int = 0,
    classes: int = CLASSES,
) -> list[dict[str, float]]:
    """Returns our processor seconds for several numbers of detections on the same images.

    Each row has `detections`, `interval_seconds` (for the intervals) and `seconds` (for the rest).
    """
    rows = []
    for size in sizes:
        steps = run(images, size, draws, seed, (), classes)["ours_seconds"]
        intervals = sum(v for name, v in steps.items() if name.startswith(INTERVALS))
        seconds = sum(steps.values()) - intervals
        rows.append({"detections": size, "seconds": seconds, "interval_seconds": intervals})
    return rows
