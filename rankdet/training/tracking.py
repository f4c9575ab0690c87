"""Sends the training record to TensorBoard, MLflow or Weights & Biases, by mmengine's backends."""

import importlib.util
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from mmengine.config import Config
from mmengine.visualization import Visualizer

from rankdet.errors import InputError
from rankdet.results.layout import TRACKED
from rankdet.training.rows import Row

BACKENDS = {
    "tensorboard": "TensorboardVisBackend",
    "mlflow": "MLflowVisBackend",
    "wandb": "WandbVisBackend",
}
NOT_AVERAGED = ("iteration", "epoch", "lr")


class ScalarsVisualizer(Visualizer):
    """mmengine's visualizer without its figure: that imports matplotlib, and we draw no image."""

    def _initialize_fig(self, fig_cfg: Any) -> tuple[None, SimpleNamespace, None]:
        return None, SimpleNamespace(get_dpi=lambda: 100.0), None


def nothing() -> dict[str, Any]:
    """Returns mmengine's visualizer of a run that is not tracked."""
    return {"type": ScalarsVisualizer, "vis_backends": []}


def visualizer(spec: Mapping[str, Any], work: Path) -> dict[str, Any] | None:
    """Returns mmengine's visualizer with the backend of `track`; None if nothing is tracked.

    Args:
        spec: The run's spec.
        work: The run's `work/` folder. Files go into `tracked/` of the study, because `work/` is
            removed at the end.

    Raises:
        InputError: If the package is not installed.
    """
    tool = spec.get("track")
    if not tool:
        return None
    if importlib.util.find_spec(tool) is None:
        raise InputError(
            f"track: {tool} is not installed; install it (pip install {tool}), or leave `track` out"
        )
    run = work.parent
    key, folder = "/".join(run.parts[-4:]), run.parents[3] / TRACKED / tool
    backend: dict[str, Any] = {"type": BACKENDS[tool], "save_dir": str(folder)}
    if tool == "tensorboard":
        backend["save_dir"] = str(folder / key)
    elif tool == "mlflow":
        backend |= {"exp_name": spec["study"], "run_name": key, "artifact_suffix": ()}
        backend["tracking_uri"] = os.environ.get("MLFLOW_TRACKING_URI")
        # MLflow 3 refuses its file store without this. A database would need further packages, and
        # trainings on several machines would lock it.
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    else:
        backend["init_kwargs"] = {"project": spec["study"], "name": key}
    return {"type": ScalarsVisualizer, "vis_backends": [backend], "save_dir": str(folder)}


def describe(runner: Any, spec: Mapping[str, Any], work: Path) -> None:
    """Sends what the run is: its names, its seed and its schedule.

    mmengine's backend for MLflow cannot be closed before it has got a config with `work_dir`.

    Args:
        runner: The mmengine runner, with a visualizer of this module.
        spec: The run's spec.
        work: The run's `work/` folder.
    """
    names = {key: spec[key] for key in ("dataset", "detector", "loss", "variant", "seed")}
    content = {**names, "schedule": dict(spec["schedule"]), "work_dir": str(work)}
    runner.visualizer.add_config(Config(content))


def scalars(rows: Sequence[Row]) -> dict[str, float]:
    """Returns what is shown of some iterations: means, and the last learning rate and epoch.

    Values that are not numbers, as the gradient of a head that was skipped, are left out.

    Args:
        rows: Rows of the training record, at least one.
    """
    last = rows[-1]
    found = {
        name: last[name]
        if name in NOT_AVERAGED
        else sum(r.get(name, 0.0) for r in rows) / len(rows)
        for name in last
        if name != "iteration"
    }
    return {name: float(value) for name, value in found.items() if not math.isnan(value)}
