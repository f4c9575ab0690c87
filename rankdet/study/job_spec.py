"""What a job that trains or tests a run is told: plain data for `rankdet.training`."""

from collections.abc import Mapping
from typing import Any

from rankdet.study.config.model import StudyConfig
from rankdet.study.resolved_run import ResolvedRun


def job_spec(
    run: ResolvedRun,
    config: StudyConfig,
    manifest: str,
    made_of: Mapping[str, Any],
    threads: int,
    variant: str | None,
    threshold: str | float | None,
    first_weights: str = "",
) -> dict[str, Any]:
    """Returns the spec of a job; JSON-serialisable.

    Args:
        run: The run.
        config: The study's config.
        manifest: The `dataset.json` of its data.
        made_of: The parts that its hashes are made of; empty for a run that is not trained.
        threads: CPU threads.
        variant: A test variant; None for the main test.
        threshold: A score threshold; None for that of the test.
        first_weights: The file of the weights that the training starts from; empty for none.
    """
    return {
        "study": config.study,
        "dataset": run.dataset,
        "detector": run.detector,
        "backbone": run.backbone,
        "loss": run.loss_name,
        "variant": run.variant,
        "seed": run.seed,
        "preset": run.preset,
        "manifest": manifest,
        "detector_spec": run.model.detector_spec,
        "card": run.model.card,
        "loss_file": str(run.model.loss_file.path),
        "schedule": run.schedule,
        "splits": list(run.splits),
        "test": run.test_settings(variant, threshold),
        "test_hash": run.test_hash(variant, threshold),
        "hashes": run.hashes,
        "made_of": made_of,
        "threads": threads,
        "device": config.device,
        **({"hours": config.hours} if config.hours else {}),
        **({"track": config.track} if config.track else {}),
        **({"checkpoint": run.checkpoint} if run.checkpoint else {}),
        **({"init_from": first_weights} if first_weights else {}),
        **({"rest": run.rest_hash} if run.trained else {}),
        **({"keep_epochs": [kept.name for kept in run.kept_epochs]} if run.kept_epochs else {}),
    }
