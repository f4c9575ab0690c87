"""Time and memory of a report of runs with many detections.

    python -m tests.bench.bench_large_report [--images 36000] [--detections 3600000]

It makes two runs on synthetic data and prints the processor seconds and the peak memory of their
evaluation, of the first report, and of a report that reads `detections.json`, because the file that
the evaluation keeps for the pages is not there. The pages must be equal byte for byte.
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

from rankdet.evaluation.benchmark import make_case
from rankdet.results.layout import DETECTIONS, MATCHES, METRICS, SHOWN
from tests.bench.bench_scale import BUILD, cost
from tests.report.fake_study import make_study

RUNS = tuple(("retinanet", loss, "", 1, "trained") for loss in ("ap", "alrp"))
EVALUATE = """
import sys
from rankdet.results.metrics_record import write_split_metrics
names = "detections", "run_json", "dataset_json", "out_metrics", "out_matches", "out_shown"
write_split_metrics("val", **dict(zip(names, sys.argv[1:])))
"""


def make_large(folder: Path, images: int, detections: int) -> Path:
    """Writes a study of two runs whose detections are not evaluated yet; returns its plan."""
    plan = make_study(folder, runs=RUNS)
    data = plan.parent / "shapes" / "data"
    truth, found = make_case(folder, images, detections)
    for _, loss, *_ in RUNS:
        shutil.copyfile(found, plan.parent / "shapes" / "retinanet" / loss / "seed1" / DETECTIONS)
    content = json.loads(truth.read_text())
    picture = next(data.glob("val/*.png")).name
    for image in content["images"]:
        image["file_name"] = picture
    (data / "val.json").write_text(json.dumps(content))
    return plan


def evaluated(folder: Path, plan: Path) -> None:
    """Evaluates the runs, and prints what it takes."""
    for run in sorted(plan.parent.glob("shapes/retinanet/*/seed1")):
        files = [run / DETECTIONS, run / "run.json", plan.parent / "shapes" / "dataset.json"]
        files += [run / METRICS, run / MATCHES, run / SHOWN]
        found = cost(folder, "-c", EVALUATE, *map(str, files))
        print(f"evaluate   {found.seconds:8.1f} s {found.memory:6.2f} GB", flush=True)


def reported(folder: Path, plan: Path, name: str) -> Path:
    """Builds the report without stored pages, and prints what it takes; returns its folder."""
    shutil.rmtree(plan.parent / "pages", ignore_errors=True)
    html = folder / name
    found = cost(folder, "-c", BUILD, str(plan), str(html))
    print(f"{name:10} {found.seconds:8.1f} s {found.memory:6.2f} GB", flush=True)
    return html


def same_pages(first: Path, second: Path) -> bool:
    """Returns whether two reports have the same files."""
    names = [sorted(p.relative_to(f) for p in f.rglob("*") if p.is_file()) for f in (first, second)]
    return names[0] == names[1] and all(
        (first / name).read_bytes() == (second / name).read_bytes() for name in names[0]
    )


def main() -> None:
    """Prints a line for each part, and whether the pages are equal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=36_000)
    parser.add_argument("--detections", type=int, default=3_600_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        plan = make_large(folder, args.images, args.detections)
        evaluated(folder, plan)
        reported(folder, plan, "warm-up")  # it computes draws of comparisons
        kept = reported(folder, plan, "kept")
        for path in plan.parent.rglob(SHOWN):
            path.unlink()
        print("equal pages:", same_pages(kept, reported(folder, plan, "without")))


if __name__ == "__main__":
    main()
