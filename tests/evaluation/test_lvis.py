"""LVIS's federated annotations, compared with hotcoco's LVIS evaluation and results by hand."""

import json

import hotcoco
import numpy as np
import pytest

from rankdet.errors import InputError
from rankdet.evaluation.coco.loading import load_detections, load_ground_truth
from rankdet.evaluation.evaluate import evaluate_files
from rankdet.evaluation.metrics.ap import ap_tables
from rankdet.evaluation.metrics.coco_evaluators import backend_tables
from rankdet.evaluation.metrics.matches import read_matches, write_matches
from rankdet.evaluation.metrics.matching import match

NAMES = {"APr": "AP_rare", "APc": "AP_common", "APf": "AP_frequent", "AR@300": "AR300"}


def write(folder, truth, results):
    paths = folder / "gt.json", folder / "dt.json"
    for path, data in zip(paths, (truth, results), strict=True):
        path.write_text(json.dumps(data))
    return paths


def random_case(seed, per_object):
    rng = np.random.default_rng(seed)
    images, annotations, results = [], [], []
    for image in range(1, 13):
        present = rng.choice(np.arange(1, 8), 3, replace=False).tolist()
        absent = [c for c in range(1, 8) if c not in present][:2]
        images.append({"id": image, "height": 300, "width": 300})
        images[-1] |= {"neg_category_ids": absent, "not_exhaustive_category_ids": present[:1]}
        for category in present * 3:
            box = [*rng.uniform(0, 200, 2), *rng.uniform(5, 110, 2)]
            annotations.append({"id": len(annotations) + 1, "image_id": image, "bbox": box})
            annotations[-1] |= {"category_id": category, "area": box[2] * box[3]}
            for _ in range(per_object if image % 3 == 0 else 3):
                found = np.maximum(box + rng.normal(0, 4, 4), 0.5).tolist()
                other = int(rng.integers(1, 8)) if rng.random() < 0.4 else category
                results.append({"image_id": image, "category_id": other, "bbox": found})
                results[-1]["score"] = round(rng.random(), 2)
    categories = [{"id": c, "name": str(c), "frequency": "rcf"[c % 3]} for c in range(1, 8)]
    return {"images": images, "annotations": annotations, "categories": categories}, results


@pytest.mark.parametrize("seed", range(6))
def test_equals_the_lvis_evaluation(tmp_path, seed):
    # Images with 40 detections per object exceed the limit of 300.
    paths = write(tmp_path, *random_case(seed, per_object=40))
    truth = hotcoco.COCO(str(paths[0]))
    oracle = hotcoco.LVISeval(truth, truth.load_res(str(paths[1])), "bbox")
    oracle.evaluate()
    oracle.accumulate()
    ground_truth = load_ground_truth(paths[0])
    detections = load_detections(paths[1], ground_truth)
    ours = ap_tables(match(ground_truth, detections))
    fed = backend_tables(ground_truth, detections, "bbox", "hotcoco")
    for tables in (ours, fed):
        np.testing.assert_allclose(
            tables.precision, np.asarray(oracle.eval["precision"])[..., -1], rtol=0, atol=1e-9
        )
        np.testing.assert_allclose(tables.recall, oracle.eval["recall"], rtol=0, atol=1e-9)
    oracle.summarize()
    metrics = evaluate_files(*paths)["metrics"]
    for theirs, name in NAMES.items():
        assert metrics[name] == pytest.approx(oracle.get_results()[theirs], abs=1e-9)
    assert "AR100" not in metrics


def one_image(negative=(), not_exhaustive=()):
    truth = {
        "images": [{"id": 1, "height": 99, "width": 99}],
        "categories": [{"id": c, "name": str(c), "frequency": "f"} for c in (1, 2, 3)],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 10], "area": 100}
        ],
    }
    truth["images"][0] |= {
        "neg_category_ids": list(negative),
        "not_exhaustive_category_ids": list(not_exhaustive),
    }
    results = [
        {"image_id": 1, "category_id": c, "bbox": b, "score": s}
        for c, b, s in ((1, [50, 50, 9, 9], 0.9), (1, [0, 0, 10, 10], 0.8), (2, [0, 0, 9, 9], 0.7))
    ]
    return truth, results


def matched(folder, *case):
    paths = write(folder, *case)
    ground_truth = load_ground_truth(paths[0])
    return match(ground_truth, load_detections(paths[1], ground_truth))


def test_only_annotated_categories_count(tmp_path):
    kept = matched(tmp_path, *one_image()).detections
    assert kept["category_id"].tolist() == [1, 1]  # the image is not annotated for 2
    kept = matched(tmp_path, *one_image(negative=[2])).detections
    assert kept["category_id"].tolist() == [1, 1, 2]  # 2 is known to be absent
    assert kept["ignored_all"].tolist() == [0, 0, 0]


def test_false_positives_of_categories_that_are_not_exhaustive_are_ignored(tmp_path):
    kept = matched(tmp_path, *one_image(not_exhaustive=[1])).detections
    assert kept["ignored_all"].tolist() == [1023, 0]
    assert kept["true_all"].tolist() == [0, 1023]


def test_matches_keep_the_limit_on_disk(tmp_path):
    matches = matched(tmp_path, *one_image())
    write_matches(matches, tmp_path / "m.parquet")
    assert read_matches(tmp_path / "m.parquet").max_detections == 300


def test_no_detections_and_the_wrong_backend(tmp_path):
    truth, results = one_image()
    metrics = evaluate_files(*write(tmp_path, truth, []))["metrics"]
    assert metrics["AP"] == metrics["AR300"] == 0 and metrics["AP_rare"] is None
    with pytest.raises(InputError, match="use the backend hotcoco"):
        evaluate_files(*write(tmp_path, truth, results), backend="pycocotools")
