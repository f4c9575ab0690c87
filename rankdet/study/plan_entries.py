"""The entries of `plan.json` for the study, a run, and a table or figure."""

from pathlib import Path
from typing import Any

from rankdet.files import shown
from rankdet.repository import ROOT, paper_file
from rankdet.results import layout
from rankdet.results.seals import OF_EVALUATION, OF_TEST
from rankdet.study.config.model import StudyConfig
from rankdet.study.hashes import step_hash
from rankdet.study.resolved_run import ResolvedRun
from rankdet.study.tuned import how_tuned

# Keys of a run's schedule; the last ones only if they are given.
SHOWN = (
    *("image_size", "batch_size", "lr"),
    *("gpus", "images_per_gpu", "accumulate", "rank_scope", "precision"),
)


def study_entry(config: StudyConfig) -> dict[str, Any]:
    """Returns the entry of the study: what readers of its records need of its config."""
    shown = config.model_dump(include={"title", "scale", "preset", "learned_ap50"})
    return {"name": config.study, **shown}


def run_entry(run: ResolvedRun, folder: str) -> dict[str, Any]:
    """Returns the entry of a run.

    Args:
        run: The run.
        folder: The study's folder.
    """
    return {
        "key": run.key,
        "dir": f"{folder}/{run.key}",
        "dataset": run.dataset,
        "detector": run.detector,
        "backbone": run.backbone,
        "loss": run.loss_name,
        "variant": run.variant,
        "seed": run.seed,
        "schedule": run.schedule_name,
        "kept_epochs": [kept.name for kept in run.kept_epochs],
        "tuning": how_tuned(run, run.model.card, run.preset, run.schedule),
        "settings": {k: v for k, v in run.schedule.items() if k in SHOWN},
        "titles": dict(run.titles),
        "splits": list(run.splits),
        "score_thresholds": list(run.score_thresholds),
        "test_variants": [name for name, _ in run.test_variants],
        "untrained": run.untrained,
        "checkpoint": run.checkpoint,
        **({"init_from": run.init_from} if run.init_from else {}),
        "hashes": planned_hashes(run),
    }


def planned_hashes(run: ResolvedRun) -> dict[str, str]:
    """Returns the hashes that the records of a run must have.

    Those of its training (none if it is not trained), of each test by its folder (`test` is the
    main one, on every split), and of the evaluation.
    """
    further = {layout.variant_folder(name): run.test_hash(name) for name, _ in run.test_variants}
    at = {layout.threshold_folder(t): run.test_hash(None, t) for t in run.score_thresholds}
    return {
        **(run.hashes if run.trained else {}),
        OF_TEST: run.test_hash(),
        **further,
        **at,
        OF_EVALUATION: step_hash("evaluate"),
    }


def spec_entry(name: str) -> dict[str, str]:
    """Returns the entry of a table or figure, such as `alrp/table2`."""
    return {"id": name, "spec": _spec(paper_file(name))}


def _spec(path: Path) -> str:
    """A specification's path: one of the product is found on every machine."""
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else shown(path)
