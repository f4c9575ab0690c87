"""Writes the oLRP of the released package as JSON. The Python of `envs/lrp.yaml` runs this file.

python lrp_released.py GT.json DETECTIONS.json OUT.json maps each category id to oLRP, its
components and the threshold; null where the package has no value. It imports nothing of rankdet.
"""

import json
import sys
from pathlib import Path

KEYS = {
    "oLRP": "olrp",
    "oLRP_Loc": "olrp_loc",
    "oLRP_FP": "olrp_fp",
    "oLRP_FN": "olrp_fn",
    "lrp_threshold": "lrp_opt_thr",
}


def main(ground_truth: str, detections: str, out: str) -> None:
    """Evaluates boxes and writes the values of each class; exits if the package is missing."""
    import numpy as np

    for name, kind in (("float", float), ("int", int), ("bool", bool)):
        if name not in vars(np):  # the package was written for NumPy below 1.24
            setattr(np, name, kind)
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth = COCO(ground_truth)
    evaluator = COCOeval(truth, truth.loadRes(detections), "bbox")
    evaluator.evaluate()
    evaluator.accumulate()
    if "olrp" not in evaluator.eval:
        sys.exit("the installed pycocotools is COCO's version, which has no LRP")
    # Area all, 100 detections; −1 means a class without ground truth.
    tables = {key: evaluator.eval[name][:, 0, -1] for key, name in KEYS.items()}
    values = {
        str(category): {
            key: float(table[k]) if np.isfinite(table[k]) and table[k] != -1 else None
            for key, table in tables.items()
        }
        for k, category in enumerate(evaluator.params.catIds)
    }
    Path(out).write_text(json.dumps(values), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
