"""Where a study's files are. No other module names them.

    <study>/plan.json, cost.json, leaderboard.csv
    <study>/tracked/<tool>/                             files of TensorBoard, MLflow or W&B
    <study>/tables/<paper>/<table>/table.json, figures/<paper>/<figure>/figure.json
    <study>/imported/<run>/import.json                  detections that `rankdet import` has taken
    <study>/<dataset>/dataset.json
    <study>/<dataset>/<detector>/<loss>/seed<k>/        a run: see the constants below
        on-<split>/                                     another split than the main one
        at-<threshold>/                                 another lowest score before NMS
        test-<name>/                                    another test of the same model
        epoch-<n>-of-<N>/                               the model after an epoch of the training

The rules in `workflows/rules` name the same files, because Snakemake needs patterns there.
"""

import hashlib
import re
from pathlib import Path

PLAN = "plan.json"
COST = "cost.json"
ORIGIN = "origin"  # of an imported study: config, environment and metadata of its archive
TRACKED = "tracked"  # what the key `track` of a study sends to TensorBoard, MLflow or W&B
LEADERBOARD = "leaderboard.csv"
LEADERBOARD_OF_SEEDS = "leaderboard-seeds.csv"
PROVENANCE = "provenance.json"  # in a record of `rankdet record`
DATASET = "dataset.json"
IMPORTS = "imported"
IMPORT = "import.json"  # what `rankdet import` was told, beside the files that it took

MODEL = "model.pth"  # the trained weights
TRAINING = "train.parquet"  # one row per iteration
RUN = "run.json"  # how the run was trained
DETECTIONS = "detections.json"  # COCO's results format
SPEED = "speed.json"  # of inference
INTERVALS = "intervals"  # of a study: draws of images, for intervals of differences
MATCHES = "matches.parquet"  # which detection matched which object
METRICS = "metrics.json"
SHOWN = "shown.kept"  # what pages show of single detections
SWEEP = "sweep.json"  # metrics and speed over score thresholds
EARLY = (
    "detected"  # detections that the training made for the job that detects, until it takes them
)

WORK = "work"  # checkpoints of an unfinished training
PROGRESS = "train.jsonl"  # in `work`: one line per iteration so far
LAST = "last"  # the state at the end of a training, from which a longer one goes on
STATE = "state.json"  # in `work` and `last`: what the training is made of
FINISHED = "finished"  # of a job of a cluster: links to the outputs of a training
LOCK = "lock"  # in `work`: which process writes it
FAILURE = "failure.json"  # in `work`: why the last job failed

TABLE = "table.json"
FIGURE = "figure.json"
TABLES, FIGURES = "tables", "figures"  # of a study

LOGS = "logs"  # of a study, a dataset, a run or a part of one
PAGES = "pages"  # of a study: stored pages of its report
ORIGIN = "origin"  # of an imported study: config, environment and metadata of the archive
DATA = "data"  # of a dataset: its annotations

# What is beside the datasets of a study, and beside the detectors of a dataset. Nothing is beside
# the losses of a detector, so these may have any name.
OF_STUDY = (
    *(PLAN, COST, LEADERBOARD, TABLES, FIGURES, IMPORTS),
    *(INTERVALS, LOGS, ORIGIN, PAGES, TRACKED),
)
OF_DATASET = (DATA, DATASET, LOGS)


def reserved(kind: str, name: str) -> str | None:
    """Returns why a dataset or a detector cannot have a name; None if it can.

    Args:
        kind: "dataset" or "detector".
        name: The name.
    """
    names, owner = {"dataset": (OF_STUDY, "study"), "detector": (OF_DATASET, "dataset")}[kind]
    if name not in names:
        return None
    return f"{name!r} is a file or folder of each {owner}; give the {kind} another name"


def split_folder(split: str) -> str:
    """Returns the folder, in a run's folder, of a split that is not the main one."""
    return f"on-{split}"


def threshold_folder(threshold: float) -> str:
    """Returns the folder, in a run's folder, of another score threshold.

    The name has all digits of the number: different thresholds never share a folder.
    """
    return f"at-{float(threshold)!r}"


def variant_folder(name: str) -> str:
    """Returns the folder, in a run's folder, of another test of the same model."""
    return f"test-{name}"


def epoch_folder(name: str) -> str:
    """Returns the folder, in a run's folder, of an epoch such as `50-of-100` that it kept."""
    return f"epoch-{name}"


def failure_file(run: Path) -> Path:
    """Returns the file that says why a run's last job failed."""
    return run / WORK / FAILURE


def table_folder(study: Path | str, name: str) -> Path:
    """Returns the folder of a table, such as `alrp/table2`."""
    return Path(study) / "tables" / name


def figure_folder(study: Path | str, name: str) -> Path:
    """Returns the folder of a figure, such as `alrp/figure4`."""
    return Path(study) / "figures" / name


def slug(text: str) -> str:
    """Returns a name that is safe in a path and a URL; different texts give different names."""
    plain = re.sub(r"[^A-Za-z0-9._+@-]+", "-", text).strip("-.") or "x"
    if plain == text:
        return plain
    return f"{plain[:60]}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"
